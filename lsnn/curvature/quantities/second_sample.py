"""The extreme eigenvalues on other examples."""

from typing import Any, Dict, Tuple

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.eigenvalues import Krylov, extreme_eigenvalues, mixed_with_random
from lsnn.curvature.quantities.extremes import TOLERANCE
from lsnn.randomness import generator
from lsnn.study.columns import eigenvalue_columns


class SecondSample:
    """The largest and the smallest eigenvalue on as many other examples of the split.

    No example is in both samples: the difference shows the error of a sample of this size.
    """

    options = {"tolerance": TOLERANCE}
    columns = eigenvalue_columns(
        "lambda_max_second_sample", "λ_max on other examples", scale="log", summary=("final",)
    ) + eigenvalue_columns(
        "lambda_min_second_sample", "λ_min on other examples", scale="symlog", summary=("final",)
    )
    products = 30

    def __init__(self, tolerance: float):
        self._tolerance = tolerance

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        random = generator(point.seed, "Lanczos, second sample")
        size = point.operator.shape[0]
        start = point.memory.get("start", random.randn(size))
        with point.operator.on(point.operator.second_sample()):
            space = Krylov(point.operator, mixed_with_random(start, random))
            found = extreme_eigenvalues(space, self._tolerance)
        if found[0].vector is not None:
            start = found[0].vector + found[1].vector
        row = {}
        for name, eigenvalue in zip(("lambda_max", "lambda_min"), found):
            row.update(eigenvalue.columns(name + "_second_sample"))
        return row, {"start": start}
