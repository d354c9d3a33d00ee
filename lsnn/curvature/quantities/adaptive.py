"""Sharpness that stays the same when weights are rescaled without effect."""

from typing import Any, Dict, Mapping, Tuple

import numpy as np
from scipy.sparse.linalg import LinearOperator

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.eigenvalues import Krylov, extreme_eigenvalues, mixed_with_random
from lsnn.curvature.hessian import ALL
from lsnn.curvature.quantities.extremes import TOLERANCE
from lsnn.curvature.weights import MATRICES, dynamic, flat
from lsnn.network import PARAMETERS
from lsnn.options import flag
from lsnn.randomness import generator
from lsnn.study.columns import eigenvalue_columns

BY_WEIGHT = eigenvalue_columns(
    "adaptive_max",
    "adaptive sharpness",
    meaning="The largest eigenvalue of D H D with D = diag(|w|): the curvature for changes "
    "relative to the size of each weight.",
    scale="log",
    summary=("final", "mean", "compared"),
    figure="adaptive_sharpness",
)
BY_UNIT = eigenvalue_columns(
    "balanced_max",
    "λ_max of the balanced network",
    meaning="The largest eigenvalue of the Hessian of the network that computes the same and in "
    "which every unit has incoming and outgoing weights of the same Euclidean norm.",
    scale="log",
    summary=("final", "mean", "compared"),
    figure="balanced_sharpness",
)
# For units that can be rescaled without effect, and a loss that does not see it.
REQUIRED: Dict[str, Any] = {
    "block": ALL,
    "network.neurons.threshold": 0,
    "network.neurons.n_adaptive": 0,
    "loss.l2": 0,
    "loss.rate_cost": 0,
}
BALANCED = 1.0e-6  # relative change of a unit in a sweep after which the network is balanced
MOST_SWEEPS = 1000  # over all units


class Adaptive:
    """The largest eigenvalue of D H D with D = diag(abs w), adaptive sharpness (Kwon et al. 2021).

    With ``by_unit`` also that of D H D with one factor a unit. A rectified unit whose incoming
    weights are multiplied by c > 0, and its outgoing ones by 1 / c, computes the same, and so
    lambda_max can be moved at will (Dinh et al. 2017). Of all these networks one is balanced, every
    unit having incoming and outgoing weights of the same norm (:func:`balancing_factors`): the
    eigenvalue is that of its Hessian.
    """

    requires_for = "adaptive by_unit"
    options = {
        "by_unit": flag(
            "Whether the largest eigenvalue of the balanced network is computed, too; for rate "
            "units without threshold and adaptation, and a loss of the task alone."
        ),
        "tolerance": TOLERANCE,
    }

    def __init__(self, by_unit: bool, tolerance: float):
        self._by_unit, self._tolerance = by_unit, tolerance
        self.columns = BY_WEIGHT + (BY_UNIT if by_unit else ())
        self.requires = REQUIRED if by_unit else {}
        self.products = 20 if by_unit else 10

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        hessian = point.operator
        factors = {"adaptive_max": {name: np.abs(hessian.weights[name]) for name in PARAMETERS}}
        if self._by_unit:
            factors["balanced_max"] = balancing_factors(hessian.weights)
        row: Dict[str, Any] = {}
        memory = {}
        for name, by_parameter in factors.items():
            scaled = Scaled(hessian, flat(by_parameter, hessian.parameters))
            random = generator(point.seed, "Lanczos")
            start = point.memory.get(name, random.randn(hessian.size))
            space = Krylov(scaled, mixed_with_random(start, random))
            (largest,) = extreme_eigenvalues(space, self._tolerance, smallest=False)
            row.update(largest.columns(name))
            memory[name] = start if largest.vector is None else largest.vector
        return row, memory


class Scaled(LinearOperator):
    """D H D, D being diagonal.

    Args:
        operator: H (size, size), symmetric.
        factors: the diagonal of D (size,).
    """

    def __init__(self, operator: LinearOperator, factors: np.ndarray):
        super().__init__(operator.dtype, operator.shape)
        self._operator, self._factors = operator, factors

    def _matvec(self, vector):
        return self._factors * self._operator.matvec(self._factors * np.ravel(vector))


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
