"""Decide claims from the trajectories.csv of studies: claims.csv, one row per claim and study.

A row has the number that decides the claim, with its plain 95 % interval, its mark (+ above the
neutral value, - below, = equal within the margin, ? open), and the verdict:

- supported or contradicted: the mark is, or is not, that of the claim. That two things are equal is
  contradicted by an interval that is wholly outside the margin.
- open: neither; or there are fewer than 12 seeds (for a spread 20), a condition does not learn, or
  more than a third of its runs failed, do not pass the loss, or lack the number. Where it is
  known, the row tells how many seeds would decide.
- no gap: no rule has a generalization gap that could be compared.
- not computed: the study, a run or a column is missing.

A claim that is tested on several studies has a row for all of them, too. points.csv has the numbers
of the runs that a claim is decided by; decided.json tells of which claims they are.
"""

import argparse
import os
from typing import Any

import numpy as np
import pandas as pd

from lib.claims import ALL, Claim, read_claims, study_folders, write_decided
from lib.program import run
from lib.statistics.source import Source, read_source
from lib.tables import write_table
from lib.verdicts import (
    OPEN,
    ClaimTest,
    adjusted,
    is_outside,
    level_of,
    margin_of,
    mark_of,
    marks_with_failures,
    on_all,
    seeds_text,
    test_of,
    verdict_of,
)
from lsnn.errors import ConfigError
from lsnn.study.checks import suggestion
from lsnn.study.columns import CLAIMS, POINTS

COUNTS = dict.fromkeys([column.name for column in CLAIMS if column.kind == "integer"], 0)
TEXTS = dict.fromkeys([column.name for column in CLAIMS if column.kind in ("text", "note")], "")


def decide(
    claims: dict[str, Claim], sources: dict[str, Source]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return claims.csv and points.csv as tables; the sources are by the name of the study."""
    tests = [
        test_of(claim, study, sources.get(study))
        for claim in claims.values()
        for study in claim.statistics
    ]
    p_values = adjusted(tests)
    levels = {is_main: level_of(tests, p_values, is_main) for is_main in (True, False)}
    rows = [
        row_of(tests, place, p_values[place], levels[test.claim.main])
        for place, test in enumerate(tests)
    ]
    table = pd.DataFrame(
        [row for name in claims for row in with_row_on_all(tests, rows, name)],
        columns=[column.name for column in CLAIMS],
    )
    points = [
        test.found.points.assign(claim=test.claim.name, study=test.study)
        for test in tests
        if test.found
    ]
    names = [column.name for column in POINTS]
    return table, pd.concat(points)[names] if points else pd.DataFrame(columns=names)


def row_of(tests: list[ClaimTest], place: int, p_values: np.ndarray, level: float) -> dict:
    """Return the row of claims.csv of one of the tests.

    Args:
        p_values: its adjusted ones.
        level: at which its family goes on.
    """
    test = tests[place]
    claim, found, source = test.claim, test.found, test.source
    row: dict[str, Any] = {
        **COUNTS,
        **TEXTS,
        "claim": claim.name,
        "study": test.study,
        "statistic": test.statistic.describe(source and source.study),
        "family": "main" if claim.main else "secondary",
        "seeds": test.statistic.seeds or "exploratory",
        "verdict": test.verdict,
        "why": test.why,
    }
    if test.verdict == OPEN:
        row["mark"] = "?"
    if found is None:
        return row
    estimate, limits = found.estimate, margin_of(found, test.statistic)
    row.update(
        value=estimate.value,
        ci_low=estimate.low,
        ci_high=estimate.high,
        neutral=found.neutral,
        n=estimate.n,
        n_failed=found.n_failed,
        n_unreached=found.n_unreached,
        n_missing=found.n_missing,
        n_unconverged=found.n_unconverged,
        iterations=", ".join(f"{name} {at:.0f}" for name, at in found.iterations.items()),
        p=estimate.p,
        p_equal=estimate.p_equal,
        p_adjusted=p_values[0],
        p_equal_adjusted=p_values[1],
    )
    if limits:
        row["margin_low"], row["margin_high"] = limits
    if not test.verdict:
        row["mark"] = mark_of(estimate, found.neutral, p_values)
        row["verdict"] = verdict_of(row["mark"], claim.supported_if, is_outside(estimate, limits))
        row["if_failures_count"] = " or ".join(marks_with_failures(tests, place))
    if row["verdict"] == OPEN:
        row["seeds_needed"] = seeds_text(test, level)
    return row


def with_row_on_all(tests: list[ClaimTest], rows: list[dict], claim: str) -> list[dict]:
    """Return the rows of a claim, and, if there are several, one for all studies."""
    pairs = [(test, row) for test, row in zip(tests, rows, strict=True) if row["claim"] == claim]
    of_claim = [row for _, row in pairs]
    if len(of_claim) < 2:
        return of_claim
    marks, verdicts = ([row[key] for row in of_claim] for key in ("mark", "verdict"))
    mark, verdict, why = on_all([test for test, _ in pairs], marks, verdicts)
    whole = {"claim": claim, "study": ALL, "statistic": f"{len(of_claim)} studies"}
    seeds = ", ".join(dict.fromkeys(row["seeds"] for row in of_claim))
    shared = {"family": of_claim[0]["family"], "seeds": seeds}
    decided = {"mark": mark, "verdict": verdict, "why": why}
    return [*of_claim, {**COUNTS, **TEXTS, **whole, **shared, **decided}]


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
        write_table(os.path.join(arguments.output, name), table, digits=12)
    write_decided(arguments.output, arguments.claims)


if __name__ == "__main__":
    run(main)
