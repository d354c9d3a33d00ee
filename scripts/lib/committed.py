"""Cells and tables of the committed results, for docs/findings.md.jinja."""

import os

import pandas as pd

from lib.pages import label_of, markdown_table, summary_text
from lib.tables import read_table, read_trajectories
from lsnn.study.columns import SUMMARY
from lsnn.study.config import read_study

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMITTED = os.path.join(REPOSITORY, "results", "committed")


class CommittedStudy:
    """The committed results of a study."""

    def __init__(self, name):
        folder = os.path.join(COMMITTED, name)
        self.name = name
        self.study = read_study(os.path.join(folder, "config.yaml"))
        self.trajectories = read_trajectories(os.path.join(folder, "trajectories.csv"), self.study)
        self._summary = {
            (row.quantity, row.condition): row
            for row in read_table(os.path.join(folder, "summary.csv"), SUMMARY).itertuples()
        }

    def cell(self, quantity, condition):
        """Return a number of summary.csv with its interval and notes; empty if there is none.

        Args:
            quantity: as summary.csv has it.
            condition: of the study; or two of them, as in "three_factor / bptt".
        """
        row = self._summary.get((quantity, condition))
        return "" if row is None else summary_text(row, row.n + row.n_diverged)

    def table(self, quantities, conditions=None):
        """Return a Markdown table with one row per quantity and one column per condition.

        Args:
            quantities: what summary.csv calls them, with what the table calls them.
            conditions: as for :meth:`cell`; all of the study if left out.
        """
        conditions = conditions or list(self.study.conditions)
        heads = ["", *(label_of(condition, self.study) for condition in conditions)]
        rows = [
            [
                f"{label} (`{quantity}`)",
                *(self.cell(quantity, condition) for condition in conditions),
            ]
            for quantity, label in quantities.items()
        ]
        return markdown_table(pd.DataFrame(rows, columns=heads))

    def by_condition(self, quantities, conditions=None, head="condition"):
        """Return a Markdown table with one row per condition and one column per quantity.

        A ratio or difference to the baseline stands in the row of the condition.
        """
        rows = []
        for condition in conditions or self.study.conditions:
            names = [f"{condition}{sign}{self.study.baseline}" for sign in (" / ", " - ")]
            cells = [
                next(filter(None, (self.cell(quantity, name) for name in [condition, *names])), "")
                for quantity in quantities
            ]
            rows.append([self.study.conditions[condition].label, *cells])
        return markdown_table(pd.DataFrame(rows, columns=[head, *quantities.values()]))
