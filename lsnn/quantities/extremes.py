"""The extreme eigenvalues of the Hessian."""

from lsnn.columns import eigenvalue_columns
from lsnn.lanczos import extreme_eigenvalues
from lsnn.options import choice, number
from lsnn.randomness import generator

LARGEST = eigenvalue_columns(
    "lambda_max",
    "largest eigenvalue λ_max",
    meaning="The larger, the sharper the loss around the weights.",
    scale="log",
    summary=("final", "mean", "compared"),
    figure="leading_eigenvalue",
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
)
LARGER_IN_MAGNITUDE = eigenvalue_columns(
    "lambda_abs_max", "eigenvalue of largest magnitude λ_|max|", summary=("final", "mean")
)


class Extremes(object):
    """The largest and the smallest eigenvalue, signed, and that of larger magnitude."""

    options = {
        "ends": choice(
            "both - of the spectrum; largest - that end alone, for a third of the time.",
            ["both", "largest"],
            "both",
        ),
        "tolerance": number(
            "Relative tolerance of an eigenvalue: it has converged when |Hv - lambda v| / "
            "|lambda|, with |v| = 1, is at most this, or |Hv - lambda v| / |H| is at most 1e-6, "
            "which is what products in float32 can tell.",
            1.0e-3,
            least=1.0e-5,
            most=0.1,
        ),
    }

    def __init__(self, ends, tolerance):
        self._both = ends == "both"
        self._tolerance = tolerance
        self.columns = LARGEST + (SMALLEST + LARGER_IN_MAGNITUDE if self._both else ())
        self.products = 30 if self._both else 8  # Hessian-vector products a checkpoint, about

    def measure(self, hessian, seed, memory):
        """Return the columns at one checkpoint by name.

        Args:
            hessian: :class:`lsnn.hessian.Hessian`, moved to the checkpoint.
            seed: of the run.
            memory: arrays by name that the checkpoint before has left; is changed.
        """
        random = generator(seed, "Lanczos")
        start = memory.setdefault("start", random.randn(hessian.size))
        found = extreme_eigenvalues(hessian, self._tolerance, start, random, self._both)
        memory["start"] = sum(one.vector for one in found) if found[0].vector is not None else start
        if self._both:
            found.append(max(found, key=lambda one: abs(one.value)))
        row = {}
        for name, one in zip(("lambda_max", "lambda_min", "lambda_abs_max"), found):
            row[name] = one.value
            row[name + "_residual"] = one.residual
            row[name + "_norm_residual"] = one.norm_residual
            row[name + "_converged"] = one.converged
        return row
