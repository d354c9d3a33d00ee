"""A condition against a number."""

import numpy as np

from lib.estimates import mean_estimate
from lib.numbers import AT
from lib.statistics import base
from lib.statistics.base import Found
from lib.statistics.source import Source
from lsnn.errors import ConfigError
from lsnn.options import number
from lsnn.study.config import Study


class Level(base.Statistic):
    """A condition's mean over seeds against a number: a difference, or a ratio to it."""

    required = ("column", "condition", "against")
    options = {
        "column": base.COLUMN,
        "condition": base.CONDITION,
        "against": number("The number to compare with.", None, "the column's", least=-1000000),
        "at": base.at_option(base.STATES),
        "scale": base.SCALE,
    }

    def compute(self, source: Source) -> Found:
        values = base.values_of(source, [self.condition], self.column, self.at, self.scale)
        is_ratio = values.column.scale == "log"
        if is_ratio and self.against <= 0:
            raise ConfigError(
                f"against: {self.against:g} cannot be compared with a ratio; name a positive number"
            )
        distances = values.runs["y"].dropna() - (np.log(self.against) if is_ratio else self.against)
        return values.found(mean_estimate(distances), self.against)

    def describe(self, study: Study | None) -> str:
        label = base.label_of(self.condition, study)
        return f"{self.column}, {label}, against {self.against:g}, {AT[self.at].words}"
