"""How much a column changes for each change of another."""

import numpy as np
import pandas as pd

from lib.estimates import quotient_estimate
from lib.statistics import base
from lib.statistics.interaction import less_baselines
from lib.statistics.source import Open
from lsnn.options import number, text


class Quotient(base.Statistic):
    """The change of a column from conditions' baselines, per change of another column.

    Both changes are averaged over the conditions of a seed, then over seeds. On a logarithmic scale
    the other column's change is counted in factors of 2.
    """

    required = ("column", "per", "conditions")
    options = {
        "column": base.COLUMN,
        "per": text("The other column, or an expression.", minLength=1),
        "conditions": base.conditions_option("Conditions that move the other column.", least=1),
        **base.at_option(),
        "scale": base.SCALE,
        "least": number(
            "How much the other column must change on average, or nothing is decided: a factor "
            "where its scale is logarithmic, else a difference.",
            1.5,
            "the other column's",
            above=0,
        ),
        **base.OF_EVERY_CLAIM,
    }
    per: str
    least: float

    def compute(self, source: base.Source) -> base.Found:
        baselines = {name: source.baseline_of(name) for name in self.conditions}
        every = list(dict.fromkeys([*baselines, *baselines.values()]))
        values = self.values_of(source, every)
        others = base.values_of(source, every, self.per, self.at, loss=self.loss)
        changes = less_baselines(values, baselines).beside("x", less_baselines(others, baselines))
        parts = [changes.table(name).mean(axis=1, skipna=False) for name in ("x", "y")]
        means = pd.concat(parts, axis=1, keys=["x", "y"]).dropna()
        x = means["x"] / np.log(2) if others.is_ratio else means["x"]
        moved = 2 ** abs(x.mean()) if others.is_ratio else abs(x.mean())
        if moved < self.least:
            raise Open(f"{self.per} moves by {moved:.3g} on average, of {self.least:g} needed")
        estimate = quotient_estimate(means["y"], x, self.limit(values.is_ratio))
        return changes.found(estimate)._replace(runs=values.runs_of())

    def words(self, label: base.Label) -> str:
        of = ", ".join(map(label, self.conditions))
        return f"change of {self.column} per change of {self.per} from the baselines ({of})"
