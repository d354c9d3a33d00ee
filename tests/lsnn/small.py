"""A network small enough for dense and hand-written oracles, and a task of its size."""

import numpy as np

from lsnn.config import NetworkSettings
from lsnn.network import PARAMETERS, Network
from lsnn.tasks.sequential_mnist import SequentialMnist

# Every path of the rate neuron at work: leak, readout trace, threshold and reset, adaptation.
NETWORKS = {
    "plain": NetworkSettings("rate", 9, 0, 0.01, 0.01, 0.0, 30.0, 1.8),
    "leaky": NetworkSettings("rate", 9, 0, 3.0, 5.0, 0.0, 30.0, 1.8),
    "thresholded": NetworkSettings("rate", 9, 0, 3.0, 0.01, 0.1, 30.0, 1.8),
    "adaptive": NetworkSettings("rate", 9, 4, 2.0, 4.0, 0.05, 6.0, 1.8),
}


class SmallTask(SequentialMnist):
    """Random images of 5 rows and 3 columns in 4 classes."""

    n_steps = 5
    n_in = 3
    n_out = 4
    split_sizes = {"train": 40, "validation": 20, "test": 20}
    evaluation_sizes = split_sizes

    def __init__(self):
        random = np.random.RandomState(0)
        self._splits = {
            split: (
                random.randint(0, 256, (self.n_steps, size, self.n_in)).astype(np.uint8),
                random.randint(0, self.n_out, size).astype(np.uint8),
            )
            for split, size in self.split_sizes.items()
        }
        self._epoch = (None, None)


def small_network(name="plain", l2=0.01):
    """Return a network of :data:`NETWORKS`, and weights that keep it active."""
    network = Network(NETWORKS[name], SmallTask(), l2)
    weights = network.initial_weights(np.random.RandomState(3))
    weights["b_out"] = np.array([0.1, -0.2, 0.3, 0.0], np.float32)
    return network, weights


def relative_error(found, expected):
    """Return |found - expected| / |expected| in the Euclidean norm."""
    found, expected = np.ravel(found), np.ravel(expected)
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def split_vector(vector, network):
    """Return a vector over all parameters as arrays by name."""
    parts, start = {}, 0
    for name in PARAMETERS:
        size = int(np.prod(network.shapes[name]))
        parts[name] = vector[start : start + size].reshape(network.shapes[name])
        start += size
    return parts
