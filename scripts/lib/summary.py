"""summary.csv: means over seeds, and conditions against each other, with intervals.

Every number is first computed for each seed (:mod:`lib.numbers`), then averaged over seeds, numbers
of a positive quantity (one on a logarithmic axis) and ratios as geometric means. A seed whose own
number does not exist (an eigenvalue is nan; one that should be positive is not; a loss is not
reached) is left out of that number, and ``n`` tells how many were left in. So is a run that failed
(:mod:`lib.failures`), or a pair of runs of which one did; ``n_failed`` counts them. Nothing else is
excluded: an eigenvalue that did not converge goes in, and ``n_unconverged`` counts such
eigenvalues.

The interval is the 95 % t interval over seeds, for positive quantities and ratios that of their
logarithms, for shares such as an accuracy that of the logit; with fewer than 3 there is none.
Ratios and differences also have, as information, the p-value of the exact sign test (two-sided) of
"as often above as below 1", or 0.

Conditions are compared with their baselines by pairs of runs of one seed, which start from the same
weights; at equal loss at that which 80 % of the runs of the worse condition reach (``loss``).
Eigenvalues are compared by their ratio, generalization gaps, which can be negative, by their
difference.

The spread of a gap over seeds is compared as the ratio of its standard deviations at the final
states, with the interval of the jackknife over pairs. The share of runs that failed has an exact
interval, and its difference the exact test of pairs of which one failed (McNemar 1947).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.estimates import (
    Estimate,
    mean_estimate,
    share_estimate,
    share_mean,
    sign_test,
    spread_estimate,
)
from lib.failures import with_failures
from lib.numbers import AT, COMMON_LOSS, asked_for, from_scale, loss_level, number_of, runs_in
from lib.tables import with_settings
from lsnn.study.columns import SUMMARY, Column
from lsnn.study.config import Study
from lsnn.study.outputs import compared_columns, gap_columns, shown_columns

FAILED = Column("failed", "flag")


class Quantity(NamedTuple):
    """A number of the summary."""

    name: str
    label: str
    column: Column
    at: str = ""  # one of AT
    is_spread: bool = False


class Comparison(NamedTuple):
    """Numbers of conditions against the baseline that are shown together."""

    title: str
    quantities: list[Quantity]
    sign: str = "/"  # what stands between the two conditions

    @property
    def is_at_equal_loss(self) -> bool:
        """Whether conditions are compared at equal loss, among others."""
        return any(quantity.at == COMMON_LOSS for quantity in self.quantities)


def quantities_of(study: Study) -> list[Quantity]:
    """Return the :class:`Quantity` of every column that is summarised."""
    rows = {
        "final": ("final", "final state"),
        "late": ("final", "last quarter of training"),
        "mean": ("mean", "mean over training"),
    }
    quantities = [
        Quantity(f"{column.name}_{at}", f"{capitalised(column.axis)}: {text}", column, at)
        for column in shown_columns(study)
        for at, (where, text) in rows.items()
        if where in column.summary
    ]
    return [*quantities, Quantity("failed_share", "Share of runs that failed", FAILED)]


def comparisons_of(study: Study) -> list[Comparison]:
    """Return the :class:`Comparison` of everything that conditions are compared by."""
    comparisons = [
        Comparison(
            f"{capitalised(how_compared(column))} between conditions: {column.label}",
            compared(column),
            "/" if column.scale == "log" else "-",
        )
        for column in compared_columns(study)
    ]
    differences, spreads = [], []
    for column in gap_columns(study).values():
        axis, label = capitalised(column.axis), capitalised(column.label)
        differences += [q._replace(label=f"{axis}: {q.label}") for q in compared(column)]
        name = f"{column.name}_spread_ratio_final"
        spreads.append(Quantity(name, f"{label}: final states", column, "final", is_spread=True))
    title = "Generalization gap: "
    comparisons.append(Comparison(f"{title}difference between conditions", differences, "-"))
    comparisons.append(Comparison(f"{title}ratio of standard deviations over seeds", spreads))
    failures = Quantity("failed_share_difference", "Runs that failed", FAILED)
    title = "Share of runs that failed: difference between conditions"
    return [*comparisons, Comparison(title, [failures], "-")]


def compared(column: Column) -> list[Quantity]:
    """Return the numbers of a column that are taken between runs of one seed."""
    return [
        Quantity(f"{column.name}_{how_compared(column)}_{at}", AT[at].title, column, at)
        for at in ("final", "late", "mean", COMMON_LOSS)
    ]


def how_compared(column: Column) -> str:
    """Return how two values of a column are compared: as a ratio of what is positive."""
    return "ratio" if column.scale == "log" else "difference"


def capitalised(text: str) -> str:
    """Return a text with its first letter a capital, and the others as they are."""
    return text[0].upper() + text[1:]


def summarise(trajectories: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return ``summary.csv``: a row for every quantity and condition, or condition and baseline.

    ``trajectories`` has the rows of a run in the order of its iterations.
    """
    trajectories = with_failures(trajectories)

    @cache  # many columns have values in the same rows
    def runs_where(where: str) -> dict[str, dict[int, pd.DataFrame | None]]:
        return runs_in(asked_for(trajectories, Column("", "", where=where)))

    rows = []
    for quantity in quantities_of(study):
        runs = runs_where(quantity.column.where)
        rows += [row_of(quantity, condition, [of]) for condition, of in runs.items()]
    for comparison in comparisons_of(study):
        for quantity in comparison.quantities:
            runs = runs_where(quantity.column.where)
            for condition, of_condition in runs.items():
                baseline = study.conditions[condition].baseline
                if condition != baseline and baseline in runs:
                    names = f"{condition} {comparison.sign} {baseline}"
                    rows.append(row_of(quantity, names, [of_condition, runs[baseline]]))
    summary = pd.DataFrame(rows, columns=[column.name for column in SUMMARY])
    return with_settings(summary, study)


def row_of(quantity: Quantity, names: str, runs: list[dict]) -> dict:
    """Return a row of the summary.

    Args:
        names: of a condition, or of it and the baseline.
        runs: their runs by seed, None where one failed.
    """
    if quantity.column == FAILED:
        return row_of_failures(quantity, names, runs)
    column, at = quantity.column, quantity.at
    is_contrast = len(runs) == 2 and not quantity.is_spread
    groups = [[of[seed] for of in runs] for seed in runs[0] if all(seed in of for of in runs)]
    successful = [group for group in groups if all(run is not None for run in group)]
    level = np.nan
    if at == COMMON_LOSS:
        level = loss_level([run for run in of.values() if run is not None] for of in runs)
    numbers = [[number_of(run, column, at, level) for run in group] for group in successful]
    values, n_unconverged = np.reshape(numbers, (len(successful), len(runs), 2)).transpose(2, 0, 1)
    sign_p = np.nan
    kept = np.isfinite(values).all(axis=1)
    if quantity.is_spread:
        estimate = spread_estimate(*values[kept].T)
    else:
        of_seeds = values[kept, 0] - values[kept, 1] if is_contrast else values[kept, 0]
        is_share = column.is_share and not is_contrast
        estimate = share_mean(of_seeds) if is_share else mean_estimate(of_seeds)
        estimate = estimate.rescaled(lambda value: from_scale(value, column))
        if is_contrast:
            sign_p = sign_test(of_seeds, neutral=0)
    n = estimate.n if np.isfinite(estimate.value) else 0
    return {
        **_cells(quantity, names, estimate, sign_p),
        "n": n,
        "n_failed": len(groups) - len(successful),
        "n_unconverged": int(n_unconverged[kept].sum()),
        "loss": level,
    }


def row_of_failures(quantity: Quantity, names: str, runs: list[dict]) -> dict:
    """Return a row of the summary about how many runs failed; as :func:`row_of`."""
    seeds = [seed for seed in runs[0] if all(seed in of for of in runs)]
    failed = np.array([[of[seed] is None for seed in seeds] for of in runs], dtype=float)
    if len(runs) == 1:
        estimate, sign_p = share_estimate(int(failed.sum()), len(seeds), 0.5), np.nan
    else:
        differences = failed[0] - failed[1]
        estimate = Estimate(float(differences.mean()), n=len(seeds))
        sign_p = sign_test(differences, neutral=0)
    counts = {"n": estimate.n, "n_failed": 0, "n_unconverged": 0}
    return {**_cells(quantity, names, estimate, sign_p), **counts}


def _cells(quantity, names, estimate, sign_p):
    """Return the cells of a row of the summary, but for its counts."""
    return {
        "quantity": quantity.name,
        "condition": names,
        "mean": estimate.value,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "sign_p": sign_p,
    }
