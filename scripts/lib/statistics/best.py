"""Conditions at their best settings against baselines at theirs."""

import pandas as pd

from lib.estimates import mean_estimate
from lib.statistics import base

LOSS = "train_loss"


class Best(base.Statistic):
    """The best of some conditions against the best of their baselines: a difference or a ratio.

    The best one has the lowest training loss at the end, averaged over seeds on a logarithmic
    scale, among those without a run that diverged. For each seed it is chosen by the other seeds,
    so that the choice does not favour the number that is compared.
    """

    required = ("column", "conditions")
    options = {
        "column": base.COLUMN,
        "conditions": base.conditions_option("Conditions of one rule at several settings."),
        "at": base.at_option(base.STATES),
        "scale": base.SCALE,
    }

    def compute(self, source: base.Source) -> base.Found:
        baselines = list(dict.fromkeys(map(source.baseline_of, self.conditions)))
        every = list(dict.fromkeys([*self.conditions, *baselines]))
        values = base.values_of(source, every, self.column, self.at, self.scale)
        losses = base.values_of(source, every, LOSS, "final", "log")
        y, loss = values.table(), losses.table()
        diverged = values.table("diverged").astype(bool).any()
        finished = list(diverged.index[~diverged])
        found: dict[int, float] = {}
        used: set[tuple[str, int]] = set()
        for seed in y.index:
            others = loss.drop(index=seed)[finished].mean()
            pair = [_lowest(others, names) for names in (self.conditions, baselines)]
            if None in pair:
                raise base.Undecided("every condition, or every baseline, has a run that diverged")
            found[seed] = y.loc[seed, pair[0]] - y.loc[seed, pair[1]]
            used.update((name, seed) for name in pair)
        runs = values.runs[values.runs.index.isin(used)]
        return values._replace(runs=runs).found(mean_estimate(pd.Series(found).dropna()))

    def words(self, label: base.Label) -> str:
        of = ", ".join(map(label, self.conditions))
        return f"{self.column}, the best of {of} against the best of their baselines"


def _lowest(losses, names):
    """Return the name with the lowest of some losses; None if it has none of these names."""
    losses = losses.reindex(names).dropna()
    return losses.idxmin() if len(losses) else None
