"""What computes a number: a hash of the source that it depends on.

It is a part of the settings of a job, so that results of different sources are never taken for the
same. Comments, docstrings, formatting and the wording of errors and options do not count, nor do
modules on which no number depends, nor members of a registry other than the job's own.
"""

import ast
import functools
import hashlib
import os
import sys

from lsnn.curvature.quantities import REGISTRIES
from lsnn.errors import LsnnError
from lsnn.learning_rules import LEARNING_RULES
from lsnn.neurons import NEURONS
from lsnn.storage.files import canonical_json
from lsnn.tasks import TASKS

LIBRARY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = os.path.join(os.path.dirname(LIBRARY), "scripts")

# Parts of lsnn on which no number depends. Nor does any depend on a package's __init__.
NON_NUMERIC = ("errors", "options", "storage", "study")
PROGRAMS = {"hessian": "curvature/hessian", "dynamics": "curvature/rule_update"}
# Calls that declare what a value may be, or how it is presented; the values are in the settings.
DECLARATIONS = ("Column", "Measure", "choice", "eigenvalue_columns", "integer", "list_of")
DECLARATIONS += ("meanings", "named", "number", "section", "text")
# Fields of syntax trees that not every Python has, and that mean nothing.
NO_MEANING = ("ctx", "kind", "type_comment", "type_ignores")


def source_of_job(settings):
    """Return the hash of the source that the results of a job with these settings depend on."""
    members = [TASKS[settings["task"]["name"]], NEURONS[settings["network"]["neurons"]["name"]]]
    programs = ["network"]
    if "learning_rule" in settings:
        programs = ["training"]
        members += _rules(settings["learning_rule"])
    for kind, registry in REGISTRIES.items():
        if kind in settings:
            programs = [PROGRAMS[kind], "curvature/along_run"]
            members += [registry[one["name"]] for one in settings[kind]["quantities"]]
    paths = [os.path.join(LIBRARY, program + ".py") for program in programs]
    paths += [os.path.abspath(sys.modules[member.__module__].__file__) for member in members]
    return source_of(paths, NON_NUMERIC)


def _rules(settings):
    """Return the class of a learning rule, and those of the rules that its options name."""
    nested = [value for value in settings.values() if isinstance(value, dict)]
    return [LEARNING_RULES[settings["name"]]] + [one for part in nested for one in _rules(part)]


def require_source(settings):
    """Refuse to compute with source other than what the settings of a job name.

    Raises:
        LsnnError: the source has changed since the workflow was started.
    """
    found = source_of_job(settings)
    if settings["source"] != found:
        raise LsnnError(
            "the source has changed since this job was planned (its hash is {} and was {}); start "
            "the workflow again".format(found[:12], settings["source"][:12])
        )


def source_of(paths, without=()):
    """Return the SHA-256 of the source in some files, the same on every Python.

    What they import of lsnn, or of their own folder, counts too, except the modules in ``without``.
    """
    paths = set(paths)
    new = list(paths)
    while new:
        for path in _imported(new.pop(), without):
            if path not in paths:
                paths.add(path)
                new.append(path)
    parts = sorted((os.path.basename(path), _content(path)) for path in paths)
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


@functools.lru_cache(maxsize=None)
def _tree(path):
    with open(path, encoding="utf-8") as stream:
        return ast.parse(stream.read(), path)


@functools.lru_cache(maxsize=None)
def _imported(path, without):
    """Return the files of the modules that one imports."""
    names = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names.update(one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names.update("{}.{}".format(node.module, one.name) for one in node.names)
    files = []
    for name in names:
        package, *rest = name.split(".")
        if package != "lsnn":
            files.append(os.path.join(SCRIPTS, package, *rest) + ".py")
        elif rest and rest[0] not in without:
            files.append(os.path.join(LIBRARY, *rest) + ".py")
    return [file for file in files if os.path.exists(file)]


@functools.lru_cache(maxsize=None)
def _content(path):
    """Return the SHA-256 of what a module computes."""
    return hashlib.sha256(canonical_json(_plain(_tree(path))).encode()).hexdigest()


def _plain(node):
    """Return a node of a syntax tree as lists and strings, without what does not count."""
    if isinstance(node, list):
        return [_plain(part) for part in node if not _is_docstring(part)]
    if not isinstance(node, ast.AST):
        return repr(node)
    kind = type(node).__name__
    if kind == "Raise" or (kind == "Call" and getattr(node.func, "id", "") in DECLARATIONS):
        return kind
    # Up to Python 3.8 subscripts have classes of their own, and so has "...".
    if kind == "Index":
        return _plain(node.value)
    if kind == "ExtSlice":
        return ["Tuple", ["elts", _plain(node.dims)]]
    if kind == "Ellipsis":
        return ["Constant", repr(...)]
    if _is_constant(node):
        return ["Constant", repr(_value(node))]
    fields = [(name, value) for name, value in ast.iter_fields(node) if name not in NO_MEANING]
    return [kind] + [
        [name, _plain(value)] for name, value in sorted(fields) if value not in (None, [])
    ]


# Up to Python 3.7 there is a class for every type of constant.
VALUES = {"Num": "n", "Str": "s", "Bytes": "s", "NameConstant": "value", "Constant": "value"}


def _is_constant(node):
    return type(node).__name__ in VALUES


def _value(node):
    return getattr(node, VALUES[type(node).__name__])


def _is_docstring(node):
    """Tell whether a statement is nothing but a string."""
    return (
        isinstance(node, ast.Expr)
        and _is_constant(node.value)
        and isinstance(_value(node.value), str)
    )
