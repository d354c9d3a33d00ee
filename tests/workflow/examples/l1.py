"""An example of a part of training."""

from lsnn.backend import tf
from lsnn.options import number
from lsnn.update.base import Part


class L1(Part):
    """An L1 penalty, strength |w|, on all trained parameters."""

    options = {"strength": number("Coefficient of the penalty.", 0.001, least=0)}

    def __init__(self, strength):
        self._strength = strength

    def terms(self, weights, start):
        return {name: self._strength * tf.sign(weight) for name, weight in weights.items()}
