"""How much a condition's distance from its baseline depends on a setting."""

import numpy as np
import pandas as pd

from lib.statistics import base
from lib.statistics.trend import OVER, beside_settings, slope_over
from lsnn.errors import ConfigError
from lsnn.options import number


class Interaction(base.Statistic):
    """The slope over a setting of the difference or ratio between conditions and their baselines.

    Each condition is compared with its baseline at the same setting, and a line is fitted to each
    seed: a rise of the difference, or a factor of the ratio, per unit.
    """

    required = ("column", "conditions")
    options = {
        "column": base.COLUMN,
        "conditions": base.conditions_option("Conditions of one rule at several settings."),
        "over": OVER,
        **base.at_option(),
        "scale": base.SCALE,
        "against": number(
            "The slope to compare with; if left out, none: 0, or a factor of 1.", None, least=-1000
        ),
        **base.OF_EVERY_CLAIM,
    }

    def compute(self, source: base.Source) -> base.Found:
        baselines = {name: source.baseline_of(name) for name in self.conditions}
        every = list(dict.fromkeys([*baselines, *baselines.values()]))
        values = self.values_of(source, every)
        against = (1.0 if values.is_ratio else 0.0) if self.against is None else self.against
        if values.is_ratio and against <= 0:
            raise ConfigError(
                f"against: {against:g} cannot be compared with a factor; name a positive number"
            )
        differences = less_baselines(values, baselines)
        differences = beside_settings(differences, source, self.conditions, self.over, "final")
        neutral = np.log(against) if values.is_ratio else against
        estimate = slope_over(differences, self.limit(values.is_ratio), neutral)
        return differences.found(estimate, against)._replace(runs=values.runs_of())

    def words(self, label: base.Label) -> str:
        return (
            f"{self.column} against the baseline, slope over {self.over or 'conditions'} "
            f"({', '.join(map(label, self.conditions))})"
        )


def less_baselines(values: base.Values, baselines: dict[str, str]) -> base.Values:
    """Return the numbers of conditions less those of their baselines, paired by seed.

    Args:
        values: of the conditions and the baselines.
        baselines: by condition.
    """
    parts = {}
    for condition, baseline in baselines.items():
        pair = [values.runs.xs(name, level="condition") for name in (condition, baseline)]
        own, other = (runs.loc[pair[0].index.intersection(pair[1].index)] for runs in pair)
        parts[condition] = own.assign(
            y=own["y"] - other["y"],
            n_unconverged=own["n_unconverged"] + other["n_unconverged"],
            failed=own["failed"] | other["failed"],
            iteration=own["iteration"].where(other["iteration"].notna()),
        )
    return values._replace(runs=pd.concat(parts, names=["condition"]))
