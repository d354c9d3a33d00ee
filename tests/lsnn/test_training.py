import os

import numpy as np
import pytest

from lsnn import checkpoints
from lsnn.config import parse_study
from lsnn.errors import DivergenceError
from lsnn.training import Trainer, train
from small import small_network

SCHEDULE = {"iterations": 12, "checkpoint_every": 4}


def settings(rule="bptt", learning_rate=0.01):
    study = parse_study(
        {
            "learning_rules": {rule: SCHEDULE},
            "training": {"batch_size": 10, "learning_rate": learning_rate},
        }
    )
    return study.training_settings(rule, 1)


def run(tmpdir, name="a", log=lambda line: None, **changes):
    """Train the small network; return its progress and the state file."""
    network, _ = small_network()
    state = os.path.join(str(tmpdir), name, "state.npz")
    return train(network, settings(**changes), state, log)[0], state


def test_checkpoints_are_taken_before_the_step_and_of_the_final_state(tmpdir):
    progress, _ = run(tmpdir)
    assert progress.iterations == [0, 4, 8, 12]
    network, _ = small_network()
    trainer = Trainer(network, "bptt", 0.01, {p: w[0] for p, w in progress.weights.items()})
    for iteration in range(4):
        trainer.step(*network.task.batch(1, iteration, 10))
    for name, weights in trainer.current_weights().items():
        assert np.array_equal(weights, progress.weights[name][1])


def test_a_step_is_plain_gradient_descent():
    network, weights = small_network("adaptive")
    trainer = Trainer(network, "three_factor", 0.25, weights)
    inputs, targets = network.task.batch(1, 0, 10)
    feed = {trainer.inputs: inputs, trainer.targets: targets}
    gradients = trainer.session.run(trainer.gradients, feed)
    trainer.step(inputs, targets)
    for name, after in trainer.current_weights().items():
        assert after == pytest.approx(weights[name] - 0.25 * gradients[name], abs=1e-7)


def test_both_rules_start_from_the_same_weights(tmpdir):
    bptt, _ = run(tmpdir, "b")
    three_factor, _ = run(tmpdir, "t", rule="three_factor")
    for name in bptt.weights:
        assert np.array_equal(bptt.weights[name][0], three_factor.weights[name][0])
    assert not np.array_equal(bptt.weights["w_rec"][1], three_factor.weights["w_rec"][1])


class Stop(Exception):
    pass


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmpdir, lines):
    """Stop after a number of checkpoints, and go on from the state file in a new graph."""
    seen = []

    def log(line):
        seen.append(line)
        if len(seen) == lines:
            raise Stop

    with pytest.raises(Stop):
        run(tmpdir, "stopped", log)
    stopped, _ = run(tmpdir, "stopped", seen.append)
    assert "going on from iteration {}".format(4 * (lines - 1)) in seen[lines]
    whole, _ = run(tmpdir, "whole")
    assert stopped.rows() == whole.rows()
    for name, array in whole.arrays().items():
        assert np.array_equal(array, stopped.arrays()[name])


@pytest.mark.parametrize("damage", ["other settings", "cut off", "not a checkpoint file"])
def test_a_state_that_is_not_this_runs_is_set_aside(tmpdir, damage):
    _, state = run(tmpdir, "a", learning_rate=0.02 if damage == "other settings" else 0.01)
    with open(state, "rb") as stream:
        content = stream.read()
    if damage == "cut off":
        content = content[: len(content) // 2]
    if damage == "not a checkpoint file":
        content = b"hello"
    with open(state, "wb") as stream:
        stream.write(content)
    lines = []
    progress, _ = run(tmpdir, "a", lines.append)
    assert "moved to {}.set-aside".format(state) in lines[0]
    with open(state + ".set-aside", "rb") as stream:
        assert stream.read() == content
    fresh, _ = run(tmpdir, "fresh")
    assert progress.rows() == fresh.rows()


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_what_was_recorded(tmpdir):
    with pytest.raises(DivergenceError) as caught:
        run(tmpdir, "a", rule="three_factor", learning_rate=900.0)
    message = str(caught.value)
    state = os.path.join(str(tmpdir), "a", "state.npz")
    for part in ("three_factor", "seed 1", "iteration ", "900", state):
        assert part in message
    assert checkpoints.read(state)[0]["iteration"][0] == 0


def test_weights_that_diverge_in_the_last_step_are_no_result(tmpdir, monkeypatch):
    evaluate = Trainer.evaluate
    calls = []

    def diverged_at_the_end(trainer):
        calls.append(trainer)
        measures = evaluate(trainer)
        return dict(measures, test_loss=float("nan")) if len(calls) == 4 else measures

    monkeypatch.setattr(Trainer, "evaluate", diverged_at_the_end)
    with pytest.raises(DivergenceError, match="at iteration 12 is nan"):
        run(tmpdir)
