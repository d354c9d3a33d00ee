"""One rule's direction with the length of another's step."""

import copy
from collections import OrderedDict
from typing import Any, Callable, Dict, Mapping, Optional

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.learning_rules.base import LearningRule
from lsnn.options import build, named

RHO, LENGTH = "rho", "length"
SCALED = ("w_in", "w_rec")

# The rules that can be paired, by name: all that have a gradient of their own.
PAIRED: Dict[str, Any] = OrderedDict()


class StepLength(LearningRule):
    """The direction of one rule's gradient, with the length of a step that another's gives.

    A control, which tells the effect of a rule's shorter steps from that of their direction. With g
    and g_hat the gradients of the loss without its L2 term by `direction` and by `step`, over w_in
    and w_rec together, the optimiser gets s g, with

        rho:     s = max(0, <g_hat, g> / <g, g>), the part of g_hat along g
        length:  s = |g_hat| / |g|

    or s is a given number. The gradient of the L2 term is added as it is, and so are those of the
    readout, which are the same under all rules. Of w_in and w_rec, one that is not trained takes no
    part.

    Needs: two gradients, of which one may be BPTT's; a control, no rule for a brain.
    """

    options = {
        "direction": named("The rule whose direction is taken.", PAIRED, "bptt"),
        "step": named(
            "The rule whose step length is taken; of no effect if `scale` is a number.",
            PAIRED,
            "three_factor",
        ),
        "scale": {
            "description": "rho - the component of the step along the direction; length - the "
            "length of the step; a number - that many times the step of `direction`.",
            "unit": "1",
            "anyOf": [{"enum": [RHO, LENGTH]}, {"type": "number", "exclusiveMinimum": 0}],
            "default": RHO,
        },
    }

    def __init__(self, direction, step, scale):
        super().__init__()
        self.direction = build(PAIRED, direction)
        self.step = build(PAIRED, step)
        self.scale = scale

    @property
    def label(self) -> str:
        if self.scale not in (RHO, LENGTH):
            return f"{self.direction.label} x {self.scale:g}"
        return f"{self.direction.label}, {self.scale} of {self.step.label}"

    @property
    def loss_rule(self) -> LearningRule:
        return self.direction

    @property
    def _pair(self):
        return OrderedDict([("direction", self.direction), ("step", self.step)])

    def undefined(self, spiking: bool, dales_law: bool) -> Dict[str, str]:
        return {
            f"{role}.{option}": what
            for role, rule in self._pair.items()
            for option, what in rule.undefined(spiking, dales_law).items()
        }

    def draw(
        self,
        weights: Mapping[str, np.ndarray],
        signs: Optional[np.ndarray],
        generator: np.random.RandomState,
    ) -> Dict[str, np.ndarray]:
        # Each draws what it would draw alone.
        return {
            f"{role}/{name}": value
            for role, rule in self._pair.items()
            for name, value in rule.draw(weights, signs, copy.deepcopy(generator)).items()
        }

    def take(self, constants: Mapping[str, np.ndarray]) -> None:
        super().take(constants)
        for role, rule in self._pair.items():
            rule.take(
                {
                    name.split("/", 1)[1]: value
                    for name, value in constants.items()
                    if name.startswith(role + "/")
                }
            )

    def gradients(
        self, gradients_of: Callable[..., Dict[str, Tensor]], weights: Mapping[str, Tensor]
    ) -> Dict[str, Tensor]:
        found = gradients_of(self.direction, terms="data")
        regularising = gradients_of(self.direction, terms="l2")
        scale, scaled = self.scale, [name for name in SCALED if name in found]
        if scaled and scale in (RHO, LENGTH):
            other = gradients_of(self.step, terms="data")
            square = _dot(found, found, scaled)
            if scale == RHO:
                scale = tf.maximum(0.0, tf.div_no_nan(_dot(other, found, scaled), square))
            else:
                scale = tf.sqrt(tf.div_no_nan(_dot(other, other, scaled), square))
        found.update((name, scale * found[name]) for name in scaled)
        return OrderedDict(
            (name, gradient + regularising[name] if name in regularising else gradient)
            for name, gradient in found.items()
        )


def _dot(gradient, other, names):
    """Return the scalar product of two gradients over some parameters together."""
    return tf.add_n([tf.reduce_sum(gradient[name] * other[name]) for name in names])
