"""Decide claims from the trajectories.csv of studies: claims.csv, one row per claim and study.

A row has the statistic that decides the claim, with its plain 95 % interval, and the verdict:

- supported or contradicted: the p-value of the statistic, adjusted for the number of tests of the
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

import numpy as np
import pandas as pd

from lib.claims import ALL, EQUAL, VERDICTS, Claim, number_of_tests, read_claims, study_folders
from lib.estimates import CHANCE, Estimate, holm
from lib.program import run
from lib.statistics import STATISTICS
from lib.statistics.base import Found, Statistic
from lib.statistics.source import NotComputed, Source, Undecided, read_source
from lib.tables import write_table
from lsnn.errors import ConfigError
from lsnn.options import build
from lsnn.study.checks import suggestion
from lsnn.study.columns import CLAIMS, POINTS

MOST_DIVERGED = 1 / 3
COUNTS = dict.fromkeys([column.name for column in CLAIMS if column.kind == "integer"], 0)


def row_of(claim: Claim, study: str, source: Source | None) -> tuple[dict, Found | None]:
    """Return the row of claims.csv of a claim on a study, and what it rests on, if there is any.

    The row has no verdict where that is for the p-value, or the interval, to say.
    """
    statistic = build(STATISTICS, claim.statistics[study])
    words = statistic.describe(source and source.study)
    row = {"claim": claim.name, "study": study, "statistic": words, **COUNTS}
    if source is None:
        return {**row, "verdict": "not computed", "why": "the study has not run"}, None
    try:
        found = statistic.compute(source)
    except (NotComputed, Undecided) as error:
        return {**row, "verdict": error.verdict, "why": str(error)}, None
    is_equal = claim.supported_if == "equal"
    if is_equal and not found.is_ratio:
        raise ConfigError(
            f"{claim.name}: supported_if: equal needs a ratio; give the statistic scale: log, or "
            "take one that is a ratio"
        )
    why = refusal(found, statistic)
    row.update(
        value=found.estimate.value,
        ci_low=found.estimate.low,
        ci_high=found.estimate.high,
        neutral=found.neutral,
        p=np.nan if is_equal else found.estimate.p,
        n=found.estimate.n,
        n_diverged=found.n_diverged,
        n_missing=found.n_missing,
        n_unconverged=found.n_unconverged,
        verdict="undecided" if why else "",
        why=why,
    )
    return row, found


def refusal(found: Found, statistic: Statistic) -> str:
    """Return why a statistic decides nothing, whatever its number is; empty if it can."""
    for condition, (n, n_diverged) in (found.diverged or {}).items():
        if n_diverged > MOST_DIVERGED * n:
            return f"{n_diverged} of {n} runs of {condition} diverged"
    if found.estimate.n < statistic.least_n:
        return f"{statistic.least_n} seeds are needed"
    return "" if np.isfinite(found.estimate.low) else "no interval"


def verdict_of(estimate: Estimate, neutral: float, p: float, supported_if: str) -> tuple[str, str]:
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
    # The interval's side: that of a jackknife is around another value than the plain one.
    side = "above" if estimate.high - neutral > neutral - estimate.low else "below"
    return ("supported" if side == supported_if else "contradicted"), f"p = {p:.2g}, adjusted"


def decide(
    claims: dict[str, Claim], sources: dict[str, Source]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return claims.csv and points.csv as tables; the sources are by the name of the study."""
    tests = [
        row_of(claim, study, sources.get(study))
        for claim in claims.values()
        for study in claim.statistics
    ]
    p_values = [np.nan if row["verdict"] else row["p"] for row, _ in tests]
    rows, points = [], [pd.DataFrame(columns=[column.name for column in POINTS])]
    for (row, found), p in zip(tests, holm(p_values, number_of_tests(claims)), strict=True):
        row["p_adjusted"] = p
        if found and not row["verdict"]:
            supported_if = claims[row["claim"]].supported_if
            verdict = verdict_of(found.estimate, found.neutral, p, supported_if)
            row["verdict"], row["why"] = verdict
        rows.append(row)
        if found:
            points.append(found.points.assign(claim=row["claim"], study=row["study"]))
    rows = [row for name in claims for row in with_verdict_on_all(rows, name)]
    table = pd.DataFrame(rows, columns=[column.name for column in CLAIMS])
    return table, pd.concat(points[1:] or points)[list(points[0])]


def with_verdict_on_all(rows: list[dict], claim: str) -> list[dict]:
    """Return the rows of a claim, and, if there are several, one for all studies."""
    rows = [row for row in rows if row["claim"] == claim]
    if len(rows) < 2:
        return rows
    verdicts = [row["verdict"] for row in rows]
    counts = {name: verdicts.count(name) for name in VERDICTS if name in verdicts}
    verdict = verdicts[0] if len(counts) == 1 else "undecided"
    why = ", ".join(f"{count} {name}" for name, count in counts.items())
    whole = {"claim": claim, "study": ALL, "statistic": f"{len(rows)} studies"}
    return [*rows, {**whole, **COUNTS, "verdict": verdict, "why": why}]


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claims", required=True, metavar="FILE", help="claims (YAML)")
    parser.add_argument("--studies", nargs="*", default=[], help="folders of studies' results")
    parser.add_argument("--only", metavar="CLAIM", help="the claim to decide (default: all)")
    parser.add_argument("--output", required=True, help="folder of claims.csv and points.csv")
    arguments = parser.parse_args()

    claims, only = read_claims(arguments.claims), arguments.only
    if only and only not in claims:
        known = ", ".join(claims) + suggestion(only, claims)
        raise ConfigError(f"--only {only}: no such claim; there are: {known}")
    sources = [read_source(folder) for folder in study_folders(arguments.studies)]
    tables = decide(claims, {source.study.name: source for source in sources})
    for name, table in zip(["claims.csv", "points.csv"], tables, strict=True):
        table = table[table["claim"] == only] if only else table
        write_table(os.path.join(arguments.output, name), table, missing="")


if __name__ == "__main__":
    run(main)
