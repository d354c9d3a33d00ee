"""Results that another study has already: they are taken over, and not computed a second time."""

import contextlib
import glob
import hashlib
import os
from typing import Any, Dict, Iterator, NamedTuple, Optional

import numpy as np

from lib import jobs
from lsnn.errors import ResultError
from lsnn.network import PARAMETERS
from lsnn.storage import checkpoints, records
from lsnn.storage.code_hash import without_names
from lsnn.storage.files import (
    canonical_json,
    exclusive,
    read_record,
    sha256_of_file,
    write_record,
    write_table,
)

LOCKS = ".locks"  # in the folder of results


class Twin(NamedTuple):
    """Finished results of the same settings, names apart."""

    files: jobs.Files
    record: Dict[str, Any]


def add_option(parser: Any) -> None:
    """Add the option that says where such results may be."""
    parser.add_argument(
        "--results", metavar="FOLDER", help="of studies whose finished results are taken over"
    )


@contextlib.contextmanager
def one_at_a_time(results: str, of_job: Any) -> Iterator[None]:
    """Let into the block one at a time of the jobs of any study that compute the same.

    Args:
        results: folder of the results of all studies.
        of_job: what these jobs have in common, JSON-able.
    """
    name = hashlib.sha256(canonical_json(of_job).encode()).hexdigest()[:32]
    with exclusive(os.path.join(results, LOCKS, name + ".lock"), jobs.log):
        yield


def run_in(
    results: str, settings: jobs.Settings, start: Optional[str], own: jobs.Files
) -> Optional[Twin]:
    """Return a finished run of the same settings, and from the same weights, if there is one.

    Args:
        results: folder of the results of all studies.
        settings: of the run.
        start: SHA-256 of the weights that it starts from; None if it draws them.
        own: files of the run itself.
    """
    alike = [without_names(settings), start]

    def is_same(path, found):
        return [without_names(found["settings"]), found.get("start", {}).get("sha256")] == alike

    pattern = os.path.join(results, "*", "runs", "*", f"seed_{settings['seed']}", "training.json")
    return _first(pattern, lambda path: jobs.files_of_run(os.path.dirname(path)), is_same, own)


def entry_in(
    results: str, kind: str, settings: jobs.Settings, checkpoints_file: str, own: jobs.Files
) -> Optional[Twin]:
    """Return a finished entry of the same settings, for the same weights, if there is one.

    Args:
        results: folder of the results of all studies.
        kind, settings: of the entry.
        checkpoints_file: that it is computed for.
        own: files of the entry itself.
    """
    arrays, of_run = checkpoints.read(checkpoints_file)
    alike = [without_names(settings), without_names(of_run["settings"])]

    def is_same(path, found):
        run = jobs.files_of_run(os.path.dirname(os.path.dirname(path)))
        settings_there = read_record(run.record)["settings"]
        if [without_names(found["settings"]), without_names(settings_there)] != alike:
            return False
        there, _ = checkpoints.read(run.arrays)
        is_of_these = found["checkpoints"]["sha256"] == sha256_of_file(run.arrays)
        return is_of_these and all(np.array_equal(there[n], arrays[n]) for n in PARAMETERS)

    def files_of(path):
        return jobs.files_of_entry(os.path.dirname(path), os.path.basename(path)[: -len(".json")])

    seed = f"seed_{of_run['settings']['seed']}"
    pattern = os.path.join(results, "*", "runs", "*", seed, kind, "*.json")
    return _first(pattern, files_of, is_same, own)


def _first(pattern, files_of, is_same, own):
    """Return the first finished results that are the same, of records that match a pattern."""
    for path in sorted(glob.glob(pattern)):
        if os.path.realpath(path) == os.path.realpath(own.record):
            continue
        with contextlib.suppress(ResultError, KeyError):  # what is damaged is nobody's twin
            found, files = read_record(path), files_of(path)
            if is_same(path, found) and records.intact_record(path, files.results):
                return Twin(files, found)
    return None


def take_over(
    twin: Twin, files: jobs.Files, settings: jobs.Settings, condition: str, **changes: Any
) -> None:
    """Write results as those of a job; the record says whose they are.

    Args:
        twin: the results.
        files, settings: of the job.
        condition: of the job's run.
        changes: further values of the record that are the job's own.
    """
    arrays, _ = checkpoints.read(twin.files.arrays, ())
    rows = [dict(row, condition=condition) for row in jobs.read_rows(twin.files.table)]
    records.set_aside(files.record, files.results, jobs.log)
    checkpoints.write(files.arrays, arrays, {"settings": settings})
    write_table(files.table, list(rows[0]), rows)
    outputs = {os.path.basename(path): sha256_of_file(path) for path in files.results}
    source = {"record": twin.files.record, "sha256": sha256_of_file(twin.files.record)}
    own = dict(changes, settings=settings, outputs=outputs, taken_over=source)
    write_record(files.record, dict(twin.record, **own))
    jobs.log(f"taken over from {twin.files.record}: of the same settings and code")
