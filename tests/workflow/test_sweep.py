"""A sweep of learning rates beside another rule, in miniature, as one study of a suite."""

import re
import xml.etree.ElementTree

import pandas as pd
import pytest
import yaml

from conftest import SWEEP as STUDY
from lsnn.storage import checkpoints
from lsnn.storage.files import read_record


@pytest.fixture(scope="module")
def results(suite_results):
    return suite_results / "sweep"


def test_tables_have_the_conditions_with_their_rules_and_learning_rates(results):
    trajectories = pd.read_csv(results / "trajectories.csv")
    conditions = trajectories.groupby(["condition", "learning_rule", "learning_rate"], sort=False)
    assert list(conditions.size().items()) == [
        (("slow", "bptt", 0.001), 5),
        (("bptt", "bptt", 0.01), 5),
        (("three_factor", "three_factor", 0.01), 5),
        (("small", "bptt", 0.01), 5),
        (("after", "three_factor", 0.01), 5),
    ]
    assert list(trajectories["n_units"].unique()) == [8, 6]
    for condition in STUDY["conditions"]:
        for name in ("learning_curve.csv", "hessian/w_rec_validation.csv"):
            table = pd.read_csv(results / f"runs/{condition}/seed_1/{name}")
            assert list(table["condition"]) == 5 * [condition]
    metadata = read_record(results / "metadata.json")
    assert [one["condition"] for one in metadata["runs"]] == list(STUDY["conditions"])


def test_a_condition_trains_with_its_own_learning_rate(results):
    trajectories = pd.read_csv(results / "trajectories.csv").set_index(["condition", "iteration"])
    loss = trajectories["train_loss"]
    assert loss["slow", 0] == loss["bptt", 0] == loss["three_factor", 0]
    assert loss["bptt", 6] < loss["slow", 6] < loss["slow", 0]
    settings = read_record(results / "runs/slow/seed_1/training.json")["settings"]
    assert settings["training"]["learning_rate"] == 0.001


def test_a_condition_has_its_own_network(results):
    for condition, n_units in (("bptt", 8), ("small", 6)):
        path = str(results / f"runs/{condition}/seed_1/checkpoints.npz")
        assert checkpoints.read(path)[0]["w_rec"].shape == (5, n_units, n_units)
        record = read_record(results / f"runs/{condition}/seed_1/hessian/w_rec_validation.json")
        assert record["settings"]["network"]["n_units"] == n_units


def test_a_condition_starts_where_another_ended(results):
    slow, after = (
        checkpoints.read(str(results / f"runs/{name}/seed_1/checkpoints.npz"))[0]
        for name in ("slow", "after")
    )
    assert (slow["w_rec"][-1] == after["w_rec"][0]).all() and after["iteration"][0] == 0
    start = read_record(results / "runs/after/seed_1/training.json")["start"]
    weights = checkpoints.weights_at(slow, -1)
    sha256 = checkpoints.sha256_of_weights(weights)
    assert start == {"condition": "slow", "iteration": 6, "sha256": sha256}


def test_ratios_are_taken_against_the_baseline(results):
    summary = pd.read_csv(results / "summary.csv")
    ratios = summary[summary["quantity"] == "lambda_max_ratio_final"].set_index("condition")["mean"]
    assert list(ratios.index) == [
        "slow / bptt",
        "three_factor / bptt",
        "small / bptt",
        "after / bptt",
    ]
    final = summary[summary["quantity"] == "lambda_max_final"].set_index("condition")["mean"]
    assert ratios["slow / bptt"] == pytest.approx(final["slow"] / final["bptt"])


@pytest.mark.parametrize("setting", ["learning_rate", "n_units"])
def test_the_sweep_is_drawn(results, setting):
    figures = sorted(path.name for path in (results / "figures").glob(f"{setting}_sweep.*"))
    assert figures == [f"{setting}_sweep.{suffix}" for suffix in ("pdf", "png", "rst", "svg")]
    svg = (results / f"figures/{setting}_sweep.svg").read_bytes()
    assert xml.etree.ElementTree.fromstring(svg).tag.endswith("svg")


def test_a_run_that_another_study_has_is_taken_over(checkout, results):
    """Of the same settings, under other names; the tables of both are the same."""
    again = {**STUDY, "name": "again", "tensorflow": "1.12", "baseline": "plain"}
    again["conditions"] = {"plain": {**STUDY["conditions"]["bptt"], "learning_rule": "bptt"}}
    (checkout.folder / "again.yaml").write_text(yaml.safe_dump(again))
    target = "results/again/trajectories.csv"
    done = checkout.snakemake(target, "--cores", "2", "--configfile", "again.yaml")
    assert done.returncode == 0, done.stdout
    folder = checkout.folder / "results/again"
    for log, record in [
        ("train/plain/seed_1.log", "training.json"),
        ("hessian/plain/seed_1/w_rec_validation.log", "hessian/w_rec_validation.json"),
    ]:
        source = f"results/sweep/runs/bptt/seed_1/{record}"
        assert f"taken over from {source}: " in (folder / "logs" / log).read_text()
    found, there = (pd.read_csv(path / "trajectories.csv") for path in (folder, results))
    there = there[there["condition"] == "bptt"].drop(columns=["condition", "n_units"])
    there = there.drop(columns=[name for name in there if name not in found])
    pd.testing.assert_frame_equal(
        found.drop(columns="condition"), there.reset_index(drop=True), check_exact=True
    )
    [run] = read_record(folder / "metadata.json")["runs"]
    assert sorted(run["taken_over"]) == ["hessian w_rec_validation", "training"]


def test_of_runs_that_come_to_the_same_one_is_trained_first(checkout):
    twins = {name: {"learning_rule": "bptt", "label": name} for name in ("one", "two", "three")}
    twins["three"]["start"] = {"condition": "one"}
    twins["four"] = {**twins["three"], "label": "four", "start": {"condition": "two"}}
    study = {"name": "twins", "conditions": twins, "seeds": 1, "hessian": []}
    (checkout.folder / "twins.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    done = checkout.plan("--configfile", "twins.yaml", "--dry-run")
    found = re.findall(r"condition=(\w+), seed=1\n *priority: ([.\d]+)", done.stdout)
    assert dict(found) == {"one": "1.0", "two": "0.5", "three": "1.0", "four": "0.5"}
