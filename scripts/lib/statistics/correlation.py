"""Two columns over runs."""

from lib.estimates import correlation_estimate
from lib.statistics import base
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
            "condition, so that differences between conditions do not count.",
            ["none", "condition"],
            "none",
        ),
        "given": text("A third column, whose contribution to both is removed.", minLength=1),
        "at": base.at_option(base.STATES),
    }
    least_n = 0  # its n counts runs; without 3 seeds there is no interval

    def compute(self, source: base.Source) -> base.Found:
        conditions = self.conditions or list(source.study.conditions)
        values = base.values_of(source, conditions, self.column, self.at, "linear")
        for name, expression in {"x": self.over, "given": self.given}.items():
            if expression is not None:
                other = base.values_of(source, conditions, expression, self.at, "linear")
                values = values.beside(name, other)
        runs = values.runs.dropna().reset_index()
        groups = runs["condition"] if self.within == "condition" else None
        estimate = correlation_estimate(
            runs["x"], runs["y"], runs["seed"], groups, runs.get("given")
        )
        points = runs[["condition", "seed", "x", "y"]]
        return values.found(estimate, is_paired=False)._replace(points=points)

    def words(self, label: base.Label) -> str:
        within = ", within conditions" if self.within == "condition" else ""
        given = f", given {self.given}" if self.given else ""
        return f"{self.column} with {self.over}{within}{given}"
