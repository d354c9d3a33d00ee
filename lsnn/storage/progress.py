"""The progress of an unfinished job: a folder that gets one file at every checkpoint.

``job.json`` says which job it belongs to; ``0001.npz``, ``0002.npz`` and so on are its records,
each written whole or not at all, and never again.
"""

import json
import os
import re
import shutil
from collections import OrderedDict
from typing import Any, Dict, List, Mapping, Optional

import numpy as np

from lsnn.errors import ResultError
from lsnn.storage.files import (
    Log,
    canonical_json,
    read_arrays,
    read_record,
    write_arrays,
    write_record,
)

Arrays = Mapping[str, Any]  # by name


class Progress:
    """The records of a job so far: mappings of arrays by name, whose names may contain "/".

    A folder of another job is set aside. A damaged record and all later ones are dropped.

    Args:
        folder: where the records are kept; made with the first one.
        job: JSON-able mapping of everything that the records depend on.
        log: called with a line of text for the reader.

    Attributes:
        records: list of them, the oldest first.
    """

    def __init__(self, folder: str, job: Mapping[str, Any], log: Log):
        self.folder = folder
        self.records: List[Arrays] = []
        self._job = json.loads(canonical_json(job))
        self._log = log
        n_found = max(self._numbers(), default=0)
        if n_found:
            try:
                is_mine = read_record(self._path_of_job)["job"] == self._job
                why = "progress of another job"
            except ResultError as error:
                is_mine, why = False, str(error)
            if is_mine:
                self._load(n_found)
            else:
                self.set_aside(why)

    @property
    def size(self) -> int:
        """How many records there are."""
        return len(self.records)

    @property
    def last(self) -> Optional[Arrays]:
        """The last record, or None."""
        return self.records[-1] if self.records else None

    def append(self, *records: Arrays) -> None:
        """Keep one more record; of several, all or, if the job is killed meanwhile, none.

        Raises:
            WriteError: the disk is full, and the like; earlier records are kept.
        """
        if not self.records:
            write_record(self._path_of_job, {"job": self._job})
        new = [OrderedDict((n, np.asarray(a)) for n, a in record.items()) for record in records]
        # The last one first: while one before it is missing, it does not count.
        for number, record in reversed(list(enumerate(new, self.size + 1))):
            write_arrays(self._path(number), record)
        self.records += new

    def set_aside(self, why: str) -> None:
        """Rename the folder, so that the job starts anew."""
        aside = self.folder + ".set-aside"
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(self.folder, aside)
        self.records = []
        self._log(f"not used, moved to {aside}, starting anew: {self.folder}: {why}")

    def _load(self, n_found):
        for number in range(1, n_found + 1):
            try:
                self.records.append(read_arrays(self._path(number)))
            except ResultError as error:
                rest = f"resuming from record {self.size}" if self.size else "starting anew"
                self._log(f"record {number} of {n_found} is damaged; {rest} ({error})")
                break
        for number in sorted(self._numbers(), reverse=True):
            if number > self.size:
                os.unlink(self._path(number))

    def _numbers(self):
        there = os.listdir(self.folder) if os.path.isdir(self.folder) else []
        return [int(name[:-4]) for name in there if re.match(r"\d+\.npz\Z", name)]

    def _path(self, number):
        return os.path.join(self.folder, f"{number:04d}.npz")

    @property
    def _path_of_job(self):
        return os.path.join(self.folder, "job.json")


def under(prefix: str, arrays: Arrays) -> "OrderedDict[str, Any]":
    """Return arrays by name, with names that begin with a prefix."""
    return OrderedDict((prefix + name, array) for name, array in arrays.items())


def without_prefix(prefix: str, arrays: Arrays) -> Dict[str, Any]:
    """Return the arrays whose names begin with a prefix, by the rest of the name."""
    return {name[len(prefix) :]: a for name, a in arrays.items() if name.startswith(prefix)}
