"""The density of all eigenvalues of the Hessian."""

from typing import Any, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point, Probes
from lsnn.options import integer
from lsnn.study.columns import Column

# An eigenvalue is an outlier if its size is above this fraction of the spectral norm.
OUTLIER = 0.1


class Density:
    """The spectral density, by stochastic Lanczos quadrature.

    From each of several random vectors with entries 1 and -1, the Lanczos method gives nodes, the
    Ritz values, and weights, the squares of their vectors' first components: those of the Gauss
    quadrature of the density as that vector sees it (Golub and Meurant 2010; Ghorbani et al. 2019).
    Their mean over vectors estimates the density. Nodes and weights are kept as they are.
    """

    options = {
        "probes": integer("Random vectors.", 8, "vectors", least=2, most=1000),
        "steps": integer(
            "Lanczos steps, and so nodes, per vector; twice as many moments are exact.",
            40,
            "steps",
            least=2,
            most=1000,
        ),
    }
    arrays = ("density_nodes", "density_weights")  # (probes, steps); nan and 0 where there is none
    figures = ("density", "density_lines")
    columns = (
        Column(
            "outliers",
            "estimate",
            "outliers of the spectrum",
            meaning="How many eigenvalues have more than a tenth of the size of the one of largest "
            "magnitude. The others are called the bulk.",
            unit="eigenvalues",
            summary=("final",),
        ),
        Column("outliers_se", "estimate"),  # standard error, as of the others
        Column(
            "bulk_mean",
            "estimate",
            "mean of the bulk",
            meaning="Of the eigenvalues that are not outliers.",
            summary=("final",),
        ),
        Column("bulk_mean_se", "estimate"),
        Column(
            "bulk_width",
            "estimate",
            "width of the bulk",
            meaning="The standard deviation of the eigenvalues that are not outliers.",
            summary=("final",),
        ),
        Column("bulk_width_se", "estimate"),
        Column(
            "negative_mass",
            "estimate",
            "negative part of the spectrum",
            meaning="What negative eigenvalues contribute to the sum of the sizes of all. How many "
            "there are cannot be told where most are near 0.",
            summary=("final",),
        ),
        Column("negative_mass_se", "estimate"),
    )

    def __init__(self, probes: int, steps: int):
        self._shape = (probes, steps)
        self.products = probes * steps
        self.kept = 2 * probes * steps

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        nodes, weights = density_of(point.probes, *self._shape)
        row: Dict[str, Any] = dict(zip(self.arrays, (nodes, weights)))
        row.update(numbers_of(nodes, weights, point.operator.shape[0]))
        return row, {}


def density_of(probes: Probes, n_probes: int, steps: int) -> Tuple[np.ndarray, np.ndarray]:
    """Return the spectral density of an operator, by stochastic Lanczos quadrature.

    >>> from scipy.sparse.linalg import aslinearoperator
    >>> operator = aslinearoperator(np.diag([1.0, 2.0, 4.0]))
    >>> nodes, weights = density_of(Probes(operator, seed=1), 1, 3)
    >>> nodes.round(6).tolist(), weights.round(3).tolist()
    ([[1.0, 2.0, 4.0]], [[0.333, 0.333, 0.333]])

    Args:
        probes: of the operator.
        n_probes: how many of them.
        steps: Lanczos steps from each.

    Returns:
        Nodes and weights (n_probes, steps); where there is none, nan and 0. That is everywhere if a
        product was not finite.
    """
    nodes, weights = np.full((n_probes, steps), np.nan), np.zeros((n_probes, steps))
    for number in range(n_probes):
        space = probes.space(number, steps)
        if space is None:
            return np.full_like(nodes, np.nan), np.zeros_like(weights)
        values, vectors, _ = space.ritz()
        nodes[number, : len(values)] = values
        weights[number, : len(values)] = vectors[0] ** 2
    return nodes, weights


def numbers_of(nodes: np.ndarray, weights: np.ndarray, size: int) -> Dict[str, float]:
    """Return the columns of nodes and weights (probes, steps) by name.

    Standard errors are those of the jackknife over probes.

    Args:
        size: number of all eigenvalues.
    """
    n_probes = len(nodes)
    whole = _numbers(nodes, weights, size)
    parts = [
        _numbers(np.delete(nodes, number, axis=0), np.delete(weights, number, axis=0), size)
        for number in range(n_probes)
    ]
    row = {}
    for name, value in whole.items():
        without = np.array([part[name] for part in parts])
        square = np.sum((without - without.mean()) ** 2)
        row[name] = float(value)
        row[name + "_se"] = float(np.sqrt((n_probes - 1) / float(n_probes) * square))
    return row


def _numbers(nodes, weights, size):
    """Return the numbers of nodes and weights of some probes together, by name."""
    there = weights > 0
    nodes, weights = nodes[there], weights[there] / len(nodes)
    if not len(nodes):
        return dict.fromkeys(("outliers", "bulk_mean", "bulk_width", "negative_mass"), np.nan)
    sizes = np.abs(nodes)
    is_bulk = sizes <= OUTLIER * sizes.max()
    bulk, mean, square = weights[is_bulk].sum(), np.nan, np.nan
    if bulk > 0.0:
        mean = weights[is_bulk].dot(nodes[is_bulk]) / bulk
        square = weights[is_bulk].dot((nodes[is_bulk] - mean) ** 2) / bulk
    total = weights.dot(sizes)
    return {
        "outliers": size * (1.0 - bulk),
        "bulk_mean": mean,
        "bulk_width": np.sqrt(square),
        "negative_mass": weights.dot(np.maximum(-nodes, 0.0)) / total if total > 0.0 else np.nan,
    }
