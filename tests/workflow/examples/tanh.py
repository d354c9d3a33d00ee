"""An example of a neuron model."""

from lsnn.backend import tf
from lsnn.neurons.base import DT, TAU_M, low_pass
from lsnn.neurons.rate import RateNeurons, RateState
from lsnn.options import number


class TanhNeurons(RateNeurons):
    """Leaky units whose output is the hyperbolic tangent of their membrane."""

    options = {"tau_m": number(TAU_M, 0.01, "ms", above=0)}
    weight_variance = 1.0

    def __init__(self, n_units, tau_m):
        super().__init__(n_units, tau_m, threshold=0.0, n_adaptive=0, tau_adaptation=1.0, beta=0.0)

    def step(self, state, current):
        v = low_pass(self.alpha, state.v, current) if self.alpha > 0.0 else current
        return RateState(v=v, a=state.a, z=tf.tanh(v) / DT)

    def slope(self, before, after):
        return (1.0 - tf.square(after.z * DT)) / DT
