"""Sharpness that rescaling units without effect cannot change."""

from typing import Any, Dict, Mapping, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.eigenvalues import largest_from
from lsnn.curvature.hessian import ALL
from lsnn.curvature.quantities.adaptive import Scaled
from lsnn.curvature.quantities.extremes import TOLERANCE
from lsnn.curvature.weights import MATRICES, dynamic, flat
from lsnn.randomness import generator
from lsnn.study.columns import eigenvalue_columns

BALANCED = 1.0e-6  # relative change of a unit in a sweep after which the network is balanced
MOST_SWEEPS = 1000  # over all units


class Balanced:
    """The largest eigenvalue of the Hessian of the balanced network that computes the same.

    A rectified unit whose incoming weights are multiplied by c > 0, and its outgoing ones by 1 / c,
    computes the same, and so lambda_max can be moved at will (Dinh et al. 2017). Of all these
    networks one is balanced, every unit having incoming and outgoing weights of the same norm
    (:func:`balancing_factors`): the eigenvalue is that of D H D with one factor a unit.
    """

    # Units that can be rescaled without effect, and a loss that does not see it.
    requires = {
        "block": ALL,
        "network.neurons.threshold": 0,
        "network.neurons.n_adaptive": 0,
        "loss.l2": 0,
        "loss.rate_cost": 0,
    }
    options = {"tolerance": TOLERANCE}
    columns = eigenvalue_columns(
        "balanced_max",
        "λ_max of the balanced network",
        meaning="The largest eigenvalue of the Hessian of the network that computes the same and "
        "in which every unit has incoming and outgoing weights of the same Euclidean norm.",
        scale="log",
        summary=("final", "mean", "compared"),
        figure="balanced_sharpness",
    )
    products = 10

    def __init__(self, tolerance: float):
        self._tolerance = tolerance

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        hessian = point.operator
        factors = balancing_factors(hessian.weights)
        scaled = Scaled(hessian, flat(factors, hessian.parameters))
        random = generator(point.seed, "Lanczos")
        start = point.memory.get("start")
        largest, start = largest_from(scaled, start, random, self._tolerance)
        return largest.columns("balanced_max"), {"start": start}


def balancing_factors(weights: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """Return a network's weights relative to those of the balanced network that computes the same.

    In the balanced one the incoming weights of every unit have the norm of its outgoing ones,
    autapses left out: of all these networks it has the smallest sum of squares. It is found by
    balancing unit after unit (Osborne 1960); a unit without incoming or outgoing weights keeps its
    own.

    >>> ones = {"w_in": [[1.0]], "w_rec": [[9.0]], "w_out": [[4.0]], "b_out": [0.0]}
    >>> factors = balancing_factors({name: np.array(value) for name, value in ones.items()})
    >>> {name: factors[name].round(6).tolist() for name in ("w_in", "w_rec", "w_out")}
    {'w_in': [[0.5]], 'w_rec': [[1.0]], 'w_out': [[2.0]]}

    Args:
        weights: arrays by name, of rectified units.

    Returns:
        Arrays by name, of the shapes of the weights.
    """
    squares = {name: np.square(dynamic(weights, name)) for name in MATRICES}
    of_inputs, of_units = squares["w_in"].sum(axis=0), squares["w_rec"]
    of_outputs = squares["w_out"].sum(axis=1)
    scale = np.ones(len(of_units))  # squared, of what a unit puts out
    for _ in range(MOST_SWEEPS):
        before = scale.copy()
        for unit in range(len(scale)):
            incoming = of_inputs[unit] + of_units[:, unit].dot(1.0 / scale)
            outgoing = of_outputs[unit] + of_units[unit].dot(scale)
            if incoming > 0.0 and outgoing > 0.0:
                scale[unit] = np.sqrt(outgoing / incoming)
        if np.all(np.abs(scale - before) <= BALANCED * scale):
            break
    factor = np.sqrt(scale)
    return {
        "w_in": np.broadcast_to(1.0 / factor, weights["w_in"].shape),
        "w_rec": factor[:, None] / factor,
        "w_out": np.broadcast_to(factor[:, None], weights["w_out"].shape),
        "b_out": np.ones_like(weights["b_out"]),
    }
