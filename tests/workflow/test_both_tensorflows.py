"""TensorFlow 1.12 and TensorFlow 2 compute the same, and read each other's files."""

import json
import re
import subprocess

import pandas as pd
import pytest
import yaml

from conftest import PYTHONS, SWEEP

LOSSES = """
import json, sys
from lsnn.study.config import parse_study
from lsnn.learning_rules import new_rule
from lsnn.network import network_of
from lsnn.training import Trainer

found = []
for rule, seed, learning_rate in json.loads(sys.argv[1]):
    study = parse_study({"training": {"learning_rate": learning_rate}})
    network = network_of(study.training_settings(rule, seed), study.data, seed)
    weights = network.initial_weights()
    trainer = Trainer(network, new_rule({"name": rule}), study.training, weights)
    losses = [float(trainer.step(*network.task.batch(i, 256))) for i in range(50)]
    found.append({"losses": losses, "w_rec": weights["w_rec"].tolist()})
print(json.dumps(found))
"""


RUNS = [("three_factor", 1, 0.01), ("bptt", 1, 0.001), ("bptt", 4, 0.01), ("bptt", 2, 0.001)]


@pytest.mark.slow
def test_the_first_50_iterations_have_the_same_losses(checkout):
    """The default learning rate is beyond 2 / lambda_max at the start of BPTT.

    Descent then amplifies differences of rounding, more or less from seed to seed; where it
    does not, or at a tenth of the learning rate, they stay as small as they are.
    """
    found = {}
    for tensorflow, python in PYTHONS.items():
        output = subprocess.run(
            [python, "-c", LOSSES, json.dumps(RUNS)],
            cwd=checkout.folder,
            check=True,
            capture_output=True,
        ).stdout
        found[tensorflow] = json.loads(output)
    for run, by_1, by_2 in zip(RUNS, found["1.12"], found["2"], strict=True):
        assert by_1["w_rec"] == by_2["w_rec"], run
        assert by_1["losses"] == pytest.approx(by_2["losses"], rel=1e-4), run


# What TensorFlow 2 says at its first operation on some processors, and no setting keeps it from.
ONE_DNN = r"WARNING: All log messages before absl|I0000 .*oneDNN custom operations are on"


@pytest.mark.parametrize("tensorflow", PYTHONS)
def test_a_log_has_what_the_job_says_and_nothing_else_of_tensorflow_s_own(
    checkout, tmp_path, tensorflow
):
    config, log = tmp_path / "config.yaml", tmp_path / "train.log"
    short = {"bptt": {"iterations": 1, "checkpoint_every": 1}}
    study = {**SWEEP, "tensorflow": tensorflow, "conditions": short, "baseline": "bptt"}
    config.write_text(yaml.safe_dump(study))
    program = [PYTHONS[tensorflow], "scripts/train.py", "--config", config, "--condition", "bptt"]
    job = ["bash", "workflow/job.sh", log, *program, "--seed", "1", "--output", tmp_path / "run"]
    done = checkout.run(*job)
    assert (done.returncode, done.stdout) == (0, "")
    said = [line for line in log.read_text().splitlines() if not re.match(ONE_DNN, line)]
    first, *lines, commit, last = said
    assert first.startswith("training bptt, seed 1, TensorFlow " + tensorflow)
    assert len(lines) == 2 and all(line.startswith("iteration ") for line in lines)
    assert commit.startswith("the commit is not known: ")  # this checkout is no clone
    assert last.startswith("done in ")


def test_checkpoints_of_one_are_analysed_by_the_other(checkout, demo, tmp_path):
    config, study = tmp_path / "config.yaml", yaml.safe_load((demo / "config.yaml").read_text())
    study["hessian"][0]["checkpoints"] = 3
    config.write_text(yaml.safe_dump({**study, "tensorflow": "2"}, sort_keys=False))
    done = checkout.run(
        PYTHONS["2"], "scripts/curvature.py", "--kind", "hessian", "--config", config,
        "--entry", "w_rec_validation",
        "--checkpoints", demo / "runs/bptt/seed_1/checkpoints.npz", "--output", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

    by_2 = pd.read_csv(tmp_path / "w_rec_validation.csv").set_index("iteration")
    by_1 = pd.read_csv(demo / "runs/bptt/seed_1/hessian/w_rec_validation.csv")
    by_1 = by_1.set_index("iteration").loc[by_2.index]
    assert len(by_2) == 3
    for name in ("lambda_max", "lambda_min"):
        assert by_2[name].to_numpy() == pytest.approx(by_1[name].to_numpy(), rel=2e-3)
