"""Which runs are said to have failed, and which conditions not to learn."""

import numpy as np
import pandas as pd
import pytest

from lib.failures import states_of_runs, with_failures
from lsnn.study.config import parse_study
from lsnn.study.outputs import chance_loss
from made_up_study import CONFIG

CHANCE = np.log(10)
SMALL = {"training": {"batch_size": 10}, "hessian": []}


def table_of(late_losses, diverged=(), ends=()):
    """The rows of runs of one condition: losses of 4 checkpoints, of which the last two are late.

    Args:
        late_losses: their geometric mean over the last quarter, a number a seed.
        diverged: seeds of which the run diverged.
        ends: fractions at which runs stopped, by seed.
    """
    ends = dict(ends)
    rows = [
        {
            "condition": "one",
            "seed": seed,
            "iteration": 100 * place,
            "fraction": fraction * ends.get(seed, 1.0),
            "train_loss": CHANCE if fraction < 0.75 else late * {0.75: 2.0, 1.0: 0.5}[fraction],
            "chance_loss": CHANCE,
            "diverged": seed in diverged,
        }
        for seed, late in enumerate(late_losses, start=1)
        for place, fraction in enumerate([0.0, 0.5, 0.75, 1.0])
    ]
    return pd.DataFrame(rows)


def states(*arguments, **options):
    found = states_of_runs(table_of(*arguments, **options))
    return found["learns"].all(), [seed for _, seed in found.index[found["failed"]]]


def test_the_late_loss_is_the_geometric_mean_over_the_last_quarter():
    assert states_of_runs(table_of([0.1, 0.3]))["late_loss"].tolist() == pytest.approx([0.1, 0.3])


@pytest.mark.parametrize(
    "late, failed",
    [
        ([0.1, 0.1, 0.1, 0.1, 0.1], []),
        ([0.1, 0.1, 0.1, 0.1, 2.0], [5]),
        ([0.1, 0.1, 0.1, 0.1, 99.0], [5]),  # above chance
        # Half-way to chance in logarithm is sqrt(0.1 x 2.303) = 0.480.
        ([0.1, 0.1, 0.1, 0.47, 0.49], [5]),
        ([0.1, 0.1, 0.1, 2.0, 2.0], [4, 5]),
    ],
)
def test_a_run_fails_that_ends_nearer_to_chance_than_to_the_others(late, failed):
    assert states(late) == (True, failed)


def test_a_diverged_run_failed_and_counts_as_the_worst_of_its_condition():
    assert states([0.1, 0.1, 0.1], diverged=[2]) == (True, [2])
    learns, failed = states([0.1, 0.1, 0.1], diverged=[1, 2])
    assert (learns, failed) == (False, [1, 2])
    assert states([0.1, 0.1], diverged=[1]) == (True, [1])


def test_of_a_condition_that_does_not_learn_no_run_is_singled_out():
    assert states([0.89 * CHANCE] * 3) == (True, [])
    assert states([0.91 * CHANCE] * 3) == (False, [])
    assert states([0.1, 2.2, 2.2]) == (False, [])
    assert states([0.1, 2.2]) == (True, [2])
    assert states([0.1, 2.2, 2.2], diverged=[3]) == (False, [3])


def test_a_run_that_stopped_early_did_not_fail():
    assert states([0.1, 0.1, 2.0], ends={3: 0.5}) == (True, [])


def test_losses_are_relative_to_the_chance_of_their_instance():
    table = table_of([0.1, 0.1, 0.1, 0.47])
    of_last = table["seed"] == 4
    assert states_of_runs(table)["failed"].sum() == 0
    assert states_of_runs(table.assign(chance_loss=1.0))["failed"].tolist() == [False] * 3 + [True]
    harder = table.assign(chance_loss=np.where(of_last, 2.5, 1.0))
    assert states_of_runs(harder)["failed"].sum() == 0


def test_without_a_known_chance_only_diverged_runs_failed():
    table = table_of([0.1, 0.1, 9.0], diverged=[1]).assign(chance_loss=np.nan)
    found = with_failures(table).groupby("seed")[["failed", "learns"]].first()
    assert found["failed"].tolist() == [True, False, False] and found["learns"].all()


def test_what_is_told_does_not_depend_on_the_order_of_rows_or_on_what_was_told_before():
    table = table_of([0.1, 0.1, 2.0])
    once = with_failures(table)
    pd.testing.assert_frame_equal(with_failures(once)[list(once)], once)
    assert list(once)[: len(table.columns)] == list(table)


@pytest.mark.parametrize(
    "task, loss, expected",
    [
        ("sequential_mnist", "task", np.log(10)),
        ("sequential_mnist", "squared_error", 0.9),
        ("delayed_match", "task", np.log(2)),
        # Against the other class with probability 1/2: (1/2)^2 for each of two outputs.
        ("delayed_match", "squared_error", 0.5),
    ],
)
def test_chance_of_classes(task, loss, expected):
    study = parse_study({**CONFIG, "task": task, "loss": {"kind": loss}, **SMALL})
    assert chance_loss(study, "bptt", 1) == pytest.approx(expected)


def test_chance_of_values_is_their_variance():
    study = parse_study({**CONFIG, "task": "pattern_generation", "seeds": 2, **SMALL})
    loss = chance_loss(study, "bptt", 1)
    # Sinusoids less their mean, of which the largest is 1.
    assert 0.05 < loss < 0.5
    assert chance_loss(study, "bptt", 2) == loss  # of one instance of the task
    by_seed = {"name": "pattern_generation", "instance": "by_seed"}
    study = parse_study({**CONFIG, "task": by_seed, "seeds": 2, **SMALL})
    assert chance_loss(study, "bptt", 1) != chance_loss(study, "bptt", 2)
