"""The trace of the empirical Fisher matrix."""

from typing import Any, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.study.columns import Column


class EmpiricalFisherTrace:
    """The trace of the empirical Fisher matrix: the mean squared norm of an example's gradient.

    The gradient is that of the task's loss of one example, without L2 and firing-rate term. For a
    loss that is a negative log-likelihood, the matrix is the mean of g g^T over examples (Kunstner
    et al. 2019).
    """

    options: Dict[str, Any] = {}
    columns = (
        Column(
            "empirical_fisher_trace",
            "estimate",
            "trace of the empirical Fisher matrix",
            meaning="The mean squared norm of the gradient of the task's loss of one example.",
            scale="log",
            summary=("final", "mean", "compared"),
            figure="empirical_fisher_trace",
        ),
        Column("empirical_fisher_trace_se", "estimate"),  # standard error over examples
    )
    products = 10

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        squares = [gradient.dot(gradient) for gradient in point.operator.gradients_by_example()]
        error = np.std(squares, ddof=1) / np.sqrt(len(squares)) if len(squares) > 1 else np.nan
        row = {
            "empirical_fisher_trace": np.mean(squares),
            "empirical_fisher_trace_se": error,
        }
        return row, {}
