"""Whether a learning rule's own update is stable."""

from typing import Any, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.eigenvalues import largest_from, leading_eigenvalues, mixed_with_random
from lsnn.curvature.quantities.alignment import alignment
from lsnn.curvature.quantities.extremes import TOLERANCE
from lsnn.curvature.rule_update import RECURRENT
from lsnn.curvature.weights import flat
from lsnn.randomness import generator
from lsnn.study.columns import Column, eigenvalue_columns


class Stability:
    """The leading eigenvalues mu of the derivative M of the rule's gradient, and of the Hessian.

    An iteration's step w <- w - eta d, d being the rule's gradient with what training adds to it
    (:class:`lsnn.update.update.Update`), multiplies a small deviation by 1 - eta M with M = dd/dw,
    which is not symmetric: it shrinks if |1 - eta mu| < 1 for all eigenvalues. With the exact
    gradient alone, M is the Hessian. For one sample, or near a minimum of loss 0 with one curved
    direction, it shrinks if lambda_max < 2 / (eta rho) (Liu et al. 2022).
    """

    options = {"tolerance": TOLERANCE}
    figures = ("stability",)
    columns = (
        *eigenvalue_columns(
            "mu_abs_max",
            "size of the leading eigenvalue μ of the rule's derivative",
            meaning="The rule's update is unstable where it is above 2 / learning rate.",
            scale="log",
            summary=("final", "mean", "compared"),
        ),
        Column("mu_abs_max_real", "estimate"),
        Column("mu_abs_max_imag", "estimate"),
        *eigenvalue_columns("mu_real_max", "largest real part of an eigenvalue μ", scale="symlog"),
        Column("mu_real_max_imag", "estimate"),
        *eigenvalue_columns(
            "hessian_max", "λ_max on the same examples", scale="log", summary=("final", "mean")
        ),
        Column(
            "eta_mu",
            "estimate",
            "learning rate times the size of μ",
            meaning="Above 2 the rule's update is unstable.",
            scale="log",
            summary=("final", "mean"),
        ),
        Column(
            "eta_hessian",
            "estimate",
            "learning rate times λ_max",
            scale="log",
            summary=("final", "mean"),
        ),
        Column(
            "curvature_bound",
            "estimate",
            "bound 2 / (learning rate × ρ)",
            meaning="Of λ_max, by the theorem; there is none where ρ is not positive.",
            scale="log",
            summary=("final", "mean"),
        ),
        Column(
            "part_of_bound",
            "estimate",
            "λ_max relative to its bound",
            meaning="1: at the bound of the theorem.",
            scale="log",
            summary=("final", "mean"),
        ),
    )
    products = 30

    def __init__(self, tolerance: float):
        self._tolerance = tolerance

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        dynamics = point.operator
        (by_modulus, by_real_part), start_of_rule = self._of_rule(point)
        largest, start_of_hessian = self._of_hessian(point)
        parts = [flat(gradient, RECURRENT) for gradient in dynamics.gradients()]
        rho, eta = alignment(*parts)["rho"], dynamics.learning_rate(point.iteration)
        bound = 2.0 / (eta * rho) if eta * rho > 0.0 else np.nan
        row = by_modulus.columns("mu_abs_max", abs(by_modulus.value))
        row["mu_abs_max_real"] = by_modulus.value.real
        row["mu_abs_max_imag"] = by_modulus.value.imag
        row.update(by_real_part.columns("mu_real_max", by_real_part.value.real))
        row["mu_real_max_imag"] = by_real_part.value.imag
        row.update(largest.columns("hessian_max"))
        row["eta_mu"] = eta * abs(by_modulus.value)
        row["eta_hessian"] = eta * largest.value
        row["curvature_bound"] = bound
        row["part_of_bound"] = largest.value / bound
        return row, {"start_of_rule": start_of_rule, "start_of_hessian": start_of_hessian}

    def _of_rule(self, point):
        """Return the leading eigenvalues of M, and where to start from at the next checkpoint."""
        jacobian = point.operator.jacobian
        random = generator(point.seed, "Arnoldi")
        start = point.memory.get("start_of_rule", random.randn(jacobian.size))
        found = leading_eigenvalues(jacobian, self._tolerance, mixed_with_random(start, random))
        if found[0].vector is not None:
            # Both parts of a complex vector lie in the space of its conjugate pair.
            start = sum(v.vector.real + v.vector.imag for v in found)
        return found, start

    def _of_hessian(self, point):
        """Return the largest eigenvalue of H, and where to start from at the next checkpoint."""
        hessian = point.operator.hessian
        random = generator(point.seed, "Lanczos")
        start = point.memory.get("start_of_hessian")
        return largest_from(hessian, start, random, self._tolerance)
