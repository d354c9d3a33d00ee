"""What another study has finished is taken over, unless it is damaged, or differs in anything."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import made_up_study
from lib import jobs, sharing
from lib.jobs import read_rows
from lsnn.storage import checkpoints
from lsnn.storage.code_hash import without_names
from lsnn.storage.files import read_record, sha256_of_file, write_record
from lsnn.study.config import parse_study

# Two studies in which a condition has the same settings, under another name.
FIRST = {**made_up_study.CONFIG, "name": "first", "dynamics": [{"quantities": ["alignment"]}]}
OTHER = {
    **FIRST,
    "name": "other",
    "conditions": {"plain": {**FIRST["conditions"]["bptt"], "learning_rule": "bptt"}},
    "hessian": [{"name": "mine", "block": "w_rec"}],
}
ENTRIES = {"hessian": "mine", "dynamics": "w_rec_validation"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with the results of the first study, as its runs write them."""
    folder = tmp_path_factory.mktemp("sharing")
    study = parse_study(FIRST)
    made_up_study.write_study(str(folder / "results/first"), FIRST)
    for condition in study.conditions:
        for seed in study.seeds:
            run = folder / f"results/first/runs/{condition}/seed_{seed}"
            arrays, _ = checkpoints.read(str(run / "checkpoints.npz"))
            settings = {"settings": study.training_settings(condition, seed)}
            checkpoints.write(run / "checkpoints.npz", arrays, settings)
            vouch_again(run)
    made_up_study.write_config(folder / "other.yaml", OTHER)
    # In place of a TensorFlow, should this Python have one.
    (folder / "tensorflow.py").write_text("raise ImportError('there is none')\n")
    return folder


def vouch_again(run):
    """Have the records of a run, and of its entries, vouch for a changed checkpoint file."""
    sha256 = sha256_of_file(run / "checkpoints.npz")
    record = read_record(run / "training.json")
    outputs = {**record["outputs"], "checkpoints.npz": sha256}
    write_record(run / "training.json", {**record, "outputs": outputs})
    for path in run.glob("*/*.json"):
        described = {"file": "checkpoints.npz", "sha256": sha256}
        write_record(path, {**read_record(path), "checkpoints": described})


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "folder")


RUN, SOURCE = "results/other/runs/plain/seed_1", "results/first/runs/bptt/seed_1"


def start(folder, program, *arguments):
    script = os.path.join(made_up_study.REPOSITORY, "scripts", program)
    return subprocess.run(
        [sys.executable, script, "--config", "other.yaml", "--results", "results", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train(folder):
    return start(folder, "train.py", "--condition", "plain", "--seed", "1", "--output", RUN)


def measure(folder, kind):
    arguments = ["--entry", ENTRIES[kind], "--checkpoints", f"{RUN}/checkpoints.npz"]
    arguments += ["--condition", "plain"] if kind == "dynamics" else []
    return start(folder, "curvature.py", "--kind", kind, *arguments, "--output", f"{RUN}/{kind}")


def test_a_run_and_its_entries_are_taken_over_under_their_own_names(folder):
    done = train(folder)
    assert done.returncode == 0, done.stdout
    assert f"taken over from {SOURCE}/training.json" in done.stdout
    study = parse_study(OTHER)
    record = read_record(folder / RUN / "training.json")
    assert record["settings"] == study.training_settings("plain", 1)
    source = f"{SOURCE}/training.json"
    assert record["taken_over"] == {"record": source, "sha256": sha256_of_file(folder / source)}
    own, there = (checkpoints.read(str(folder / run / "checkpoints.npz")) for run in (RUN, SOURCE))
    assert all(np.array_equal(own[0][name], there[0][name]) for name in there[0])
    assert own[1]["settings"]["condition"] == "plain"
    rows = [read_rows(str(folder / run / "learning_curve.csv")) for run in (RUN, SOURCE)]
    assert rows[0] == [dict(row, condition="plain") for row in rows[1]]
    assert "already complete" in train(folder).stdout
    for kind, name in ENTRIES.items():
        done = measure(folder, kind)
        assert done.returncode == 0, done.stdout
        record = read_record(folder / RUN / kind / f"{name}.json")
        assert record["settings"] == study.entry_settings(kind, name, "plain")
        assert record["checkpoints"]["sha256"] == sha256_of_file(folder / RUN / "checkpoints.npz")
        assert record["taken_over"]["record"] == f"{SOURCE}/{kind}/w_rec_validation.json"
        rows = read_rows(str(folder / RUN / kind / f"{name}.csv"))
        assert {row["condition"] for row in rows} == {"plain"}
        assert "already complete" in measure(folder, kind).stdout


SETTINGS = parse_study(OTHER).training_settings("plain", 1)


def found_in(folder, settings=SETTINGS, start=None):
    own = jobs.files_of_run(str(folder / RUN))
    return sharing.run_in(str(folder / "results"), settings, start, own)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 3},
        {"code_hash": "0"},
        {"iterations": 101},
        {"training": {}},
        {"loss": {}},
        {"tensorflow": "2"},
        {"more": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_run_that_differs_in_anything_is_not_taken_over(folder, change):
    assert found_in(folder).files.record == str(folder / SOURCE / "training.json")
    assert found_in(folder, {**SETTINGS, **change}) is None


def test_a_run_from_other_weights_is_not_taken_over(folder):
    assert found_in(folder, start=64 * "a") is None
    path = folder / SOURCE / "training.json"
    write_record(path, {**read_record(path), "start": {"condition": "x", "sha256": 64 * "a"}})
    assert found_in(folder) is None
    assert found_in(folder, start=64 * "a") is not None


@pytest.mark.parametrize("name", ["checkpoints.npz", "learning_curve.csv", "training.json"])
@pytest.mark.parametrize("damage", [os.remove, lambda path: path.write_bytes(b"damaged")])
def test_what_is_damaged_or_missing_is_not_taken_over(folder, name, damage):
    damage(folder / SOURCE / name)
    assert found_in(folder) is None


def test_an_entry_for_other_weights_is_not_taken_over(folder):
    assert train(folder).returncode == 0
    path = folder / SOURCE / "checkpoints.npz"
    arrays, metadata = checkpoints.read(str(path))
    arrays["w_rec"] = arrays["w_rec"] + np.float32(1e-6)
    checkpoints.write(path, arrays, {"settings": metadata["settings"]})
    vouch_again(folder / SOURCE)
    settings = parse_study(OTHER).entry_settings("hessian", "mine", "plain")
    own = jobs.files_of_entry(str(folder / RUN / "hessian"), "mine")
    file = str(folder / RUN / "checkpoints.npz")
    assert sharing.entry_in(str(folder / "results"), "hessian", settings, file, own) is None


def test_names_are_no_settings():
    one, other = parse_study(FIRST), parse_study(OTHER)
    for settings in zip(
        (one.training_settings("bptt", 1), one.entry_settings("hessian", "w_rec_validation")),
        (other.training_settings("plain", 1), other.entry_settings("hessian", "mine")),
        strict=True,
    ):
        assert without_names(settings[0]) == without_names(settings[1])
        assert settings[0] != settings[1]
