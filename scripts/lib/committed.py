"""Cells and tables of the committed results, for docs/findings.md.jinja."""

import os
from collections.abc import Sequence

import pandas as pd

from lib.pages import label_of, markdown_table, summary_text
from lib.tables import read_table, read_trajectories
from lsnn.study.columns import SUMMARY
from lsnn.study.config import read_study

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMITTED = os.path.join(REPOSITORY, "results", "committed")


class CommittedStudy:
    """The committed results of a study."""

    def __init__(self, name: str):
        folder = os.path.join(COMMITTED, name)
        self.name = name
        self.study = read_study(os.path.join(folder, "config.yaml"))
        self.trajectories = read_trajectories(folder, self.study)
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
