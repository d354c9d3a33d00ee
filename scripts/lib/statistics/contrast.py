"""A condition against another."""

from collections import OrderedDict

from lib.estimates import mean_estimate
from lib.numbers import AT
from lib.statistics.base import (
    BASELINE,
    COLUMN,
    CONDITION,
    SCALE,
    Statistic,
    at_option,
    label_of,
    values_of,
)


class Contrast(Statistic):
    """A condition against another, paired by seed: a difference, or a ratio of positive numbers."""

    required = ("column", "condition")
    options = OrderedDict(
        column=COLUMN, condition=CONDITION, baseline=BASELINE, at=at_option(), scale=SCALE
    )

    def compute(self, source):
        baseline = self.baseline or source.study.baseline
        conditions = [baseline, self.condition]
        values = values_of(source, conditions, self.column, self.at, self.scale)
        table = values.table()
        return values.found(mean_estimate((table[self.condition] - table[baseline]).dropna()))

    def describe(self, study):
        pair = f"{label_of(self.condition, study)} against {label_of(self.baseline, study)}"
        return f"{self.column}, {pair}, {AT[self.at].words}"
