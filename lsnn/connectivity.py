"""Which units are connected, and with what weights at the start."""

from collections import OrderedDict
from typing import Mapping

import numpy as np

from lsnn.backend import Tensor, tf


def initial_weights(
    n_in: int, n_units: int, n_out: int, variance: float, generator: np.random.RandomState
) -> "OrderedDict[str, np.ndarray]":
    """Return the weights before training: w_in, w_rec, w_out, b_out as float32 arrays by name.

    w_in (n_in, n_units) and w_rec (n_units, n_units), both [pre, post], are normal with the given
    variance / fan-in; w_out (n_units, n_out) is Glorot uniform; b_out (n_out) is zero.
    """
    limit = np.sqrt(6.0 / (n_units + n_out))
    weights = OrderedDict()
    weights["w_in"] = generator.randn(n_in, n_units) / np.sqrt(n_in / variance)
    weights["w_rec"] = generator.randn(n_units, n_units) / np.sqrt(n_units / variance)
    weights["w_out"] = generator.uniform(-limit, limit, (n_units, n_out))
    weights["b_out"] = np.zeros(n_out)
    return OrderedDict((name, value.astype(np.float32)) for name, value in weights.items())


def without_autapses(w_rec: Tensor) -> Tensor:
    """Return w_rec (units, units) with a zero diagonal: no unit is its own input."""
    n_units = w_rec.shape.as_list()[0]
    return w_rec * (1.0 - np.eye(n_units, dtype=np.float32))


def half_squared_norm(weights: Mapping[str, Tensor]) -> Tensor:
    """Return 1/2 (|w_in|^2 + |w_rec|^2 + |w_out|^2); the bias is not regularised."""
    return sum(tf.nn.l2_loss(weights[name]) for name in ("w_in", "w_rec", "w_out"))


def synaptic_delays(
    n_in: int, n_units: int, n_delays: int, generator: np.random.RandomState
) -> "OrderedDict[str, np.ndarray]":
    """Return the delays of the synapses of w_in and w_rec, in steps, as integer arrays by name.

    They are drawn uniformly from 0 .. n_delays - 1. A spike of delay 0 acts in the step that
    follows it, an input of delay 0 in the step in which it arrives.
    """
    delays = OrderedDict()
    delays["w_in"] = generator.randint(n_delays, size=(n_in, n_units))
    delays["w_rec"] = generator.randint(n_delays, size=(n_units, n_units))
    return delays


def by_delay(weights: Tensor, delays: np.ndarray, n_delays: int) -> Tensor:
    """Return weights (n_pre, n_post) side by side for each delay: (n_pre, n_delays n_post)."""
    masks = [(delays == delay).astype(np.float32) for delay in range(n_delays)]
    return tf.concat([weights * mask for mask in masks], axis=1)
