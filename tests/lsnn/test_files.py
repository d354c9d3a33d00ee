import os

import pytest

from lsnn.errors import ResultError
from lsnn.files import atomic_write, read_record, write_record, write_table


@pytest.fixture
def path(tmpdir):
    return os.path.join(str(tmpdir), "folder", "file")


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def test_a_file_appears_whole_or_not_at_all(path):
    with atomic_write(path) as stream:
        stream.write(b"old")
    with pytest.raises(RuntimeError):
        with atomic_write(path) as stream:
            stream.write(b"half of the new")
            raise RuntimeError
    assert read(path) == b"old"
    assert os.listdir(os.path.dirname(path)) == ["file"]


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
