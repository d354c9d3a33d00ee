"""How many runs diverge."""

from lib.estimates import share_estimate
from lib.statistics import base
from lsnn.options import number


class Divergence(base.Statistic):
    """The share of a condition's runs that diverged."""

    required = ("condition",)
    options = {
        "condition": base.CONDITION,
        "against": number("The share that it is compared with.", 1 / 3, "1", least=0, most=1),
        "seeds": base.OF_EVERY_CLAIM["seeds"],
    }
    at = ""  # at any time
    compares = False

    def compute(self, source: base.Source) -> base.Found:
        base.require_runs(source, [self.condition])
        rows = source.trajectories[source.trajectories["condition"] == self.condition]
        diverged = rows.groupby("seed")["diverged"].any().astype(float)
        n_diverged = int(diverged.sum())
        points = diverged.reset_index(name="y")
        return base.Found(
            share_estimate(n_diverged, len(diverged), self.against),
            self.against,
            is_ratio=False,
            points=points.assign(condition=self.condition, x=float("nan")),
        )

    def words(self, label: base.Label) -> str:
        return f"share of diverged runs, {label(self.condition)}, against {self.against:.2g}"
