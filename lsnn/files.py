"""Files that are complete if they exist, and that tell when they were altered afterwards."""

import contextlib
import csv
import hashlib
import io
import json
import os
import tempfile

from lsnn.errors import ResultError


@contextlib.contextmanager
def atomic_write(path):
    """Open a binary file that appears at ``path`` whole, or not at all.

    The bytes go to a temporary file in the same folder, which is flushed to the disk and renamed
    when the block ends without an error. An older file at ``path`` stays intact until then.
    """
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix="." + os.path.basename(path) + ".")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def sha256_of_file(path):
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def canonical_json(value):
    """Return ``value`` as JSON with sorted keys: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def write_record(path, record):
    """Write a JSON-able mapping to ``path``, with the SHA-256 of its content as key ``sha256``."""
    digest = hashlib.sha256(canonical_json(record).encode()).hexdigest()
    text = json.dumps(dict(record, sha256=digest), indent=2, sort_keys=True)
    with atomic_write(path) as stream:
        stream.write((text + "\n").encode())


def read_record(path):
    """Return the mapping that :func:`write_record` wrote.

    Raises:
        ResultError: the file is missing, is not such a record, or was altered since.
    """
    try:
        with open(path, "rb") as stream:
            record = json.loads(stream.read().decode())
        expected = record.pop("sha256")
    except FileNotFoundError:
        raise ResultError("{}: no such file".format(path)) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ResultError(
            "{}: damaged, or not a record of this project; delete it and run the job that writes "
            "it again".format(path)
        ) from None
    found = hashlib.sha256(canonical_json(record).encode()).hexdigest()
    if found != expected:
        raise ResultError(
            "{}: altered since it was written (SHA-256 {} instead of {}); delete it and run the "
            "job that writes it again".format(path, found, expected)
        )
    return record


def write_table(path, columns, rows):
    """Write ``rows`` (mappings, all with the keys ``columns``) as CSV; floats keep every digit."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(path) as stream:
        stream.write(text.getvalue().encode())
