"""Sharpness relative to the size of the weights."""

from typing import Any, Dict, Tuple

import numpy as np
from scipy.sparse.linalg import LinearOperator

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.eigenvalues import largest_from
from lsnn.curvature.quantities.extremes import TOLERANCE
from lsnn.curvature.weights import flat
from lsnn.randomness import generator
from lsnn.study.columns import eigenvalue_columns


class Adaptive:
    """The largest eigenvalue of D H D with D = diag(abs w), adaptive sharpness (Kwon et al. 2021).

    It stays the same when a unit's incoming weights are multiplied by c and its outgoing ones by
    1 / c.
    """

    options = {"tolerance": TOLERANCE}
    columns = eigenvalue_columns(
        "adaptive_max",
        "adaptive sharpness",
        meaning="The largest eigenvalue of D H D with D = diag(|w|): the curvature for changes "
        "relative to the size of each weight.",
        scale="log",
        summary=("final", "mean", "compared"),
        figure="adaptive_sharpness",
    )
    products = 10

    def __init__(self, tolerance: float):
        self._tolerance = tolerance

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        hessian = point.operator
        sizes = {name: np.abs(weights) for name, weights in hessian.weights.items()}
        scaled = Scaled(hessian, flat(sizes, hessian.parameters))
        random = generator(point.seed, "Lanczos")
        start = point.memory.get("start")
        largest, start = largest_from(scaled, start, random, self._tolerance)
        return largest.columns("adaptive_max"), {"start": start}


class Scaled(LinearOperator):
    """D H D, D being diagonal.

    Args:
        operator: H (size, size), symmetric.
        factors: the diagonal of D (size,).
    """

    def __init__(self, operator: LinearOperator, factors: np.ndarray):
        super().__init__(operator.dtype, operator.shape)
        self._operator, self._factors = operator, factors

    def _matvec(self, vector):
        return self._factors * self._operator.matvec(self._factors * np.ravel(vector))
