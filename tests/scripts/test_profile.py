"""A learning rule beside the reference rules: its studies, its numbers and marks, its card."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import made_up_study
from lib import profile
from lib.committed import CommittedStudy
from lib.failures import with_failures
from lib.figures.card import needs_of, words_of
from lib.statistics.source import Source
from lib.tables import write_table
from lsnn.errors import ConfigError, ResultError
from lsnn.learning_rules import LEARNING_RULES
from lsnn.storage.files import sha256_of_file, write_record
from lsnn.study.config import parse_study, read_study, write_study

REPOSITORY = Path(made_up_study.REPOSITORY)
TASK = "delayed_match_4"
SEEDS = range(301, 321)
FEW = range(301, 313)  # the least that decide


def values_of_references(task, seeds=SEEDS):
    return {**profile.values_in(profile.CONFIRM, task), "seeds": list(seeds)}


@functools.cache
def references(task, size=0.1):
    """Made-up runs of the reference rules, whose numbers differ from seed to seed."""
    study = parse_study(values_of_references(task, FEW))
    rows = made_up_study.trajectories(seeds=FEW, study=study)
    generator = np.random.RandomState(5)
    factors = np.exp(size * generator.randn(len(study.conditions), len(FEW)))
    factor = factors[rows["condition"].map(list(study.conditions).index), rows["seed"] - FEW[0]]
    changed = ["train_loss", "all_train_lambda_max", "all_train_eta_mu", "generalization_gap_loss"]
    rows[changed] = rows[changed].mul(factor, axis=0)
    if "generalization_gap_accuracy" in rows:
        rows["generalization_gap_accuracy"] *= 5  # beyond what sampling allows
    return Source(study, with_failures(rows))


def beside(source, rule, change=lambda rows: rows, name="again"):
    """The reference rules, and the runs of one of them again under another name."""
    conditions = {**source.study.conditions, name: source.study.conditions[rule]}
    rows = source.trajectories
    own = change(rows[rows["condition"] == rule].assign(condition=name))
    both = pd.concat([rows, own], ignore_index=True)
    return Source(source.study._replace(conditions=conditions), with_failures(both))


def found(sources, name="again", words="learns best at learning rate 1"):
    """A profile, of made-up costs."""
    costs = {"condition": [name, "bptt"], "ms_per_iteration": [2.0, 4.0], "products": [80, 100]}
    table = pd.DataFrame({**costs, "memory": [500.0, np.nan]})
    return profile.Profile(
        name,
        {"name": "bptt"},
        {task: profile.Choice(source.study, "x", words) for task, source in sources.items()},
        sources,
        dict.fromkeys(sources, table),
        ("a" * 64, "b" * 64),
    )  # fmt: skip


@pytest.fixture(scope="module")
def table_of_bptt():
    """profile.csv of BPTT under another name, on all tasks."""
    return profile.compared(
        found({task: beside(references(task), "bptt") for task in profile.TASKS})
    )


def test_bptt_under_another_name_equals_bptt_everywhere(table_of_bptt):
    of_bptt = table_of_bptt[table_of_bptt["condition"] == "bptt"]
    assert len(of_bptt) == 7 * len(profile.TASKS)
    assert set(of_bptt["mark"]) == {"="}, of_bptt[["task", "quantity", "mark", "why"]].to_string()
    numbers = ["task", "quantity", "value", "ci_low", "ci_high", "n"]
    again = table_of_bptt[table_of_bptt["condition"] == "again"]
    assert again[numbers].to_numpy().tolist() == of_bptt[numbers].to_numpy().tolist()


def test_marks_stand_beside_the_two_rules_that_a_rule_is_tested_against(table_of_bptt):
    marked = table_of_bptt[table_of_bptt["mark"] != ""]
    assert set(marked["condition"]) == set(profile.AGAINST)
    three_factor = marked[marked["condition"] == "three_factor"].set_index(["task", "quantity"])
    bptt = table_of_bptt[table_of_bptt["condition"] == "again"].set_index(["task", "quantity"])
    decided = three_factor[three_factor["mark"].isin(["+", "-"])]
    assert len(decided)
    is_above = bptt["value"].loc[decided.index] > decided["value"]
    assert (is_above == (decided["mark"] == "+")).all()


def test_twice_as_sharp_is_above_and_no_more():
    sharper = ["all_train_lambda_max"]

    def twice(rows):
        return rows.assign(**{name: 2 * rows[name] for name in sharper})

    table = profile.compared(found({TASK: beside(references(TASK), "bptt", twice)}))
    marks = table[table["condition"] == "bptt"].set_index("quantity")["mark"]
    assert set(marks[marks != "="].index) == {"sharpness", "late_sharpness"}
    assert set(marks[marks != "="]) == {"+"}
    values = table.set_index(["quantity", "condition"])["value"]
    np.testing.assert_allclose(
        values["late_sharpness", "again"], 2 * values["late_sharpness", "bptt"]
    )


def test_losses_are_set_by_the_reference_rules_alone():
    """A rule that comes to a tenth of their losses is compared at the same ones."""

    def far_below(rows):
        return rows.assign(train_loss=0.1 * rows["train_loss"])

    sources = [
        beside(references(TASK), "bptt", change) for change in (lambda rows: rows, far_below)
    ]
    first, second = (profile.compared(found({TASK: source})) for source in sources)
    assert first["words"].equals(second["words"]) and not first["value"].equals(second["value"])


def test_a_rule_that_does_not_learn_is_called_so_and_not_ranked():
    def guessing(rows):
        return rows.assign(train_loss=rows["chance_loss"])

    of_rule = found({TASK: beside(references(TASK), "bptt", guessing)})
    table = profile.compared(of_rule)
    assert set(table["mark"][table["condition"].isin(profile.AGAINST)]) == {"?"}
    assert set(table["why"][table["condition"] == "bptt"]) == {"again does not learn"}
    assert not table["learns"][table["condition"] == "again"].any()
    assert "delayed match 4: learns best at learning rate 1; does not learn on 12 fresh seeds" in (
        words_of(of_rule)
    )


def test_the_head_of_a_card_names_costs_failures_and_code():
    def one_failed(rows):
        return rows.assign(diverged=rows["seed"] == FEW[3])

    words = words_of(found({TASK: beside(references(TASK), "bptt", one_failed)}))
    for part in (
        "again (BPTT) beside the reference rules, 12 seeds each",
        "1 of 12 runs failed",
        "2.00 ms, 0.500 of BPTT's; 80 matrix products, BPTT 100; 500 MB",
        "Needs: the future",
        "Code aaaaaaa; that of the reference rules bbbbbbb",
    ):
        assert part in words.replace("\n", " ")


@pytest.mark.parametrize("rule", LEARNING_RULES)
def test_every_rule_declares_what_it_needs(rule):
    assert needs_of({"name": rule}).endswith(".")


@pytest.mark.parametrize("task", profile.TASKS)
def test_the_learning_rates_of_a_profile_are_around_the_best_ones_of_the_reference_rules(task):
    study = parse_study(profile.study_of_rates("mine", "leaky_trace", task))
    rates = [study.setup(name).training.learning_rate for name in study.conditions]
    committed = CommittedStudy(f"choose_rate_{task}")
    best = profile.rates_compared(committed.trajectories, committed.study).query("is_best")
    assert len(rates) == profile.N_RATES == len(set(rates))
    assert best["learning_rate"].median() in rates
    known = committed.study
    for name, own in study.conditions.items():
        there = known.conditions[name.replace("mine", "bptt")]
        assert (own.iterations, own.checkpoint_every) == (there.iterations, there.checkpoint_every)
    assert not set(study.seeds) & set(SEEDS) and study.hessian == study.dynamics == ()


@pytest.mark.parametrize("task", profile.TASKS)
def test_the_study_that_confirms_is_that_of_the_reference_rules(task):
    choice = profile.middle_rate(profile.study_of_rates("mine", "leaky_trace", task))
    study = parse_study(profile.study_to_confirm("mine", choice, task))
    others = parse_study(profile.values_in(profile.CONFIRM, task))
    assert study.seeds == others.seeds[:20] == tuple(SEEDS)
    own, there = (
        of.training_settings(name, SEEDS[0]) for of, name in [(study, "mine"), (others, "bptt")]
    )
    for key in ("task", "network", "loss", "tensorflow"):
        assert own[key] == there[key]
    for kind, name in [("hessian", "all_train"), ("dynamics", "all_train")]:
        assert study.entries(kind)[name] == others.entries(kind)[name]


# Profiles in folders.


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a profile of leaky_trace, beside committed reference rules, all made up."""
    folder = tmp_path_factory.mktemp("results")
    rates = parse_study(profile.study_of_rates("mine", "leaky_trace", TASK))
    write_results(folder, rates, late=lambda rate: 0.4 - 0.1 * rate)
    choice = profile.chosen_rate("mine", TASK, str(folder))
    confirmed = parse_study(profile.study_to_confirm("mine", choice, TASK))
    write_results(folder, confirmed)
    costs = pd.DataFrame({"condition": ["mine", "bptt"], "ms_per_iteration": 1.0, "products": 8})
    write_table(folder / confirmed.name / "costs.csv", costs.assign(memory=np.nan))
    write_results(folder / "committed", parse_study(values_of_references(TASK)))
    return folder


@pytest.fixture
def results(made, tmp_path, monkeypatch):
    """A copy of it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(profile, "COMMITTED", str(tmp_path / "committed"))
    return tmp_path


def write_results(folder, study, late=None, code="c0de"):
    """Write made-up results of a study as aggregate.py does, with a late loss for each rate."""
    folder = folder / (study.name if folder.name != "committed" else f"confirm_{TASK}")
    folder.mkdir(parents=True, exist_ok=True)
    rows = made_up_study.trajectories(seeds=study.seeds, study=study)
    if late:
        rows["train_loss"] = rows["learning_rate"].map(late)
    write_study(str(folder / "config.yaml"), study)
    write_table(folder / "trajectories.csv", rows)
    outputs = {"trajectories.csv": sha256_of_file(folder / "trajectories.csv")}
    runs = [{"code": {"training": code}}]
    write_record(folder / "metadata.json", {"outputs": outputs, "runs": runs})


def draw(results):
    """Draw the card as the command does."""
    program = f"""
import sys
sys.path[:0] = ["scripts", "."]
from lib import profile
profile.COMMITTED = {str(results / "committed")!r}
sys.argv = ["draw_card.py", "mine", "--tasks", {TASK!r}, "--results", {str(results)!r},
            "--output", {str(results / "card")!r}]
from lib.program import run
import draw_card
run(draw_card.main)
"""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True
    )


def test_the_rate_with_the_lowest_late_loss_is_chosen_and_an_end_is_said_to_be_one(results):
    choice = profile.chosen_rate("mine", TASK, str(results))
    assert choice.study.setup(choice.condition).training.learning_rate == 3.0
    assert choice.words == "learns best at learning rate 3, the largest tried"


def test_a_card_is_drawn_with_its_table(results):
    done = draw(results)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (results / "card").iterdir()} == {
        "card.svg", "card.pdf", "card.png", "card.rst", "profile.csv"
    }  # fmt: skip
    table = pd.read_csv(results / "card/profile.csv")
    assert set(table["condition"]) == {"mine", *profile.references_on(TASK).study.conditions}
    assert set(table["quantity"]) == {
        "late_loss", "iterations", "sharpness", "late_sharpness", "stability", "gap", "noise"
    }  # fmt: skip


def test_where_it_learns_at_no_rate_or_fails_wherever_it_learns_none_is_chosen(results):
    study = read_study(str(results / f"profile_mine_choose_rate_{TASK}/config.yaml"))
    write_results(results, study, late=lambda rate: 10.0)
    choice = profile.chosen_rate("mine", TASK, str(results))
    assert (choice.condition, choice.words) == ("", "does not learn, at learning rates 0.03 to 3")
    done = draw(results)
    assert done.returncode == 1
    assert done.stderr == "error: mine: learns none of its tasks; there is nothing to compare\n"


def test_results_that_are_missing_of_other_code_or_of_other_settings_are_refused(results):
    path = results / f"profile_mine_confirm_{TASK}"
    study = read_study(str(path / "config.yaml"))
    write_results(results, study, code="0ther")
    done = draw(results)
    assert done.returncode == 1 and re.fullmatch(
        r"error: \S+: by other code \(0ther\) than its learning rate was chosen with \(c0de\); "
        r"profile the rule again\n",
        done.stderr,
    )
    write_results(results, study._replace(loss=study.loss._replace(l2=0.01)))
    with pytest.raises(ResultError, match=r"not as the reference rules: loss.l2: 0.01 there, 0"):
        profile.read_profile("mine", [TASK], str(results))
    with pytest.raises(ResultError, match="`make profile RULE=other` computes it"):
        profile.read_profile("other", [TASK], str(results))


def test_the_name_of_a_reference_rule_and_a_rule_that_is_not_registered_are_refused():
    with pytest.raises(ConfigError, match="rflo: is a reference rule, which is on every card"):
        profile.study_of_rates("rflo", "rflo", TASK)
    for rule in ("my_rule", {"name": "leaky_trace", "tau": -1}):
        values = profile.study_of_rates("mine", rule, TASK)
        with pytest.raises(ConfigError, match="learning_rule"):
            profile.write_suite("/nonexistent", "rates", {TASK: values})
