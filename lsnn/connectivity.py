"""Who is connected to whom, and with which weight at the start."""

from collections import OrderedDict

import numpy as np

from lsnn.backend import tf


def initial_weights(n_in, n_units, n_out, generator):
    """Return the weights before training: w_in, w_rec, w_out, b_out as float32 arrays by name.

    w_in (n_in, n_units) and w_rec (n_units, n_units), both [pre, post], are normal with variance
    2 / fan-in; w_out (n_units, n_out) is Glorot uniform; b_out (n_out) is zero.
    """
    limit = np.sqrt(6.0 / (n_units + n_out))
    weights = OrderedDict()
    weights["w_in"] = generator.randn(n_in, n_units) / np.sqrt(n_in / 2.0)
    weights["w_rec"] = generator.randn(n_units, n_units) / np.sqrt(n_units / 2.0)
    weights["w_out"] = generator.uniform(-limit, limit, (n_units, n_out))
    weights["b_out"] = np.zeros(n_out)
    return OrderedDict((name, value.astype(np.float32)) for name, value in weights.items())


def without_autapses(w_rec):
    """Return w_rec with a zero diagonal: no unit is its own input."""
    n_units = w_rec.shape.as_list()[0]
    return w_rec * (1.0 - np.eye(n_units, dtype=np.float32))


def half_squared_norm(weights):
    """Return 1/2 (|w_in|^2 + |w_rec|^2 + |w_out|^2); the bias is not regularised."""
    return sum(tf.nn.l2_loss(weights[name]) for name in ("w_in", "w_rec", "w_out"))
