"""A condition against another."""

from lib.estimates import mean_estimate
from lib.statistics import base


class Contrast(base.Statistic):
    """A condition against another, paired by seed: a difference, or a ratio of positive numbers."""

    required = ("column", "condition")
    options = {
        "column": base.COLUMN,
        "condition": base.CONDITION,
        "baseline": base.BASELINE,
        "at": base.at_option(),
        "scale": base.SCALE,
    }

    def compute(self, source: base.Source) -> base.Found:
        baseline = self.baseline or source.baseline_of(self.condition)
        conditions = [baseline, self.condition]
        values = base.values_of(source, conditions, self.column, self.at, self.scale)
        table = values.table()
        return values.found(mean_estimate((table[self.condition] - table[baseline]).dropna()))

    def words(self, label: base.Label) -> str:
        return f"{self.column}, {label(self.condition)} against {label(self.baseline)}"
