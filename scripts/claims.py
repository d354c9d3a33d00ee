"""Decide claims from the trajectories.csv of studies: claims.csv, one row per claim and study.

A row has the statistic that decides the claim, with its plain 95 % interval, and the verdict:

- supported or contradicted: the p-value of the statistic, adjusted for the number of rows of the
  whole file (Holm 1979; those without a number count), is below 0.05, on one side or the other. Of
  two things that should be equal: the interval of their ratio is within 2/3 and 3/2, or wholly
  outside.
- undecided: neither; or there are too few seeds (3; for a spread 20); or more than a third of the
  runs of a condition diverged, unless the claim is about that.
- not computed: the study, a run or a column is missing.

A claim that is tested on several studies has a row for all of them, too: it is supported or
contradicted where every row is. points.csv has the numbers of the runs that a claim is decided by.
"""

import argparse
import os
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib.claim_statistics import STATISTICS, NotComputed, Undecided, diverged_runs, read_source
from lib.estimates import CHANCE, LEAST_SEEDS, Estimate, holm
from lib.program import run
from lib.tables import read_table, write_table
from lsnn.errors import ConfigError, ResultError
from lsnn.study.checks import suggestion
from lsnn.study.claims import read_claims
from lsnn.study.columns import CLAIMS, POINTS

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


def refusal(found, source, name):
    """Return why a statistic decides nothing, whatever its number is; empty if it can."""
    if name == "divergence":
        return ""
    for condition in found.conditions:
        n, n_seeds = len(diverged_runs(source, condition)), len(source.study.seeds)
        if n > MOST_DIVERGED * n_seeds:
            return f"{n} of {n_seeds} runs of {condition} diverged"
    least = LEAST_SEEDS_OF_SPREAD if name == "spread" else LEAST_SEEDS
    if name != "correlation" and found.estimate.n < least:
        return f"{least} seeds are needed"
    return "" if np.isfinite(found.estimate.low) else "no interval"


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


class Test(NamedTuple):
    """A claim on a study."""

    claim: Any  # :class:`lsnn.study.claims.Claim`
    study: str
    statistic: str  # in words
    found: Any  # :class:`claim_statistics.Found`; None if it is not computed
    verdict: str  # where the number decides nothing; else empty
    why: str

    @property
    def p(self):
        """The p-value that decides; nan if none does."""
        decides = not self.verdict and self.claim.supported_if != "equal"
        return self.found.estimate.p if decides else np.nan


def test_of(claim, study, source):
    """Return the :class:`Test` of a claim on a study, of which there is a source, or None."""
    statistic = claim.statistics[study]
    of = Test(claim, study, described(statistic, source and source.study), None, "not computed", "")
    if source is None:
        return of._replace(why="the study has not run")
    options = {key: value for key, value in statistic.items() if key != "name"}
    try:
        found = STATISTICS[statistic["name"]](source, **options)
    except NotComputed as error:
        return of._replace(why=str(error))
    except Undecided as error:
        return of._replace(verdict="undecided", why=str(error))
    if claim.supported_if == "equal" and found.neutral == 0:
        raise ConfigError(
            f"{claim.name}: supported_if: equal needs a ratio; give the statistic scale: log"
        )
    why = refusal(found, source, statistic["name"])
    return of._replace(found=found, verdict="undecided" if why else "", why=why)


def row_of(test, p_adjusted):
    """Return the row of claims.csv of a :class:`Test`, a mapping."""
    found, verdict, why = test.found, test.verdict, test.why
    if not verdict:
        supported_if = test.claim.supported_if
        verdict, why = verdict_of(found.estimate, found.neutral, p_adjusted, supported_if)
    estimate = found.estimate if found else Estimate(np.nan)
    is_equal = test.claim.supported_if == "equal"
    return {
        "claim": test.claim.name,
        "study": test.study,
        "statistic": test.statistic,
        "value": estimate.value,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "neutral": found.neutral if found else np.nan,
        "p": np.nan if is_equal else estimate.p,
        "p_adjusted": p_adjusted,
        "n": estimate.n,
        "n_diverged": found.n_diverged if found else 0,
        "n_unconverged": found.n_unconverged if found else 0,
        "verdict": verdict,
        "why": why,
    }


def decide(claims, sources):
    """Return claims.csv and points.csv as tables.

    Args:
        claims: :class:`lsnn.study.claims.Claim` by name.
        sources: :class:`claim_statistics.Source` by the name of the study.
    """
    tests = [
        test_of(claim, study, sources.get(study))
        for claim in claims.values()
        for study in claim.statistics
    ]
    n_tests = sum(test.claim.supported_if != "equal" for test in tests)
    adjusted = holm([test.p for test in tests], n_tests)
    rows = pd.DataFrame([row_of(test, p) for test, p in zip(tests, adjusted, strict=True)])
    table = pd.concat([part for name in claims for part in with_summary(rows, name)])
    points = [
        test.found.points.assign(claim=test.claim.name, study=test.study)
        for test in tests
        if test.found
    ]
    names = [column.name for column in POINTS]
    points = pd.concat(points)[names] if points else pd.DataFrame(columns=names)
    return table.reset_index(drop=True), points


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
            f"{path}: decided for other claims ({', '.join(others)} in one of them only); run "
            "scripts/claims.py again"
        )
    return table, points


def study_folders(folders):
    """Return those of some folders that hold the results of a study.

    Raises:
        ConfigError: one is not there.
    """
    missing = [one for one in folders if not os.path.isdir(one)]
    if missing:
        raise ConfigError(f"--studies {', '.join(missing)}: no such folder")
    return [one for one in folders if os.path.exists(os.path.join(one, "config.yaml"))]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claims", required=True, metavar="FILE", help="claims (YAML)")
    parser.add_argument(
        "--studies", nargs="*", default=[], metavar="FOLDER", help="folders of results of studies"
    )
    parser.add_argument("--only", metavar="CLAIM", help="the claim to decide (default: all)")
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
