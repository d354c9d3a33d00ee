"""An example of a quantity of the Hessian."""

import numpy as np

from lsnn.randomness import generator
from lsnn.study.columns import Column


class RandomCurvature:
    """The curvature along a random direction."""

    options = {}
    columns = (
        Column(
            "random_curvature",
            "estimate",
            "random curvature",
            meaning="The same direction at every checkpoint of a run.",
            unit="mV^2",
            scale="symlog",
            summary=("final", "mean"),
            figure="random_curvature",
        ),
    )

    def measure(self, point):
        hessian = point.operator
        direction = generator(point.seed, "direction").randn(hessian.size)
        direction /= np.linalg.norm(direction)
        return {"random_curvature": float(direction.dot(hessian.product(direction)))}, {}
