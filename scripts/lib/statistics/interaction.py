"""How much a condition's distance from its baseline depends on a setting."""

import numpy as np

from lib.numbers import AT_EQUAL_LOSS
from lib.statistics import base
from lib.statistics.trend import slope_over
from lsnn.errors import ConfigError
from lsnn.options import number, text


class Interaction(base.Statistic):
    """The slope over a setting of the difference or ratio between conditions and their baselines.

    Each condition is compared with its baseline at the same setting, and a line is fitted to each
    seed: a rise of the difference, or a factor of the ratio, per unit.
    """

    required = ("column", "conditions", "over")
    options = {
        "column": base.COLUMN,
        "conditions": base.conditions_option("Conditions of one rule at several settings."),
        "over": text("The setting: a column, or an expression of columns.", minLength=1),
        "at": base.at_option(),
        "scale": base.SCALE,
        "against": number(
            "The slope to compare with; if left out, none: 0, or a factor of 1.", None, least=-1000
        ),
    }

    def compute(self, source: base.Source) -> base.Found:
        places = (self.column, self.at, self.scale)
        values = base.against_baselines(source, self.conditions, *places)
        is_ratio = values.column.scale == "log"
        against = (1.0 if is_ratio else 0.0) if self.against is None else self.against
        if is_ratio and against <= 0:
            raise ConfigError(
                f"against: {against:g} cannot be compared with a factor; name a positive number"
            )
        at = "final" if self.at in AT_EQUAL_LOSS else self.at
        settings = base.values_of(source, self.conditions, self.over, at, "linear")
        values = values.beside("x", settings)
        neutral = np.log(against) if is_ratio else against
        return values.found(slope_over(values, neutral), against)

    def words(self, label: base.Label) -> str:
        return (
            f"{self.column} against the baseline, slope over {self.over} "
            f"({', '.join(map(label, self.conditions))})"
        )
