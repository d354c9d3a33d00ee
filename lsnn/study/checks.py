"""Values checked against the options that they are for (:mod:`lsnn.options`).

Kept apart, because checked values no longer need a schema: jobs import only the options.
"""

import copy
import difflib
import json
import math
from typing import Any, Dict, Iterable, Tuple

import jsonschema

from lsnn.options import Schema, default_of, impossible, schema_of

SMALLEST = 2.0**-126  # what is nearer to 0 is 0 in float32, in which numbers are computed


def _is_number(checker, value):
    is_number = jsonschema.Draft7Validator.TYPE_CHECKER.is_type(value, "number")
    return is_number and math.isfinite(value) and not 0 < abs(value) < SMALLEST


def _check_named(validator, registry, value, schema):
    """Yield what is wrong with a name, or with a mapping of a name and options."""
    if not isinstance(value, (str, dict)):
        yield jsonschema.ValidationError("neither a name nor a mapping")
        return
    settings = {"name": value} if isinstance(value, str) else value
    whole = schema_of(schema, settings)
    names = whole["properties"]["name"]
    name = settings.get("name", names["default"])
    # Nothing is known of the options of what has no known name.
    unknown = list(validator.descend(name, names, path="name"))
    yield from unknown or validator.descend(settings, whole)


# JSON schema's, except that .nan and .inf are not numbers, and that there are names in registries.
Validator = jsonschema.validators.extend(
    jsonschema.Draft7Validator,
    {"registry": _check_named},
    type_checker=jsonschema.Draft7Validator.TYPE_CHECKER.redefine("number", _is_number),
)


def check(schema: Schema, values: Any) -> Tuple[Dict[str, str], Any]:
    """Return problems by key, one line each, and the values with every default filled in.

    An impossible value is replaced by its default, so that the rest can be checked further.
    """
    problems: Dict[str, str] = {}
    good = copy.deepcopy(values)
    for error in Validator(schema).iter_errors(values):
        for path, line in _problems(error):
            # A value can break several rules; the first line about a key says enough.
            problems.setdefault(".".join(map(str, path)) or "the configuration", line)
            # A wrong name takes its options with it.
            is_name = error.validator == "enum" and path[-1:] == ("name",)
            good = _without(good, path[:-1] if is_name else path)
    return problems, fill(schema, good)


def fill(schema: Schema, value: Any) -> Any:
    """Return ``value`` with defaults for missing keys, and numbers of the type the schema names.

    Bare names in a registry become mappings.
    """
    if "registry" in schema and isinstance(value, str):
        value = {"name": value}
    schema = schema_of(schema, value)
    if "anyOf" in schema:
        schema = next(part for part in schema["anyOf"] if Validator(part).is_valid(value))
    if isinstance(value, dict):
        of_any_key = schema.get("additionalProperties", {})
        parts = schema.get("properties", dict.fromkeys(value, of_any_key))
        return {
            key: fill(part, value.get(key, default_of(part)))
            for key, part in parts.items()
            if key in value or default_of(part) is not None
        }
    if isinstance(value, list):
        return [fill(schema.get("items", {}), item) for item in value]
    if schema.get("type") == "number":
        return float(value)
    if schema.get("type") == "integer":  # YAML's 5.0
        return int(value)
    return value


def add_contradictions(problems: Dict[str, str], contradictions: Iterable[Tuple[str, ...]]) -> None:
    """Add contradictions between values to problems by key.

    Skips keys that already have an error, and keys that depend on one.

    Args:
        contradictions: tuples of the key, the line about it, and the keys it depends on.
    """
    wrong = [key + "." for key in problems]
    for key, line, *others in contradictions:
        keys = [name + "." for name in (key, *others)]
        if not any(a.startswith(b) or b.startswith(a) for a in keys for b in wrong):
            problems.setdefault(key, line)


def as_lines(problems: Dict[str, str]) -> str:
    """Return problems by key as text, one line each."""
    lines = (": ".join(problem) for problem in sorted(problems.items()))
    return "\n".join(line.replace("\n", "\\n") for line in lines)


_NOUNS = {
    "number": "number",
    "integer": "whole number",
    "string": "string",
    "object": "mapping",
}
_BOUNDS = {
    "exclusiveMinimum": "> {}",
    "minimum": ">= {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "multipleOf": "a multiple of {}",
    "pattern": "matching {}",
    "maxLength": "of at most {} characters",
    "minProperties": "with at least one key",
}


def allowed(schema: Schema, several: bool = False) -> str:
    """Return in words what an option allows; ``several``: the items of a list."""
    if "anyOf" in schema or "enum" in schema:
        parts = [allowed(part) for part in schema.get("anyOf", [])]
        values = [json.dumps(value) for value in schema.get("enum", [])]
        one_of = "one of " if len(values) > 1 else ""
        words = ", or ".join(parts) or one_of + ", ".join(values)
        return "distinct items, each " + words if several else words
    if "registry" in schema:
        return "distinct names or mappings" if several else "a name or a mapping"
    if schema["type"] == "boolean":
        return "true or false"
    if schema["type"] == "array":
        least = schema.get("minItems", 0)
        kind = "a non-empty list of" if least == 1 else "a list of"
        at_least = f" at least {least}" if least > 1 else ""
        return f"{kind}{at_least} {allowed(schema['items'], several=True)}"
    if "examples" in schema:
        return "a text such as " + ", ".join(schema["examples"])
    adjectives = ["distinct"] * several + ["non-empty"] * ("minLength" in schema)
    words = " ".join(filter(None, [", ".join(adjectives), _NOUNS[schema["type"]]]))
    bounds = [with_.format(schema[bound]) for bound, with_ in _BOUNDS.items() if bound in schema]
    return " ".join([words + "s" if several else "a " + words, " and ".join(bounds)]).strip()


def same_but_for_case(names: Iterable[str]) -> Dict[str, str]:
    """Return the names that are one folder with an earlier name where case does not count.

    >>> same_but_for_case(["bptt", "rflo", "BPTT"])
    {'BPTT': 'bptt'}
    """
    first: Dict[str, str] = {}
    return {
        name: first[name.casefold()]
        for name in names
        if first.setdefault(name.casefold(), name) != name
    }


def other_name(name: str) -> str:
    """Return in words what is possible beside a name that differs by case alone."""
    return f"a name that differs from {name} by more than case"


def suggestion(name: Any, known: Iterable[str]) -> str:
    """Return a question that suggests the known name that is meant, if one is close."""
    near = difflib.get_close_matches(str(name), [str(candidate) for candidate in known], n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _problems(error):
    """Yield (path, line) for everything that a schema error is about."""
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        for key in sorted((key for key in error.instance if key not in known), key=str):
            line = f"unknown key{suggestion(key, known)}; allowed: {', '.join(known)}"
            yield (*path, key), line
        return
    hint = ""
    if isinstance(error.instance, str) and "number" in str(error.schema.get("type")):
        hint = " (in YAML a number with an exponent has a point and a sign: 1.0e-3)"
    if isinstance(error.instance, float) and 0 < abs(error.instance) < SMALLEST:
        hint = f" (0 or at least {SMALLEST:.2g} from it, as float32 needs)"
    if error.validator == "enum":
        hint = suggestion(error.instance, error.schema["enum"])
    if "propertyNames" in error.absolute_schema_path:
        path += (error.instance,)
    yield path, impossible(error.instance, allowed(error.schema)) + hint


def _without(values, path):
    """Return a mapping without the value at a path; if that is in a list, without the list."""
    if not path or not isinstance(values, dict):
        return {}
    part = values
    for key in path[:-1]:
        if not isinstance(part.get(key), dict):
            break
        part = part[key]
    else:
        key = path[-1]
    part.pop(key, None)
    return values
