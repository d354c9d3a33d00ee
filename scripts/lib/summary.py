"""summary.csv: means over seeds, and conditions against each other, with intervals.

Every number is first computed for each seed (:mod:`lib.numbers`), then averaged over seeds, numbers
of a positive quantity (one on a logarithmic axis) and ratios as geometric means. A seed whose own
number does not exist (an eigenvalue is nan; one that should be positive is not) is left out of that
number, and ``n`` tells how many were left in. So is a run that diverged, or a pair of runs of which
one did; ``n_diverged`` counts them. Nothing else is excluded: an eigenvalue that did not converge
goes in, and ``n_unconverged`` counts such eigenvalues.

The interval is the 95 % t interval over seeds, for positive quantities and ratios that of their
logarithms; with fewer than 3 there is none. Ratios and differences also have, as information, the
p-value of the exact sign test (two-sided) of "as often above as below 1", or 0.

Conditions are compared with their baselines by pairs of runs of one seed, which start from the same
weights: at equal
fraction of training over the checkpoints that both have, at equal loss at those that every run of
the two conditions passes through; ``n_levels`` tells how many. Eigenvalues are compared by their
ratio, generalization gaps, which can be negative, by their difference.

The spread of a gap over seeds is compared as the ratio of its standard deviations at the final
states, with the interval of the jackknife over pairs.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.estimates import mean_estimate, sign_test, spread_estimate
from lib.numbers import (
    AT,
    AT_EQUAL_LOSS,
    asked_for,
    common_to,
    from_scale,
    number_of,
    runs_in,
    with_spacing,
)
from lib.tables import with_settings
from lsnn.study.columns import SUMMARY, Column
from lsnn.study.config import Study
from lsnn.study.outputs import compared_columns, gap_columns, shown_columns


class Quantity(NamedTuple):
    """A number of the summary."""

    name: str
    label: str
    column: Column
    at: str  # one of AT
    is_spread: bool = False


class Comparison(NamedTuple):
    """Numbers of conditions against the baseline that are shown together."""

    title: str
    quantities: list[Quantity]
    sign: str = "/"  # what stands between the two conditions

    @property
    def has_levels(self) -> bool:
        """Whether conditions are compared at equal loss, among others."""
        return any(quantity.at in AT_EQUAL_LOSS for quantity in self.quantities)


def quantities_of(study: Study) -> list[Quantity]:
    """Return the :class:`Quantity` of every column that is summarised."""
    rows = {"final": "final state", "mean": "mean over training"}
    return [
        Quantity(f"{column.name}_{at}", f"{capitalised(column.axis)}: {text}", column, at)
        for column in shown_columns(study)
        for at, text in rows.items()
        if at in column.summary
    ]


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
    return comparisons


def compared(column: Column) -> list[Quantity]:
    """Return the numbers of a column that are taken between runs of one seed."""
    return [
        Quantity(f"{column.name}_{how_compared(column)}_{at}", place.title, column, at)
        for at, place in AT.items()
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
    trajectories = with_spacing(trajectories, study)

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
    return with_settings(summary.astype({"n_levels": "Int64"}), study)


def row_of(quantity: Quantity, names: str, runs: list[dict]) -> dict:
    """Return a row of the summary.

    Args:
        names: of a condition, or of it and the baseline.
        runs: their runs by seed, None where one diverged.
    """
    at, is_ratio = quantity.at, quantity.column.scale == "log"
    is_contrast = len(runs) == 2 and not quantity.is_spread
    # A run's own mean over training is the plain one, whatever the scale.
    column = quantity.column if is_contrast else quantity.column._replace(scale="linear")
    groups = [[of[seed] for of in runs] for seed in runs[0] if all(seed in of for of in runs)]
    finished = [group for group in groups if all(run is not None for run in group)]
    every = [run for of in runs for run in of.values() if run is not None]
    levels = common_to(every, at) if at in AT_EQUAL_LOSS else None
    numbers = []
    for group in finished:
        common = common_to(group, at) if levels is None else levels
        numbers.append([number_of(run, column, at, common) for run in group])
    values, n_unconverged = np.reshape(numbers, (len(finished), len(runs), 2)).transpose(2, 0, 1)
    sign_p = np.nan
    if quantity.is_spread:
        estimate = spread_estimate(*values.T)
        kept = np.isfinite(values).all(axis=1)
    else:
        of_seeds = values[:, 0]
        if is_contrast:
            of_seeds = from_scale(values[:, 0] - values[:, 1], column)
            sign_p = sign_test(of_seeds, neutral=1 if is_ratio else 0)
        kept = np.isfinite(of_seeds) & ((of_seeds > 0) | (not is_ratio))
        estimate = mean_estimate(of_seeds[kept], is_ratio)
    return {
        "quantity": quantity.name,
        "condition": names,
        "mean": estimate.value,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "sign_p": sign_p,
        "n": estimate.n if np.isfinite(estimate.value) else 0,
        "n_diverged": len(groups) - len(finished),
        "n_unconverged": int(n_unconverged[kept].sum()),
        "n_levels": None if levels is None else len(levels),
    }
