"""Options: what a value of the configuration may be, said once, where it is used.

An option is a piece of JSON schema (draft 7) with a meaning (``description``), a ``unit`` ("1":
dimensionless, "-": no unit applies) and a ``default``. A thing that is chosen by name - a task, a
learning rule - is a class in a registry, and declares its own options in ``options``, by name. The
checks, the defaults, the messages and the documentation follow from these declarations.
"""

from lsnn.errors import ConfigError

# Bounds of a text that names files and folders. With $ it could end in a line break.
NAME = {"pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z", "maxLength": 100}
# Bounds of a text that is a folder, whose ~ no shell would replace.
FOLDER = {"pattern": r"^[^~\n].*\Z"}


def number(description, default, unit="1", least=None, above=None, most=1000000, **others):
    """Return an option that is a number: at least ``least`` or above ``above``, at most ``most``.

    ``others`` are further rules of JSON schema.
    """
    return _bounded("number", description, default, unit, least, above, most, others)


def integer(description, default, unit="1", least=0, most=100000000, **others):
    """Return an option that is a whole number from ``least`` to ``most``; as :func:`number`."""
    return _bounded("integer", description, default, unit, least, None, most, others)


def _bounded(kind, description, default, unit, least, above, most, others):
    bounds = {"minimum": least, "exclusiveMinimum": above, "maximum": most}
    bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    meaning = {"type": kind, "description": description, "default": default, "unit": unit}
    return dict(bounds, **dict(others, **meaning))


def text(description, default=None, **bounds):
    """Return an option that is a text; without a default, it stays absent where it is not given."""
    option = dict(bounds, type="string", description=description, unit="-")
    return option if default is None else dict(option, default=default)


def choice(description, values, default, unit="-"):
    """Return an option that is one of some values."""
    return {"enum": list(values), "description": description, "default": default, "unit": unit}


def section(description, options):
    """Return an option that is a mapping with options of its own, and no other keys."""
    return {
        "type": "object",
        "description": description,
        "properties": options,
        "additionalProperties": False,
    }


def list_of(description, item, default, least=1):
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


def named(description, registry, default=None):
    """Return an option that is a ``name`` in a registry, with the options of what it names.

    Args:
        registry: classes by name, each with its ``options``.
        default: the name where none is given.
    """
    whole = section(description, {"name": choice(description, sorted(registry), default)})
    whole = dict(whole, registry=registry)
    return whole if default is None else dict(whole, default={"name": default})


def meanings(registry):
    """Return names of a registry with the first sentences of their classes' documentation."""
    lines = [
        "{} - {}".format(name, one.__doc__.splitlines()[0].rstrip("."))
        for name, one in registry.items()
    ]
    return "; ".join(lines) + "."


def for_values(schema, values):
    """Return schema and values with the names in the values resolved.

    The schema gets the options of what they name; in the values, bare names become mappings.
    """
    if "registry" in schema:
        registry = schema["registry"]
        # The names that are in it now, not those when the option was declared.
        of_name = dict(schema["properties"]["name"], enum=sorted(registry))
        values = {"name": values} if isinstance(values, str) else values
        name = values.get("name", of_name["default"]) if isinstance(values, dict) else None
        if isinstance(name, str) and name in registry:
            whole = section(schema["description"], dict(registry[name].options, name=of_name))
            return for_values(whole, values)
        # Nothing more can be said of what has no known name.
        values = {"name": name} if isinstance(values, dict) else values
        return section(schema["description"], {"name": of_name}), values
    if isinstance(values, list) and schema.get("type") == "array":
        pairs = [for_values(schema["items"], value) for value in values]
        return dict(schema, items=[s for s, _ in pairs]), [value for _, value in pairs]
    if not isinstance(values, dict):
        return schema, values
    parts, values = dict(schema.get("properties", {})), dict(values)
    for key, part in parts.items():
        parts[key], value = for_values(part, values.get(key, default_of(part)))
        if key in values:
            values[key] = value
    return (dict(schema, properties=parts) if parts else schema), values


def build(registry, settings, *arguments):
    """Return what a mapping of a name and options describes, made with further arguments.

    Raises:
        ConfigError: the registry lacks the name, or what it names lacks an option. Values are
            checked only in a configuration (:mod:`lsnn.study.config`).
    """
    given = dict(settings)
    name = given.pop("name", None)
    if name not in registry:
        raise ConfigError("name: there is no {}; there are: {}".format(name, ", ".join(registry)))
    one = registry[name]
    unknown = ", ".join(sorted(set(given) - set(one.options)))
    if unknown:
        known = ", ".join(one.options) or "none"
        raise ConfigError("{}: has no option {}; it has: {}".format(name, unknown, known))
    defaults = {key: default_of(option) for key, option in one.options.items()}
    return one(*arguments, **dict(defaults, **given))


def options_of(settings):
    """Return the options in a mapping of a name and options."""
    return {key: value for key, value in settings.items() if key != "name"}


def default_of(schema):
    """Return the default of an option; None if it has none."""
    return schema.get("default", {} if schema.get("type") == "object" else None)
