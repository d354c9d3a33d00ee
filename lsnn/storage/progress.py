"""The state of an unfinished job: a file that grows by a record at every checkpoint.

The file begins with a line of JSON that says which job it is of, and what a record is made of; the
records follow, all of one size, each with a SHA-256 of its own. If the last one was cut off because
the job was killed or the disk was full, only the work since the one before is lost.
"""

import hashlib
import json
import os

import numpy as np

from lsnn.errors import ResultError, WriteError
from lsnn.storage.files import atomic_write, canonical_json, reading

FORMAT_VERSION = 2

# Names of arrays that the next checkpoint needs from this one begin with this.
MEMORY = "memory/"


def with_memory(arrays, memory):
    """Return arrays by name, and with them those of a memory."""
    return dict(arrays, **{MEMORY + name: memory[name] for name in sorted(memory)})


def memory_of(arrays):
    """Return the memory that :func:`with_memory` has put among arrays."""
    return {name[len(MEMORY) :]: a for name, a in arrays.items() if name.startswith(MEMORY)}


class Journal(object):
    """The records of a job so far.

    Args:
        path: the file. It is created with the first record.
        job: JSON-able mapping of all that the records depend on. A file of another job, or one
            whose beginning is damaged, is set aside; a damaged record is dropped, with those that
            follow it.
        log: called with a line of text for the reader.
    """

    def __init__(self, path, job, log):
        self.path = path
        self._job = json.loads(canonical_json(job))
        self._dtype = None
        self._start = 0  # where the records begin
        self.size = 0  # how many there are
        if os.path.exists(path):
            try:
                self._load(log)
            except ResultError as error:
                self.set_aside(str(error), log)

    @property
    def records(self):
        """The records as a structured array, on the disk, with a field for each array."""
        if self.size == 0:
            return np.empty(0, self._dtype)
        return np.memmap(self.path, self._dtype, "r", self._start, (self.size,))

    @property
    def last(self):
        """The arrays of the last record by name; none if there is no record."""
        if self.size == 0:
            return {}
        record = self.records[-1]
        return {name: np.array(record[name]) for name in record.dtype.names[:-1]}

    def append(self, arrays):
        """Write a record of arrays by name, whose names, types and shapes never change.

        Raises:
            WriteError: the disk is full, and the like; earlier records are kept.
        """
        if self.size == 0:
            self.begin([arrays])
            return
        try:
            with open(self.path, "ab") as stream:
                stream.write(self._bytes_of(arrays))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise WriteError(
                "{}: cannot be written: {}; its records so far are kept".format(
                    self.path, error.strerror or error
                )
            ) from None
        self.size += 1

    def begin(self, records):
        """Write the file anew with these records (mappings), whole or not at all."""
        fields = [(n, np.asarray(a).dtype, np.shape(a)) for n, a in records[0].items()]
        self._dtype = np.dtype(fields + [("sha256", np.uint8, (32,))])
        head = {"format_version": FORMAT_VERSION, "job": self._job, "fields": self._dtype.descr}
        line = canonical_json(head)
        line = canonical_json(dict(head, sha256=hashlib.sha256(line.encode()).hexdigest()))
        with atomic_write(self.path) as stream:
            stream.write(line.encode() + b"\n")
            self._start = stream.tell()
            for arrays in records:
                stream.write(self._bytes_of(arrays))
        self.size = len(records)

    def set_aside(self, why, log):
        """Rename the file, so that the job starts anew."""
        os.replace(self.path, self.path + ".set-aside")
        log("not used, moved to {}.set-aside, starting anew: {}".format(self.path, why))
        self.size = 0

    def _bytes_of(self, arrays):
        record = np.zeros((), self._dtype)
        for name in self._dtype.names[:-1]:
            record[name] = arrays[name]
        record["sha256"] = _digest(record)
        return record.tobytes()

    def _load(self, log):
        with reading(self.path), open(self.path, "rb") as stream:
            line = stream.readline()
            self._start = stream.tell()
        try:
            head = json.loads(line.decode())
            found = head.pop("sha256")
            is_whole = found == hashlib.sha256(canonical_json(head).encode()).hexdigest()
        except (ValueError, KeyError, AttributeError, TypeError):
            is_whole = False
        if not is_whole:
            raise ResultError("{}: damaged, or not a state of this project".format(self.path))
        if head["format_version"] != FORMAT_VERSION:
            raise ResultError(
                "{}: state of another format, {}".format(self.path, head["format_version"])
            )
        if head["job"] != self._job:
            raise ResultError("{}: state of another job".format(self.path))
        self._dtype = np.dtype([(f[0], f[1]) + tuple(map(tuple, f[2:])) for f in head["fields"]])
        in_file = (os.path.getsize(self.path) - self._start) // self._dtype.itemsize
        self.size = in_file
        for place, record in enumerate(self.records):
            if not np.array_equal(record["sha256"], _digest(record)):
                self.size = place
                log(
                    "{}: of {} records, those behind the first {} are damaged and not used".format(
                        self.path, in_file, place
                    )
                )
                break
        with open(self.path, "r+b") as stream:  # whatever follows was never written whole
            stream.truncate(self._start + self.size * self._dtype.itemsize)


def _digest(record):
    """Return the SHA-256 of all fields of a record but the digest, 32 numbers."""
    content = record.tobytes()[:-32]
    return np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
