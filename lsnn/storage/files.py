"""Files that are complete if they exist; tables, arrays and records."""

import contextlib
import csv
import errno
import fcntl
import glob
import gzip
import hashlib
import io
import json
import os
import socket
import tempfile
import zipfile
import zlib
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Sequence,
    Set,
    Union,
)

import numpy as np

from lsnn.errors import ResultError, WriteError

RECORD_VERSION = 1
GZIP = ".gz"
AGAIN = "delete it and run the job that writes it again"  # the way out where a file is damaged

PathLike = Union[str, "os.PathLike[str]"]
Log = Callable[[str], None]  # called with a line of text for the reader

# Temporary files that are being written, which a program deletes when a signal ends it.
UNFINISHED_FILES: Set[str] = set()


@contextlib.contextmanager
def atomic_write(path: PathLike) -> Iterator[BinaryIO]:
    """Open a binary file that appears at ``path`` whole, or not at all.

    The bytes go to a temporary file in the same folder, which is flushed to the disk and renamed
    when the block ends without an error. An older file at ``path`` stays intact until then.

    Raises:
        WriteError: the disk is full, the folder is protected, and the like.
    """
    folder, name = os.path.split(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        UNFINISHED_FILES.add(temporary)
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
        finally:
            UNFINISHED_FILES.remove(temporary)
    except OSError as error:
        raise WriteError(
            f"{path}: cannot be written: {error.strerror or error}; a file that was there before "
            "is unchanged"
        ) from None


def _remove_temporaries(paths):
    """Remove what killed writers of these paths left behind because they could not clean up.

    Only for the holder of a lock that all writers of the paths take: else a file may be in use.
    """
    for path in paths:
        folder, name = os.path.split(os.path.abspath(path))
        pattern = os.path.join(glob.escape(folder), "." + glob.escape(name) + "." + 8 * "?")
        for temporary in glob.glob(pattern):
            os.unlink(temporary)


@contextlib.contextmanager
def exclusive(path: PathLike, log: Log, files: Iterable[PathLike] = ()) -> Iterator[BinaryIO]:
    """Let one process at a time into the block: a second one says so, and waits.

    When Snakemake is killed (SIGKILL), its jobs keep running, on a cluster and locally; unlocked
    and started again, it runs those jobs a second time. The system frees the lock when its holder
    ends, however it ends, and honours it across machines on file systems that can (NFS can).

    Args:
        path: the lock file. It is never deleted: that would let in another process.
        log: called with a line of text for the reader.
        files: what is written in the block. Parts of them that killed writers left are removed,
            unless this file system has no locks: another writer may be at work then.

    Yields:
        The open lock file. A child that is given its descriptor holds the lock, too.
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "ab+", buffering=0) as stream:
        try:
            _lock(stream, path, log)
            _remove_temporaries(files)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
            log(
                f"{path}: this file system has no locks ({error.strerror}); see to it that no "
                "other process writes here"
            )
        with contextlib.suppress(OSError):  # only tells a waiting process whom it waits for
            stream.truncate(0)
            stream.write(f"{socket.gethostname()} pid {os.getpid()}\n".encode())
        yield stream


def _lock(stream, path, log):
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        holder = stream.read().decode(errors="replace").strip() or "another process"
        log(f"waiting for {holder}, which writes here ({path})")
        fcntl.flock(stream, fcntl.LOCK_EX)


@contextlib.contextmanager
def reading(path: PathLike) -> Iterator[None]:
    """Name the file in a system error that does not, as when a disk fails midway."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, path) from None


def sha256_of_file(path: PathLike) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with reading(path), open(path, "rb") as stream:
        return _sha256(stream)


def sha256_of_content(path: PathLike) -> str:
    """Return the SHA-256 of a file's bytes; of one that ends in .gz, of what it holds.

    Raises:
        ResultError: it ends in .gz, and is damaged.
    """
    if not os.fspath(path).endswith(GZIP):
        return sha256_of_file(path)
    try:
        with reading(path), gzip.open(path) as stream:
            return _sha256(stream)
    except (EOFError, OSError, zlib.error) as error:
        if getattr(error, "errno", None) is not None:  # of the disk, not of what is on it
            raise
        raise ResultError(f"{path}: damaged, or not a gzip file ({error}); {AGAIN}") from None


def _sha256(stream):
    digest = hashlib.sha256()
    for block in iter(lambda: stream.read(1 << 20), b""):
        digest.update(block)
    return digest.hexdigest()


def plain_or_gzip(path: str) -> str:
    """Return the path of a file; where there is only its gzip beside it, that of this one."""
    only_gzip = not os.path.exists(path) and os.path.exists(path + GZIP)
    return path + GZIP if only_gzip else path


def canonical_json(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any], path: str = "") -> List[str]:
    """Return a line for every key in which two mappings of settings differ."""
    lines = []
    for key in sorted(set(found) | set(wanted)):
        name = ".".join(filter(None, [path, key]))
        a, b = found.get(key), wanted.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            lines += differences(a, b, name)
        elif a != b:
            lines.append(f"{name}: {json.dumps(a)} there, {json.dumps(b)} wanted")
    return lines


def write_record(path: PathLike, record: Mapping[str, Any]) -> None:
    """Write a JSON-able mapping to ``path``, with a ``format_version``, and its own ``sha256``."""
    record = dict(record, format_version=RECORD_VERSION)
    digest = hashlib.sha256(canonical_json(record).encode()).hexdigest()
    text = json.dumps(dict(record, sha256=digest), indent=2, sort_keys=True)
    with atomic_write(path) as stream:
        stream.write((text + "\n").encode())


def read_record(path: PathLike) -> Dict[str, Any]:
    """Return the mapping that :func:`write_record` wrote.

    Raises:
        ResultError: the file is missing, is not such a record, was altered since, or is of another
            format version.
    """
    try:
        with reading(path), open(path, "rb") as stream:
            record = json.loads(stream.read().decode())
        expected = record.pop("sha256")
        found = hashlib.sha256(canonical_json(record).encode()).hexdigest()
        version = record.pop("format_version", 1)  # the first records do not say
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file") from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ResultError(f"{path}: damaged, or not a record of this project; {AGAIN}") from None
    if found != expected:
        why = f"SHA-256 {found} instead of {expected}"
        raise ResultError(f"{path}: altered since it was written ({why}); {AGAIN}")
    if version != RECORD_VERSION:
        raise ResultError(
            f"{path}: record format {version}, this version of lsnn reads format {RECORD_VERSION}; "
            + AGAIN
        )
    return record


def write_table(path: PathLike, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``rows`` (mappings, all with the keys ``columns``) as CSV; floats keep every digit."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(path) as stream:
        stream.write(text.getvalue().encode())


def write_arrays(path: PathLike, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name as a plain npz; equal arrays give equal bytes."""
    archive = io.BytesIO()  # zipfile, when the disk is full, adds a complaint of its own
    np.savez(archive, **arrays)
    with atomic_write(path) as stream:
        stream.write(archive.getbuffer())


def read_arrays(path: PathLike) -> Dict[str, np.ndarray]:
    """Return the arrays of an npz by name.

    Raises:
        ResultError: the file is missing or damaged: each array has a checksum in the archive.
    """
    try:
        with reading(path):
            zipfile.ZipFile(path).close()  # numpy 1.19 prints a traceback where this raises
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file") from None
    except Exception as error:  # what a damaged archive raises depends on the byte
        # An OSError without a number is from numpy; EINVAL, a seek to before the beginning.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise ResultError(f"{path}: damaged, or not an npz file ({error}); {AGAIN}") from None
