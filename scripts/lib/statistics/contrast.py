"""A condition against another."""

from lib.estimates import mean_estimate
from lib.numbers import AT
from lib.statistics import base
from lib.statistics.base import Found, label_of
from lib.statistics.source import Source
from lsnn.study.config import Study


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

    def compute(self, source: Source) -> Found:
        baseline = self.baseline or source.study.baseline
        conditions = [baseline, self.condition]
        values = base.values_of(source, conditions, self.column, self.at, self.scale)
        table = values.table()
        return values.found(mean_estimate((table[self.condition] - table[baseline]).dropna()))

    def describe(self, study: Study | None) -> str:
        pair = f"{label_of(self.condition, study)} against {label_of(self.baseline, study)}"
        return f"{self.column}, {pair}, {AT[self.at].words}"
