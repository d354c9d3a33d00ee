"""A condition against a number."""

import numpy as np

from lib.estimates import mean_estimate
from lib.statistics import base
from lsnn.errors import ConfigError
from lsnn.options import number


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

    def compute(self, source: base.Source) -> base.Found:
        values = base.values_of(source, [self.condition], self.column, self.at, self.scale)
        is_ratio = values.column.scale == "log"
        if is_ratio and self.against <= 0:
            raise ConfigError(
                f"against: {self.against:g} cannot be compared with a ratio; name a positive number"
            )
        distances = values.runs["y"].dropna() - (np.log(self.against) if is_ratio else self.against)
        return values.found(mean_estimate(distances), self.against)

    def words(self, label: base.Label) -> str:
        return f"{self.column}, {label(self.condition)}, against {self.against:g}"
