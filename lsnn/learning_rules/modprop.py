"""ModProp: an error goes back through all synapses, through no unit's activation."""

from typing import Any, Dict

from lsnn.backend import Tensor, tf
from lsnn.learning_rules.base import FEEDBACK, TYPE, WEIGHTS, LearningRule, type_means
from lsnn.learning_rules.own_derivatives import with_derivatives
from lsnn.options import number


class ModProp(LearningRule):
    """ModProp (Liu et al. 2022), as its released code computes it.

    The derivative of a unit's output with respect to its distance to threshold is replaced by a
    constant mu where an error comes from other units: dL/du_t = h_t L_t + mu dI_{t+1} W^T, with the
    learning signal L of the readout and dI the error of the input current. The readout and a unit's
    own membrane pass it exactly. mu = 0 is the three-factor rule. Where mu times the spectral
    radius of W comes near 1 the gradient explodes.

    Needs: an eligibility trace of its own; the readout's error at all units, spread over the
    weights of synapses or their means by type, as a filter along time.
    """

    options = dict(
        WEIGHTS,
        mu=number("What replaces the derivative of every unit's output.", 0.25, least=0),
        **FEEDBACK,
    )

    def __init__(self, mu: float = 0.25, **choices: Any):
        super().__init__(**choices)
        self.mu = mu

    @property
    def label(self) -> str:
        return self.with_choices(f"ModProp, mu {self.mu:g}")

    def undefined(self, spiking: bool, dales_law: bool) -> Dict[str, str]:
        if spiking:
            return {
                "name": "another rule for spiking units: mu stands for the derivative of the "
                "output of rate units"
            }
        return super().undefined(spiking, dales_law)

    def recurrent_input(self, z: Tensor, distance: Tensor, step: Any) -> Tensor:
        def own(d):
            return None, self.mu * d

        return with_derivatives(own, lambda z, distance: tf.identity(z), z, distance)

    def backward_weights(self, w_rec: Tensor) -> Tensor:
        if self.weights == TYPE:
            return type_means(w_rec, self.constants["signs"], existing=False)
        return w_rec
