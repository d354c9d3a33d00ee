"""Simulate how often intervals cover and claims get a wrong mark: a table, in Markdown.

The numbers are made up, so that the truth is known, and go through the functions that decide the
claims of studies. README.md says what the rows are.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy import special

from lib import estimates
from lib.estimates import CHANCE, Estimate, mean_estimate
from lib.verdicts import MOST_SEEDS, mark_of, pair_of

SEEDS = (12, 20, 50, 100)
N_MAIN, N_SECONDARY = 30, 100  # claims of a family
MIXED = (0, 1, 2)  # truths, in margins
TEXT = """# How often verdicts are wrong

`make verdicts` has simulated this, with {} draws for each cell. Values of two conditions with the same seed correlate by 0.5, and are normal, t distributed with 3 degrees of freedom (t3), or skewed; where a row does not say, normal. Skewed ones are lognormal, their logarithms having a standard deviation of 1, and are analysed as they are. In a mixed family a third of the differences are 0, a third exactly the margin, and a third twice that; its margin is 3.6 standard errors, that of a single claim half a standard deviation.

{}
"""  # noqa: E501
# Values with mean 0, from normal ones.
SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "normal": lambda z: z,
    "t3": lambda z: special.stdtrit(3, special.ndtr(z)),
    "skewed": lambda z: (np.exp(z) - np.exp(0.5)) / np.sqrt(np.e * (np.e - 1)),  # SD 1
}
# Whether a mark is wrong, by the truth in margins.
IS_WRONG: dict[str, Callable[[float], bool]] = {
    "+": lambda truth: truth <= 0,
    "-": lambda truth: truth >= 0,
    "=": lambda truth: abs(truth) >= 1,
}


def runs(random: Generator, n: int, n_conditions: int, shape: str) -> np.ndarray:
    """Return numbers of runs, an array (seeds, conditions)."""
    shared, own = random.standard_normal((n, 1)), random.standard_normal((n, n_conditions))
    return SHAPES[shape](np.sqrt(0.5) * (shared + own))


def distances(
    random: Generator, n: int, n_claims: int = 1, shape: str = "normal", weights: tuple = (1, -1)
) -> np.ndarray:
    """Return numbers with mean 0, an array (seeds, claims): weighted sums with one baseline."""
    values = runs(random, n, n_claims + 1, shape)
    return weights[0] * values[:, 1:] + weights[1] * values[:, :1]


def mean_of(random: Generator, n: int, **options: Any) -> Estimate:
    """Return the estimate of a mean distance, which is 0."""
    return mean_estimate(distances(random, n, **options)[:, 0])


def share_of(random: Generator, n: int, a: float, of_ones: float = 0.0) -> Estimate:
    """Return the estimate of a mean accuracy: some are 1, the others from a beta distribution."""
    return estimates.share_mean(np.where(random.random(n) < of_ones, 1.0, random.beta(a, 1, n)))


def spread_of(random: Generator, n: int, shape: str) -> Estimate:
    """Return the estimate of a ratio of standard deviations, which is 2."""
    return estimates.spread_estimate(*(runs(random, n, 2, shape) * [2, 1]).T)


def correlation_of(random: Generator, n: int, r: float) -> Estimate:
    """Return the estimate of a rank correlation within 3 conditions and n seeds."""
    x, other = random.standard_normal((2, n, 3))
    shared, y = random.standard_normal((n, 1)), r * x + np.sqrt(1 - r**2) * other
    columns = [values.ravel() for values in (x + shared, y + shared, *np.indices(x.shape))]
    return estimates.correlation_estimate(*columns, within_seeds=True)


def coverage(
    random: Generator, n: int, draws: int, of: Callable[..., Estimate], truth: float, **options: Any
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
    random: Generator, n: int, draws: int, truths: Sequence[float], is_main: bool, **options: Any
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


def opposite_signs(random: Generator, n: int, draws: int, truth: float, **options: Any) -> float:
    """Return how often a claim by itself, which is above by so many SDs, is marked below."""
    values = (distances(random, n, **options) + truth for _ in range(10 * draws))  # it is rare
    return float(np.mean(["-" in marks_of(one, 0.5, estimates.shaffer)[0] for one in values]))


def power(random: Generator, n: int, draws: int, sd: float, level: float) -> float:
    """Return how often a difference of the margin is found, or none shown: the rarer of the two."""
    values = [sd * distances(random, n)[:, 0] for _ in range(draws)]
    differs = [mean_estimate(one + 1).p < level for one in values]
    is_equal = [mean_estimate(one, margin=1.0).p_equal < level for one in values]
    return float(min(np.mean(differs), np.mean(is_equal)))


class Row(NamedTuple):
    """A row of the table: what simulates it, the rates that are its goal, for which seeds."""

    simulate: Callable[[Generator, int, int], float]  # with how many seeds, how many draws
    goal: tuple[float, float] | None = None
    seeds: Sequence[int] = SEEDS


def interval(
    of: Callable[..., Estimate], truth: float = 0.0, seeds: Sequence[int] = SEEDS, **options: Any
) -> Row:
    """Return a row that says how often a 95 % interval covers the truth."""
    return Row(partial(coverage, of=of, truth=truth, **options), None, seeds)


def planned(sd: float, level: float) -> tuple[str, Row]:
    """Return name and row of the power with as many seeds as are planned for a margin of 1."""
    n = estimates.seeds_needed(sd, 1.0, level, SEEDS[0], MOST_SEEDS) or MOST_SEEDS
    goal = (0.75, 1.0 if n == SEEDS[0] else 0.85)
    name = f"power of {n} planned seeds, SD of {sd} margins, level {level:.2g}"
    return name, Row(partial(power, sd=sd, level=level), goal, [n])


COVERS, FEW, ENDS = (0.93, 0.97), (0, CHANCE), (SEEDS[0], SEEDS[-1])
MAIN = partial(wrong_marks, is_main=True)
SKEWED_MEAN: Any = {"shape": "skewed", "weights": (1, 0)}  # of one condition
SINGLE = partial(opposite_signs, truth=0.01)
ROWS = {
    "interval of a difference, normal": interval(mean_of)._replace(goal=COVERS),
    "interval of a difference, t3": interval(mean_of, shape="t3")._replace(goal=COVERS),
    "interval of a difference, skewed, one condition 3 times as large as the other": interval(
        mean_of, shape="skewed", weights=(3, -1)
    ),
    "interval of a mean, skewed": interval(mean_of, **SKEWED_MEAN),
    "interval of a mean accuracy, beta(19, 1)": interval(share_of, 0.95, a=19),
    "interval of a mean accuracy, half of them 1, half beta(9, 1)": interval(
        share_of, 0.95, a=9, of_ones=0.5
    ),
    **{
        f"interval of a ratio of spreads, {shape}": interval(spread_of, 2, SEEDS[1:], shape=shape)
        for shape in SHAPES
    },
    "interval of a rank correlation within conditions and seeds": interval(
        correlation_of, 6 / np.pi * np.arcsin(0.25), SEEDS[:2], r=0.5
    ),
    "wrong mark among 30 main claims, mixed": Row(partial(MAIN, truths=MIXED), FEW),
    "wrong mark among 30 main claims, all 0": Row(partial(MAIN, truths=[0]), FEW, ENDS),
    "wrong mark among 30 main claims, all at the margin": Row(partial(MAIN, truths=[1]), FEW, ENDS),
    "wrong mark among 30 main claims, all 0, means, skewed": Row(
        partial(MAIN, truths=[0], **SKEWED_MEAN), None, ENDS
    ),
    "wrong marks, of those of 100 secondary claims, mixed": Row(
        partial(wrong_marks, truths=MIXED, is_main=False), FEW, SEEDS[1:2]
    ),
    "opposite sign of a claim 0.01 SD from 0": Row(SINGLE, (0, 0.025)),
    "opposite sign of a claim a margin from 0": Row(partial(SINGLE, truth=0.5), (0, 0.005), ENDS),
    "opposite sign of a claim 0.01 SD from 0, mean, skewed": Row(
        partial(SINGLE, **SKEWED_MEAN), None, ENDS
    ),
    **dict(planned(sd, level) for sd in (1, 2, 3) for level in (CHANCE, CHANCE / N_MAIN)),
}


def simulate(row: Row, n: int, draws: int) -> float:
    """Return the rate in a cell of the table."""
    return row.simulate(np.random.default_rng(n), n, draws)


def table_of(draws: int) -> pd.DataFrame:
    """Return the table, of texts."""
    found = {}
    for name, row in ROWS.items():
        cells = {
            f"{n} seeds" if n in SEEDS else "as planned": f"{simulate(row, n, draws):.1%}"
            for n in row.seeds
        }
        least, most = row.goal or (0, 1)
        goal = f"{least:.0%} to {most:.0%}" if least else f"at most {most:.1%}"
        found[name] = {**cells, "goal": goal if row.goal else ""}
    columns = [*(f"{n} seeds" for n in SEEDS), "as planned", "goal"]
    table = pd.DataFrame.from_dict(found, orient="index", columns=columns).fillna("")
    return table.map(lambda text: text.replace("%", " %"))


def main() -> None:
    """Read the command line, simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000, help="of a cell (default: 2000)")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="Markdown")
    arguments = parser.parse_args()
    table = table_of(arguments.draws).to_markdown(disable_numparse=True)
    arguments.output.write_text(TEXT.format(arguments.draws, table), encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
