"""Tasks of every kind through the whole workflow, images of one's own among them."""

import gzip
import shutil
import struct

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import SPIKING, new_checkout
from lsnn.storage import checkpoints
from lsnn.storage.files import read_record, sha256_of_file
from lsnn.tasks.mnist import FILES

pytestmark = pytest.mark.slow

OF_ALL = {
    "tensorflow": "2",
    "network": {"n_units": 8},
    "training": {"batch_size": 8},
    "conditions": {"bptt": {"iterations": 2, "checkpoint_every": 1}},
    "seeds": 1,
    "hessian": [{"split": "train", "samples": 8}],
}
SHORT = {"n_cues": 3, "cue_steps": 4, "cue_interval": 5, "delay": 5, "recall_steps": 4}
STUDIES = {
    "own_images": {
        "task": {
            "name": "sequential_mnist",
            "images": "own",
            "tests": {"noisy_test": {"test_noise": 0.1}},
        }
    },
    "pattern": {
        "task": {"name": "pattern_generation", "n_train": 8, "n_steps": 11},
        "hessian": [],
    },
    "evidence": {
        "task": {"name": "evidence_accumulation", "n_train": 4, **SHORT},
        "network": SPIKING["network"],
        "training": {"optimiser": "adam", "batch_size": 4},
        "hessian": [],
    },
    "sequences": {"task": {"name": "sequences", "file": "trials.npz", "targets": "values"}},
}


def write_sequences(path):
    """Write trials of 3 to 6 steps, and what is wanted at each."""
    x = np.random.RandomState(0).randn(20, 6, 4)
    np.savez(path, x=x, y=np.cumsum(x, axis=1), lengths=3 + np.arange(20) % 4)


def write_images(folder):
    """Write images of 6 x 4 in three classes, those for training compressed."""
    random = np.random.RandomState(0)
    folder.mkdir()
    for name in FILES:
        n = 36 if name.startswith("train") else 12
        shape = (n, 6, 4) if "images" in name else (n,)
        values = random.randint(0, 256, shape) if "images" in name else np.arange(n) % 3
        head = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
        content = head + values.astype(np.uint8).tobytes()
        if name.startswith("train"):
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def contents(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout with the results of all studies, made as one suite."""
    checkout = new_checkout(tmp_path_factory.mktemp("tasks"))
    shutil.rmtree(checkout.folder / "data")  # MNIST is not needed
    (checkout.folder / "data").mkdir()
    write_images(checkout.folder / "data/own")
    write_sequences(checkout.folder / "data/trials.npz")
    files = []
    for name, study in STUDIES.items():
        files.append(f"studies/{name}.yaml")
        text = yaml.safe_dump({"name": name, **OF_ALL, **study})
        (checkout.folder / files[-1]).write_text(text)
    (checkout.folder / "suite.yaml").write_text(yaml.safe_dump({"studies": files}))
    before = contents(checkout.folder / "data/own")
    done = checkout.snakemake("--cores", "2", "--configfile", "suite.yaml")
    assert done.returncode == 0, done.stdout
    assert contents(checkout.folder / "data/own") == before
    assert {path.name for path in (checkout.folder / "data").iterdir()} == {"own", "trials.npz"}
    return checkout


def rows_of(checkout, study):
    return pd.read_csv(checkout.folder / f"results/{study}/trajectories.csv")


def test_images_of_ones_own_are_known_by_their_sha256(checkout):
    folder = checkout.folder / "data/own"
    expected = {path.name: sha256_of_file(str(path)) for path in folder.iterdir()}
    run = checkout.folder / "results/own_images/runs/bptt/seed_1"
    for record in ("training.json", "hessian/w_rec_train.json"):
        assert read_record(run / record)["settings"]["own_files"] == expected
    arrays, _ = checkpoints.read(str(run / "checkpoints.npz"))
    assert arrays["w_in"].shape[1:] == (4, 8) and arrays["w_out"].shape[1:] == (8, 3)


def test_the_gap_is_measured_on_noisy_examples_too(checkout):
    rows = rows_of(checkout, "own_images")
    for measure, sign in (("loss", 1), ("accuracy", -1)):
        for split, gap in (("test", ""), ("noisy_test", "noisy_")):
            expected = sign * (rows[f"{split}_{measure}"] - rows[f"train_{measure}"])
            assert np.allclose(rows[f"{gap}generalization_gap_{measure}"], expected)
    assert (rows["noisy_test_loss"] != rows["test_loss"]).all()
    rows = rows_of(checkout, "pattern")
    assert "noisy_generalization_gap_loss" in rows and "test_accuracy" not in rows
    assert not [name for name in rows_of(checkout, "evidence") if "noisy" in name]


@pytest.mark.parametrize("study", STUDIES)
def test_examples_and_gaps_are_drawn(checkout, study):
    results = checkout.folder / "results" / study
    figures = {path.stem for path in (results / "figures").glob("*.png")}
    assert {"examples", "generalization_gap", "learning_curves"} <= figures
    assert ("raster_bptt" in figures) == (study == "evidence")
    arrays, metadata = checkpoints.read(str(results / "examples.npz"), names=("inputs", "targets"))
    assert arrays["inputs"].shape[1] == arrays["targets"].shape[-1] == 4
    assert np.isnan(arrays["targets"].astype(float)).any() == (study == "sequences")  # of padding
    assert metadata["task"]["name"] == STUDIES[study]["task"]["name"]


def test_a_file_of_sequences_that_has_a_flaw_is_refused_before_anything_runs(checkout, tmp_path):
    path = checkout.folder / "data/trials.npz"
    arrays = dict(np.load(path))
    arrays["x"][3, 1, 2] = np.nan
    np.savez(path, **arrays)
    done = checkout.plan("--dry-run", "--configfile", "studies/sequences.yaml")
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert "task.file: data/trials.npz: x of trial 3, step 1, column 2 is not fin" in done.stdout


def test_other_images_are_another_run(checkout):
    config = ("--configfile", "studies/own_images.yaml")
    done = checkout.plan("--dry-run", *config)
    assert "Nothing to be done" in done.stdout, done.stdout
    path = checkout.folder / "data/own/t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:8] + bytes(reversed(path.read_bytes()[8:])))
    assert "runs/bptt/seed_1/checkpoints.npz" in checkout.planned(*config)


def test_images_that_are_not_there_are_asked_for_before_anything_runs(checkout, tmp_path):
    (checkout.folder / "data/own/train-labels-idx1-ubyte.gz").rename(tmp_path / "labels.gz")
    done = checkout.plan("--dry-run", "--configfile", "studies/own_images.yaml")
    assert done.returncode != 0 and "Traceback" not in done.stdout
    message = "task.images: data/own: has neither train-labels-idx1-ubyte nor train-labels-idx1-"
    assert message in done.stdout
