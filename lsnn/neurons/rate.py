"""Rectified-linear units with leak, threshold and adaptation."""

from typing import Any, NamedTuple

from lsnn.backend import Tensor, tf
from lsnn.neurons.base import (
    ADAPTATION,
    DT,
    TAU_M,
    THRESHOLD,
    adaptation_strengths,
    decay,
    low_pass,
)
from lsnn.options import number


class RateState(NamedTuple):
    """State of rate units after a step; each (batch, units)."""

    v: Tensor  # membrane
    a: Tensor  # adaptation
    z: Tensor  # output


class RateNeurons:
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
    latency = 0  # steps from a current to the first output that it can change

    def __init__(
        self,
        n_units: int,
        tau_m: float,
        threshold: float,
        n_adaptive: int,
        tau_adaptation: float,
        beta: float,
    ):
        self.n_units = n_units
        self.threshold = threshold
        self.alpha = decay(tau_m)
        self.rho = decay(tau_adaptation)
        self.beta = adaptation_strengths(n_units, n_adaptive, beta)

    @property
    def has_memory(self) -> bool:
        """Whether an output depends on more than the current of its step."""
        return self.alpha > 0.0 or self.threshold > 0.0 or bool(self.beta.any())

    def zero_state(self, batch_size: Tensor) -> RateState:
        """Return the state before the first step: a tensor for each part, so that it can be fed."""
        shape = tf.stack([batch_size, self.n_units])
        return RateState(*(tf.zeros(shape) for _ in RateState._fields))

    def step(self, state: RateState, current: Tensor) -> RateState:
        """Return the state one step later, under the input current (batch, units)."""
        a, v = state.a, current
        if self.beta.any():
            a = low_pass(self.rho, state.a, state.z)
        threshold = self.threshold_at(a)
        if self.alpha > 0.0:
            v = low_pass(self.alpha, state.v, current)
        if self.beta.any() or self.threshold > 0.0:
            v = v - state.z * threshold * DT
            return RateState(v=v, a=a, z=rectified(v - threshold) / DT)
        return RateState(v=v, a=a, z=rectified(v) / DT)

    def gain(self, before: RateState, after: RateState) -> Tensor:
        """Return the derivative of an output with respect to the first current that can change it.

        Args:
            before, after: states around the step of the output.
        """
        return (1.0 - self.alpha) * self.slope(before, after)

    def slope(self, before: RateState, after: RateState) -> Tensor:
        """Return the derivative of an output with respect to the membrane that it reads.

        Args:
            before, after: states around the step of the output.
        """
        return tf.cast(after.z > 0.0, tf.float32) / DT

    def threshold_at(self, a: Tensor) -> Any:
        """Return the threshold A (batch, units), or one for all, at an adaptation."""
        return self.threshold + self.beta * a if self.beta.any() else self.threshold

    def distance(self, state: RateState) -> Tensor:
        """Return v - A (batch, units), of which the output z is the positive part."""
        if self.beta.any() or self.threshold > 0.0:
            return state.v - self.threshold_at(state.a)
        return state.v


def rectified(v: Tensor) -> Tensor:
    """Return max(0, v).

    The gradient is written out, because TensorFlow 1.12's own takes four times as long as a
    product, and a tenth of the time of a Hessian-vector product.
    """

    @tf.custom_gradient
    def relu(v):
        z = tf.nn.relu(v)
        active = tf.cast(z > 0.0, tf.float32)
        return z, lambda dz: dz * active

    return relu(v)
