"""The extreme eigenvalues on other examples."""

from lsnn.curvature.lanczos import Krylov, extreme_eigenvalues, mixed_with_random
from lsnn.curvature.quantities.extremes import TOLERANCE
from lsnn.randomness import generator
from lsnn.study.columns import eigenvalue_columns


class SecondSample(object):
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

    def __init__(self, tolerance):
        self._tolerance = tolerance

    def measure(self, point):
        """Return the columns at a :class:`lsnn.curvature.along_run.Point` by name."""
        random = generator(point.seed, "Lanczos, second sample")
        size = point.operator.shape[0]
        start = point.memory.setdefault("start", random.randn(size))
        with point.operator.on(point.operator.second_sample()):
            space = Krylov(point.operator, mixed_with_random(start, random))
            found = extreme_eigenvalues(space, self._tolerance)
        if found[0].vector is not None:
            point.memory["start"] = sum(one.vector for one in found)
        row = {}
        for name, one in zip(("lambda_max", "lambda_min"), found):
            row.update(one.columns(name + "_second_sample"))
        return row
