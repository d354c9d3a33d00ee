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
        **base.at_option(base.STATES),
        "scale": base.SCALE,
        **base.OF_EVERY_CLAIM,
    }
    compares = False

    def compute(self, source: base.Source) -> base.Found:
        values = self.values_of(source, [self.condition])
        if values.is_ratio and self.against <= 0:
            raise ConfigError(
                f"against: {self.against:g} cannot be compared with a ratio; name a positive number"
            )
        neutral = np.log(self.against) if values.is_ratio else self.against
        distances = values.runs["y"].dropna() - neutral
        estimate = mean_estimate(distances, margin=self.limit(values.is_ratio))
        return values.found(estimate, self.against)

    def words(self, label: base.Label) -> str:
        return f"{self.column}, {label(self.condition)}, against {self.against:g}"
