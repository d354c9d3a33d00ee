"""Spiking units with an adaptive threshold."""

from typing import Any

from lsnn.backend import Tensor
from lsnn.neurons.base import ADAPTATION, adaptation_strengths, decay, low_pass
from lsnn.neurons.lif import LIF, SpikingState


class ALIF(LIF):
    """LIF units of which the last `n_adaptive` have an adaptive threshold (Bellec et al. 2018).

    With beta = 0 on the other units:

        a_t = rho a_{t-1} + (1 - rho) z_{t-1},         rho = exp(-dt / tau_adaptation)
        A_t = threshold + beta a_t
    """

    options = dict(LIF.options, **ADAPTATION)

    def __init__(
        self, n_units: int, n_adaptive: int, tau_adaptation: float, beta: float, **settings: Any
    ):
        super().__init__(n_units, **settings)
        self.rho = decay(tau_adaptation)
        self.beta = adaptation_strengths(n_units, n_adaptive, beta)

    def adaptation(self, state: SpikingState) -> Tensor:
        return low_pass(self.rho, state.a, state.z)

    def threshold_at(self, a: Tensor) -> Tensor:
        """Return the threshold A (batch, units) at an adaptation."""
        return self.threshold + self.beta * a
