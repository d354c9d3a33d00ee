"""Tasks whose few training trials are drawn: what is in them, and what is new in the test."""

import os

import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.curvature.hessian import hessian_of
from lsnn.learning_rules import LEARNING_RULES
from lsnn.network import Network
from lsnn.randomness import generator
from lsnn.storage import checkpoints
from lsnn.study.config import parse_study, read_study
from lsnn.tasks import TASKS, new_task
from lsnn.tasks.base import mean_by_example
from lsnn.training import Trainer
from rule_oracle import Run, errors_at_outputs
from small import (
    NETWORKS,
    change_of_gradient,
    loss_settings,
    relative_error,
    training_settings,
)

HERE = os.path.dirname(os.path.abspath(__file__))
COMMITTED = os.path.join(HERE, "..", "..", "results", "committed")
DRAWN = ["pattern_generation", "delayed_match"]


def task_of(name, seed=1, **options):
    return new_task(dict(options, name=name), "no such folder", seed)


def everything(task, split):
    task, split = task.of_split(split)
    return task.examples(split, np.arange(task.sizes[split]))


@pytest.mark.parametrize("name", DRAWN)
def test_examples_are_a_function_of_the_seed_alone(name):
    first = task_of(name)
    for _ in range(2):
        first.batch(7, 5)
    again = task_of(name, tests={})  # what else is asked for changes nothing
    for split in ("train", "validation", "test"):
        for one, two in zip(everything(first, split), everything(again, split)):
            assert np.array_equal(one, two)
    other = task_of(name, seed=2)
    assert not np.array_equal(everything(first, "train")[0], everything(other, "train")[0])
    inputs, targets = everything(first, "train")
    assert inputs.dtype == np.float32 and targets.dtype in (np.float32, np.int32)
    assert inputs.shape == (first.n_steps, first.sizes["train"], first.n_in)


@pytest.mark.parametrize("name", DRAWN)
def test_a_whole_batch_is_every_training_trial_once(name):
    task = task_of(name)
    wanted = everything(task, "train")[0]
    for iteration in range(3):
        inputs, _ = task.batch(iteration, task.sizes["train"])
        assert sorted(one.tobytes() for one in inputs.transpose(1, 0, 2)) == sorted(
            one.tobytes() for one in wanted.transpose(1, 0, 2)
        )


@pytest.mark.parametrize("name", DRAWN)
def test_no_trial_is_in_two_splits_and_their_noise_is_independent(name):
    task = task_of(name, n_train=500)
    trials = {split: everything(task, split)[0].transpose(1, 0, 2) for split in task.splits}
    seen = [one.tobytes() for split in trials for one in trials[split]]
    assert len(set(seen)) == len(seen)
    noise = {
        split: (everything(task, split)[0] - signal(task, split))[:, :500].ravel()
        for split in trials
    }
    for one, two in [("train", "test"), ("train", "validation"), ("validation", "test")]:
        n = min(len(noise[one]), len(noise[two]))
        assert abs(np.corrcoef(noise[one][:n], noise[two][:n])[0, 1]) < 4 / np.sqrt(n)


def signal(task, split, instance="fixed"):
    """Return the inputs of a split without noise, those of the same draws."""
    options = {"noise": 0, "tests": {"noisy_test": {"noise": 0}}, "instance": instance}
    name = next(name for name, one in TASKS.items() if isinstance(task, one))
    if split == "train":
        options["n_train"] = task.sizes["train"]
    if name == "delayed_match":
        options["n_patterns"] = len(task.patterns)
    return everything(task_of(name, task.seed, **options), split)[0]


@pytest.mark.slow_on("2")
@pytest.mark.parametrize("name, sd, noisy", [(DRAWN[0], 0.5, 0.75), (DRAWN[1], 1.2, 1.8)])
def test_noise_is_on_every_input_and_step_and_scaled_up_in_the_noisy_test(name, sd, noisy):
    task = task_of(name)
    noise = everything(task, "test")[0] - signal(task, "test")
    n = noise.shape[1]
    assert noise.std() == pytest.approx(sd, rel=0.01)
    by_place = noise.std(axis=1)
    assert np.abs(by_place / sd - 1).max() < 5 / np.sqrt(2 * n)
    assert np.abs(noise.mean(axis=1)).max() < 5 * sd / np.sqrt(n)
    more = everything(task, "noisy_test")[0] - signal(task, "noisy_test")
    assert more == pytest.approx(noise * noisy / sd, abs=1e-5)
    wanted = [everything(task, split)[1] for split in ("test", "noisy_test")]
    assert np.array_equal(*wanted)


def of_study(task):
    """Return a configuration with a task of any number of trials."""
    return {"task": task, "training": {"batch_size": 1}, "hessian": []}


@pytest.mark.parametrize("name", sorted(set(TASKS) - {"sequences"}))  # which a file says
def test_a_task_tells_its_splits_before_data_are_read(name):
    task, study = new_task({"name": name}, "data", 1), parse_study(of_study({"name": name}))
    assert task.splits == study.splits and list(task.sizes) == list(task.evaluation_sizes)
    of_tests, outline = study.setup().outlines_of_tests, study.setup().outline
    outlines = dict(of_tests, **{"": outline})
    assert list(of_tests) == list(task.tests)
    for split, outline in outlines.items():
        for key in ("n_steps", "n_in", "n_out", "sizes", "evaluation_sizes"):
            assert outline[key] == getattr(task.tests.get(split, task), key), key


@pytest.mark.parametrize("name", ["delayed_match_2", "delayed_match_4", "pattern_generation"])
def test_trials_are_to_the_bit_those_of_the_committed_studies(name):
    study = read_study(os.path.join(COMMITTED, name, "config.yaml"))
    path = os.path.join(COMMITTED, name, "examples.npz")
    arrays, metadata = checkpoints.read(path, ("inputs", "targets"))
    task = new_task(study.task, "no such folder", metadata["seed"])
    inputs, targets = task.examples("train", np.arange(4))
    assert np.array_equal(inputs, arrays["inputs"])
    assert targets == pytest.approx(arrays["targets"], abs=1e-6)  # sines differ in their last bit


def drawn_once(task, instance):
    """Return what a task draws once for all of its trials, as arrays."""
    if hasattr(task, "patterns"):
        return [task.patterns]
    return [signal(task, "train", instance)[:, 0], task.target]


@pytest.mark.slow_on("2")
@pytest.mark.parametrize("name", DRAWN)
def test_by_seed_the_instance_differs_and_nothing_else(name):
    tasks = {
        (instance, seed): task_of(name, seed, instance=instance)
        for instance in ("fixed", "by_seed")
        for seed in (1, 2)
    }
    again = drawn_once(task_of(name, 2, instance="by_seed"), "by_seed")
    for i, expected in enumerate(again):
        found = {key: drawn_once(task, key[0])[i] for key, task in tasks.items()}
        assert np.array_equal(found["by_seed", 2], expected)
        assert np.array_equal(found["fixed", 1], found["fixed", 2])
        for key in [("fixed", 1), ("by_seed", 1)]:
            assert np.abs(found[key] - expected).max() > 0.1
    for split in tasks["fixed", 1].splits:
        (noise, targets), (expected, of_fixed) = (
            (inputs - signal(tasks[instance, 1], split, instance), targets)
            for instance in ("by_seed", "fixed")
            for inputs, targets in [everything(tasks[instance, 1], split)]
        )
        assert np.abs(noise - expected).max() < 1e-5 and expected.std() > 0.1
        assert np.array_equal(targets, of_fixed) == (name == "delayed_match")


# Pattern generation.


def test_the_target_is_a_sum_of_four_sinusoids():
    task = task_of("pattern_generation")
    target = task.target.astype(float)
    assert target.shape == (50,)
    assert target.mean() == pytest.approx(0.0, abs=1e-6)
    assert np.abs(target).max() == pytest.approx(1.0)
    amplitudes = np.abs(np.fft.rfft(target))
    cycles = [1, 2, 3, 5]
    assert np.delete(amplitudes, cycles).max() < 1e-5
    # Weights are from 0.5 to 2, so that none is more than four times another.
    assert amplitudes[cycles].max() / amplitudes[cycles].min() <= 4
    for seed in (1, 2):
        wanted = everything(task_of("pattern_generation", seed), "train")[1]
        assert wanted.shape == (50, 20) and (wanted == task.target[:, np.newaxis]).all()


def test_the_pattern_is_the_same_in_every_run():
    patterns = [
        everything(task_of("pattern_generation", seed, n_train=2000), "train")[0].mean(axis=1)
        for seed in (1, 2)
    ]
    assert np.abs(patterns[0] - patterns[1]).max() < 5 * 0.5 * np.sqrt(2 / 2000)
    assert patterns[0].std() == pytest.approx(0.5, rel=0.05)  # of 1,000 numbers


def test_the_loss_of_a_pattern_is_the_mean_over_steps_and_trials():
    task = task_of("pattern_generation", n_steps=12)
    targets = everything(task, "train")[1][:, :3]
    outputs = np.random.RandomState(1).randn(12, 3, 1).astype(np.float32)
    with tf.Graph().as_default() as graph:
        loss = task.loss(tf.constant(outputs), tf.constant(targets))
        of_trials = task.loss(tf.constant(outputs), tf.constant(targets), average=mean_by_example)
    squares = (outputs[:, :, 0] - targets) ** 2
    loss, of_trials = new_session(graph).run([loss, of_trials])
    assert loss == pytest.approx(np.mean(squares))
    assert of_trials == pytest.approx(np.mean(squares, axis=0))


# Delayed match to sample.


@pytest.mark.parametrize("n_patterns", [2, 4])
def test_the_test_pattern_is_the_sample_half_of_the_time_else_any_other(n_patterns):
    task = task_of("delayed_match", n_patterns=n_patterns, noise=0)
    inputs, targets = everything(task, "test")
    n = len(targets)
    shown = {}
    for part, steps in (("sample", range(4)), ("test", range(16, 20))):
        for step in steps:
            distances = np.abs(inputs[step][:, np.newaxis] - task.patterns).max(axis=2)
            assert (distances.min(axis=1) < 1e-6).all()
            found = distances.argmin(axis=1)
            assert np.array_equal(shown.setdefault(part, found), found)
    assert (inputs[4:16] == 0).all()
    assert np.array_equal(targets, shown["sample"] == shown["test"])
    assert abs(targets.mean() - 0.5) < 4 * 0.5 / np.sqrt(n)
    pairs = np.zeros((n_patterns, n_patterns))
    np.add.at(pairs, (shown["sample"], shown["test"]), 1)
    expected = np.full(pairs.shape, n / 2 / n_patterns / (n_patterns - 1))
    np.fill_diagonal(expected, n / 2 / n_patterns)
    assert np.abs(pairs - expected).max() < 4.5 * np.sqrt(expected.max())


def test_patterns_are_the_same_in_every_run_and_delay_and_sizes_are_options():
    patterns = [task_of("delayed_match", seed, n_patterns=1000).patterns for seed in (1, 2)]
    assert np.array_equal(*patterns)
    assert patterns[0].std() == pytest.approx(1.0, rel=0.05)
    assert np.array_equal(task_of("delayed_match").patterns, patterns[0][:2])
    task = task_of("delayed_match", delay=0, n_train=3)
    assert everything(task, "train")[0].shape == (8, 3, 8)


# Evidence accumulation.


def test_sequences_are_shared_out_and_balanced():
    held_out = []
    for seed in (1, 2):
        task = task_of("evidence_accumulation", seed)
        sizes = [len(task.sequences[split]) for split in ("train", "validation", "test")]
        assert sizes == [64, 32, 32]
        rows = np.concatenate(list(task.sequences.values()))
        assert len({tuple(row) for row in rows}) == 128  # none twice: no overlap
        for split, sequences in task.sequences.items():
            mirrored = {tuple(1 - row) for row in sequences}
            assert mirrored == {tuple(row) for row in sequences}
            targets = task.examples(split, np.arange(len(sequences)))[1]
            assert targets.sum() == len(sequences) / 2
            assert np.array_equal(targets, (sequences.sum(axis=1) >= 4).astype(int))
        held_out.append({tuple(row) for row in task.sequences["test"]})
    assert held_out[0] != held_out[1]


def test_spikes_have_the_rates_of_cues_recall_and_background():
    task = task_of("evidence_accumulation")
    inputs, targets = task.batch(0, 64)
    assert inputs.shape == (2000, 64, 40) and inputs.dtype == np.uint8
    assert set(np.unique(inputs)) == {0, 1}
    groups = inputs.reshape(2000, 64, 4, 10)
    intervals = groups[:1050].reshape(7, 150, 64, 4, 10)
    on, off = intervals[:, :100, :, :2], intervals[:, 100:, :, :2]
    assert off.sum() == groups[1050:, :, :2].sum() == 0
    sides = on.sum(axis=(1, 4)).argmax(axis=2)  # (7, 64)
    assert (on.sum(axis=(1, 4)) > 0).sum() == 7 * 64  # one side a cue
    assert np.array_equal(targets, (sides.sum(axis=0) >= 4).astype(int))
    assert on.sum() / (7 * 64 * 100 * 10) == pytest.approx(0.04, rel=0.05)
    assert groups[1850:, :, 2].mean() == pytest.approx(0.04, rel=0.05)
    assert groups[:1850, :, 2].sum() == 0
    assert groups[:, :, 3].mean() == pytest.approx(0.01, rel=0.05)


def test_an_epoch_shows_every_sequence_with_new_spikes_and_none_that_is_held_out():
    task = task_of("evidence_accumulation", cue_steps=30, cue_interval=30, delay=0, recall_steps=1)

    def shown(inputs):
        cues = inputs[:210].reshape(7, 30, -1, 40).sum(axis=1)
        return {tuple(row) for row in (cues[:, :, 10:20].sum(axis=2) > 0).astype(int).T}

    batches = [task.batch(iteration, 64)[0] for iteration in range(2)]
    for inputs in batches:
        assert shown(inputs) == {tuple(row) for row in task.sequences["train"]}
    assert not np.array_equal(*batches)
    assert np.array_equal(task.batch(1, 64)[0], batches[1])
    three, one = task.examples("test", np.arange(3))[0], task.examples("test", np.array([2]))[0]
    assert np.array_equal(three[:, 2:], one)


# Further tests.

VARIED = {
    "delayed_match": ({"n_train": 10, "delay": 3}, {"delay": 8, "noise": 0.5}),
    "pattern_generation": ({"n_steps": 12, "n_inputs": 3}, {"noise": 2.0}),
    "store_recall": (
        {"n_symbols": 4, "symbol_steps": 2, "group_size": 2},
        {"n_symbols": 6, "symbol_steps": 3, "input_rate": 200.0},
    ),
    "evidence_accumulation": (
        {
            "n_cues": 3,
            "cue_steps": 2,
            "cue_interval": 3,
            "recall_steps": 3,
            "n_train": 4,
            "delay": 4,
        },
        {"delay": 9, "cue_steps": 3},
    ),
}


def evaluated(task):
    """Return the weights of a new network, and its row of the learning curve."""
    network = Network(NETWORKS["adaptive"], loss_settings(), task, seed=1)
    weights = network.initial_weights()
    trainer = Trainer(network, LEARNING_RULES["bptt"](), training_settings(), weights)
    return network, weights, trainer.evaluate()


@pytest.mark.slow_on("2")
@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("name", sorted(VARIED))
def test_a_further_test_is_the_test_of_the_task_with_its_options(name):
    own, changed = VARIED[name]
    row = evaluated(task_of(name, tests={"other": changed, "the_same": changed}, **own))[2]
    without = evaluated(task_of(name, tests={}, **own))[2]
    for key, value in without.items():
        assert row[key] == value  # to the bit: nothing else is changed by it
    expected = evaluated(task_of(name, tests={}, **dict(own, **changed)))[2]
    of_test = [key for key in expected if key.startswith("test_")]
    for key in of_test:
        found = [row[key.replace("test", split, 1)] for split in ("other", "the_same")]
        assert found[0] == found[1] == pytest.approx(expected[key], rel=1e-5)
    assert len(row) == len(without) + 2 * len(of_test)
    assert row["other_loss"] != row["test_loss"]


def test_a_longer_delay_has_the_trials_of_the_test_and_the_loss_of_the_oracle():
    tests = {"long_delay": {"delay": 9}, "noisy_test": {"noise": 2.4}}
    task = task_of("delayed_match", delay=3, tests=tests)
    (short, targets), (long, same_targets), (noisy, _) = (
        everything(task, split) for split in ("test", "long_delay", "noisy_test")
    )
    assert short.shape == noisy.shape == (11, 2000, 8) and long.shape == (17, 2000, 8)
    assert np.array_equal(targets, same_targets)
    # The draws of the test, by hand.
    random = generator(1, "delayed_match", "test")
    targets_by_hand, sample, _ = (random.randint(n, size=2000) for n in (2, 2, 1))
    noise = random.randn(17 * 2000 * 8)
    for found, sd in ((short, 1.2), (long, 1.2), (noisy, 2.4)):
        by_hand = sd * noise[: found.size].reshape(found.shape)
        by_hand[:4] += task.patterns[sample]
        by_hand[-4:] += task.patterns[np.where(targets == 1, sample, 1 - sample)]
        assert np.array_equal(found, by_hand.astype(np.float32))
    assert np.array_equal(targets, targets_by_hand)

    network, weights, row = evaluated(task)
    for split, inputs in (("test", short), ("long_delay", long), ("noisy_test", noisy)):
        outputs = Run(network, weights, inputs).outputs
        loss, _ = errors_at_outputs(network, outputs, targets)
        assert row[split + "_loss"] == pytest.approx(loss, rel=1e-5)
        accuracy = np.mean(outputs[-1].argmax(axis=1) == targets)
        assert row[split + "_accuracy"] == pytest.approx(accuracy, abs=1e-3)
    assert abs(row["test_loss"] - row["long_delay_loss"]) > 1e-3


# Hessians.

SMALL = {
    "pattern_generation": {"n_train": 10, "n_steps": 12, "n_inputs": 3},
    "delayed_match": {"n_train": 10, "delay": 3},
    "sequential_mnist": {"n_train": 10},
}


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_hessian_of_every_rate_task_is_that_of_finite_differences(name):
    task = new_task(dict(SMALL[name], name=name), "data", 1)
    network = Network(NETWORKS["leaky"], loss_settings(l2=0.01), task, seed=1)
    weights = network.initial_weights()
    hessian = hessian_of(network, "all", "train", 10)
    hessian.move_to(weights)
    direction = np.random.RandomState(1).randn(hessian.size)
    direction /= np.linalg.norm(direction)
    product = hessian.product(direction)
    difference = change_of_gradient(hessian, network, weights, direction)
    assert relative_error(product, difference) < 1e-2
