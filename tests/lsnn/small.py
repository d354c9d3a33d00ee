"""Networks small enough for dense and hand-written oracles, and a task of their size."""

import numpy as np

from lsnn import network as network_module
from lsnn.cell import Cell
from lsnn.network import PARAMETERS, Network
from lsnn.study.config import network_settings, parse_study
from lsnn.tasks.sequential_mnist import SequentialMnist


def training_settings(**settings):
    return parse_study({"training": settings}).training


def loss_settings(**settings):
    return parse_study({"loss": settings}).loss


def _rate(**options):
    return network_settings(n_units=9, tau_out=options.pop("tau_out", 0.01), neurons=options)


def _spiking(name, threshold=0.1, n_delays=1, **options):
    neurons = dict(options, name=name, tau_m=4.0, threshold=threshold)
    return network_settings(n_units=9, tau_out=5.0, n_delays=n_delays, neurons=neurons)


# Every path of the rate neuron at work: leak, readout trace, threshold and reset, adaptation.
NETWORKS = {
    "plain": _rate(),
    "leaky": _rate(tau_m=3.0, tau_out=5.0),
    "thresholded": _rate(tau_m=3.0, threshold=0.1),
    "adaptive": _rate(tau_m=2.0, tau_out=4.0, threshold=0.05, n_adaptive=4, tau_adaptation=6.0),
}

_ADAPTIVE = {"n_adaptive": 4, "tau_adaptation": 6.0}

# The same for spiking neurons: refractory period, adaptation, delays, and all of it.
SPIKING_NETWORKS = {
    "lif": _spiking("lif", threshold=0.3),
    "refractory": _spiking("lif", threshold=0.3, refractory_steps=2),
    "alif": _spiking("alif", **_ADAPTIVE),
    "delays": _spiking("lif", threshold=0.3, n_delays=3),
    "all": _spiking("alif", refractory_steps=1, n_delays=2, dampening=0.5, **_ADAPTIVE),
}


class SmallTask(SequentialMnist):
    """Random images of 5 rows and 3 columns in 4 classes."""

    n_steps = 4
    n_in = 3
    n_out = 4
    sizes = {"train": 40, "validation": 20, "test": 20}
    evaluation_sizes = sizes

    def __init__(self, seed=1):
        self.seed = seed
        random = np.random.RandomState(0)
        self._splits = {
            split: (
                random.randint(0, 256, (self.n_steps, size, self.n_in)).astype(np.uint8),
                random.randint(0, self.n_out, size).astype(np.uint8),
            )
            for split, size in self.sizes.items()
        }


class LongerTask(SmallTask):
    """The same with 12 rows, and the output averaged over the last 3 steps."""

    n_steps = 12
    window_steps = 3


def small_network(name="plain", l2=0.01, seed=3):
    """Return a network of :data:`NETWORKS`, and weights that keep it active."""
    network = Network(NETWORKS[name], loss_settings(l2=l2), SmallTask(seed), seed)
    weights = network.initial_weights()
    weights["b_out"] = np.array([0.1, -0.2, 0.3, 0.0], np.float32)
    return network, weights


def small_spiking_network(name, seed=3, **terms_of_loss):
    """Return one of :data:`SPIKING_NETWORKS`, and weights that make it spike."""
    loss = loss_settings(**terms_of_loss)
    network = Network(SPIKING_NETWORKS[name], loss, LongerTask(seed), seed)
    weights = network.initial_weights()
    weights["w_in"] = np.abs(weights["w_in"])
    return network, weights


def rules_of_cells(monkeypatch):
    """Return a list to which the class of the learning rule of every new cell is added."""
    rules = []

    def seen(*arguments):
        cell = Cell(*arguments)
        rules.append(type(cell._rule))
        return cell

    monkeypatch.setattr(network_module, "Cell", seen)
    return rules


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


def change_of_gradient(hessian, network, weights, direction):
    """Return the change of the gradient by all parameters along a direction, by differences."""
    step = 3e-4  # small, because a step over the kink of a unit is no error
    gradients = []
    for sign in (1, -1):
        moves = split_vector(sign * step * direction, network)
        hessian.move_to({p: weights[p] + moves[p].astype(np.float32) for p in PARAMETERS})
        gradients.append(hessian.gradient())
    return (gradients[0] - gradients[1]) / (2 * step)
