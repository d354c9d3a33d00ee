"""What a run amounts to: one number of a column, taken at one of the places in :data:`AT`.

Summary, claims and figures take their numbers from here, on the scale of the column: logarithms
where its axis is logarithmic. So a mean over checkpoints is that of logarithms, a difference of two
numbers is that of a ratio.

What is averaged over training is averaged over the checkpoints that are evenly spaced, without the
additional ones at its beginning. A run that stopped early (``training.stop``) ends with the
checkpoint at which it did: that is its final state, and averages are over the checkpoints it has.

Losses at which runs are compared are log training losses, :data:`LEVELS` of them, evenly spaced
from the lowest initial loss down to the lowest that every run reaches; those are used that every
run brackets by two checkpoints after the initial state. The value of a run at a loss is that of its
first crossing of it, interpolated linearly in log loss between the checkpoints before and after.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lsnn.study.columns import Column
from lsnn.study.config import Study

LEVELS = 20


class Place(NamedTuple):
    """Where along a run its number is taken, in words."""

    words: str  # in a sentence
    meaning: str  # as an option
    title: str  # of a comparison of conditions


AT = {
    "final": Place("at the end", "the final state", "Equal fraction of training: final states"),
    "mean": Place(
        "mean over training",
        "the mean over training, at equal fractions",
        "Equal fraction of training: averaged over training",
    ),
    "at_lowest_common_loss": Place(
        "at the lowest training loss that all reach",
        "at the lowest training loss that all runs reach",
        "Equal training loss: lowest that all runs reach",
    ),
    "over_common_losses": Place(
        "at equal training loss",
        "the mean over the training losses that all runs pass through",
        "Equal training loss: averaged over the losses that all runs pass through",
    ),
}
AT_EQUAL_LOSS = ("at_lowest_common_loss", "over_common_losses")


class Number(NamedTuple):
    """A number of a run, and how many eigenvalues that had not converged went into it."""

    value: float  # on the scale of its column; nan if there is none
    n_unconverged: int = 0


def common_to(runs: Iterable[pd.DataFrame], at: str) -> np.ndarray:
    """Return what some runs share: log losses, or fractions of training.

    Args:
        runs: rows of each run, with ``is_evenly_spaced`` (:func:`with_spacing`).
        at: one of :data:`AT`.
    """
    if at in AT_EQUAL_LOSS:
        levels = common_levels(list(runs))
        return levels[-1:] if at == "at_lowest_common_loss" else levels
    fractions = [set(run["fraction"][run["is_evenly_spaced"]].round(9)) for run in runs]
    return np.array(sorted(set.intersection(*fractions))) if fractions else np.empty(0)


def number_of(run: pd.DataFrame, column: Column, at: str, common: np.ndarray) -> Number:
    """Return the :class:`Number` that a run amounts to.

    Args:
        run: its rows, in the order of its iterations.
        column: what the number is of; it is taken on this column's scale.
        at: one of :data:`AT`.
        common: what :func:`common_to` returns, for this ``at``, of the runs that are compared. The
            caller decides which these are. Summary: the pair for ``mean``, and all runs of both
            conditions for equal losses; the run alone where nothing is compared. Claims: all runs
            of all the conditions in the claim.
    """
    if at not in AT_EQUAL_LOSS:
        is_common = run["is_evenly_spaced"] & run["fraction"].round(9).isin(common)
        used = [len(run) - 1] if at == "final" else np.flatnonzero(is_common)
        values = on_scale(run[column.name].to_numpy()[used], column)
    elif len(common):
        values, used = values_at_levels(run, column, common)
    else:
        return Number(np.nan)
    converged = f"{column.name}_converged"
    n_unconverged = (~run[converged].to_numpy()[used]).sum() if converged in run else 0
    return Number(float(np.mean(values)), int(n_unconverged))


def runs_in(rows: pd.DataFrame) -> dict[str, dict[int, pd.DataFrame | None]]:
    """Return the rows of each run in a table, by condition and seed; None if it diverged."""
    return {
        condition: {
            seed: None if run["diverged"].any() else run
            for seed, run in of_condition.groupby("seed")
        }
        for condition, of_condition in rows.groupby("condition", sort=False)
    }


def with_spacing(trajectories: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return a table that tells whether each row is one of those evenly spaced."""
    every = {name: condition.checkpoint_every for name, condition in study.conditions.items()}
    spacing = trajectories["condition"].map(every).astype(int)
    return trajectories.assign(is_evenly_spaced=trajectories["iteration"] % spacing == 0)


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
    is_bracketed = [all(0 not in crossing(run, level) for run in log_losses) for level in levels]
    return levels[is_bracketed]


def values_at_levels(
    run: pd.DataFrame, column: Column, levels: np.ndarray
) -> tuple[np.ndarray, list[int]]:
    """Return values of a column, on its scale, at log losses, and positions of the rows used.

    Every level must be reached by the run, and lie at or below its initial loss.
    """
    log_loss = log_or_nan(run["train_loss"])
    on_axis = on_scale(run[column.name], column)
    values: list[float] = []
    used: set[int] = set()
    for level in levels:
        weights = crossing(log_loss, level)
        values.append(sum(weight * on_axis[row] for row, weight in weights.items()))
        used.update(weights)
    return np.array(values), sorted(used)


def crossing(log_loss: np.ndarray, level: float) -> dict[int, float]:
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


def log_or_nan(values: ArrayLike) -> np.ndarray:
    """Return the natural logarithm of each value as an array, nan where it is not positive."""
    values = np.asarray(values, dtype=float)
    return np.log(np.where(values > 0, values, np.nan))
