"""The progress of a job: a folder that gets a file at every checkpoint, whatever happens to it."""

import os

import numpy as np
import pytest

from lsnn.errors import WriteError
from lsnn.storage import files
from lsnn.storage import progress as progress_module
from lsnn.storage.progress import Progress

JOB = {"settings": {"seed": 1, "sizes": (2, 3)}}


@pytest.fixture
def folder(tmpdir):
    return os.path.join(str(tmpdir), "run", "progress")


def record(number):
    """Return arrays of every kind that jobs write."""
    return {
        "iteration": np.int64(number),
        "converged": number % 2 == 0,
        "value": number / 3,
        "w_rec": np.full((2, 3), number, np.float32),
        "memory/extremes/start": np.arange(4.0) + number,
        "memory/refractory": np.full(2, number, np.int32),
    }


def written(folder, n_records=4):
    progress = Progress(folder, JOB, pytest.fail)
    for number in range(n_records):
        progress.append(record(number))
    return progress


def assert_holds(progress, numbers):
    assert progress.size == len(progress.records) == len(numbers)
    for found, number in zip(progress.records, numbers):
        assert list(found) == list(record(number))
        for name, array in record(number).items():
            assert np.array_equal(found[name], array), name
            assert found[name].dtype == np.asarray(array).dtype, name
    assert progress.last is (progress.records[-1] if progress.records else None)


def path_of(folder, number):
    return os.path.join(folder, f"{number:04d}.npz")


def contents(folder):
    names = sorted(os.listdir(folder))
    return {name: open(os.path.join(folder, name), "rb").read() for name in names}


def test_what_was_written_is_read_and_goes_on(folder):
    assert_holds(written(folder), range(4))
    progress = Progress(folder, JOB, pytest.fail)
    assert_holds(progress, range(4))
    progress.append(record(4))
    assert_holds(progress, range(5))
    assert_holds(Progress(folder, JOB, pytest.fail), range(5))


def test_without_a_folder_there_are_no_records_until_one_is_written(folder):
    progress = Progress(folder, JOB, pytest.fail)
    assert progress.size == len(progress.records) == 0 and progress.last is None
    assert not os.path.exists(folder)


def test_records_can_begin_it_all_at_once(folder):
    progress = Progress(folder, JOB, pytest.fail)
    progress.append(*[record(number) for number in range(3)])
    progress.append(record(3))
    assert_holds(Progress(folder, JOB, pytest.fail), range(4))


@pytest.mark.parametrize("n_written", range(5))
def test_of_records_that_begin_it_none_counts_if_the_job_is_killed_meanwhile(
    folder, monkeypatch, n_written
):
    """The one that ends with the memory of the last would otherwise be taken for the last."""

    class Killed(BaseException):
        pass

    paths = []

    def write(path, arrays):
        if len(paths) == n_written:
            raise Killed
        paths.append(path)
        files.write_arrays(path, arrays)

    monkeypatch.setattr(progress_module, "write_arrays", write)
    with pytest.raises(Killed):
        Progress(folder, JOB, pytest.fail).append(*[record(number) for number in range(5)])
    monkeypatch.undo()
    lines = []
    assert_holds(Progress(folder, JOB, lines.append), [])
    assert len(lines) == (n_written > 0)
    assert_holds(written(folder), range(4))


def test_no_record_is_written_twice(folder):
    """A thousand checkpoints take a thousand times the time of one, and no more."""
    progress = written(folder, 2)
    before = {name: os.stat(os.path.join(folder, name)) for name in os.listdir(folder)}
    progress.append(record(2))
    for name, stat in before.items():
        now = os.stat(os.path.join(folder, name))
        assert (now.st_ino, now.st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    assert sorted(os.listdir(folder)) == ["0001.npz", "0002.npz", "0003.npz", "job.json"]


def damage(path, how):
    with open(path, "rb") as stream:
        content = bytearray(stream.read())
    if how == "missing":
        os.unlink(path)
        return
    if how == "flipped":
        content[content.index(b"NUMPY") + 130] ^= 4
    with open(path, "wb") as stream:
        stream.write({"empty": b"", "cut off": content[:-1]}.get(how, content))


@pytest.mark.parametrize("how", ["flipped", "cut off", "empty", "missing"])
@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_records_after_a_damaged_one_are_not_used(folder, damaged, how):
    written(folder)
    damage(path_of(folder, damaged), how)
    lines = []
    progress = Progress(folder, JOB, lines.append)
    assert_holds(progress, range(damaged - 1))
    (line,) = lines
    rest = f"resuming from record {damaged - 1}" if damaged > 1 else "starting anew"
    assert line.startswith(f"record {damaged} of 4 is damaged; {rest}")
    assert path_of(folder, damaged) in line
    assert_holds(Progress(folder, JOB, pytest.fail), range(damaged - 1))  # said once
    for number in range(damaged - 1, 4):
        progress.append(record(number))
    assert_holds(Progress(folder, JOB, pytest.fail), range(4))


@pytest.mark.parametrize("what", ["job", "format", "beginning", "not a record", "empty", "none"])
def test_what_is_not_this_jobs_is_set_aside(folder, monkeypatch, what):
    if what == "format":
        monkeypatch.setattr(files, "RECORD_VERSION", 0)
    written(folder)
    monkeypatch.undo()
    path = os.path.join(folder, "job.json")
    content = {"beginning": b'{"job": {}, ', "not a record": b"hello", "empty": b""}
    if what in content:
        with open(path, "wb") as stream:
            stream.write(content[what])
    if what == "none":
        os.unlink(path)
    before = contents(folder)
    lines = []
    job = {"settings": {"seed": 2}} if what == "job" else JOB
    for _ in range(2):  # what was aside before makes room
        progress = Progress(folder, job, lines.append)
        assert progress.size == 0 and not os.path.exists(folder)
        (line,) = lines
        assert f"moved to {folder}.set-aside" in line
        assert contents(folder + ".set-aside") == before
        os.rename(folder + ".set-aside", folder)
        os.makedirs(folder + ".set-aside/older")
        lines.clear()
    Progress(folder, job, print).append(record(0))
    assert_holds(Progress(folder, job, pytest.fail), range(1))


def test_a_job_that_was_killed_before_its_first_record_left_nothing(folder):
    os.makedirs(folder)
    assert_holds(Progress(folder, JOB, pytest.fail), [])
    written(folder, 1)
    os.unlink(path_of(folder, 1))
    assert_holds(Progress(folder, {"settings": "others"}, pytest.fail), [])


def test_a_disk_that_is_full_keeps_the_records_before(folder, monkeypatch):
    progress = written(folder)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="0005.npz: cannot be written: No space left on device"):
        progress.append(record(4))
    monkeypatch.undo()
    assert_holds(progress, range(4))
    assert_holds(Progress(folder, JOB, pytest.fail), range(4))


def test_a_job_tells_nothing_but_its_content(folder):
    """Tuples are lists to a file, and the order of keys is none."""
    written(folder)
    same = {"settings": {"sizes": [2, 3], "seed": 1}}
    assert Progress(folder, same, pytest.fail).size == 4
