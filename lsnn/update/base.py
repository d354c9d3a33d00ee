"""What a part of training may change: learning rate, where the gradient is taken, and its terms."""

from typing import Any, Callable, Dict, Mapping

import numpy as np

from lsnn.backend import Tensor
from lsnn.learning_rules.base import LearningRule

GradientBy = Callable[[LearningRule], Mapping[str, Tensor]]


class Part:
    """Changes nothing; a base for the parts of training.

    A part with options declares them in ``options`` (:mod:`lsnn.options`), and is made with their
    values as keyword arguments.

    Attributes:
        has_derivative: whether the derivative M of the update can be taken with it
            (:mod:`lsnn.curvature.rule_update`), so that `stability` and 2 / learning rate apply.
    """

    options: Dict[str, Any] = {}
    has_derivative = True

    def factor(self, iteration: int) -> float:
        """Return what multiplies the learning rate at an iteration, counted from 0."""
        return 1.0

    def weights(
        self, weights: Mapping[str, Tensor], rule: LearningRule, gradient_by: GradientBy
    ) -> Mapping[str, Tensor]:
        """Return the weights at which the gradient is taken, tensors by name.

        Args:
            weights: the present ones, all of the network's.
            rule: by which the network is trained.
            gradient_by: function of a learning rule that returns its gradient at these weights,
                tensors by name of the trained parameters; of the loss, its L2 term included.
        """
        return weights

    def terms(
        self, weights: Mapping[str, Tensor], start: Mapping[str, np.ndarray]
    ) -> Mapping[str, Tensor]:
        """Return what is added to the gradient, tensors by name of the parameter, of its shape.

        It does not count in the `alignment` of gradients, which is of the loss on examples.

        Args:
            weights: the present ones, of the trained parameters alone.
            start: those before training, arrays by name.
        """
        return {}
