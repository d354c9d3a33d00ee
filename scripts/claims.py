"""Decide claims about studies: claims.csv, a row a claim and study, from their trajectories.csv.

A row has the statistic that decides the claim, with its plain 95 % interval, and the verdict:

- supported or contradicted: the p-value of the statistic, adjusted for the number of rows of the
  whole file (Holm 1979; those without a number count), is below 0.05, on the one side or the other.
  Of two things that should be equal: the interval of their ratio is within 2/3 and 3/2, or wholly
  outside.
- undecided: neither; or there are too few seeds (3; for a spread 20); or more than a third of the
  runs of a condition diverged, unless the claim is about that.
- not computed: the study, a run or a column is missing.

A claim that is tested on several studies has a row for all of them, too: it is supported or
contradicted where every row is. points.csv has the numbers of the runs that a claim is decided by.
"""

import argparse
import os
import re
import sys
from typing import Any, NamedTuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
import pandas as pd

from estimates import (
    CHANCE,
    LEAST_SEEDS,
    Estimate,
    holm,
    of_correlation,
    of_numbers,
    of_share,
    on,
    pseudo_values_of_spread,
    slopes,
)
from lsnn.checks import suggestion
from lsnn.claims import read_claims
from lsnn.columns import CLAIMS, POINTS, Column
from lsnn.config import Study, read_study
from lsnn.errors import ConfigError, ResultError, run
from lsnn.outputs import trajectories_columns
from study_statistics import (
    Runs,
    common_levels,
    n_unconverged,
    off_scale,
    on_scale,
    values_at_levels,
    with_spacing,
)
from tables import read_table, read_trajectories, write_table

EQUAL = (2 / 3, 3 / 2)
LEAST_SEEDS_OF_SPREAD = 20
MOST_DIVERGED = 1 / 3
ALL = "all"  # in place of a study: all that a claim is tested on
AT = {
    "final": "at the end",
    "mean": "mean over training",
    "at_lowest_common_loss": "at the lowest training loss that all reach",
    "over_common_losses": "at equal training loss",
}


class NotComputed(Exception):
    """What a claim needs is not there."""


class Undecided(Exception):
    """What a claim needs is there, and decides nothing."""


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


def column_of(source, expression, scale=None):
    """Return the table of a source with an expression of its columns as one, and that column.

    A column can be named without the name of its entry, if one entry alone has such a column.

    Raises:
        NotComputed: the study has no such column, or several.
    """
    known = {column.name: column for column in trajectories_columns(source.study)}
    used = []

    def full_name(match):
        name = match.group()
        of_entries = [one for one in known if one.endswith("_" + name)]
        if name not in known and len(of_entries) != 1:
            several = f"; it could be {', '.join(of_entries)}" if of_entries else ""
            raise NotComputed(f"no column {name}{several or suggestion(name, known)}")
        used.append(known[name if name in known else of_entries[0]])
        return f"`{used[-1].name}`"

    text = re.sub(r"\b[A-Za-z_]\w*\b(?!\s*\()", full_name, expression)
    missing = [one.name for one in used if one.name not in source.trajectories]
    if missing:
        raise NotComputed(f"no column {', '.join(missing)}; it was added after the study was run")
    if len(used) == 1 and text == f"`{used[0].name}`":
        column = used[0]
        return source.trajectories, column._replace(scale=scale or log_or_linear(column))
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


def log_or_linear(column):
    return "log" if column.scale == "log" else "linear"


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
    table = pd.DataFrame(off_scale(values.table, values.column))
    points = table.melt(ignore_index=False, var_name="condition", value_name="y")
    points = points.rename_axis("seed").reset_index().dropna(subset="y")
    if x is None:
        return points.assign(x=np.nan)
    others = x.melt(ignore_index=False, var_name="condition", value_name="x")
    others = others.rename_axis("seed").reset_index()
    return points.merge(others, on=["condition", "seed"])


def found_of(numbers, values, conditions, source, against=None, points=None):
    """Return the :class:`Found` of numbers of seeds, which are on the scale of a column."""
    is_log = values.column.scale == "log"
    estimate = of_numbers(numbers)
    neutral = (1.0 if is_log else 0.0) if against is None else against
    if is_log:
        estimate = on(
            lambda number: np.exp(number) * (1.0 if against is None else against), estimate
        )
    elif against is not None:
        estimate = on(lambda number: number + against, estimate)
    left_out = set().union(*(diverged_runs(source, one) for one in conditions))
    points = points_of(values) if points is None else points
    return Found(estimate, neutral, conditions, points, len(left_out), values.n_unconverged)


def contrast(source, column, condition, at, baseline=None, scale=None):
    """Return the :class:`Found` of :class:`lsnn.claims.Contrast`."""
    conditions = [baseline or source.study.baseline, condition]
    values = values_of(source, conditions, column, at, scale)
    numbers = (values.table[conditions[1]] - values.table[conditions[0]]).dropna()
    return found_of(numbers, values, conditions, source)


def level(source, column, condition, against, at, scale=None):
    """Return the :class:`Found` of :class:`lsnn.claims.Level`."""
    values = values_of(source, [condition], column, at, scale)
    is_log = values.column.scale == "log"
    numbers = values.table[condition].dropna() - (np.log(against) if is_log else against)
    return found_of(numbers, values, [condition], source, against)


def order(source, column, conditions, at, scale=None):
    """Return the :class:`Found` of :class:`lsnn.claims.Order`.

    That all neighbours are in order is shown if the weakest pair is (an intersection-union test,
    Berger 1982); that some are not, by the weakest pair, whose p-value counts once for every pair.
    """
    values = values_of(source, conditions, column, at, scale)
    steps = values.table.diff(axis=1).iloc[:, 1:]
    pairs = [found_of(steps[one].dropna(), values, conditions, source) for one in steps]
    signed = [np.sign(of_numbers(steps[one].dropna()).value) for one in steps]
    ranks = [sign * -np.log(pair.estimate.p) for sign, pair in zip(signed, pairs, strict=True)]
    weakest = int(np.nanargmin(ranks)) if np.isfinite(ranks).any() else 0
    found = pairs[weakest]
    if signed[weakest] < 0:
        p = min(1.0, found.estimate.p * len(pairs))
        found = found._replace(estimate=found.estimate._replace(p=p))
    return found


def trend(source, column, at, conditions=None, over=None, over_at=None, scale=None):
    """Return the :class:`Found` of :class:`lsnn.claims.Trend`."""
    conditions = conditions or list(source.study.conditions)
    values = values_of(source, conditions, column, at, scale)
    if over is None:
        places = np.arange(len(conditions), dtype=float)
        x = values.table * 0 + places
    else:
        x = values_of(source, conditions, over, over_at or at, "linear").table
    kept = (values.table + x).dropna().index
    numbers = slopes(x.loc[kept], values.table.loc[kept]) if len(kept) else []
    return found_of(numbers, values, conditions, source, points=points_of(values, x))


def spread(source, column, condition, baseline=None):
    """Return the :class:`Found` of :class:`lsnn.claims.Spread`."""
    conditions = [condition, baseline or source.study.baseline]
    values = values_of(source, conditions, column, "final", "linear")
    pairs = values.table.dropna()
    numbers = pseudo_values_of_spread(*(pairs[one].to_numpy() for one in conditions))
    ratio = values._replace(column=values.column._replace(scale="log"))
    numbers = numbers[np.isfinite(numbers)]
    return found_of(numbers, ratio, conditions, source, points=points_of(values))


def correlation(source, column, over, at, within, conditions=None, given=None):
    """Return the :class:`Found` of :class:`lsnn.claims.Correlation`."""
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
    """Return the :class:`Found` of :class:`lsnn.claims.Divergence`."""
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


def described(statistic, study=None):
    """Return in words what a statistic is of; with the labels of a study, if there is one."""
    name, option = statistic["name"], statistic.get

    def label_of(condition):
        known = study.conditions if study else {}
        return known[condition].label if condition in known else condition.replace("_", " ")

    def all_of(conditions):
        return ", ".join(map(label_of, conditions)) if conditions else "all conditions"

    at = AT.get(option("at"), "")
    column, condition = option("column"), label_of(option("condition", ""))
    baseline = label_of(option("baseline") or (study.baseline if study else "the baseline"))
    return {
        "contrast": f"{column}, {condition} against {baseline}, {at}",
        "level": f"{column}, {condition}, against {option('against', 0):g}, {at}",
        "order": f"{column}, {' < '.join(map(label_of, option('conditions', [])))}, {at}",
        "trend": f"{column}, slope over {option('over') or 'conditions'} "
        f"({all_of(option('conditions'))}), {at}",
        "spread": f"{column}, standard deviation of {condition} against {baseline}, at the end",
        "correlation": f"{column} with {option('over')}"
        + (", within conditions" if option("within") == "condition" else "")
        + (f", given {option('given')}" if option("given") else "")
        + f", {at}",
        "divergence": f"share of diverged runs, {condition}, against {option('against', 0):.2g}",
    }[name]


def is_tested(claim):
    """Tell whether the verdict on a claim is by a p-value."""
    return claim.supported_if != "equal"


def refusal(found, source, name):
    """Return why a statistic decides nothing, whatever its number is; empty if it can."""
    estimate = found.estimate
    if name != "divergence":
        for condition in found.conditions:
            n, n_seeds = len(diverged_runs(source, condition)), len(source.study.seeds)
            if n > MOST_DIVERGED * n_seeds:
                return f"{n} of {n_seeds} runs of {condition} diverged"
    least = LEAST_SEEDS_OF_SPREAD if name == "spread" else LEAST_SEEDS
    if name in ("spread", "contrast", "level", "order", "trend") and estimate.n < least:
        return f"{estimate.n} seeds; {least} are needed"
    return "" if np.isfinite(estimate.low) else "no interval"


def verdict_of(estimate, neutral, p, supported_if):
    """Return the verdict on an estimate, and why.

    Args:
        p: its p-value, adjusted.
        supported_if: "above", "below" or "equal".
    """
    if supported_if == "equal":
        low, high = (end * neutral for end in EQUAL)
        interval = f"within {low:.2g} and {high:.2g}"
        if low <= estimate.low and estimate.high <= high:
            return "supported", f"the interval is {interval}"
        if estimate.high < low or estimate.low > high:
            return "contradicted", f"the interval is not {interval}"
        return "undecided", f"the interval is in part {interval}"
    if not p < CHANCE:
        return "undecided", f"p = {p:.2g}, adjusted"
    side = "above" if estimate.value > neutral else "below"
    return ("supported" if side == supported_if else "contradicted"), f"p = {p:.2g}, adjusted"


def decide(claims, sources):
    """Return claims.csv and points.csv as tables.

    Args:
        claims: :class:`lsnn.claims.Claim` by name.
        sources: :class:`Source` by the name of the study.
    """
    rows, kept, points = [], [], []
    for claim in claims.values():
        for study, statistic in claim.statistics.items():
            source = sources.get(study)
            words = described(statistic, source and source.study)
            row = {"claim": claim.name, "study": study, "statistic": words}
            found, verdict, why = None, "not computed", "the study has not run"
            if source:
                options = {key: one for key, one in statistic.items() if key != "name"}
                try:
                    found = STATISTICS[statistic["name"]](source, **options)
                except NotComputed as error:
                    why = str(error)
                except Undecided as error:
                    verdict, why = "undecided", str(error)
            if found:
                why = refusal(found, source, statistic["name"])
                verdict = "undecided" if why else ""
                points.append(found.points.assign(claim=claim.name, study=study))
            rows.append({**row, "verdict": verdict, "why": why})
            kept.append(found)
    n_tests = sum(len(claim.statistics) for claim in claims.values() if is_tested(claim))
    adjusted = holm(
        [
            found.estimate.p
            if found and not row["verdict"] and is_tested(claims[row["claim"]])
            else np.nan
            for row, found in zip(rows, kept, strict=True)
        ],
        n_tests,
    )
    for row, found, p in zip(rows, kept, adjusted, strict=True):
        estimate = found.estimate if found else Estimate(np.nan)
        if found and not row["verdict"]:
            supported_if = claims[row["claim"]].supported_if
            row["verdict"], row["why"] = verdict_of(estimate, found.neutral, p, supported_if)
        row.update(
            value=estimate.value,
            ci_low=estimate.low,
            ci_high=estimate.high,
            neutral=found.neutral if found else np.nan,
            p=estimate.p if is_tested(claims[row["claim"]]) else np.nan,
            p_adjusted=p,
            n=estimate.n,
            n_diverged=found.n_diverged if found else 0,
            n_unconverged=found.n_unconverged if found else 0,
        )
    table = pd.DataFrame(rows)
    table = pd.concat([part for name in claims for part in with_summary(table, name)])
    table = table[[column.name for column in CLAIMS]].reset_index(drop=True)
    every = pd.concat(points) if points else pd.DataFrame(columns=[one.name for one in POINTS])
    return table, every[[column.name for column in POINTS]]


def with_summary(table, claim):
    """Yield the rows of a claim, and, if there are several, one for all studies."""
    rows = table[table["claim"] == claim]
    yield rows
    if len(rows) < 2:
        return
    counts = rows["verdict"].value_counts()
    words = [f"{counts[one]} {one}" for one in VERDICTS if one in counts]
    verdict = counts.index[0] if len(counts) == 1 else "undecided"
    whole = {"claim": claim, "study": ALL, "statistic": f"{len(rows)} studies"}
    whole.update(verdict=verdict, why=", ".join(words), n=0, n_diverged=0, n_unconverged=0)
    yield pd.DataFrame([whole])


VERDICTS = ("supported", "contradicted", "undecided", "not computed")


def read_decided(folder, claims):
    """Return the tables claims.csv and points.csv in a folder.

    Raises:
        ResultError: one is missing or damaged, or of other claims than ``claims``, a mapping.
    """
    path = os.path.join(folder, "claims.csv")
    table = read_table(path, CLAIMS)
    points = read_table(os.path.join(folder, "points.csv"), POINTS, may_be_empty=True)
    others = sorted(set(table["claim"]) ^ set(claims))
    if others:
        raise ResultError(
            f"{path}: of other claims: {', '.join(others)} on one side alone; run "
            "scripts/claims.py again"
        )
    return table, points


def study_folders(folders):
    """Return those of some folders that have the results of a study."""
    return [one for one in folders if os.path.exists(os.path.join(one, "config.yaml"))]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claims", required=True, metavar="FILE", help="claims (YAML)")
    parser.add_argument(
        "--studies", nargs="*", default=[], metavar="FOLDER", help="folders of results of studies"
    )
    parser.add_argument("--only", metavar="CLAIM", help="the one that is decided (default: all)")
    parser.add_argument("--output", required=True, help="folder of claims.csv and points.csv")
    arguments = parser.parse_args()

    claims = read_claims(arguments.claims)
    if arguments.only and arguments.only not in claims:
        known = ", ".join(claims) + suggestion(arguments.only, claims)
        raise ConfigError(f"--only {arguments.only}: no such claim; there are: {known}")
    folders = study_folders(arguments.studies)
    sources = {source.study.name: source for source in map(read_source, folders)}
    table, points = decide(claims, sources)
    if arguments.only:
        table, points = (one[one["claim"] == arguments.only] for one in (table, points))
    files = {"claims.csv": table, "points.csv": points}
    for name, one in files.items():
        write_table(os.path.join(arguments.output, name), one, missing="")


if __name__ == "__main__":
    run(main)
