"""Values checked against the options that they are for (:mod:`lsnn.options`).

Kept apart, because checked values no longer need a schema: jobs import only the options.
"""

import copy
import difflib
import json
import math

import jsonschema

from lsnn.options import default_of


def _is_number(checker, value):
    return jsonschema.Draft7Validator.TYPE_CHECKER.is_type(value, "number") and math.isfinite(value)


# JSON schema's, except that .nan and .inf are not numbers.
Validator = jsonschema.validators.extend(
    jsonschema.Draft7Validator,
    type_checker=jsonschema.Draft7Validator.TYPE_CHECKER.redefine("number", _is_number),
)


def check(schema, values):
    """Return problems by key, one line each, and the values with every default filled in.

    An impossible value is replaced by its default, so that the rest can be checked further.
    """
    problems = {}
    good = copy.deepcopy(values)
    for error in Validator(schema).iter_errors(values):
        for path, line in _problems(error):
            # A value can break several rules; the first line about a key says enough.
            problems.setdefault(".".join(map(str, path)) or "the configuration", line)
            good = _without(good, path)
    return problems, fill(schema, good)


def fill(schema, value):
    """Return ``value`` with defaults for missing keys, and numbers of the type the schema names."""
    if "anyOf" in schema:
        fitting = [p for p in schema["anyOf"] if Validator(p).is_valid(value)]
        schema = fitting[0]
    if isinstance(value, dict) and "properties" in schema:
        return {
            key: fill(part, value.get(key, default_of(part)))
            for key, part in schema["properties"].items()
            if key in value or default_of(part) is not None
        }
    if isinstance(value, list):
        items = schema.get("items", {})
        items = items if isinstance(items, list) else [items] * len(value)
        return [fill(one, item) for one, item in zip(items, value)]
    if schema.get("type") == "number":
        return float(value)
    if schema.get("type") == "integer":  # YAML's 5.0
        return int(value)
    return value


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
        least = schema.get("minItems", 0)
        least = " of at least {}".format("one" if least == 1 else least) if least else ""
        return "a list{}, all different, each {}".format(least, each)
    words = {
        "number": "a number",
        "integer": "a whole number",
        "string": "a text",
        "object": "a mapping with at least one key" if "minProperties" in schema else "a mapping",
        "boolean": "true or false",
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
    """Return a question that suggests the known name that is meant, if one is close."""
    near = difflib.get_close_matches(str(name), [str(one) for one in known], n=1)
    return " (did you mean {}?)".format(near[0]) if near else ""


def impossible(value, what):
    """Return the end of a line that refuses a value, and says what is allowed instead."""
    return "{} is not possible; allowed: {}".format(json.dumps(value, default=str), what)


def _problems(error):
    """Yield (path, line) for everything that a schema error is about."""
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
    """Return a mapping without the value at a path; if that is in a list, without the list."""
    if not path or not isinstance(values, dict):
        return {}
    part = values
    for place, key in enumerate(path):
        if place == len(path) - 1 or not isinstance(part.get(key), dict):
            part.pop(key, None)
            break
        part = part[key]
    return values
