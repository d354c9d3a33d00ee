"""What all statistics share: their options, the numbers of runs, and what they give."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from lib.estimates import Estimate
from lib.numbers import (
    AT,
    COMMON_LOSS,
    Number,
    from_scale,
    iteration_at,
    loss_level,
    number_of,
    runs_in,
)
from lib.statistics.source import NotComputed, Source, column_of
from lsnn.errors import ConfigError
from lsnn.options import choice, list_of, number, text
from lsnn.study.checks import suggestion
from lsnn.study.columns import Column
from lsnn.study.config import SEED_RANGE, Study

STATES = ("final", "late", "mean", "largest")  # where a number does not depend on the loss
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


OF_EVERY_CLAIM = {
    "seeds": text(
        "The seeds that decide, first and last as in 201-250, named before their runs. If left "
        "out, all that the study has, and what is found is exploratory.",
        pattern=SEED_RANGE,
        examples=["201-250"],
    ),
    "margin": number(
        "Distance from the neutral value that counts as none: of ratios a factor above 1, as 1.25; "
        "of differences and correlations a number above 0. If left out, whether they are equal is "
        "not tested.",
        None,
        "the statistic's",
        above=0,
    ),
}


def at_option(places: Sequence[str] = tuple(AT)) -> dict:
    """Return the options that say where along a run its number is taken."""
    meaning = "; ".join(f"{name} - {AT[name].meaning}" for name in places)
    options = {"at": choice(f"{meaning}.", places, "final")}
    if COMMON_LOSS in places:
        options["loss"] = number(
            "The training loss, without the L2 term, of `at: common_loss`, a number fixed "
            "beforehand.",
            None,
            "the loss's",
            above=0,
        )
    return options


def conditions_option(description: str, least: int = 2) -> dict:
    """Return an option that is a list of conditions."""
    return list_of(description, CONDITION, None, least)


Label = Callable[[str | None], str]  # of a condition; of None, that of the baseline


class Runs(NamedTuple):
    """How many runs a condition has, and how many of them lack a number, and why."""

    total: int
    failed: int
    unreached: int  # they do not pass the loss
    missing: int


class Found(NamedTuple):
    """What a statistic gives."""

    estimate: Estimate
    neutral: float
    is_ratio: bool  # whether the estimate is on a logarithmic scale
    points: pd.DataFrame  # condition, seed, x, y: what it is made of
    n_failed: int = 0  # seeds, or runs, that it leaves out because a run failed
    n_unreached: int = 0  # likewise, because one does not reach the loss
    n_missing: int = 0  # likewise, because one has no number
    n_unconverged: int = 0
    runs: dict[str, Runs] = {}  # by condition
    iterations: dict[str, float] = {}  # by condition: at which its runs pass the loss, their median


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
    scale: str | None = None
    against: float
    within: str
    loss: float | None = None
    seeds: str | None = None
    margin: float | None = None
    least_n = 12  # seeds; fewer decide nothing
    compares = True  # whether it is about differences between conditions

    def __init__(self, **options: Any):
        vars(self).update(options)

    def compute(self, source: Source) -> Found:
        """Return what the runs of a study give.

        Raises:
            NotComputed: something that it needs is missing.
            Open: what there is decides nothing.
            ConfigError: an option is impossible for its column.
        """
        raise NotImplementedError

    def to_scale(self, is_ratio: bool) -> Callable[[float], float]:
        """Return the function to the scale on which estimates are made."""
        return np.log if is_ratio else float

    def limit(self, is_ratio: bool) -> float | None:
        """Return the margin on the scale on which the estimate is made; None if there is none.

        Raises:
            ConfigError: a ratio has a margin of at most 1.
        """
        if self.margin is None:
            return None
        if is_ratio and self.margin <= 1:
            raise ConfigError(
                f"margin: {self.margin:g} is not possible for a ratio; allowed: above 1"
            )
        return float(self.to_scale(is_ratio)(self.margin))

    def values_of(
        self, source: Source, conditions: Sequence[str], expression: str | None = None
    ) -> "Values":
        """Return the :class:`Values` of its column, or another, at the place of its options."""
        return values_of(
            source, conditions, expression or self.column, self.at, self.scale, self.loss
        )

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
        place = AT[self.at].words if self.at else ""
        of_loss = f" {self.loss:g}" if self.at == COMMON_LOSS and self.loss else ""
        return f"{words}, {place}{of_loss}" if place else words


class Values(NamedTuple):
    """Numbers of runs, on the scale of their column."""

    # Index: condition, seed, of the runs that the column was asked for. Columns: y, the number, nan
    # where there is none; further numbers of the same runs; failed; iteration, at which the loss is
    # reached (0 where none is asked for); n_unconverged.
    runs: pd.DataFrame
    column: Column

    @property
    def is_ratio(self) -> bool:
        """Whether distances are those of logarithms."""
        return self.column.scale == "log"

    def beside(self, name: str, other: "Values") -> "Values":
        """Return the runs that have both, with the other number under a name."""
        runs = self.runs.join(other.runs["y"].rename(name), how="inner")
        more = other.runs["n_unconverged"].reindex(runs.index)
        return self._replace(runs=runs.assign(n_unconverged=runs["n_unconverged"] + more))

    def table(self, name: str = "y") -> pd.DataFrame:
        """Return one of the numbers as a table, seeds x conditions."""
        conditions = self.runs.index.unique("condition")
        return self.runs[name].unstack("condition").reindex(columns=conditions)

    def states(self, is_paired: bool = True) -> pd.DataFrame:
        """Return for each run whether it failed, does not reach the loss, or lacks a number.

        Args:
            is_paired: whether seeds count, of which every condition has a run.
        """
        failed, unreached = self.runs["failed"], self.runs["iteration"].isna()
        lacks = self.runs.drop(columns=["failed", "iteration"]).isna().any(axis=1)
        states = self.runs[["failed", "n_unconverged"]].assign(
            unreached=unreached & ~failed, missing=lacks & ~unreached & ~failed
        )
        if not is_paired:
            return states
        n_conditions = states.groupby("seed")["failed"].transform("size")
        return states[n_conditions == states.index.unique("condition").size]

    def runs_of(self, is_paired: bool = True) -> dict[str, Runs]:
        """Return how many :class:`Runs` of each condition have a number, and how many have none.

        Args:
            is_paired: as :meth:`states` has it.
        """
        states = self.states(is_paired).assign(total=1)
        counts = states.groupby("condition", sort=False)[list(Runs._fields)].sum()
        return {name: Runs(*map(int, of)) for name, *of in counts.itertuples()}

    def found(
        self, estimate: Estimate, against: float | None = None, is_paired: bool = True
    ) -> Found:
        """Return the :class:`Found` of an estimate that is on the scale of the column.

        Args:
            estimate: a distance from ``against``, by default from 0, or as a ratio from 1.
            is_paired: whether it is made of seeds, each with a run of every condition; else of
                runs.
        """
        neutral = (1.0 if self.is_ratio else 0.0) if against is None else against
        estimate = estimate.rescaled(
            lambda x: neutral * np.exp(x) if self.is_ratio else neutral + x
        )
        states = self.states(is_paired)
        states = states.groupby("seed").sum() if is_paired else states
        failed = states["failed"] > 0
        unreached = (states["unreached"] > 0) & ~failed
        missing = (states["missing"] > 0) & ~failed & ~unreached
        used = ~(failed | unreached | missing)
        points = self.runs.assign(y=from_scale(self.runs["y"], self.column)).reset_index()
        successful = self.runs[~self.runs["failed"]]
        iterations = successful.groupby("condition", sort=False)["iteration"].median()
        return Found(
            estimate,
            neutral,
            self.is_ratio,
            points.reindex(columns=["condition", "seed", "x", "y"]).dropna(subset="y"),
            int(failed.sum()),
            int(unreached.sum()),
            int(missing.sum()),
            int(states["n_unconverged"][used].sum()),
            self.runs_of(is_paired),
            iterations[iterations > 0].to_dict(),
        )


def values_of(
    source: Source,
    conditions: Sequence[str],
    expression: str,
    at: str,
    scale: str | None = None,
    loss: float | None = None,
) -> Values:
    """Return the :class:`Values` of an expression, of the runs of some conditions.

    Args:
        at, scale, loss: as the options of a statistic.

    Raises:
        NotComputed: a condition, one of its runs, a column or the loss level is missing.
    """
    rows, column = column_of(source, expression, scale)
    if len(set(conditions)) < len(conditions):
        raise ConfigError(f"{', '.join(conditions)}: a condition is compared with itself")
    require_runs(source, conditions)
    runs = runs_in(rows)
    if not all(condition in runs for condition in conditions):
        raise NotComputed(f"no values of {expression}")
    is_at_loss, level = at == COMMON_LOSS, np.nan if loss is None else loss
    if is_at_loss and loss is None:
        succeeded = [[run for run in runs[name].values() if run is not None] for name in conditions]
        level = loss_level(succeeded)
        suggested = "" if np.isnan(level) else f"; these runs suggest {level:.3g}"
        raise NotComputed(f"no loss is named{suggested}")
    cells = []
    for name in conditions:
        for seed, run in runs[name].items():
            number, iteration = Number(np.nan), 0.0
            if run is not None:
                number = number_of(run, column, at, level)
                iteration = iteration_at(run, level) if is_at_loss else 0.0
            cells.append([name, seed, *number, run is None, iteration])
    names = ["condition", "seed", "y", "n_unconverged", "failed", "iteration"]
    table = pd.DataFrame(cells, columns=names).set_index(["condition", "seed"])
    table = table.replace([np.inf, -np.inf], np.nan)
    return Values(with_failures_filled(table, source.filled), column)


def with_failures_filled(runs: pd.DataFrame, filled: dict[str, str]) -> pd.DataFrame:
    """Return numbers with those of failed runs at an extreme of the others of their condition.

    Args:
        runs: as :class:`Values` has them.
        filled: as :class:`Source` has it.
    """
    if not filled:
        return runs
    extremes = runs.groupby("condition")["y"].agg(["min", "max"])
    for condition, end in filled.items():
        if condition in extremes.index:
            of_condition = runs.index.get_level_values("condition") == condition
            there = runs["failed"] & of_condition
            runs.loc[there, "y"] = extremes.loc[condition, dict(low="min", high="max")[end]]
            runs.loc[there, "failed"] = False
    return runs


def require_runs(source: Source, conditions: Sequence[str]) -> None:
    """Refuse conditions of which a run is missing."""
    known, table = source.study.conditions, source.trajectories
    for condition in conditions:
        if condition not in known:
            raise NotComputed(f"no condition {condition}{suggestion(condition, known)}")
        there = set(table["seed"][table["condition"] == condition])
        missing = sorted(set(source.study.seeds) - there)
        if missing:
            raise NotComputed(f"no run of {condition}, seed {', '.join(map(str, missing))}")
