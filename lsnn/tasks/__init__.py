"""Tasks: what goes into a network, and what is wanted of it.

To add one, write a module here with a subclass of :class:`lsnn.tasks.base.Task`, or of
:class:`lsnn.tasks.base.FiniteTask` where the training set is finite, and enter it in :data:`TASKS`.
What is measured, and under which label and unit it stands in logs, tables and figures, is declared
there; nothing else knows of tasks.
"""

import functools
import os
from typing import Any, Dict, Mapping, Type

from lsnn.errors import DataError
from lsnn.options import options_of, resolved
from lsnn.storage.files import sha256_of_file
from lsnn.tasks.base import Task, separate_tests
from lsnn.tasks.delayed_match import DelayedMatch
from lsnn.tasks.evidence_accumulation import EvidenceAccumulation
from lsnn.tasks.pattern_generation import PatternGeneration
from lsnn.tasks.pixelwise_mnist import PixelwiseMnist
from lsnn.tasks.sequences import Sequences
from lsnn.tasks.sequential_mnist import SequentialMnist
from lsnn.tasks.store_recall import StoreRecall

TASKS: Dict[str, Type[Task]] = {
    "sequential_mnist": SequentialMnist,
    "pixelwise_mnist": PixelwiseMnist,
    "store_recall": StoreRecall,
    "pattern_generation": PatternGeneration,
    "delayed_match": DelayedMatch,
    "evidence_accumulation": EvidenceAccumulation,
    "sequences": Sequences,
}


def task_class(settings: Mapping[str, Any]) -> Type[Task]:
    """Return the class of the task with settings, its ``name`` and options."""
    registered, options = resolved(TASKS, settings)
    own, _ = separate_tests(options)
    return registered.with_options(**own)


def new_task(settings: Mapping[str, Any], data: str, seed: int) -> Task:
    """Return the task of a run, with those of its further tests.

    Args:
        settings: its ``name`` and options.
        data: folder of the data sets.
        seed: of the run.
    """
    of_settings, (_, options) = task_class(settings), resolved(TASKS, settings)
    own, of_tests = separate_tests(options)
    task = of_settings(data, seed, **own)
    task.tests = {name: of_settings(data, seed, **given) for name, given in of_tests.items()}
    return task


def hashes_of_own_files(settings: Mapping[str, Any], data: str) -> Dict[str, str]:
    """Return the SHA-256 of the user's own files that a task reads, by name; usually of none.

    Args:
        settings, data: as of :func:`new_task`.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    paths = TASKS[settings["name"]].own_files(data, **options_of(settings))
    try:
        return {
            os.path.basename(path): _sha256(path, os.path.getmtime(path), os.path.getsize(path))
            for path in paths
        }
    except OSError as error:
        raise DataError(f"cannot be read: {error}") from None


@functools.lru_cache(maxsize=None)
def _sha256(path, time, size):
    """Return the SHA-256 of a file, which is read once as long as its time and size stay these."""
    return sha256_of_file(path)
