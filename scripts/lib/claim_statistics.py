"""The statistics that decide claims, each on a study; their options are in lsnn.study.claims.

A statistic is computed from one number per run: that of a column, or an expression of columns, at
the end, over training, or at equal training loss, as in summary.csv.
"""

import os
import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib.estimates import (
    Estimate,
    of_correlation,
    of_numbers,
    of_share,
    on,
    pseudo_values_of_spread,
    slopes,
    weakest_estimate,
)
from lib.study_statistics import (
    Runs,
    common_levels,
    from_scale,
    n_unconverged,
    on_scale,
    values_at_levels,
    with_spacing,
)
from lib.tables import read_trajectories
from lsnn.errors import ConfigError
from lsnn.study.checks import suggestion
from lsnn.study.columns import Column
from lsnn.study.config import Study, read_study
from lsnn.study.outputs import trajectories_columns


class NotComputed(Exception):
    """What a claim needs is not there."""


class Undecided(Exception):
    """What a claim needs is there, but decides nothing."""


class Source(NamedTuple):
    """A study, and the table of its runs."""

    study: Study
    trajectories: pd.DataFrame


class Values(NamedTuple):
    """Numbers of runs that did not diverge, on the scale of their column."""

    table: pd.DataFrame  # seeds x conditions, nan where there is none
    column: Column
    n_unconverged: int


class Found(NamedTuple):
    """What a statistic gives."""

    estimate: Estimate
    neutral: float
    conditions: list  # that it is of
    points: Any  # data frame with condition, seed, x and y
    n_diverged: int = 0  # seeds, or runs, that it leaves out because they diverged
    n_unconverged: int = 0


def read_source(folder):
    """Return the :class:`Source` in the folder of a study's results."""
    study = read_study(os.path.join(folder, "config.yaml"))
    path = os.path.join(folder, "trajectories.csv")
    return Source(study, with_spacing(read_trajectories(path, study), study))


def column_named(name, study):
    """Return the :class:`lsnn.study.columns.Column` that a study has under a name.

    The name of its entry can be left out, if only one entry has such a column.

    Raises:
        NotComputed: the study has no such column, or several.
    """
    known = {column.name: column for column in trajectories_columns(study)}
    of_entries = [one for one in known if one.endswith("_" + name)]
    if name in known or len(of_entries) == 1:
        return known[name if name in known else of_entries[0]]
    several = f"; it could be {', '.join(of_entries)}" if of_entries else ""
    raise NotComputed(f"no column {name}{several or suggestion(name, known)}")


def column_of(source, expression, scale=None):
    """Return the table of a source with an expression of its columns as one, and that column.

    Raises:
        NotComputed: as :func:`column_named`, or the table lacks one.
    """
    used = []

    def full_name(match):
        used.append(column_named(match.group(), source.study))
        return f"`{used[-1].name}`"

    text = re.sub(r"\b[A-Za-z_]\w*\b(?!\s*\()", full_name, expression)
    missing = [one.name for one in used if one.name not in source.trajectories]
    if missing:
        raise NotComputed(f"no column {', '.join(missing)}; it was added after the study was run")
    if len(used) == 1 and text == f"`{used[0].name}`":
        (column,) = used
        own = "log" if column.scale == "log" else "linear"
        return source.trajectories, column._replace(scale=scale or own)
    flags = [f"{one.name}_converged" for one in used]
    flags = [name for name in flags if name in source.trajectories]
    try:
        values = source.trajectories.eval(text)
    except Exception as error:  # whatever pandas makes of it
        raise ConfigError(f"{expression}: cannot be evaluated: {error}") from None
    table = source.trajectories.assign(**{expression: values})
    if flags:
        table[f"{expression}_converged"] = table[flags].all(axis=1)
    where = next((one.where for one in used if one.where), "")
    return table, Column(expression, "estimate", expression, scale=scale or "linear", where=where)


def values_of(source, conditions, expression, at, scale=None):
    """Return the :class:`Values` of an expression of runs of some conditions.

    Raises:
        NotComputed: a condition, one of its runs, or a column is missing.
    """
    table, column = column_of(source, expression, scale)
    require_runs(source, conditions)
    finished = Runs.of(table, column.where).finished
    if not all(condition in finished for condition in conditions):
        raise NotComputed(f"no values of {expression}")
    runs = {(c, seed): rows for c in conditions for seed, rows in finished[c].items()}
    if not runs:
        return Values(pd.DataFrame(columns=conditions, dtype=float), column, 0)
    found = numbers_at(runs, column, at)
    numbers = pd.Series({key: number for key, (number, _) in found.items()}).unstack(0)
    return Values(numbers.reindex(columns=conditions), column, sum(n for _, n in found.values()))


def numbers_at(runs, column, at):
    """Return (number, how many eigenvalues in it did not converge) of each of some runs, by key.

    ``at`` is one of :data:`AT`; the numbers are on the scale of the column.
    """
    if at == "final":
        chosen = {key: rows.tail(1) for key, rows in runs.items()}
    elif at == "mean":
        even = {key: rows[rows["is_evenly_spaced"]] for key, rows in runs.items()}
        common = set.intersection(*(set(rows["fraction"].round(9)) for rows in even.values()))
        chosen = {key: rows[rows["fraction"].round(9).isin(common)] for key, rows in even.items()}
    else:
        levels = common_levels(list(runs.values()))
        levels = levels[-1:] if at == "at_lowest_common_loss" else levels
        if not len(levels):
            raise Undecided("no training loss that every run brackets by two checkpoints")
        found = {}
        for key, rows in runs.items():
            values, used = values_at_levels(rows, column, levels)
            found[key] = float(np.mean(values)), n_unconverged(rows, column.name, used)
        return found
    return {
        key: (
            float(np.mean(on_scale(rows[column.name], column))),
            n_unconverged(rows, column.name),
        )
        for key, rows in chosen.items()
    }


def require_runs(source, conditions):
    """Refuse conditions of which a run is missing."""
    known = source.study.conditions
    for condition in conditions:
        if condition not in known:
            raise NotComputed(f"no condition {condition}{suggestion(condition, known)}")
        rows = source.trajectories[source.trajectories["condition"] == condition]
        missing = sorted(set(source.study.seeds) - set(rows["seed"]))
        if missing:
            raise NotComputed(f"no run of {condition}, seed {', '.join(map(str, missing))}")


def diverged_runs(source, condition):
    """Return the seeds of a condition whose runs diverged, a set."""
    rows = source.trajectories[source.trajectories["condition"] == condition]
    return set(rows["seed"][rows["diverged"]])


def points_of(values, x=None):
    """Return the numbers of runs as a table with condition, seed, x and y."""
    table = pd.DataFrame(from_scale(values.table, values.column))
    points = table.melt(ignore_index=False, var_name="condition", value_name="y")
    points = points.rename_axis("seed").reset_index().dropna(subset="y")
    if x is None:
        return points.assign(x=np.nan)
    others = x.melt(ignore_index=False, var_name="condition", value_name="x")
    others = others.rename_axis("seed").reset_index()
    return points.merge(others, on=["condition", "seed"])


def found_of(estimate, values, conditions, source, against=None, points=None):
    """Return the :class:`Found` of an estimate that is on the scale of a column.

    It is a distance from ``against``, by default from 0, or as a ratio from 1.
    """
    is_log = values.column.scale == "log"
    neutral = (1.0 if is_log else 0.0) if against is None else against
    estimate = on(lambda x: neutral * np.exp(x) if is_log else neutral + x, estimate)
    left_out = set().union(*(diverged_runs(source, one) for one in conditions))
    points = points_of(values) if points is None else points
    return Found(estimate, neutral, conditions, points, len(left_out), values.n_unconverged)


def contrast(source, column, condition, at, baseline=None, scale=None):
    """Return the :class:`Found` of :class:`lsnn.study.claims.Contrast`."""
    conditions = [baseline or source.study.baseline, condition]
    values = values_of(source, conditions, column, at, scale)
    numbers = (values.table[conditions[1]] - values.table[conditions[0]]).dropna()
    return found_of(of_numbers(numbers), values, conditions, source)


def level(source, column, condition, against, at, scale=None):
    """Return the :class:`Found` of :class:`lsnn.study.claims.Level`."""
    values = values_of(source, [condition], column, at, scale)
    is_log = values.column.scale == "log"
    if is_log and against <= 0:
        raise ConfigError(
            f"against: {against:g} cannot be compared with a ratio; name a positive number"
        )
    numbers = values.table[condition].dropna() - (np.log(against) if is_log else against)
    return found_of(of_numbers(numbers), values, [condition], source, against)


def order(source, column, conditions, at, scale=None):
    """Return the :class:`Found` of :class:`lsnn.study.claims.Order`."""
    values = values_of(source, conditions, column, at, scale)
    steps = values.table.diff(axis=1).iloc[:, 1:]
    estimate = weakest_estimate([steps[condition].dropna() for condition in steps])
    return found_of(estimate, values, conditions, source)


def trend(source, column, at, conditions=None, over=None, over_at=None, scale=None):
    """Return the :class:`Found` of :class:`lsnn.study.claims.Trend`."""
    conditions = conditions or list(source.study.conditions)
    values = values_of(source, conditions, column, at, scale)
    if over is None:
        places = np.arange(len(conditions), dtype=float)
        x = values.table * 0 + places
    else:
        x = values_of(source, conditions, over, over_at or at, "linear").table
    kept = (values.table + x).dropna().index
    numbers = slopes(x.loc[kept], values.table.loc[kept]) if len(kept) else []
    return found_of(of_numbers(numbers), values, conditions, source, points=points_of(values, x))


def spread(source, column, condition, baseline=None):
    """Return the :class:`Found` of :class:`lsnn.study.claims.Spread`."""
    conditions = [condition, baseline or source.study.baseline]
    values = values_of(source, conditions, column, "final", "linear")
    pairs = values.table.dropna()
    numbers = pseudo_values_of_spread(*(pairs[one].to_numpy() for one in conditions))
    ratio = values._replace(column=values.column._replace(scale="log"))
    numbers = numbers[np.isfinite(numbers)]
    return found_of(of_numbers(numbers), ratio, conditions, source, points=points_of(values))


def correlation(source, column, over, at, within, conditions=None, given=None):
    """Return the :class:`Found` of :class:`lsnn.study.claims.Correlation`."""
    conditions = conditions or list(source.study.conditions)
    values = values_of(source, conditions, column, at, "linear")
    x = values_of(source, conditions, over, at, "linear")
    runs = points_of(values, x.table)
    if given is not None:
        third = values_of(source, conditions, given, at, "linear")
        runs = runs.merge(
            points_of(third)[["condition", "seed", "y"]].rename(columns={"y": "given"}),
            on=["condition", "seed"],
        )
    runs = runs.dropna(subset=["x", "y"])
    groups = runs["condition"] if within == "condition" else None
    third = runs["given"] if given is not None else None
    estimate = of_correlation(runs["x"], runs["y"], runs["seed"], groups, third)
    diverged = sum(len(diverged_runs(source, one)) for one in conditions)
    unconverged = values.n_unconverged + x.n_unconverged
    points = runs[["condition", "seed", "x", "y"]]
    return Found(estimate, 0.0, conditions, points, diverged, unconverged)


def divergence(source, condition, against):
    """Return the :class:`Found` of :class:`lsnn.study.claims.Divergence`."""
    require_runs(source, [condition])
    seeds, gone = sorted(source.study.seeds), diverged_runs(source, condition)
    estimate = of_share(len(gone), len(seeds), against)
    points = pd.DataFrame({"seed": seeds, "y": [float(one in gone) for one in seeds]})
    points = points.assign(condition=condition, x=np.nan)
    return Found(estimate, against, [condition], points, len(gone))


STATISTICS = {
    "contrast": contrast,
    "level": level,
    "order": order,
    "trend": trend,
    "spread": spread,
    "correlation": correlation,
    "divergence": divergence,
}
