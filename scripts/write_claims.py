"""Write the table of claims.csv as claims.html for the report, claims.md, and a Markdown block.

The block, of the main claims, is what stands between the lines <!-- claims --> and <!-- end of
claims --> of a file. It has one row per claim and one column per study; claims.html has one
row per claim and study, claims.md both tables, of all claims.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.claims import ALL, EQUAL, Claim, number_of_tests, read_claims, read_decided
from lib.pages import (
    SIGNS,
    estimate_text,
    markdown_table,
    render,
    studies_of,
    write_page,
    write_text,
)
from lib.program import run
from lsnn.errors import ResultError

UNSEEN = " (from memory, not verified)"
BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"


def condition_of(claim: Claim, row: Any) -> str:
    """Return in symbols where a number supports a claim; empty where there is none."""
    if np.isnan(row.neutral):
        return ""
    if claim.supported_if == "equal":
        low, high = (end * row.neutral for end in EQUAL)
        return f"{low:.3g} to {high:.3g}"
    return f"{dict(above='>', below='<')[claim.supported_if]} {row.neutral:.3g}"


def long_table(claims: dict[str, Claim], table: pd.DataFrame) -> pd.DataFrame:
    """Return all rows of claims.csv in words, one column per heading."""
    rows = [
        {
            "claim": claims[row.claim].claim,
            "source": claims[row.claim].source
            + (UNSEEN if claims[row.claim].text == "remembered" else ""),
            "study": row.study.replace("_", " "),
            "statistic": row.statistic,
            "supported if": condition_of(claims[row.claim], row),
            "number": estimate_text(row),
            "n": row.n or "",
            "diverged": row.n_diverged if row.n else "",
            "missing": row.n_missing if row.n or row.n_missing else "",
            "verdict": row.verdict,
            "why": row.why,
        }
        for row in table.itertuples()
    ]
    return pd.DataFrame(rows).astype(str)


def short_table(claims: dict[str, Claim], table: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts: one row per claim, one column per study."""
    rows = []
    for claim in claims.values():
        *of_studies, whole = table[table["claim"] == claim.name].itertuples()
        cells = {row.study: cell_of(row) for row in of_studies}
        verdict = f"**{whole.verdict}**"
        if whole.study == ALL and ", " in whole.why:
            differ = {"supported", "contradicted"} <= {row.verdict for row in of_studies}
            verdict = f"{'**depends on the task**' if differ else verdict}: {whole.why}"
        elif whole.study != ALL and whole.verdict != "not computed":
            verdict += f": {cell_of(whole)} (study {whole.study.replace('_', ' ')})"
        conditions = (condition_of(claim, row) for row in [*of_studies, whole])
        rows.append(
            {
                "claim": claim.claim + (" *" if claim.text == "remembered" else ""),
                "supported if": next(filter(None, conditions), ""),
                **{name.replace("_", " "): cells.get(name, "") for name in studies_of(claims)},
                "verdict": verdict,
            }
        )
    return pd.DataFrame(rows)


def cell_of(row: Any) -> str:
    """Return the sign of a verdict, the number, how many seeds or runs, how many it leaves out."""
    if row.verdict == "not computed":
        return row.verdict
    parts = [f"{SIGNS[row.verdict]} {estimate_text(row)}".strip(), f"n {row.n}"]
    parts += [f"{row.n_diverged} diverged"] if row.n_diverged else []
    parts += [f"{row.n_missing} missing"] if row.n_missing else []
    return ", ".join(parts)


def about_claims(
    claims: dict[str, Claim], table: pd.DataFrame, shown: dict[str, Claim]
) -> dict[str, Any]:
    """Return what the pages of claims show: verdicts on those ``shown``, and the tests of all."""
    return {
        "signs": SIGNS,
        "n_tests": number_of_tests(claims),
        "verdicts": markdown_table(short_table(shown, table)),
        "tests": markdown_table(long_table(claims, table)),
    }


def with_block(text: str, block: str, path: str) -> str:
    """Return the text of a Markdown file with the block in its place.

    Raises:
        ResultError: the file has no place for it.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ResultError(f"{path}: has no lines {BEGIN} and {END}, between which the claims go")
    return f"{before}{BEGIN}\n{block}{END}{after}"


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claims", required=True, metavar="FILE", help="claims (YAML)")
    parser.add_argument("--decided", required=True, help="folder of claims.csv and points.csv")
    parser.add_argument("--output", required=True, help="folder of claims.html and claims.md")
    parser.add_argument("--into", metavar="FILE", help="Markdown file whose block is written")
    arguments = parser.parse_args()

    claims = read_claims(arguments.claims)
    table, _ = read_decided(arguments.decided, claims)
    if arguments.into:
        main_ones = {name: claim for name, claim in claims.items() if claim.main}
        block = render("verdicts.md", **about_claims(claims, table, main_ones or claims))
        text = Path(arguments.into).read_text(encoding="utf-8")
        write_text(arguments.into, with_block(text, block, arguments.into))
    write_page(arguments.output, "claims.md", **about_claims(claims, table, claims))
    write_page(arguments.output, "claims.html", tests=long_table(claims, table))


if __name__ == "__main__":
    run(main)
