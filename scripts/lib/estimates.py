"""Estimates over seeds: a number with its 95 % interval, and how surprising it would be by chance.

All intervals are t intervals: of the seeds' numbers, of their logarithms where they are positive,
or of the pseudo-values of the jackknife over seeds (Miller 1974) where a number is one for all
seeds together, such as a correlation. ``tests/scripts/test_estimates.py`` simulates what they
cover.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

LEAST_SEEDS = 3  # for an interval
CHANCE = 0.05


class Estimate(NamedTuple):
    """A number, its 95 % interval, and the p-value of a neutral one; nan where there is none."""

    value: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    n: int = 0  # how many seeds, pairs or runs it is of


def of_numbers(numbers):
    """Return the :class:`Estimate` of the mean of numbers, of which 0 is the neutral one.

    The p-value is that of the two-sided t test. Of numbers that are all equal there is none.
    """
    numbers = np.asarray(numbers, dtype=float)
    if len(numbers) == 0:
        return Estimate(np.nan)
    mean = np.mean(numbers)
    if len(numbers) < LEAST_SEEDS:
        return Estimate(mean, n=len(numbers))
    error = np.std(numbers, ddof=1) / np.sqrt(len(numbers))  # stats.sem is ten times slower
    half = stats.t.ppf(0.975, len(numbers) - 1) * error
    p = 2 * stats.t.sf(abs(mean) / error, len(numbers) - 1) if error > 0 else np.nan
    return Estimate(mean, mean - half, mean + half, p, len(numbers))


def weakest_estimate(columns):
    """Return the :class:`Estimate` of the lowest of some columns of numbers.

    That all of them are above 0 is shown if this one is (an intersection-union test, Berger 1982).
    That one is below 0 may be shown by any of them, so that its p-value counts once for each.
    """
    found = [of_numbers(column) for column in columns]
    sizes = [np.sign(one.value) * -np.log(one.p) for one in found]
    if not np.isfinite(sizes).all():
        return found[0]
    weakest = found[int(np.argmin(sizes))]
    if weakest.value < 0:
        return weakest._replace(p=min(1.0, weakest.p * len(found)))
    return weakest


def on(scale, estimate):
    """Return an estimate whose number and interval are put on another scale by a function."""
    ends = {name: scale(getattr(estimate, name)) for name in ("value", "low", "high")}
    return estimate._replace(**ends)


def mean_and_interval(values, is_positive):
    """Return the mean and the two ends of its 95 % t interval; nan where there is none.

    Of positive values they are those of the logarithms: the geometric mean, with its interval.

    >>> mean, low, high = mean_and_interval([1.0, 2.0, 4.0], is_positive=True)
    >>> print(f"{mean:.3f}")
    2.000
    """
    found = of_numbers(np.log(values) if is_positive else values)
    return (on(np.exp, found) if is_positive else found)[:3]


def sign_test(values, neutral=1):
    """Return the p-value (two-sided, exact) of "as often above as below" a value, or nan."""
    above, below = np.sum(np.array(values) > neutral), np.sum(np.array(values) < neutral)
    if above + below == 0:
        return np.nan
    return stats.binomtest(int(above), int(above + below)).pvalue


def of_share(count, n, against):
    """Return the :class:`Estimate` of a share, count of n.

    The interval is the exact one (Clopper and Pearson 1934), and the p-value that of the exact test
    of the share ``against``, two-sided.
    """
    if n == 0:
        return Estimate(np.nan)
    test = stats.binomtest(count, n, against)
    interval = test.proportion_ci(0.95, method="exact")
    return Estimate(count / n, interval.low, interval.high, test.pvalue, n)


def pseudo_values(number, n):
    """Return the jackknife's pseudo-values of a number, an array (n).

    Args:
        number: function of the positions that are kept, an array, out of 0 to n - 1.
        n: how many parts there are that are independent of each other.
    """
    every = np.arange(n)
    without = np.array([number(every[every != place]) for place in every])
    with np.errstate(invalid="ignore"):
        return n * number(every) - (n - 1) * without


def pseudo_values_of_spread(values, of_baseline):
    """Return the jackknife's pseudo-values of log(s / s of the baseline), an array, one per pair.

    For fewer than :data:`LEAST_SEEDS` pairs they are nan.
    """
    if len(values) < LEAST_SEEDS:
        return np.full(len(values), np.nan)
    values, of_baseline = np.asarray(values, dtype=float), np.asarray(of_baseline, dtype=float)

    def log_ratio(kept):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(np.std(values[kept], ddof=1) / np.std(of_baseline[kept], ddof=1))

    found = pseudo_values(log_ratio, len(values))
    return np.where(np.isfinite(found), found, np.nan)


def rank_correlation(x, y, groups=None, given=None):
    """Return the rank correlation (Spearman) of two columns of numbers.

    Args:
        x, y: arrays (runs).
        groups: array (runs); if given, ranks are within a group and around its mean rank, so that
            differences between groups do not count.
        given: array (runs); if given, the part of both that is linear in its ranks is taken out
            (partial correlation).
    """
    groups = np.zeros(len(x)) if groups is None else np.asarray(groups)
    ranks = [_centred_ranks(np.asarray(values), groups) for values in (x, y)]
    if given is not None:
        third = _centred_ranks(np.asarray(given), groups)
        square = third.dot(third)
        ranks = [one - third * (third.dot(one) / square) if square else one for one in ranks]
    x, y = ranks
    size = np.sqrt(x.dot(x) * y.dot(y))
    return x.dot(y) / size if size > 0 else np.nan


def _centred_ranks(values, groups):
    ranks = np.empty(len(values))
    for group in np.unique(groups):
        of_group = stats.rankdata(values[groups == group])
        ranks[groups == group] = of_group - of_group.mean()
    return ranks


def of_correlation(x, y, seeds, groups=None, given=None):
    """Return the :class:`Estimate` of a rank correlation over runs, some of which share a seed.

    Runs of one seed are not independent: they share initial weights and data. So the jackknife
    leaves out a seed at a time; its interval is that of Fisher's z.
    """
    arrays = [np.asarray(one) for one in (x, y, seeds)]
    groups, given = [None if one is None else np.asarray(one) for one in (groups, given)]
    x, y, seeds = arrays
    different = np.unique(seeds)

    def fisher_z(kept):
        there = np.isin(seeds, different[kept])
        others = [None if one is None else one[there] for one in (groups, given)]
        with np.errstate(divide="ignore"):
            return np.arctanh(rank_correlation(x[there], y[there], *others))

    value = rank_correlation(x, y, groups, given)
    if len(different) < LEAST_SEEDS:
        return Estimate(value, n=len(x))
    numbers = pseudo_values(fisher_z, len(different))
    if not np.isfinite(numbers).all():  # without some seed it is 1 or -1, or there is none
        return Estimate(value, n=len(x))
    return on(np.tanh, of_numbers(numbers))._replace(n=len(x))


def slopes(x, y):
    """Return the slope of a straight line fitted to each row, an array (rows).

    Args:
        x, y: arrays (rows, points).
    """
    x, y = [one - one.mean(axis=1, keepdims=True) for one in (np.asarray(x), np.asarray(y))]
    return (x * y).sum(axis=1) / (x * x).sum(axis=1)


def holm(p_values, n_tests):
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
