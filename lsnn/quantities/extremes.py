"""The extreme eigenvalues of the Hessian."""

from lsnn.columns import Column
from lsnn.hessian import extreme_eigenvalues, larger_in_magnitude
from lsnn.options import number
from lsnn.randomness import generator


def _columns(name, label, **shown):
    return (
        Column(name, "estimate", label, **shown),
        Column(name + "_residual", "estimate"),  # |Hv - lambda v| / |lambda|
        Column(name + "_converged", "flag"),
    )


class Extremes(object):
    """The largest and the smallest eigenvalue, signed, and that of larger magnitude."""

    options = {
        "tolerance": number(
            "Relative tolerance of an eigenvalue: it has converged when |Hv - lambda v| / "
            "|lambda|, with |v| = 1, is at most this.",
            1.0e-3,
            least=1.0e-5,
            most=0.1,
        )
    }
    products = 45  # Hessian-vector products a checkpoint, about
    columns = (
        _columns(
            "lambda_max",
            "largest eigenvalue λ_max",
            meaning="The larger, the sharper the loss around the weights.",
            scale="log",
            summary=("final", "mean", "ratio"),
            figure="leading_eigenvalue",
            threshold=True,
        )
        + _columns(
            "lambda_min",
            "smallest eigenvalue λ_min",
            meaning="Negative values are directions in which the loss curves downwards: far below "
            "zero the loss around the weights is strongly non-convex, near zero almost convex.",
            scale="symlog",
            summary=("final",),
            figure="smallest_eigenvalue",
        )
        + _columns(
            "lambda_abs_max", "eigenvalue of largest magnitude λ_|max|", summary=("final", "mean")
        )
    )

    def __init__(self, tolerance):
        self._tolerance = tolerance

    def measure(self, hessian, seed, memory):
        """Return the columns at one checkpoint by name.

        Args:
            hessian: :class:`lsnn.hessian.Hessian`, moved to the checkpoint.
            seed: of the run.
            memory: arrays by name that the checkpoint before has left; is changed.
        """
        start = memory.get("start")
        if start is None:
            start = generator(seed, "Lanczos").randn(hessian.size)
        largest, smallest = extreme_eigenvalues(hessian, self._tolerance, start)
        both = larger_in_magnitude(largest, smallest)
        row = {}
        for name, found in zip(
            ("lambda_max", "lambda_min", "lambda_abs_max"), (largest, smallest, both)
        ):
            row[name] = found.value
            row[name + "_residual"] = found.residual
            row[name + "_converged"] = found.converged
        memory["start"] = start if largest.vector is None else largest.vector + smallest.vector
        return row
