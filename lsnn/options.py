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


def number(description, default, unit="1", least=None, above=None, most=1000000, **others):
    """Return an option that is a number: at least ``least`` or above ``above``, at most ``most``.

    ``others`` are further rules of JSON schema.
    """
    return _bounded("number", description, default, unit, least, above, most, others)


def integer(description, default, unit, least=0, most=100000000, **others):
    """Return an option that is a whole number from ``least`` to ``most``; as :func:`number`."""
    return _bounded("integer", description, default, unit, least, None, most, others)


def _bounded(kind, description, default, unit, least, above, most, others):
    bounds = {"minimum": least, "exclusiveMinimum": above, "maximum": most}
    bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    meaning = {"type": kind, "description": description, "default": default, "unit": unit}
    return dict(bounds, **dict(others, **meaning))


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
    """Return an option that is a ``name`` in a registry, with the options of what has that name.

    Args:
        registry: classes by name, each with its ``options``.
        default: the name where none is given.
    """
    whole = section(description, {"name": choice(description, sorted(registry), default)})
    return dict(whole, registry=registry)


def meanings(registry):
    """Return names of a registry with the first sentences of their classes' documentation."""
    lines = [
        "{} - {}".format(name, one.__doc__.splitlines()[0].rstrip("."))
        for name, one in registry.items()
    ]
    return "; ".join(lines) + "."


def for_values(schema, values):
    """Return schema and values, both with what the names in the values stand for.

    In the schema stand the options of what they name, in the values mappings for names alone.
    """
    if "registry" in schema:
        registry = schema["registry"]
        # The names that are in it now, not when the option was declared.
        of_name = dict(schema["properties"]["name"], enum=sorted(registry))
        values = {"name": values} if isinstance(values, str) else values
        name = values.get("name", of_name["default"]) if isinstance(values, dict) else None
        if isinstance(name, str) and name in registry:
            return section(
                schema["description"], dict(registry[name].options, name=of_name)
            ), values
        # Of what has no known name nothing can be said but that.
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
    """Return what a mapping of a name and options describes, made with further arguments."""
    given = dict(settings)
    one = registry[given.pop("name")]
    defaults = {key: default_of(option) for key, option in one.options.items()}
    return one(*arguments, **dict(defaults, **given))


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
        items = schema.get("items", {})
        items = items if isinstance(items, list) else [items] * len(value)
        return [fill(one, item) for one, item in zip(items, value)]
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
        if "properties" in option.get("items", {}):
            for row in rows(option["items"], name + "[]"):
                yield row


def allowed(schema):
    """Return in words what an option allows."""
    if "anyOf" in schema:
        return ", or ".join(allowed(part) for part in schema["anyOf"])
    if "enum" in schema:
        values = ", ".join(json.dumps(value) for value in schema["enum"])
        return values if len(schema["enum"]) == 1 else "one of " + values
    if schema["type"] == "array":
        items = schema["items"]
        each = "a mapping" if isinstance(items, list) else allowed(items)
        least = " of at least one" if schema.get("minItems") else ""
        return "a list{}, all different, each {}".format(least, each)
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
