"""Write the table of claims.csv as claims.html for the report, claims.md, and a Markdown block.

The block, of the main claims, is what stands between the lines <!-- claims --> and <!-- end of
claims --> of a file: the marks alone, one row per claim and one column per study. claims.html has
one row per claim and study, with all numbers, claims.md both tables, of all claims.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.claims import ALL, Claim, number_of_main, read_claims, read_decided
from lib.pages import (
    columns_of,
    digits,
    estimate_text,
    mark_text,
    markdown_table,
    render,
    write_page,
    write_text,
)
from lib.program import run
from lib.verdicts import NOT_COMPUTED
from lsnn.errors import ResultError

EXPLORATORY = "exploratory"  # as claims.csv has it in the place of seeds
UNSEEN = " (from memory, not verified)"
BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"
SIGNS = {"above": "+", "below": "\N{MINUS SIGN}", "equal": "="}


def long_table(claims: dict[str, Claim], table: pd.DataFrame) -> pd.DataFrame:
    """Return all rows of claims.csv in words, one column per heading."""
    rows = []
    for row in table.itertuples():
        claim = claims[row.claim]
        margin = [digits(end) for end in (row.margin_low, row.margin_high) if not np.isnan(end)]
        rows.append(
            {
                "claim": claim.claim,
                "source": claim.source + (UNSEEN if claim.text == "remembered" else ""),
                "study": row.study.replace("_", " "),
                "statistic": row.statistic,
                "claimed": SIGNS[claim.supported_if],
                "number": estimate_text(row),
                "neutral": "" if np.isnan(row.neutral) else digits(row.neutral),
                "equal": " to ".join(margin),
                "mark": mark_text(row.mark),
                "p": p_texts(row),
                "n": row.n or "",
                "left out": left_out(row),
                "if failures count": mark_text(row.if_failures_count),
                "at iteration": row.iterations,
                "seeds": row.seeds,
                "seeds needed": row.seeds_needed,
                "verdict": row.verdict,
                "why": mark_text(row.why) if row.study == ALL else row.why,
            }
        )
    return pd.DataFrame(rows).astype(str)


def p_texts(row: Any) -> str:
    """Return the adjusted p-values of a row of claims.csv: that it differs, that it is equal."""
    pairs = {"differs": row.p_adjusted, "equal": row.p_equal_adjusted}
    return ", ".join(f"{what} {digits(p)}" for what, p in pairs.items() if not np.isnan(p))


def left_out(row: Any) -> str:
    """Return in words how many seeds or runs a row of claims.csv leaves out, and why."""
    counts = {
        "failed": row.n_failed,
        "not at the loss": row.n_unreached,
        "missing": row.n_missing,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def table_of_marks(
    claims: dict[str, Claim], table: pd.DataFrame, columns: dict[str, str]
) -> pd.DataFrame:
    """Return the marks: one row per claim; the column of each study is given."""
    rows = []
    for claim in claims.values():
        *of_studies, whole = table[table["claim"] == claim.name].itertuples()
        cells = {columns[row.study]: cell_of(row) for row in of_studies}
        verdict = f"**{whole.verdict}**"
        if EXPLORATORY in whole.seeds and (table["seeds"] != EXPLORATORY).any():
            verdict += f", {EXPLORATORY}"
        if whole.study != ALL:
            verdict += f" ({cell_of(whole)}, {whole.study.replace('_', ' ')})"
        rows.append(
            {
                "claim": claim.claim + (" *" if claim.text == "remembered" else ""),
                "claimed": SIGNS[claim.supported_if],
                **{
                    name.replace("_", " "): cells.get(name, "")
                    for name in dict.fromkeys(columns.values())
                },
                "verdict": verdict,
            }
        )
    return pd.DataFrame(rows)


def cell_of(row: Any) -> str:
    """Return the mark of a row of claims.csv, or why it has none."""
    return mark_text(row.mark) or row.verdict


def about_claims(claims: dict[str, Claim], table: pd.DataFrame, commit: str) -> dict[str, Any]:
    """Return what the pages of claims show."""
    return {
        "n_main": number_of_main(claims),
        "commit": commit,
        "is_exploratory": (table["seeds"] == EXPLORATORY).all(),
        "marks": markdown_table(table_of_marks(claims, table, columns_of(claims))),
        "n_left_out": 0,
        "tests": markdown_table(long_table(claims, table)),
    }


def most_telling(claims: dict[str, Claim], table: pd.DataFrame) -> dict[str, Claim]:
    """Return the computed claims on seeds named beforehand, or else all computed ones, or all."""
    computed = table[table["verdict"] != NOT_COMPUTED]
    for rows in (computed[computed["seeds"] != EXPLORATORY], computed):
        found = {name: claim for name, claim in claims.items() if name in set(rows["claim"])}
        if found:
            return found
    return claims


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
    table, _, commit = read_decided(arguments.decided, arguments.claims)
    about = about_claims(claims, table, commit)
    if arguments.into:
        main_ones = {name: claim for name, claim in claims.items() if claim.main} or claims
        shown = most_telling(main_ones, table)
        own = {
            "marks": markdown_table(table_of_marks(shown, table, columns_of(main_ones))),
            "n_left_out": len(main_ones) - len(shown),
        }
        block = render("verdicts.md", **{**about, **own})
        text = Path(arguments.into).read_text(encoding="utf-8")
        write_text(arguments.into, with_block(text, block, arguments.into))
    write_page(arguments.output, "claims.md", **about)
    write_page(arguments.output, "claims.html", tests=long_table(claims, table))


if __name__ == "__main__":
    run(main)
