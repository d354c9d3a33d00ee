"""Simulate how often intervals cover and claims get a wrong mark: a table, in Markdown.

The numbers are made up, so that the truth is known, and go through the functions that decide the
claims of studies. README.md has the command.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from lib import estimates
from lib.estimates import CHANCE, Estimate, mean_estimate
from lib.verdicts import MOST_SEEDS, mark_of, pair_of

SEEDS = (12, 20, 50, 100)
N_MAIN, N_SECONDARY, N_SINGLE = 30, 100, 10  # claims in a draw
MIXED = (0, 1, 2)  # margins
TEXT = """# How often verdicts are wrong

`make verdicts` has simulated this, {} draws a cell. All claims are about the mean difference from one baseline, of values of which two with the same seed correlate by 0.5 and which are normal if a row says nothing else; the margin of a family is 3.6 standard errors, with which about half of its claims are decided, and that of a single claim half a standard deviation. Mixed is a family in which a third of the differences is 0, a third exactly the margin, and a third twice that. Skewed values are lognormal, with a standard deviation of 1 of the logarithm, but analysed as they are.

{}
"""  # noqa: E501
# Values with mean 0, from normal ones.
SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "normal": lambda z: z,
    "t with 3 degrees of freedom": lambda z: special.stdtrit(3, special.ndtr(z)),
    "skewed": lambda z: (np.exp(z) - np.exp(0.5)) / np.sqrt(np.e * (np.e - 1)),  # SD 1
}
# Whether a mark is wrong, by the truth in margins.
IS_WRONG: dict[str, Callable[[float], bool]] = {
    "+": lambda truth: truth <= 0,
    "-": lambda truth: truth >= 0,
    "=": lambda truth: abs(truth) >= 1,
}
Random = np.random.Generator


def runs(random: Random, n: int, n_conditions: int, shape: str) -> np.ndarray:
    """Return numbers of runs, an array (seeds, conditions)."""
    shared, own = random.standard_normal((n, 1)), random.standard_normal((n, n_conditions))
    return SHAPES[shape](np.sqrt(0.5) * (shared + own))


def distances(
    random: Random, n: int, n_claims: int, shape: str = "normal", weights: tuple = (1, -1)
) -> np.ndarray:
    """Return numbers with mean 0, an array (seeds, claims): weighted sums with one baseline."""
    values = runs(random, n, n_claims + 1, shape)
    return weights[0] * values[:, 1:] + weights[1] * values[:, :1]


def mean_of(random: Random, n: int, **options: Any) -> Estimate:
    """Return the estimate of a mean distance, which is 0."""
    return mean_estimate(distances(random, n, 1, **options)[:, 0])


def share_of(random: Random, n: int, a: float, of_ones: float = 0.0) -> Estimate:
    """Return the estimate of a mean accuracy: some are 1, the others from a beta distribution."""
    return estimates.share_mean(np.where(random.random(n) < of_ones, 1.0, random.beta(a, 1, n)))


def spread_of(random: Random, n: int, shape: str) -> Estimate:
    """Return the estimate of a ratio of standard deviations, which is 2."""
    return estimates.spread_estimate(*(runs(random, n, 2, shape) * [2, 1]).T)


def correlation_of(random: Random, n: int, r: float) -> Estimate:
    """Return the estimate of a rank correlation within 3 conditions and n seeds."""
    x, other = random.standard_normal((2, n, 3))
    shared, y = random.standard_normal((n, 1)), r * x + np.sqrt(1 - r**2) * other
    columns = [values.ravel() for values in (x + shared, y + shared, *np.indices(x.shape))]
    return estimates.correlation_estimate(*columns, within_seeds=True)


def coverage(
    random: Random, n: int, draws: int, of: Callable[..., Estimate], truth: float, **options: Any
) -> float:
    """Return how often an interval covers the truth."""
    found = [of(random, n, **options) for _ in range(draws)]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def marks_of(values: np.ndarray, margin: float, adjust: Callable) -> list[str]:
    """Return the marks of a family of claims by their distances, an array (seeds, claims)."""
    found = [mean_estimate(column, margin=margin) for column in values.T]
    p_values = adjust([pair_of(estimate) for estimate in found])
    return [mark_of(one, 0.0, pair) for one, pair in zip(found, p_values, strict=True)]


def wrong_marks(
    random: Random, n: int, draws: int, truths: Sequence[float], is_main: bool, **options: Any
) -> float:
    """Return the share of main families with a wrong mark, or the others' false discovery rate."""
    truth = np.resize(truths, N_MAIN if is_main else N_SECONDARY)
    adjust = estimates.shaffer if is_main else estimates.benjamini_hochberg
    margin, rates = 3.6 / np.sqrt(n), []
    for _ in range(draws):
        values = distances(random, n, len(truth), **options) + margin * truth
        marks = zip(marks_of(values, margin, adjust), truth, strict=True)
        wrong = [IS_WRONG[sign](at) for mark, at in marks for sign in mark.replace("?", "")]
        rates.append(any(wrong) if is_main else np.mean(wrong or [False]))
    return float(np.mean(rates))


def opposite_signs(random: Random, n: int, draws: int, truth: float, **options: Any) -> float:
    """Return how often a single claim is marked -, although it is above, so many SDs."""
    families = (distances(random, n, N_SINGLE, **options) + truth for _ in range(draws))
    marks = [mark for values in families for mark in marks_of(values, 0.5, np.array)]
    return float(np.mean(["-" in mark for mark in marks]))


def power(random: Random, n: int, draws: int, sd: float, level: float) -> float:
    """Return how often a difference of the margin is found, or none shown: the rarer of the two."""
    values = [sd * distances(random, n, 1)[:, 0] for _ in range(draws)]
    differs = [mean_estimate(one + 1).p < level for one in values]
    is_equal = [mean_estimate(one, margin=1.0).p_equal < level for one in values]
    return float(min(np.mean(differs), np.mean(is_equal)))


class Row(NamedTuple):
    """A row of the table: what simulates it, its goal, and for which numbers of seeds."""

    rate: Callable[..., float]
    goal: tuple[float, float] | None = None
    seeds: Sequence[int] = SEEDS


def planned(sd: float, level: float) -> Row:
    """Return the row of the seeds that are planned for a margin of 1."""
    n = estimates.seeds_needed(sd, 1.0, level, SEEDS[0], MOST_SEEDS) or MOST_SEEDS
    goal = (0.75, 1.0 if n == SEEDS[0] else 0.85)
    return Row(partial(power, sd=sd, level=level), goal, [n])


INTERVAL, COVERS, FEW = partial(coverage, truth=0), (0.93, 0.97), (0, CHANCE)
LEVEL = {"shape": "skewed", "weights": (1, 0)}  # of one condition
MAIN = partial(wrong_marks, is_main=True)
ROWS = {
    **{
        f"95 % interval of a difference, {shape}": Row(partial(INTERVAL, of=mean_of, shape=shape), COVERS)
        for shape in ("normal", "t with 3 degrees of freedom")
    },
    "95 % interval of a difference, skewed, one condition being 3 times the other": Row(partial(INTERVAL, of=mean_of, shape="skewed", weights=(3, -1))),
    "95 % interval of a single mean, skewed": Row(partial(INTERVAL, of=mean_of, **LEVEL)),
    "95 % interval of a mean accuracy of 0.95, beta(19, 1)": Row(partial(coverage, of=share_of, truth=0.95, a=19)),
    "95 % interval of a mean accuracy of 0.95, half of them 1, others beta(9, 1)": Row(partial(coverage, of=share_of, truth=0.95, a=9, of_ones=0.5)),
    **{
        f"95 % interval of a ratio of spreads of 2, {shape}": Row(partial(coverage, of=spread_of, truth=2, shape=shape), seeds=SEEDS[1:])
        for shape in SHAPES
    },
    **{
        f"95 % interval of a correlation of {r:g} within 3 conditions and seeds": Row(partial(coverage, of=correlation_of, truth=6 / np.pi * np.arcsin(r / 2), r=r), seeds=SEEDS[:2])
        for r in (0.0, 0.5)
    },
    "wrong mark in a main family of 30, mixed": Row(partial(MAIN, truths=MIXED), FEW),
    "wrong mark in a main family of 30, all 0": Row(partial(MAIN, truths=[0]), FEW, SEEDS[::3]),
    "wrong mark in a main family of 30, all at the margin": Row(partial(MAIN, truths=[1]), FEW, SEEDS[::3]),
    "wrong mark in a main family of 30, all 0, single means, skewed": Row(partial(MAIN, truths=[0], **LEVEL), None, SEEDS[::3]),
    "false share of marks in a secondary family of 100, mixed": Row(partial(wrong_marks, truths=MIXED, is_main=False), FEW, SEEDS[::3]),
    "opposite sign, 0.01 standard deviations from 0": Row(partial(opposite_signs, truth=0.01), (0, 0.025)),
    "opposite sign, a margin from 0": Row(partial(opposite_signs, truth=0.5), (0, 0.005), SEEDS[:1]),
    "opposite sign, 0.01 standard deviations from 0, single mean, skewed": Row(partial(opposite_signs, truth=0.01, **LEVEL), None, SEEDS[::3]),
    **{
        f"power with planned seeds, SD of {sd:g} margins, level {level:.2g}": planned(sd, level)
        for sd, level in [(0.5, 0.05), (1, 0.05), (2, 0.05), (1, 0.05/30), (2, 0.05 / 30), (3, 0.05/30)]
    },
}


def simulated(draws: int) -> pd.DataFrame:
    rates = {}
    for name, row in ROWS.items():
        for n in row.seeds:
            import time; t=time.perf_counter()
            r = row.rate(np.random.default_rng(n), n, draws)
            print(f"{name} | {n} | {100*r:.2f} | {row.goal} | {time.perf_counter()-t:.1f} s", flush=True)
if __name__ == "__main__":
    import sys
    t=__import__("time").time()
    simulated(int(sys.argv[1]))
    print(__import__("time").time()-t)
