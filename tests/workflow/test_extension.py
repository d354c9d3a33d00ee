"""A reader's own rules, neurons, task, quantity, part of training: a file and a line each.

They are put into a copy of the project, run by the real `snakemake`, and found everywhere.
"""

import itertools
import re
import shutil

import pandas as pd
import pytest
import yaml

from conftest import REPOSITORY, new_checkout

# An example, where it goes, its class, the registry that it is entered in, and its name there.
EXAMPLES = [
    ("damped", "learning_rules", "Damped", "LEARNING_RULES", "damped"),
    ("sparse_backward", "learning_rules", "SparseBackward", "LEARNING_RULES", "sparse_backward"),
    ("halving_trace", "learning_rules", "HalvingTrace", "LEARNING_RULES", "halving_trace"),
    ("l1", "update", "L1", "PARTS", "l1"),
    ("tanh", "neurons", "TanhNeurons", "NEURONS", "tanh"),
    ("running_mean", "tasks", "RunningMean", "TASKS", "running_mean"),
    (
        "random_curvature",
        "curvature.quantities",
        "RandomCurvature",
        "QUANTITIES",
        "random_curvature",
    ),
]
STUDY = {
    "name": "extended",
    "task": {"name": "running_mean", "n_steps": 5},
    "network": {"n_units": 8, "neurons": {"name": "tanh", "tau_m": 5}},
    "training": {"batch_size": 20, "parts": {"l1": {"strength": 0.01}}},
    "conditions": {
        "fading": {
            "learning_rule": {"name": "damped", "kept": 0.25},
            "iterations": 8,
            "checkpoint_every": 2,
        },
        "sparse_backward": {"iterations": 8, "checkpoint_every": 2},
    },
    "baseline": "sparse_backward",
    "seeds": 1,
    "hessian": [
        {"samples": 20, "quantities": ["extremes", "random_curvature"]},
        {"block": "all", "split": "train", "samples": 30, "quantities": ["random_curvature"]},
    ],
}


def extend(folder):
    """Add the examples: a new file each, and a line of the registry."""
    for module, package, one, registry, name in EXAMPLES:
        place = folder / "lsnn" / package.replace(".", "/")
        shutil.copy(REPOSITORY / f"tests/workflow/examples/{module}.py", place)
        path = place / "__init__.py"
        head, opening, tail = re.split(rf"(?m)(^{registry}: .* = \{{)", path.read_text())
        line = f"from lsnn.{package}.{module} import {one}\n"
        path.write_text(f"{head}{line}{opening}{name!r}: {one}, {tail}")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout with the examples in it."""
    checkout = new_checkout(tmp_path_factory.mktemp("extended"))
    extend(checkout.folder)
    return checkout


@pytest.fixture(scope="module")
def results(checkout):
    """Return the folder of the study's results, with its report."""
    config = checkout.folder / "studies/extended.yaml"
    config.write_text(yaml.safe_dump(STUDY))
    done = checkout.snakemake("--cores", "2", "--configfile", config)
    assert done.returncode == 0, done.stdout
    report = checkout.folder / "results/extended/report.html"
    done = checkout.snakemake("--configfile", config, "--report", report)
    assert done.returncode == 0, done.stdout
    return checkout.folder / "results/extended"


@pytest.mark.slow
def test_they_stand_in_the_tables(results):
    table = pd.read_csv(results / "trajectories.csv")
    assert set(table["learning_rule"]) == {"damped", "sparse_backward"}
    for column in ("train_loss", "test_loss", "generalization_gap_loss", "random_curvature"):
        assert table[column].notna().all() and table[column].nunique() > 1
    assert table["all_train_random_curvature"].nunique() > 1
    assert not [name for name in table if "accuracy" in name]
    assert (table["generalization_gap_loss"] == table["test_loss"] - table["train_loss"]).all()
    first = table[table["iteration"] == 0].groupby("seed")["train_loss"]
    assert (first.nunique() == 1).all()  # all rules start from the same weights
    last = table[table["iteration"] == 8].groupby("seed")["train_loss"]
    assert (last.nunique() == 2).all()


@pytest.mark.slow
def test_they_stand_in_the_summary(results):
    summary = pd.read_csv(results / "summary.csv").set_index(["quantity", "condition"])
    for quantity in (
        "test_loss_final",
        "random_curvature_mean",
        "all_train_random_curvature_final",
    ):
        for condition in ("fading", "sparse_backward"):
            assert summary.loc[(quantity, condition), "n"] == 1
    assert ("lambda_max_ratio_final", "fading / sparse_backward") in summary.index


def texts(path):
    """Return what is written in an svg, lines and pairs of lines: a label may have two.

    Letters are paths; a line stands in a comment.
    """
    lines = re.findall("<!-- (.*?) -->", re.sub(r"[^\S\n]", " ", path.read_text()))
    return [*lines, *map(" ".join, itertools.pairwise(lines))]


@pytest.mark.slow
def test_figures_have_their_labels_and_units(results):
    figures = results / "figures"
    learning_curves = texts(figures / "learning_curves.svg")
    for label in ("training", "validation", "test"):
        assert f"{label} squared error (mV^2)" in learning_curves
    for label in ("damped to 0.25", "sparse backward"):
        assert f"{label} (n = 1)" in learning_curves
    label = "random curvature"
    assert f"{label} (mV^2)" in texts(figures / "random_curvature.svg")
    other = texts(figures / "all_train_random_curvature.svg")
    assert f"{label}, all, train (mV^2)" in other
    gap = texts(figures / "generalization_gap_against_leading_eigenvalue.svg")
    assert "test \N{MINUS SIGN} training squared error (mV^2)" in gap
    for path in figures.glob("*.svg"):
        assert not [line for line in texts(path) if "accuracy" in line or "nats" in line]


@pytest.mark.slow
def test_they_stand_in_the_report(results):
    page = (results / "report/summary.html").read_text()
    for text in (
        "Test squared error (mV^2): final state",
        "Random curvature (mV^2): mean over training",
        "Random curvature, all, train (mV^2): final state",
        "damped to 0.25",
    ):
        assert text in page, text
    configuration = (results / "report/configuration.html").read_text()
    for text in (
        "conditions.fading.learning_rule.kept",
        "Part of the gradient",
        "training.parts.l1.strength",
        "Steps of noise.",
        "tanh",
    ):
        assert text in configuration, text
    assert (results / "report.html").stat().st_size > 100000


@pytest.mark.slow
def test_the_rules_have_the_oracles_that_the_page_gives_them(checkout):
    text = (REPOSITORY / "docs/how-to/add_a_learning_rule.md").read_text()
    [entries] = [
        block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "w_back" in block
    ]
    [command] = re.findall(r"^\.environments/tensorflow-2/bin/python .* -k oracle .*$", text, re.M)
    path = checkout.folder / "tests/lsnn/test_learning_rules.py"
    before, after = path.read_text().split("# step_length has")
    path.write_text(f"{before}{entries}# step_length has{after}")
    done = checkout.run("bash", "-c", command)
    assert re.search(r"^\d+ passed, \d+ deselected", done.stdout, re.M), done.stdout


@pytest.mark.parametrize(
    "page, example",
    [
        ("add_a_learning_rule", "damped"),
        ("add_a_learning_rule", "sparse_backward"),
        ("add_a_learning_rule", "halving_trace"),
        ("add_a_part_of_training", "l1"),
        ("add_a_neuron_model", "tanh"),
        ("add_a_task", "running_mean"),
        ("add_a_quantity", "random_curvature"),
    ],
)
def test_what_the_documentation_has_is_the_example(page, example):
    text = (REPOSITORY / f"docs/how-to/{page}.md").read_text()
    program = (REPOSITORY / f"tests/workflow/examples/{example}.py").read_text()
    assert [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if block in program]
