"""Simulate how often intervals cover and claims get a wrong mark: a table, in Markdown.

The numbers are made up, so that the truth is known, and go through the functions that decide the
claims of studies.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy import special

from lib import estimates
from lib.estimates import ALPHA, Estimate, mean_estimate
from lib.verdicts import MOST_SEEDS, mark_of

SEEDS = (12, 20, 50, 100)
FIRST, ENDS = SEEDS[:1], SEEDS[::3]  # for what takes long, or hardly depends on them
N_MAIN, N_SECONDARY = 30, 100  # claims of a family
TEXT = """# How often verdicts are wrong

`make verdicts` has simulated this, with {} draws for each cell. Values are normal, t distributed with 3 degrees of freedom (t3), or skewed, which is lognormal with a standard deviation of 1 of the logarithm but analysed as it is; those of two conditions with the same seed correlate, before they are given their shape, by 0.5. Claims are about the mean difference of two conditions, normal where a row does not say otherwise. In a mixed family a third of the differences are 0, a third exactly the margin, and a third twice that; the margin is 3.6 standard errors in a family, and half a standard deviation for a single claim.

{}
"""  # noqa: E501
SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of values with mean 0, from normal ones
    "normal": lambda z: z,
    "t3": lambda z: special.stdtrit(3, special.ndtr(z)),
    "skewed": lambda z: (np.exp(z) - np.exp(0.5)) / np.sqrt(np.e * (np.e - 1)),  # SD 1
}


class Row(NamedTuple):
    """A row of the table: what simulates a rate, least and most that it should be, and seeds."""

    simulate: Callable[..., float]  # of random numbers, seeds, draws and options
    options: dict[str, Any]
    goal: tuple[float, float] | None = None
    seeds: Sequence[int] = SEEDS

    def rate(self, n: int, draws: int) -> float:
        """Return the rate for a number of seeds."""
        return self.simulate(np.random.default_rng(n), n, draws, **self.options)


def runs(random: Generator, n: int, n_conditions: int, shape: str) -> np.ndarray:
    """Return numbers of runs, an array (seeds, conditions)."""
    shared, own = random.standard_normal((n, 1)), random.standard_normal((n, n_conditions))
    return SHAPES[shape](np.sqrt(0.5) * (shared + own))


def distances(
    random: Generator, n: int, n_claims: int = 1, shape: str = "normal", scale: float = 1.0
) -> np.ndarray:
    """Return numbers (seeds, claims) with mean 0: conditions less the baseline times a scale."""
    values = runs(random, n, n_claims + 1, shape)
    return values[:, 1:] - scale * values[:, :1]


def mean_of(random: Generator, n: int, **options: Any) -> Estimate:
    """Return the estimate of a mean distance, which is 0."""
    return mean_estimate(distances(random, n, **options)[:, 0])


def share_of(random: Generator, n: int, a: float, ones: float = 0.0) -> Estimate:
    """Return the estimate of a mean accuracy: some are 1, the others from a beta distribution."""
    return estimates.share_mean(np.where(random.random(n) < ones, 1.0, random.beta(a, 1, n)))


def spread_of(random: Generator, n: int, shape: str) -> Estimate:
    """Return the estimate of a ratio of standard deviations, which is 2."""
    return estimates.spread_estimate(*(runs(random, n, 2, shape) * [2, 1]).T)


def correlation_of(random: Generator, n: int, r: float) -> Estimate:
    """Return the estimate of a rank correlation within 3 conditions and n seeds."""
    x, other = random.standard_normal((2, n, 3))
    shared, y = random.standard_normal((n, 1)), r * x + np.sqrt(1 - r**2) * other
    x, y, seeds, groups = (np.ravel(of) for of in (x + shared, y + shared, *np.indices(x.shape)))
    return estimates.correlation_estimate(x, y, seeds, groups, within_seeds=True)


def quotient_of(random: Generator, n: int) -> Estimate:
    """Return the estimate of a quotient of two mean changes, which is 2."""
    x, other = random.standard_normal((2, n))
    return estimates.quotient_estimate(2 + x + other, 1 + x / 2)


def coverage(
    random: Generator, n: int, draws: int, of: Callable, truth: float = 0.0, **options: Any
) -> float:
    """Return how often a 95 % interval covers the truth."""
    found = [of(random, n, **options) for _ in range(draws)]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def marks_of(values: np.ndarray, margin: float, adjust: Callable) -> list[str]:
    """Return the marks of a family of claims by their distances, an array (seeds, claims)."""
    found = [mean_estimate(column, margin=margin) for column in values.T]
    p_values = adjust([(estimate.p, estimate.p_equal) for estimate in found])
    return [mark_of(one, 0.0, pair) for one, pair in zip(found, p_values, strict=True)]


def wrong_marks(
    random: Generator,
    n: int,
    draws: int,
    truths: Sequence[int],
    is_main: bool = True,
    **options: Any,
) -> float:
    """Return the share of main families with a wrong mark, or the others' false discovery rate."""
    truth = np.resize(truths, N_MAIN if is_main else N_SECONDARY)  # in margins
    adjust = estimates.shaffer if is_main else estimates.benjamini_hochberg
    margin, rates = 3.6 / np.sqrt(n), []
    for _ in range(draws):
        values = distances(random, n, len(truth), **options) + margin * truth
        marks = zip(marks_of(values, margin, adjust), truth, strict=True)
        wrong = [sign in ("-=" if at else "+-") for mark, at in marks for sign in mark.strip("?")]
        rates.append(float(any(wrong)) if is_main else sum(wrong) / max(1, len(wrong)))
    return float(np.mean(rates))


def opposite_sign(random: Generator, n: int, draws: int, truth: float, **options: Any) -> float:
    """Return how often a claim by itself, which is above by so many SDs, is marked below."""
    values = (distances(random, n, **options) + truth for _ in range(10 * draws))  # it is rare
    return float(np.mean(["-" in marks_of(one, 0.5, estimates.shaffer)[0] for one in values]))


def power(random: Generator, n: int, draws: int, sd: float, level: float) -> float:
    """Return how often a difference of the margin is found, or none shown: the rarer of the two."""
    values = [sd * distances(random, n)[:, 0] for _ in range(draws)]
    differs = [mean_estimate(one + 1).p < level for one in values]
    is_equal = [mean_estimate(one, margin=1.0).p_equal < level for one in values]
    return float(min(np.mean(differs), np.mean(is_equal)))


def planned(sd: float, level: float) -> Row:
    """Return the row of the power with as many seeds as are planned for a margin of 1."""
    n = estimates.seeds_needed(sd, 1.0, level, SEEDS[0], MOST_SEEDS) or MOST_SEEDS
    goal = (0.75, 0.85 if n > SEEDS[0] else 1.0)
    return Row(power, dict(sd=sd, level=level), goal, [n])


COVERS, FEW = (0.93, 0.97), (0.0, ALPHA)
MIXED, MEAN = [0, 1, 2], dict(shape="skewed", scale=0.0)  # the latter of one condition
THREEFOLD = dict(of=mean_of, shape="skewed", scale=1 / 3)
SHARES, SPREADS = dict(of=share_of, truth=0.95), dict(of=spread_of, truth=2.0)
WITHIN = dict(of=correlation_of, r=0.5, truth=6 / np.pi * np.arcsin(0.5 / 2))  # Pearson 1907
ROWS = {
    "interval, difference, normal": Row(coverage, dict(of=mean_of), COVERS),
    "interval, difference, t3": Row(coverage, dict(of=mean_of, shape="t3"), COVERS),
    "interval, difference, skewed": Row(coverage, THREEFOLD),
    "interval, mean, skewed": Row(coverage, dict(of=mean_of, **MEAN)),
    "interval, share, beta(19, 1)": Row(coverage, SHARES | dict(a=19)),
    "interval, share, half 1, half beta(9, 1)": Row(coverage, SHARES | dict(a=9, ones=0.5)),
    **{
        f"interval, ratio of spreads, {x}": Row(coverage, SPREADS | dict(shape=x), None, SEEDS[1:])
        for x in SHAPES
    },
    "interval, quotient of changes": Row(coverage, dict(of=quotient_of, truth=2.0), COVERS),
    "interval, correlation within seeds": Row(coverage, WITHIN, None, SEEDS[:2]),
    "wrong mark among 30, mixed": Row(wrong_marks, dict(truths=MIXED), FEW),
    "wrong mark among 30, all 0": Row(wrong_marks, dict(truths=[0]), FEW),
    "wrong mark among 30, all at the margin": Row(wrong_marks, dict(truths=[1]), FEW),
    "wrong mark among 30, skewed means": Row(wrong_marks, MEAN | dict(truths=[0]), None, ENDS),
    "wrong share among 100, mixed": Row(wrong_marks, dict(truths=MIXED, is_main=False), FEW),
    "opposite sign, 0.01 SD": Row(opposite_sign, dict(truth=0.01), (0, ALPHA / 2)),
    "opposite sign, margin": Row(opposite_sign, dict(truth=0.5), (0, 0.005)),
    "opposite sign, 0.01 SD, skewed mean": Row(opposite_sign, MEAN | dict(truth=0.01), None, FIRST),
    **{
        f"power as planned, SD {sd} margins, level {level:.2g}": planned(sd, level)
        for sd in (1, 2, 3)
        for level in (ALPHA, ALPHA / N_MAIN)
    },
}


def texts_of(row: Row, draws: int) -> dict[str, str]:
    """Return a row of the table, by column."""
    rates = {n: f"{row.rate(n, draws):.1%}" for n in row.seeds}
    cells = {f"{n} seeds": rates.get(n, "") for n in SEEDS}
    others = ", ".join(f"{rate} ({n})" for n, rate in rates.items() if n not in SEEDS)
    goal = "{:.1%} to {:.1%}".format(*row.goal).replace("0.0% to", "at most") if row.goal else ""
    cells |= {"as planned (seeds)": others, "goal": goal}
    return {column: text.replace("%", " %") for column, text in cells.items()}


def main() -> None:
    """Read the command line, simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000, help="of each cell (default: 2000)")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="Markdown")
    arguments = parser.parse_args()
    table = pd.DataFrame([{"": name, **texts_of(ROWS[name], arguments.draws)} for name in ROWS])
    text = table.to_markdown(index=False, disable_numparse=True)
    arguments.output.write_text(TEXT.format(arguments.draws, text), encoding="utf-8")


if __name__ == "__main__":
    main()
