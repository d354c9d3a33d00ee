"""A learning rate that falls along half a period of a cosine."""

import math

from lsnn.options import integer, number
from lsnn.update.base import Part


class Cosine(Part):
    """A learning rate that falls along half a period of a cosine, and then is constant.

    It is multiplied by final + (1 - final) (1 + cos(pi t / iterations)) / 2 at iteration t, and by
    final from t = iterations on (Loshchilov and Hutter 2017, eq. 5, without restarts).
    """

    options = {
        "iterations": integer(
            "Iterations over which the learning rate falls.", 10000, "iterations", least=1
        ),
        "final": number("Part of the learning rate that is left after them.", 0.0, least=0, most=1),
    }

    def __init__(self, iterations: int, final: float):
        self._iterations = iterations
        self._final = final

    def factor(self, iteration: int) -> float:
        passed = min(iteration / self._iterations, 1.0)
        return self._final + (1.0 - self._final) * (1.0 + math.cos(math.pi * passed)) / 2.0
