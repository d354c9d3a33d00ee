"""Numbers of a whole study: means over seeds, and ratios between conditions, with intervals.

Every number of ``summary.csv`` is first computed for each seed, then averaged over seeds. A seed
whose own number does not exist (an eigenvalue is nan; an eigenvalue in a ratio is not positive) is
left out of that number, and ``n_seeds`` tells how many were left in. Nothing else is excluded: an
eigenvalue that did not converge goes in, and ``n_unconverged`` counts such eigenvalues.

The interval is the 95 % percentile bootstrap over seeds. With few seeds it is too narrow; with one
there is none.

The ratio of lambda_max is taken between runs of one seed, which start from the same weights, and
averaged over seeds as a geometric mean. It answers two questions:

- at equal fraction of training: at the final states, and averaged (log ratio) over all fractions at
  which both runs have a checkpoint;
- at equal training loss: at the lowest loss that both runs reach, and averaged (log ratio) over
  :data:`LEVELS` losses, evenly spaced in log loss from the initial loss down to that lowest one.
  The lambda_max of a run at a loss is that of its first crossing of it, log lambda_max being
  interpolated linearly in log loss between the checkpoints before and after.

A run that stopped early (``training.stop``) ends with the checkpoint at which it did: that
is its final state, and averages are over the checkpoints that it has.
"""

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from lsnn.columns import SUMMARY
from lsnn.outputs import compared_columns, shown_columns

LEVELS = 20


class SeedNumber(NamedTuple):
    """A number of one seed, and how many unconverged eigenvalues went into it."""

    value: float
    n_unconverged: int


class Quantity(NamedTuple):
    """A number of the summary."""

    name: str
    label: str
    number: Callable  # of a run; of a ratio, its logarithm, of a run and the baseline's


def quantities_of(study):
    """Return the :class:`Quantity` of every column that is summarised, a list."""
    rows = {"final": "final state", "mean": "mean over training"}
    return [
        Quantity(
            f"{column.name}_{which}",
            f"{capitalised(column.axis)}: {text}",
            partial(number_of_run, column=column.name, which=which),
        )
        for column in shown_columns(study)
        for which, text in rows.items()
        if which in column.summary
    ]


def ratios_of(study):
    """Return the ratios to the baseline by the column that they are of, lists of Quantity."""
    return {
        column: [
            Quantity(f"{column.name}_ratio_{name}", label, partial(function, column=column.name))
            for name, (label, function) in RATIOS.items()
        ]
        for column in compared_columns(study)
    }


def capitalised(text):
    return text[0].upper() + text[1:]


def summarise(trajectories, study):
    """Return ``summary.csv``: a row for every quantity and condition, or condition and baseline.

    ``trajectories`` has the rows of a run in the order of its iterations.
    """
    baseline = study.baseline
    runs = {
        condition: dict(iter(of_condition.groupby("seed")))
        for condition, of_condition in trajectories.groupby("condition", sort=False)
    }
    rows = []
    for quantity in quantities_of(study):
        for condition, of_seeds in runs.items():
            numbers = [quantity.number(run) for run in of_seeds.values()]
            rows.append(_row(quantity.name, condition, numbers, lambda mean: mean))
    of_baseline = runs.get(baseline, {})
    others = [condition for condition in runs if condition != baseline and of_baseline]
    for quantity in chain.from_iterable(ratios_of(study).values()):
        for condition in others:
            of_seeds = runs[condition]
            pairs = [(of_seeds[s], of_baseline[s]) for s in of_seeds if s in of_baseline]
            numbers = [quantity.number(run, divisor) for run, divisor in pairs]
            rows.append(_row(quantity.name, f"{condition} / {baseline}", numbers, np.exp))
    return pd.DataFrame(rows, columns=[column.name for column in SUMMARY])


def _row(quantity, condition, numbers, back):
    """Return a row of the summary; ``back`` undoes the logarithm of the numbers, if any."""
    kept = [number for number in numbers if np.isfinite(number.value)]
    mean, low, high = mean_and_interval([number.value for number in kept])
    unconverged = sum(number.n_unconverged for number in kept)
    return (quantity, condition, back(mean), back(low), back(high), len(kept), unconverged)


def mean_and_interval(values):
    """Return the mean and the two ends of its 95 % bootstrap interval; nan where there is none.

    >>> mean_and_interval([2.0, 2.0])
    (2.0, 2.0, 2.0)
    """
    if len(values) == 0:
        return np.nan, np.nan, np.nan
    mean = float(np.mean(values))
    if len(values) == 1:
        return mean, np.nan, np.nan
    result = bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(0))
    interval = result.confidence_interval
    return mean, float(interval.low), float(interval.high)


def number_of_run(run, column, which):
    """Return the mean of a column over the ``"final"`` checkpoint of a run or over ``"all"``."""
    rows = run.tail(1) if which == "final" else run
    return SeedNumber(float(rows[column].mean(skipna=False)), n_unconverged(rows, column))


def n_unconverged(rows, column, used=slice(None)):
    """Return how many values of a column, of the rows at the positions used, did not converge."""
    converged = column + "_converged"
    return int((~rows[converged].to_numpy()[used]).sum()) if converged in rows else 0


def log_ratio_at_end(run, baseline, column):
    """Return log(value / value of the baseline) of a column at the two final states."""
    return _log_ratio_at_rows(run.tail(1), baseline.tail(1), column)


def log_ratio_over_fractions(run, baseline, column):
    """Return the mean log ratio over the fractions of training at which both have a checkpoint."""
    fractions, of_baseline = run["fraction"].round(9), baseline["fraction"].round(9)
    return _log_ratio_at_rows(
        run[fractions.isin(of_baseline)], baseline[of_baseline.isin(fractions)], column
    )


def _log_ratio_at_rows(rows, baseline_rows, column):
    log_ratio = log_or_nan(rows[column]) - log_or_nan(baseline_rows[column])
    unconverged = n_unconverged(rows, column) + n_unconverged(baseline_rows, column)
    return SeedNumber(float(np.mean(log_ratio)), unconverged)


def log_ratio_at_lowest_loss(run, baseline, column):
    """Return the log ratio at the lowest training loss that both runs reach."""
    return _log_ratio_at_levels(run, baseline, column, common_levels([run, baseline])[-1:])


def log_ratio_over_losses(run, baseline, column):
    """Return the mean log ratio over the training losses that both runs pass through."""
    return _log_ratio_at_levels(run, baseline, column, common_levels([run, baseline]))


def _log_ratio_at_levels(run, baseline, column, levels):
    if len(levels) == 0:
        return SeedNumber(np.nan, 0)
    of_run, used = log_values_at_levels(run, column, levels)
    of_baseline, used_baseline = log_values_at_levels(baseline, column, levels)
    unconverged = n_unconverged(run, column, used)
    unconverged += n_unconverged(baseline, column, used_baseline)
    return SeedNumber(float(np.mean(of_run - of_baseline)), unconverged)


def common_levels(runs):
    """Return log training losses, from the initial one down to the lowest that all runs reach.

    The array is empty if there is no such range: a loss is 0 or not finite, or a run starts below
    the losses of another.
    """
    log_losses = [log_or_nan(run["train_loss"]) for run in runs]
    initial = np.min([log_loss[0] for log_loss in log_losses])
    lowest = np.max([log_loss.min() for log_loss in log_losses])
    if not (np.isfinite(initial) and lowest <= initial):
        return np.empty(0)
    return np.linspace(initial, lowest, LEVELS)


def log_values_at_levels(run, column, levels):
    """Return log values at log training losses, and the positions of the rows that were used.

    Every level must be reached by the run, and lie at or below its initial loss.
    """
    log_loss = log_or_nan(run["train_loss"])
    log_value = log_or_nan(run[column])
    values, used = [], set()
    for level in levels:
        weights = crossing(log_loss, level)
        values.append(sum(weight * log_value[row] for row, weight in weights.items()))
        used.update(weights)
    return np.array(values), sorted(used)


def crossing(log_loss, level):
    """Return {row: weight} of the linear interpolation at the first crossing of a level.

    >>> crossing(np.array([4.0, 2.0, 0.0]), 1.5)
    {1: 0.75, 2: 0.25}
    >>> crossing(np.array([4.0, 2.0, 0.0]), 2.0)
    {1: 1.0}
    """
    after = int(np.flatnonzero(log_loss <= level)[0])
    if log_loss[after] == level:
        return {after: 1.0}
    weight = float((log_loss[after - 1] - level) / (log_loss[after - 1] - log_loss[after]))
    return {after - 1: 1.0 - weight, after: weight}


def log_or_nan(values):
    """Return the natural logarithm of each value as an array, nan where it is not positive."""
    values = np.asarray(values, dtype=float)
    return np.log(np.where(values > 0, values, np.nan))


RATIOS = {
    "final": ("Equal fraction of training: final states", log_ratio_at_end),
    "mean": ("Equal fraction of training: averaged over training", log_ratio_over_fractions),
    "at_lowest_common_loss": (
        "Equal training loss: lowest that both runs reach",
        log_ratio_at_lowest_loss,
    ),
    "over_common_losses": (
        f"Equal training loss: averaged over {LEVELS} losses",
        log_ratio_over_losses,
    ),
}
