"""A slope over conditions."""

from collections import OrderedDict

import numpy as np

from lib.estimates import mean_estimate
from lib.numbers import AT
from lib.statistics.base import (
    COLUMN,
    SCALE,
    STATES,
    Statistic,
    at_option,
    conditions_option,
    labels_of,
    values_of,
)
from lsnn.options import choice, text


class Trend(Statistic):
    """The slope of a column over conditions, fitted to each seed: a rise, or a factor, per unit."""

    required = ("column",)
    options = OrderedDict(
        column=COLUMN,
        conditions=conditions_option("Conditions; all if left out."),
        over=text(
            "What it rises with, a column or expression; if left out, the conditions' place in the "
            "list.",
            minLength=1,
        ),
        at=at_option(STATES),
        over_at=choice("`at` of `over`; the same if left out.", STATES, None),
        scale=SCALE,
    )

    def compute(self, source):
        conditions = self.conditions_in(source)
        values = values_of(source, conditions, self.column, self.at, self.scale)
        if self.over is None:
            places = values.runs.index.get_level_values("condition").map(conditions.index)
            values = values._replace(runs=values.runs.assign(x=places.astype(float)))
        else:
            at = self.over_at or self.at
            values = values.beside("x", values_of(source, conditions, self.over, at, "linear"))
        x, y = values.table("x"), values.table()
        kept = (x + y).dropna().index
        rises = slopes(x.loc[kept], y.loc[kept]) if len(kept) else []
        return values.found(mean_estimate(rises))

    def describe(self, study):
        conditions = labels_of(self.conditions, study)
        over = self.over or "conditions"
        return f"{self.column}, slope over {over} ({conditions}), {AT[self.at].words}"


def slopes(x, y) -> np.ndarray:
    """Return the slope of a straight line fitted to each row by least squares, an array (rows).

    Args:
        x, y: arrays (rows, points).

    >>> slopes([[0, 1, 2], [0, 2, 4]], [[1, 2, 3], [5, 5, 5]])
    array([1., 0.])
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y[:, :1]  # exactly 0 where all are equal
    return (x * y).sum(axis=1) / (x * x).sum(axis=1)
