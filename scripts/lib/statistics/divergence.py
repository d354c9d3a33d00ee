"""How many runs diverge."""

import pandas as pd

from lib.estimates import share_estimate
from lib.statistics import base
from lib.statistics.base import Found
from lib.statistics.source import Source
from lsnn.options import number
from lsnn.study.config import Study


class Divergence(base.Statistic):
    """The share of a condition's runs that diverged."""

    required = ("condition",)
    options = {
        "condition": base.CONDITION,
        "against": number("The share that it is compared with.", 1 / 3, "1", least=0, most=1),
    }
    least_n = 1

    def compute(self, source: Source) -> Found:
        base.require_runs(source, [self.condition])
        rows = source.trajectories[source.trajectories["condition"] == self.condition]
        diverged = rows.groupby("seed")["diverged"].any().astype(float)
        n_diverged = int(diverged.sum())
        points = pd.DataFrame({"seed": diverged.index, "y": diverged.to_numpy()})
        return base.Found(
            share_estimate(n_diverged, len(diverged), self.against),
            self.against,
            is_ratio=False,
            points=points.assign(condition=self.condition, x=float("nan")),
            n_diverged=n_diverged,
        )

    def describe(self, study: Study | None) -> str:
        label = base.label_of(self.condition, study)
        return f"share of diverged runs, {label}, against {self.against:.2g}"
