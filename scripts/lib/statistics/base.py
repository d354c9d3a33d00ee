"""What all statistics share: their options, the numbers of runs, and what they give."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from lib.estimates import LEAST_SEEDS, Estimate
from lib.numbers import AT, AT_EQUAL_LOSS, Number, common_to, from_scale, number_of, runs_in
from lib.statistics.source import NotComputed, Source, Undecided, column_of
from lsnn.options import choice, list_of, text
from lsnn.study.checks import suggestion
from lsnn.study.columns import Column
from lsnn.study.config import Study

STATES = ("final", "mean")  # where a run's number does not depend on the losses of others
COLUMN = text(
    "A column of trajectories.csv, or an expression of columns as pandas evaluates it, with "
    "backquotes around a name that has - or . in it. A column of an entry can be named without the "
    "entry's name, if the study has only one such entry.",
    minLength=1,
)
CONDITION = text("A condition of the study.", minLength=1)
BASELINE = text("What it is compared with; if left out, its baseline in the study.", minLength=1)
SCALE = choice(
    "log - ratios and geometric means; linear - differences and means; if left out, that of the "
    "column's axis; for an expression, linear.",
    ["linear", "log"],
    None,
)


def at_option(places: Sequence[str] = tuple(AT)) -> dict:
    """Return the option that says where along a run its number is taken."""
    meaning = "; ".join(f"{name} - {AT[name].meaning}" for name in places)
    return choice(f"{meaning}.", places, "final")


def conditions_option(description: str, least: int = 2) -> dict:
    """Return an option that is a list of conditions."""
    return list_of(description, CONDITION, None, least)


Label = Callable[[str | None], str]  # of a condition; of None, that of the baseline


class Found(NamedTuple):
    """What a statistic gives."""

    estimate: Estimate
    neutral: float
    is_ratio: bool  # whether the estimate is on a logarithmic scale
    points: pd.DataFrame  # condition, seed, x, y: what it is made of
    n_diverged: int = 0  # seeds, or runs, that it leaves out because they diverged
    n_missing: int = 0  # likewise, because they have no number
    n_unconverged: int = 0
    diverged: dict[str, list[int]] | None = None  # by condition: runs, those that diverged


class Statistic:
    """Base of the statistics; the options that a claim gives are attributes.

    A subclass is one number of a study that decides a claim. Its docstring begins with what it is.
    """

    options: ClassVar[dict[str, dict]] = {}
    required: ClassVar[tuple] = ()  # options that a claim must give
    # The options of all statistics; each has some of them.
    column: str
    over: str
    given: str | None
    condition: str
    baseline: str | None
    conditions: Any  # a list, or None
    at: str = "final"
    over_at: str | None
    scale: str | None
    against: float
    within: str
    least_n = LEAST_SEEDS  # fewer decide nothing

    def __init__(self, **options: Any):
        vars(self).update(options)

    def compute(self, source: Source) -> Found:
        """Return what the runs of a study give.

        Raises:
            NotComputed: something that it needs is missing.
            Undecided: what there is decides nothing.
        """
        raise NotImplementedError

    def words(self, label: Label) -> str:
        """Return in words what it compares, without the place along a run."""
        raise NotImplementedError

    def describe(self, study: Study | None) -> str:
        """Return in words what it compares, and where; with the labels of a study, if given."""

        def label(condition: str | None) -> str:
            name = condition or (study.baseline if study else "the baseline")
            known = study.conditions if study else {}
            return known[name].label if name in known else name.replace("_", " ")

        words = self.words(label)
        return f"{words}, {AT[self.at].words}" if self.at else words


class Values(NamedTuple):
    """Numbers of runs, on the scale of their column."""

    # Index: condition, seed, of the runs that the column was asked for. Columns: y, the number, nan
    # where there is none; further numbers of the same runs; diverged; n_unconverged.
    runs: pd.DataFrame
    column: Column

    def beside(self, name: str, other: "Values") -> "Values":
        """Return the runs that have both, with the other number under a name."""
        runs = self.runs.join(other.runs["y"].rename(name), how="inner")
        more = other.runs["n_unconverged"].reindex(runs.index)
        return self._replace(runs=runs.assign(n_unconverged=runs["n_unconverged"] + more))

    def table(self, name: str = "y") -> pd.DataFrame:
        """Return one of the numbers as a table, seeds x conditions."""
        conditions = self.runs.index.unique("condition")
        return self.runs[name].unstack("condition").reindex(columns=conditions)

    def found(
        self, estimate: Estimate, against: float | None = None, is_paired: bool = True
    ) -> Found:
        """Return the :class:`Found` of an estimate that is on the scale of the column.

        Args:
            estimate: a distance from ``against``, by default from 0, or as a ratio from 1.
            is_paired: whether it is made of seeds, each with a run of every condition; else of
                runs.
        """
        is_ratio = self.column.scale == "log"
        neutral = (1.0 if is_ratio else 0.0) if against is None else against
        estimate = estimate.rescaled(lambda x: neutral * np.exp(x) if is_ratio else neutral + x)
        state = self.runs.assign(missing=self.runs.isna().any(axis=1) & ~self.runs["diverged"])
        if is_paired:
            n_conditions = state.groupby("seed")["diverged"].transform("size")
            state = state[n_conditions == state.index.unique("condition").size]
        by_condition = state.groupby("condition", sort=False)["diverged"]
        if is_paired:
            state = state.groupby("seed")[["diverged", "missing", "n_unconverged"]].sum()
        is_diverged, is_missing = state["diverged"] > 0, state["missing"] > 0
        points = self.runs.assign(y=from_scale(self.runs["y"], self.column)).reset_index()
        return Found(
            estimate,
            neutral,
            is_ratio,
            points.reindex(columns=["condition", "seed", "x", "y"]).dropna(subset="y"),
            int(is_diverged.sum()),
            int((is_missing & ~is_diverged).sum()),
            int(state["n_unconverged"][~is_diverged & ~is_missing].sum()),
            by_condition.agg(["size", "sum"]).T.to_dict("list"),
        )


def values_of(
    source: Source, conditions: list[str], expression: str, at: str, scale: str | None = None
) -> Values:
    """Return the :class:`Values` of an expression, of the runs of some conditions.

    Fractions of training, and losses, are those common to all these runs that did not diverge.

    Raises:
        NotComputed: a condition, one of its runs, or a column is missing.
        Undecided: they have no loss in common.
    """
    rows, column = column_of(source, expression, scale)
    require_runs(source, conditions)
    runs = runs_in(rows)
    if not all(condition in runs for condition in conditions):
        raise NotComputed(f"no values of {expression}")
    finished = [run for name in conditions for run in runs[name].values() if run is not None]
    common = common_to(finished, at)
    if at in AT_EQUAL_LOSS and finished and not len(common):
        raise Undecided("no training loss that every run brackets by two checkpoints")
    cells = []
    for name in conditions:
        for seed, run in runs[name].items():
            number = Number(np.nan) if run is None else number_of(run, column, at, common)
            cells.append([name, seed, *number, run is None])
    names = ["condition", "seed", "y", "n_unconverged", "diverged"]
    table = pd.DataFrame(cells, columns=names).set_index(["condition", "seed"])
    return Values(table.replace([np.inf, -np.inf], np.nan), column)


def against_baselines(
    source: Source, conditions: list[str], expression: str, at: str, scale: str | None
) -> Values:
    """Return the :class:`Values` of conditions less those of their baselines, paired by seed.

    Fractions of training, and losses, are those common to all runs of a condition and its baseline.

    Raises:
        NotComputed, Undecided: as :func:`values_of`.
    """
    parts = []
    for condition in conditions:
        baseline = source.baseline_of(condition)
        values = values_of(source, [baseline, condition], expression, at, scale)
        pair = [values.runs.xs(name, level="condition") for name in (condition, baseline)]
        own, other = (runs.loc[pair[0].index.intersection(pair[1].index)] for runs in pair)
        difference = own.assign(
            y=own["y"] - other["y"],
            n_unconverged=own["n_unconverged"] + other["n_unconverged"],
            diverged=own["diverged"] | other["diverged"],
        )
        parts.append(pd.concat({condition: difference}, names=["condition"]))
    return Values(pd.concat(parts), values.column)


def require_runs(source: Source, conditions: list[str]) -> None:
    """Refuse conditions of which a run is missing."""
    known, table = source.study.conditions, source.trajectories
    for condition in conditions:
        if condition not in known:
            raise NotComputed(f"no condition {condition}{suggestion(condition, known)}")
        there = set(table["seed"][table["condition"] == condition])
        missing = sorted(set(source.study.seeds) - there)
        if missing:
            raise NotComputed(f"no run of {condition}, seed {', '.join(map(str, missing))}")
