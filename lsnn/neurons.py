"""One time step of a population of neurons. The time step dt is 1 ms.

To add a neuron model, write a class with the methods of :class:`RateNeurons` and enter it in
:data:`NEURONS`.
"""

from typing import Any, NamedTuple

import numpy as np

from lsnn.backend import tf

DT = 1.0  # ms


def decay(tau):
    """Return exp(-dt / tau), what a trace of time constant ``tau`` (ms) keeps from step to step.

    A value below the smallest normal float32 is 0, as TensorFlow's arithmetic has it.
    """
    kept = np.exp(-DT / tau)
    return float(kept) if kept >= np.finfo(np.float32).tiny else 0.0


class RateState(NamedTuple):
    """State of rate units after a step; each (batch, units)."""

    v: Any  # membrane
    a: Any  # adaptation
    z: Any  # output


class RateNeurons(object):
    """Rectified-linear units with leak, threshold and adaptation (rate counterpart of LSNN).

    With input current I_t, all states starting at zero, and beta = 0 on non-adaptive units:

        a_t = rho a_{t-1} + (1 - rho) z_{t-1},         rho = exp(-dt / tau_adaptation)
        A_t = threshold + beta a_t
        v_t = alpha v_{t-1} + (1 - alpha) I_t - z_{t-1} A_t dt,   alpha = exp(-dt / tau_m)
        z_t = relu(v_t - A_t) / dt

    Terms that the settings make zero are left out of the graph.
    """

    spiking = False

    def __init__(self, settings):
        self.n_units = settings.n_units
        self.threshold = settings.threshold
        self.alpha = decay(settings.tau_m)
        self.rho = decay(settings.tau_adaptation)
        self.beta = np.zeros(settings.n_units, np.float32)
        self.beta[settings.n_units - settings.n_adaptive :] = settings.beta

    def zero_state(self, batch_size):
        """Return the state before the first step."""
        zeros = tf.zeros(tf.stack([batch_size, self.n_units]))
        return RateState(v=zeros, a=zeros, z=zeros)

    def step(self, state, current):
        """Return the state one step later, under the input current (batch, units)."""
        a, v = state.a, current
        threshold = self.threshold
        if self.beta.any():
            a = self.rho * state.a + (1.0 - self.rho) * state.z
            threshold = threshold + self.beta * a
        if self.alpha > 0.0:
            v = self.alpha * state.v + (1.0 - self.alpha) * current
        if self.beta.any() or self.threshold > 0.0:
            v = v - state.z * threshold * DT
            return RateState(v=v, a=a, z=tf.nn.relu(v - threshold) / DT)
        return RateState(v=v, a=a, z=tf.nn.relu(v) / DT)


NEURONS = {"rate": RateNeurons}
