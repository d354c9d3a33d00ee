"""Two columns over runs."""

from collections.abc import Callable

import numpy as np

from lib.estimates import correlation_estimate
from lib.statistics import base
from lsnn.errors import ConfigError
from lsnn.options import choice, text


class Correlation(base.Statistic):
    """The rank correlation of two columns over runs, of all conditions or within them."""

    required = ("column", "over")
    options = {
        "column": base.COLUMN,
        "over": text("The other column, or an expression.", minLength=1),
        "conditions": base.conditions_option("Conditions; all if left out.", least=1),
        "within": choice(
            "none - runs of all conditions are ranked together; condition - within their "
            "condition, so that differences between conditions do not count; "
            "condition_and_seed - without the additive effects of both, so that differences "
            "between seeds do not count either.",
            ["none", "condition", "condition_and_seed"],
            "none",
        ),
        "given": text("A third column, whose contribution to both is removed.", minLength=1),
        **base.at_option(base.STATES),
        **base.OF_EVERY_CLAIM,
    }
    compares = False

    def to_scale(self, is_ratio: bool) -> Callable[[float], float]:
        """Return Fisher's z."""
        return np.arctanh

    def limit(self, is_ratio: bool) -> float | None:
        """Return the margin as Fisher's z."""
        if self.margin is not None and self.margin >= 1:
            raise ConfigError(
                f"margin: {self.margin:g} is not possible for a correlation; allowed: below 1"
            )
        return super().limit(is_ratio)

    def compute(self, source: base.Source) -> base.Found:
        conditions = self.conditions or list(source.study.conditions)
        values = self.values_of(source, conditions)
        others = {
            name: self.values_of(source, conditions, expression)
            for name, expression in {"x": self.over, "given": self.given}.items()
            if expression is not None
        }
        for name, other in others.items():
            values = values.beside(name, other)
        runs = values.runs[~values.runs["failed"]].dropna().reset_index()
        estimate = correlation_estimate(
            runs["x"],
            runs["y"],
            runs["seed"],
            None if self.within == "none" else runs["condition"],
            runs.get("given"),
            self.within == "condition_and_seed",
            self.limit(is_ratio=False),
        )
        found = values.found(estimate, is_paired=False)
        points = found.points.dropna(subset="x")
        x = base.from_scale(points["x"], others["x"].column)
        return found._replace(
            estimate=estimate, neutral=0.0, is_ratio=False, points=points.assign(x=x)
        )

    def words(self, label: base.Label) -> str:
        within = {
            "none": "",
            "condition": ", within conditions",
            "condition_and_seed": ", within conditions and seeds",
        }[self.within]
        given = f", given {self.given}" if self.given else ""
        return f"{self.column} with {self.over}{within}{given}"
