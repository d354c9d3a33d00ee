"""What a run amounts to: one number of a column, taken at one of the places in :data:`AT`.

Summary, claims and figures take their numbers from here, on the scale of the column: logarithms
where its axis is logarithmic. So a mean over checkpoints is that of logarithms, a difference of two
numbers is that of a ratio.

A run that stopped early (``training.stop``) ends with the checkpoint at which it did: that is its
final state, and its last quarter and its mean are those of what it has trained.

Runs are compared at equal loss at a **loss level**, a training loss without the L2 term. The value
of a run there is that of its first crossing, interpolated linearly in log loss between the
checkpoints before and after, both of which come after the initial state. A run that does not reach
the level, or starts below it, has none.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lsnn.study.columns import Column

LEVELS = 20  # of curves against the loss
LATE = 0.75  # fraction of a run after which it is late
ROUNDING = 1e-12  # of a log loss
REACHED_BY = 0.8  # share of the runs of the worse condition that reach a loss level


class Place(NamedTuple):
    """Where along a run its number is taken, in words."""

    words: str  # in a sentence
    meaning: str  # as an option
    title: str  # of a comparison of conditions


COMMON_LOSS = "common_loss"
AT = {
    "final": Place("at the end", "the final state", "Equal fraction of training: final states"),
    "late": Place(
        "late in training",
        "the mean over the checkpoints of the last quarter of training",
        "Equal fraction of training: averaged over the last quarter",
    ),
    "mean": Place(
        "mean over training",
        "the mean over training after the initial state",
        "Equal fraction of training: averaged over training",
    ),
    "largest": Place(
        "the largest in training",
        "the largest value at a checkpoint after the initial state",
        "Largest in training",
    ),
    COMMON_LOSS: Place(
        "at equal training loss",
        "where the run first reaches the training loss `loss`",
        "Equal training loss",
    ),
}


class Number(NamedTuple):
    """A number of a run, and how many eigenvalues that had not converged went into it."""

    value: float  # on the scale of its column; nan if there is none
    n_unconverged: int = 0


def number_of(run: pd.DataFrame, column: Column, at: str, level: float = np.nan) -> Number:
    """Return the :class:`Number` that a run amounts to.

    Args:
        run: its rows, in the order of its iterations.
        column: what the number is of; it is taken on this column's scale.
        at: one of :data:`AT`.
        level: the training loss of ``common_loss``.
    """
    weights = _weights(run, at, level)
    used = np.flatnonzero(weights)
    if not len(used):
        return Number(np.nan)
    values = on_scale(run[column.name].to_numpy()[used], column)
    value = values.max() if at == "largest" else values.dot(weights[used])
    converged = f"{column.name}_converged"
    n_unconverged = (~run[converged].to_numpy()[used]).sum() if converged in run else 0
    return Number(float(value), int(n_unconverged))


def _weights(run, at, level):
    """Return how much each row counts for a number, an array (rows); all 0 if there is none."""
    weights = np.zeros(len(run))
    if at == "final":
        weights[-1] = 1.0
    elif at == "late":
        fraction = run["fraction"].to_numpy()
        late = is_late(fraction, fraction[-1])
        weights[late] = 1.0 / late.sum()
    elif at in ("mean", "largest"):
        is_later = run["iteration"].to_numpy() > 0
        is_later[-1] = True  # where there is nothing but the initial state
        weights[is_later] = _trapezoid(run["iteration"].to_numpy()[is_later])
    else:
        for row, weight in crossing(log_or_nan(run["train_loss"]), np.log(level)).items():
            weights[row] = weight
    return weights


def is_late(fraction: Any, last: Any) -> Any:
    """Return whether fractions of training are in the last quarter of a run that ends at one."""
    return fraction >= LATE * last - 1e-9


def _trapezoid(places):
    """Return the weights (places) of the trapezoidal rule for a mean, which add up to 1."""
    if len(places) == 1:
        return np.ones(1)
    halves = np.diff(places) / (2.0 * (places[-1] - places[0]))
    return np.append(halves, 0.0) + np.append(0.0, halves)


def crossing(log_loss: np.ndarray, level: float) -> dict[int, float]:
    """Return {row: weight} of the linear interpolation at the first crossing of a log loss.

    There is none where no row is at or below it, or the first of these follows on the initial
    state, row 0, or is that.

    >>> crossing(np.array([8.0, 4.0, 2.0, 0.0]), 1.5)
    {2: 0.75, 3: 0.25}
    >>> crossing(np.array([8.0, 4.0, 2.0, 0.0]), 2.0)
    {2: 1.0}
    >>> crossing(np.array([8.0, 4.0, 2.0, 0.0]), 5.0), crossing(np.array([8.0, 4.0]), 1.0)
    ({}, {})
    """
    below = np.flatnonzero(log_loss <= level + ROUNDING)
    if not len(below) or below[0] == 0:
        return {}
    after = int(below[0])
    if abs(log_loss[after] - level) <= ROUNDING:
        return {after: 1.0}
    if after == 1:
        return {}
    weight = float((log_loss[after - 1] - level) / (log_loss[after - 1] - log_loss[after]))
    return {after - 1: 1.0 - weight, after: weight}


def iteration_at(run: pd.DataFrame, level: float) -> float:
    """Return the iteration at which a run first reaches a training loss; nan if it does not."""
    found = crossing(log_or_nan(run["train_loss"]), np.log(level))
    iterations = run["iteration"].to_numpy()
    return sum(weight * iterations[row] for row, weight in found.items()) if found else np.nan


def loss_level(runs: Iterable[Iterable[pd.DataFrame]]) -> float:
    """Return the training loss at which conditions can be compared; nan where one has no run.

    It is reached by 80 % of the runs of the condition whose runs get least far: the quantile of
    their lowest losses.

    Args:
        runs: of each condition, the rows of those of its runs that have not failed.
    """
    lowest = [
        [log_or_nan(run["train_loss"]).min() for run in of_condition] for of_condition in runs
    ]
    if not lowest or not all(lowest):
        return np.nan
    return float(np.exp(max(np.quantile(of_condition, REACHED_BY) for of_condition in lowest)))


def runs_in(rows: pd.DataFrame) -> dict[str, dict[int, pd.DataFrame | None]]:
    """Return the rows of each run in a table, by condition and seed; None if it failed."""
    return {
        condition: {
            seed: None if run["failed"].any() else run for seed, run in of_condition.groupby("seed")
        }
        for condition, of_condition in rows.groupby("condition", sort=False)
    }


def asked_for(rows: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Return the rows of a table at which a column was asked for."""
    return rows[rows[column.where].notna()] if column.where in rows else rows


def on_scale(values: ArrayLike, column: Column) -> np.ndarray:
    """Return values of a column as an array on the scale of its axis: logs on a logarithmic one."""
    return log_or_nan(values) if column.scale == "log" else np.asarray(values, dtype=float)


def from_scale(values: Any, column: Column) -> Any:
    """Return what :func:`on_scale` was given."""
    return np.exp(values) if column.scale == "log" else values


def common_levels(runs: list[pd.DataFrame]) -> np.ndarray:
    """Return training losses, falling, for a curve over runs; an empty array if there are none.

    They are evenly spaced, in logarithm, from the lowest initial loss down to the lowest that all
    runs reach, and every run has a value at each.
    """
    if not runs:
        return np.empty(0)
    log_losses = [log_or_nan(run["train_loss"]) for run in runs]
    initial = np.min([log_loss[0] for log_loss in log_losses])
    lowest = np.max([log_loss.min() for log_loss in log_losses])
    if not (np.isfinite(initial) and lowest <= initial):
        return np.empty(0)
    levels = np.linspace(initial, lowest, LEVELS)
    is_reached = [all(crossing(run, level) for run in log_losses) for level in levels]
    return np.exp(levels[is_reached])


def log_or_nan(values: ArrayLike) -> np.ndarray:
    """Return the natural logarithm of each value as an array, nan where it is not positive."""
    values = np.asarray(values, dtype=float)
    return np.log(np.where(values > 0, values, np.nan))
