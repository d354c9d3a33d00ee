import os

import numpy as np
import pytest

from lsnn.backend import flatten, new_session, tf
from lsnn.errors import DivergenceError
from lsnn.learning_rules import BPTT, RFLO, ThreeFactor
from lsnn.network import PARAMETERS, Network
from lsnn.rewiring import REWIRED, DalesLaw, Rewiring
from lsnn.storage import checkpoints
from lsnn.study.config import network_settings, parse_study
from lsnn.tasks import new_task
from lsnn.tasks.base import FiniteTask, Measure, mean
from lsnn.training import (
    Trainer,
    checkpoint_iterations,
    learning_curve_names,
    start_of_run,
    train,
)
from lsnn.update import PARTS
from small import (
    SPIKING_NETWORKS,
    LongerTask,
    SmallTask,
    loss_settings,
    small_network,
    training_settings,
)

pytestmark = pytest.mark.slow_on("2")

SCHEDULE = {"iterations": 12, "checkpoint_every": 4}
AT = [0, 1, 2, 3, 4, 8, 12]  # there are checkpoints


def settings(rule="bptt", learning_rate=0.01, condition=None, seed=1):
    """Return the settings of a run, whose condition may set the learning rate itself."""
    name, training = (condition, {"learning_rate": learning_rate}) if condition else (rule, {})
    learning_rate = 0.5 if condition else learning_rate
    study = parse_study(
        {
            "conditions": {name: dict(SCHEDULE, learning_rule=rule, training=training)},
            "training": {"batch_size": 10, "learning_rate": learning_rate},
        }
    )
    return study.training_settings(name, seed)


def run(tmpdir, name="a", log=lambda line: None, seed=1, **changes):
    """Train the small network; return the result and the folder of its progress."""
    network, _ = small_network(seed=seed)
    folder = os.path.join(str(tmpdir), name, "progress")
    return train(network, settings(seed=seed, **changes), folder, log), folder


@pytest.mark.parametrize(
    "iterations, checkpoint_every, expected",
    [
        (500, 250, [0, 1, 2, 3, 5, 8, 12, 18, 27, 41, 62, 93, 140, 210, 250, 500]),
        (400, 400, [0, 1, 2, 3, 5, 8, 12, 18, 27, 41, 62, 93, 140, 210, 315, 400]),
        (3, 1, [0, 1, 2, 3]),
        (4, 2, [0, 1, 2, 4]),
        (10, 5, [0, 1, 2, 3, 5, 10]),
        (1, 1, [0, 1]),
    ],
)
def test_checkpoints_stand_where_the_loss_falls_and_then_evenly(
    iterations, checkpoint_every, expected
):
    assert checkpoint_iterations(iterations, checkpoint_every) == expected


def test_checkpoints_are_taken_before_the_step_and_of_the_final_state(tmpdir):
    progress, _ = run(tmpdir)
    assert progress.iterations == AT
    network, _ = small_network(seed=1)
    trainer = Trainer(
        network, BPTT(), training_settings(), {p: progress.arrays[p][0] for p in PARAMETERS}
    )
    for iteration in range(4):
        trainer.step(*network.task.batch(iteration, 10))
    for name, weights in trainer.current_weights().items():
        assert np.array_equal(weights, progress.arrays[name][AT.index(4)])


def test_a_step_is_plain_gradient_descent():
    network, weights = small_network("adaptive")
    trainer = Trainer(network, ThreeFactor(), training_settings(learning_rate=0.25), weights)
    inputs, targets = network.task.batch(0, 10)
    feed = {trainer.inputs: inputs, trainer.targets: targets}
    gradients = trainer.session.run(trainer.gradients, feed)
    trainer.step(inputs, targets)
    for name, after in trainer.current_weights().items():
        assert after == pytest.approx(weights[name] - 0.25 * gradients[name], abs=1e-7)


def test_both_rules_start_from_the_same_weights(tmpdir):
    bptt, _ = run(tmpdir, "b")
    three_factor, _ = run(tmpdir, "t", rule="three_factor")
    for name in PARAMETERS:
        assert np.array_equal(bptt.arrays[name][0], three_factor.arrays[name][0])
    assert not np.array_equal(bptt.arrays["w_rec"][1], three_factor.arrays["w_rec"][1])


def test_a_condition_trains_by_its_rule_with_its_own_learning_rate(tmpdir):
    found, _ = run(tmpdir, "c", rule="three_factor", learning_rate=0.02, condition="quick")
    expected, _ = run(tmpdir, "s", rule="three_factor", learning_rate=0.02)
    assert found.rows == expected.rows


class Stop(Exception):
    pass


@pytest.mark.parametrize("lines", [1, 2, 6])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmpdir, lines):
    """Stop after a number of checkpoints, and go on from the progress in a new graph."""
    seen = []

    def log(line):
        seen.append(line)
        if len(seen) == lines:
            raise Stop

    with pytest.raises(Stop):
        run(tmpdir, "stopped", log)
    stopped, _ = run(tmpdir, "stopped", seen.append)
    assert f"going on from iteration {AT[lines - 1]} kept in" in seen[lines]
    whole, _ = run(tmpdir, "whole")
    assert stopped.rows == whole.rows
    for name, array in whole.arrays.items():
        assert np.array_equal(array, stopped.arrays[name])


def run_by_random_feedback(folder, log=lambda line: None, seed=1):
    """Train the small network by RFLO; return the result and the folder of its progress."""
    network, _ = small_network(seed=seed)
    of_run = dict(settings(seed=seed), learning_rule={"name": "rflo"})
    progress = os.path.join(str(folder), "progress")
    return train(network, of_run, progress, log), progress


def test_what_a_rule_has_drawn_is_kept_with_the_checkpoints(tmpdir):
    """Drawn from the seed alone, and the same in a run that was stopped and goes on."""

    def stop_at_4(line):
        if line.startswith("iteration 4/"):
            raise Stop

    whole, _ = run_by_random_feedback(tmpdir.mkdir("whole"))
    feedback = whole.arrays["rule/feedback"]
    assert feedback.shape == (9, 4) and feedback.dtype == np.float32
    with pytest.raises(Stop):
        run_by_random_feedback(tmpdir.mkdir("stopped"), stop_at_4)
    lines = []
    stopped, _ = run_by_random_feedback(tmpdir.join("stopped"), lines.append)
    assert "going on from iteration 4" in lines[0]
    assert sorted(stopped.arrays) == sorted(whole.arrays)
    for name, array in whole.arrays.items():
        assert np.array_equal(array, stopped.arrays[name])
    again, _ = run_by_random_feedback(tmpdir.mkdir("again"))
    assert np.array_equal(again.arrays["rule/feedback"], feedback)
    other, _ = run_by_random_feedback(tmpdir.mkdir("other"), seed=2)
    assert not np.array_equal(other.arrays["rule/feedback"], feedback)


def test_a_rule_learns_by_what_it_has_drawn_from_the_weights_of_the_other_rules(tmpdir):
    found, _ = run_by_random_feedback(tmpdir)
    bptt, _ = run(tmpdir, "bptt")
    assert "rule/feedback" not in bptt.arrays
    for name in PARAMETERS:
        assert np.array_equal(found.arrays[name][0], bptt.arrays[name][0])
    network, _ = small_network(seed=1)
    rule = RFLO()
    rule.take({"feedback": found.arrays["rule/feedback"]})
    start = {name: found.arrays[name][0] for name in PARAMETERS}
    trainer = Trainer(network, rule, training_settings(), start)
    for iteration in range(4):
        trainer.step(*network.task.batch(iteration, 10))
    for name, weights in trainer.current_weights().items():
        assert np.array_equal(weights, found.arrays[name][AT.index(4)])
    assert not np.array_equal(found.arrays["w_in"][1], bptt.arrays["w_in"][1])


@pytest.mark.parametrize("damage", ["other settings", "cut off", "not a record"])
def test_progress_that_is_not_this_runs_is_set_aside(tmpdir, damage):
    _, folder = run(tmpdir, "a", learning_rate=0.02 if damage == "other settings" else 0.01)
    job, aside = os.path.join(folder, "job.json"), folder + ".set-aside"
    with open(job, "rb") as stream:
        content = stream.read()
    content = {"cut off": content[:50], "not a record": b"hello"}.get(damage, content)
    with open(job, "wb") as stream:
        stream.write(content)
    records = os.listdir(folder)
    lines = []
    progress, _ = run(tmpdir, "a", lines.append)
    assert f"moved to {aside}" in lines[0]
    assert os.listdir(aside) == records and len(records) == len(AT) + 1
    fresh, _ = run(tmpdir, "fresh")
    assert progress.rows == fresh.rows


def test_a_run_whose_loss_is_not_finite_ends_and_is_a_result(tmpdir):
    changes = {"rule": "three_factor", "learning_rate": 900.0, "condition": "quick"}
    lines = []
    progress, _ = run(tmpdir, "a", lines.append, **changes)
    at = progress.diverged_at
    assert progress.iterations == [one for one in AT if one < at] and 0 < at < 12
    assert np.isfinite([list(row.values()) for row in progress.rows]).all()
    for part in ("quick, seed 1: DIVERGED", f"at iteration {at} ", "900"):
        assert part in lines[-1]
    again, _ = run(tmpdir, "a", lines.append, **changes)  # from its progress
    assert again.diverged_at == at and again.rows == progress.rows
    fine, _ = run(tmpdir, "fine")
    assert fine.diverged_at is None


def evaluate_to_nan(monkeypatch, call):
    """Let the evaluation of a number, from 1, find a loss that is not finite."""
    evaluate, calls = Trainer.evaluate, []

    def diverged(trainer):
        calls.append(trainer)
        measures = evaluate(trainer)
        return dict(measures, test_loss=float("nan")) if len(calls) == call else measures

    monkeypatch.setattr(Trainer, "evaluate", diverged)


def test_weights_that_diverge_in_the_last_step_are_no_checkpoint(tmpdir, monkeypatch):
    evaluate_to_nan(monkeypatch, len(AT))
    progress, _ = run(tmpdir)
    assert progress.diverged_at == 12 and progress.iterations == AT[:-1]


def test_a_loss_that_is_not_finite_at_the_initial_weights_is_an_error(tmpdir, monkeypatch):
    evaluate_to_nan(monkeypatch, 1)
    with pytest.raises(DivergenceError, match="bptt, seed 1: .* at the initial weights; change"):
        run(tmpdir)


class CarryingTask(LongerTask):
    """A task whose batches go on from the state in which the one before has ended."""

    carries_state = True


def dale(**rewiring):
    """Return the settings of a network under Dale's law."""
    return network_settings(n_units=9, excitatory=0.75, rewiring=rewiring)


def with_noise(name, input_noise):
    """Return one of :data:`SPIKING_NETWORKS` with noise in the input current."""
    settings = SPIKING_NETWORKS[name]
    return settings._replace(neurons=dict(settings.neurons, input_noise=input_noise))


VARIANTS = {
    "adam": (network_settings(n_units=9), SmallTask, {"optimiser": "adam"}),
    "dale": (dale(), SmallTask, {"learning_rate": 0.2}),
    "dale_adam": (dale(), SmallTask, {"optimiser": "adam"}),
    "deep_r": (dale(connectivity=0.5, l1=0.1, temperature=0.1), SmallTask, {}),
    "deep_r_adam": (dale(connectivity=0.5, l1=0.1), SmallTask, {"optimiser": "adam"}),
    "carried": (SPIKING_NETWORKS["all"], CarryingTask, {}),
    "noise": (with_noise("alif", 0.2), LongerTask, {}),
}
# Every part of training, each of which is to have changed something at iteration 4.
OPTIONS = {
    "step_decay": {"factor": 0.5, "every": 3},
    "cosine": {"iterations": 10, "final": 0.1},
    "ramp": {"iterations": 8, "start": 0.2},
    "sam": {"rho": 0.1},
    "pull": {"strength": 0.5},
}
VARIANTS.update(
    (name, (network_settings(n_units=9), SmallTask, {"parts": {name: options}}))
    for name, options in OPTIONS.items()
)
VARIANTS["all_parts_adam"] = (
    dale(connectivity=0.5),
    SmallTask,
    {"optimiser": "adam", "parts": OPTIONS, "trainable": ["w_in", "w_rec"]},
)


def test_every_part_is_among_the_variants():
    assert set(OPTIONS) == set(PARTS), "OPTIONS above has options for each part"


def run_variant(folder, name, log=lambda line: None, iterations=12, earlier=None):
    """Train a network of :data:`VARIANTS`."""
    settings_of_network, task, training = VARIANTS[name]
    training = dict({"batch_size": 10, "learning_rate": 0.05}, **training)
    schedule = dict(SCHEDULE, iterations=iterations)
    study = parse_study({"conditions": {"bptt": schedule}, "training": training})
    loss = loss_settings(l2=0.01, rate_cost=1.0, target_rate=100.0)
    network = Network(settings_of_network, loss, task(), seed=1)
    progress = os.path.join(str(folder), "progress")
    return train(network, study.training_settings("bptt", 1), progress, log, earlier=earlier)


SLOW = ("dale_adam", "deep_r_adam", "noise", "step_decay", "cosine", "ramp")


def stopping():
    """Return a log that stops a run at its fifth line."""
    lines = iter(range(4))
    return lambda line: next(lines, None) is None and stop()


def stop():
    raise Stop


@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in sorted(VARIANTS)
    ],
)
def test_whatever_a_run_depends_on_is_kept_when_it_is_stopped(tmpdir, name):
    seen = []

    def log(line):
        seen.append(line)
        if len(seen) == 5:
            raise Stop

    with pytest.raises(Stop):
        run_variant(tmpdir.mkdir("stopped"), name, log)
    stopped = run_variant(tmpdir.join("stopped"), name, seen.append)
    assert "going on from iteration 4 kept in" in seen[5]
    whole = run_variant(tmpdir.mkdir("whole"), name)
    assert_are_the_same(stopped, whole)


def test_a_run_starts_from_given_weights_counts_from_0_and_resumes_to_the_same_bits(tmpdir):
    source, _ = run(tmpdir, "source")
    start = checkpoints.weights_at(source.arrays, -1)

    def on(name, log=lambda line: None, start=start):
        network, _ = small_network(seed=1)
        pull = {"batch_size": 10, "parts": {"pull": {"strength": 0.5}}}
        study = parse_study({"conditions": {"rflo": SCHEDULE}, "training": pull})
        progress = os.path.join(str(tmpdir), name, "progress")
        return train(network, study.training_settings("rflo", 1), progress, log, start=start)

    whole = on("whole")
    assert whole.iterations == AT
    for name in PARAMETERS:
        assert np.array_equal(whole.arrays[name][0], start[name])
    # It is pulled to where it started, and its feedback is that of a run from the beginning.
    fresh = on("fresh", start=None)
    assert np.array_equal(whole.arrays["rule/feedback"], fresh.arrays["rule/feedback"])
    assert not np.array_equal(whole.arrays["w_rec"][1], start["w_rec"])
    with pytest.raises(Stop):
        on("stopped", stopping())
    assert_are_the_same(on("stopped"), whole)
    # Progress of a run from other weights is not gone on with.
    with pytest.raises(Stop):
        on("other", stopping())
    assert_are_the_same(on("other", start=None), fresh)


def assert_are_the_same(found, expected):
    """Assert that two runs have the same checkpoints, to the bit, and learning curves."""
    assert list(found.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        assert np.array_equal(array, found.arrays[name]), name
    assert found.rows == expected.rows


@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("name", ["deep_r", "adam", "carried"])
def test_a_longer_run_goes_on_from_a_shorter_one(tmpdir, name):
    """To the bit as if it had been long from the start, from files that say all it depends on."""
    shorter = run_variant(tmpdir.mkdir("shorter"), name, iterations=8)
    path = os.path.join(str(tmpdir), "checkpoints.npz")
    checkpoints.write(path, shorter.arrays, {})
    rows = [{key: repr(value) for key, value in row.items()} for row in shorter.rows]  # as in CSV
    lines = []
    longer = run_variant(
        tmpdir.mkdir("longer"), name, lines.append, earlier=(checkpoints.read(path)[0], rows)
    )
    assert "going on from iteration 8 kept in" in lines[0] and len(lines) == 2
    assert_are_the_same(longer, run_variant(tmpdir.mkdir("whole"), name))


def test_the_progress_of_a_shorter_run_is_used_by_a_longer_one_and_not_the_other_way(tmpdir):
    shorter = run_variant(tmpdir.mkdir("run"), "adam", iterations=8)
    lines = []
    longer = run_variant(tmpdir.join("run"), "adam", lines.append)
    assert "going on from iteration 8 kept in" in lines[0]
    assert_are_the_same(longer, run_variant(tmpdir.mkdir("whole"), "adam"))
    rows = shorter.rows[: AT.index(8) + 1]
    again = run_variant(tmpdir.join("run"), "adam", lines.append, iterations=8)
    assert "of a run with more iterations" in lines[2]
    assert again.rows == rows


@pytest.mark.parametrize("name", ["deep_r", "deep_r_adam"])
def test_the_number_of_connections_is_constant_and_signs_are_kept(tmpdir, name):
    progress = run_variant(tmpdir, name)
    for weight in ("w_in", "w_rec", "w_out"):
        stacked = np.array(progress.arrays[weight])
        counts = np.count_nonzero(stacked, axis=(1, 2))
        n_units = stacked.shape[1]
        possible = stacked[0].size - (n_units if weight == "w_rec" else 0)
        assert set(counts) == {int(round(0.5 * possible))}
        assert np.any((stacked[0] != 0) != (stacked[-1] != 0))  # some were rewired
        signs = np.sign(stacked).sum(axis=(0, 2))
        assert np.array_equal(np.abs(signs), np.abs(np.sign(stacked)).sum(axis=(0, 2)))


@pytest.mark.parametrize("name", ["dale", "dale_adam"])
def test_dales_law_is_at_work_in_the_run_that_is_stopped(tmpdir, name):
    """There are weights at 0 when it is stopped, and none at its start."""
    stacked = np.array(run_variant(tmpdir, name).arrays["w_in"])
    assert stacked[0].all()
    assert not stacked[1].all()


@pytest.mark.parametrize(
    "connectivity, excitatory, kind",
    [
        (1.0, "none", type(None)),
        (0.99, "none", Rewiring),
        (0.5, 0.75, Rewiring),
        (1.0, 0.75, DalesLaw),
        (1.0, 0.0, DalesLaw),
    ],
)
def test_sparse_networks_are_rewired_and_dense_ones_may_obey_dales_law(
    connectivity, excitatory, kind
):
    settings = network_settings(
        n_units=9, excitatory=excitatory, rewiring={"connectivity": connectivity}
    )
    network = Network(settings, loss_settings(), SmallTask(), seed=1)
    weights, keeper = start_of_run(network)
    assert type(keeper) is kind
    for name, initial in network.initial_weights().items():
        start = keeper.start.get(name, initial) if keeper else initial
        assert np.array_equal(weights[name], start)
        there = weights[name] != 0.0
        assert np.array_equal(np.abs(weights[name])[there], np.abs(initial)[there])
    rows = [set(np.sign(row)) - {0.0} for row in weights["w_rec"]]
    assert all(len(signs) <= 1 for signs in rows) == (excitatory != "none")


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_signs_under_dales_law_at_every_one_of_200_steps(optimiser):
    network = Network(dale(), loss_settings(l2=0.0), SmallTask(), seed=1)
    settings = training_settings(optimiser=optimiser, learning_rate=0.05)
    weights, law = start_of_run(network)
    trainer = Trainer(network, BPTT(), settings, weights, rewiring=law)
    gone = {name: np.zeros(weights[name].shape, bool) for name in REWIRED}
    n_back = 0
    for iteration in range(200):
        trainer.step(*network.task.batch(iteration, 10))
        for name, weight in trainer.current_weights().items():
            if name in REWIRED:
                assert np.all(weight * law.signs[name] >= 0.0)
                n_back += np.count_nonzero(gone[name] & (weight != 0.0))
                gone[name] = weight == 0.0
    assert n_back > 0


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_connections_and_signs_at_every_one_of_1000_steps(optimiser):
    network = Network(dale(connectivity=0.5, l1=0.05), loss_settings(l2=0.0), SmallTask(), seed=1)
    settings = training_settings(optimiser=optimiser, learning_rate=0.02)
    weights, rewiring = start_of_run(network)
    trainer = Trainer(network, BPTT(), settings, weights, rewiring=rewiring)
    seen = {name: weights[name] != 0.0 for name in REWIRED}
    for iteration in range(1000):
        trainer.step(*network.task.batch(iteration, 10))
        for name, weight in trainer.current_weights().items():
            if name in REWIRED:
                assert np.count_nonzero(weight) == np.count_nonzero(weights[name])
                assert np.all(weight * rewiring.signs[name] >= 0.0)
                seen[name] |= weight != 0.0
    for name in REWIRED:
        assert np.count_nonzero(seen[name]) > np.count_nonzero(weights[name])


def test_adam_is_adam():
    """The first two steps against the equations of Kingma and Ba (2015), algorithm 1."""
    network, weights = small_network()
    settings = training_settings(learning_rate=0.01, optimiser="adam")
    trainer = Trainer(network, BPTT(), settings, weights)
    expected, m, v = weights["w_rec"].astype(np.float64), 0.0, 0.0
    for t in (1, 2):
        batch = network.task.batch(t, 10)
        feed = {trainer.inputs: batch[0], trainer.targets: batch[1]}
        gradient = trainer.session.run(trainer.gradients["w_rec"], feed).astype(np.float64)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        expected = expected - rate * m / (np.sqrt(v) + 1e-8)
        trainer.step(*batch)
    assert trainer.current_weights()["w_rec"] == pytest.approx(expected, abs=1e-6)


def test_a_bias_that_the_task_does_not_have_stays_zero():
    class WithoutBias(SmallTask):
        readout_bias = False

    network = Network(network_settings(n_units=9), loss_settings(), WithoutBias(), seed=3)
    weights = network.initial_weights()
    trainer = Trainer(network, BPTT(), training_settings(), weights)
    trainer.step(*network.task.batch(0, 10))
    after = trainer.current_weights()
    assert not after["b_out"].any()
    assert not np.array_equal(after["w_out"], weights["w_out"])


@pytest.mark.usefixtures("in_a_loop")
def test_the_state_is_carried_from_batch_to_batch():
    """Two batches of a half are one of the whole, in value."""
    network = Network(SPIKING_NETWORKS["all"], loss_settings(l2=0.0), CarryingTask(), seed=3)
    weights = network.initial_weights()
    trainer = Trainer(network, BPTT(), training_settings(learning_rate=1e-12), weights)
    inputs, targets = network.task.examples("train", np.arange(8))
    trainer.step(inputs, targets)
    first = trainer.memory()
    trainer.step(inputs, targets)
    second = trainer.memory()
    network.task.n_steps = 24
    with tf.Graph().as_default() as graph:
        tensors = {key: tf.constant(value) for key, value in weights.items()}
        response = network.respond(tensors, tf.constant(np.concatenate([inputs, inputs])))
        fetches = [response.final_state, response.mean_activity]
        state, activity = new_session(graph).run(fetches)
    whole = flatten(state)
    assert activity > 0.02
    assert len(whole) == len([name for name in second if name.startswith("state_")])
    for i, part in enumerate(whole):
        assert second[f"state_{i}"] == pytest.approx(part, abs=1e-6)
    assert not np.array_equal(first["state_0"], second["state_0"])


def test_training_ends_when_the_accuracy_is_good_enough(tmpdir):
    training = {"batch_size": 10, "stop": {"measure": "accuracy", "above": 0.01}}
    study = parse_study({"conditions": {"bptt": SCHEDULE}, "training": training})
    network, _ = small_network(seed=1)
    folder = os.path.join(str(tmpdir), "progress")
    settings = study.training_settings("bptt", 1)
    for _ in range(2):  # also when it goes on from progress that says so
        assert train(network, settings, folder).iterations == [0]


@pytest.mark.parametrize(
    "stop, series, last",
    [
        ({"measure": "accuracy", "above": 0.5}, [0.2, 0.5, 0.7, 0.1], 2),
        ({"measure": "accuracy", "below": 0.5}, [0.9, 0.5, 0.5, 0.5, 0.6, 0.4, 0.9], 8),
        ({"measure": "loss", "below": 1.5}, [2.0, 1.4, 3.0, 1.0], 1),
        ({"measure": "loss", "above": 1.5}, [1.6, 1.4, 3.0, 1.0], 0),
        ({"measure": "loss", "below": 1.5, "split": "train"}, [2.0, 1.6, 1.4, 3.0], 2),
        ({"measure": "accuracy", "above": 0.5, "split": "test"}, [0.2, 0.7, 0.1], 1),
        ({"measure": "loss", "below": 0.0}, [2.0, 1.4, 3.0, 1.0, 1.0, 1.0, 0.0], 12),
        ({}, [2.0, 1.4, 3.0, 1.0, 1.0, 1.0, 1.0], 12),
    ],
)
def test_training_ends_at_the_first_checkpoint_beyond_the_bound(
    tmpdir, monkeypatch, stop, series, last
):
    """On its split: at every checkpoint the other splits are beyond it."""
    beyond = 9.0 if "above" in stop else -9.0
    splits = {"train", "validation", "test"}
    of_stop = stop.get("split", "validation")
    name = stop.get("measure", "loss")
    values = iter(series)

    def made_up(trainer):
        measures = dict.fromkeys(learning_curve_names(trainer.task), 0.0)
        measures.update({split + "_" + name: beyond for split in splits - {of_stop}})
        measures[of_stop + "_" + name] = next(values)
        return measures

    monkeypatch.setattr(Trainer, "evaluate", made_up)
    study = parse_study(
        {"conditions": {"bptt": SCHEDULE}, "training": {"batch_size": 10, "stop": stop}}
    )
    network, _ = small_network(seed=1)
    folder = os.path.join(str(tmpdir), "progress")
    for _ in range(2):  # also when it goes on from progress that says so
        progress = train(network, study.training_settings("bptt", 1), folder)
        assert progress.iterations == AT[: AT.index(last) + 1]


def test_training_ends_where_the_loss_on_training_examples_is_small_enough(tmpdir):
    network, _ = small_network(seed=1)
    of_run = settings(learning_rate=0.1)
    whole = train(network, of_run, os.path.join(str(tmpdir), "whole"))
    losses = [row["train_loss"] for row in whole.rows]
    bound = (losses[2] + losses[3]) / 2
    assert min(losses[:3]) > bound > losses[3]
    assert whole.rows[3]["validation_loss"] > bound  # another split would not end it there
    of_run["training"]["stop"] = {"measure": "loss", "below": bound, "split": "train"}
    stopped = train(network, of_run, os.path.join(str(tmpdir), "stopped"))
    assert stopped.iterations == whole.iterations[:4]


def test_a_further_test_that_overflows_is_no_divergence(tmpdir, monkeypatch):
    """Units that drive themselves grow until the end of the sequence."""
    task = {"name": "delayed_match", "n_train": 10, "delay": 0, "tests": {"far": {"delay": 80}}}
    network = Network(network_settings(n_units=9), loss_settings(), new_task(task, "data", 1), 1)
    weights = network.initial_weights()
    weights["w_rec"] = np.full((9, 9), 0.5, np.float32)
    weights["w_in"] = np.abs(weights["w_in"])
    row = Trainer(network, BPTT(), training_settings(), weights).evaluate()
    assert np.isnan(row["far_loss"]) and np.isfinite(row["test_loss"])
    assert not [name for name, value in row.items() if np.isnan(value) and "far_" not in name]

    monkeypatch.setattr(network, "initial_weights", lambda: weights)
    result = train(network, settings(learning_rate=1e-9), str(tmpdir), lambda line: None)
    assert result.diverged_at is None and result.iterations == AT


def test_a_standard_error_of_one_example_is_missing_and_no_divergence(tmpdir):
    class OneTest(SmallTask):
        evaluation_sizes = dict(SmallTask.sizes, test=1)

    network = Network(network_settings(n_units=9), loss_settings(), OneTest(), seed=1)
    result = train(network, settings(), os.path.join(str(tmpdir), "progress"), lambda line: None)
    assert result.diverged_at is None and result.iterations == AT
    for row in result.rows:
        assert np.isnan([row["test_loss_se"], row["test_accuracy_se"]]).all()
        assert row["train_loss_se"] > 0.0
        p, n = row["train_accuracy"], 40
        assert row["train_accuracy_se"] == pytest.approx(np.sqrt(p * (1.0 - p) / (n - 1)), rel=1e-5)


class Regression(FiniteTask):
    """Numbers for answers: the mean of the inputs of 6 steps, and their largest."""

    measures = (Measure("loss", "squared error"), Measure("deviation", "deviation"))
    n_steps = 6
    n_in = 3
    n_out = 2
    sizes = {"train": 40, "validation": 20, "test": 10}
    evaluation_batch = 7  # divides none of them

    def placeholders(self):
        inputs = tf.placeholder(tf.float32, [self.n_steps, None, self.n_in])
        return inputs, tf.placeholder(tf.float32, [None, self.n_out])

    def examples(self, split, indices):
        random = np.random.RandomState(self.sizes[split])
        inputs = random.rand(self.n_steps, self.sizes[split], self.n_in).astype(np.float32)
        targets = np.stack([inputs.mean(axis=(0, 2)), inputs.max(axis=(0, 2))], axis=1)
        return inputs[:, indices], targets[indices]

    def loss(self, outputs, targets, average=mean):
        return average(tf.transpose(tf.square(outputs[0] - targets)))

    def deviation(self, outputs, targets, average=mean):
        return average(tf.transpose(tf.abs(outputs[0] - targets)))


def test_a_task_with_measures_of_its_own_is_trained(tmpdir):
    task = Regression("no such folder", seed=1)
    network = Network(network_settings(n_units=9), loss_settings(), task, seed=1)
    folder = os.path.join(str(tmpdir), "progress")
    lines = []
    of_run = settings(learning_rate=0.1)
    progress = train(network, of_run, folder, lines.append)
    names = [f"{s}_{m}" for s in task.sizes for m in ("loss", "deviation")]
    errors = [name + "_se" for name in names]
    assert learning_curve_names(task) == names + errors + ["l2_loss", "mean_activity"]
    rows = progress.rows
    assert sorted(rows[0]) == sorted([*learning_curve_names(task), "iteration"])
    assert rows[-1]["train_loss"] < 0.5 * rows[0]["train_loss"]
    assert "  deviation: train {:.4f}".format(rows[0]["train_deviation"]) in lines[0]
    for i in (0, -1):
        with tf.Graph().as_default() as graph:
            weights = {name: tf.constant(progress.arrays[name][i]) for name in PARAMETERS}
            examples = {split: task.examples(split, slice(None)) for split in task.sizes}
            fetches = {s: network.respond(weights, tf.constant(examples[s][0])) for s in examples}
            fetches = {split: response.logits for split, response in fetches.items()}
        for split, outputs in new_session(graph).run(fetches).items():
            errors = outputs[0] - examples[split][1]
            assert rows[i][split + "_loss"] == pytest.approx(np.mean(errors**2), rel=1e-5)
            assert rows[i][split + "_deviation"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
            for name, by_example in [
                ("loss", np.mean(errors.astype(np.float64) ** 2, axis=1)),
                ("deviation", np.mean(np.abs(errors.astype(np.float64)), axis=1)),
            ]:
                expected = by_example.std(ddof=1) / np.sqrt(len(by_example))
                assert rows[i][f"{split}_{name}_se"] == pytest.approx(expected, rel=1e-4)
    bound = (rows[0]["validation_deviation"] + rows[1]["validation_deviation"]) / 2
    of_run["training"]["stop"] = {"measure": "deviation", "below": bound}
    folder = os.path.join(str(tmpdir), "stopped")
    assert train(network, of_run, folder).iterations == [0, 1]
