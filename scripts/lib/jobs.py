"""What the jobs that compute with a network share: their settings, their files, and how they end.

The workflow gives a job its settings whole and has checked them: such a job reads no configuration
and needs no schema. By hand they are looked up in a configuration.
"""

import argparse
import csv
import json
import logging
import os
import shutil
import time
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence

from lsnn import backend
from lsnn.errors import ConfigError
from lsnn.storage import checkpoints, records
from lsnn.storage.code_hash import require_code_hash
from lsnn.storage.files import exclusive, reading, write_record, write_table

# TensorFlow 2 warns of deprecations while it is imported, before it can be told to be silent.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

# What chooses one of a study's jobs.
SELECTORS = {
    "condition": (str, "one of the study's conditions"),
    "seed": (int, "one of the study's seeds"),
    "entry": (str, "one of the study's list `hessian` or `dynamics`, such as w_rec_validation"),
}

Settings = Dict[str, Any]  # of a job, JSON-able


class Files(NamedTuple):
    """The paths of a job's files."""

    arrays: str  # npz
    table: str  # csv
    record: str  # json
    progress: str  # a folder
    lock: str

    @property
    def results(self) -> List[str]:
        """What the record vouches for."""
        return [self.arrays, self.table]


def files_of_run(folder: str) -> Files:
    """Return the files of the training of a run in a folder."""
    names = ("checkpoints.npz", "learning_curve.csv", "training.json", "progress", "train.lock")
    return Files(*[os.path.join(folder, name) for name in names])


def files_of_entry(folder: str, entry: str) -> Files:
    """Return the files of an entry of `hessian` or `dynamics` in a folder."""
    suffixes = (".npz", ".csv", ".json", ".progress", ".lock")
    return Files(*[os.path.join(folder, entry + suffix) for suffix in suffixes])


def read_rows(path: str) -> List[Dict[str, str]]:
    """Return the rows of a job's table with their numbers as they were written, to the bit."""
    with reading(path), open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def log(line: str) -> None:
    """Print a line at once: whoever follows the log sees the job move."""
    print(line, flush=True)


def new_parser(description: str, output: str, selectors: Iterable[str]) -> argparse.ArgumentParser:
    """Return a parser of what every job is given.

    Args:
        description: docstring of the program.
        output: what its argument `--output` names, FOLDER or FILE.
        selectors: those of :data:`SELECTORS` that choose a job, with --config.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, metavar=output, help="where results go")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", metavar="FILE", help="configuration of the study (YAML)")
    source.add_argument(
        "--settings", metavar="JSON", type=json.loads, help="as the workflow gives them"
    )
    parser.add_argument("--data", metavar="FOLDER", help="of the data sets (default: the study's)")
    for name in selectors:
        kind, meaning = SELECTORS[name]
        parser.add_argument("--" + name, type=kind, help=meaning + "; with --config")
    return parser


def settings_of(
    parser: argparse.ArgumentParser,
    arguments: argparse.Namespace,
    selectors: Sequence[str],
    of_study: Callable[..., Settings],
) -> Settings:
    """Return the settings of a job: those given, or those of the study that a file describes.

    Args:
        parser: that of :func:`new_parser`.
        arguments: which it has parsed; their ``data`` is set where it is not given.
        selectors: those of :data:`SELECTORS` that choose this kind of job.
        of_study: called with a :class:`lsnn.study.config.Study` and the selectors in their order;
            returns the settings.

    Raises:
        ConfigError: the configuration is not possible, or has no such job.
    """
    if arguments.settings is not None:
        if arguments.data is None:
            parser.error("--settings needs --data")
        return arguments.settings
    given = [name for name in SELECTORS if vars(arguments).get(name) is not None]
    if set(given) != set(selectors):
        needed = " and ".join("--" + name for name in selectors) or "neither of these"
        parser.error(f"--config needs {needed}; given: {', '.join(given) or 'none'}")
    from lsnn.study.config import read_study  # here, because jobs of the workflow do without it

    study = read_study(arguments.config)
    arguments.data = arguments.data or study.data
    try:
        return of_study(study, *(getattr(arguments, name) for name in selectors))
    except ConfigError as error:
        raise ConfigError(f"configuration {arguments.config}: {error}") from None


def require_code(settings: Settings) -> None:
    """Refuse to compute with other code or another TensorFlow than the settings name.

    Raises:
        LsnnError: names what is found and what is wanted.
    """
    backend.require(settings["tensorflow"])
    require_code_hash(settings)


def complete(
    files: Files,
    is_complete: Callable[[Dict[str, Any]], bool],
    compute: Callable[[Optional[Dict[str, Any]]], None],
) -> None:
    """Compute the results of a job, unless they are there; one process at a time.

    The progress outlives the job, until the tables are made: one that is cancelled when it has just
    written its results, but has not ended yet, has failed for Snakemake, which deletes them; so has
    one whose node is cut off, even when a second copy has seen that they are complete.

    Args:
        files: of the job.
        is_complete: called with the record that vouches for results that are there; tells whether
            they are those of this job.
        compute: called with this record, or None if there is none.
    """
    with exclusive(files.lock, log, [*files.results, files.record]):
        found = records.intact_record(files.record, files.results)
        if found and is_complete(found):
            names = ", ".join(files.results)
            log(f"already complete: {names}; delete one to compute it anew")
        else:
            compute(found)


def forget_progress(files: Files) -> None:
    """Delete the progress of a job whose results are seen to be complete."""
    shutil.rmtree(files.progress, ignore_errors=True)


def write_results(
    files: Files,
    settings: Settings,
    arrays: Mapping[str, Any],
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    started: float,
    threads: int,
    **measures: Any,
) -> None:
    """Write the results of a job, then the record that vouches for them.

    Args:
        files, settings: of the job.
        arrays: by name.
        columns: names of those of the table.
        rows: of the table, mappings.
        started: when the job was.
        threads: most that it computed with.
        measures: further JSON-able values of the record by name.
    """
    checkpoints.write(files.arrays, arrays, {"settings": settings})
    write_table(files.table, columns, rows)
    seconds = time.time() - started
    record = records.record(settings, files.results, seconds, threads, **measures)
    write_record(files.record, record)
    if "why_no_commit" in record["environment"]:
        log(f"the commit is not known: {record['environment']['why_no_commit']}")
    log(f"done in {seconds:.0f} s")
