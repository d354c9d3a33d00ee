"""A pull towards the weights before training."""

from typing import Dict, Mapping

import numpy as np

from lsnn.backend import Tensor
from lsnn.options import number
from lsnn.update.base import Part


class Pull(Part):
    """A pull towards the weights before training, of the penalty strength / 2 |w - w_start|^2.

    It adds strength (w - w_start) to the gradient of every trained parameter.
    """

    options = {
        "strength": number(
            "Coefficient of the penalty for leaving the weights before training.", 0.01, least=0
        )
    }

    def __init__(self, strength: float):
        self._strength = strength

    def terms(
        self, weights: Mapping[str, Tensor], start: Mapping[str, np.ndarray]
    ) -> Dict[str, Tensor]:
        return {name: self._strength * (weight - start[name]) for name, weight in weights.items()}
