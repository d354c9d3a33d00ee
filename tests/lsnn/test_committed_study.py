"""The study kept in the repository and the code beside it belong together.

Both rules start from the same weights, so that the first checkpoint tells of initial weights, task,
evaluation, the Hessian and its examples at once. Later ones differ between processors in more than
rounding, because training amplifies it.
"""

import csv
import os

import pytest

from lsnn.curvature.along_run import Point, Probes
from lsnn.curvature.hessian import hessian_of
from lsnn.curvature.quantities import quantities_of
from lsnn.learning_rules import LEARNING_RULES
from lsnn.network import Network
from lsnn.study.config import parse_study
from lsnn.training import Trainer, learning_curve_names

REPOSITORY = os.path.join(os.path.dirname(__file__), "..", "..")
TRAJECTORIES = os.path.join(REPOSITORY, "results/committed/sequential_mnist/trajectories.csv")
EIGENVALUES = ("lambda_max", "lambda_min", "lambda_abs_max")


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize("seed", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_the_first_checkpoint_is_that_of_the_committed_study(mnist, seed):
    study = parse_study({})
    network = Network(study.network, study.loss, mnist, seed)
    weights = network.initial_weights()
    found = Trainer(network, LEARNING_RULES["bptt"](), study.training, weights).evaluate()
    (entry,) = study.hessian
    hessian = hessian_of(network, entry["block"], entry["split"], entry["samples"])
    hessian.move_to(weights)
    point = Point(hessian, Probes(hessian, seed), seed, 0, {})
    for quantity in quantities_of("hessian", entry).values():
        found.update(quantity.measure(point)[0])
    with open(TRAJECTORIES, newline="") as stream:
        rows = [
            row
            for row in csv.DictReader(stream)
            if (row["seed"], row["iteration"]) == (str(seed), "0")
        ]
    expected = [
        (name, condition.learning_rule["name"], study.setup(name).training.learning_rate)
        for name, condition in study.conditions.items()
    ]
    found_rows = [
        (row["condition"], row["learning_rule"], float(row["learning_rate"])) for row in rows
    ]
    assert found_rows == expected
    for row in rows:
        for name in set(learning_curve_names(mnist)) & set(row):  # older, it has no standard errors
            assert found[name] == pytest.approx(float(row[name]), rel=1e-4), name
        for name in EIGENVALUES:
            assert found[name] == pytest.approx(float(row[name]), rel=1e-3), name
