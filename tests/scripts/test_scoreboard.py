"""Scores of rules over tasks, and their intervals."""

import doctest

import numpy as np
from scipy import stats

import made_up_study
from lib import scoreboard
from lib.failures import with_failures
from lib.statistics.source import Source
from lsnn.study.config import parse_study

SEEDS = range(1, 5)


def test_the_examples_in_docstrings_hold():
    assert doctest.testmod(scoreboard).failed == 0


def source_of(task, **columns):
    values = {"task": task, "seeds": list(SEEDS), "training": {"batch_size": 20}, "hessian": []}
    study = parse_study(values)
    rows = made_up_study.trajectories(seeds=SEEDS, study=study)
    return Source(study, with_failures(rows.assign(**columns)))


def test_0_is_a_guess_and_1_is_everything_right():
    for accuracy, score in [(0.1, 0.0), (1.0, 1.0), (0.55, 0.5)]:
        found = scoreboard.scores_of(source_of("sequential_mnist", test_accuracy=accuracy))
        np.testing.assert_allclose(found["bptt"], [score] * 4)
    of_targets = source_of("pattern_generation", chance_loss=0.2, test_loss=0.05)
    np.testing.assert_allclose(scoreboard.scores_of(of_targets)["bptt"], [0.75] * 4)


def test_a_diverged_run_has_guessed():
    source = source_of("sequential_mnist", test_accuracy=1.0)
    rows = source.trajectories
    rows.loc[(rows["condition"] == "bptt") & (rows["seed"] == 2), "diverged"] = True
    found = scoreboard.scores_of(source)
    assert found["bptt"].tolist() == [1.0, 0.0, 1.0, 1.0]
    assert found["three_factor"].tolist() == [1.0] * 4


def test_the_middle_half_of_all_runs_counts():
    tasks = np.split(np.random.RandomState(0).permutation(16.0 * np.arange(16) ** 2), 2)
    pooled = np.sort(np.concatenate(tasks))
    np.testing.assert_allclose(scoreboard.interquartile_mean(*tasks), pooled[4:12].mean())


def test_a_rule_against_itself_is_better_in_half_of_the_cases():
    scores = [np.arange(5.0), np.ones(3)]
    assert scoreboard.probability_of_improvement(*scores, *scores) == 0.5
    higher = [score + 10 for score in scores]
    assert scoreboard.probability_of_improvement(*higher, *scores) == 1.0
    assert scoreboard.with_bootstrap(scoreboard.probability_of_improvement, [*higher, *scores]) == (
        (1.0, 1.0, 1.0)
    )


def test_intervals_cover_the_interquartile_mean_as_often_as_they_say(monkeypatch):
    """Of 20 seeds a task: a percentile interval is known to be a little narrow."""
    monkeypatch.setattr(scoreboard, "RESAMPLES", 200)
    generator = np.random.RandomState(4)
    places = [0.0, 0.1, 0.2, 0.3]
    large = np.concatenate([generator.normal(place, 0.1, 200000) for place in places])
    truth = stats.trim_mean(large, 0.25)
    covered = []
    for _ in range(75):
        scores = [generator.normal(place, 0.1, 20) for place in places]
        _, low, high = scoreboard.with_bootstrap(scoreboard.interquartile_mean, scores)
        covered.append(low <= truth <= high)
    assert 0.85 <= np.mean(covered) < 1
