"""The curvature of the loss along what training follows."""

from typing import Any, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.weights import flat
from lsnn.study.columns import Column

DIRECTIONS = {
    "gradient": "the exact gradient",
    "rule_gradient": "the rule's gradient",
    "update": "the update on the batch",
}


class Curvature:
    """The curvature v^T H v / v^T v of the true loss along gradients and along the update.

    Those are, restricted to what is trained of the block: the exact gradient and the rule's on the
    same examples as the Hessian, without L2 term or pull, and the direction, with them, from which
    the optimiser makes its step at this iteration, on its batch.
    """

    options: Dict[str, Any] = {}
    columns = tuple(
        Column(
            "curvature_along_" + name,
            "estimate",
            "curvature along " + text,
            scale="symlog",
            summary=("final", "mean"),
            figure="curvature_along_" + name,
        )
        for name, text in DIRECTIONS.items()
    )
    products = 3

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        dynamics = point.operator
        exact, approximate = dynamics.gradients()
        vectors = (exact, approximate, dynamics.update(point.iteration))
        row = {}
        for name, by_parameter in zip(DIRECTIONS, vectors):
            vector = flat(by_parameter, dynamics.parameters)
            length = np.linalg.norm(vector)
            found = np.nan
            if length > 0.0:
                unit = vector / length
                found = float(unit.dot(dynamics.hessian.product(unit)))
            row["curvature_along_" + name] = found
        return row, {}
