"""How much two conditions vary over seeds."""

from collections import OrderedDict

from lib.estimates import spread_estimate
from lib.statistics.base import BASELINE, COLUMN, CONDITION, Statistic, label_of, values_of


class Spread(Statistic):
    """The ratio of the standard deviations over seeds of two conditions, at the final states."""

    required = ("column", "condition")
    options = OrderedDict(column=COLUMN, condition=CONDITION, baseline=BASELINE)
    least_n = 20

    def compute(self, source):
        baseline = self.baseline or source.study.baseline
        values = values_of(source, [self.condition, baseline], self.column, "final", "linear")
        pairs = values.table().dropna()
        estimate = spread_estimate(pairs[self.condition], pairs[baseline])
        return values.found(estimate)._replace(estimate=estimate, neutral=1.0, is_ratio=True)

    def describe(self, study):
        condition, baseline = label_of(self.condition, study), label_of(self.baseline, study)
        return f"{self.column}, standard deviation of {condition} against {baseline}, at the end"
