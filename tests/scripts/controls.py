"""Controls for statistics: studies with one checkpoint a run, of which the truth is known.

Every statistic has a line in :data:`CONTROLS`, and meets all of these:

- the **null control**: runs in which there is nothing to find;
- the **live control**: runs with an effect that is really there;
- the **degenerate controls** (:data:`DEGENERATE`): all numbers equal, one condition constant, one
  number missing, all negative, two seeds.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

import made_up_study
from lib.failures import with_failures
from lib.statistics import STATISTICS
from lib.statistics.source import Source
from lsnn.options import build
from lsnn.study.config import parse_study
from made_up_study import CONFIG

BPTT, THREE_FACTOR = (CONFIG["conditions"][name] for name in ("bptt", "three_factor"))
CONDITIONS = {"bptt": BPTT, "mdgl": THREE_FACTOR, "three_factor": THREE_FACTOR}
Y, X = "mean_activity", "l2_loss"  # of any sign here, on linear axes
SEEDS = 20


def made_up(n_seeds=SEEDS, **config):
    """Return a study with so many seeds."""
    return parse_study({**CONFIG, "conditions": CONDITIONS, "seeds": n_seeds, **config})


@cache
def final_states(n_seeds):
    """Return a study, and the table of its final states alone."""
    study = made_up(n_seeds)
    table = made_up_study.trajectories(seeds=study.seeds, study=study)
    table = table.groupby(["condition", "seed"], sort=False).tail(1)
    table = table[["condition", "seed", "iteration", "fraction", "diverged"]]
    places = table["condition"].map(list(CONDITIONS).index)
    # Where chance is not known, only what diverged has failed.
    own = {"train_loss": 1.0, "chance_loss": np.nan, "learning_rate": places.astype(float)}
    return study, table.assign(**own)


def source_of(columns, diverged=None):
    """Return a source of such runs.

    Args:
        columns: numbers by column and condition, arrays (seeds).
        diverged: whether a run diverged, by condition, arrays (seeds).
    """
    n_seeds = len(next(iter(columns[Y].values())))
    study, table = final_states(n_seeds)
    cells = {
        name: np.concatenate([by_condition[condition] for condition in CONDITIONS])
        for name, by_condition in columns.items()
    }
    if diverged is not None:
        cells["diverged"] = np.concatenate([diverged[condition] for condition in CONDITIONS])
    return Source(study, with_failures(table.assign(**cells)))


class Control(NamedTuple):
    """What makes a statistic find something, and what it is said to find."""

    options: dict  # of the statistic
    effect: float  # of the live control
    act: object  # function that puts an effect into columns
    truth: object = lambda effect: effect  # what the statistic is then

    @property
    def takes_scale(self):
        return "scale" in STATISTICS[self.options["name"]].options


def raise_by_place(steps):
    """Return a function that adds an effect, times a number by condition, to the column Y."""

    def act(columns, effect, random):
        for condition, step in zip(CONDITIONS, steps, strict=True):
            columns[Y][condition] = columns[Y][condition] + effect * step

    return act


def spread_out(columns, effect, random):
    columns[Y]["mdgl"] = columns[Y]["mdgl"] * np.exp(effect)


def correlate(columns, r, random):
    for condition, x in columns[X].items():
        columns[Y][condition] = r * x + np.sqrt(1 - r**2) * random.standard_normal(len(x))


OF_Y = {"column": Y}
CONTROLS = {
    "contrast": Control({**OF_Y, "condition": "mdgl"}, 1.5, raise_by_place([0, 1, 0])),
    "level": Control(
        {**OF_Y, "condition": "mdgl", "against": 0.0}, 1.5, raise_by_place([0, 1, 0])
    ),
    "order": Control({**OF_Y, "conditions": list(CONDITIONS)}, 1.5, raise_by_place([0, 1, 4])),
    "trend": Control(OF_Y, 1.0, raise_by_place([0, 1, 2])),
    "interaction": Control(
        {**OF_Y, "conditions": ["mdgl", "three_factor"], "over": "learning_rate"}, 2.0,
        raise_by_place([0, 1, 2]),
    ),
    "quotient": Control(
        {**OF_Y, "conditions": ["mdgl"], "per": "2 ** learning_rate", "least": 0.5}, 1.5,
        raise_by_place([0, 1, 0]),
    ),
    "spread": Control({**OF_Y, "condition": "mdgl"}, np.log(3), spread_out, np.exp),
    "correlation": Control(
        # The rank correlation of normal numbers (Pearson 1907).
        {**OF_Y, "over": X}, 0.6, correlate, lambda r: 6 / np.pi * np.arcsin(r / 2)
    ),
    "divergence": Control(
        {"condition": "mdgl"}, 0.5, lambda *_: None, lambda effect: 1 / 3 + effect
    ),
}  # fmt: skip
CONTROLS = {
    name: control._replace(options={"name": name, **control.options})
    for name, control in CONTROLS.items()
}


def drawn(name, effect, random, n_seeds=SEEDS):
    """Return a source drawn at random, with an effect that the statistic should find.

    Runs of one seed share something, as they share initial weights.
    """
    shared = random.standard_normal((2, n_seeds))
    columns = {
        column: {c: own + random.standard_normal(n_seeds) for c in CONDITIONS}
        for column, own in zip((Y, X), shared, strict=True)
    }
    if name == "correlation":  # else what they share would be correlated within a seed
        columns[X] = {c: random.standard_normal(n_seeds) for c in CONDITIONS}
    CONTROLS[name].act(columns, effect, random)
    diverged = None
    if name == "divergence":
        share = CONTROLS[name].truth(effect)
        diverged = {c: random.random(n_seeds) < share for c in CONDITIONS}
    return source_of(columns, diverged)


def found(name, source, **options):
    """Return what a statistic gives, by the options of its control and further ones."""
    return build(STATISTICS, {**CONTROLS[name].options, **options}).compute(source)


def all_equal(random):
    return {column: dict.fromkeys(CONDITIONS, np.zeros(SEEDS)) for column in (Y, X)}


def numbers(random, n_seeds=SEEDS):
    """Return numbers without any effect: in each condition the same ones, half of them negated.

    So means are exactly 0, standard deviations equal, and no draw finds something by chance.
    """
    half, x = random.standard_normal((2, n_seeds // 2))
    order = {c: random.permutation(n_seeds // 2) for c in CONDITIONS}
    return {
        Y: {c: np.concatenate([half[order[c]], -half[order[c]]]) for c in CONDITIONS},
        X: {c: np.concatenate([x, x]) for c in CONDITIONS},
    }


def one_constant(random):
    columns = numbers(random)
    columns[Y]["mdgl"] = np.zeros(SEEDS)
    return columns


def one_missing(random):
    columns = numbers(random)
    columns[Y]["mdgl"][4] = np.nan
    return columns


def all_negative(random):
    return {
        column: {c: -np.exp(values) for c, values in by_condition.items()}
        for column, by_condition in numbers(random).items()
    }


def two_seeds(random):
    return numbers(random, 2)


DEGENERATE = {
    "all equal": all_equal,
    "one constant": one_constant,
    "one missing": one_missing,
    "all negative": all_negative,
    "two seeds": two_seeds,
}
