"""Sharpness-aware minimisation."""

from typing import Mapping

from lsnn.backend import Tensor, tf
from lsnn.learning_rules.base import LearningRule
from lsnn.options import choice, number
from lsnn.update.base import GradientBy, Part

RULE, EXACT = "rule", "exact"


class SAM(Part):
    """Sharpness-aware minimisation: the gradient is that at weights a step uphill.

    It is taken at w + rho g / |g| (Foret et al. 2021, eq. 2), g being the gradient of the loss at
    w, its L2 term included, over all trained parameters together, on the same batch.
    """

    options = {
        "rho": number("How far uphill the gradient is taken.", 0.05, least=0),
        "ascent": choice(
            "The gradient that leads uphill: rule - the learning rule's; exact - that of BPTT.",
            [RULE, EXACT],
            RULE,
        ),
    }
    has_derivative = False  # it is a gradient at weights that depend on a gradient

    def __init__(self, rho: float, ascent: str):
        self._rho = rho
        self._ascent = ascent

    def weights(
        self, weights: Mapping[str, Tensor], rule: LearningRule, gradient_by: GradientBy
    ) -> Mapping[str, Tensor]:
        if self._rho == 0.0:
            return weights
        uphill = gradient_by(LearningRule() if self._ascent == EXACT else rule)
        squares = [tf.reduce_sum(tf.square(gradient)) for gradient in uphill.values()]
        scale = tf.div_no_nan(self._rho, tf.sqrt(tf.add_n(squares)))
        moved = {name: weights[name] + scale * gradient for name, gradient in uphill.items()}
        return dict(weights, **moved)
