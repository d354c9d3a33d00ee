"""Pictures of the loss around the weights."""

from typing import Any, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.eigenvalues import largest_from
from lsnn.curvature.weights import flat
from lsnn.options import integer, number
from lsnn.randomness import generator
from lsnn.study.columns import Column
from lsnn.update.settings import SGD


class Slice:
    """The loss along the leading eigenvector of the Hessian, along the step, and on their plane.

    The step is that of the learning rule at this iteration, on its batch: minus the learning rate
    times the direction of the update, L2 term and pull included. The plane is spanned by the
    eigenvector and by what the step has beside it; the eigenvector points to the side of the step.
    """

    requires = {"training.optimiser": SGD}
    options = {
        "extent": number("Largest distance from the weights, to both sides.", 0.1, above=0),
        "points": integer("Distances on either side.", 10, "points", least=1, most=500),
    }
    # The distances (n,), with 0 in the middle; the losses at them along the eigenvector and along
    # the step (n,), and on the plane (n, n), whose first axis is along the eigenvector; the step in
    # the plane (2,).
    arrays = (
        "slice_distances",
        "slice_along_eigenvector",
        "slice_along_step",
        "slice_plane",
        "slice_step",
    )
    figures = ("slice", "slice_lines")
    columns = (
        Column("step_length", "estimate", "length of the rule's step", scale="log"),
        Column(
            "step_along_eigenvector",
            "estimate",
            "cosine of the rule's step and the leading eigenvector",
            meaning="0: the step is orthogonal to the direction in which the loss curves most; 1: "
            "it goes along it.",
            summary=("final", "mean"),
        ),
    )

    def __init__(self, extent: float, points: int):
        n = 2 * points + 1
        self._distances = np.linspace(-extent, extent, n)
        self.products = 10 + n**2 // 4
        self.kept = n**2 + 3 * n + 2

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        dynamics, hessian = point.operator, point.operator.hessian
        random = generator(point.seed, "Lanczos")
        largest, start = largest_from(hessian, point.memory.get("start"), random)
        direction = flat(dynamics.update(point.iteration), dynamics.parameters)
        step = -dynamics.learning_rate(point.iteration) * direction
        length = np.linalg.norm(step)
        eigenvector = np.full(hessian.size, np.nan) if largest.vector is None else largest.vector
        if step.dot(eigenvector) < 0.0:
            eigenvector = -eigenvector
        along = step.dot(eigenvector)
        beside = step - along * eigenvector
        with np.errstate(invalid="ignore", divide="ignore"):
            unit_step, second = step / length, beside / np.linalg.norm(beside)

        def losses(*axes):
            """Return the losses at all combinations of distances along directions."""
            places = np.meshgrid(*[self._distances] * len(axes), indexing="ij")
            offsets = np.stack([place.ravel() for place in places], axis=1).dot(axes)
            return np.reshape([hessian.loss(offset) for offset in offsets], places[0].shape)

        row = {
            "slice_distances": self._distances,
            "slice_along_eigenvector": losses(eigenvector),
            "slice_along_step": losses(unit_step),
            "slice_plane": losses(eigenvector, second),
            "slice_step": np.array([along, np.linalg.norm(beside)]),
            "step_length": length,
            "step_along_eigenvector": along / length if length > 0.0 else np.nan,
        }
        return row, {"start": start}
