import os
import sys

import numpy as np
import pytest

from lsnn.backend import tf
from lsnn.tasks import TASKS

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.path.dirname(os.path.dirname(HERE)), "data")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Let tests be slow on one TensorFlow: 1.12, say, takes long to build large graphs."""
    for item in items:
        if any(tf.VERSION.startswith(mark.args[0]) for mark in item.iter_markers("slow_on")):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def forget_graphs():
    """Let go of the graphs of a test: TensorFlow keeps every custom gradient, and so its graph."""
    yield
    ops = sys.modules.get("tensorflow.python.framework.ops")
    if ops:
        registered = ops._gradient_registry._registry
        for name in [name for name in registered if name.startswith("CustomGradient-")]:
            del registered[name]


@pytest.fixture(scope="session")
def mnist():
    """Sequential MNIST on the real data."""
    return TASKS["sequential_mnist"](DATA, seed=5)


@pytest.fixture(scope="session")
def published():
    """Numbers computed by the published code in TensorFlow 1.12, by name."""
    with np.load(os.path.join(HERE, "published_code.npz")) as archive:
        return dict(archive)


@pytest.fixture
def in_a_loop(monkeypatch):
    """Networks are a loop in the graph, which is smaller than that of unrolled steps."""
    monkeypatch.setattr("lsnn.network.MOST_UNROLLED_STEPS", 0)
