"""The study in miniature, by the real `snakemake`, on real MNIST, with TensorFlow 1.12."""

import fnmatch
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import DEMO, PYTHONS, REPOSITORY
from lib.pages import digits
from lsnn.storage.files import read_record
from lsnn.study import outputs


@pytest.fixture(scope="module")
def trajectories(demo):
    return pd.read_csv(demo / "trajectories.csv")


def test_every_run_and_checkpoint_is_in_the_table(trajectories):
    early = [0, 1, 2, 3, 5, 8, 12, 18, 27, 41]
    evenly = {"bptt": [50, 100, 150, 200, 250], "three_factor": [80, 160, 240, 320, 400]}
    expected = {
        "bptt": [*early, *evenly["bptt"]],
        "three_factor": [*early, 62, *evenly["three_factor"]],
    }
    for condition, rows in trajectories.groupby("condition"):
        for _, run in rows.groupby("seed"):
            assert list(run["iteration"]) == expected[condition]
            assert list(run.dropna()["iteration"]) == [0, *evenly[condition]]  # with a Hessian
    assert set(trajectories["seed"]) == {1, 2}
    assert not trajectories["diverged"].any()
    assert (trajectories["learning_rule"] == trajectories["condition"]).all()
    assert (trajectories["learning_rate"] == 0.01).all()
    assert trajectories["train_loss"].notna().all()


def test_the_networks_learn_and_the_eigenvalues_converge(trajectories):
    final = trajectories[trajectories["fraction"] == 1].set_index("condition")
    assert (final.loc["bptt", "test_accuracy"] > 0.4).all()
    assert (final.loc["three_factor", "test_accuracy"] > 0.3).all()
    assert trajectories["lambda_max_converged"].all()
    assert trajectories["lambda_min_converged"].all()
    found = trajectories.dropna()
    assert (found["lambda_min"] < 0).all() and (found["lambda_max"] > 0).all()
    assert (found["lambda_max_residual"] < 1e-3).all()


def test_at_the_same_weights_both_rules_have_the_same_losses_and_the_same_hessian(trajectories):
    start = trajectories[trajectories["iteration"] == 0]
    start = start.drop(columns=["condition", "learning_rule"])
    for _, rows in start.groupby("seed"):
        assert len(rows) == 2
        assert rows.iloc[0].equals(rows.iloc[1])


def test_the_hessian_does_not_depend_on_the_condition_that_a_checkpoint_file_names(
    suite_results, tmp_path
):
    """The same weights under the other condition's name give the same table but for the name."""
    sweep, root = suite_results / "sweep", suite_results.parent
    script = f"""
from lsnn.storage import checkpoints
arrays, metadata = checkpoints.read({str(sweep / "runs/three_factor/seed_1/checkpoints.npz")!r})
metadata["settings"].update(condition="bptt", learning_rule={{"name": "bptt"}})
checkpoints.write({str(tmp_path / "renamed.npz")!r}, arrays, metadata)
"""
    subprocess.run([PYTHONS["1.12"], "-c", script], cwd=root, check=True)
    subprocess.run(
        [PYTHONS["1.12"], "scripts/curvature.py", "--kind", "hessian",
         "--config", sweep / "config.yaml", "--entry", "w_rec_validation",
         "--checkpoints", tmp_path / "renamed.npz", "--output", tmp_path],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    renamed = (tmp_path / "w_rec_validation.csv").read_text()
    original = (sweep / "runs/three_factor/seed_1/hessian/w_rec_validation.csv").read_text()
    assert renamed.replace("bptt", "three_factor") == original


@pytest.mark.slow
def test_the_program_runs_by_hand_as_the_documentation_says(demo):
    page = (REPOSITORY / "docs/how-to/use_in_a_workflow.md").read_text()
    (command,) = re.findall("^.*scripts/curvature.py .*$", page, re.M)
    command = command.replace("config.yaml", "studies/demo.yaml").replace(
        "sequential_mnist", "demo"
    )
    root = demo.parents[1]
    subprocess.run(shlex.split(command), cwd=root, check=True, capture_output=True)
    table = (root / "build/hessian/w_rec_validation.csv").read_bytes()
    assert table == (demo / "runs/bptt/seed_1/hessian/w_rec_validation.csv").read_bytes()


def test_figures_are_there_and_whole(demo):
    figures = sorted(path.name for path in (demo / "figures").iterdir())
    assert len(figures) == 8 * 4
    for path in (demo / "figures").iterdir():
        content = path.read_bytes()
        if path.suffix == ".rst":
            assert len(content) > 80
        elif path.suffix == ".svg":
            assert xml.etree.ElementTree.fromstring(content).tag.endswith("svg")
        else:
            assert content.startswith({".pdf": b"%PDF-", ".png": b"\x89PNG"}[path.suffix])
            assert len(content) > 5000


def rows_of_results_page():
    """Return the rows of docs/reference/results.md: names in the first cell, and the other."""
    page = (REPOSITORY / "docs/reference/results.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", page, re.M)
    return [(re.findall("`(.*?)`", names), meaning) for names, meaning in rows]


def test_every_file_is_in_the_documentation_and_the_other_way_round(demo, suite_results):
    names = {name for names, _ in rows_of_results_page() for name in names}
    patterns = {re.sub("<.*?>", "*", name) + "*" * name.endswith("/") for name in names}
    patterns -= {"checkpoints.npz", "hessian/*.npz", "dynamics/*.npz"}  # of a run: their arrays
    files = [
        str(path.relative_to(folder))
        for folder in (demo, suite_results / "spiking")
        for path in folder.rglob("*")
        if path.is_file()
    ]
    matches = {name: {one for one in patterns if fnmatch.fnmatch(name, one)} for name in files}
    assert all(matches.values()), [name for name in files if not matches[name]]
    of_run = "runs/*/seed_*/"
    folders = ("dynamics", "progress", "set-aside")
    elsewhere = {"report.html", *(f"{of_run}{folder}/*" for folder in folders)}
    assert patterns - set().union(*matches.values()) == elsewhere


def test_arrays_are_in_the_documentation_with_their_dimensions(demo, suite_results):
    told = {name: meaning for names, meaning in rows_of_results_page() for name in names}
    for name, path in {
        "checkpoints.npz": demo / "runs/bptt/seed_1/checkpoints.npz",
        "examples.npz": demo / "examples.npz",
        "trials/<condition>.npz": suite_results / "spiking/trials/bptt.npz",
    }.items():
        shapes = dict(re.findall(r"`(\w+)` \((.*?)\)", told[name]))
        arrays = np.load(path)
        assert set(arrays) == {*shapes, "metadata"}
        for array, shape in shapes.items():
            assert "..." in shape or arrays[array].ndim == len(shape.split(","))


def test_results_say_what_made_them(demo):
    record = read_record(demo / "runs/bptt/seed_1/training.json")
    assert record["environment"]["tensorflow"] == "1.12.0"
    assert record["environment"]["python"].startswith("3.6.")
    assert record["environment"]["device"] == "CPU"
    told = {"condition": "bptt", "learning_rule": {"name": "bptt"}, "seed": 1}
    told.update(iterations=250, checkpoint_every=50)
    assert told.items() <= record["settings"].items()
    assert record["wall_seconds"] > 0 and record["ms_per_iteration"] > 0
    resolved = yaml.safe_load((demo / "config.yaml").read_text())
    asked = {"learning_rate": 0.01, "batch_size": 256}
    assert asked.items() <= resolved["training"].items()
    assert resolved["loss"]["l2"] == 0.01
    assert read_record(demo / "metadata.json")["totals"]["runs"] == 4


def test_the_loss_is_that_of_the_documentation_s_lines_on_a_checkpoint_file(demo, trajectories):
    """By numpy alone, from the file and the images."""
    page = (REPOSITORY / "docs/reference/results.md").read_text(encoding="utf-8")
    [program] = [text for text in re.findall(r"```python\n(.*?)```", page, re.S) if "npz" in text]
    path = "results/sequential_mnist/runs/bptt/seed_1"
    assert path in program
    program = program.replace(path, str(demo / "runs/bptt/seed_1"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    run = trajectories[(trajectories["condition"] == "bptt") & (trajectories["seed"] == 1)]
    assert float(done.stdout) == pytest.approx(run["test_loss"].iloc[-1], rel=1e-5)


def test_a_job_uses_one_core(demo):
    found = [*demo.glob("benchmarks/train/*/*.tsv"), *demo.glob("benchmarks/hessian/*/*/*.tsv")]
    jobs = [pd.read_csv(path, sep="\t").iloc[0] for path in found]
    assert len(jobs) == 8
    assert np.median([job["cpu_time"] / job["s"] for job in jobs]) < 1.1
    assert max(job["max_rss"] for job in jobs) < 1024  # MiB


def test_the_log_has_a_line_a_checkpoint_with_speed_and_time_left(demo):
    lines = (demo / "logs/train/bptt/seed_2.log").read_text().splitlines()
    checkpoints = [line for line in lines if line.startswith("iteration ")]
    assert len(checkpoints) == 15
    for part in ("iteration 250/250", "train ", "validation ", "test ", "accuracy", "ms per iter"):
        assert part in checkpoints[-1]
    assert "s left" in checkpoints[-1]
    hessian = (demo / "logs/hessian/bptt/seed_2/w_rec_validation.log").read_text()
    assert hessian.count("lambda_max ") == 6 and "s left" in hessian


def test_a_second_run_does_nothing(checkout, demo):
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*.*")}
    done = checkout.snakemake("--cores", "2", *DEMO)
    assert done.returncode == 0, done.stdout
    after = {path: path.stat().st_mtime_ns for path in demo.rglob("*.*")}
    assert before == after
    assert checkout.planned(*DEMO) == set()


TRAIN = {"checkpoints.npz", "learning_curve.csv", "training.json"}
HESSIAN = {f"hessian/w_rec_validation.{suffix}" for suffix in ("csv", "json", "npz")}
BOTH = TRAIN | HESSIAN


@pytest.mark.parametrize(
    "change, conditions, seeds, outputs",
    [
        ("training: {learning_rate: 0.02}", {"bptt", "three_factor"}, {1, 2}, BOTH),
        ("network: {neurons: {beta: 2.0}}", {"bptt", "three_factor"}, {1, 2}, BOTH),
        ("hessian: [{samples: 32}]", {"bptt", "three_factor"}, {1, 2}, HESSIAN),
        ("loss: {l2: 0.02}", {"bptt", "three_factor"}, {1, 2}, BOTH),
        ("conditions: {bptt: {iterations: 300}}", {"bptt"}, {1, 2}, BOTH),
        ("conditions: {bptt: {training: {learning_rate: 0.02}}}", {"bptt"}, {1, 2}, BOTH),
        ("conditions: {b: {learning_rule: bptt, label: b}}", {"b"}, {1, 2}, BOTH),
        ("conditions: {bptt: {label: exact}}", set(), set(), set()),
        ("baseline: three_factor", set(), set(), set()),
        ("seeds: 3", {"bptt", "three_factor"}, {3}, BOTH),
        ("seeds: [2]", set(), set(), set()),
    ],
)
def test_a_change_reruns_what_depends_on_it_and_nothing_else(
    checkout, demo, tmp_path, change, conditions, seeds, outputs
):
    (tmp_path / "change.yaml").write_text(change)
    planned = checkout.planned(*DEMO, tmp_path / "change.yaml")
    runs = {Path(name) for name in planned if name.startswith("runs/")}
    expected = {f"runs/{c}/seed_{s}/{o}" for c in conditions for s in seeds for o in outputs}
    assert {str(path) for path in runs} == expected
    assert {"trajectories.csv", "summary.csv", "figures/leading_eigenvalue.svg"} <= planned


def test_what_captions_tell_reruns_nothing(checkout, demo, monkeypatch):
    columns = outputs.shown_columns
    monkeypatch.setattr(outputs, "shown_columns", lambda study: columns(study)[::-1])
    assert checkout.planned(*DEMO) == set()


def test_a_fresh_checkout_really_runs_the_default_study(checkout):
    """Committed results do not stand where the default target writes."""
    planned = checkout.planned()
    assert len([name for name in planned if name.endswith("/checkpoints.npz")]) == 10
    assert len([name for name in planned if name.endswith("/hessian/w_rec_validation.csv")]) == 10


@pytest.mark.slow
@pytest.mark.parametrize("what", ["loading", "notebook"])
def test_the_results_are_analysed_as_the_notebook_does(demo, checkout, what):
    """tests/analysis, with the environment that it is for."""
    python = REPOSITORY / ".environments/notebook/bin/python"
    done = checkout.run(python, "-m", "pytest", f"tests/analysis/test_{what}.py")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_demo_that_users_run_shows_the_main_finding(checkout):
    shown = ("--configfile", REPOSITORY / "studies/demo.yaml", "--config", "name=shown")
    done = checkout.snakemake("--cores", "2", *shown)
    assert done.returncode == 0, done.stdout
    summary = pd.read_csv(checkout.folder / "results/shown/summary.csv")
    of_ratio = summary[summary["quantity"] == "w_rec_train_lambda_max_ratio_final"].iloc[0]
    assert of_ratio["n"] == 5 and of_ratio["ci_low"] > 2
    low, high = digits(of_ratio["ci_low"]), digits(of_ratio["ci_high"])
    assert f"ratio to BPTT {digits(of_ratio['mean'])} [{low}, {high}]" in done.stdout
