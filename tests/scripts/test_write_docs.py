"""The generated pages of the documentation are those of the code and of the committed results."""

import re
from pathlib import Path

import pandas as pd
import pytest

from lib.choices import rates_compared
from lib.claims import read_claims
from lib.committed import COMMITTED, CommittedStudy, decided
from lib.pages import render
from lsnn.learning_rules import LEARNING_RULES
from lsnn.learning_rules.base import LearningRule
from lsnn.options import number
from lsnn.study.config import read_study
from write_docs import TELLS_OF, generated_pages

REPOSITORY = Path(__file__).parents[2]


PAGES = [
    "findings.md",
    "reference/columns.md",
    "reference/configuration.md",
    "reference/experiments.md",
    "scoreboard.md",
]


@pytest.fixture(scope="module")
def pages():
    return generated_pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_documentation_is_what_make_docs_writes(pages, name):
    assert sorted(pages) == PAGES
    assert (REPOSITORY / "docs" / name).read_text(encoding="utf-8") == pages[name]


def test_claims_are_at_the_losses_and_the_rates_that_were_chosen(pages):
    page, claims = pages["reference/experiments.md"], read_claims(REPOSITORY / "claims.yaml")
    told = re.findall(r"^\| `(\w+)`.*?\| ([\d.]+) \|", page, re.MULTILINE)
    chosen = {study: {float(loss) for of, loss in told if of == study} for study, _ in told}
    best = {}
    for task in ("mnist_1000", "delayed_match_4", "pattern_generation"):
        of_task = CommittedStudy(f"choose_rate_{task}")
        rates = rates_compared(of_task.trajectories, of_task.study)
        best[f"rate_{task}"] = set(rates["condition"][rates["is_best"]])
        measured = read_study(str(REPOSITORY / f"studies/measures_{task}.yaml"))
        for name in ("bptt", "mdgl", "three_factor"):
            rate = measured.setup(name).training.learning_rate
            assert f"{name}_rate_{rate:g}" in best[f"rate_{task}"]
    for claim in claims.values():
        for study, statistic in claim.statistics.items():
            if statistic.get("seeds") and statistic.get("loss"):
                assert statistic["loss"] in chosen[study], (claim.name, study)
            if "at_best_rates" in claim.name and study in best:
                assert {statistic["condition"], statistic["baseline"]} <= best[study]


def test_what_has_options_has_a_table_of_them(monkeypatch):
    class Damped(LearningRule):
        """A rule with an option."""

        options = {"gain": number("What it | does.", 0.5, least=0, most=1)}

    monkeypatch.setitem(LEARNING_RULES, "damped", Damped)
    page = render("reference/configuration.md", **TELLS_OF)
    assert "## Learning rule `damped`" in page
    assert r"| `gain` | `0.5` | 1 | a number >= 0 and <= 1 | What it \| does. |" in page


def test_findings_are_what_was_decided():
    assert decided("rate_sets_the_excess", "rate_delayed_match_4") == "1.70 [1.43, 2.02] + (n = 12)"
    rows = pd.read_csv(f"{COMMITTED}/claims/claims.csv")
    for is_there in (True, False):
        row = rows[(rows["verdict"] == "not computed") & (rows["value"].notna() == is_there)].iloc[
            0
        ]
        text = decided(row["claim"], row["study"])
        assert (" not computed (n = " in text) if is_there else text == "not computed"


def test_findings_are_cells_of_the_summary():
    study = CommittedStudy("step_length")
    assert study.cell("lambda_max_final", "bptt") == "145 [111, 188]"
    diverged = study.cell("lambda_max_final", "three_factor_matched")
    assert diverged == "none (0 of 5 seeds, 5 failed)"
    assert study.cell("lambda_max_final", "nowhere") == ""
    table = CommittedStudy("whole_hessian").table(
        {"lambda_max_ratio_final": "ratio"}, ["three_factor / bptt"]
    )
    assert table.splitlines()[0] == "|  | three-factor / BPTT |"
    assert table.splitlines()[2] == "| ratio (`lambda_max_ratio_final`) | 11.6 [5.00, 27.2] |"
    rows = CommittedStudy("truncation").by_condition({"lambda_max_ratio_common_loss": "ratio"})
    assert rows.splitlines()[2] == "| BPTT, 0 hops | 8.87 [3.81, 20.7] (at loss 1.09) |"
    assert rows.splitlines()[-1] == "| BPTT, 27 hops |  |"
