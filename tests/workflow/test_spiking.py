"""A small study of spiking units, from start to figures, as one study of a suite."""

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import PYTHONS
from conftest import SPIKING as STUDY
from lsnn.storage import checkpoints

TRIAL = ["scripts/record.py", "--kind", "trial", "--condition", "bptt", "--config"]


@pytest.fixture(scope="module")
def results(suite_results):
    return suite_results / "spiking"


def test_tables_and_figures_without_hessian(results):
    trajectories = pd.read_csv(results / "trajectories.csv")
    assert not [name for name in trajectories if "lambda" in name or name == "products"]
    assert trajectories.groupby(["condition", "seed"]).ngroups == 4
    assert trajectories["fraction"].max() < 1  # all have stopped early
    assert not list(results.rglob("hessian*"))
    figures = {path.name for path in (results / "figures").iterdir()}
    names = ["examples", "learning_curves", "generalization_gap", "rank_of_change"]
    names += ["raster_bptt", "raster_three_factor"]
    suffixes = ("svg", "pdf", "png", "rst")
    assert figures == {f"{name}.{suffix}" for name in names for suffix in suffixes}


@pytest.mark.parametrize("condition, label", [("bptt", "BPTT"), ("three_factor", "three-factor")])
def test_a_trial_is_that_of_the_first_seed_at_its_final_checkpoint(results, condition, label):
    arrays, metadata = checkpoints.read(str(results / f"trials/{condition}.npz"), names=())
    weights, _ = checkpoints.read(str(results / f"runs/{condition}/seed_2/checkpoints.npz"))
    told = (metadata["condition"], metadata["label"], metadata["seed"])
    assert told == (condition, label, 2)
    assert metadata["iteration"] == weights["iteration"][-1]
    shapes = {name: (array.shape, array.dtype.name) for name, array in arrays.items()}
    assert shapes == {
        "inputs": ((160, 20), "uint8"),
        "spikes": ((160, 12), "uint8"),
        "thresholds": ((160, 12), "float32"),
        "outputs": ((160, 2), "float32"),
    }
    assert set(np.unique(arrays["spikes"])) == {0, 1}
    regular, adaptive = np.split(arrays["thresholds"], [7], axis=1)
    assert (regular == np.float32(0.01)).all() and adaptive.max() > 0.01
    means = arrays["outputs"].reshape(4, 40, 2).mean(axis=1)
    assert metadata["prediction"] == list(means.argmax(axis=1))
    assert len(metadata["target"]) == 4 and set(metadata["target"]) <= {-1, 0, 1}


def test_the_same_checkpoints_give_the_same_trial(checkout, results, tmp_path):
    done = checkout.run(
        PYTHONS["1.12"], *TRIAL, results / "config.yaml", "--output", tmp_path / "trial.npz",
        "--checkpoints", results / "runs/bptt/seed_2/checkpoints.npz",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "trial.npz").read_bytes() == (results / "trials/bptt.npz").read_bytes()


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {
                "network": {
                    **STUDY["network"],
                    "neurons": {**STUDY["network"]["neurons"], "beta": 1.0},
                }
            },
            "network.neurons.beta: 1.8 there, 1.0 wanted",
        ),
        ({"network": {"neurons": "rate"}}, "rate units do not spike"),
    ],
)
def test_a_network_of_another_kind_is_refused(checkout, results, tmp_path, change, message):
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump({**STUDY, **change}))
    done = checkout.run(
        PYTHONS["1.12"], *TRIAL, other, "--output", tmp_path / "trial.npz",
        "--checkpoints", results / "runs/bptt/seed_2/checkpoints.npz",
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert message in done.stdout
    assert not (tmp_path / "trial.npz").exists()
