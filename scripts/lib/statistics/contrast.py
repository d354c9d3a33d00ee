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
        **base.at_option(),
        "scale": base.SCALE,
        **base.OF_EVERY_CLAIM,
    }

    def compute(self, source: base.Source) -> base.Found:
        baseline = self.baseline or source.baseline_of(self.condition)
        values = self.values_of(source, [baseline, self.condition])
        table = values.table()
        differences = (table[self.condition] - table[baseline]).dropna()
        return values.found(mean_estimate(differences, margin=self.limit(values.is_ratio)))

    def words(self, label: base.Label) -> str:
        return f"{self.column}, {label(self.condition)} against {label(self.baseline)}"
