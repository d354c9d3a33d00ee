"""Spiking leaky integrate-and-fire units."""

from typing import Any, NamedTuple, Optional

from lsnn.backend import Tensor, tf
from lsnn.neurons.base import TAU_M, THRESHOLD, decay, low_pass
from lsnn.options import integer, number


class SpikingState(NamedTuple):
    """State of spiking units after a step; each (batch, units)."""

    v: Tensor  # membrane
    a: Tensor  # adaptation
    z: Tensor  # output: 1 where the unit spikes, else 0
    refractory: Tensor  # int32: steps for which the unit cannot spike


class LIF:
    """Spiking leaky integrate-and-fire units with a soft reset (Bellec et al. 2018).

    With input current I_t, all states starting at zero, and dt = 1 ms left out:

        v_t = alpha v_{t-1} + (1 - alpha) I_t - z_{t-1} A,   alpha = exp(-1 / tau_m)
        u_t = (v_{t-1} - A) / A
        z_t = 1[u_t > 0], but 0 within `refractory_steps` after a spike

    The derivative of a spike with respect to u_t is replaced by a pseudo-derivative, see
    :func:`spike`; where the refractory period forces z to 0, it is 0.
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
    has_memory = True
    latency = 1  # the spike of a step reads the membrane of the step before
    state_type = SpikingState
    weight_variance = 1.0

    def __init__(
        self,
        n_units: int,
        tau_m: float,
        threshold: float,
        refractory_steps: int,
        dampening: float,
        input_noise: float,
    ):
        self.n_units = n_units
        self.threshold = threshold
        self.alpha = decay(tau_m)
        self.refractory_steps = refractory_steps
        self.dampening = dampening
        self.input_noise = input_noise

    def zero_state(self, batch_size: Tensor) -> SpikingState:
        """Return the state before the first step: a tensor for each part, so that it can be fed."""
        shape = tf.stack([batch_size, self.n_units])
        v, a, z = (tf.zeros(shape) for _ in range(3))
        return SpikingState(v=v, a=a, z=z, refractory=tf.zeros(shape, tf.int32))

    def step(self, state: SpikingState, current: Tensor) -> SpikingState:
        """Return the state one step later, under the input current (batch, units)."""
        a, threshold, u, free = self._at_threshold(state)
        refractory = state.refractory
        if self.refractory_steps:
            z = spike(u, self.dampening, free)
            pause = tf.fill(tf.shape(z), self.refractory_steps)
            refractory = tf.where(z > 0.0, pause, tf.maximum(refractory - 1, 0))
        else:
            z = spike(u, self.dampening)
        v = low_pass(self.alpha, state.v, current) - state.z * threshold
        return SpikingState(v=v, a=a, z=z, refractory=refractory)

    def gain(self, before: SpikingState, after: SpikingState) -> Tensor:
        """Return the derivative of a spike with respect to the previous step's current."""
        _, threshold, u, free = self._at_threshold(before)
        return (1.0 - self.alpha) * pseudo_derivative(u, self.dampening, free) / threshold

    def slope(self, before: SpikingState, after: SpikingState) -> Tensor:
        """Return the derivative of a spike with respect to the previous step's membrane."""
        _, threshold, u, free = self._at_threshold(before)
        return pseudo_derivative(u, self.dampening, free) / threshold

    def _at_threshold(self, state):
        """Return adaptation, threshold, u and who may spike (None: all) one step after a state."""
        a = self.adaptation(state)
        threshold = self.threshold_at(a)
        free = tf.equal(state.refractory, 0) if self.refractory_steps else None
        return a, threshold, (state.v - threshold) / threshold, free

    def adaptation(self, state: SpikingState) -> Tensor:
        """Return the adaptation one step after a state."""
        return state.a

    def threshold_at(self, a: Tensor) -> Any:
        """Return the threshold A, one for all."""
        return self.threshold

    def distance(self, state: SpikingState) -> Tensor:
        """Return (v - A) / A (batch, units), with the threshold of the state itself."""
        threshold = self.threshold_at(state.a)
        return (state.v - threshold) / threshold


def spike(u: Tensor, dampening: float, free: Optional[Tensor] = None) -> Tensor:
    """Return 1 where u > 0, else 0, with the pseudo-derivative dampening max(0, 1 - |u|).

    Where ``free`` is given and false, both are 0.
    """

    @tf.custom_gradient
    def step_function(u):
        spikes = u > 0.0 if free is None else tf.logical_and(u > 0.0, free)
        slope = pseudo_derivative(u, dampening, free)
        return tf.cast(spikes, tf.float32), lambda dz: dz * slope

    return step_function(u)


def pseudo_derivative(u: Tensor, dampening: float, free: Optional[Tensor] = None) -> Tensor:
    """Return dampening max(0, 1 - |u|); where ``free`` is given and false, 0."""
    slope = dampening * tf.maximum(0.0, 1.0 - tf.abs(u))
    return slope if free is None else slope * tf.cast(free, tf.float32)
