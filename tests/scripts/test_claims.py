"""Verdicts on made-up studies of which the truth is known."""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

import made_up_study
from controls import CONDITIONS, made_up
from decide_claims import decide
from lib.claims import ALL, parse_claims, read_decided
from lib.estimates import mean_estimate, sd_interval, seeds_needed
from lib.failures import with_failures
from lib.pages import columns_of, estimate_text
from lib.statistics.source import Source
from lib.summary import summarise
from lib.verdicts import ClaimTest, on_all
from lsnn.errors import ConfigError, ResultError
from lsnn.storage.files import canonical_json
from lsnn.study.config import as_mapping, parse_study
from made_up_study import CONFIG, REPOSITORY
from write_article import documentation
from write_claims import long_table

NUMBER = "mean_activity"  # on a linear axis
TABLES = {}  # of trajectories, which take a while to make


def source(study=None, **columns):
    """Return the source of a study whose runs have, all along, some numbers.

    ``columns`` has, by column and condition, a number of every seed, or one for all.
    """
    study = study or made_up()
    key = canonical_json(as_mapping(study))
    if key not in TABLES:
        TABLES[key] = made_up_study.trajectories(seeds=study.seeds, study=study)
    table = TABLES[key].copy()
    for column, by_condition in columns.items():
        for condition, numbers in by_condition.items():
            by_seed = dict(
                zip(study.seeds, np.broadcast_to(numbers, len(study.seeds)), strict=True)
            )
            there = table["condition"] == condition
            table.loc[there, column] = table.loc[there, "seed"].map(by_seed)
    return Source(study, with_failures(table))


def claim(statistic, supported_if="above", studies=("made_up",), **others):
    """Return a claim as a file has it."""
    return {
        **others,
        "claim": "What is said.",
        "source": "Nobody",
        "statistic": statistic,
        "supported_if": supported_if,
        "studies": {study: {} for study in studies},
    }


def decided(one, *sources, others=0):
    """Return the rows of a claim, decided among as many others that are not computed."""
    names = [f"other_{number}" for number in range(others)]
    missing = claim(
        {"name": "contrast", "column": NUMBER, "condition": "mdgl"}, studies=["missing"]
    )
    claims = parse_claims({"it": one, **dict.fromkeys(names, missing)})
    table, _ = decide(claims, {one.study.name: one for one in sources})
    return table[table["claim"] == "it"]


def row_of(one, *sources, **options):
    """Return the only row of a claim."""
    rows = decided(one, *sources, **options)
    assert len(rows) == 1
    return rows.iloc[0]


def noise(seed, size=20, scale=1.0):
    return scale * np.random.RandomState(seed).randn(size)


def contrast(column=NUMBER, condition="three_factor", **options):
    return {"name": "contrast", "column": column, "condition": condition, **options}


@pytest.mark.parametrize(
    "difference, supported_if, verdict",
    [
        (0.1, "above", "supported"),
        (0.1, "below", "contradicted"),
        (-0.1, "above", "contradicted"),
        (-0.1, "below", "supported"),
        (0.0, "above", "open"),
    ],
)
def test_a_difference_is_decided_on_its_side(difference, supported_if, verdict):
    study = source(
        **{NUMBER: {"bptt": noise(1), "three_factor": noise(1) + noise(2) / 50 + difference}}
    )
    row = row_of(claim(contrast(), supported_if), study)
    expected = mean_estimate(noise(2) / 50 + difference)
    assert tuple(row[["value", "ci_low", "ci_high", "p"]]) == pytest.approx(expected[:4])
    assert (row["verdict"], row["neutral"], row["n"]) == (verdict, 0.0, 20)


@pytest.mark.parametrize(
    "factor, spread, mark, verdict",
    [
        (1.0, 0.02, "=", "supported"),
        (1.1, 0.02, "+=", "supported"),
        (1.1, 2.0, "?", "open"),
        (1.5, 0.1, "+", "open"),  # above 1, but the interval reaches into the margin
        (3.0, 0.1, "+", "contradicted"),
        (0.3, 0.1, "-", "contradicted"),
    ],
)
def test_that_two_things_are_equal_is_shown_within_the_margin(factor, spread, mark, verdict):
    own = noise(2, scale=spread)
    three_factor = 100 * factor * np.exp(noise(1) + own - own.mean())
    study = source(lambda_max={"bptt": 100 * np.exp(noise(1)), "three_factor": three_factor})
    row = row_of(claim(contrast("lambda_max", margin=1.5), "equal"), study)
    assert row["value"] == pytest.approx(factor)
    assert (row["mark"], row["verdict"]) == (mark, verdict)
    assert (row["margin_low"], row["margin_high"]) == pytest.approx((1 / 1.5, 1.5))
    one_sided = [
        stats.ttest_1samp(np.log(factor) + own - own.mean(), sign * np.log(1.5), alternative=side)
        for sign, side in [(-1, "greater"), (1, "less")]
    ]
    assert row["p_equal"] == pytest.approx(max(test.pvalue for test in one_sided))


def test_that_a_difference_is_none_can_be_claimed_with_a_margin_alone():
    study = source(**{NUMBER: {"bptt": noise(1), "three_factor": noise(1) + noise(2) / 1000}})
    row = row_of(claim(contrast(margin=0.01), "equal"), study)
    assert (row["mark"], row["verdict"], row["margin_high"]) == ("=", "supported", 0.01)
    with pytest.raises(ConfigError, match="it.statistic.margin: is missing; supported_if: equal"):
        row_of(claim(contrast(), "equal"), study)


@pytest.mark.parametrize("at", ["final", "late", "mean", "common_loss"])
@pytest.mark.parametrize(
    "column, kind", [("lambda_max", "ratio"), ("generalization_gap_accuracy", "difference")]
)
def test_a_contrast_is_that_of_the_summary(column, kind, at):
    study = parse_study({**CONFIG, "seeds": 5})
    trajectories = made_up_study.trajectories(seeds=study.seeds, study=study)
    trajectories["lambda_max"] *= 1 + np.random.RandomState(1).rand(len(trajectories))
    trajectories["generalization_gap_accuracy"] += np.random.RandomState(2).rand(len(trajectories))
    trajectories.loc[trajectories["iteration"] == 32, "lambda_max_converged"] = False
    summary = summarise(trajectories, study).set_index("quantity")
    expected = summary.loc[f"{column}_{kind}_{at}"]
    at_loss = {"loss": expected["loss"]} if at == "common_loss" else {}
    statistic = contrast(column, at=at, **at_loss)
    row = row_of(claim(statistic), Source(study, with_failures(trajectories)))
    names = ["value", "ci_low", "ci_high", "n", "n_unconverged"]
    told = ["mean", "ci_low", "ci_high", "n", "n_unconverged"]
    assert row[names].tolist() == pytest.approx(expected[told].tolist())


def test_what_is_missing_is_not_computed_and_says_what():
    runs = source()
    cut = runs.trajectories[
        (runs.trajectories["condition"] != "mdgl") | (runs.trajectories["seed"] != 7)
    ]
    for statistic, study, why in [
        (contrast(), None, "the study has not run"),
        (contrast(condition="three_factors"), runs, "no condition three_factors (did you mean"),
        (contrast("lambda_maxx"), runs, "no column lambda_maxx (did you mean lambda_max?)"),
        (contrast("eta_mu"), runs, "no column eta_mu"),
        (contrast(condition="mdgl"), Source(runs.study, cut), "no run of mdgl, seed 7"),
        (contrast(), Source(runs.study, runs.trajectories.drop(columns=NUMBER)), "no column"),
    ]:
        row = row_of(claim(statistic), *filter(None, [study]))
        assert row["verdict"] == "not computed"
        assert row["why"].startswith(why)
        assert row["n"] == 0 and np.isnan(row["value"])


def test_a_column_of_an_entry_can_go_by_its_own_name_if_it_is_the_only_one():
    study = made_up(3, hessian=[{"split": "train"}])
    row = row_of(claim(contrast("lambda_max")), source(study))
    assert row["n"] == 3
    study = made_up(3, hessian=[{"split": "train"}, {"split": "test"}])
    row = row_of(claim(contrast("lambda_max")), source(study))
    assert (
        row["why"]
        == "no column lambda_max; it could be w_rec_train_lambda_max, w_rec_test_lambda_max"
    )


def test_an_expression_is_a_column():
    study = source(
        test_accuracy={"bptt": noise(1), "three_factor": noise(2)},
        train_accuracy={"bptt": noise(3), "three_factor": noise(4)},
    )
    row = row_of(claim(contrast("train_accuracy - test_accuracy")), study)
    assert row["value"] == pytest.approx(np.mean(noise(4) - noise(2) - noise(3) + noise(1)))
    row = row_of(claim(contrast("log10(learning_rate) * lambda_max", scale="linear")), source())
    assert row["n"] == 20
    with pytest.raises(ConfigError, match=r"test_accuracy -\*: cannot be evaluated"):
        row_of(claim(contrast("test_accuracy -*")), study)


@pytest.mark.parametrize("name", ["full-batch", "2.0-batch"])
def test_a_column_of_an_entry_can_be_named_whatever_the_entrys_name(name):
    runs = source(made_up(3, hessian=[{"name": name, "split": "train"}]))
    column = f"{name}_lambda_max"
    row = row_of(claim(contrast(column, scale="log")), runs)
    assert (row["n"], row["neutral"]) == (3, 1.0)
    for same in (f"`{column}`", "lambda_max", f"2 * `{column}`", "lambda_max / 2"):
        found = row_of(claim(contrast(same, scale="log")), runs)
        assert found["value"] == pytest.approx(row["value"])
    why = row_of(claim(contrast("`full-batch_x`")), runs)["why"]
    assert why.startswith("no column full-batch_x")


def test_what_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="learning_rule: is not a number"):
        row_of(claim(contrast("learning_rule")), source(made_up(3)))


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_seeds_decide_nothing(n):
    row = row_of(claim(contrast("lambda_max")), source(made_up(n)))
    assert (row["verdict"], row["why"]) == ("open", "too few seeds: 12 are needed")
    assert np.isnan(row["ci_low"]) and np.isfinite(row["value"])


@pytest.mark.parametrize("n_failed, verdict", [(6, "supported"), (7, "open")])
def test_a_condition_of_which_more_than_a_third_failed_decides_nothing(n_failed, verdict):
    study = made_up(18)
    numbers = {
        "bptt": np.exp(noise(1, 18)),
        "three_factor": 100 * np.exp(noise(1, 18) + noise(2, 18) / 9),
    }
    runs = source(study, lambda_max=numbers)
    gone = [("three_factor", seed) for seed in range(1, n_failed + 1)]
    table = made_up_study.diverged(runs.trajectories, gone)
    runs = Source(study, with_failures(table))
    row = row_of(claim(contrast("lambda_max")), runs)
    assert (row["verdict"], row["n"], row["n_failed"]) == (verdict, 18 - n_failed, n_failed)
    if verdict == "open":
        assert row["why"] == "of 18 runs of three_factor 7 failed"
    share = {"name": "divergence", "condition": "three_factor"}
    assert row_of(claim(share), runs)["value"] == pytest.approx(n_failed / 18)


def test_a_condition_that_does_not_learn_decides_nothing():
    runs = source(lambda_max={"bptt": np.exp(noise(1)), "three_factor": 9 + np.exp(noise(1))})
    table = runs.trajectories
    table.loc[table["condition"] == "three_factor", "train_loss"] = 2.2  # chance: 2.303
    runs = Source(runs.study, with_failures(table))
    row = row_of(claim(contrast("lambda_max")), runs)
    assert (row["mark"], row["why"], row["n_failed"]) == ("?", "three_factor does not learn", 0)
    assert row_of(claim(contrast("lambda_max", "mdgl")), runs)["why"] == ""


def test_failed_runs_count_where_the_statistic_was_computed_alone():
    """As the alignment of some seeds: that others failed takes nothing from it."""
    study = made_up(30, hessian=[{}, {"name": "few", "quantities": ["trace"], "seeds": 15}])
    runs = source(study, few_trace={"bptt": noise(1, 30), "mdgl": noise(2, 30) + 9})
    table = runs.trajectories
    table.loc[table["seed"] > 15, "few_trace"] = np.nan
    gone = [("mdgl", seed) for seed in range(15, 29)]
    runs = Source(study, with_failures(made_up_study.diverged(table, gone)))
    row = row_of(claim(contrast("few_trace", "mdgl", scale="linear")), runs)
    assert (row["n"], row["n_failed"], row["n_missing"]) == (14, 1, 0)
    assert row["verdict"] == "supported"
    row = row_of(claim(contrast(NUMBER, "mdgl")), runs)
    assert (row["n"], row["n_failed"]) == (16, 14)
    assert row["why"] == "of 30 runs of mdgl 14 failed"


def test_missing_numbers_are_told_beside_failed_runs():
    numbers = noise(1)
    numbers[[3, 4]] = np.nan
    runs = source(**{NUMBER: {"bptt": numbers, "three_factor": noise(2)}})
    table = made_up_study.diverged(runs.trajectories, [("three_factor", 1)])
    claims = parse_claims({"it": claim(contrast())})
    found, _ = decide(claims, {"made_up": Source(runs.study, with_failures(table))})
    (row,) = found.itertuples()
    assert (row.n, row.n_failed, row.n_missing) == (17, 1, 2)
    told = long_table(claims, found).iloc[0]
    assert tuple(told[["n", "left out"]]) == ("17", "1 failed, 2 missing")


def test_divergence_is_decided_by_the_exact_test_of_a_third():
    runs = source(made_up(12))
    statistic = {"name": "divergence", "condition": "mdgl"}
    none = row_of(claim(statistic), runs)
    # (2/3)^12 is 0.008 on one side, and on the other 8 or more are as rare.
    assert (none["mark"], none["value"]) == ("-", 0.0)
    gone = made_up_study.diverged(runs.trajectories, [("mdgl", seed) for seed in range(1, 13)])
    every = row_of(claim(statistic), Source(runs.study, with_failures(gone)))
    assert (every["verdict"], every["value"], every["n"]) == ("supported", 1.0, 12)


@pytest.mark.parametrize("n, verdict", [(20, "supported"), (19, "open")])
def test_spread_is_decided_from_twenty_seeds_on(n, verdict):
    numbers = {"bptt": noise(1, n), "three_factor": noise(2, n, 5)}
    row = row_of(
        claim({"name": "spread", "column": NUMBER, "condition": "three_factor"}),
        source(made_up(n), **{NUMBER: numbers}),
    )
    assert row["verdict"] == verdict
    assert row["ci_low"] > 1 and row["neutral"] == 1


def correlated(rule_effect, run_effect):
    """Return a source whose gap follows lambda_max by rule, and from run to run."""
    gap, sharpness = {}, {}
    for place, condition in enumerate(CONDITIONS):
        common = noise(place)
        sharpness[condition] = np.exp(common + place)
        gap[condition] = run_effect * common + rule_effect * place + noise(place + 9, scale=0.3)
    return source(**{NUMBER: gap, "lambda_max": sharpness})


def test_correlations_over_all_runs_and_within_rules_are_told_apart():
    statistic = {"name": "correlation", "column": NUMBER, "over": "lambda_max"}
    within = {**statistic, "within": "condition"}
    both = {**statistic, "within": "condition_and_seed"}
    between = correlated(rule_effect=5, run_effect=0)
    assert row_of(claim(statistic), between)["verdict"] == "supported"
    assert row_of(claim(within), between)["verdict"] == "open"
    against = correlated(rule_effect=5, run_effect=-1)
    row = row_of(claim(within), against)
    assert (row["verdict"], row["n"]) == ("contradicted", 60)
    assert row_of(claim(both), between)["verdict"] == "open"
    assert row_of(claim(both), against)["verdict"] == "contradicted"
    one = row_of(claim({**statistic, "conditions": ["bptt"]}), against)
    assert (one["verdict"], one["n"]) == ("contradicted", 20)


def test_a_correlation_by_a_third_column_alone_is_gone_given_it():
    loss = {name: 0.1 * np.exp(noise(place, scale=0.5)) for place, name in enumerate(CONDITIONS)}
    runs = source(
        train_loss=loss,
        lambda_max={name: np.exp(np.log(one) + noise(5, scale=0.25)) for name, one in loss.items()},
        **{NUMBER: {name: np.log(one) + noise(6, scale=0.25) for name, one in loss.items()}},
    )
    statistic = {"name": "correlation", "column": NUMBER, "over": "lambda_max"}
    assert row_of(claim(statistic), runs)["verdict"] == "supported"
    given = row_of(claim({**statistic, "given": "train_loss"}), runs)
    assert given["verdict"] == "open" and abs(given["value"]) < 0.3


def test_a_trend_is_the_slope_of_every_seed():
    slopes = 0.3 + noise(1, scale=0.05)
    numbers = {name: np.exp(place * slopes + noise(3)) for place, name in enumerate(CONDITIONS)}
    runs = source(lambda_max=numbers)
    row = row_of(claim({"name": "trend", "column": "lambda_max"}), runs)
    assert (row["verdict"], row["neutral"]) == ("supported", 1.0)
    assert row["value"] == pytest.approx(np.exp(slopes.mean()))
    turned = {
        "name": "trend",
        "column": "lambda_max",
        "conditions": ["three_factor", "mdgl", "bptt"],
    }
    assert row_of(claim(turned), runs)["verdict"] == "contradicted"


def test_an_interaction_can_be_over_the_places_of_its_conditions():
    rise = noise(1, scale=0.05)
    bptt = np.exp(noise(2))
    runs = source(
        lambda_max={"bptt": bptt, "mdgl": 2 * bptt, "three_factor": 6 * bptt * np.exp(rise)}
    )
    statistic = {"name": "interaction", "column": "lambda_max"}
    row = row_of(claim({**statistic, "conditions": ["mdgl", "three_factor"]}), runs)
    assert (row["verdict"], row["neutral"]) == ("supported", 1.0)
    assert row["value"] == pytest.approx(3 * np.exp(rise.mean()))


def test_a_trend_can_be_over_a_column():
    x = {name: noise(place) for place, name in enumerate(CONDITIONS)}
    y = {name: np.exp(-2 * one + noise(9, scale=0.1)) for name, one in x.items()}
    statistic = {"name": "trend", "column": "lambda_max", "over": "test_accuracy"}
    row = row_of(claim(statistic, "below"), source(lambda_max=y, test_accuracy=x))
    assert row["value"] == pytest.approx(np.exp(-2), rel=0.1)
    assert row["verdict"] == "supported"


@pytest.mark.parametrize(
    "mdgl, verdict", [(2.0, "supported"), (1.0, "open"), (9.0, "contradicted")]
)
def test_an_order_holds_if_every_pair_of_neighbours_is_in_it(mdgl, verdict):
    numbers = {
        "bptt": np.exp(noise(1, scale=0.2)),
        "mdgl": mdgl * np.exp(noise(2, scale=0.2)),
        "three_factor": 4 * np.exp(noise(3, scale=0.2)),
    }
    statistic = {"name": "order", "column": "lambda_max", "conditions": list(CONDITIONS)}
    row = row_of(claim(statistic), source(lambda_max=numbers))
    assert row["verdict"] == verdict
    if verdict == "contradicted":
        ratio = np.exp(np.mean(np.log(numbers["three_factor"] / numbers["mdgl"])))
        assert row["value"] == pytest.approx(ratio)


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_a_level_is_held_against_a_number(scale):
    runs = source(lambda_max={"mdgl": 10 * np.exp(noise(1, scale=0.1))})
    for against, verdict in [(5, "supported"), (10, "open"), (20, "contradicted")]:
        level = {"name": "level", "column": "lambda_max", "condition": "mdgl"}
        row = row_of(claim({**level, "against": against, "scale": scale}), runs)
        assert (row["verdict"], row["neutral"]) == (verdict, against)
        assert row["value"] == pytest.approx(10, rel=0.1)
        assert row["ci_low"] < row["value"] < row["ci_high"]


def test_a_ratio_is_not_held_against_zero():
    level = {"name": "level", "column": "lambda_max", "condition": "mdgl", "against": 0}
    with pytest.raises(ConfigError, match="against: 0 cannot be compared with a ratio"):
        row_of(claim(level), source())


def test_main_claims_are_adjusted_for_one_another_alone_also_those_not_computed():
    difference = noise(2) - noise(2).mean() + 0.7
    study = source(**{NUMBER: {"bptt": noise(1), "three_factor": noise(1) + difference}})
    missing = claim(contrast(), studies=["missing"], main=True)
    others = {f"other_{number}": missing for number in range(4)}

    def it(main, others):
        claims = parse_claims({"it": claim(contrast(), main=main), **others})
        return decide(claims, {"made_up": study})[0].iloc[0]

    alone, main, secondary = it(True, {}), it(True, others), it(False, others)
    assert alone["p_adjusted"] == alone["p"] == secondary["p_adjusted"]
    assert main["p_adjusted"] == pytest.approx(5 * main["p"])
    assert (main["family"], secondary["family"]) == ("main", "secondary")


def test_several_studies_have_a_row_each_and_one_for_all():
    one, other = made_up(), parse_study({**as_mapping(made_up()), "name": "other"})
    shift = {"+": 1, "-": -1, "=": 0, "?": 0}
    spread = {"+": 9, "-": 9, "=": 500, "?": 1}

    def runs(study, mark):
        three_factor = noise(1) + shift[mark] + (noise(2) - noise(2).mean()) / spread[mark]
        return source(study, **{NUMBER: {"bptt": noise(1), "three_factor": three_factor}})

    both = claim(contrast(margin=0.01), studies=["made_up", "other"])
    for marks, mark, verdict in [
        ("++", "+", "supported in general"),
        ("--", "-", "contradicted in general"),
        ("==", "=", "contradicted in general"),
        ("+-", "", "depends on the task"),
        ("+=", "", "open"),
        ("+?", "", "open"),
    ]:
        rows = decided(both, runs(one, marks[0]), runs(other, marks[1]))
        assert rows["study"].tolist() == ["made_up", "other", ALL]
        assert rows["mark"].tolist() == [*marks, mark]
        whole = rows.iloc[-1]
        assert whole["verdict"] == verdict
        assert whole["why"] == f"made up {marks[0]}, other {marks[1]}"
    rows = decided(both, runs(one, "+"))
    assert rows["verdict"].tolist() == ["supported", "not computed", "open"]
    assert decided(both)["verdict"].tolist() == ["not computed", "not computed", "not computed"]


def test_claims_on_studies_without_a_gap_hold_where_there_is_one():
    marks = {
        ("+", "+"): "supported in general",
        ("+", "+", "no gap"): "supported where there is a gap",
        ("+", "no gap"): "open",
        ("no gap", "no gap"): "no gap",
        ("not computed", "not computed"): "not computed",
        ("not computed", "no gap"): "open",
    }
    for of_studies, verdict in marks.items():
        tests = [ClaimTest(None, f"study {place}", None, None) for place in range(len(of_studies))]
        verdicts = ["supported" if mark == "+" else mark for mark in of_studies]
        found = on_all(tests, [mark if mark == "+" else "" for mark in of_studies], verdicts)
        assert found[1] == verdict


def test_of_a_claim_that_things_are_equal_opposite_marks_contradict_in_general():
    tests = [ClaimTest(None, name, None, None) for name in ("one", "other")]
    found = on_all(tests, ["+", "-"], ["contradicted", "contradicted"])
    assert found == ("", "contradicted in general", "one +, other -")


def test_numbers_that_are_missing_count_as_runs_that_failed_do():
    """Else the logarithm would choose the runs that it is of."""
    numbers = np.where(np.arange(20) < 7, -1.0, np.exp(noise(1)))
    level = {"name": "level", "column": NUMBER, "condition": "mdgl", "against": 0.01}
    row = row_of(claim({**level, "scale": "log"}), source(**{NUMBER: {"mdgl": numbers}}))
    assert (row["mark"], row["n"], row["n_missing"]) == ("?", 13, 7)
    assert row["why"] == "of 20 runs of mdgl 7 lack the number"
    assert row["seeds_needed"] == ""


def test_a_slope_over_what_does_not_vary_decides_nothing():
    trend = {"name": "trend", "column": NUMBER, "over": "train_loss + learning_rate"}
    row = row_of(claim({**trend, "at": "common_loss", "loss": 0.1}), source())
    assert row["verdict"] == "open" and "of the 20" not in row["why"]
    runs = source(**{NUMBER: {"mdgl": noise(1)}, "learning_rate": dict.fromkeys(CONDITIONS, 0.1)})
    row = row_of(claim({**trend, "over": "learning_rate"}), runs)
    assert row["why"] == "what the slope is over is the same in all conditions of a seed"


def test_a_condition_is_not_compared_with_itself():
    with pytest.raises(ConfigError, match="it: bptt, bptt: a condition is compared with itself"):
        row_of(claim(contrast(condition="bptt")), source())


def with_losses(study, by_condition):
    """Return a source in which runs fall to losses of their own, at iterations 20 to 100."""
    runs = source(study)
    table = runs.trajectories
    for condition, lowest in by_condition.items():
        for seed, end in zip(study.seeds, lowest, strict=True):
            run = (table["condition"] == condition) & (table["seed"] == seed)
            table.loc[run, "train_loss"] = np.geomspace(2.0, end, 6)
    return Source(study, with_failures(table))


def test_at_a_loss_a_condition_needs_two_thirds_of_its_runs():
    study = made_up(21)
    for n_unreached, why in [
        (7, ""),
        (8, "of 21 runs of mdgl 8 do not pass the loss"),
    ]:
        lowest = np.where(np.arange(21) < n_unreached, 0.2, 0.05)
        runs = with_losses(study, {"bptt": np.full(21, 0.01), "mdgl": lowest})
        statistic = contrast("lambda_max", "mdgl", at="common_loss", loss=0.1)
        row = row_of(claim(statistic), runs)
        assert (row["n"], row["n_unreached"], row["why"]) == (21 - n_unreached, n_unreached, why)
    # A run that failed has no part in the median iteration.
    gone = made_up_study.diverged(runs.trajectories, [("mdgl", seed) for seed in (19, 20, 21)])
    fewer = row_of(claim(statistic), Source(study, with_failures(gone)))
    assert (fewer["iterations"], fewer["n_failed"]) == (row["iterations"], 3)
    # log(2 / 0.1) / log(2 / end) of the way to the last checkpoint: at 100, at 160 with mdgl.
    shares = [np.log(20) / np.log(2 / end) for end in (0.01, 0.05)]
    assert row["iterations"] == f"bptt {100 * shares[0]:.0f}, mdgl {160 * shares[1]:.0f}"
    assert "at equal training loss 0.1" in row["statistic"]


def test_without_a_loss_the_runs_suggest_one():
    runs = with_losses(made_up(20), {"bptt": np.full(20, 0.01), "mdgl": np.full(20, 0.05)})
    row = row_of(claim(contrast("lambda_max", "mdgl", at="common_loss")), runs)
    assert row["verdict"] == "not computed"
    assert row["why"] == "no loss is named; these runs suggest 0.05"


def test_an_order_and_a_trend_can_be_at_equal_loss():
    lowest = {condition: np.full(20, 0.01) for condition in CONDITIONS}
    runs = with_losses(made_up(20), lowest)
    place = runs.trajectories["condition"].map(list(CONDITIONS).index)
    table = runs.trajectories.assign(lambda_max=10.0**place)
    runs = Source(runs.study, with_failures(table))
    for statistic in [
        {"name": "order", "column": "lambda_max", "conditions": list(CONDITIONS)},
        {"name": "trend", "column": "lambda_max", "conditions": list(CONDITIONS)},
    ]:
        row = row_of(claim({**statistic, "at": "common_loss", "loss": 0.1}), runs)
        assert (row["value"], row["mark"]) == (pytest.approx(10), "+")


def test_named_seeds_alone_decide_and_must_all_be_there():
    numbers = noise(1) + np.where(np.arange(20) < 8, 0, 9)
    runs = source(**{NUMBER: {"bptt": noise(1), "three_factor": numbers}})
    every = row_of(claim(contrast()), runs)
    assert (every["n"], every["seeds"]) == (20, "exploratory")
    some = row_of(claim(contrast(seeds="9-20")), runs)
    assert (some["n"], some["seeds"]) == (12, "9-20") and some["value"] == pytest.approx(9)
    more = row_of(claim(contrast(seeds="9-22")), runs)
    assert (more["verdict"], more["why"]) == ("not computed", "the study has no seed 21, 22")


def test_an_open_number_tells_how_many_seeds_would_decide_it():
    own = noise(2) - noise(2).mean()
    runs = source(**{NUMBER: {"bptt": noise(1), "three_factor": noise(1) + own}})
    sd = np.std(own, ddof=1)
    row = row_of(claim(contrast(margin=0.35 * sd)), runs)
    low, high = sd_interval(1.0, 20)
    of = [seeds_needed(sd, 0.35, 0.05, 12, 200) for sd in (1.0, low, high)]
    assert of == [72, 43, 151]
    assert row["seeds_needed"] == "72 (43 to 151)"
    row = row_of(claim(contrast(margin=0.1 * sd)), runs)
    assert row["seeds_needed"] == "out of reach"
    assert row_of(claim(contrast()), runs)["seeds_needed"] == ""


def test_failed_runs_are_filled_in_at_both_extremes_of_main_claims():
    own = 1.0 + noise(2) / 9
    own[:3] = -30.0
    runs = source(**{NUMBER: {"bptt": np.zeros(20), "three_factor": own}})
    gone = [("three_factor", seed) for seed in (18, 19, 20)]
    table = made_up_study.diverged(runs.trajectories, gone, fraction=1.0)
    runs = Source(runs.study, with_failures(table))
    (main,) = decided(claim(contrast(), main=True), runs).to_dict("records")
    # With three more numbers of -30 the mean is significantly below 0.
    assert (main["n"], main["n_failed"], main["mark"]) == (17, 3, "?")
    assert main["if_failures_count"] == "-"
    (secondary,) = decided(claim(contrast()), runs).to_dict("records")
    assert secondary["if_failures_count"] == ""


GAPS = contrast("generalization_gap_accuracy")


def with_gaps(bptt, three_factor):
    """Return a source with gaps in accuracy, of 5,000 validation and 10,000 test images."""
    accuracies = {"bptt": bptt, "three_factor": three_factor}
    return source(
        train_accuracy={name: 0.9 for name in accuracies},
        test_accuracy={name: 0.9 - gap for name, gap in accuracies.items()},
        generalization_gap_accuracy=accuracies,
    )


def test_gaps_are_compared_where_one_of_the_rules_has_one_beyond_sampling():
    """All seeds share the images, so that 20 do not tell a gap of less than two standard errors."""
    study = made_up()
    sizes = [study.setup().outline["evaluation_sizes"][split] for split in ("train", "test")]
    error = np.sqrt(sum(0.9 * 0.1 / size for size in sizes))
    small = noise(1) * error / 100
    for gap, verdict in [(1.7, "no gap"), (3.0, "contradicted")]:
        row = row_of(claim(GAPS), with_gaps(gap * error + small, 0 * small))
        assert (row["verdict"], row["mark"]) == (verdict, "" if verdict == "no gap" else "-")
    assert row["p"] < 1e-10
    both = decided(claim(GAPS, studies=["made_up", "missing"]), with_gaps(small, small))
    assert both["verdict"].tolist() == ["no gap", "not computed", "open"]


def test_an_accuracy_of_one_is_not_without_error():
    runs = source(
        train_accuracy={"bptt": 1.0, "three_factor": 1.0},
        test_accuracy={"bptt": 1.0, "three_factor": 1.0 - 1e-5 - noise(1) * 1e-7},
        generalization_gap_accuracy={"bptt": 0.0, "three_factor": 1e-5 + noise(1) * 1e-7},
    )
    assert row_of(claim(GAPS), runs)["verdict"] == "no gap"


def test_where_seeds_draw_their_examples_the_spread_over_seeds_tells_of_a_gap():
    task = {"name": "delayed_match", "n_patterns": 2}
    study = made_up(20, task=task, training={"batch_size": 48}, hessian=[])
    gaps = 0.01 + noise(1) / 1000  # far below the error of one run's 500 test trials
    runs = source(study, generalization_gap_accuracy={"bptt": 0 * gaps, "three_factor": gaps})
    row = row_of(claim(GAPS), runs)
    assert (row["verdict"], row["n"]) == ("supported", 20)


def test_a_gap_in_loss_needs_its_standard_error_where_seeds_share_examples():
    runs = source(generalization_gap_loss={"bptt": noise(1), "three_factor": noise(2)})
    table = runs.trajectories.drop(columns="test_loss_se")
    row = row_of(claim(contrast("generalization_gap_loss")), Source(runs.study, table))
    assert row["verdict"] == "not computed"
    assert row["why"] == "no column test_loss_se; it was added after the study was run"


def test_a_study_can_have_options_of_its_own():
    one = claim(contrast(), studies=["made_up"])
    one["studies"]["made_up"] = {"column": "lambda_max", "condition": "mdgl"}
    row = row_of(one, source())
    assert row["statistic"] == "lambda_max, MDGL against BPTT, at the end"


@pytest.fixture
def written(tmp_path):
    """A folder with claims.yaml, and the results of the made-up study."""
    study = made_up(12)
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up/config.yaml").write_text(yaml.safe_dump(as_mapping(study)))
    trajectories = made_up_study.trajectories(seeds=study.seeds, study=study)
    trajectories.to_csv(tmp_path / "made_up/trajectories.csv", index=False, na_rep="nan")
    claims = {
        "sharper": claim(
            contrast("lambda_max", margin=1.25),
            studies=["made_up", "missing"],
            answer="sharpness",
            main=True,
        ),
        "gap": claim(contrast(GAPS["column"], margin=0.01), answer="gap"),
        "flat": claim(contrast("lambda_max", margin=1.25), "equal"),
        "later": claim(contrast("lambda_max"), studies=["missing"], main=True),
    }
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(claims))
    return tmp_path


def test_the_readme_shows_claims_on_named_seeds_rather_than_exploratory_ones(written):
    claims = yaml.safe_load((written / "claims.yaml").read_text())
    fresh = claim(contrast("lambda_max", margin=1.25, seeds="1-12"), studies=["made_up"], main=True)
    claims["fresh"] = {**fresh, "claim": "What is decided."}
    (written / "claims.yaml").write_text(yaml.safe_dump(claims))
    (written / "README.md").write_text("<!-- claims -->\n<!-- end of claims -->\n")
    decided = program(written, "decide_claims.py", "--studies", "made_up", "--output", ".")
    assert decided.returncode == 0, decided.stderr
    done = program(
        written, "write_claims.py", "--decided", ".", "--output", ".", "--into", "README.md"
    )
    assert done.returncode == 0, done.stderr
    readme = (written / "README.md").read_text()
    assert "| What is decided. |" in readme and "| What is said. |" not in readme
    assert "2 further main claims, exploratory or" in readme


def program(folder, name, *arguments):
    """Run a program on the files of :func:`written`; return its status and what it printed."""
    command = [sys.executable, os.path.join(REPOSITORY, "scripts", name)]
    command += ["--claims", folder / "claims.yaml", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_programs_write_tables_pages_and_figures(written):
    (written / "other_folder").mkdir()  # of no study
    studies = ["--studies", "made_up", "other_folder"]
    done = program(written, "decide_claims.py", *studies, "--output", ".")
    assert done.returncode == 0, done.stderr
    table, points, _ = read_decided(written, written / "claims.yaml")
    assert table["claim"].tolist() == ["flat", "gap", "later", "sharper", "sharper", "sharper"]
    assert len(points) == 3 * 2 * 12
    (written / "README.md").write_text(
        "before\n<!-- claims -->\nold\n<!-- end of claims -->\nafter\n"
    )
    done = program(
        written, "write_claims.py", "--decided", ".", "--output", ".", "--into", "README.md"
    )
    assert done.returncode == 0, done.stderr
    readme = (written / "README.md").read_text()
    assert readme.startswith("before\n<!-- claims -->\n") and readme.endswith("claims -->\nafter\n")
    assert "| What is said. |" in readme and "\nold\n" not in readme
    assert "p-values of the main claims are adjusted together, for 3 numbers" in readme
    further = "further main claim, exploratory or on studies that have not run yet, is in claims.md"
    assert f"1 {further}" in readme and "All of this is exploratory" in readme
    assert "The file of claims is of no commit." in (written / "claims.md").read_text()
    assert "not computed" in (written / "claims.md").read_text()
    assert "the study has not run" in (written / "claims.html").read_text()
    arguments = ["--decided", ".", "--studies", "other_folder", "--output", "figures"]
    done = program(written, "plot_claims.py", *arguments)
    assert (
        done.returncode == 1 and "--studies: the claims are decided by made_up, too" in done.stderr
    )
    done = program(written, "plot_claims.py", "--decided", ".", *studies, "--output", "figures")
    assert done.returncode == 0, done.stderr
    for name in ("answer", "overview", "sharper"):
        assert (written / f"figures/{name}.png").stat().st_size > 10000
    done = program(written, "write_article.py", "--decided", ".", *studies, "--output", ".")
    assert done.returncode == 0, done.stderr
    assert (written / "article.pdf").read_bytes().startswith(b"%PDF")
    page = (written / "article.html").read_text()
    (sharper,) = table[(table["claim"] == "sharper") & (table["study"] == "made_up")].itertuples()
    assert "What is said." in page and estimate_text(sharper) in page
    assert "sequential mnist" in page and "Backpropagation through time" in page
    (written / "figures/sharper.svg").unlink()
    done = program(written, "write_article.py", "--decided", ".", *studies, "--output", ".")
    assert done.returncode == 1 and "article.typ: cannot be compiled: file not found" in done.stderr


def test_studies_of_one_task_share_a_column():
    statistic = {"name": "contrast", "column": NUMBER, "condition": "mdgl"}
    lists = [
        ["images", "patterns"],
        ["rate_images", "rate_patterns"],
        ["leak_images", "images"],
        ["old_rate_images", "rate_images"],
    ]
    claims = {f"c{n}": claim(statistic, studies=names) for n, names in enumerate(lists)}
    assert columns_of(parse_claims(claims)) == {
        "images": "images",
        "patterns": "patterns",
        "rate_images": "images",
        "rate_patterns": "patterns",
        "leak_images": "leak_images",  # one claim is tested on it and on images
        "old_rate_images": "old_rate_images",
    }


def test_one_claim_can_be_asked_for_alone(written):
    arguments = ["--studies", "made_up", "--output", "alone"]
    assert program(written, "decide_claims.py", "--only", "gap", *arguments).returncode == 0
    assert pd.read_csv(written / "alone/claims.csv")["claim"].tolist() == ["gap"]
    done = program(written, "decide_claims.py", "--only", "gaps", *arguments)
    assert done.returncode == 1
    assert (
        "--only gaps: no such claim; there are: flat, gap, later, sharper (did you mean gap?)"
        in done.stderr
    )


def test_a_folder_that_is_not_there_is_no_study_that_has_not_run(written):
    done = program(written, "decide_claims.py", "--studies", "made_upp", "--output", ".")
    assert done.returncode == 1 and "--studies made_upp: no such folder" in done.stderr


def test_a_table_of_other_claims_is_refused(written):
    program(written, "decide_claims.py", "--studies", "made_up", "--output", ".")
    claims = yaml.safe_load((written / "claims.yaml").read_text())
    del claims["gap"]
    (written / "claims.yaml").write_text(yaml.safe_dump(claims))
    done = program(written, "write_claims.py", "--decided", ".", "--output", ".")
    assert done.returncode == 1 and "decided for other claims than" in done.stderr
    with pytest.raises(ResultError, match="no such file"):
        read_decided(written / "nowhere", written / "claims.yaml")


def test_a_file_without_a_place_for_the_block_is_left_as_it_is(written):
    program(written, "decide_claims.py", "--studies", "made_up", "--output", ".")
    (written / "README.md").write_text("nothing\n")
    done = program(
        written, "write_claims.py", "--decided", ".", "--output", ".", "--into", "README.md"
    )
    assert done.returncode == 1
    assert "README.md: has no lines <!-- claims -->" in done.stderr
    assert (written / "README.md").read_text() == "nothing\n"


def test_the_claim_in_the_documentation_is_one_of_the_file():
    with open(os.path.join(REPOSITORY, "docs/reference/claims.md"), encoding="utf-8") as stream:
        (block,) = re.findall(r"```yaml\n(.*?)```", stream.read(), re.DOTALL)
    with open(os.path.join(REPOSITORY, "claims.yaml"), encoding="utf-8") as stream:
        claims = yaml.safe_load(stream)
    ((name, told),) = yaml.safe_load(block).items()
    parse_claims({name: told})
    assert set(told["studies"]) <= set(claims[name]["studies"])
    assert {**told, "studies": None} == {**claims[name], "studies": None}


def test_equations_of_a_docstring_keep_their_lines():
    class Unit:
        """A unit
        (:mod:`lsnn.neurons`) with

            v = α
              + b

        and `no` more.

        Args:
            a: not told.
        """

    assert documentation(Unit) == (
        r'#"A unit with"; #raw(block: true, "v = α\n  + b"); #"and no more.";'
    )
