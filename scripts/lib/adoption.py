"""Finished results of other code: they are kept where today's code begins with the same numbers."""

import os
import tempfile
from typing import Any, Callable, Dict, Iterator

from lib import jobs
from lsnn.storage import checkpoints
from lsnn.storage.files import write_record
from lsnn.training import OF_RULE

ITERATIONS = 300  # of a run that are trained again, at most
CHECKPOINTS = 3  # of an entry at which it is computed again

# Columns and arrays in which a shorter computation may differ from the beginning of a longer one.
OF_LENGTH = ("fraction", "memory/")


def add_option(parser: Any) -> None:
    """Add the option that says whether such results are kept."""
    parser.add_argument(
        "--adopt",
        choices=["yes", "no"],
        default="no",
        help="keep finished results of other code that begin with the same numbers (default no)",
    )


def iterations_again(files: jobs.Files) -> int:
    """Return how many iterations of a finished run are trained again: to one of its checkpoints."""
    arrays, _ = checkpoints.read(files.arrays)
    iterations = arrays["iteration"]
    return max(1, int(iterations[iterations <= ITERATIONS][-1]))


def adopt(
    found: Dict[str, Any],
    files: jobs.Files,
    settings: jobs.Settings,
    compared: str,
    begin: Callable[[jobs.Files], None],
) -> bool:
    """Keep finished results of other code, if today's begins with the same numbers.

    Their record then has the settings of the job, and says what code computed them (``adopted``).

    Args:
        found: the record of the results.
        files, settings: of the job.
        compared: what part of the results is, in words.
        begin: computes this part, and writes it to the files that it is given.

    Returns:
        Whether the results are kept. Those that differ in another setting are not.
    """
    if dict(found["settings"], code_hash=settings["code_hash"]) != settings:
        return False
    original = {"code_hash": found["settings"].get("code_hash", "unknown")}
    code = found.get("adopted", original)["code_hash"]
    jobs.log(f"of other code ({code:.12}); to compare, the present computes {compared}")
    with tempfile.TemporaryDirectory() as folder:
        beginning = jobs.Files(*[os.path.join(folder, os.path.basename(path)) for path in files])
        begin(beginning)
        different = next(differences(files, beginning), None)
    if different:
        jobs.log(f"not kept, as the present code gives other numbers: {different}")
        return False
    own = {"settings": settings, "adopted": {"code_hash": code, "compared": compared}}
    write_record(files.record, dict(found, **own))
    jobs.log("kept: the numbers are the same")
    return True


def differences(whole: jobs.Files, beginning: jobs.Files) -> Iterator[str]:
    """Yield in words where results do not begin as they should.

    Args:
        whole: the files of results.
        beginning: those of results that are shorter.
    """
    rows, expected = jobs.read_rows(beginning.table), jobs.read_rows(whole.table)
    for row, there in zip(rows, expected):
        at = f"at iteration {row['iteration']}"
        for name in sorted({*row, *there}.difference(OF_LENGTH)):
            if row.get(name) != there.get(name):
                yield f"{name} {row.get(name)} {at}, {there.get(name)} there"
    arrays, kept = (checkpoints.read(files.arrays, ())[0] for files in (beginning, whole))
    for name in sorted({*arrays, *kept}):
        if name.startswith(OF_LENGTH):
            continue
        if name not in arrays or name not in kept:
            yield f"array {name} of one of them alone"
            continue
        # Stacked over checkpoints, but for what a rule has drawn for the run.
        part = kept[name] if name.startswith(OF_RULE) else kept[name][: len(rows)]
        if (arrays[name].shape, arrays[name].tobytes()) != (part.shape, part.tobytes()):
            yield f"array {name}"
