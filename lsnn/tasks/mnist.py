"""The MNIST files, in their raw (uncompressed) idx format, known by their SHA-256."""

import os

import numpy as np

from lsnn.errors import DataError
from lsnn.storage.files import sha256_of_file
from lsnn.tasks import idx

# file name: (bytes, SHA-256)
FILES = {
    "train-images-idx3-ubyte": (
        47040016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        60008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        7840016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        10008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


def verify(path: str) -> None:
    """Check that ``path`` is, to the bit, the MNIST file of its name.

    Raises:
        DataError: there is no such file, MNIST has no file of this name, or it was altered.
    """
    name = os.path.basename(path)
    way_out = f"scripts/fetch_mnist.py --output {os.path.dirname(path) or '.'} fetches it"
    if name not in FILES:
        raise DataError(f"{path}: MNIST has no such file, only {', '.join(FILES)}")
    if not os.path.isfile(path):
        raise DataError(f"{path}: no such file; {way_out}")
    size, expected = FILES[name]
    actual = sha256_of_file(path)
    if actual != expected:
        raise DataError(
            f"{path}: not the MNIST file of that name ({os.path.getsize(path)} bytes with SHA-256 "
            f"{actual} instead of {size} bytes with SHA-256 {expected}); if it is yours, move it "
            f"(images of your own are an option of the task); if not, delete it, and {way_out}"
        )


def read(path: str) -> np.ndarray:
    """Return the array of an MNIST file: images uint8 (n, 28, 28), or labels uint8 (n).

    Raises:
        DataError: :func:`verify` refuses the file.
    """
    verify(path)
    return idx.read(path)
