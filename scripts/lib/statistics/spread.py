"""How much two conditions vary over seeds."""

from lib.estimates import spread_estimate
from lib.statistics import base


class Spread(base.Statistic):
    """The ratio of the standard deviations over seeds of two conditions, at the final states."""

    required = ("column", "condition")
    options = {
        "column": base.COLUMN,
        "condition": base.CONDITION,
        "baseline": base.BASELINE,
        **base.OF_EVERY_CLAIM,
    }
    scale = "linear"
    least_n = 20
    compares = False

    def compute(self, source: base.Source) -> base.Found:
        baseline = self.baseline or source.baseline_of(self.condition)
        values = self.values_of(source, [self.condition, baseline])
        pairs = values.table().dropna()
        estimate = spread_estimate(pairs[self.condition], pairs[baseline], self.limit(True))
        return values.found(estimate)._replace(estimate=estimate, neutral=1.0, is_ratio=True)

    def words(self, label: base.Label) -> str:
        pair = f"{label(self.condition)} against {label(self.baseline)}"
        return f"{self.column}, standard deviation of {pair}"
