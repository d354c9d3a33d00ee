"""What made a result: settings, versions, device, commit, wall time; and whether it is there."""

import os
import subprocess
from typing import Any, Dict, Mapping, Optional, Sequence

from lsnn import __version__, backend
from lsnn.errors import ResultError
from lsnn.storage.files import Log, PathLike, read_record, sha256_of_file


def record(
    settings: Mapping[str, Any],
    outputs: Sequence[PathLike],
    wall_seconds: float,
    threads: int,
    **measures: Any,
) -> Dict[str, Any]:
    """Return the record that is written beside the results of a job.

    Args:
        settings: JSON-able mapping of all that the results depend on.
        outputs: paths of the results; their SHA-256 go into the record, by file name.
        wall_seconds: duration of the job.
        threads: most threads that the job computed with.
        measures: further JSON-able values by name.
    """
    return dict(
        measures,
        settings=settings,
        outputs={os.path.basename(path): sha256_of_file(path) for path in outputs},
        environment=environment(threads),
        wall_seconds=wall_seconds,
    )


def environment(threads: int = 1) -> Dict[str, Any]:
    """Return versions, device, threads and commit by name; where there is no commit, why."""
    versions = backend.describe(threads)
    return dict(versions, threads=threads, lsnn=__version__, **_commit())


def describe_file(path: PathLike) -> Dict[str, str]:
    """Return name and content of a file as a record describes them."""
    return {"file": os.path.basename(path), "sha256": sha256_of_file(path)}


def intact_record(path: PathLike, outputs: Sequence[PathLike]) -> Optional[Dict[str, Any]]:
    """Return the record of a job if its results are there as it describes them, to the bit.

    Args:
        path: the job's record.
        outputs: paths of the results.

    Returns:
        The record, or None: it or a result is missing, or differs.
    """
    try:
        found = read_record(path)
    except ResultError:
        return None
    there = {
        os.path.basename(file): sha256_of_file(file) for file in outputs if os.path.exists(file)
    }
    return found if found.get("outputs") == there and len(there) == len(outputs) else None


def set_aside(path: PathLike, outputs: Sequence[PathLike], log: Log) -> None:
    """Move intact results and their record to a folder of their own beside them.

    The record goes last, and its hash is the folder's name: while it is still here, a process that
    was killed in between can be told from a record whose results are gone, and is completed.

    Args:
        path: the job's record.
        outputs: paths of the results.
        log: called with a line of text for the reader.
    """
    if not os.path.exists(path):
        return
    folder = os.path.join(os.path.dirname(path), "set-aside", sha256_of_file(path)[:12])
    if not (os.path.isdir(folder) or intact_record(path, outputs)):
        return
    os.makedirs(folder, exist_ok=True)
    for file in [*outputs, path]:
        target = os.path.join(folder, os.path.basename(file))
        if os.path.exists(file) and not os.path.exists(target):
            os.replace(file, target)
    log(f"results of other settings, code or checkpoints that were here are now in {folder}")


def _commit():
    """Return the commit of this checkout, or None and why it is not known."""
    here, name = os.path.split(os.path.abspath(__file__))

    def git(*arguments):
        command = ("git", *arguments)
        return subprocess.check_output(command, cwd=here, stderr=subprocess.PIPE).decode()

    try:
        # An installed copy may lie within some other project's checkout, and not be part of it.
        git("ls-files", "--error-unmatch", name)
        return {"commit": git("describe", "--always", "--dirty", "--abbrev=40").strip()}
    except OSError as error:
        why = str(error)
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode(errors="replace").strip()
    return {"commit": None, "why_no_commit": why}
