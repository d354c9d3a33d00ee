"""The figure that sums the claims up."""

import numpy as np
import pandas as pd
import pytest

from lib.claims import figures_of_claims, parse_claims
from lib.figures import claims as figures
from lib.figures.style import use_style
from lsnn.study.columns import CLAIMS
from lsnn.study.config import parse_study
from made_up_study import CONFIG

LENGTH = {"iterations": 100, "checkpoint_every": 20}
RATES = {"one_0.01": 0.01, "one_0.1": 0.1}
STUDY = parse_study(
    {
        **CONFIG,
        "conditions": {
            name: {"learning_rule": "bptt", "training": {"learning_rate": rate}, **LENGTH}
            for name, rate in RATES.items()
        },
        "training": {"batch_size": 10},
    }
)
CLAIM = {
    "claim": "What is said.",
    "source": "Nobody",
    "statistic": {
        "name": "contrast",
        "column": "lambda_max",
        "condition": "one_0.1",
        "margin": 1.25,
    },
}
TREND = {"name": "trend", "column": "lambda_max"}


def claims_with(*answers):
    """Return claims with these parts in the figure."""
    studies = {"made_up": {}, "other": {}, "third": {}}
    every = {f"claim_{part}": {**CLAIM, "answer": part, "studies": studies} for part in answers}
    every["claim_rate"]["statistic"] = TREND
    return parse_claims(every)


def row(part, study, value, low, high, neutral, margins, verdict="supported"):
    """Return a row of claims.csv."""
    cells = {"claim": f"claim_{part}", "study": study, "value": value, "ci_low": low}
    cells.update(ci_high=high, neutral=neutral, margin_low=margins[0], margin_high=margins[1])
    return {**dict.fromkeys([column.name for column in CLAIMS]), **cells, "verdict": verdict}


TABLE = pd.DataFrame(
    [
        row("sharpness", "made_up", 4.0, 3.0, 5.0, 1.0, (0.8, 1.25)),
        row("sharpness", "other", 0.5, 0.4, 0.6, 1.0, (0.8, 1.25)),
        row("sharpness", "third", 2.0, 1.0, 3.0, 1.0, (0.8, 1.25)),
        row("gap", "made_up", 0.03, 0.01, 0.05, 0.0, (-0.01, 0.01)),
        row("gap", "other", -0.1, -0.2, 0.0, 0.0, (-0.05, 0.05), "no gap"),
        row("gap", "third", np.nan, np.nan, np.nan, 0.0, (-0.05, 0.05), "not computed"),
    ]
)
POINTS = pd.DataFrame(
    [
        ("claim_rate", "made_up", condition, seed, 0.0, seed * 2 / rate)
        for condition, rate in RATES.items()
        for seed in (1, 2)
    ],
    columns=["claim", "study", "condition", "seed", "x", "y"],
)


@pytest.fixture
def drawn():
    use_style()
    every = claims_with("rate", "sharpness", "gap")
    page = figures.draw_answer(every, TABLE, POINTS, {"made_up": STUDY})
    return page.axes


def test_runs_are_drawn_against_their_learning_rate_beside_the_edge(drawn):
    of_rates, _ = drawn
    runs, means, edge = (np.array(line.get_xydata()) for line in of_rates.lines)
    assert runs == pytest.approx(np.array([[0.01, 200], [0.01, 400], [0.1, 20], [0.1, 40]]))
    geometric = 2**0.5
    assert means == pytest.approx(np.array([[0.01, 200 * geometric], [0.1, 20 * geometric]]))
    assert edge == pytest.approx(np.array([[0.01, 200], [0.1, 20]]))
    assert (of_rates.get_xscale(), of_rates.get_yscale()) == ("log", "log")
    assert [tick.get_text() for tick in of_rates.get_xticklabels()] == ["0.01", "0.1"]


def test_every_task_with_both_numbers_is_a_point_in_units_of_its_margin(drawn):
    _, of_tasks = drawn
    points = [line.get_xydata()[0].tolist() for line in of_tasks.lines if line.get_marker() == "o"]
    assert points == [pytest.approx([4.0, 3.0]), pytest.approx([0.5, -2.0])]
    hollow = [line.get_markerfacecolor() for line in of_tasks.lines if line.get_marker() == "o"]
    assert [colour == "white" for colour in hollow] == [False, True]
    words = {text.get_text() for text in of_tasks.texts}
    assert words == {"made up", "other", *figures.QUADRANTS.values()}
    across, up = (bars.get_segments()[0] for bars in of_tasks.collections[:2])
    assert across[:, 0].tolist() == pytest.approx([3.0, 5.0])
    assert up[:, 1].tolist() == pytest.approx([1.0, 5.0])


def test_what_is_not_computed_is_told_and_without_a_part_there_is_no_figure():
    use_style()
    none = TABLE.assign(value=np.nan)
    every = claims_with("rate", "sharpness", "gap")
    of_rates, of_tasks = figures.draw_answer(every, none, POINTS[:0], {}).axes
    assert [text.get_text() for text in of_rates.texts] == ["not computed"]
    assert not [line for line in of_tasks.lines if line.get_marker() == "o"]
    assert figures_of_claims(every)[0] == "answer"
    assert figures_of_claims(parse_claims({"it": {**CLAIM, "studies": {"one": {}}}})) == [
        "overview"
    ]


def test_the_overview_has_the_mark_of_every_claim_on_every_study():
    use_style()
    of_all = row("gap", "all", np.nan, np.nan, np.nan, 0.0, (0, 0), "depends on the task")
    marks = ["+", "-", "?", "=", "", "", ""]
    table = pd.concat([TABLE, pd.DataFrame([of_all])]).assign(mark=marks)
    assert not table["claim"].eq("claim_rate").any()  # it has not been computed, and is left out
    (axes,) = figures.draw_overview(claims_with("sharpness", "gap", "rate"), table).axes
    assert [text.get_text() for text in axes.texts] == [
        *("+", "−", "?", ""),
        *("=", "no gap", "not computed", "depends on the task"),
    ]
    colours = axes.collections[0].get_facecolors()
    assert len({tuple(colour) for colour in colours}) == len(figures.FILLS)


@pytest.mark.parametrize("over", ["learning_rate", "log10(learning_rate)"])
def test_the_runs_of_a_claim_have_their_means_with_intervals(over):
    """Of a ratio to the baseline the geometric ones, on a logarithmic axis."""
    use_style()
    statistic = {"name": "interaction", "column": "lambda_max", "over": over, "at": "late"}
    claim = {**CLAIM, "statistic": {**statistic, "conditions": list(RATES), "margin": 1.25}}
    (claim,) = parse_claims({"claim_rate": {**claim, "studies": {"made_up": {}}}}).values()
    rates = POINTS["condition"].map(RATES)
    points = POINTS.assign(x=np.log10(rates) if "log" in over else rates)
    points = pd.concat([points, points.assign(seed=3, y=points["y"] * 4)])
    table = pd.DataFrame([row("rate", "made_up", 2.0, 1.0, 4.0, 1.0, (0.8, 1.25))])
    (axes,) = figures.draw_claim(
        claim, table.assign(mark="+", n=3, why=""), points, {"made_up": STUDY}
    ).axes
    means = [bars.lines[0].get_xydata()[0].tolist() for bars in axes.containers]
    geometric = 2**1.5
    assert means == [pytest.approx([0.01, 200 * geometric]), pytest.approx([0.1, 20 * geometric])]
    assert axes.get_title() == "made up (n = 3)\n2.00 [1.00, 4.00] +"
    assert axes.get_xscale() == ("log" if "log" in over else "linear")
    assert axes.get_ylabel().startswith("ratio, ")
