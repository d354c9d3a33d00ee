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

Conditions are compared by pairs of runs of one seed, which start from the same weights: at equal
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

from lib.estimates import Estimate, mean_estimate, sign_test, spread_estimate
from lib.numbers import (
    AT,
    AT_EQUAL_LOSS,
    Number,
    Runs,
    asked_for,
    common_to,
    from_scale,
    number_of,
    with_spacing,
)
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
    comparisons = []
    for column in compared_columns(study):
        title = f"{capitalised(how_compared(column))} between conditions: {column.label}"
        sign = "/" if column.scale == "log" else "-"
        comparisons.append(Comparison(title, compared(column), sign))
    gaps = gap_columns(study).values()
    differences = [
        quantity._replace(label=f"{capitalised(column.axis)}: {quantity.label}")
        for column in gaps
        for quantity in compared(column)
    ]
    spreads = [
        Quantity(
            f"{column.name}_spread_ratio_final",
            f"{capitalised(column.label)}: final states",
            column,
            "final",
            is_spread=True,
        )
        for column in gaps
    ]
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
    return text[0].upper() + text[1:]


def summarise(trajectories: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return ``summary.csv``: a row for every quantity and condition, or condition and baseline.

    ``trajectories`` has the rows of a run in the order of its iterations.
    """
    trajectories = with_spacing(trajectories, study)
    by_where = cache(lambda column: Runs.of(asked_for(trajectories, column)))

    def runs_with(quantity):
        return by_where(Column("", "", where=quantity.column.where))  # split once for many columns

    rows = []
    for quantity in quantities_of(study):
        runs = runs_with(quantity)
        for condition in runs.seeds:
            rows.append(row_of_condition(quantity, runs, condition))
    baseline = study.baseline
    for comparison in comparisons_of(study):
        for quantity in comparison.quantities:
            runs = runs_with(quantity)
            row_of = row_of_spread if quantity.is_spread else row_of_contrast
            for condition in runs.seeds:
                if condition != baseline and baseline in runs.seeds:
                    names = f"{condition} {comparison.sign} {baseline}"
                    rows.append({**row_of(quantity, runs, condition, baseline), "condition": names})
    summary = pd.DataFrame(rows, columns=[column.name for column in SUMMARY])
    return summary.astype({"n_levels": "Int64"})


def row_of_condition(quantity: Quantity, runs: Runs, condition: str) -> dict:
    """Return the row of a quantity of a condition."""
    # Over training a run's own number is its plain mean, whatever its scale.
    column, at = quantity.column._replace(scale="linear"), quantity.at
    finished = runs.finished[condition]
    numbers = [number_of(rows, column, at, common_to([rows], at)) for rows in finished.values()]
    n_diverged = len(runs.seeds[condition]) - len(finished)
    row = row_of_numbers(numbers, quantity.column.scale == "log")
    return {"quantity": quantity.name, "condition": condition, **row, "n_diverged": n_diverged}


def row_of_contrast(quantity: Quantity, runs: Runs, condition: str, baseline: str) -> dict:
    """Return the row of a quantity of the pairs of runs of a condition and the baseline."""
    column, at = quantity.column, quantity.at
    pairs, n_diverged = pairs_of(runs, condition, baseline)
    is_at_loss = at in AT_EQUAL_LOSS
    common = common_to(runs.all_of(condition, baseline), at) if is_at_loss else None
    numbers = []
    for pair in pairs:
        of_pair = common if is_at_loss else common_to(pair, at)
        run, other = (number_of(rows, column, at, of_pair) for rows in pair)
        value = from_scale(run.value - other.value, column)
        numbers.append(Number(value, run.n_unconverged + other.n_unconverged))
    is_ratio = column.scale == "log"
    values = [number.value for number in numbers]
    return {
        "quantity": quantity.name,
        **row_of_numbers(numbers, is_ratio),
        "n_diverged": n_diverged,
        "n_levels": len(common) if is_at_loss else None,
        "sign_p": sign_test(values, neutral=1 if is_ratio else 0),
    }


def row_of_spread(quantity: Quantity, runs: Runs, condition: str, baseline: str) -> dict:
    """Return the row of a ratio of standard deviations over seeds."""
    pairs, n_diverged = pairs_of(runs, condition, baseline)
    column = quantity.column._replace(scale="linear")
    numbers = np.array(
        [[number_of(rows, column, quantity.at, None).value for rows in pair] for pair in pairs]
    )
    estimate = spread_estimate(*numbers.reshape(-1, 2).T)
    return {"quantity": quantity.name, **row_of(estimate, 0), "n_diverged": n_diverged}


def pairs_of(runs: Runs, condition: str, baseline: str) -> tuple[list[tuple], int]:
    """Return the pairs of finished runs of one seed, and how many pairs have one that diverged."""
    finished, of_baseline = runs.finished[condition], runs.finished[baseline]
    pairs = [(rows, of_baseline[seed]) for seed, rows in finished.items() if seed in of_baseline]
    return pairs, len(runs.seeds[condition] & runs.seeds[baseline]) - len(pairs)


def row_of_numbers(numbers: list[Number], is_positive: bool) -> dict:
    """Return what a row of the summary says of the numbers of all seeds."""
    numbers = [n for n in numbers if np.isfinite(n.value) and (n.value > 0 or not is_positive)]
    estimate = mean_estimate([number.value for number in numbers], is_positive)
    return row_of(estimate, sum(number.n_unconverged for number in numbers))


def row_of(estimate: Estimate, n_unconverged: int) -> dict:
    """Return an estimate as cells of the summary."""
    return {
        "mean": estimate.value,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "n": estimate.n if np.isfinite(estimate.value) else 0,
        "n_unconverged": n_unconverged,
    }
