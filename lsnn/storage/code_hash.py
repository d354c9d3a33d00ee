"""A hash of the code that a result depends on.

It is one of a job's settings, so that results of different code are never taken for the same.
Comments, docstrings and white space do not count, nor do modules on which no number depends, nor
members of a registry other than the job's own.
"""

import ast
import functools
import hashlib
import inspect
import io
import itertools
import os
import re
import tokenize
from typing import Any, Dict, Iterable, List, Mapping, Tuple, Type

from lsnn.curvature.quantities import REGISTRIES, quantities_of
from lsnn.errors import LsnnError
from lsnn.learning_rules import LEARNING_RULES
from lsnn.neurons import NEURONS
from lsnn.storage.files import canonical_json
from lsnn.tasks import TASKS
from lsnn.update import PARTS

LIBRARY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = os.path.join(os.path.dirname(LIBRARY), "scripts")

# Parts of lsnn on which no number depends. Nor does any depend on a package's __init__ there.
NON_NUMERIC = ("errors", "options", "storage", "study")
PROGRAMS = {"hessian": "curvature/hessian", "dynamics": "curvature/rule_update"}


def code_hash_of_job(settings: Mapping[str, Any]) -> str:
    """Return the hash of the code that the results of a job with these settings depend on."""
    members: List[Type[Any]] = [
        TASKS[settings["task"]["name"]],
        NEURONS[settings["network"]["neurons"]["name"]],
    ]
    programs, order = ["network"], []
    if "learning_rule" in settings:
        programs = ["training"]
        members += _rules(settings["learning_rule"])
        members += [PARTS[name] for name in settings["training"]["parts"]]
    for kind, registry in REGISTRIES.items():
        if kind in settings:
            programs = [PROGRAMS[kind], "curvature/along_run"]
            order = list(quantities_of(kind, settings[kind]))  # one uses the products of another
            members += [registry[name] for name in order]
    paths = [os.path.join(LIBRARY, program + ".py") for program in programs]
    paths += [os.path.abspath(inspect.getfile(member)) for member in members]
    return code_hash(paths, NON_NUMERIC, order)


def _rules(settings):
    """Return the class of a learning rule, and those of the rules that its options name."""
    nested = [value for value in settings.values() if isinstance(value, dict)]
    return [LEARNING_RULES[settings["name"]]] + [rule for part in nested for rule in _rules(part)]


def without_names(settings: Mapping[str, Any]) -> Dict[str, Any]:
    """Return settings of a job without names of conditions and entries, which change no number.

    Nor has it the start of a run: which weights that is, its record tells.
    """
    found = {key: value for key, value in settings.items() if key not in ("condition", "start")}
    for kind in set(REGISTRIES).intersection(found):
        found[kind] = {key: value for key, value in found[kind].items() if key != "name"}
    return found


def require_code_hash(settings: Mapping[str, Any]) -> None:
    """Refuse to compute with code other than what the settings of a job name.

    Raises:
        LsnnError: the code has changed since the workflow was started.
    """
    found = code_hash_of_job(settings)
    if settings["code_hash"] != found:
        raise LsnnError(
            f"the code has changed since this job was planned (its hash is {found[:12]} and was "
            f"{settings['code_hash'][:12]}); start the workflow again"
        )


def code_hash(
    paths: Iterable[str], without: Tuple[str, ...] = (), order: Iterable[str] = ()
) -> str:
    """Return the SHA-256 of the code in some files, the same on every Python.

    Args:
        paths: the files. What they import of lsnn and of scripts/ counts, too.
        without: parts of lsnn that do not count.
        order: what else the results depend on.
    """
    contents, new = {}, list(paths)
    while new:
        path = new.pop()
        if path not in contents:
            contents[path] = "\n".join(_lines(path))
            new += _imported(path, without)
    parts = sorted((os.path.basename(path), content) for path, content in contents.items())
    return hashlib.sha256(canonical_json([parts, list(order)]).encode()).hexdigest()


@functools.lru_cache(maxsize=None)
def _imported(path, without):
    """Return the files of the modules that one imports."""
    lines = [line for line in _lines(path) if line.startswith(("import ", "from "))]
    names = set()
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    files = []
    for name in names:
        package, *rest = name.split(".")
        if package != "lsnn":
            module = os.path.join(SCRIPTS, package, *rest)
            files += [module + ".py", os.path.join(module, "__init__.py")]
        elif rest and rest[0] not in without:
            files.append(os.path.join(LIBRARY, *rest) + ".py")
    return [file for file in files if os.path.exists(file)]


@functools.lru_cache(maxsize=None)
def _lines(path):
    """Return the code of a module: its logical lines, with single spaces between tokens."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    lines, line = [], []
    starts = [0, *itertools.accumulate(map(len, text.splitlines(True)))]
    f_strings = []  # where those begin that are open: since Python 3.12 they are several tokens
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind, piece = tokenize.tok_name[token.type], token.string
        if kind == "FSTRING_START":
            f_strings.append(starts[token.start[0] - 1] + token.start[1])
        if kind == "FSTRING_END":
            piece = text[f_strings.pop() : starts[token.end[0] - 1] + token.end[1]]
        if f_strings or kind in ("COMMENT", "NL", "ENDMARKER"):
            continue
        if kind in ("INDENT", "DEDENT"):
            lines.append(kind)
        elif kind != "NEWLINE":
            line.append(piece)
        else:
            is_docstring = len(line) == 1 and re.match("[rR]?[\"']", line[0])
            lines += [] if is_docstring else [" ".join(line)]
            line = []
    return lines
