"""Estimates over seeds: a number with its 95 % interval, and how surprising it would be by chance.

All intervals are t intervals (Student 1908): of the seeds' numbers, of their logarithms where they
are positive, or of the pseudo-values of the jackknife (Tukey 1958; Miller 1974) where a number is
one for all seeds together, such as a correlation. ``tests/scripts/test_estimates.py`` simulates
what they cover.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

Numbers = Sequence[float] | np.ndarray

LEAST_SEEDS = 3  # for an interval
CHANCE = 0.05


class Estimate(NamedTuple):
    """A number, its 95 % interval, and the p-value of a neutral one; nan where there is none."""

    value: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    n: int = 0  # how many seeds, pairs or runs it is of

    def rescaled(self, scale: Callable[[float], float]) -> "Estimate":
        """Return the estimate whose number and interval are put on another scale."""
        value, low, high = map(scale, (self.value, self.low, self.high))
        return self._replace(value=value, low=low, high=high)


def mean_estimate(values: ArrayLike, is_positive: bool = False) -> Estimate:
    """Return the :class:`Estimate` of the mean of values, of which 0 is the neutral one.

    The p-value is that of the two-sided t test; if all values are equal, it is 0 or, if they all
    are 0, 1. Of positive values everything is computed on logarithms: the mean is the geometric
    one, and 1 is neutral.

    >>> mean, low, high, p, n = mean_estimate([1.0, 2.0, 3.0])  # t(0.975, 2) = 4.303
    >>> print(f"{mean:.3f} [{low:.3f}, {high:.3f}], p = {p:.3f}, n = {n}")
    2.000 [-0.484, 4.484], p = 0.074, n = 3
    >>> print(f"{mean_estimate([1.0, 2.0, 4.0], is_positive=True).value:.3f}")
    2.000
    """
    if is_positive:
        return mean_estimate(np.log(values)).rescaled(np.exp)
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < LEAST_SEEDS:
        return Estimate(np.mean(values) if n else np.nan, n=n)
    if np.ptp(values) == 0:
        value = float(values[0])
        return Estimate(value, value, value, float(value == 0), n)
    mean = np.mean(values)
    error = np.std(values, ddof=1) / np.sqrt(n)  # stats.sem is ten times slower
    half = stats.t.ppf(0.975, n - 1) * error
    return Estimate(mean, mean - half, mean + half, 2 * stats.t.sf(abs(mean) / error, n - 1), n)


def mean_and_interval(values: ArrayLike, is_positive: bool) -> tuple[float, float, float]:
    """Return the mean and the two ends of its interval, as :func:`mean_estimate`."""
    return mean_estimate(values, is_positive)[:3]


def sign_test(values: ArrayLike, neutral: float = 1) -> float:
    """Return the p-value (two-sided, exact) of "as often above as below" a value, or nan.

    >>> print(sign_test([2.0, 3.0, 4.0, 5.0, 6.0]))  # 2 / 2^5
    0.0625
    """
    above, below = np.sum(np.array(values) > neutral), np.sum(np.array(values) < neutral)
    if above + below == 0:
        return np.nan
    return stats.binomtest(int(above), int(above + below)).pvalue


def share_estimate(count: int, n: int, against: float) -> Estimate:
    """Return the :class:`Estimate` of a share, count of n.

    The interval is the exact one (Clopper and Pearson 1934), and the p-value that of the exact test
    of the share ``against``, two-sided.

    >>> share, low, high, p, n = share_estimate(3, 3, 0.5)  # low = (0.05 / 2)^(1/3), p = 2 / 2^3
    >>> print(f"{share:.3f} [{low:.3f}, {high:.3f}], p = {p:.3f}, n = {n}")
    1.000 [0.292, 1.000], p = 0.250, n = 3
    """
    test = stats.binomtest(count, n, against)
    interval = test.proportion_ci(0.95, method="exact")
    return Estimate(count / n, interval.low, interval.high, test.pvalue, n)


def jackknife(statistic: Callable[[np.ndarray], float], n: int) -> Estimate:
    """Return the :class:`Estimate` of a statistic of n parts that are independent of each other.

    The value is the plain one. Interval and p-value are the t ones of the pseudo-values (Tukey
    1958; Miller 1974), so that the interval is around the value corrected for bias. There is none
    where the statistic is not finite without some part.

    Args:
        statistic: function of the positions that are kept, an array, out of 0 to n - 1.

    >>> values = np.array([1.0, 2.0, 3.0])
    >>> jackknife(lambda kept: values[kept].mean(), 3)[:3] == mean_and_interval(values, False)
    True
    """
    every = np.arange(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = statistic(every) if n else np.nan
        if n < LEAST_SEEDS or not np.isfinite(value):
            return Estimate(value, n=n)
        without = np.array([statistic(every[every != place]) for place in every])
        pseudo_values = n * value - (n - 1) * without
    if not np.isfinite(pseudo_values).all():
        return Estimate(value, n=n)
    return mean_estimate(pseudo_values)._replace(value=value)


def spread_estimate(values: ArrayLike, of_baseline: ArrayLike) -> Estimate:
    """Return the :class:`Estimate` of the ratio of the standard deviations of pairs (Miller 1968).

    Interval and p-value are those of the jackknife of its logarithm, by pair: unlike the F test's,
    the interval covers the ratio for values that are not normal, too. 1 is the neutral value. There
    is no number of fewer than 3 pairs, or where one of the
    two does not vary.

    >>> print(f"{spread_estimate([0.0, 3.0, 3.0, 9.0], [0.0, 1.0, 1.0, 3.0]).value:.3f}")
    3.000
    """
    pairs = np.array([values, of_baseline], dtype=float)

    if pairs.shape[1] < LEAST_SEEDS:
        return Estimate(np.nan, n=pairs.shape[1])

    def log_ratio(kept: np.ndarray) -> float:
        spread, baseline = np.std(pairs[:, kept], axis=1, ddof=1)
        return np.log(spread / baseline) if spread > 0 and baseline > 0 else np.nan

    return jackknife(log_ratio, pairs.shape[1]).rescaled(np.exp)


def rank_correlation(
    x: Numbers, y: Numbers, groups: ArrayLike | None = None, given: ArrayLike | None = None
) -> float:
    """Return the rank correlation (Spearman 1904) of two columns of numbers.

    Args:
        x, y: arrays (runs).
        groups: array (runs); if given, ranks are within a group and around its mean rank, so that
            differences between groups do not count.
        given: array (runs); if given, the part of both that is linear in its ranks is taken out
            (partial correlation).

    >>> print(f"{rank_correlation([1, 2, 3, 4], [1, 2, 4, 30]):.1f}")
    1.0
    >>> print(f"{rank_correlation([1, 2, 3, 4], [2, 1, 4, 3]):.1f}")  # 1 - 6 x 4 / (4 x 15)
    0.6
    """
    groups = np.zeros(len(x)) if groups is None else np.asarray(groups)
    ranks = [_centred_ranks(np.asarray(values), groups) for values in (x, y)]
    if given is not None:
        third = _centred_ranks(np.asarray(given), groups)
        square = third.dot(third)
        ranks = [own - third * (third.dot(own) / square) if square else own for own in ranks]
    a, b = ranks
    size = np.sqrt(a.dot(a) * b.dot(b))
    return a.dot(b) / size if size > 0 else np.nan


def _centred_ranks(values, groups):
    _, group = np.unique(groups, return_inverse=True)
    one_after_another = group * (len(values) + 1.0) + stats.rankdata(values)
    ranks = stats.rankdata(one_after_another)
    return ranks - (np.bincount(group, ranks) / np.bincount(group))[group]


def correlation_estimate(
    x: ArrayLike,
    y: ArrayLike,
    seeds: ArrayLike,
    groups: ArrayLike | None = None,
    given: ArrayLike | None = None,
) -> Estimate:
    """Return the :class:`Estimate` of a rank correlation over runs, some of which share a seed.

    Runs of one seed are not independent: they share initial weights and data. So the jackknife
    leaves out a seed at a time; its interval is that of Fisher's z (1915).

    Args:
        x, y, groups, given: as :func:`rank_correlation` has them.
        seeds: array (runs).

    >>> found = correlation_estimate([1, 2, 3, 4], [2, 1, 4, 3], seeds=[1, 2, 3, 4])
    >>> print(f"{found.value:.1f}, n = {found.n}")
    0.6, n = 4
    """
    different, place = np.unique(np.asarray(seeds), return_inverse=True)
    columns = [None if values is None else np.asarray(values) for values in (x, y, groups, given)]

    def fisher_z(kept):
        there = np.isin(place, kept)
        parts = (None if values is None else values[there] for values in columns)
        return np.arctanh(np.clip(rank_correlation(*parts), -1, 1))

    return jackknife(fisher_z, len(different)).rescaled(np.tanh)._replace(n=len(place))


def holm(p_values: ArrayLike, n_tests: int) -> np.ndarray:
    """Return p-values adjusted for that many tests (Holm 1979), an array; nan stays nan.

    Tests beyond those that have a p-value count as the least significant ones.

    >>> holm([0.01, 0.04], n_tests=3)
    array([0.03, 0.08])
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)  # nan comes last
    factors = n_tests - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.fmax.accumulate(p_values[order] * factors), 1.0)
    return np.where(np.isnan(p_values), np.nan, adjusted)
