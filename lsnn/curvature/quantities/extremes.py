"""The extreme eigenvalues of the Hessian."""

from typing import Any, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.eigenvalues import (
    USUAL_TOLERANCE,
    Krylov,
    extreme_eigenvalues,
    mixed_with_random,
)
from lsnn.options import choice, flag, integer, number
from lsnn.randomness import generator
from lsnn.study.columns import eigenvalue_columns

LARGEST = eigenvalue_columns(
    "lambda_max",
    "largest eigenvalue λ_max",
    meaning="The larger, the sharper the loss around the weights.",
    scale="log",
    summary=("final", "mean", "compared"),
    figure="leading_eigenvalue",
    is_shifted_by_l2=True,
    threshold=True,
)
SMALLEST = eigenvalue_columns(
    "lambda_min",
    "smallest eigenvalue λ_min",
    meaning="Negative values are directions in which the loss curves downwards: far below "
    "zero the loss around the weights is strongly non-convex, near zero almost convex.",
    scale="symlog",
    summary=("final",),
    figure="smallest_eigenvalue",
    is_shifted_by_l2=True,
)
# Of either sign; the two above tell which.
LARGER_IN_MAGNITUDE = eigenvalue_columns(
    "lambda_abs_max", "eigenvalue of largest magnitude λ_|max|"
)


TOLERANCE = number(
    "Relative tolerance of an eigenvalue: it has converged when |Hv - lambda v| / |lambda|, with "
    "|v| = 1, is at most this, or |Hv - lambda v| / |H| is at most 1e-6, which is what products in "
    "float32 can tell.",
    USUAL_TOLERANCE,
    least=1.0e-5,
    most=0.1,
)


class Extremes:
    """The largest and the smallest eigenvalues, signed, and that of largest magnitude."""

    uses = ("density",)  # its first Krylov space is extended, if there is one

    options = {
        "ends": choice(
            "both - both ends of the spectrum; largest - that end alone, in a third of the time.",
            ["both", "largest"],
            "both",
        ),
        "k": integer("How many eigenvalues at either end.", 1, "eigenvalues", least=1, most=50),
        "vectors": flag(
            "Whether the eigenvectors are kept: the array `eigenvectors`, the largest first, then "
            "the smallest."
        ),
        "tolerance": TOLERANCE,
    }

    def __init__(self, ends: str, k: int, vectors: bool, tolerance: float):
        self._k, self._both = k, ends == "both"
        self._tolerance = tolerance
        self.arrays = ("eigenvectors",) if vectors else ()  # (k or 2 k, size); nan: unknown
        self.columns = LARGEST + (SMALLEST + LARGER_IN_MAGNITUDE if self._both else ())
        for name in self._names()[1:]:
            if name not in ("lambda_min", "lambda_abs_max"):
                self.columns += eigenvalue_columns(name, "")
        # Matrix-vector products per checkpoint, roughly; for k > 1 at least two spaces.
        self.products = (30 if self._both else 8) * min(k, 2) + 10 * (k - 1)

    def _names(self):
        """Return the names of the eigenvalues: the largest, the smallest, then the others."""
        ends = ["lambda_max", "lambda_min"] if self._both else ["lambda_max"]
        names = [f"{end}_{i}" for end in ends for i in range(2, self._k + 1)]
        return ends + (["lambda_abs_max"] if self._both else []) + names

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        hessian = point.operator
        random = generator(point.seed, "Lanczos")
        start = point.memory.get("start", random.randn(hessian.size))
        space = point.probes.first or Krylov(hessian, mixed_with_random(start, random))
        found = extreme_eigenvalues(space, self._tolerance, self._k, self._both)
        vectors = [eigenvalue.vector for eigenvalue in found if eigenvalue.vector is not None]
        largest, smallest = found[: self._k], found[self._k :]
        ends = largest[:1] + smallest[:1]
        if self._both:
            ends.append(max(ends, key=lambda eigenvalue: abs(eigenvalue.value)))
        row = {}
        for name, eigenvalue in zip(self._names(), ends + largest[1:] + smallest[1:]):
            row.update(eigenvalue.columns(name))
        if self.arrays:
            unknown = np.full(hessian.size, np.nan)
            kept = [unknown if e.vector is None else e.vector for e in found]
            row["eigenvectors"] = np.array(kept, np.float32)
        return row, {"start": sum(vectors, np.zeros(hessian.size)) if vectors else start}
