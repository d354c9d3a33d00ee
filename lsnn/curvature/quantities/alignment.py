"""How a learning rule's gradient relates to the exact one."""

from collections import OrderedDict
from typing import Any, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.curvature.rule_update import RECURRENT
from lsnn.curvature.weights import flat
from lsnn.study.columns import Column

# Parameters by the suffix of the columns' names.
PARTS = OrderedDict([("", RECURRENT)] + [("_" + name, (name,)) for name in RECURRENT])


def _columns():
    for suffix, parameters in PARTS.items():
        of = ", " + " and ".join(parameters)
        is_whole = len(parameters) > 1
        shown = {"summary": ("final", "mean")} if is_whole else {"summary": ("mean",)}
        yield Column(
            "cosine" + suffix,
            "estimate",
            "cosine of rule's and exact gradient" + of,
            meaning="1: the rule's step has the direction of the exact gradient; 0: it is "
            "orthogonal to it.",
            figure="alignment_cosine" if is_whole else "",
            **shown,
        )
        yield Column(
            "length_ratio" + suffix,
            "estimate",
            "length of rule's by exact gradient" + of,
            scale="log",
            figure="alignment_length" if is_whole else "",
            **shown,
        )
        yield Column(
            "rho" + suffix,
            "estimate",
            "ρ, rule's gradient along the exact one" + of,
            meaning="The cosine times the ratio of lengths: what part of the exact gradient's step "
            "the rule takes along it.",
            figure="alignment_rho" if is_whole else "",
            **shown,
        )


class Alignment:
    """The rule's gradient against the exact one: cosine, ratio of lengths, and rho.

    With g the exact gradient and g_hat what training takes in its place, on the same examples and
    without what these do not change (L2 term, pull), rho = <g_hat, g> / <g, g>: of w_in and w_rec
    together, and of each alone, as far as they are trained. Under SAM g_hat is the gradient at the
    weights uphill, and g that at the present ones.
    """

    options: Dict[str, Any] = {}
    columns = tuple(_columns())
    products = 3

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        exact, approximate = point.operator.gradients()
        row: Dict[str, float] = {}
        for suffix, parameters in PARTS.items():
            numbers = alignment(flat(exact, parameters), flat(approximate, parameters))
            row.update((name + suffix, value) for name, value in numbers.items())
        return row, {}


def alignment(exact: np.ndarray, approximate: np.ndarray) -> Dict[str, float]:
    """Return cosine, length_ratio and rho of two gradients (size,) by name; nan where not defined.

    >>> found = alignment(np.array([3.0, 4.0]), np.array([1.0, 0.0]))
    >>> {name: round(value, 6) for name, value in sorted(found.items())}
    {'cosine': 0.6, 'length_ratio': 0.2, 'rho': 0.12}
    """
    length, length_of_rule = np.linalg.norm(exact), np.linalg.norm(approximate)
    along = exact.dot(approximate)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "cosine": along / (length * length_of_rule),
            "length_ratio": length_of_rule / length,
            "rho": along / length**2,
        }
    return {name: float(value) if length > 0.0 else np.nan for name, value in found.items()}
