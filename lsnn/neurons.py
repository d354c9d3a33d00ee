"""One time step of a population of neurons. The time step dt is 1 ms.

To add a neuron model, write a class with the attributes and methods of :class:`RateNeurons` and
enter it in :data:`NEURONS`. Its ``options`` (:mod:`lsnn.options`) are the keyword arguments that it
is made with, behind the number of units.
"""

from typing import Any, NamedTuple

import numpy as np

from lsnn.backend import tf
from lsnn.options import build, integer, number

DT = 1.0  # ms

TAU_M = (
    "Membrane time constant. The membrane keeps exp(-dt / tau_m) of its value from step to step, "
    "which is 0 in float32 below 0.0115 ms."
)
THRESHOLD = "Threshold of a unit without adaptation."
ADAPTATION = {
    "n_adaptive": integer(
        "How many of the units, the last ones, have an adaptive threshold.", 0, "units"
    ),
    "tau_adaptation": number("Time constant of the adaptive threshold.", 30.0, "ms", above=0),
    "beta": number("Strength of the adaptation of the adaptive units.", 1.8, least=0),
}


def decay(tau):
    """Return exp(-dt / tau), what a trace of time constant ``tau`` (ms) keeps from step to step.

    A value below the smallest normal float32 is 0, as TensorFlow's arithmetic has it.
    """
    kept = np.exp(-DT / tau)
    return float(kept) if kept >= np.finfo(np.float32).tiny else 0.0


def low_pass(kept, before, now):
    """Return kept before + (1 - kept) now.

    The gradient is written out, because TensorFlow's own of a number times a tensor keeps the
    tensor of every step of a loop.
    """

    @tf.custom_gradient
    def filtered(before, now):
        def gradient(d):
            return kept * d, (1.0 - kept) * d

        return kept * before + (1.0 - kept) * now, gradient

    return filtered(before, now)


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

    options = dict(
        tau_m=number(TAU_M, 0.01, "ms", above=0),
        threshold=number(THRESHOLD, 0.0, least=0),
        **ADAPTATION,
    )
    spiking = False
    state_type = RateState
    weight_variance = 2.0  # of a weight before training, times its fan-in
    input_noise = 0.0  # standard deviation of the noise in the input current

    def __init__(self, n_units, tau_m, threshold, n_adaptive, tau_adaptation, beta):
        self.n_units = n_units
        self.threshold = threshold
        self.alpha = decay(tau_m)
        self.rho = decay(tau_adaptation)
        self.beta = adaptation_strengths(n_units, n_adaptive, beta)

    def zero_state(self, batch_size):
        """Return the state before the first step: a tensor for each part, so that it can be fed."""
        shape = tf.stack([batch_size, self.n_units])
        return RateState(*(tf.zeros(shape) for _ in RateState._fields))

    def step(self, state, current):
        """Return the state one step later, under the input current (batch, units)."""
        a, v = state.a, current
        if self.beta.any():
            a = low_pass(self.rho, state.a, state.z)
        threshold = self.threshold_at(a)
        if self.alpha > 0.0:
            v = low_pass(self.alpha, state.v, current)
        if self.beta.any() or self.threshold > 0.0:
            v = v - state.z * threshold * DT
            return RateState(v=v, a=a, z=tf.nn.relu(v - threshold) / DT)
        return RateState(v=v, a=a, z=tf.nn.relu(v) / DT)

    def threshold_at(self, a):
        """Return the threshold A (batch, units), or one for all, at an adaptation."""
        return self.threshold + self.beta * a if self.beta.any() else self.threshold

    def distance(self, state):
        """Return v - A (batch, units), of which the output z is the positive part."""
        if self.beta.any() or self.threshold > 0.0:
            return state.v - self.threshold_at(state.a)
        return state.v


def adaptation_strengths(n_units, n_adaptive, beta):
    """Return the strength of adaptation of every unit (units): beta of the last ones, else 0."""
    strengths = np.zeros(n_units, np.float32)
    strengths[n_units - n_adaptive :] = beta
    return strengths


class SpikingState(NamedTuple):
    """State of spiking units after a step; each (batch, units)."""

    v: Any  # membrane
    a: Any  # adaptation
    z: Any  # output: 1 where the unit spikes, else 0
    refractory: Any  # int32: steps for which the unit cannot spike


class LIF(object):
    """Spiking leaky integrate-and-fire units with a soft reset (Bellec et al. 2018).

    With input current I_t, all states starting at zero, and dt = 1 ms left out:

        v_t = alpha v_{t-1} + (1 - alpha) I_t - z_{t-1} A,   alpha = exp(-1 / tau_m)
        u_t = (v_{t-1} - A) / A
        z_t = 1[u_t > 0], but 0 within `refractory_steps` after a spike

    The derivative of a spike by u_t is replaced by a pseudo-derivative, see :func:`spike`; where
    the refractory period forces z to 0, it is 0.
    """

    options = dict(
        tau_m=number(TAU_M, 20.0, "ms", above=0),
        threshold=number(THRESHOLD, 0.01, above=0),
        refractory_steps=integer(
            "Steps after a spike in which a unit cannot spike again.", 0, "steps", most=1000
        ),
        dampening=number("Height of the pseudo-derivative of a spike.", 0.3, above=0),
        input_noise=number("Standard deviation of the noise in the input current.", 0.0, least=0),
    )
    spiking = True
    state_type = SpikingState
    weight_variance = 1.0

    def __init__(self, n_units, tau_m, threshold, refractory_steps, dampening, input_noise):
        self.n_units = n_units
        self.threshold = threshold
        self.alpha = decay(tau_m)
        self.refractory_steps = refractory_steps
        self.dampening = dampening
        self.input_noise = input_noise

    def zero_state(self, batch_size):
        """Return the state before the first step: a tensor for each part, so that it can be fed."""
        shape = tf.stack([batch_size, self.n_units])
        v, a, z = (tf.zeros(shape) for _ in range(3))
        return SpikingState(v=v, a=a, z=z, refractory=tf.zeros(shape, tf.int32))

    def step(self, state, current):
        """Return the state one step later, under the input current (batch, units)."""
        a = self.adaptation(state)
        threshold = self.threshold_at(a)
        u = (state.v - threshold) / threshold
        refractory = state.refractory
        if self.refractory_steps:
            z = spike(u, self.dampening, free=tf.equal(refractory, 0))
            pause = tf.fill(tf.shape(z), self.refractory_steps)
            refractory = tf.where(z > 0.0, pause, tf.maximum(refractory - 1, 0))
        else:
            z = spike(u, self.dampening)
        v = low_pass(self.alpha, state.v, current) - state.z * threshold
        return SpikingState(v=v, a=a, z=z, refractory=refractory)

    def adaptation(self, state):
        """Return the adaptation one step after a state."""
        return state.a

    def threshold_at(self, a):
        """Return the threshold A, one for all."""
        return self.threshold

    def distance(self, state):
        """Return (v - A) / A (batch, units), with the threshold of the state itself."""
        threshold = self.threshold_at(state.a)
        return (state.v - threshold) / threshold


class ALIF(LIF):
    """LIF units of which the last `n_adaptive` have an adaptive threshold (Bellec et al. 2018).

    With beta = 0 on the other units:

        a_t = rho a_{t-1} + (1 - rho) z_{t-1},         rho = exp(-dt / tau_adaptation)
        A_t = threshold + beta a_t
    """

    options = dict(LIF.options, **ADAPTATION)

    def __init__(self, n_units, n_adaptive, tau_adaptation, beta, **settings):
        super(ALIF, self).__init__(n_units, **settings)
        self.rho = decay(tau_adaptation)
        self.beta = adaptation_strengths(n_units, n_adaptive, beta)

    def adaptation(self, state):
        return low_pass(self.rho, state.a, state.z)

    def threshold_at(self, a):
        """Return the threshold A (batch, units) at an adaptation."""
        return self.threshold + self.beta * a


def spike(u, dampening, free=None):
    """Return 1 where u > 0, else 0, with the pseudo-derivative dampening max(0, 1 - |u|).

    Where ``free`` is given and false, both are 0.
    """

    @tf.custom_gradient
    def step_function(u):
        spikes = u > 0.0 if free is None else tf.logical_and(u > 0.0, free)
        slope = dampening * tf.maximum(0.0, 1.0 - tf.abs(u))
        if free is not None:
            slope *= tf.cast(free, tf.float32)
        return tf.cast(spikes, tf.float32), lambda dz: dz * slope

    return step_function(u)


NEURONS = {"rate": RateNeurons, "lif": LIF, "alif": ALIF}


def new_neurons(settings, n_units):
    """Return a population of ``n_units`` neurons that a ``name`` and options describe."""
    return build(NEURONS, settings, n_units)
