"""What settles at 2 / learning rate under mini-batches."""

from typing import Any, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.hessian import ALL
from lsnn.options import integer
from lsnn.study.columns import Column


class BatchSharpness:
    """The curvature of the loss of a training batch along the gradient of the same batch.

    With g and H the exact gradient and Hessian of the whole loss on a batch, it is E g.Hg / E g.g
    over the batches that training takes next. Under mini-batches this, and not lambda_max, settles
    at 2 / learning rate (Andreyev and Beneventano, arXiv 2412.20553). Their published code averages
    the ratio g.Hg / g.g of each batch instead: that is ``batch_sharpness_of_ratios``.
    """

    requires = {"block": ALL}
    options = {"batches": integer("Training batches.", 16, "batches", least=2, most=10000)}
    columns = (
        Column(
            "batch_sharpness",
            "estimate",
            "batch sharpness",
            meaning="E g.Hg / E g.g over training batches, g and H being those of the loss on the "
            "same batch.",
            scale="symlog",
            summary=("final", "mean"),
            figure="batch_sharpness",
            threshold=True,
        ),
        Column("batch_sharpness_se", "estimate"),  # standard error over batches, as of the other
        Column(
            "batch_sharpness_of_ratios",
            "estimate",
            "mean of g.Hg / g.g over training batches",
            scale="symlog",
            summary=("final", "mean"),
        ),
        Column("batch_sharpness_of_ratios_se", "estimate"),
    )

    def __init__(self, batches: int):
        self._batches = batches
        self.products = 2 * batches

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        found = []
        for number in range(self._batches):
            with point.operator.hessian_of_batch(point.iteration + number) as hessian:
                gradient = hessian.gradient()
                found.append((gradient.dot(hessian.product(gradient)), gradient.dot(gradient)))
        names = ("batch_sharpness", "batch_sharpness_of_ratios")
        row = {}
        for name, (value, error) in zip(names, ratios(*np.array(found).T)):
            row.update({name: value, name + "_se": error})
        return row, {}


def ratios(forms: np.ndarray, squares: np.ndarray) -> Tuple[Tuple[float, float], ...]:
    """Return the ratio of the means of two arrays (n,), and the mean of their ratios.

    Each comes with its standard error; that of the first is linearised (delta method).

    >>> ratios(np.array([2.0, 2.0]), np.array([1.0, 2.0]))[0][0]
    1.3333333333333333
    >>> ratios(np.array([2.0, 2.0]), np.array([1.0, 2.0]))[1]
    (1.5, 0.5)
    """
    n, ratio, each = len(forms), forms.mean() / squares.mean(), forms / squares
    rests = (forms - ratio * squares) / squares.mean()
    return tuple(
        (float(value), float(np.std(parts, ddof=1) / np.sqrt(n)))
        for value, parts in ((ratio, rests), (each.mean(), each))
    )
