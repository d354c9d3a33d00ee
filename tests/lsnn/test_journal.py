"""The state of a job: a file that grows by records, whatever happens to it."""

import os

import numpy as np
import pytest

from lsnn.errors import WriteError
from lsnn.storage import progress as journal_module
from lsnn.storage.progress import Journal

JOB = {"settings": {"seed": 1, "sizes": (2, 3)}}


@pytest.fixture
def path(tmpdir):
    return os.path.join(str(tmpdir), "run", "training.state")


def record(number):
    """Return arrays of every kind that jobs write."""
    return {
        "iteration": np.int64(number),
        "converged": number % 2 == 0,
        "value": number / 3,
        "w_rec": np.full((2, 3), number, np.float32),
        "start": np.arange(4.0) + number,
        "refractory": np.full(2, number, np.int32),
    }


def written(path, n_records=4):
    found = Journal(path, JOB, pytest.fail)
    for number in range(n_records):
        found.append(record(number))
    return found


def assert_holds(found, numbers):
    assert found.size == len(found.records) == len(numbers)
    for one, number in zip(found.records, numbers):
        for name, array in record(number).items():
            assert np.array_equal(one[name], array), name


def test_what_was_written_is_read_and_goes_on(path):
    assert_holds(written(path), range(4))
    found = Journal(path, JOB, pytest.fail)
    assert_holds(found, range(4))
    found.append(record(4))
    assert_holds(found, range(5))
    assert_holds(Journal(path, JOB, pytest.fail), range(5))


def test_without_a_file_there_are_no_records_until_one_is_written(path):
    found = Journal(path, JOB, pytest.fail)
    assert found.size == len(found.records) == 0
    assert not os.path.exists(path)


def test_records_can_begin_it_all_at_once(path):
    found = Journal(path, JOB, pytest.fail)
    found.begin([record(number) for number in range(3)])
    found.append(record(3))
    assert_holds(Journal(path, JOB, pytest.fail), range(4))


def test_the_file_grows_by_what_is_new(path):
    """It is the same file, and as much longer with every record, the thousandth like the second."""
    found = written(path, 2)
    inode, sizes = os.stat(path).st_ino, [os.path.getsize(path)]
    for number in range(2, 1000):
        found.append(record(number))
        sizes.append(os.path.getsize(path))
    assert set(np.diff(sizes)) == {found.records.dtype.itemsize}
    assert os.stat(path).st_ino == inode


@pytest.mark.parametrize("n_lost", [1, 50, -1])
def test_a_record_that_was_cut_off_is_lost_alone(path, n_lost):
    size = written(path).records.dtype.itemsize
    os.truncate(path, os.path.getsize(path) - n_lost % size)
    found = Journal(path, JOB, pytest.fail)  # it was never written whole, which is no damage
    assert_holds(found, range(3))
    found.append(record(3))
    assert_holds(Journal(path, JOB, pytest.fail), range(4))


@pytest.mark.parametrize("damaged", range(4))
def test_records_behind_a_damaged_one_are_not_used(path, damaged):
    size = written(path).records.dtype.itemsize
    with open(path, "r+b") as stream:
        stream.seek(-size * (4 - damaged) + 11, os.SEEK_END)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 4]))
    lines = []
    found = Journal(path, JOB, lines.append)
    assert_holds(found, range(damaged))
    (line,) = lines
    assert path in line and "behind the first {}".format(damaged) in line
    for number in range(damaged, 4):
        found.append(record(number))
    assert_holds(Journal(path, JOB, pytest.fail), range(4))


@pytest.mark.parametrize("what", ["job", "format", "beginning", "not a state", "empty"])
def test_what_is_not_this_jobs_is_set_aside(path, monkeypatch, what):
    if what == "format":
        monkeypatch.setattr(journal_module, "FORMAT_VERSION", 1)
    written(path)
    monkeypatch.undo()
    with open(path, "rb") as stream:
        content = stream.read()
    content = {
        "beginning": content[:20] + b"x" + content[21:],
        "not a state": b"hello",
        "empty": b"",
    }.get(what, content)
    with open(path, "wb") as stream:
        stream.write(content)
    lines = []
    job = {"settings": {"seed": 2}} if what == "job" else JOB
    found = Journal(path, job, lines.append)
    assert found.size == 0 and not os.path.exists(path)
    (line,) = lines
    assert "moved to {}.set-aside".format(path) in line
    with open(path + ".set-aside", "rb") as stream:
        assert stream.read() == content
    found.append(record(0))
    assert_holds(Journal(path, job, pytest.fail), range(1))


def test_a_disk_that_is_full_keeps_the_records_before(path, monkeypatch):
    found = written(path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="No space left on device; its records so far are kept"):
        found.append(record(4))
    monkeypatch.undo()
    os.truncate(path, os.path.getsize(path) - 10)  # what a full disk has room for
    assert_holds(Journal(path, JOB, pytest.fail), range(4))


def test_a_job_tells_nothing_but_its_content(path):
    """Tuples are lists to a file, and the order of keys is none."""
    written(path)
    same = {"settings": {"sizes": [2, 3], "seed": 1}}
    assert Journal(path, same, pytest.fail).size == 4
