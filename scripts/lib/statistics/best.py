"""Conditions at their best settings against baselines at theirs."""

import pandas as pd

from lib.estimates import mean_estimate
from lib.statistics import base
from lib.statistics.source import Open

LOSS = "train_loss"


class Best(base.Statistic):
    """The best of some conditions against the best of their baselines: a difference or a ratio.

    The best has the lowest late training loss, averaged over seeds on a logarithmic scale, among
    the conditions that learn and have no failed run. For each seed the other seeds choose it, so
    that the choice does not favour the number that is compared.
    """

    required = ("column", "conditions")
    options = {
        "column": base.COLUMN,
        "conditions": base.conditions_option("Conditions of one rule at several settings."),
        **base.at_option(),
        "scale": base.SCALE,
        **base.OF_EVERY_CLAIM,
    }

    def compute(self, source: base.Source) -> base.Found:
        baselines = list(dict.fromkeys(map(source.baseline_of, self.conditions)))
        every = list(dict.fromkeys([*self.conditions, *baselines]))
        values = self.values_of(source, every)
        losses = base.values_of(source, every, LOSS, "late", "log").table()
        y, has_failed = values.table(), values.table("failed").astype(bool).any()
        eligible = [
            name for name in every if not has_failed[name] and not source.does_not_learn(name)
        ]
        found: dict[int, float] = {}
        used: set[tuple[str, int]] = set()
        for seed in y.index:
            others = losses.drop(index=seed)[eligible].mean()
            pair = [_lowest(others, names) for names in (self.conditions, baselines)]
            if None in pair:
                raise Open("every condition, or every baseline, does not learn or has a failed run")
            found[seed] = y.loc[seed, pair[0]] - y.loc[seed, pair[1]]
            used.update((name, seed) for name in pair)
        runs = values.runs[values.runs.index.isin(used)]
        differences = pd.Series(found).dropna()
        estimate = mean_estimate(differences, margin=self.limit(values.is_ratio))
        chosen = set(runs.index.get_level_values("condition"))
        of_chosen = {name: of for name, of in values.runs_of().items() if name in chosen}
        return values._replace(runs=runs).found(estimate)._replace(runs=of_chosen)

    def words(self, label: base.Label) -> str:
        of = ", ".join(map(label, self.conditions))
        return f"{self.column}, the best of {of} against the best of their baselines"


def _lowest(losses, names):
    """Return the name with the lowest of some losses; None if it has none of these names."""
    losses = losses.reindex(names).dropna()
    return losses.idxmin() if len(losses) else None
