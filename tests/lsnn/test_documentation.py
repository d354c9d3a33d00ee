"""The programs in docs/how-to, on this TensorFlow."""

import csv
import gzip
import os
import re

import numpy as np
import pytest

from lsnn.backend import tf

REPOSITORY = os.path.join(os.path.dirname(__file__), "..", "..")
PAGE = os.path.join(REPOSITORY, "docs", "how-to", "use_the_library.md")


def output_of(program, capsys):
    """Run a program of the page; return the numbers that it prints, one row per line."""
    with open(PAGE, encoding="utf-8") as stream:
        blocks = re.findall(r"```python\n(.*?)```", stream.read(), re.S)
    assert len(blocks) == 2
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        np.random.seed(1)
        exec(compile(blocks[program], PAGE, "exec"), {})
    return np.array([line.split() for line in capsys.readouterr().out.splitlines()], float)


@pytest.mark.slow_on("1.12")
def test_a_network_is_trained_and_its_curvature_followed(capsys, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    iterations, losses, eigenvalues, residuals = output_of(0, capsys).T
    assert iterations.tolist() == [0, 50, 100, 150, 200]
    assert losses[-1] < 0.5 * losses[0]
    assert (eigenvalues > 1).all() and (residuals < 1e-3).all()
    path = os.path.join("results", "committed", "delayed_match_2", "trajectories.csv.gz")
    with gzip.open(path, "rt") as stream:
        rows = [row for row in csv.DictReader(stream) if row["condition"] == "three_factor"]
    assert (rows[0]["seed"], rows[0]["iteration"]) == ("1", "0")
    assert eigenvalues[0] == pytest.approx(float(rows[0]["w_rec_train_lambda_max"]), rel=1e-3)


def test_a_rule_trains_a_network_of_one_s_own(capsys):
    losses = output_of(1, capsys)[:, 0]
    assert len(losses) >= 50
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


@pytest.mark.slow_on("1.12")
def test_the_program_from_data_to_eigenvalue(capsys, monkeypatch, tmpdir):
    with open(os.path.join(REPOSITORY, "docs", "how-to", "minimal.py"), encoding="utf-8") as stream:
        program = stream.read()
    assert len(program.splitlines()) <= 60
    monkeypatch.chdir(tmpdir)
    exec(compile(program, "minimal.py", "exec"), {})
    rows = re.findall(
        r"(\S+) +iteration +(\d+) .*loss (\S+)  test accuracy (\S+)  largest eigenvalue +(\S+)",
        capsys.readouterr().out,
    )
    assert [row[0] for row in rows] == 4 * ["bptt"] + 4 * ["three_factor"]
    first, second = (np.array([row[1:] for row in part], float) for part in (rows[:4], rows[4:]))
    assert np.array_equal(first[0], second[0])  # before training
    for _, losses, accuracies, eigenvalues in (first.T, second.T):
        assert losses[-1] < 0.6 * losses[0] and accuracies[-1] > 0.75
        assert (eigenvalues > 0).all()
