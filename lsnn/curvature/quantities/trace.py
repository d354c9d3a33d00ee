"""The trace of the Hessian."""

import numpy as np

from lsnn.options import integer, number
from lsnn.study.columns import Column

LEAST_PROBES = 8  # for a standard error


class Trace(object):
    """The trace, by Hutchinson's estimator with its standard error.

    That is the mean of v^T H v over random vectors v with entries 1 and -1 (Hutchinson 1990); where
    the density is computed too, the products with its vectors are used.
    """

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

    def __init__(self, relative_error, most_probes):
        self._wanted = relative_error
        self._most = most_probes
        self.products = 16

    def measure(self, point):
        """Return the columns at a :class:`lsnn.curvature.along_run.Point` by name."""
        forms = []
        while True:
            forms.append(point.probes.quadratic_form(len(forms)))
            if len(forms) < LEAST_PROBES:
                continue
            mean, error = np.mean(forms), np.std(forms, ddof=1) / np.sqrt(len(forms))
            is_good = bool(error <= self._wanted * abs(mean))
            if is_good or len(forms) >= self._most or not np.isfinite(mean):
                break
        return {
            "trace": float(mean),
            "trace_se": float(error),
            "trace_probes": len(forms),
            "trace_converged": is_good,
        }
