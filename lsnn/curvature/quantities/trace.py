"""The trace of the Hessian."""

from typing import Any, Dict, List, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point, Probes
from lsnn.options import integer, number
from lsnn.study.columns import Column

LEAST_PROBES = 8  # for a standard error


class Trace:
    """The trace, by Hutchinson's estimator with its standard error.

    That is the mean of v^T H v over random vectors v with entries 1 and -1 (Hutchinson 1990); where
    the density is computed too, the products with its vectors are used.
    """

    uses = ("density",)  # products with its probes
    options = {
        "relative_error": number(
            "Wanted standard error, relative to the trace; vectors are added until it is reached.",
            0.1,
            above=0,
            most=1,
        ),
        "most_probes": integer(
            "Random vectors after which no more are added.", 100, "vectors", least=LEAST_PROBES
        ),
    }
    columns = (
        Column(
            "trace",
            "estimate",
            "trace of the Hessian",
            meaning="The sum of all eigenvalues: the mean curvature times the number of "
            "parameters, the L2 term's included.",
            scale="log",
            summary=("final", "mean", "compared"),
            figure="trace",
        ),
        Column("trace_se", "estimate"),  # standard error over probes
        Column("trace_probes", "integer"),
        Column("trace_converged", "flag"),  # whether the wanted error was reached
    )

    def __init__(self, relative_error: float, most_probes: int):
        self._wanted = relative_error
        self._most = most_probes
        self.products = 16

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        estimate = trace_of(point.probes, self._wanted, self._most)
        names = ("trace", "trace_se", "trace_probes", "trace_converged")
        return dict(zip(names, estimate)), {}


def trace_of(
    probes: Probes, relative_error: float, most_probes: int
) -> Tuple[float, float, int, bool]:
    """Return the trace of an operator, by Hutchinson's estimator.

    >>> from scipy.sparse.linalg import aslinearoperator
    >>> trace_of(Probes(aslinearoperator(np.diag([1.0, -4.0, 7.5])), seed=1), 0.1, 100)
    (4.5, 0.0, 8, True)

    Args:
        probes: of the operator.
        relative_error: wanted standard error, relative to the trace.
        most_probes: after which no more are added.

    Returns:
        The estimate, its standard error, the number of probes, and whether the wanted error was
        reached.
    """
    forms: List[float] = []
    while True:
        forms.append(probes.quadratic_form(len(forms)))
        if len(forms) < LEAST_PROBES:
            continue
        mean, error = np.mean(forms), np.std(forms, ddof=1) / np.sqrt(len(forms))
        is_good = bool(error <= relative_error * abs(mean))
        if is_good or len(forms) >= most_probes or not np.isfinite(mean):
            return float(mean), float(error), len(forms), is_good
