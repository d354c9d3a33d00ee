"""Learning rules on all tasks of the yardstick: how much they learn, and how sure that is.

The **score** of a run is what it does on test examples, late in training, as a part of what can be
done: 0 is a guess, 1 is everything right. Over tasks, the interquartile mean of all runs and the
probability of improvement over BPTT are those of Agarwal et al. 2021, with bootstrap intervals over
the seeds of each task.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from lib.committed import COMMITTED
from lib.estimates import mean_estimate
from lib.numbers import is_late
from lib.pages import markdown_table, with_interval
from lib.profile import CONFIRM, TASKS, references_on
from lib.statistics.source import Source, read_source
from lsnn.learning_rules import new_rule
from lsnn.study.columns import measure_column
from lsnn.study.outputs import chance_of

RESAMPLES = 2000
BPTT = "bptt"


def scores_of(source: Source) -> dict[str, np.ndarray]:
    """Return the scores of every condition, arrays (seeds); that of a diverged run is 0."""
    measure = source.study.measures[-1]
    column = measure_column(measure, "test")
    rows, found = source.trajectories, {}
    last = rows.groupby(["condition", "seed"])["fraction"].transform("last")
    rows = rows[is_late(rows["fraction"], last)]
    if measure.larger_is_worse:
        scores = 1 - rows[column.name] / rows["chance_loss"]
    else:
        chance = chance_of(source.study, column)
        assert chance is not None, "a task of the yardstick tells how many classes it has"
        scores = (rows[column.name] - chance) / (1 - chance)
    rows = rows.assign(score=scores.where(~rows["diverged"], 0.0))
    for condition, of_condition in rows.groupby("condition", sort=False):
        found[str(condition)] = of_condition.groupby("seed")["score"].mean().to_numpy()
    return found


def interquartile_mean(*scores: np.ndarray) -> float:
    """Return the mean of the middle half of the scores on all tasks, which count alike.

    >>> interquartile_mean(np.array([0.0, 1.0, 2.0, 100.0]))
    1.5
    """
    return float(stats.trim_mean(np.concatenate(scores), 0.25))


def probability_of_improvement(*scores: np.ndarray) -> float:
    """Return how probably a run has a better score than one of another rule, mean over tasks.

    Args:
        scores: of the rule, by task; then those of the other one.

    >>> probability_of_improvement(np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    0.625
    """
    n_tasks = len(scores) // 2
    pairs = zip(scores[:n_tasks], scores[n_tasks:], strict=True)
    return float(np.mean([0.5 + np.sign(x[:, None] - y).mean() / 2 for x, y in pairs]))


def with_bootstrap(
    statistic: Callable[..., float], scores: list[np.ndarray]
) -> tuple[float, float, float]:
    """Return a statistic of scores with its 95 % interval, seeds being drawn anew in each array."""
    found = stats.bootstrap(
        scores, statistic, n_resamples=RESAMPLES, paired=False, vectorized=False,
        method="percentile", rng=np.random.default_rng(0),
    )  # fmt: skip
    return statistic(*scores), *found.confidence_interval


def sources_on(task: str) -> list[Source]:
    """Return the committed runs on a task: of the reference rules, and of profiles."""
    profiles = sorted(Path(COMMITTED).glob(f"profile_*_{CONFIRM}_{task}"))
    return [references_on(task), *(read_source(str(folder)) for folder in profiles)]


def scoreboard() -> str:
    """Return the scores of the committed rules as a Markdown table, rules down and tasks across."""
    by_task: dict[str, dict[str, np.ndarray]] = {task: {} for task in TASKS}
    labels = {}
    for task in TASKS:
        for source in sources_on(task):
            by_task[task].update(scores_of(source))
            for name, condition in source.study.conditions.items():
                labels[name] = new_rule(condition.learning_rule).label
    rows = []
    for name, label in labels.items():
        if not all(name in of_task for of_task in by_task.values()):
            continue
        scores, of_bptt = ([by_task[task][rule] for task in TASKS] for rule in (name, BPTT))
        row = {"rule": label}
        for task, of_task in zip(TASKS, scores, strict=True):
            found = mean_estimate(of_task)
            row[task.replace("_", " ")] = with_interval(found.value, found.low, found.high)
        mean = with_bootstrap(interquartile_mean, scores)
        row["interquartile mean"] = with_interval(*mean)
        better = with_bootstrap(probability_of_improvement, [*scores, *of_bptt])
        row["better than BPTT"] = "" if name == BPTT else with_interval(*better)
        rows.append(row)
    return markdown_table(pd.DataFrame(rows))
