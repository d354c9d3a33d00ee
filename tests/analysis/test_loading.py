"""Studies and runs, loaded in a line, agree with the tables that the workflow wrote."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lsnn
from lsnn.errors import ConfigError, ResultError
from lsnn.storage.files import read_record, write_record


@pytest.fixture(scope="module")
def run(demo):
    return lsnn.load_run(demo, "three_factor", seed=2)


def test_a_study_is_its_tables(demo):
    study = lsnn.load_study(demo)
    assert study.study.name == "demo" and not study.metadata["runs"][0]["diverged_at"]
    expected = pd.read_csv(f"{demo}/trajectories.csv")
    pd.testing.assert_frame_equal(study.trajectories, expected)
    assert set(study.summary["condition"]) >= {"bptt", "three_factor"}


def test_studies_are_one_frame_with_their_settings():
    rows = lsnn.load_studies("results/committed/delayed_match_*")
    assert set(rows["study"]) == {"delayed_match_2", "delayed_match_4"}
    by_study = rows.groupby("study")["n_patterns"].unique()
    assert {name: list(values) for name, values in by_study.items()} == {
        "delayed_match_2": [2],
        "delayed_match_4": [4],
    }
    own = lsnn.load_study("results/committed/delayed_match_2").trajectories
    of_study = rows[rows["study"] == "delayed_match_2"]
    assert of_study["train_loss"].tolist() == own["train_loss"].tolist()
    swept = lsnn.load_studies("results/committed/truncation")
    assert swept["hops"].nunique() > 2


def test_a_run_has_the_weights_and_the_losses_of_its_table(run):
    assert run.iterations == run.curves["iteration"].tolist()
    assert run.weights(0)["w_rec"].shape == (128, 128)
    for index in (0, -1):
        row = run.curves.iloc[index]
        for split in ("train", "validation", "test"):
            loss = run.loss(run.weights(index), split)
            assert loss == pytest.approx(row[f"{split}_loss"], rel=1e-4)


def test_activity_is_that_of_the_table(run):
    recording = run.activity(-1, split="validation", examples=5000)
    activity = run.curves["mean_activity"].iloc[-1]
    assert recording.spikes.shape == (28, 5000, 128)
    assert recording.spikes.mean() == pytest.approx(activity, rel=1e-3)
    wanted = run.network.task.examples("validation", np.arange(5000))[1]
    right = recording.outputs[-1].argmax(axis=1) == wanted
    accuracy = run.curves["validation_accuracy"].iloc[-1]
    assert right.mean() == pytest.approx(accuracy, abs=1e-3)


def test_eigenvalues_are_those_of_the_table_and_the_loss_curves_by_them(demo, run):
    rows = lsnn.load_study(demo).trajectories
    of_run = rows[(rows["condition"] == "three_factor") & (rows["seed"] == 2)]
    first, second = run.hessian(-1, block="w_rec").leading(2)
    assert first.value == pytest.approx(of_run["lambda_max"].iloc[-1], rel=1e-3)
    assert 0 < second.value < first.value
    weights, size = run.weights(-1), run.network.shapes["w_rec"]
    found = run.along(-1, 5 * first.vector, [-0.1, 0.2])
    for distance, loss in zip((-0.1, 0.2), found, strict=True):
        moved = weights["w_rec"] + distance * first.vector.reshape(size)
        hessian = run.hessian(-1)
        hessian.move_to(dict(weights, w_rec=moved))
        assert hessian.loss(np.zeros(hessian.size)) == pytest.approx(loss, rel=1e-5)


def test_between_kinks_the_loss_curves_as_the_hessian_says_and_beyond_them_not(run):
    """The network written out in float64, moved along the leading eigenvector."""
    hessian = run.hessian(-1)
    (largest,) = hessian.leading()
    weights = {name: array.astype(float) for name, array in run.weights(-1).items()}
    inputs, targets = hessian.examples
    vector = largest.vector.reshape(weights["w_rec"].shape)
    assert run.network.is_memoryless and run.network.kappa == 0.0

    def at(distance):
        w_rec = weights["w_rec"] + distance * vector
        synapses, z, active = w_rec - np.diag(np.diag(w_rec)), 0.0, []
        for x in inputs.astype(float):
            current = x @ weights["w_in"] + (z @ synapses if active else 0.0)
            active.append(current > 0)
            z = np.maximum(current, 0.0)
        logits = z @ weights["w_out"] + weights["b_out"]
        right = logits[np.arange(len(targets)), targets]
        squares = np.sum(weights["w_in"] ** 2) + np.sum(w_rec**2) + np.sum(weights["w_out"] ** 2)
        l2 = run.network.terms.l2 / 2 * squares
        return np.mean(np.logaddexp.reduce(logits, axis=1) - right) + l2, np.array(active)

    def curvature(distance):
        (below, one), (here, two), (above, three) = map(at, (-distance, 0.0, distance))
        return (below - 2 * here + above) / distance**2, np.sum(one != two) + np.sum(two != three)

    assert at(0.0)[0] == pytest.approx(hessian.loss(np.zeros(hessian.size)), rel=1e-5)
    value, kinks = curvature(2e-7)
    assert kinks == 0 and value == pytest.approx(largest.value, rel=0.01)
    value, kinks = curvature(1e-2)
    assert kinks > 1000 and value != pytest.approx(largest.value, rel=0.1)


def test_what_there_is_not_is_refused_in_a_line(demo, tmp_path):
    with pytest.raises(ResultError, match="has no run of rflo, seed 1; conditions: bptt, three_"):
        lsnn.load_run(demo, "rflo", 1)
    with pytest.raises(ResultError, match="has no run of bptt, seed 9; .* seeds: 1, 2"):
        lsnn.load_run(demo, "bptt", 9)
    with pytest.raises(ResultError, match="nothing: has no config.yaml: not the results of a fin"):
        lsnn.load_study("nothing")
    with pytest.raises(ResultError, match="nothing.*: no folder has the results of a finished"):
        lsnn.load_studies("nothing*")
    copy = tmp_path / "demo"
    shutil.copytree(demo, copy)
    path = copy / "runs/bptt/seed_1/training.json"
    record = read_record(path)
    record["settings"]["code_hash"] = "0" * 64
    write_record(path, {key: value for key, value in record.items() if key != "sha256"})
    with pytest.raises(
        ResultError, match="other settings, data or code .*code_hash.*; run the study"
    ):
        lsnn.load_run(str(copy), "bptt", 1)
    path.unlink()
    with pytest.raises(ResultError, match="seed_1: has no finished run; run the study again"):
        lsnn.load_run(str(copy), "bptt", 1)
    (copy / "runs/bptt/seed_2/checkpoints.npz").write_bytes(b"other")
    with pytest.raises(ResultError, match="checkpoints.npz: missing, or altered since"):
        lsnn.load_run(str(copy), "bptt", 2)
    table = Path(copy / "trajectories.csv")
    table.write_text(table.read_text().replace("three_factor", "other"))
    with pytest.raises(ResultError, match="trajectories.csv: missing, or altered since"):
        lsnn.load_study(str(copy))


def test_a_checkpoint_keeps_its_own_hessian(run):
    first, last = run.hessian(0), run.hessian(-1)
    assert first is not last and run.hessian(0) is first
    assert first.weights["w_rec"] is not last.weights["w_rec"]


def test_what_a_run_has_not_is_refused_in_a_line(run):
    with pytest.raises(ConfigError, match='block: "wrec" is not possible; allowed: w_in, w_rec'):
        run.hessian(-1, block="wrec")
    with pytest.raises(ConfigError, match='split: "valid" is not possible; allowed: train, valid'):
        run.hessian(-1, split="valid")
    with pytest.raises(ConfigError, match="samples: 0; one or more examples are needed"):
        run.hessian(-1, samples=0)
    for call in (lambda: run.loss(run.weights(0), "tset"), lambda: run.activity(0, "tset")):
        with pytest.raises(ConfigError, match='split: "tset" is not possible; allowed: train'):
            call()
    with pytest.raises(ResultError, match="has no checkpoint 99; there are .*, of which -1 is"):
        run.weights(99)
    for vector in (np.zeros(128 * 128), np.ones(5)):
        with pytest.raises(ConfigError, match="vector: needs 16384 numbers, not all 0"):
            run.along(-1, vector, [0.1])


def test_the_lines_of_the_page_work(demo):
    page = Path(__file__).parents[2] / "docs/reference/results.md"
    (program,) = re.findall(r"```python\n(import lsnn\n.*?)```", page.read_text(), re.DOTALL)
    for ours, here in {
        "results/mine": demo,
        "results/tau_*": "results/committed/delayed_match_*",
        "rflo": "bptt",
    }.items():
        assert ours in program
        program = program.replace(ours, here)
    found = {}
    exec(compile(program, page, "exec"), found)
    assert found["largest"].value > found["second"].value
