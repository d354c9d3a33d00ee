import errno
import fcntl
import hashlib
import os
import resource
import subprocess
import sys
import threading

import pytest

from lsnn.errors import ResultError, WriteError
from lsnn.storage import files, records
from lsnn.storage.files import (
    atomic_write,
    exclusive,
    read_record,
    sha256_of_file,
    write_record,
    write_table,
)


@pytest.fixture
def path(tmpdir):
    return os.path.join(str(tmpdir), "folder", "file")


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def test_a_file_appears_whole_or_not_at_all(path):
    with atomic_write(path) as stream:
        stream.write(b"old")
    with pytest.raises(RuntimeError), atomic_write(path) as stream:
        stream.write(b"half of the new")
        raise RuntimeError
    assert read(path) == b"old"
    assert os.listdir(os.path.dirname(path)) == ["file"]


def test_a_file_that_cannot_be_written_is_named_and_stays_as_it_was(path):
    with atomic_write(path) as stream:
        stream.write(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        too_large = "folder/file: cannot be written: File too large; "
        with pytest.raises(WriteError, match=too_large), atomic_write(path) as stream:
            stream.write(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read(path) == b"old"
    assert os.listdir(os.path.dirname(path)) == ["file"]


def test_a_record_of_another_version_is_refused_and_one_of_none_is_the_first(path, monkeypatch):
    write_record(path, {"a": 1})
    monkeypatch.setattr(files, "RECORD_VERSION", 2)
    with pytest.raises(ResultError, match="record format 1, this version of lsnn reads format 2"):
        read_record(path)
    monkeypatch.undo()
    with atomic_write(path) as stream:
        digest = hashlib.sha256(b'{"a":1}').hexdigest()
        stream.write(f'{{"a": 1, "sha256": "{digest}"}}'.encode())
    assert read_record(path) == {"a": 1}


def test_a_record_is_read_as_written(path):
    record = {"b": [1, 2.5, None], "a": {"c": "text"}}
    write_record(path, record)
    assert read_record(path) == record


def test_a_record_with_any_byte_altered_is_refused_or_harmless(path):
    record = {"wall_seconds": 12.25, "rows": [{"lambda_max": 172.1}]}
    write_record(path, record)
    content = read(path)
    refused = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1
        with open(path, "wb") as stream:
            stream.write(damaged)
        try:
            assert read_record(path) == record
        except ResultError as error:
            assert path in str(error)
            refused += 1
    assert refused > len(content) // 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"a": 1}', b"\xff\xfe"])
def test_what_is_not_a_record_is_refused(path, content):
    with atomic_write(path) as stream:
        stream.write(content)
    with pytest.raises(ResultError, match="not a record"):
        read_record(path)


def test_a_missing_record_is_named(path):
    with pytest.raises(ResultError, match="file: no such file"):
        read_record(path)


def test_a_table_keeps_every_digit(path):
    write_table(path, ["name", "value"], [{"name": "a", "value": 0.1 + 0.2}])
    assert read(path) == b"name,value\na,0.30000000000000004\n"


def test_temporaries_of_killed_writers_are_removed_and_nothing_else(path):
    with atomic_write(path) as stream:
        stream.write(b"good")
    folder = os.path.dirname(path)
    kept = ["file", "file2", ".file", ".file.set-aside", ".file2.abcd1234"]
    for name in [*kept[1:], ".file.ab_d1234", ".file.zzzzzzzz"]:
        with open(os.path.join(folder, name), "w"):
            pass
    with exclusive(os.path.join(folder, "lock"), print, [path]):
        assert sorted(os.listdir(folder)) == sorted([*kept, "lock"])


HOLDER = """
import sys, time
from lsnn.storage.files import exclusive
with exclusive(sys.argv[1], print):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_process_waits_until_the_first_is_dead_however_it_dies(path):
    repository = os.path.dirname(os.path.dirname(files.__file__))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdout=subprocess.PIPE,
        env=dict(os.environ, PYTHONPATH=repository),
    )
    assert holder.stdout.readline() == b"held\n"
    lines, entered = [], threading.Event()

    def second():
        with exclusive(path, lines.append):
            entered.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert not entered.wait(0.5)
    holder.kill()
    holder.wait()
    thread.join()
    assert entered.is_set() and len(lines) == 1
    assert "waiting for " in lines[0] and f"pid {holder.pid}," in lines[0]
    with exclusive(path, lines.append):
        assert read(path).decode().split()[1:] == ["pid", str(os.getpid())]
    assert len(lines) == 1


def test_a_file_system_without_locks_is_told(path, monkeypatch):
    def refuse(stream, how):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    lines = []
    lock, of_another = path + ".lock", os.path.join(os.path.dirname(path), ".file.abcd1234")
    os.makedirs(os.path.dirname(path))
    with open(of_another, "w"):
        pass
    with exclusive(lock, lines.append, [path]):
        assert os.path.exists(of_another)  # which may be at work
    assert len(lines) == 1 and "no locks" in lines[0] and path in lines[0]


def test_an_error_of_the_disk_names_the_file(path):
    os.makedirs(os.path.dirname(path))
    os.symlink("/proc/self/mem", path)  # which gives an EIO to who reads it from its beginning
    for read_it in (sha256_of_file, read_record):
        with pytest.raises(OSError) as caught:
            read_it(path)
        assert caught.value.errno == errno.EIO and caught.value.filename == path


@pytest.mark.parametrize("program", ["exit 128", None], ids=["it refuses", "there is none"])
def test_why_the_commit_is_not_known_is_recorded(tmpdir, monkeypatch, program):
    """As git does on a checkout of another user, and on a machine without git."""
    if program:
        git = tmpdir.join("git")
        git.write("#!/bin/sh\necho 'fatal: detected dubious ownership' >&2\n" + program + "\n")
        git.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmpdir))
    found = records.environment()
    assert found["commit"] is None
    why = "fatal: detected dubious ownership" if program else "No such file or directory"
    assert why in found["why_no_commit"]
