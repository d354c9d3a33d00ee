"""Cells and tables of the committed results, for docs/findings.md.jinja."""

import functools
import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.choices import rates_compared
from lib.failures import with_failures
from lib.numbers import loss_level, runs_in
from lib.pages import (
    digits,
    estimate_text,
    label_of,
    mark_text,
    markdown_table,
    summary_text,
)
from lib.tables import read_table, read_trajectories
from lsnn.study.columns import CLAIMS, SUMMARY
from lsnn.study.config import read_study

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMITTED = os.path.join(REPOSITORY, "results", "committed")


def decided(claim: str, study: str) -> str:
    """Return what a committed study says of a claim: number, interval, mark (or verdict), n."""
    row = _decided().loc[claim, study]
    if np.isnan(row.value):
        return row.verdict
    return f"{estimate_text(row)} {mark_text(row.mark) or row.verdict} (n = {row.n})"


@functools.cache
def _decided():
    table = read_table(os.path.join(COMMITTED, "claims", "claims.csv"), CLAIMS)
    return table.set_index(["claim", "study"])


class CommittedStudy:
    """The committed results of a study."""

    def __init__(self, name: str):
        folder = os.path.join(COMMITTED, name)
        self.name = name
        self.study = read_study(os.path.join(folder, "config.yaml"))
        self.trajectories = with_failures(read_trajectories(folder, self.study))
        self._cells = {
            (row.quantity, row.condition): summary_text(row, row.n + row.n_failed)
            for row in read_table(os.path.join(folder, "summary.csv"), SUMMARY).itertuples()
        }

    def cell(self, quantity: str, condition: str) -> str:
        """Return a number of summary.csv with its interval and notes; empty if there is none.

        Args:
            quantity: as summary.csv has it.
            condition: of the study; or two of them, as in "three_factor / bptt".
        """
        return self._cells.get((quantity, condition), "")

    def table(self, quantities: dict[str, str], conditions: Sequence[str] = ()) -> str:
        """Return a Markdown table with one row per quantity and one column per condition.

        Args:
            quantities: what summary.csv calls them, with what the table calls them.
            conditions: as for :meth:`cell`; all of the study if left out.
        """
        columns = {"": [f"{label} (`{quantity}`)" for quantity, label in quantities.items()]}
        for condition in conditions or self.study.conditions:
            cells = [self.cell(quantity, condition) for quantity in quantities]
            columns[label_of(condition, self.study)] = cells
        return markdown_table(pd.DataFrame(columns))

    def rates(self) -> str:
        """Return a Markdown table of late training losses, rules down and learning rates across.

        The rate that is chosen for a rule is bold; * marks what validation would have chosen.
        """
        rates = rates_compared(self.trajectories, self.study)
        rates["cell"] = [
            "does not learn" if not row.learns
            else f"{row.n_failed} failed" if row.n_failed
            else digits(row.late_loss)
            for row in rates.itertuples()
        ]  # fmt: skip
        rates["cell"] = rates["cell"].mask(rates["is_best"], "**" + rates["cell"] + "**")
        rates["cell"] += rates["is_best_by_validation"].map({True: " *", False: ""})
        by_rate = rates.pivot(index="rule", columns="learning_rate", values="cell")
        by_rate = by_rate.loc[rates["rule"].unique()].rename(columns="{:g}".format)
        return markdown_table(by_rate.rename_axis(index="rule").reset_index())

    def loss(self, conditions: Sequence[str], deviations: float | None = None) -> str:
        """Return a training loss at which conditions can be compared, to three digits.

        Args:
            conditions: of the study.
            deviations: how many standard deviations it lies above the mean, of the logarithm of
                the lowest losses, of the worst learner; None: 80 % of its runs reach it.
        """
        runs = runs_in(self.trajectories)
        found = [[run for run in runs[name].values() if run is not None] for name in conditions]
        if deviations is None:
            return f"{loss_level(found):.3g}"
        logs = [np.log([run["train_loss"].min() for run in of_one]) for of_one in found]
        return f"{np.exp(max(of.mean() + deviations * of.std(ddof=1) for of in logs)):.3g}"

    def by_condition(
        self, quantities: dict[str, str], conditions: Sequence[str] = (), head: str = "condition"
    ) -> str:
        """Return a Markdown table with one row per condition and one column per quantity.

        A ratio or difference to the baseline stands in the row of the condition.
        """
        rows = []
        for name in conditions or self.study.conditions:
            baseline = self.study.conditions[name].baseline
            against = [f"{name}{sign}{baseline}" for sign in (" / ", " - ")]
            cells = [
                next(filter(None, (self.cell(quantity, n) for n in [name, *against])), "")
                for quantity in quantities
            ]
            rows.append([self.study.conditions[name].label, *cells])
        return markdown_table(pd.DataFrame(rows, columns=[head, *quantities.values()]))
