"""Conditions in rising order."""

from collections.abc import Iterable

import numpy as np

from lib.estimates import Estimate, mean_estimate
from lib.statistics import base


class Order(base.Statistic):
    """Conditions in rising order: the weakest of the differences or ratios of neighbours.

    There is no test that they are equal; the margin serves to plan seeds.
    """

    required = ("column", "conditions")
    options = {
        "column": base.COLUMN,
        "conditions": base.conditions_option("Conditions, in the order in which the column rises."),
        **base.at_option(),
        "scale": base.SCALE,
        **base.OF_EVERY_CLAIM,
    }

    def compute(self, source: base.Source) -> base.Found:
        values = self.values_of(source, self.conditions)
        steps = values.table().diff(axis=1).iloc[:, 1:]
        rises = [steps[condition].dropna() for condition in steps]
        self.limit(values.is_ratio)  # it must be possible
        return values.found(weakest_estimate(rises))

    def words(self, label: base.Label) -> str:
        return f"{self.column}, {' < '.join(map(label, self.conditions))}"


def weakest_estimate(steps: Iterable) -> Estimate:
    """Return the :class:`Estimate` of the weakest of some rises, each an array of numbers.

    That all of them are above 0 is shown if it is of each (an intersection-union test, Berger
    1982). That one is below 0 may be shown by any of them, so that its p-value counts once for
    each. One that is the same in all seeds counts by its sign: a fall is the weakest there is, and
    0 no rise.

    >>> weakest_estimate([[1.0, 1.2, 1.1], [-2.0, -2.0, -2.0]])[:5]
    (-2.0, -2.0, -2.0, 0.0, 3)
    """
    estimates = [mean_estimate(step) for step in steps]
    for estimate in estimates:
        if np.isnan(estimate.p):  # of too few seeds, so nothing is shown of all
            return estimate
    with np.errstate(divide="ignore"):
        rises = [np.sign(estimate.value) * -np.log(estimate.p) for estimate in estimates]
    weakest = estimates[int(np.argmin(rises))]
    weakest = weakest._replace(n_parts=min(estimate.n_parts for estimate in estimates))
    if weakest.value < 0:
        return weakest._replace(p=min(1.0, weakest.p * len(estimates)))
    return weakest
