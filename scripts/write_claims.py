"""Write the table of claims.csv as claims.html for the report, claims.md, and a Markdown block.

The block, of the main claims, is what stands between the lines <!-- claims --> and <!-- end of
claims --> of a file. It has one row per claim and one column per study; claims.html has one
row per claim and study, claims.md both tables, of all claims.
"""

import argparse
import os
from typing import Any

import numpy as np
import pandas as pd

from lib.claims import ALL, EQUAL, VERDICTS, Claim, number_of_tests, read_claims, read_decided
from lib.pages import SIGNS, estimate_text, html_page, markdown_table, studies_of
from lib.program import run
from lsnn.errors import ResultError
from lsnn.storage.files import atomic_write

UNSEEN = " (from memory, not verified)"
BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"


def verdict_on(claim: Claim, table: pd.DataFrame) -> Any:
    """Return the row of claims.csv that has the verdict on a whole claim."""
    rows = table[table["claim"] == claim.name]
    return next(rows.tail(1).itertuples())


def condition_of(claim, row):
    """Return in symbols where a number supports a claim; empty where there is none."""
    if np.isnan(row.neutral):
        return ""
    if claim.supported_if == "equal":
        low, high = (end * row.neutral for end in EQUAL)
        return f"{low:.3g} to {high:.3g}"
    return f"{dict(above='>', below='<')[claim.supported_if]} {row.neutral:.3g}"


def long_table(claims, table):
    """Return all rows of claims.csv in words, a data frame with one column per heading."""
    rows = []
    for row in table.itertuples():
        claim = claims[row.claim]
        rows.append(
            {
                "claim": claim.claim,
                "source": claim.source + (UNSEEN if claim.text == "remembered" else ""),
                "study": row.study.replace("_", " "),
                "statistic": row.statistic,
                "supported if": condition_of(claim, row),
                "number": estimate_text(row),
                "n": row.n or "",
                "diverged": row.n_diverged if row.n else "",
                "missing": row.n_missing if row.n or row.n_missing else "",
                "verdict": row.verdict,
                "why": row.why,
            }
        )
    return pd.DataFrame(rows).astype(str)


def short_table(claims, table):
    """Return the verdicts as a data frame: one row per claim, one column per study."""
    names = studies_of(claims)
    rows = []
    for claim in claims.values():
        cells = dict.fromkeys(names, "")
        of_claim = table[table["claim"] == claim.name]
        if len(claim.statistics) > 1:
            parts = of_claim[of_claim["study"] != ALL].itertuples()
            cells.update((row.study, cell_of(row)) for row in parts)
        whole = verdict_on(claim, table)
        verdict = f"**{whole.verdict}**"
        if whole.study == ALL and ", " in whole.why:
            differ = {"supported", "contradicted"} <= set(of_claim["verdict"])
            verdict = f"{'**depends on the task**' if differ else verdict}: {whole.why}"
        elif whole.study != ALL and whole.verdict != "not computed":
            verdict += f": {cell_of(whole)} (study {whole.study.replace('_', ' ')})"
        text = claim.claim + (" *" if claim.text == "remembered" else "")
        conditions = (condition_of(claim, row) for row in of_claim.itertuples())
        heads = {"claim": text, "supported if": next(filter(None, conditions), "")}
        heads |= {name.replace("_", " "): cell for name, cell in cells.items()}
        rows.append({**heads, "verdict": verdict})
    return pd.DataFrame(rows)


def cell_of(row: Any) -> str:
    """Return the sign of a verdict, the number, how many seeds or runs, how many it leaves out."""
    if row.verdict == "not computed":
        return row.verdict
    parts = [f"{SIGNS[row.verdict]} {estimate_text(row)}".strip(), f"n {row.n}"]
    parts += [f"{row.n_diverged} diverged"] if row.n_diverged else []
    parts += [f"{row.n_missing} missing"] if row.n_missing else []
    return ", ".join(parts)


def verdicts_of(claims, table, of_them):
    """Return in Markdown how verdicts come about, and the short table of some of the claims."""
    legend = ", ".join(f"{SIGNS[one]} {one}" for one in VERDICTS if SIGNS[one])
    words = (
        f"{legend}. Each cell gives the deciding number (a ratio if it is compared with 1, a "
        "difference or a correlation if with 0), its 95 % interval, the number n of seeds, pairs "
        "or runs behind it, and how many were left out because they diverged or lack the number. "
        f"Verdicts rest on p-values adjusted for all {number_of_tests(claims)} tests (Holm), so an "
        "interval can exclude the value it is compared with and still decide nothing. A claim on "
        "several studies is decided if all of them agree. A * marks one cited from memory, not "
        "verified."
    )
    return f"{words}\n\n{markdown_table(short_table(of_them, table))}"


def block_of(claims: dict[str, Claim], table: pd.DataFrame) -> str:
    """Return the block of a Markdown file that tells of the main claims."""
    main_ones = {name: claim for name, claim in claims.items() if claim.main}
    return verdicts_of(claims, table, main_ones or claims)


def markdown_page(claims: dict[str, Claim], table: pd.DataFrame) -> str:
    """Return claims.md: all verdicts, then every test in words."""
    every_test = markdown_table(long_table(claims, table))
    return f"# Claims\n\n{verdicts_of(claims, table, claims)}\n\n## Every test\n\n{every_test}\n"


def with_block(text: str, block: str, path: str) -> str:
    """Return the text of a Markdown file with the block in its place.

    Raises:
        ResultError: the file has no place for it.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ResultError(f"{path}: has no lines {BEGIN} and {END}, between which the claims go")
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


def page_of(claims: dict[str, Claim], table: pd.DataFrame) -> str:
    """Return the page of the report."""
    words = (
        "One row per claim and study, and for claims that are tested on several studies one for "
        "all. In brackets the plain 95 % interval; the verdict is by the p-value adjusted for all "
        "tests (Holm), or, of two things that should be equal, by the interval. A number on the "
        "opposite side contradicts the claim."
    )
    rows = long_table(claims, table).set_index("claim")
    return html_page("Claims", [("p", words), ("table", rows)])


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
    files = {
        os.path.join(arguments.output, "claims.html"): page_of(claims, table),
        os.path.join(arguments.output, "claims.md"): markdown_page(claims, table),
    }
    if arguments.into:
        with open(arguments.into, encoding="utf-8") as stream:
            files[arguments.into] = with_block(
                stream.read(), block_of(claims, table), arguments.into
            )
    for path, text in files.items():
        with atomic_write(path) as stream:
            stream.write(text.encode())


if __name__ == "__main__":
    run(main)
