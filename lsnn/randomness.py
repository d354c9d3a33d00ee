"""Random numbers by name: every purpose of a run has its own generator, derived from one seed."""

import hashlib
from typing import Any

import numpy as np


def generator(seed: int, *purpose: Any) -> np.random.RandomState:
    """Return the generator of a seed for a purpose, such as ``generator(3, "weights")``.

    ``RandomState`` rather than ``Generator``: its stream is the same on every numpy version.
    """
    name = "/".join(str(part) for part in (seed, *purpose))
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype="<u4")
    return np.random.RandomState(words)
