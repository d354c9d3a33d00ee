"""TensorFlow 1.12 and TensorFlow 2 compute the same, and read each other's files."""

import json
import subprocess

import pandas as pd
import pytest
import yaml

from conftest import LENGTH, PYTHONS, SWEEP

LOSSES = """
import json, sys
from lsnn.study.config import parse_study
from lsnn.learning_rules import new_rule
from lsnn.network import network_of
from lsnn.training import Trainer

rule, seed, learning_rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
study = parse_study({"training": {"learning_rate": learning_rate}})
network = network_of(study.training_settings(rule, seed), study.data, seed)
weights = network.initial_weights()
trainer = Trainer(network, new_rule({"name": rule}), study.training, weights)
losses = [float(trainer.step(*network.task.batch(i, 256))) for i in range(50)]
print(json.dumps({"losses": losses, "w_rec": weights["w_rec"].tolist()}))
"""


@pytest.mark.parametrize(
    "rule, seed, learning_rate",
    [
        ("three_factor", 1, 0.01),
        pytest.param("bptt", 4, 0.01, marks=pytest.mark.slow),
        ("bptt", 1, 0.001),
        pytest.param("bptt", 2, 0.001, marks=pytest.mark.slow),
    ],
)
def test_the_first_50_iterations_have_the_same_losses(checkout, rule, seed, learning_rate):
    """The default learning rate is beyond 2 / lambda_max at the start of BPTT.

    Descent then amplifies differences of rounding, more or less from seed to seed; where it
    does not, or at a tenth of the learning rate, they stay as small as they are.
    """
    found = {}
    for tensorflow, python in PYTHONS.items():
        output = subprocess.run(
            [python, "-c", LOSSES, rule, str(seed), str(learning_rate)],
            cwd=checkout.folder,
            check=True,
            capture_output=True,
        ).stdout
        found[tensorflow] = json.loads(output)
    assert found["1.12"]["w_rec"] == found["2"]["w_rec"]
    assert found["1.12"]["losses"] == pytest.approx(found["2"]["losses"], rel=1e-4)


@pytest.mark.parametrize("tensorflow", PYTHONS)
def test_a_log_has_what_the_job_says_and_nothing_of_tensorflow_s_own(
    checkout, tmp_path, tensorflow
):
    config, log = tmp_path / "config.yaml", tmp_path / "train.log"
    study = {**SWEEP, "tensorflow": tensorflow, "conditions": {"bptt": LENGTH}, "baseline": "bptt"}
    config.write_text(yaml.safe_dump(study))
    program = [PYTHONS[tensorflow], "scripts/train.py", "--config", config, "--condition", "bptt"]
    job = ["bash", "workflow/job.sh", log, *program, "--seed", "1", "--output", tmp_path / "run"]
    done = checkout.run(*job)
    assert (done.returncode, done.stdout) == (0, "")
    first, *lines = log.read_text().splitlines()
    assert first.startswith("training bptt, seed 1, TensorFlow " + tensorflow)
    assert all(line.startswith("iteration ") for line in lines[:-1])
    assert lines[-1].startswith("done in ")


def test_checkpoints_of_one_are_analysed_by_the_other(checkout, demo, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text((demo / "config.yaml").read_text().replace("'1.12'", "'2'"))
    assert "tensorflow: '2'" in config.read_text()
    done = checkout.run(
        PYTHONS["2"], "scripts/curvature.py", "--kind", "hessian", "--config", config,
        "--entry", "w_rec_validation",
        "--checkpoints", demo / "runs/bptt/seed_1/checkpoints.npz", "--output", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

    by_2 = pd.read_csv(tmp_path / "w_rec_validation.csv")
    by_1 = pd.read_csv(demo / "runs/bptt/seed_1/hessian/w_rec_validation.csv")
    for name in ("lambda_max", "lambda_min"):
        assert by_2[name].to_numpy() == pytest.approx(by_1[name].to_numpy(), rel=2e-3)
