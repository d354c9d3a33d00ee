"""A slope over conditions."""

from collections.abc import Sequence

import numpy as np

from lib.estimates import Estimate, mean_estimate
from lib.statistics import base
from lib.statistics.source import Open
from lsnn.options import choice, text

OVER = text(
    "What it rises with, a column or expression; if left out, the conditions' place in the list.",
    minLength=1,
)


class Trend(base.Statistic):
    """The slope of a column over conditions, fitted to each seed: a rise, or a factor, per unit."""

    required = ("column",)
    options = {
        "column": base.COLUMN,
        "conditions": base.conditions_option("Conditions; all if left out."),
        "over": OVER,
        **base.at_option(),
        "over_at": choice("`at` of `over`; the same if left out.", base.STATES, None),
        "scale": base.SCALE,
        **base.OF_EVERY_CLAIM,
    }

    def compute(self, source: base.Source) -> base.Found:
        conditions = self.conditions or list(source.study.conditions)
        values = self.values_of(source, conditions)
        at = self.over_at or self.at
        values = beside_settings(values, source, conditions, self.over, at, self.loss)
        return values.found(slope_over(values, self.limit(values.is_ratio)))

    def words(self, label: base.Label) -> str:
        of = ", ".join(map(label, self.conditions or ())) or "all conditions"
        return f"{self.column}, slope over {self.over or 'conditions'} ({of})"


def beside_settings(
    values: base.Values,
    source: base.Source,
    conditions: Sequence[str],
    over: str | None,
    at: str,
    loss: float | None = None,
) -> base.Values:
    """Return values with, as x, what a slope is over.

    Args:
        values: of the conditions.
        over: a column or an expression; None: the place of a condition among the conditions.
        at, loss: as the options of a statistic, of ``over``.
    """
    if over is not None:
        return values.beside("x", base.values_of(source, conditions, over, at, "linear", loss))
    places = values.runs.index.get_level_values("condition").map(list(conditions).index)
    return values._replace(runs=values.runs.assign(x=places.astype(float)))


def slope_over(values: base.Values, margin: float | None, neutral: float = 0.0) -> Estimate:
    """Return the :class:`Estimate` of the mean slope of y over x, less a neutral one."""
    x, y = values.table("x"), values.table()
    kept = (x + y).dropna().index
    spread = x.loc[kept].max(axis=1) - x.loc[kept].min(axis=1)
    if not (spread > 1e-9 * x.loc[kept].abs().max(axis=1)).all():
        raise Open("what the slope is over is the same in all conditions of a seed")
    return mean_estimate(slopes(x.loc[kept], y.loc[kept]) - neutral, margin=margin)


def slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
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
