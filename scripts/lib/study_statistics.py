"""Numbers of a whole study: means over seeds, and conditions against each other, with intervals.

Every number of ``summary.csv`` is first computed for each seed, then averaged over seeds, numbers
of a positive quantity (one on a logarithmic axis) and ratios as geometric means. A seed whose own
number does not exist (an eigenvalue is nan; one that should be positive is not) is left out of that
number, and ``n`` tells how many were left in. So is a run that diverged, or a pair of runs of which
one did; ``n_diverged`` counts them. Nothing else is excluded: an eigenvalue that did not converge
goes in, and ``n_unconverged`` counts such eigenvalues.

The interval is the 95 % t interval over seeds, for positive quantities and ratios that of their
logarithms; with fewer than 3 there is none. Ratios and differences also have, as information, the
p-value of the exact sign test (two-sided) of "as often above as below 1", or 0.

The ratio of lambda_max, and the difference of generalization gaps, which can be negative, is taken
between runs of one seed, which start from the same weights. It answers two questions:

- at equal fraction of training: at the final states, and averaged over all fractions at which both
  runs have a checkpoint;
- at equal training loss: at the lowest loss that every run of the two conditions reaches, and
  averaged over losses: of :data:`LEVELS` losses, evenly spaced in log loss from the lowest initial
  loss down to that one, those that every run brackets by checkpoints after the initial state.
  ``n_levels`` tells how many. The value of a run at a loss is that of its first crossing of it,
  interpolated linearly in log loss between the checkpoints before and after.

Eigenvalues are averaged and interpolated as logarithms, gaps as they are.

The spread of a gap over seeds is compared as the ratio of its standard deviations at the final
states. Estimate and interval are those of the jackknife over pairs (Miller 1968): unlike the
F test's, the interval covers the ratio for gaps that are not normal, too.

What is averaged over training is averaged over the checkpoints that are evenly spaced, without the
additional ones at its beginning. A run that stopped early (``training.stop``) ends with the
checkpoint at which it did: that is its final state, and averages are over the checkpoints it has.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.estimates import mean_and_interval, pseudo_values_of_spread, sign_test
from lsnn.study.columns import SUMMARY
from lsnn.study.outputs import compared_columns, of_gaps, shown_columns

LEVELS = 20


class SeedNumber(NamedTuple):
    """A number of one seed, and how many unconverged eigenvalues went into it."""

    value: float
    n_unconverged: int


class Quantity(NamedTuple):
    """A number of the summary."""

    name: str
    label: str
    numbers: Callable  # one per seed: of runs, or of pairs of them and log losses
    is_positive: bool  # so that means are geometric
    where: str = ""  # of its column: the rows that count have values in this one
    most_levels: int | None = None  # at how many losses runs are compared, at equal loss
    has_sign_test: bool = False


class Comparison(NamedTuple):
    """Numbers of conditions against the baseline that are shown together."""

    title: str
    quantities: list[Quantity]
    sign: str = "/"  # what stands between the two conditions

    @property
    def has_levels(self):
        """Whether conditions are compared at equal loss, among others."""
        return any(quantity.most_levels for quantity in self.quantities)


def quantities_of(study):
    """Return the :class:`Quantity` of every column that is summarised, a list."""
    rows = {"final": "final state", "mean": "mean over training"}
    return [
        Quantity(
            f"{column.name}_{which}",
            f"{capitalised(column.axis)}: {text}",
            of_each(partial(number_of_run, column=column.name, which=which)),
            column.scale == "log",
            column.where,
        )
        for column in shown_columns(study)
        for which, text in rows.items()
        if which in column.summary
    ]


def comparisons_of(study):
    """Return the :class:`Comparison` of everything that conditions are compared by, a list."""
    comparisons = []
    for column in compared_columns(study):
        title = f"{capitalised(how_compared(column))} between conditions: {column.label}"
        sign = "/" if column.scale == "log" else "-"
        comparisons.append(Comparison(title, compared(column), sign))
    gaps = of_gaps(study).values()
    differences = [
        quantity._replace(label=f"{capitalised(column.axis)}: {quantity.label}")
        for column in gaps
        for quantity in compared(column)
    ]
    spreads = [
        Quantity(
            f"{column.name}_spread_ratio_final",
            f"{capitalised(column.label)}: final states",
            partial(numbers_of_spread, column=column.name),
            is_positive=True,
        )
        for column in gaps
    ]
    title = "Generalization gap: "
    comparisons.append(Comparison(f"{title}difference between conditions", differences, "-"))
    comparisons.append(Comparison(f"{title}ratio of standard deviations over seeds", spreads))
    return comparisons


def compared(column):
    """Return the numbers of a column that are taken between runs of one seed, a list."""
    return [
        Quantity(
            f"{column.name}_{how_compared(column)}_{name}",
            label,
            of_pairs(partial(function, column=column)),
            column.scale == "log",
            column.where,
            most_levels=MOST_LEVELS.get(function),
            has_sign_test=True,
        )
        for name, (label, function) in CONTRASTS.items()
    ]


def how_compared(column):
    """Return how two values of a column are compared: as a ratio of what is positive."""
    return "ratio" if column.scale == "log" else "difference"


def of_each(number):
    """Return a function of a list of runs that applies a function of one run to each."""
    return lambda runs: [number(run) for run in runs]


def of_pairs(number):
    """Return a function of a list of pairs of runs that applies a function of one pair to each."""
    return lambda pairs, levels: [number(*pair, levels) for pair in pairs]


def capitalised(text):
    return text[0].upper() + text[1:]


def summarise(trajectories, study):
    """Return ``summary.csv``: a row for every quantity and condition, or condition and baseline.

    ``trajectories`` has the rows of a run in the order of its iterations.
    """
    trajectories = with_spacing(trajectories, study)
    runs_where = cache(partial(Runs.of, trajectories))
    levels_where = cache(lambda where, *names: runs_where(where).levels(*names))
    rows = []
    for quantity in quantities_of(study):
        runs = runs_where(quantity.where)
        for condition, of_seeds in runs.finished.items():
            numbers = quantity.numbers(list(of_seeds.values()))
            n_diverged = len(runs.seeds[condition]) - len(of_seeds)
            rows.append(row_of(quantity, condition, numbers, n_diverged))
    baseline = study.baseline
    for comparison in comparisons_of(study):
        for quantity in comparison.quantities:
            runs = runs_where(quantity.where)
            for condition in runs.conditions_except(baseline):
                pairs = runs.pairs(condition, baseline)
                levels = levels_where(quantity.where, condition, baseline)
                numbers = quantity.numbers(pairs, levels)
                n_diverged = len(runs.seeds[condition] & runs.seeds[baseline]) - len(pairs)
                names = f"{condition} {comparison.sign} {baseline}"
                row = row_of(quantity, names, numbers, n_diverged)
                most = quantity.most_levels
                row["n_levels"] = most and min(most, len(levels))
                if quantity.has_sign_test:
                    neutral = 1 if quantity.is_positive else 0
                    row["sign_p"] = sign_test([number.value for number in numbers], neutral)
                rows.append(row)
    summary = pd.DataFrame(rows, columns=[column.name for column in SUMMARY])
    return summary.astype({"n_levels": "Int64"})


def with_spacing(trajectories, study):
    """Return a table that tells whether each row is one of those evenly spaced."""
    every = {name: one.checkpoint_every for name, one in study.conditions.items()}
    spacing = trajectories["condition"].map(every).astype(int)
    return trajectories.assign(is_evenly_spaced=trajectories["iteration"] % spacing == 0)


class Runs(NamedTuple):
    """The runs of a table, and the rows of those that did not diverge."""

    seeds: dict  # of all runs, sets by condition
    finished: dict  # rows by condition and seed

    @classmethod
    def of(cls, trajectories, where):
        """Return the runs in the rows that have values in the column ``where``, if any is named."""
        rows = trajectories[trajectories[where].notna()] if where else trajectories
        seeds, finished = {}, {}
        for condition, of_condition in rows.groupby("condition", sort=False):
            seeds[condition] = set(of_condition["seed"])
            of_finished = of_condition[~of_condition["diverged"]]
            finished[condition] = dict(iter(of_finished.groupby("seed")))
        return cls(seeds, finished)

    def conditions_except(self, baseline):
        """Return the conditions that can be compared with the baseline."""
        return [one for one in self.seeds if one != baseline and baseline in self.seeds]

    def pairs(self, condition, baseline):
        """Return the pairs of finished runs of one seed, a list."""
        of_seeds, of_baseline = self.finished[condition], self.finished[baseline]
        return [(rows, of_baseline[seed]) for seed, rows in of_seeds.items() if seed in of_baseline]

    def levels(self, condition, baseline):
        """Return the log training losses at which two conditions can be compared."""
        return common_levels(
            [*self.finished[condition].values(), *self.finished[baseline].values()]
        )


def asked_for(rows, column):
    """Return the rows of a table at which a column was asked for."""
    return rows[rows[column.where].notna()] if column.where in rows else rows


def row_of(quantity, condition, numbers, n_diverged):
    """Return a row of the summary as a mapping, of the numbers of all seeds."""
    values = np.array([number.value for number in numbers])
    kept = np.isfinite(values) & ((values > 0) | (not quantity.is_positive))
    mean, low, high = mean_and_interval(values[kept], quantity.is_positive)
    return {
        "quantity": quantity.name,
        "condition": condition,
        "mean": mean,
        "ci_low": low,
        "ci_high": high,
        "n": int(kept.sum()),
        "n_diverged": n_diverged,
        "n_unconverged": sum(
            one.n_unconverged for one, is_kept in zip(numbers, kept, strict=True) if is_kept
        ),
    }


def number_of_run(run, column, which):
    """Return the value of a column at the ``"final"`` state of a run, or its ``"mean"``."""
    rows = run.tail(1) if which == "final" else run[run["is_evenly_spaced"]]
    return SeedNumber(float(rows[column].mean(skipna=False)), n_unconverged(rows, column))


def n_unconverged(rows, column, used=slice(None)):
    """Return how many values of a column, of the rows at the positions used, did not converge."""
    converged = column + "_converged"
    return int((~rows[converged].to_numpy()[used]).sum()) if converged in rows else 0


def contrast_at_end(run, baseline, levels, column):
    """Return the contrast of a column between a run and the baseline at the two final states.

    That is value / value of the baseline where the axis is logarithmic, else the difference.
    """
    return _contrast_of_rows(run.tail(1), baseline.tail(1), column)


def contrast_over_fractions(run, baseline, levels, column):
    """Return the mean contrast over the fractions of training at which both have a checkpoint."""
    run, baseline = run[run["is_evenly_spaced"]], baseline[baseline["is_evenly_spaced"]]
    fractions, of_baseline = run["fraction"].round(9), baseline["fraction"].round(9)
    return _contrast_of_rows(
        run[fractions.isin(of_baseline)], baseline[of_baseline.isin(fractions)], column
    )


def _contrast_of_rows(rows, baseline_rows, column):
    differences = on_scale(rows[column.name], column) - on_scale(baseline_rows[column.name], column)
    unconverged = n_unconverged(rows, column.name) + n_unconverged(baseline_rows, column.name)
    return SeedNumber(from_scale(np.mean(differences), column), unconverged)


def contrast_at_lowest_loss(run, baseline, levels, column):
    """Return the contrast at the lowest of some log training losses."""
    return contrast_over_losses(run, baseline, levels[-1:], column)


def contrast_over_losses(run, baseline, levels, column):
    """Return the mean contrast over log training losses that both runs pass through."""
    if len(levels) == 0:
        return SeedNumber(np.nan, 0)
    of_run, used = values_at_levels(run, column, levels)
    of_baseline, used_baseline = values_at_levels(baseline, column, levels)
    unconverged = n_unconverged(run, column.name, used)
    unconverged += n_unconverged(baseline, column.name, used_baseline)
    return SeedNumber(from_scale(np.mean(of_run - of_baseline), column), unconverged)


def on_scale(values, column):
    """Return values of a column as an array on the scale of its axis: logs on a logarithmic one."""
    return log_or_nan(values) if column.scale == "log" else np.asarray(values, dtype=float)


def from_scale(values, column):
    """Return what :func:`on_scale` was given."""
    return np.exp(values) if column.scale == "log" else values


def numbers_of_spread(pairs, levels, column):
    """Return the jackknife's numbers, one per pair, for a ratio of standard deviations over seeds.

    It is that of the final states of a column. Each is the exponential of a pseudo-value of the
    log ratio, of which the t interval is that of the jackknife (Miller 1968).
    """
    finals = np.array([[run[column].iloc[-1] for run in pair] for pair in pairs], dtype=float)
    pseudo_values = pseudo_values_of_spread(*finals.reshape(-1, 2).T)
    return [SeedNumber(float(np.exp(value)), 0) for value in pseudo_values]


def common_levels(runs):
    """Return log training losses, falling, at which runs can be compared; none is an empty array.

    They are evenly spaced from the lowest initial loss down to the lowest that all runs reach, and
    each is bracketed by two checkpoints of every run that both come after the initial state.
    """
    if not runs:
        return np.empty(0)
    log_losses = [log_or_nan(run["train_loss"]) for run in runs]
    initial = np.min([log_loss[0] for log_loss in log_losses])
    lowest = np.max([log_loss.min() for log_loss in log_losses])
    if not (np.isfinite(initial) and lowest <= initial):
        return np.empty(0)
    levels = np.linspace(initial, lowest, LEVELS)
    return levels[[all(0 not in crossing(one, level) for one in log_losses) for level in levels]]


def values_at_levels(run, column, levels):
    """Return values of a column, on its scale, at log losses, and positions of the rows used.

    Every level must be reached by the run, and lie at or below its initial loss.
    """
    log_loss = log_or_nan(run["train_loss"])
    on_axis = on_scale(run[column.name], column)
    values, used = [], set()
    for level in levels:
        weights = crossing(log_loss, level)
        values.append(sum(weight * on_axis[row] for row, weight in weights.items()))
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


CONTRASTS = {
    "final": ("Equal fraction of training: final states", contrast_at_end),
    "mean": ("Equal fraction of training: averaged over training", contrast_over_fractions),
    "at_lowest_common_loss": (
        "Equal training loss: lowest that all runs reach",
        contrast_at_lowest_loss,
    ),
    "over_common_losses": (
        "Equal training loss: averaged over the losses that all runs pass through",
        contrast_over_losses,
    ),
}
MOST_LEVELS = {contrast_at_lowest_loss: 1, contrast_over_losses: LEVELS}
