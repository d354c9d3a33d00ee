"""A three-factor rule whose eligibility trace has a time constant of its own."""

from typing import Tuple

from lsnn.backend import Tensor, tf
from lsnn.learning_rules.own_derivatives import with_derivatives
from lsnn.learning_rules.three_factor import ThreeFactor
from lsnn.neurons.base import decay, low_pass
from lsnn.options import number


class LeakyTrace(ThreeFactor):
    """A three-factor rule whose eligibility trace decays with a time constant of its own.

    dL/dw_ij = sum_t L_j,t psi_j,t eps_i,t, with the learning signal L_j = dE/dz_j of the readout,
    the slope psi of unit j, and the presynaptic trace

        eps_i,t = a eps_i,t-1 + (1 - a) pre_i,t,     a = exp(-dt / tau)

    pre_i,t is what synapse ij carries in step t: an input, or the output of a unit the step before,
    or longer ago by the synapse's delay. Of the unit's own memory - membrane, reset, adaptation -
    nothing passes an error back in time. For units that have a membrane alone, of time constant
    tau, it is the three-factor rule. The time constant is given and the same for all synapses,
    where KeRNL (Roth et al. 2019) learns time constants and sensitivities.

    A synapse's trace need not be kept: the trace c_j of the unit's input current, low-passed in the
    same way, has the derivative eps_i with respect to w_ij. The output passes its error to c_j,
    times psi_j, and to nothing else.

    Needs: a low-passed trace of what the synapse carries; the readout's error, over the readout's
    weights.
    """

    options = {"tau": number("Time constant of the eligibility trace.", 20.0, "ms", above=0)}

    def __init__(self, tau: float):
        super().__init__()
        self.tau = tau

    @property
    def label(self) -> str:
        return f"leaky trace, {self.tau:g} ms"

    def trace_sizes(self, n_units: int) -> Tuple[int, ...]:
        return (n_units,)

    def next_traces(self, traces: Tuple[Tensor, ...], current: Tensor) -> Tuple[Tensor, ...]:
        return (low_pass(decay(self.tau), traces[0], current),)

    def output(self, z: Tensor, slope: Tensor, traces: Tuple[Tensor, ...]) -> Tensor:
        def own(d):
            return None, d * slope

        return with_derivatives(own, lambda z, trace: tf.identity(z), z, traces[0])
