"""A learning rate that decays in steps."""

from lsnn.options import integer, number
from lsnn.update.base import Part


class StepDecay(Part):
    """A learning rate that decays in steps: times factor^(iteration // every)."""

    options = {
        "factor": number(
            "What multiplies the learning rate at every step down.", 0.8, above=0, most=1
        ),
        "every": integer(
            "Iterations from one step down to the next.", 50000, "iterations", least=1
        ),
    }

    def __init__(self, factor: float, every: int):
        self._factor = factor
        self._every = every

    def factor(self, iteration: int) -> float:
        return self._factor ** (iteration // self._every)
