"""Recurrent networks, learning rules, and the curvature of the loss along training.

>>> import lsnn
>>> study = lsnn.load_study("results/committed/mnist")
>>> sorted(study.trajectories["condition"].unique())
['bptt', 'three_factor']
"""

import importlib
from typing import Any

__version__ = "1.0.0"


def load_study(folder: str) -> Any:
    """Return the results in the folder of a study; see :func:`lsnn.loading.load_study`."""
    return _loading().load_study(folder)


def load_studies(pattern: str) -> Any:
    """Return the runs of several studies as a frame; see :func:`lsnn.loading.load_studies`."""
    return _loading().load_studies(pattern)


def load_run(folder: str, condition: str, seed: int) -> Any:
    """Return a run of a study; see :class:`lsnn.loading.Run`."""
    return _loading().Run(folder, condition, seed)


def _loading():
    """Return the module, with which TensorFlow and pandas are imported: not before it is used."""
    return importlib.import_module("lsnn.loading")
