"""Options: what a value of the configuration may be, said once and where it is used.

An option is a piece of JSON schema (draft 7) with a meaning (``description``), a ``unit`` ("1":
dimensionless, "-": no unit applies) and a ``default``. A thing that is chosen by name - a task, a
learning rule - is a class in a registry, and declares its own in ``options``, by name. From these
declarations follow the checks, the defaults, the messages and the documentation.
"""

import copy
import difflib
import json
import math

import jsonschema


def number(description, default, unit="1", **bounds):
    """Return an option that is a number; ``bounds`` are those of JSON schema."""
    return dict(bounds, type="number", description=description, default=default, unit=unit)


def integer(description, default, unit, **bounds):
    """Return an option that is a whole number; ``bounds`` are those of JSON schema."""
    return dict(bounds, type="integer", description=description, default=default, unit=unit)


def text(description, default=None, **bounds):
    """Return an option that is a text; without a default it is left out where it is not given."""
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


def named(description, registry, value, default=None):
    """Return an option that is a ``name`` in a registry, with the options of what has that name.

    Args:
        registry: classes by name, each with its ``options``.
        value: what is given, which decides whose options are allowed.
        default: the name where none is given.
    """
    name = value.get("name", default) if isinstance(value, dict) else default
    of_name = choice(description, sorted(registry), default)
    known = isinstance(name, str) and name in registry
    options = registry[name].options if known else {}
    whole = section(description, dict({"name": of_name}, **options))
    # Of what has no known name nothing can be said but that.
    return whole if known else dict(whole, additionalProperties=True)


def by_name(value):
    """Return a name alone as the mapping that :func:`named` describes; else the value itself."""
    return {"name": value} if isinstance(value, str) else value


def build(registry, settings, *arguments):
    """Return what a mapping of a name and options describes, made with further arguments."""
    options = {key: value for key, value in settings.items() if key != "name"}
    return registry[settings["name"]](*arguments, **options)


def check(schema, values):
    """Return problems by key, a line each, and the values with every default filled in.

    In the place of a value that is not possible stands its default, so that what remains can be
    checked further.
    """
    problems = {}
    good = copy.deepcopy(values)
    for error in jsonschema.Draft7Validator(schema).iter_errors(values):
        for path, line in _problems(error):
            # A value can break several rules; the first line about a key says enough.
            problems.setdefault(".".join(map(str, path)) or "the configuration", line)
            good = _without(good, path)
    for path, value in _not_finite(values, ()):
        line = "{} is not possible; allowed: a finite number".format(value)
        problems[".".join(map(str, path))] = line
        good = _without(good, path)
    return problems, fill(schema, good)


def fill(schema, value):
    """Return ``value`` with defaults for missing keys, and numbers of the type the schema names."""
    if "anyOf" in schema:
        fitting = [p for p in schema["anyOf"] if jsonschema.Draft7Validator(p).is_valid(value)]
        schema = fitting[0]
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        others = schema.get("additionalProperties")
        filled = {
            key: fill(part, value.get(key, default_of(part)))
            for key, part in parts.items()
            if key in value or default_of(part) is not None
        }
        for key in value:
            if key not in parts:
                filled[key] = fill(others if isinstance(others, dict) else {}, value[key])
        return filled
    if isinstance(value, list):
        return [fill(schema.get("items", {}), item) for item in value]
    if schema.get("type") == "number":
        return float(value)
    if schema.get("type") == "integer":  # YAML's 5.0
        return int(value)
    return value


def default_of(schema):
    """Return the default of an option; None if it has none."""
    return schema.get("default", {} if schema.get("type") == "object" else None)


def rows(schema, path=""):
    """Yield (key, option) for every option of a schema, depth first."""
    for key, option in schema.get("properties", {}).items():
        name = ".".join(filter(None, [path, key]))
        inner = [option] + option.get("anyOf", [])
        if not any("properties" in part for part in inner):
            yield name, option
        for part in inner:
            for row in rows(part, name):
                yield row


def allowed(schema):
    """Return in words what an option allows."""
    if "anyOf" in schema:
        return ", or ".join(allowed(part) for part in schema["anyOf"])
    if "enum" in schema:
        values = ", ".join(json.dumps(value) for value in schema["enum"])
        return values if len(schema["enum"]) == 1 else "one of " + values
    if schema["type"] == "array":
        return "a list of at least one, all different, each " + allowed(schema["items"])
    words = {
        "number": "a number",
        "integer": "a whole number",
        "string": "a text",
        "object": "a mapping with at least one key" if "minProperties" in schema else "a mapping",
    }[schema["type"]]
    bounds = [
        "{} {}".format(sign, schema[bound])
        for bound, sign in [
            ("exclusiveMinimum", ">"),
            ("minimum", ">="),
            ("maximum", "<="),
            ("exclusiveMaximum", "<"),
            ("multipleOf", "a multiple of"),
            ("pattern", "matching"),
            ("minLength", "of a length >="),
            ("maxLength", "of a length <="),
        ]
        if bound in schema
    ]
    return " ".join([words, " and ".join(bounds)]).strip()


def suggestion(name, known):
    """Return a question for the known name that is meant, if one is near."""
    near = difflib.get_close_matches(str(name), [str(one) for one in known], n=1)
    return " (did you mean {}?)".format(near[0]) if near else ""


def impossible(value, what):
    """Return the end of a line that refuses a value, and says what is allowed instead."""
    return "{} is not possible; allowed: {}".format(json.dumps(value, default=str), what)


def _problems(error):
    """Yield (path, line) for what an error of the schema is about."""
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        for key in sorted((key for key in error.instance if key not in known), key=str):
            line = "unknown key{}; allowed: {}".format(suggestion(key, known), ", ".join(known))
            yield path + (key,), line
        return
    hint = ""
    if isinstance(error.instance, str) and "number" in str(error.schema.get("type")):
        hint = " (in YAML a number with an exponent has a point and a sign: 1.0e-3)"
    if error.validator == "enum":
        hint = suggestion(error.instance, error.schema["enum"])
    if list(error.absolute_schema_path)[-3:-1] == ["conditions", "propertyNames"]:
        path += (error.instance,)
    yield path, impossible(error.instance, allowed(error.schema)) + hint


def _without(values, path):
    """Return a mapping without the value at a path; of a list the whole goes."""
    if not path or not isinstance(values, dict):
        return {}
    part = values
    for place, key in enumerate(path):
        if place == len(path) - 1 or not isinstance(part.get(key), dict):
            part.pop(key, None)
            break
        part = part[key]
    return values


def _not_finite(value, path):
    """Yield (path, value) for every .nan and .inf, which bounds alone do not all refuse."""
    if isinstance(value, (dict, list)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            for found in _not_finite(part, path + (key,)):
                yield found
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, value
