"""Arrays of unsigned bytes in the idx format, that of the MNIST files."""

import gzip
import zlib

import numpy as np

from lsnn.errors import DataError

UNSIGNED_BYTES = bytes([0, 0, 8])  # how such a file begins; the number of dimensions follows


def read(path: str) -> np.ndarray:
    """Return the array in a file; one whose name ends in ``.gz`` is decompressed.

    Raises:
        DataError: the file cannot be read, is damaged, or is not such a file.
    """
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as stream:
            content = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    header = 4 + 4 * content[3] if len(content) > 3 else 4
    if content[:3] != UNSIGNED_BYTES or len(content) < header:
        raise DataError(f"{path}: not an idx file of unsigned bytes")
    shape = np.frombuffer(content[4:header], ">u4").astype(np.int64)
    if shape.prod() != len(content) - header:
        raise DataError(
            f"{path}: damaged: its header says {shape.prod()} bytes, it has {len(content) - header}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
