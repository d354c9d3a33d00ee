"""Verdicts on made-up studies of which the truth is known."""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

import made_up_study
from controls import CONDITIONS, made_up
from decide_claims import decide, verdict_of
from lib.claims import ALL, parse_claims, read_decided
from lib.estimates import holm, mean_estimate
from lib.numbers import with_spacing
from lib.statistics.source import Source
from lib.summary import summarise
from lib.tables import write_table
from lsnn.errors import ConfigError, ResultError
from lsnn.storage.files import canonical_json
from lsnn.study.config import as_mapping, parse_study
from made_up_study import CONFIG, REPOSITORY
from write_claims import cell_of, long_table

GAP = "generalization_gap_accuracy"
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
    return Source(study, with_spacing(table, study))


def claim(statistic, supported_if="above", studies=("made_up",)):
    """Return a claim as a file has it."""
    return {
        "claim": "What is said.",
        "source": "Nobody",
        "statistic": statistic,
        "supported_if": supported_if,
        "studies": {study: {} for study in studies},
    }


def decided(one, *sources, others=0):
    """Return the rows of a claim, decided among as many others that are not computed."""
    names = [f"other_{number}" for number in range(others)]
    missing = claim({"name": "contrast", "column": GAP, "condition": "mdgl"}, studies=["missing"])
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


def contrast(column=GAP, condition="three_factor", **options):
    return {"name": "contrast", "column": column, "condition": condition, **options}


@pytest.mark.parametrize(
    "difference, supported_if, verdict",
    [
        (0.1, "above", "supported"),
        (0.1, "below", "contradicted"),
        (-0.1, "above", "contradicted"),
        (-0.1, "below", "supported"),
        (0.0, "above", "undecided"),
    ],
)
def test_a_difference_is_decided_on_its_side(difference, supported_if, verdict):
    study = source(
        **{GAP: {"bptt": noise(1), "three_factor": noise(1) + noise(2) / 50 + difference}}
    )
    row = row_of(claim(contrast(), supported_if), study)
    expected = mean_estimate(noise(2) / 50 + difference)
    assert tuple(row[["value", "ci_low", "ci_high", "p"]]) == pytest.approx(expected[:4])
    assert (row["verdict"], row["neutral"], row["n"]) == (verdict, 0.0, 20)


@pytest.mark.parametrize(
    "factor, spread, verdict",
    [
        (1.1, 0.02, "supported"),
        (1.1, 2.0, "undecided"),
        (1.5, 0.1, "undecided"),
        (3.0, 0.1, "contradicted"),
        (0.3, 0.1, "contradicted"),
    ],
)
def test_that_two_things_are_equal_is_decided_by_the_interval_of_their_ratio(
    factor, spread, verdict
):
    three_factor = (
        100 * factor * np.exp(noise(1) + noise(2, scale=spread) - noise(2).mean() * spread)
    )
    study = source(lambda_max={"bptt": 100 * np.exp(noise(1)), "three_factor": three_factor})
    row = row_of(claim(contrast("lambda_max"), "equal"), study)
    assert row["value"] == pytest.approx(factor)
    assert row["verdict"] == verdict
    assert np.isnan(row["p"])  # none decides


def test_that_a_difference_is_none_cannot_be_claimed():
    with pytest.raises(ConfigError, match="it: supported_if: equal.*a ratio.*scale: log"):
        row_of(claim(contrast(), "equal"), source())


@pytest.mark.parametrize("at", ["final", "mean", "at_lowest_common_loss", "over_common_losses"])
@pytest.mark.parametrize("column, kind", [("lambda_max", "ratio"), (GAP, "difference")])
def test_a_contrast_is_that_of_the_summary(column, kind, at):
    study = parse_study({**CONFIG, "seeds": 5})
    trajectories = made_up_study.trajectories(seeds=study.seeds, study=study)
    trajectories["lambda_max"] *= 1 + np.random.RandomState(1).rand(len(trajectories))
    trajectories[GAP] += np.random.RandomState(2).rand(len(trajectories))
    trajectories.loc[trajectories["iteration"] == 32, "lambda_max_converged"] = False
    summary = summarise(trajectories, study).set_index("quantity")
    row = row_of(claim(contrast(column, at=at)), Source(study, with_spacing(trajectories, study)))
    expected = summary.loc[f"{column}_{kind}_{at}"]
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
        (contrast(), Source(runs.study, runs.trajectories.drop(columns=GAP)), "no column"),
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
    assert (row["verdict"], row["why"]) == ("undecided", "3 seeds are needed")
    assert np.isnan(row["ci_low"]) and np.isfinite(row["value"])


@pytest.mark.parametrize("n_diverged, verdict", [(2, "supported"), (3, "undecided")])
def test_a_condition_of_which_more_than_a_third_diverged_decides_nothing(n_diverged, verdict):
    study = made_up(6)
    numbers = {
        "bptt": np.exp(noise(1, 6)),
        "three_factor": 100 * np.exp(noise(1, 6) + noise(2, 6) / 9),
    }
    runs = source(study, lambda_max=numbers)
    gone = [("three_factor", seed) for seed in range(1, n_diverged + 1)]
    runs = Source(study, made_up_study.diverged(runs.trajectories, gone))
    row = row_of(claim(contrast("lambda_max")), runs)
    assert (row["verdict"], row["n"], row["n_diverged"]) == (verdict, 6 - n_diverged, n_diverged)
    if verdict == "undecided":
        assert row["why"] == "3 of 6 runs of three_factor diverged"
    share = {"name": "divergence", "condition": "three_factor"}
    assert row_of(claim(share), runs)["value"] == pytest.approx(n_diverged / 6)


def test_diverged_runs_count_where_the_statistic_was_computed_alone():
    """As the alignment of some seeds: that others diverged takes nothing from it."""
    study = made_up(9, hessian=[{}, {"name": "few", "quantities": ["trace"], "seeds": 5}])
    runs = source(study, few_trace={"bptt": noise(1, 9), "mdgl": noise(2, 9) + 9})
    table = runs.trajectories
    table.loc[table["seed"] > 5, "few_trace"] = np.nan
    gone = [("mdgl", seed) for seed in (5, 6, 7, 8, 9)]
    runs = Source(study, made_up_study.diverged(table, gone))
    row = row_of(claim(contrast("few_trace", "mdgl", scale="linear")), runs)
    assert (row["n"], row["n_diverged"], row["n_missing"]) == (4, 1, 0)
    assert row["verdict"] == "supported"
    row = row_of(claim(contrast(GAP, "mdgl")), runs)
    assert (row["n"], row["n_diverged"]) == (4, 5)
    assert row["why"] == "5 of 9 runs of mdgl diverged"


def test_missing_numbers_are_told_beside_diverged_runs():
    gaps = noise(1)
    gaps[[3, 4]] = np.nan
    runs = source(**{GAP: {"bptt": gaps, "three_factor": noise(2)}})
    runs = Source(runs.study, made_up_study.diverged(runs.trajectories, [("three_factor", 1)]))
    claims = parse_claims({"it": claim(contrast())})
    table, _ = decide(claims, {"made_up": runs})
    (row,) = table.itertuples()
    assert (row.n, row.n_diverged, row.n_missing) == (17, 1, 2)
    assert cell_of(row).endswith("n 17, 1 diverged, 2 missing")
    told = long_table(claims, table).iloc[0]
    assert tuple(told[["n", "diverged", "missing"]]) == ("17", "1", "2")


def test_divergence_is_decided_by_the_exact_test_of_a_third():
    runs = source(made_up(8))
    statistic = {"name": "divergence", "condition": "mdgl"}
    none = row_of(claim(statistic), runs)
    assert (none["verdict"], none["value"]) == ("undecided", 0.0)  # (2/3)^8 is 0.04, one side
    gone = made_up_study.diverged(runs.trajectories, [("mdgl", seed) for seed in range(1, 9)])
    every = row_of(claim(statistic), Source(runs.study, gone))
    assert (every["verdict"], every["value"], every["n"]) == ("supported", 1.0, 8)


@pytest.mark.parametrize("n, verdict", [(20, "supported"), (19, "undecided")])
def test_spread_is_decided_from_twenty_seeds_on(n, verdict):
    numbers = {"bptt": noise(1, n), "three_factor": noise(2, n, 5)}
    row = row_of(
        claim({"name": "spread", "column": GAP, "condition": "three_factor"}),
        source(made_up(n), **{GAP: numbers}),
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
    return source(**{GAP: gap, "lambda_max": sharpness})


def test_correlations_over_all_runs_and_within_rules_are_told_apart():
    statistic = {"name": "correlation", "column": GAP, "over": "lambda_max"}
    within = {**statistic, "within": "condition"}
    between = correlated(rule_effect=5, run_effect=0)
    assert row_of(claim(statistic), between)["verdict"] == "supported"
    assert row_of(claim(within), between)["verdict"] == "undecided"
    against = correlated(rule_effect=5, run_effect=-1)
    row = row_of(claim(within), against)
    assert (row["verdict"], row["n"]) == ("contradicted", 60)
    one = row_of(claim({**statistic, "conditions": ["bptt"]}), against)
    assert (one["verdict"], one["n"]) == ("contradicted", 20)


def test_a_correlation_by_a_third_column_alone_is_gone_given_it():
    loss = {name: np.exp(noise(place)) for place, name in enumerate(CONDITIONS)}
    runs = source(
        train_loss=loss,
        lambda_max={name: np.exp(np.log(one) + noise(5, scale=0.5)) for name, one in loss.items()},
        **{GAP: {name: np.log(one) + noise(6, scale=0.5) for name, one in loss.items()}},
    )
    statistic = {"name": "correlation", "column": GAP, "over": "lambda_max"}
    assert row_of(claim(statistic), runs)["verdict"] == "supported"
    given = row_of(claim({**statistic, "given": "train_loss"}), runs)
    assert given["verdict"] == "undecided" and abs(given["value"]) < 0.3


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


def test_a_trend_can_be_over_a_column():
    x = {name: noise(place) for place, name in enumerate(CONDITIONS)}
    y = {name: np.exp(-2 * one + noise(9, scale=0.1)) for name, one in x.items()}
    statistic = {"name": "trend", "column": "lambda_max", "over": "test_accuracy"}
    row = row_of(claim(statistic, "below"), source(lambda_max=y, test_accuracy=x))
    assert row["value"] == pytest.approx(np.exp(-2), rel=0.1)
    assert row["verdict"] == "supported"


@pytest.mark.parametrize(
    "mdgl, verdict", [(2.0, "supported"), (1.0, "undecided"), (9.0, "contradicted")]
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
    for against, verdict in [(5, "supported"), (10, "undecided"), (20, "contradicted")]:
        level = {"name": "level", "column": "lambda_max", "condition": "mdgl"}
        row = row_of(claim({**level, "against": against, "scale": scale}), runs)
        assert (row["verdict"], row["neutral"]) == (verdict, against)
        assert row["value"] == pytest.approx(10, rel=0.1)
        assert row["ci_low"] < row["value"] < row["ci_high"]


def test_a_ratio_is_not_held_against_zero():
    level = {"name": "level", "column": "lambda_max", "condition": "mdgl", "against": 0}
    with pytest.raises(ConfigError, match="against: 0 cannot be compared with a ratio"):
        row_of(claim(level), source())


def test_p_values_are_adjusted_for_all_claims_also_those_not_computed():
    difference = noise(2) - noise(2).mean() + 0.7
    study = source(**{GAP: {"bptt": noise(1), "three_factor": noise(1) + difference}})
    alone, among = (row_of(claim(contrast()), study, others=others) for others in (0, 49))
    assert among["p"] == alone["p"] == alone["p_adjusted"]
    assert among["p_adjusted"] == pytest.approx(50 * among["p"])
    assert (alone["verdict"], among["verdict"]) == ("supported", "undecided")


def test_of_nothing_but_chance_a_table_seldom_has_a_verdict():
    """Of 400 tables of 30 claims none of which is true or false, 5 % have one that is decided."""
    random = np.random.RandomState(1)
    wrong = []
    for _ in range(400):
        found = [mean_estimate(random.randn(20)) for _ in range(30)]
        adjusted = holm([one.p for one in found], 30)
        pairs = zip(found, adjusted, strict=True)
        verdicts = [verdict_of(one, 0.0, p, "above")[0] for one, p in pairs]
        wrong.append(any(one != "undecided" for one in verdicts))
    assert np.mean(wrong) < 0.08


def test_several_studies_have_a_row_each_and_one_for_all():
    one, other = made_up(), parse_study({**as_mapping(made_up()), "name": "other"})
    up = {"bptt": noise(1), "three_factor": noise(1) + 1 + noise(2) / 9}
    down = {"bptt": noise(1), "three_factor": noise(1) - 1 + noise(2) / 9}
    both = claim(contrast(), studies=["made_up", "other"])
    for numbers, verdict, why in [
        (up, "supported", "2 supported"),
        (down, "undecided", "1 supported, 1 contradicted"),
    ]:
        rows = decided(both, source(one, **{GAP: up}), source(other, **{GAP: numbers}))
        assert rows["study"].tolist() == ["made_up", "other", ALL]
        assert rows.iloc[-1][["verdict", "why"]].tolist() == [verdict, why]
    rows = decided(both, source(one, **{GAP: up}))
    assert rows["verdict"].tolist() == ["supported", "not computed", "undecided"]
    assert decided(both)["verdict"].tolist() == ["not computed"] * 3


def test_a_study_can_have_options_of_its_own():
    one = claim(contrast(), studies=["made_up"])
    one["studies"]["made_up"] = {"column": "lambda_max", "condition": "mdgl"}
    row = row_of(one, source())
    assert row["statistic"] == "lambda_max, MDGL against BPTT, at the end"


@pytest.fixture
def written(tmp_path):
    """A folder with claims.yaml, and the results of the made-up study."""
    study = made_up(5)
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up/config.yaml").write_text(yaml.safe_dump(as_mapping(study)))
    trajectories = made_up_study.trajectories(seeds=study.seeds, study=study)
    write_table(tmp_path / "made_up/trajectories.csv", trajectories, missing="nan")
    claims = {
        "sharper": claim(contrast("lambda_max"), studies=["made_up", "missing"]),
        "gap": claim(contrast()),
        "flat": claim(contrast("lambda_max"), "equal"),
    }
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(claims))
    return tmp_path


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
    claims = parse_claims(yaml.safe_load((written / "claims.yaml").read_text()))
    table, points = read_decided(written, claims)
    assert table["claim"].tolist() == ["flat", "gap", "sharper", "sharper", "sharper"]
    assert len(points) == 3 * 2 * 5
    (written / "README.md").write_text(
        "before\n<!-- claims -->\nold\n<!-- end of claims -->\nafter\n"
    )
    done = program(
        written, "write_claims.py", "--decided", ".", "--output", ".", "--into", "README.md"
    )
    assert done.returncode == 0, done.stderr
    readme = (written / "README.md").read_text()
    assert readme.startswith("before\n<!-- claims -->\n") and readme.endswith("claims -->\nafter\n")
    assert "| What is said. |" in readme and "old" not in readme
    assert "adjusted for all 3 tests (Holm)" in readme  # that two are equal has no p-value
    assert table["p_adjusted"].min() == pytest.approx(3 * table["p"].min())
    assert "not computed" in (written / "claims.md").read_text()
    assert "the study has not run" in (written / "claims.html").read_text()
    done = program(written, "plot_claims.py", "--decided", ".", *studies, "--output", "figures")
    assert done.returncode == 0, done.stderr
    assert (written / "figures/overview.png").stat().st_size > 10000


def test_one_claim_can_be_asked_for_alone(written):
    arguments = ["--studies", "made_up", "--output", "alone"]
    assert program(written, "decide_claims.py", "--only", "gap", *arguments).returncode == 0
    assert pd.read_csv(written / "alone/claims.csv")["claim"].tolist() == ["gap"]
    done = program(written, "decide_claims.py", "--only", "gaps", *arguments)
    assert done.returncode == 1
    assert (
        "--only gaps: no such claim; there are: flat, gap, sharper (did you mean gap?)"
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
    assert done.returncode == 1 and "decided for other claims (gap " in done.stderr
    with pytest.raises(ResultError, match="no such file"):
        read_decided(written / "nowhere", {})


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
