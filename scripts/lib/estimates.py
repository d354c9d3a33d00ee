"""Estimates over seeds: a number with its 95 % interval, and how surprising it would be by chance.

All intervals are t intervals (Student 1908): of the seeds' numbers, of their logarithms where they
are positive, or of the pseudo-values of the jackknife (Tukey 1958; Miller 1974) where a number is
one for all seeds together, such as a correlation. The mean of shares has the t interval of its
logit. ``benchmarks/verdicts.md`` has what they cover, by simulation.

A **margin** says which distances from the neutral value count as none; that a number is within it
is shown by two one-sided t tests (TOST: Schuirmann 1987; Lakens 2017).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

Numbers = Sequence[float] | np.ndarray

LEAST_SEEDS = 3  # for an interval
ALPHA = 0.05
POWER = 0.8  # with which planned seeds decide


class Estimate(NamedTuple):
    """A number, its 95 % interval, and the p-value of a neutral one; nan where there is none."""

    value: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    n: int = 0  # how many seeds, pairs or runs it is of
    p_equal: float = np.nan  # p-value of a number outside the margin
    sd: float = np.nan  # over independent parts, seeds, on the scale of the margin
    n_parts: int = 0  # of these

    def rescaled(self, scale: Callable[[float], float]) -> "Estimate":
        """Return the estimate whose number and interval are put on another scale."""
        value, low, high = map(scale, (self.value, self.low, self.high))
        return self._replace(value=value, low=low, high=high)


def mean_estimate(
    values: ArrayLike, is_positive: bool = False, margin: float | None = None
) -> Estimate:
    """Return the :class:`Estimate` of the mean of values, of which 0 is the neutral one.

    The p-value is that of the two-sided t test; if all values are equal, it is 0 or, if they all
    are 0, 1. Of positive values everything is computed on logarithms: the mean is the geometric
    one, and 1 is neutral.

    Args:
        values: array (seeds).
        is_positive: whether they are compared by their ratios.
        margin: distance from the neutral value that counts as none, of logarithms if those are
            compared.

    >>> found = mean_estimate([1.0, 2.0, 3.0])  # t(0.975, 2) = 4.303
    >>> print("{:.3f} [{:.3f}, {:.3f}], p = {:.3f}, n = {}".format(*found[:5]))
    2.000 [-0.484, 4.484], p = 0.074, n = 3
    >>> print(f"{mean_estimate([1.0, 2.0, 4.0], is_positive=True).value:.3f}")
    2.000
    >>> print(f"{mean_estimate([-1.0, 0.0, 1.0], margin=2.0).p_equal:.3f}")  # t = 2 / (1 / sqrt 3)
    0.037
    """
    if is_positive:
        return mean_estimate(np.log(values), margin=margin).rescaled(np.exp)
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < LEAST_SEEDS:
        return Estimate(np.mean(values) if n else np.nan, n=n, n_parts=n)
    if np.ptp(values) == 0:
        value = float(values[0])
        p_equal = np.nan if margin is None else float(abs(value) >= margin)
        return Estimate(value, value, value, float(value == 0), n, p_equal, 0.0, n)
    mean, sd = np.mean(values), np.std(values, ddof=1)
    error = sd / np.sqrt(n)  # stats.sem is ten times slower
    half = special.stdtrit(n - 1, 0.975) * error  # stats.t is forty times slower
    p = 2 * special.stdtr(n - 1, -abs(mean) / error)
    p_equal = np.nan if margin is None else special.stdtr(n - 1, (abs(mean) - margin) / error)
    return Estimate(mean, mean - half, mean + half, p, n, p_equal, sd, n)


def quotient_estimate(
    numerator: ArrayLike, denominator: ArrayLike, margin: float | None = None
) -> Estimate:
    """Return the :class:`Estimate` of the quotient of two means over seeds, paired.

    The interval is Fieller's (1954); there is none where the denominator's mean is not clearly
    different from 0, as the quotient could then be anything. The quotient is 0 where the numerator
    is, which decides the p-value; it is within the margin if numerator - margin x denominator and
    numerator + margin x denominator are on either side of 0.

    Args:
        numerator, denominator: arrays (seeds).
        margin: of the quotient.

    >>> found = quotient_estimate([1.0, 2.0, 3.0, 4.0], [2.1, 3.9, 6.0, 8.0])
    >>> print("{:.3f} [{:.3f}, {:.3f}]".format(*found[:3]))
    0.500 [0.467, 0.515]
    """
    y, x = (np.asarray(values, dtype=float) for values in (numerator, denominator))
    if len(x) < LEAST_SEEDS or not np.mean(x):
        return Estimate(np.nan, n=len(x), n_parts=len(x))
    y, x = np.sign(np.mean(x)) * np.array([y, x])
    above = mean_estimate(y)
    value = above.value / np.mean(x)
    sd = mean_estimate((y - value * x) / np.mean(x)).sd
    p_equal = np.nan
    if margin is not None:
        sides = mean_estimate(y - margin * x), mean_estimate(-y - margin * x)
        p_equal = max(side.p / 2 if side.value < 0 else 1 - side.p / 2 for side in sides)
    low, high = _fieller(y, x)
    return Estimate(value, low, high, above.p, above.n, p_equal, sd, above.n)


def _fieller(y, x):
    """Return the 95 % interval of the quotient of the means of y and x; nan if it is unbounded."""
    n = len(x)
    square = special.stdtrit(n - 1, 0.975) ** 2 / n
    (s_yy, s_xy), (_, s_xx) = square * np.cov(y, x)
    a, b, c = np.mean(x) ** 2 - s_xx, np.mean(x) * np.mean(y) - s_xy, np.mean(y) ** 2 - s_yy
    if a <= 0:
        return np.nan, np.nan
    half = np.sqrt(max(0.0, b**2 - a * c))
    return (b - half) / a, (b + half) / a


def share_mean(values: ArrayLike) -> Estimate:
    """Return the :class:`Estimate` of the mean of shares, whose interval is within 0 and 1.

    It is the t interval of the logit of the mean, whose standard error is that of the mean by the
    logit's slope there. There is no p-value.

    >>> print("{:.2f} [{:.3f}, {:.3f}]".format(*share_mean([0.8, 0.9, 1.0])[:3]))
    0.90 [0.363, 0.993]
    """
    found = mean_estimate(values)._replace(p=np.nan)
    if not (0 < found.value < 1 and found.high > found.low):
        return found
    half = (found.high - found.value) / (found.value * (1 - found.value))
    low, high = special.expit(special.logit(found.value) + np.array([-half, half]))
    return found._replace(low=low, high=high)


def seeds_needed(
    sd: float, distance: float, level: float, least: int, most: int, is_margin: bool = True
) -> int | None:
    """Return how many seeds decide with 80 % power; None if more than ``most`` are needed.

    So many tell a number that far off from the neutral one; and, where the distance is the margin,
    they show one that is neutral to be within it, too.

    Args:
        sd: standard deviation over seeds.
        distance: from the neutral value, on its scale.
        level: of the two-sided test, and of each one-sided one.
        least, most: seeds.
        is_margin: whether the distance is the margin.

    >>> seeds_needed(1.0, 1.0, 0.05, 2, 200)  # two-sided t test: 10; TOST: 11
    11
    """
    if sd == 0:
        return least
    n = np.arange(least, most + 1)
    df, distances = n - 1, distance * np.sqrt(n) / sd
    power = stats.nct.sf(stats.t.isf(level / 2, df), df, distances)
    if is_margin:
        is_equal = 2 * stats.t.cdf(distances - stats.t.isf(level, df), df) - 1
        power = np.minimum(power, is_equal)
    enough = np.flatnonzero(power >= POWER)
    return int(n[enough[0]]) if len(enough) else None


def sd_interval(sd: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of the standard deviation of n normal numbers (chi-squared).

    >>> print("{:.2f} {:.2f}".format(*sd_interval(1.0, 20)))
    0.76 1.46
    """
    low, high = stats.chi2.ppf([0.975, 0.025], n - 1)
    return sd * np.sqrt((n - 1) / low), sd * np.sqrt((n - 1) / high)


def mean_and_interval(
    values: ArrayLike, is_positive: bool, is_share: bool = False
) -> tuple[float, float, float]:
    """Return the mean and its interval, as :func:`mean_estimate` or :func:`share_mean`."""
    return (share_mean(values) if is_share else mean_estimate(values, is_positive))[:3]


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

    >>> found = share_estimate(3, 3, 0.5)  # low = (0.05 / 2)^(1/3), p = 2 / 2^3
    >>> print("{:.3f} [{:.3f}, {:.3f}], p = {:.3f}, n = {}".format(*found[:5]))
    1.000 [0.292, 1.000], p = 0.250, n = 3
    """
    test = stats.binomtest(count, n, against)
    interval = test.proportion_ci(0.95, method="exact")
    return Estimate(count / n, interval.low, interval.high, test.pvalue, n, n_parts=n)


def jackknife(
    statistic: Callable[[np.ndarray], float], n: int, margin: float | None = None
) -> Estimate:
    """Return the :class:`Estimate` of a statistic of n parts that are independent of each other.

    Interval and p-value are the t ones of the pseudo-values (Tukey 1958; Miller 1974), around the
    plain value: their own mean corrects its bias, but scatters more than their standard error says,
    where ranks jump. There is none where the statistic is not finite without some part.

    Args:
        statistic: function of the positions that are kept, an array, out of 0 to n - 1.
        n: parts.
        margin: as :func:`mean_estimate` has it.

    >>> values = np.array([1.0, 2.0, 3.0])
    >>> jackknife(lambda kept: values[kept].mean(), 3)[:3] == mean_and_interval(values, False)
    True
    """
    every = np.arange(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = statistic(every) if n else np.nan
        if n < LEAST_SEEDS or not np.isfinite(value):
            return Estimate(value, n=n, n_parts=n)
        without = np.array([statistic(every[every != place]) for place in every])
        pseudo_values = n * value - (n - 1) * without
    if not np.isfinite(pseudo_values).all():
        return Estimate(value, n=n, n_parts=n)
    centred = pseudo_values - np.mean(pseudo_values) + value
    return mean_estimate(centred, margin=margin)._replace(value=value)


def spread_estimate(
    values: ArrayLike, of_baseline: ArrayLike, margin: float | None = None
) -> Estimate:
    """Return the :class:`Estimate` of the ratio of the standard deviations of pairs (Miller 1968).

    Interval and p-value are those of the jackknife of its logarithm, by pair: unlike the F test's,
    the interval covers the ratio for values that are not normal, too. 1 is the neutral value. There
    is no number of fewer than 3 pairs, or where one of the two does not vary. The margin is of the
    logarithm.

    >>> print(f"{spread_estimate([0.0, 3.0, 3.0, 9.0], [0.0, 1.0, 1.0, 3.0]).value:.3f}")
    3.000
    """
    pairs = np.array([values, of_baseline], dtype=float)

    if pairs.shape[1] < LEAST_SEEDS:
        return Estimate(np.nan, n=pairs.shape[1], n_parts=pairs.shape[1])

    def log_ratio(kept: np.ndarray) -> float:
        spread, baseline = np.std(pairs[:, kept], axis=1, ddof=1)
        return np.log(spread / baseline) if spread > 0 and baseline > 0 else np.nan

    return jackknife(log_ratio, pairs.shape[1], margin).rescaled(np.exp)


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
    # Equal numbers have one rank, though rounding may have parted them.
    values = np.round(values / (np.ptp(values) or 1.0), 9)
    _, group = np.unique(groups, return_inverse=True)
    one_after_another = group * (len(values) + 1.0) + stats.rankdata(values)
    ranks = stats.rankdata(one_after_another)
    return ranks - (np.bincount(group, ranks) / np.bincount(group))[group]


def without_effects(values: ArrayLike, *factors: ArrayLike) -> np.ndarray:
    """Return what is left of numbers without the additive effects of factors, by least squares.

    Args:
        values: array (runs).
        factors: arrays (runs); which level of a factor each run has.

    >>> without_effects([1.0, 2.0, 11.0, 14.0], [0, 0, 1, 1], [0, 1, 0, 1]).round(9)
    array([ 0.5, -0.5, -0.5,  0.5])
    """
    values = np.asarray(values, dtype=float)
    dummies = [np.equal.outer(factor, np.unique(factor)) for factor in map(np.asarray, factors)]
    design = np.hstack(dummies).astype(float)
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    # What is nothing but rounding has no ranks.
    return np.where(np.abs(left) > 1e-9 * np.ptp(values), left, 0.0)


def correlation_estimate(
    x: ArrayLike,
    y: ArrayLike,
    seeds: ArrayLike,
    groups: ArrayLike | None = None,
    given: ArrayLike | None = None,
    within_seeds: bool = False,
    margin: float | None = None,
) -> Estimate:
    """Return the :class:`Estimate` of a rank correlation over runs, some of which share a seed.

    Runs of one seed are not independent: they share initial weights and data. So the jackknife
    leaves out a seed at a time; its interval is that of Fisher's z (1915).

    Args:
        x, y, groups, given: as :func:`rank_correlation` has them.
        seeds: array (runs).
        within_seeds: whether the additive effects of seeds and groups are taken out first.
        margin: of Fisher's z.

    >>> found = correlation_estimate([1, 2, 3, 4], [2, 1, 4, 3], seeds=[1, 2, 3, 4])
    >>> print(f"{found.value:.1f}, n = {found.n}")
    0.6, n = 4
    """
    seeds = np.asarray(seeds)
    different, place = np.unique(seeds, return_inverse=True)
    groups = np.zeros(len(seeds)) if groups is None else np.asarray(groups)
    columns = [None if values is None else np.asarray(values, float) for values in (x, y, given)]

    def fisher_z(kept):
        there = np.isin(place, kept)
        parts = [None if values is None else values[there] for values in columns]
        of_groups = groups[there]
        if within_seeds:
            factors = (seeds[there], of_groups)
            parts = [None if of is None else without_effects(of, *factors) for of in parts]
            of_groups = None
        first, second, third = parts
        return np.arctanh(np.clip(rank_correlation(first, second, of_groups, third), -1, 1))

    return jackknife(fisher_z, len(different), margin).rescaled(np.tanh)._replace(n=len(place))


def shaffer(p_values: ArrayLike) -> np.ndarray:
    """Return p-values of claims adjusted together (Holm 1979, with the factor of Shaffer 1986).

    Of the null hypotheses of a claim, that a number is the neutral one and that it is outside the
    margin, at most one is true. So a p-value counts once for each claim, less those of which both
    are rejected before.

    Args:
        p_values: array (claims, 2); nan where there is no test, whose hypothesis is never rejected,
            unless the claim has the other alone.

    Returns:
        Array (claims, 2).

    >>> shaffer([[0.01, 0.9], [0.9, 0.04]])
    array([[0.02, 1.  ],
           [1.  , 0.08]])
    >>> shaffer([[0.01, 0.01], [0.9, 0.04]])  # the first claim is done with
    array([[0.02, 0.02],
           [0.9 , 0.04]])
    """
    p_values = np.asarray(p_values, dtype=float).reshape(-1, 2)
    adjusted = np.full(p_values.shape, np.nan)
    n_left = np.isfinite(p_values).sum(axis=1)
    factor, largest = len(p_values), 0.0  # largest: adjusted p-value so far
    for place in np.argsort(p_values, axis=None)[: n_left.sum()]:
        claim, which = np.unravel_index(place, p_values.shape)
        largest = max(largest, min(1.0, float(p_values[claim, which]) * factor))
        adjusted[claim, which] = largest
        n_left[claim] -= 1
        factor -= n_left[claim] == 0
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> np.ndarray:
    """Return p-values of claims adjusted for the rate of false discoveries (1995).

    As at most one of a claim's two null hypotheses is true, claims are counted, not tests; no
    adjusted p-value is below the plain one.

    Args:
        p_values: array (claims, 2); nan where there is no test.

    Returns:
        Array (claims, 2).

    >>> benjamini_hochberg([[0.01, 0.9], [0.8, 0.02]])
    array([[0.02, 0.9 ],
           [0.8 , 0.02]])
    """
    p_values = np.asarray(p_values, dtype=float).reshape(-1, 2)
    order = np.argsort(p_values, axis=None)  # nan comes last
    ranked = p_values.ravel()[order] * len(p_values) / np.arange(1, p_values.size + 1)
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.fmin.accumulate(ranked[::-1])[::-1]
    return np.clip(adjusted.reshape(-1, 2), p_values, 1.0)
