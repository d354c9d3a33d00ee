"""The density of all eigenvalues of the Hessian."""

import numpy as np

from lsnn.options import integer
from lsnn.study.columns import Column

# An eigenvalue is an outlier if its size is above this fraction of the spectral norm.
OUTLIER = 0.1


class Density(object):
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

    def __init__(self, probes, steps):
        self._shape = (probes, steps)
        self.products = probes * steps
        self.kept = 2 * probes * steps

    def measure(self, point):
        """Return columns and arrays at a :class:`lsnn.curvature.along_run.Point` by name."""
        nodes, weights = np.full(self._shape, np.nan), np.zeros(self._shape)
        probes, steps = self._shape
        for number in range(probes):
            space = point.probes.space(number, steps)
            if space is None:
                nodes[:], weights[:] = np.nan, 0.0
                break
            values, vectors, _ = space.ritz()
            nodes[number, : len(values)] = values
            weights[number, : len(values)] = vectors[0] ** 2
        row = dict(zip(self.arrays, (nodes, weights)))
        row.update(numbers_of(nodes, weights, point.operator.shape[0]))
        return row


def numbers_of(nodes, weights, size):
    """Return the columns of nodes and weights (probes, steps) by name.

    Standard errors are those of the jackknife over probes.

    Args:
        size: number of all eigenvalues.
    """
    n_probes = len(nodes)
    whole = _of_all(nodes, weights, size)
    kept = [np.arange(n_probes) != number for number in range(n_probes)]
    parts = [_of_all(nodes[one], weights[one], size) for one in kept]
    row = {}
    for name, value in whole.items():
        without = np.array([part[name] for part in parts])
        square = np.sum((without - without.mean()) ** 2)
        row[name] = float(value)
        row[name + "_se"] = float(np.sqrt((n_probes - 1) / float(n_probes) * square))
    return row


def _of_all(nodes, weights, size):
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
