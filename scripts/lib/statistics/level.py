"""A condition against a number."""

from collections import OrderedDict

import numpy as np

from lib.estimates import mean_estimate
from lib.numbers import AT
from lib.statistics.base import (
    COLUMN,
    CONDITION,
    SCALE,
    STATES,
    Statistic,
    at_option,
    label_of,
    values_of,
)
from lsnn.errors import ConfigError
from lsnn.options import number


class Level(Statistic):
    """A condition's mean over seeds against a number: a difference, or a ratio to it."""

    required = ("column", "condition", "against")
    options = OrderedDict(
        column=COLUMN,
        condition=CONDITION,
        against=number("The number to compare with.", None, "the column's", least=-1000000),
        at=at_option(STATES),
        scale=SCALE,
    )

    def compute(self, source):
        values = values_of(source, [self.condition], self.column, self.at, self.scale)
        is_ratio = values.column.scale == "log"
        if is_ratio and self.against <= 0:
            raise ConfigError(
                f"against: {self.against:g} cannot be compared with a ratio; name a positive number"
            )
        distances = values.runs["y"].dropna() - (np.log(self.against) if is_ratio else self.against)
        return values.found(mean_estimate(distances), self.against)

    def describe(self, study):
        label = label_of(self.condition, study)
        return f"{self.column}, {label}, against {self.against:g}, {AT[self.at].words}"
