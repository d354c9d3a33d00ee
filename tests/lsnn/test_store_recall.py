"""Store and recall against loops over symbols, written from the description of the task."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from lsnn.backend import new_session, tf
from lsnn.tasks import new_task
from lsnn.tasks.base import mean, mean_by_example

PUBLISHED = {
    "name": "store_recall",
    "n_symbols": 12,
    "symbol_steps": 200,
    "group_size": 25,
    "input_rate": 50.0,
    "cue_probability": 1.0 / 7.0,
}


def store_recall(seed=1, **options):
    return new_task(dict(PUBLISHED, **options), "no such folder", seed)


def with_one_spike_a_symbol(**options):
    """Return a task whose inputs (n_symbols, batch, 4) are the active groups themselves."""
    return store_recall(symbol_steps=1, group_size=1, input_rate=1000.0, **options)


def targets_by_the_rules(sequence):
    """Return the targets of one sequence (n_symbols, 4) of active groups, checking its rules."""
    stored, n_stored, after_store = None, 0, False
    targets = []
    for zero, one, store, recall in sequence:
        assert not (store and recall)
        assert zero + one == (0 if recall else 1)
        if store:
            assert stored is None, "what was stored has not been recalled"
            stored = int(one)
            n_stored += 1
        assert not (recall and after_store), "no value after store"
        targets.append(-1)
        if recall:
            assert stored is not None, "nothing to recall"
            targets[-1], stored = stored, None
        after_store = store
    assert n_stored >= 1
    assert stored is None, "never recalled"
    return targets


def patterns_by_the_rules(n_symbols, cue_probability):
    """Return the probability of every valid pattern of cues, of all patterns of that length."""
    probabilities = {}
    for cues in itertools.product([0, 1], repeat=n_symbols):
        stores, recalls = [], []
        for position, cue in enumerate(cues):
            if cue:
                (stores if len(stores) == len(recalls) else recalls).append(position)
        valid = len(stores) == len(recalls) > 0
        if valid and not any(store + 1 in recalls for store in stores):
            n_cues = sum(cues)
            probability = cue_probability**n_cues * (1.0 - cue_probability) ** (n_symbols - n_cues)
            probabilities[cues] = probability
    total = sum(probabilities.values())
    return {cues: probability / total for cues, probability in probabilities.items()}


def patterns_drawn(task, n_sequences):
    """Return how often each pattern of cues was drawn."""
    inputs, _ = task.batch(0, n_sequences)
    counts = {}
    for cues in (inputs[:, :, 2] + inputs[:, :, 3]).T:
        counts[tuple(cues)] = counts.get(tuple(cues), 0) + 1
    return counts


def test_sizes_and_placeholders():
    task = store_recall()
    assert (task.n_steps, task.n_in, task.n_out) == (2400, 100, 2)
    assert (task.n_windows, task.window_steps) == (12, 200)
    assert task.carries_state and not task.readout_bias
    inputs, targets = task.batch(0, 3)
    assert inputs.shape == (2400, 3, 100) and inputs.dtype == np.uint8
    assert targets.shape == (12, 3) and targets.dtype == np.int32
    with tf.Graph().as_default() as graph:
        placeholders = task.placeholders()
        fed = [tf.identity(placeholder) for placeholder in placeholders]
    found = new_session(graph).run(fed, dict(zip(placeholders, (inputs, targets))))
    assert (found[0] == inputs).all() and (found[1] == targets).all()


# Among them lengths and probabilities for which drawing until valid would not end.
@pytest.mark.parametrize(
    "n_symbols, cue_probability, n_sequences",
    [
        (12, 1.0 / 7.0, 5000),
        (3, 1.0 / 7.0, 100),
        (3, 1.0e-6, 100),
        (50, 1.0e-6, 100),
        (12, 1.0 - 1.0e-16, 1000),
        (1000, 1.0 / 7.0, 20),
        (1000, 0.9, 20),
        (1000, 1.0e-6, 20),
        (1000, 1.0 - 1.0e-16, 20),
    ],
)
def test_every_sequence_is_valid_and_its_targets_are_the_stored_bits(
    n_symbols, cue_probability, n_sequences
):
    task = with_one_spike_a_symbol(n_symbols=n_symbols, cue_probability=cue_probability)
    inputs, targets = task.batch(0, n_sequences)
    assert inputs.shape == (n_symbols, n_sequences, 4)
    for i in range(n_sequences):
        assert targets[:, i].tolist() == targets_by_the_rules(inputs[:, i])


@pytest.mark.parametrize("n_symbols, cue_probability", [(6, 1.0 / 7.0), (6, 0.6), (8, 0.3)])
def test_valid_sequences_are_as_frequent_as_when_drawn_until_valid(n_symbols, cue_probability):
    wanted = patterns_by_the_rules(n_symbols, cue_probability)
    task = with_one_spike_a_symbol(n_symbols=n_symbols, cue_probability=cue_probability)
    n_sequences = 50000
    counts = patterns_drawn(task, n_sequences)
    patterns = sorted(wanted)
    assert len(patterns) >= 10 and set(counts) == set(patterns)
    found = [counts[cues] for cues in patterns]
    expected = [wanted[cues] * n_sequences for cues in patterns]
    assert min(expected) > 100.0
    assert chisquare(found, expected).pvalue > 1e-3


def test_probabilities_do_not_vanish_in_long_sequences():
    # All but the unavoidable symbols are cues: store, value, recall, and so on, and one value more.
    task = with_one_spike_a_symbol(n_symbols=1000, cue_probability=1.0 - 1.0e-16)
    inputs, _ = task.batch(0, 20)
    assert (inputs[:, :, 2].sum(axis=0, dtype=int) == 333).all()


def test_cues_of_the_published_task_by_position():
    wanted = patterns_by_the_rules(12, 1.0 / 7.0)
    wanted = sum(probability * np.array(cues) for cues, probability in wanted.items())
    n_sequences = 20000
    inputs, _ = with_one_spike_a_symbol().batch(0, n_sequences)
    found = (inputs[:, :, 2] + inputs[:, :, 3]).mean(axis=1)
    deviation = np.sqrt(wanted * (1.0 - wanted) / n_sequences)
    assert (np.abs(found - wanted) < 4.5 * deviation).all()


def assert_fair(bits):
    bits = np.asarray(bits, np.float64)
    assert bits.size > 5000
    assert abs(bits.mean() - 0.5) < 4.5 * 0.5 / np.sqrt(bits.size)


def test_bits_are_fair_and_the_value_after_store_is_inverted_half_of_the_time():
    inputs, targets = with_one_spike_a_symbol().batch(0, 10000)
    one, store, recall = (inputs[:, :, group] == 1 for group in (1, 2, 3))
    assert_fair(one[~recall])
    assert_fair(one[store])
    assert_fair(targets[recall])
    after = np.zeros_like(store)
    after[1:] = store[:-1]
    # In the order of sequences, so that each store stands beside the symbol after it.
    assert_fair(one.T[after.T] != one.T[store.T])


def test_active_groups_spike_at_the_rate_and_the_others_are_silent():
    inputs, targets = store_recall().batch(0, 64)
    trains = inputs.reshape(12, 200, 64, 4, 25)
    assert inputs.max() == 1
    counts = trains.sum(axis=1, dtype=np.int64)  # of each input and symbol
    active = counts.sum(axis=3) > 0  # 5,000 numbers are not all silent at 50 Hz
    for i in range(64):
        assert targets[:, i].tolist() == targets_by_the_rules(active[:, i])
    # Each step is a trial with probability 50 Hz x 1 ms.
    counts = counts[active].astype(np.float64)
    assert abs(counts.mean() - 10.0) < 4.5 * np.sqrt(9.5 / counts.size)
    assert counts.var() == pytest.approx(9.5, rel=0.05)
    by_step = trains.transpose(0, 2, 3, 1, 4)[active].mean(axis=(0, 2))
    by_input = trains.transpose(0, 2, 3, 1, 4)[active].mean(axis=(0, 1))
    assert by_step.min() > 0.04 and by_step.max() < 0.06
    assert by_input.min() > 0.04 and by_input.max() < 0.06


def test_a_batch_depends_on_seed_and_iteration_alone():
    task = store_recall(n_symbols=5, symbol_steps=20)
    wanted = task.batch(7, 10)
    task.batch(8, 10)
    task.examples("test", np.arange(2))
    for again in (task.batch(7, 10), store_recall(n_symbols=5, symbol_steps=20).batch(7, 10)):
        assert np.array_equal(again[0], wanted[0]) and np.array_equal(again[1], wanted[1])
    for other in (task.batch(8, 10), store_recall(4, n_symbols=5, symbol_steps=20).batch(7, 10)):
        assert not np.array_equal(other[0], wanted[0])
    assert len({task.batch(i, 10)[1].tobytes() for i in range(10)}) > 5


def test_an_example_does_not_depend_on_the_others():
    task = store_recall(n_symbols=5, symbol_steps=20)
    inputs, targets = task.examples("validation", np.array([4, 0, 9]))
    assert inputs.shape == (100, 3, 100) and inputs.dtype == np.uint8
    assert targets.shape == (5, 3) and targets.dtype == np.int32
    for position, index in enumerate([4, 0, 9]):
        alone = task.examples("validation", np.array([index]))
        assert np.array_equal(alone[0], inputs[:, position : position + 1])
        assert np.array_equal(alone[1], targets[:, position : position + 1])
    assert not np.array_equal(inputs[:, 0], inputs[:, 1])
    for split in ("train", "test"):
        assert not np.array_equal(task.examples(split, np.array([4, 0, 9]))[0], inputs)


# Two sequences of three symbols; the first has two recalls, the second has one.
TARGETS = np.array([[-1, -1], [1, -1], [0, 1]], np.int32)
LOGITS = np.array(
    [
        [[50.0, -3.0], [7.0, 8.0]],
        [[0.0, 2.0], [9.0, -9.0]],
        [[-1.0, 0.5], [300.0, 100.0]],
    ],
    np.float32,
)


def test_the_squared_error_by_hand():
    task = store_recall(n_symbols=3).with_loss("squared_error")
    with tf.Graph().as_default() as graph:
        logits = tf.constant(LOGITS)
        measures = [
            getattr(task, measure.name)(logits, tf.constant(TARGETS), average=average)
            for measure in task.measures
            for average in (mean, mean_by_example)
        ]
        found = new_session(graph).run(measures)
    loss, loss_by_example, accuracy, _ = found
    terms = {
        place: sum((LOGITS[place] - np.eye(2)[TARGETS[place]]) ** 2)
        for place in [(1, 0), (2, 0), (2, 1)]
    }
    assert loss == pytest.approx(sum(terms.values()) / 3.0)
    first = (terms[1, 0] + terms[2, 0]) / 2.0
    assert loss_by_example == pytest.approx(np.array([first, terms[2, 1]]))
    assert accuracy == pytest.approx(1.0 / 3.0)


def test_loss_and_accuracy_by_hand():
    task = store_recall(n_symbols=3)
    with tf.Graph().as_default() as graph:
        logits = tf.constant(LOGITS)
        loss = task.loss(logits, tf.constant(TARGETS))
        accuracy = task.accuracy(logits, tf.constant(TARGETS))
        gradient = tf.gradients(loss, logits)[0]
        by_example = [
            measure(logits, tf.constant(TARGETS), average=mean_by_example)
            for measure in (task.loss, task.accuracy)
        ]
    loss, accuracy, gradient, by_example = new_session(graph).run(
        [loss, accuracy, gradient, by_example]
    )
    # Right with a margin of 2; wrong by 1.5; wrong by 200.
    assert loss == pytest.approx((np.log1p(np.exp(-2.0)) + np.log1p(np.exp(1.5)) + 200.0) / 3.0)
    assert accuracy == pytest.approx(1.0 / 3.0)
    first = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(1.5))) / 2.0
    assert by_example[0] == pytest.approx(np.array([first, 200.0]))
    assert by_example[1].tolist() == [0.5, 0.0]
    # Only recalls are learned from: softmax minus target, over the number of recalls.
    wanted = np.zeros_like(LOGITS)
    for symbol, sequence in [(1, 0), (2, 0), (2, 1)]:
        a, b = LOGITS[symbol, sequence].astype(np.float64)
        probabilities = np.array([1.0 / (1.0 + np.exp(b - a)), 1.0 / (1.0 + np.exp(a - b))])
        probabilities[TARGETS[symbol, sequence]] -= 1.0
        wanted[symbol, sequence] = probabilities / 3.0
    assert gradient == pytest.approx(wanted, abs=1e-7)
