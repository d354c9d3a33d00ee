"""TensorFlow 1.12 and TensorFlow 2 compute the same, and read each other's files."""

import json
import subprocess

import pytest

from conftest import PYTHONS

LOSSES = """
import json, sys
from lsnn.config import parse_study
from lsnn.network import Network
from lsnn.randomness import generator
from lsnn.tasks import TASKS
from lsnn.training import Trainer

study, rule, seed = parse_study({}), sys.argv[1], 1
network = Network(study.network, TASKS[study.task.name]("data"), study.training.l2)
weights = network.initial_weights(generator(seed, "weights"))
trainer = Trainer(network, rule, study.training.learning_rate, weights)
losses = [float(trainer.step(*network.task.batch(seed, i, 256))) for i in range(50)]
print(json.dumps({"losses": losses, "w_rec": weights["w_rec"].tolist()}))
"""


@pytest.mark.parametrize("rule", ["bptt", "three_factor"])
def test_the_first_50_iterations_have_the_same_losses(checkout, rule):
    found = {}
    for tensorflow, python in PYTHONS.items():
        output = subprocess.run(
            [python, "-c", LOSSES, rule], cwd=checkout.folder, check=True, capture_output=True
        ).stdout
        found[tensorflow] = json.loads(output)
    assert found["1.12"]["w_rec"] == found["2"]["w_rec"]
    assert found["1.12"]["losses"] == pytest.approx(found["2"]["losses"], rel=1e-4)


def test_checkpoints_of_one_are_analysed_by_the_other(checkout, demo, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text((demo / "config.yaml").read_text().replace("'1.12'", "'2'"))
    assert "tensorflow: '2'" in config.read_text()
    done = checkout.run(
        PYTHONS["2"], "scripts/hessian.py", "--config", config,
        "--checkpoints", demo / "runs/bptt/seed_1/checkpoints.npz", "--output", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

    import pandas as pd

    by_2 = pd.read_csv(tmp_path / "curvature.csv")
    by_1 = pd.read_csv(demo / "runs/bptt/seed_1/curvature.csv")
    for name in ("lambda_max", "lambda_min"):
        assert by_2[name].to_numpy() == pytest.approx(by_1[name].to_numpy(), rel=2e-3)
