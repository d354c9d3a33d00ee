"""Weights of constant sign, a constant number of which exist: DEEP R and Dale's law, in numpy.

A weight is sign * max(theta, 0). Where theta > 0 a connection is active; elsewhere it is dormant,
which is to say absent. Signs are constant. The optimiser moves weights, and after each of its steps
:meth:`Rewiring.step` puts connections to sleep and wakes as many others at random places: algorithm
1 of Bellec, Kappel, Maass, Legenstein, *Deep Rewiring*, ICLR 2018, arXiv:1711.05136.

There is no variable theta: theta of a dormant connection is kept at 0, so that it is sign * weight,
and a step of gradient descent or of Adam on theta is one on the weight, for both change their sign
with the gradient. So rewiring needs nothing of a checkpoint but the weights.

All matrices are [pre, post]: a row holds the outgoing weights of one input or unit.
"""

from collections import OrderedDict
from typing import Mapping, Optional

import numpy as np

from lsnn.options import number
from lsnn.randomness import generator

# The weights that are rewired, each with a constant number of connections of its own.
REWIRED = ("w_in", "w_rec", "w_out")

REWIRING = OrderedDict(
    connectivity=number(
        "Fraction of the synapses of w_in, w_rec and w_out that exist. Below 1 they are rewired "
        "along training by DEEP R, their number being constant.",
        1.0,
        above=0,
        most=1,
    ),
    l1=number(
        "DEEP R's pull on the magnitude of every weight, learning_rate x l1 per iteration.",
        0.0,
        least=0,
    ),
    temperature=number(
        "DEEP R's temperature: every weight moves by sqrt(2 learning_rate temperature) times a "
        "standard normal number per iteration.",
        0.0,
        least=0,
    ),
)

# Theta of a connection that is woken: next to nothing, but not dormant.
WOKEN = np.float32(1e-12)


class DalesLaw:
    """Weights of constant sign, all of which exist.

    After a step of the optimiser a weight of the wrong sign is set to 0, from where its gradient
    can take it away again.

    Args:
        weights: the network's initial weights by name: w_in (n_in, n_units), w_rec (n_units,
            n_units), w_out (n_units, n_out).
        seed: of the run.
        excitatory: fraction of the inputs, and of the units, whose outgoing weights are positive.

    Attributes:
        signs: float32 arrays of 1 and -1 by name.
        start: weights before training, float32 arrays by name.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], seed: int, excitatory: float):
        self.signs = signs_by_dale(weights, excitatory, generator(seed, "signs"))
        self.start = OrderedDict((n, self.signs[n] * np.abs(weights[n])) for n in REWIRED)

    def step(
        self,
        name: str,
        before: np.ndarray,
        after: np.ndarray,
        learning_rate: float,
        iteration: int,
    ) -> np.ndarray:
        """Return a weight for the next iteration, float32 [pre, post]; as :class:`Rewiring`."""
        return np.where(self.signs[name] * after < 0.0, np.float32(0.0), after)


class Rewiring:
    """The signs of the weights of a run, the connections at its start, and how they change.

    It has no state: what it does depends on its arguments, so that a run can go on from any
    checkpoint.

    Args:
        weights: the network's initial weights by name, before they are thinned out: w_in
            (n_in, n_units), w_rec (n_units, n_units), w_out (n_units, n_out).
        seed: of the run.
        excitatory: fraction of the inputs, and of the units, whose outgoing weights are all
            positive, or None for signs as in ``weights``.
        connectivity: fraction of the possible connections that exist, the same for each weight.
        l1: pull on theta, learning_rate * l1 a step (alpha in the paper).
        temperature: noise on theta, of variance 2 learning_rate * temperature a step (T there).

    Attributes:
        signs: float32 arrays of 1 and -1 by name.
        start: weights before training, float32 arrays by name; 0 where dormant.
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        seed: int,
        excitatory: Optional[float],
        connectivity: float,
        l1: float,
        temperature: float,
    ):
        self._seed = seed
        self._l1 = l1
        self._temperature = temperature
        if excitatory is None:
            signs = [(n, np.where(weights[n] < 0.0, -1.0, 1.0)) for n in REWIRED]
            self.signs = OrderedDict((name, sign.astype(np.float32)) for name, sign in signs)
        else:
            self.signs = signs_by_dale(weights, excitatory, generator(seed, "signs"))
        theta = _start(weights, connectivity, generator(seed, "connections"))
        self.start = OrderedDict((name, self._weight(name, theta[name])) for name in REWIRED)

    def step(
        self,
        name: str,
        before: np.ndarray,
        after: np.ndarray,
        learning_rate: float,
        iteration: int,
    ) -> np.ndarray:
        """Return a weight for the next iteration, float32 [pre, post].

        Args:
            name: of the weight.
            before: the weight before the optimiser's step, as this method or :attr:`start` has it.
            after: the weight after the optimiser's step.
            learning_rate: of this iteration.
            iteration: its number, by which the random numbers are drawn.
        """
        random = generator(self._seed, "rewiring", iteration, name)
        active = before != 0.0
        n_active = np.count_nonzero(active)
        # The optimiser moves dormant connections, too, by their gradient or by momentum.
        theta = np.where(active, self.signs[name] * after, np.float32(0.0))
        theta[active] -= learning_rate * self._l1
        if self._temperature > 0.0:
            noise = random.standard_normal(n_active)
            theta[active] += np.sqrt(2.0 * learning_rate * self._temperature) * noise
        theta[theta <= 0.0] = 0.0  # leaves nan alone: it must be seen that a run diverges
        dormant = np.flatnonzero((theta == 0.0) & _possible(name, theta.shape))
        missing = n_active - np.count_nonzero(theta)
        theta.flat[random.choice(dormant, missing, replace=False)] = WOKEN
        return self._weight(name, theta)

    def _weight(self, name, theta):
        return self.signs[name] * theta + np.float32(0.0)  # 0 rather than -0


def signs_by_dale(
    weights: Mapping[str, np.ndarray], excitatory: float, random: np.random.RandomState
) -> "OrderedDict[str, np.ndarray]":
    """Return the sign of every weight by name, float32: 1 or -1, the same along each row."""
    n_in, n_units = weights["w_in"].shape
    inputs = _presynaptic_signs(n_in, excitatory, random)
    units = _presynaptic_signs(n_units, excitatory, random)
    rows = {"w_in": inputs, "w_rec": units, "w_out": units}
    return OrderedDict(
        (name, (rows[name][:, np.newaxis] * np.ones(weights[name].shape)).astype(np.float32))
        for name in REWIRED
    )


def _presynaptic_signs(n, excitatory, random):
    """Return the signs of n inputs or units.

    Their order is random, so that the adaptive units, which are the last ones, are of both signs.
    """
    signs = np.full(n, -1.0)
    signs[: int(round(excitatory * n))] = 1.0
    return random.permutation(signs)


def _start(weights, connectivity, random):
    """Return theta before training by name: the weight's magnitude where there is a connection."""
    start = OrderedDict()
    for name in REWIRED:
        magnitude = np.abs(weights[name]).ravel()
        possible = np.flatnonzero(_possible(name, weights[name].shape))
        n_active = max(1, int(round(connectivity * len(possible))))
        active = random.choice(possible, n_active, replace=False)
        theta = np.zeros(magnitude.shape, np.float32)
        theta[active] = np.maximum(magnitude[active], WOKEN)  # an initial weight may be 0
        start[name] = theta.reshape(weights[name].shape)
    return start


def _possible(name, shape):
    """Return where a weight can have connections, as booleans: no unit is its own input."""
    if name == "w_rec":
        return ~np.eye(shape[0], dtype=bool)
    return np.ones(shape, bool)
