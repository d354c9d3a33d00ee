"""A learning rate that rises at the beginning."""

from lsnn.options import integer, number
from lsnn.update.base import Part


class Ramp(Part):
    """A learning rate that rises linearly at the beginning.

    It is multiplied by start + (1 - start) t / iterations at iteration t, and by 1 from t =
    iterations on.
    """

    options = {
        "iterations": integer(
            "Iterations over which the learning rate rises.", 100, "iterations", least=1
        ),
        "start": number("Part of the learning rate at iteration 0.", 0.1, least=0, most=1),
    }

    def __init__(self, iterations: int, start: float):
        self._iterations = iterations
        self._start = start

    def factor(self, iteration: int) -> float:
        return self._start + (1.0 - self._start) * min(iteration / self._iterations, 1.0)
