"""Options: what a value of the configuration may be, said once, where it is used.

An option is a piece of JSON schema (draft 7) with a meaning (``description``), a ``unit`` ("1":
dimensionless, "-": no unit applies) and a ``default``. A thing that is chosen by name - a task, a
learning rule - is a class in a registry, and declares its own options in ``options``, by name. The
checks, the defaults, the messages and the documentation follow from these declarations.
"""

import json
from collections import OrderedDict
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from lsnn.errors import ConfigError

Schema = Dict[str, Any]
Registry = Mapping[str, Any]  # classes by name, each with its ``options``

# Bounds of a text that names files and folders. With $ it could end in a line break.
NAME: Schema = {"pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z", "maxLength": 100}
# Bounds of a text that is a folder, whose ~ no shell would replace.
FOLDER: Schema = {"pattern": r"^[^~\n].*\Z"}


def number(
    description: str,
    default: Optional[float],
    unit: str = "1",
    least: Optional[float] = None,
    above: Optional[float] = None,
    most: Optional[float] = 1000000,
    **others: Any,
) -> Schema:
    """Return an option that is a number: at least ``least`` or above ``above``, at most ``most``.

    ``others`` are further rules of JSON schema.
    """
    bounds = {"minimum": least, "exclusiveMinimum": above, "maximum": most}
    option: Schema = {name: bound for name, bound in bounds.items() if bound is not None}
    option.update(others, type="number", description=description, default=default, unit=unit)
    return option


def integer(
    description: str,
    default: Optional[int],
    unit: str = "1",
    least: int = 0,
    most: int = 100000000,
    **others: Any,
) -> Schema:
    """Return an option that is a whole number from ``least`` to ``most``; as :func:`number`."""
    option = number(description, default, unit, least, most=most, **others)
    return dict(option, type="integer")


def text(description: str, default: Optional[str] = None, **bounds: Any) -> Schema:
    """Return an option that is a text; without a default, it stays absent where it is not given."""
    option = dict(bounds, type="string", description=description, unit="-")
    return option if default is None else dict(option, default=default)


def choice(description: str, values: Iterable[Any], default: Any, unit: str = "-") -> Schema:
    """Return an option that is one of some values."""
    return {"enum": list(values), "description": description, "default": default, "unit": unit}


def flag(description: str) -> Schema:
    """Return an option that is true or false, and false where it is not given."""
    return {"type": "boolean", "description": description, "default": False, "unit": "-"}


def section(description: str, options: Dict[str, Schema]) -> Schema:
    """Return an option that is a mapping with options of its own, and no other keys."""
    return {
        "type": "object",
        "description": description,
        "properties": options,
        "additionalProperties": False,
    }


def list_of(description: str, item: Schema, default: Any, least: int = 1) -> Schema:
    """Return an option that is a list of ``least`` or more different items."""
    return {
        "type": "array",
        "description": description,
        "unit": "-",
        "items": item,
        "minItems": least,
        "uniqueItems": True,
        "default": default,
    }


def named(description: str, registry: Registry, default: Optional[str] = None) -> Schema:
    """Return an option that is a name in a registry, or a mapping of a ``name`` and its options.

    Args:
        registry: classes by name, each with its ``options``; more may be entered later.
        default: the name where none is given.
    """
    option = {"registry": registry, "description": description, "unit": "-"}
    return option if default is None else dict(option, default={"name": default})


def schema_of(option: Schema, value: Any = None) -> Schema:
    """Return what a value has to fit: the option, or, for a name in a registry, its options, too.

    Where the registry lacks the name, these are the name alone.
    """
    if "registry" not in option:
        return option
    registry, default = option["registry"], default_of(option) or {}
    name = value.get("name", default.get("name")) if isinstance(value, dict) else value
    own = registry[name].options if isinstance(name, str) and name in registry else {}
    if option.get("is_partial"):
        own = partial(section("", own))["properties"]
    names = choice(option["description"], sorted(registry), default.get("name"))
    return section(option["description"], OrderedDict(name=names, **own))


def partial(option: Schema) -> Schema:
    """Return an option of which a part may be given; what is not given, at any depth, is absent."""
    option = dict(option, default=None, is_partial=True)
    if "properties" in option:
        parts = option["properties"].items()
        option["properties"] = OrderedDict((name, partial(part)) for name, part in parts)
    return option


def default_of(option: Schema) -> Any:
    """Return the default of an option; None if it has none."""
    return option.get("default", {} if option.get("type") == "object" else None)


def meanings(registry: Registry) -> str:
    """Return names of a registry with the first sentences of their classes' documentation."""
    lines = [
        f"{name} - {member.__doc__.splitlines()[0].rstrip('.')}"
        for name, member in registry.items()
    ]
    return "; ".join(lines) + "."


def impossible(value: Any, what: str) -> str:
    """Return the end of a line that refuses a value, and says what is allowed instead."""
    return f"{json.dumps(value, default=str)} is not possible; allowed: {what}"


def build(registry: Registry, settings: Mapping[str, Any], *arguments: Any) -> Any:
    """Return what a mapping of a name and options describes, made with further arguments.

    Raises:
        ConfigError: as :func:`resolved`.
    """
    member, options = resolved(registry, settings)
    return member(*arguments, **options)


def resolved(registry: Registry, settings: Mapping[str, Any]) -> Tuple[Any, Dict[str, Any]]:
    """Return the class that a mapping of a name and options names, and all of its options.

    Raises:
        ConfigError: the registry lacks the name, or what it names lacks an option. Values are
            checked only in a configuration (:mod:`lsnn.study.config`).
    """
    name = settings.get("name")
    if name is None or name not in registry:
        raise ConfigError(f"name: there is no {name}; there are: {', '.join(registry)}")
    member, given = registry[name], options_of(settings)
    unknown = ", ".join(sorted(set(given) - set(member.options)))
    if unknown:
        known = ", ".join(member.options) or "none"
        raise ConfigError(f"{name}: has no option {unknown}; it has: {known}")
    defaults = {key: default_of(option) for key, option in member.options.items()}
    return member, dict(defaults, **given)


def options_of(settings: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the options in a mapping of a name and options."""
    return {key: value for key, value in settings.items() if key != "name"}
