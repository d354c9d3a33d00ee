"""Estimates against scipy and by simulation: what intervals cover, how often chance decides."""

import doctest
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from lib import estimates, numbers
from lib.estimates import (
    benjamini_hochberg,
    correlation_estimate,
    jackknife,
    mean_and_interval,
    mean_estimate,
    quotient_estimate,
    rank_correlation,
    sd_interval,
    seeds_needed,
    shaffer,
    share_estimate,
    share_mean,
    sign_test,
    spread_estimate,
    without_effects,
)
from lib.statistics import order, trend
from lib.statistics.order import weakest_estimate
from lib.statistics.trend import slopes


@pytest.mark.parametrize(
    "module, attempted", [(estimates, 23), (numbers, 3), (order, 1), (trend, 1)]
)
def test_examples_in_docstrings(module, attempted):
    result = doctest.testmod(module)
    assert result.attempted == attempted
    assert result.failed == 0


def test_the_interval_is_that_of_the_t_distribution():
    values = [1.0, 2.0, 3.0, 4.0, 10.0]
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert mean_and_interval(values, False) == pytest.approx((4.0, *expected))
    expected = stats.ttest_1samp(np.log(values), 0).confidence_interval()
    mean = stats.gmean(values)
    assert mean_and_interval(values, True) == pytest.approx((mean, *np.exp(expected)))


@pytest.mark.parametrize("is_positive", [False, True])
def test_there_is_no_interval_of_fewer_than_three_values(is_positive):
    assert np.isfinite(mean_and_interval([1.0, 2.0, 4.0], is_positive)).all()
    for values in ([5.0], [5.0, 5.0]):
        mean, *interval = mean_and_interval(values, is_positive)
        assert mean == pytest.approx(5.0) and np.isnan(interval).all()
    assert np.isnan(mean_and_interval([], is_positive)).all()


DRAWS = 2000


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("is_positive", [False, True])
def test_the_interval_covers_the_mean_as_often_as_it_says(n, is_positive):
    """Of normal values, and of log-normal ones as wide as eigenvalues over seeds."""
    normal = np.random.default_rng(n).normal(1.0, 1.2, (DRAWS, n))
    draws, mean = (np.exp(normal), np.exp(1.0)) if is_positive else (normal, 1.0)
    intervals = np.array([mean_and_interval(values, is_positive)[1:] for values in draws])
    covered = np.mean((intervals[:, 0] <= mean) & (mean <= intervals[:, 1]))
    assert 0.93 <= covered <= 0.97


def test_no_difference_is_seldom_taken_for_one():
    """Of ratios that are as often above as below 1: 5 % of the intervals lie on one side of it."""
    ratios = np.exp(np.random.default_rng(0).normal(0.0, 0.9, (DRAWS, 5)))
    intervals = np.array([mean_and_interval(values, True)[1:] for values in ratios])
    wrong = np.mean((intervals[:, 0] > 1.0) | (intervals[:, 1] < 1.0))
    assert 0.03 <= wrong <= 0.07


@pytest.mark.parametrize(
    "ratios, p",
    [
        ([2.0, 3.0, 4.0, 5.0, 6.0], 2 / 2**5),
        ([0.5, 3.0, 4.0, 5.0, 6.0], 2 * (1 + 5) / 2**5),
        ([0.5, 0.5, 4.0, 5.0], 1.0),
        ([1.0, 2.0, 3.0], 2 / 2**2),  # 1 is on neither side
        ([0.5], 1.0),
    ],
)
def test_the_sign_test_is_exact(ratios, p):
    assert sign_test(ratios) == pytest.approx(p)


def test_the_sign_test_of_differences_is_about_zero():
    assert sign_test([0.5, -0.5, 3.0, 0.0], neutral=0) == pytest.approx(1.0)
    assert sign_test([0.5, 0.1, 3.0], neutral=0) == pytest.approx(2 / 2**3)


def test_without_a_side_there_is_no_sign_test():
    assert np.isnan(sign_test([])) and np.isnan(sign_test([1.0]))


def test_the_p_value_is_that_of_the_t_test():
    values = [1.0, -2.0, 3.0, 4.0]
    assert mean_estimate(values).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert mean_estimate([2.0, 2.0, 2.0]).p == 0  # no spread: their sign decides
    assert mean_estimate([0.0, 0.0, 0.0]).p == 1


def test_a_share_has_the_exact_interval_and_test():
    found = share_estimate(5, 5, 1 / 3)
    assert (found.value, found.high, found.n) == (1.0, 1.0, 5)
    assert found.low == pytest.approx(0.025 ** (1 / 5))
    assert found.p == pytest.approx((1 / 3) ** 5)


def test_an_order_is_seldom_shown_or_refuted_by_chance():
    """Of steps of which one is none: not taken for rising, nor for falling, more than rarely."""
    random = np.random.RandomState(5)
    for steps in ([0.0, 0.0], [0.0, 3.0, 3.0]):
        found = [weakest_estimate(random.randn(len(steps), 10) + np.c_[steps]) for _ in range(2000)]
        rising = np.mean([one.p < 0.05 and one.value > 0 for one in found])
        falling = np.mean([one.p < 0.05 and one.value < 0 for one in found])
        assert rising < 0.035 and falling < 0.035  # each side of the two-sided test has 0.025
    down = weakest_estimate(np.array([[1.0, 1.2, 1.1], [-3.0, -3.1, -2.9]]))
    assert down.value == pytest.approx(-3.0)
    assert down.p == pytest.approx(2 * stats.ttest_1samp([-3.0, -3.1, -2.9], 0).pvalue)


def test_the_rank_correlation_is_that_of_scipy():
    x, y = np.random.RandomState(1).randn(2, 30).round(1)  # with ties
    assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert np.isnan(rank_correlation(x, np.ones(30)))


def test_a_partial_correlation_is_that_of_the_three_correlations():
    x, y, z = np.random.RandomState(2).randn(3, 40)
    xy, xz, yz = (stats.spearmanr(*pair).statistic for pair in ((x, y), (x, z), (y, z)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert rank_correlation(x, y, given=z) == pytest.approx(expected)


def test_within_groups_differences_between_groups_do_not_count():
    x = np.arange(5.0)
    groups = np.repeat([0, 1], 5)
    values, others = np.concatenate([x, x + 100]), np.concatenate([-x, 100 - x])
    assert rank_correlation(values, others) > 0
    assert rank_correlation(values, others, groups) == pytest.approx(-1)


def test_slopes_are_those_of_numpy():
    x, y = np.random.RandomState(3).randn(2, 4, 6)
    expected = [np.polyfit(*row, 1)[0] for row in zip(x, y, strict=True)]
    assert slopes(x, y) == pytest.approx(expected)


@pytest.mark.parametrize("margin", [0.5, 3.0])
def test_equality_is_shown_by_two_one_sided_t_tests(margin):
    values = np.array([1.0, -2.0, 3.0, 0.5, -0.3])
    tests = [
        stats.ttest_1samp(values, sign * margin, alternative=side)
        for sign, side in [(-1, "greater"), (1, "less")]
    ]
    expected = max(test.pvalue for test in tests)
    assert mean_estimate(values, margin=margin).p_equal == pytest.approx(expected)
    found = mean_estimate(np.exp(values), is_positive=True, margin=margin)
    assert found.p_equal == pytest.approx(expected)
    assert np.isnan(mean_estimate(values).p_equal)
    assert np.isnan(mean_estimate(values[:2], margin=margin).p_equal)


def test_numbers_that_do_not_vary_are_equal_if_they_are_within_the_margin():
    assert mean_estimate([0.0, 0.0, 0.0], margin=0.1)[3:6] == (1.0, 3, 0.0)
    assert mean_estimate([0.05, 0.05, 0.05], margin=0.1)[3:6] == (0.0, 3, 0.0)
    assert mean_estimate([0.2, 0.2, 0.2], margin=0.1)[3:6] == (0.0, 3, 1.0)


def test_the_mean_of_shares_is_theirs_and_its_interval_ends_within_0_and_1():
    shares = [0.5, 0.9, 1.0, 0.8]
    found = share_mean(shares)
    assert found.value == pytest.approx(np.mean(shares)) and 0 < found.low < found.high < 1
    half = mean_estimate(shares).high - np.mean(shares)
    slope = 1 / (found.value * (1 - found.value))
    logits = special.logit([found.low, found.value, found.high])
    assert np.diff(logits) == pytest.approx([half * slope] * 2)
    assert share_mean([1.0, 1.0, 1.0])[:3] == (1.0, 1.0, 1.0)
    assert share_mean([0.0, 0.0, 0.0])[:3] == (0.0, 0.0, 0.0)
    assert np.isnan(share_mean([0.5, 0.6])[1:3]).all()


def test_as_many_seeds_are_needed_as_give_the_power():
    """By the noncentral t distribution; of equality, by draws."""
    for distance, level in [(0.5, 0.05), (0.8, 0.005)]:
        n = seeds_needed(1.0, distance, level, 2, 500, is_margin=False)
        power = [
            stats.nct.sf(stats.t.isf(level / 2, of - 1), of - 1, distance * np.sqrt(of))
            for of in (n - 1, n)
        ]
        assert power[0] < 0.8 <= power[1]
        n = seeds_needed(1.0, distance, level, 2, 500)
        draws = np.random.default_rng(1).standard_normal((2000, n))
        shown = np.mean([mean_estimate(d, margin=distance).p_equal < level for d in draws])
        assert 0.77 < shown < 0.85
    assert seeds_needed(1.0, 0.01, 0.05, 12, 200) is None
    assert seeds_needed(1.0, 99.0, 0.05, 12, 200) == seeds_needed(0.0, 1.0, 0.05, 12, 200) == 12


def test_the_interval_of_a_standard_deviation_covers_it():
    draws = np.random.default_rng(2).standard_normal((2000, 20))
    ends = np.array([sd_interval(sd, 20) for sd in np.std(draws, axis=1, ddof=1)])
    assert 0.93 < np.mean((ends[:, 0] <= 1) & (ends[:, 1] >= 1)) < 0.97


def test_what_is_left_without_effects_is_that_of_two_means():
    values = np.random.RandomState(1).randn(4, 3)
    seeds, rules = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)
    by_seed, by_rule = values.mean(1, keepdims=True), values.mean(0, keepdims=True)
    expected = values - by_seed - by_rule + values.mean()
    found = without_effects(values.ravel(), seeds, rules)
    assert found == pytest.approx(expected.ravel())
    assert (without_effects((by_seed + by_rule).ravel(), seeds, rules) == 0).all()
    some = without_effects(values.ravel()[1:], seeds[1:], rules[1:])  # one run is missing
    for factor in (seeds, rules):
        sums = pd.Series(some).groupby(factor[1:]).sum()
        assert sums.to_numpy() == pytest.approx(0, abs=1e-12)


def test_equal_numbers_share_a_rank_though_rounding_parts_them():
    x = [0.1 + 0.2, 0.3, 0.5, 0.7]
    assert rank_correlation(x, [1, 2, 3, 4]) == rank_correlation([0.3, 0.3, 0.5, 0.7], [1, 2, 3, 4])


def closed_testing(p_values):
    """Adjusted p-values of pairs by the definition: every set of nulls that can be true together.

    Of each claim at most one null is true. A hypothesis is rejected where every such set with it is
    rejected, by Bonferroni's test.
    """
    n = len(p_values)
    adjusted = np.zeros(p_values.shape)
    for chosen in product([None, 0, 1], repeat=n):
        members = [(claim, which) for claim, which in enumerate(chosen) if which is not None]
        if members:
            p = min(1.0, len(members) * min(p_values[member] for member in members))
            for member in members:
                adjusted[member] = max(adjusted[member], p)
    return adjusted


def test_the_main_family_is_never_more_liberal_than_closed_testing():
    random = np.random.RandomState(7)
    for _ in range(50):
        p_values = random.rand(4, 2) ** 3
        found, exact = shaffer(p_values), closed_testing(p_values)
        assert (found >= exact - 1e-12).all()
        holm = np.minimum(8 * p_values.min(), 1)
        assert found.min() == pytest.approx(min(1.0, 4 * p_values.min())) and found.min() <= holm


def test_claims_without_a_test_count_in_their_family():
    p_values = np.array([[0.001, np.nan], [0.02, 0.5], [np.nan, np.nan], [0.9, 0.01]])
    # The first claim has one test alone, and is done with once that is rejected.
    expected = [[0.004, np.nan], [0.06, 1.0], [np.nan, np.nan], [1.0, 0.03]]
    assert shaffer(p_values) == pytest.approx(np.array(expected), nan_ok=True)
    assert shaffer(np.empty((0, 2))).shape == (0, 2)


def test_false_discoveries_are_adjusted_for_as_scipy_does_it():
    p = np.array([0.01, 0.2, 0.03, 0.5, 0.002])
    expected = stats.false_discovery_control(p)
    alone = benjamini_hochberg(np.stack([p, np.full(5, np.nan)], axis=1))
    assert alone[:, 0] == pytest.approx(expected) and np.isnan(alone[:, 1]).all()
    many = benjamini_hochberg(np.array([[0.06, 0.01], [0.01, 0.06], [0.01, 0.06]]))
    assert (many >= [[0.06, 0.01], [0.01, 0.06], [0.01, 0.06]]).all()
    assert benjamini_hochberg(np.empty((0, 2))).shape == (0, 2)


# Distributions of which runs may be: normal, and with a long tail.
TAILS = {
    "normal": lambda random, *size: random.randn(*size),
    "long tail": lambda random, *size: random.standard_t(3, size=size),
}


def runs_of(random, draw, n_seeds, n_rules, r):
    """Two numbers of runs, correlated by r, that share something over the runs of a seed."""
    shared, own = draw(random, 2, n_seeds, 1), draw(random, 2, n_seeds, n_rules)
    first, second = (shared + own) / np.sqrt(2)
    x, y = first, r * first + np.sqrt(1 - r**2) * second
    seeds = np.repeat(np.arange(n_seeds), n_rules)
    return x.ravel(), y.ravel(), seeds, np.tile(np.arange(n_rules), n_seeds)


@pytest.mark.slow
@pytest.mark.parametrize("draw", TAILS.values(), ids=TAILS)
@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("r", [0.0, 0.5])
@pytest.mark.parametrize("n_seeds, n_rules", [(20, 5), (5, 4)])
def test_the_interval_of_a_correlation_covers_it(n_seeds, n_rules, r, within, draw):
    """Runs of a seed are not independent; still the interval covers, and chance rarely decides."""
    random = np.random.RandomState(n_seeds + n_rules)

    def correlation(n, estimate):
        x, y, seeds, groups = runs_of(random, draw, n, n_rules, r)
        groups = groups + 0 if within else None
        return estimate(x, y, seeds, groups)

    truth = correlation(4000, lambda x, y, seeds, groups: rank_correlation(x, y, groups))
    found = [correlation(n_seeds, correlation_estimate) for _ in range(400)]
    assert np.mean([one.low <= truth <= one.high for one in found]) > 0.91
    if r == 0:
        assert np.mean([one.p < 0.05 for one in found]) < 0.08


@pytest.mark.slow
@pytest.mark.parametrize("draw", TAILS.values(), ids=TAILS)
def test_the_interval_of_a_correlation_given_a_third_column_covers_none(draw):
    """Two columns that have nothing in common but the third are not correlated, given it."""
    random = np.random.RandomState(4)
    found = []
    for _ in range(400):
        x, z, seeds, groups = runs_of(random, draw, 20, 5, 0.8)
        y = 0.8 * z + 0.6 * draw(random, 100)
        x = 0.8 * z + 0.6 * x
        found.append(correlation_estimate(x, y, seeds, groups, given=z))
    # The part of z that ranks do not take out leaves little.
    assert np.mean([one.low <= 0 <= one.high for one in found]) > 0.85


# Pairs with a correlation of 0.6, as runs of one seed may have, of three shapes: normal, with long
# tails, skewed.
SHAPES = {
    "normal": lambda normal, random: normal,
    "t": lambda normal, random: normal / np.sqrt(random.chisquare(5, normal.shape) / 5),
    "skewed": lambda normal, random: stats.expon.ppf(stats.norm.cdf(normal)),
}


def intervals_of_spread(shape, n, ratio, draws=1000):
    """Return intervals (draws, 2) of the ratio of standard deviations of pairs, ``n`` in a draw."""
    random = np.random.default_rng(n)
    normal = random.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], (draws, n))
    pairs = SHAPES[shape](normal, random) * [ratio, 1.0]
    return np.array([spread_estimate(*pair.T)[1:3] for pair in pairs])


@pytest.mark.parametrize("n", [5, 10, 20])
@pytest.mark.parametrize(
    "shape, at_least", [("normal", 0.925), ("t", 0.91), ("skewed", 0.86)], ids=list(SHAPES)
)
def test_the_interval_of_a_spread_covers_it(shape, n, at_least):
    low, high = intervals_of_spread(shape, n, ratio=3.0).T
    covered = np.mean((low <= 3.0) & (high >= 3.0))
    assert at_least <= covered <= 0.97


def test_twenty_seeds_tell_a_spread_of_three_from_none_and_five_seldom_do():
    low = intervals_of_spread("normal", 20, ratio=3.0)[:, 0]
    assert np.mean(low > 1.0) > 0.99
    low = intervals_of_spread("normal", 5, ratio=3.0)[:, 0]
    assert np.mean(low > 1.0) < 0.6


def test_the_interval_is_that_of_the_pseudo_values_around_the_plain_value():
    """A biased statistic: that of n - 1 values is not, on average, that of n."""
    values = np.random.RandomState(1).randn(8)
    found = jackknife(lambda kept: np.mean(values[kept]) ** 2, 8)
    without = np.array([np.mean(np.delete(values, place)) ** 2 for place in range(8)])
    pseudo = 8 * np.mean(values) ** 2 - 7 * without
    assert found.value == pytest.approx(np.mean(values) ** 2)
    assert found[1:4] == pytest.approx(
        mean_estimate(pseudo - np.mean(pseudo) + np.mean(values) ** 2)[1:4]
    )
    assert np.mean(pseudo) != pytest.approx(found.value, rel=0.01)


def test_a_correlation_is_shown_as_it_is_not_corrected_for_bias():
    x, y = np.random.RandomState(6).randn(2, 9)
    found = correlation_estimate(x, y, np.arange(9))
    assert found.value == pytest.approx(stats.spearmanr(x, y).statistic)


def test_equal_spreads_have_a_ratio_of_one_and_none_has_none():
    values = np.array([1.0, 2.0, 4.0, 8.0])
    assert spread_estimate(values, values)[:5] == (1.0, 1.0, 1.0, 1.0, 4)
    assert spread_estimate(3 * values, values).value == pytest.approx(3)
    assert np.isnan(spread_estimate(values[:2], values[:2]).value)
    for pair in ([values, np.ones(4)], [np.ones(4), values], [np.ones(4), np.ones(4)]):
        assert np.isnan(spread_estimate(*pair)[:4]).all()


def test_an_order_with_a_step_that_is_the_same_in_all_seeds_is_decided_by_its_sign():
    rise = 1 + 0.1 * np.random.RandomState(0).randn(10)
    falls = weakest_estimate([rise, np.full(10, -1.0)])
    assert (falls.value, falls.p) == (-1.0, 0.0)
    level = weakest_estimate([rise, np.zeros(10)])
    assert (level.value, level.p) == (0.0, 1.0)
    rises = weakest_estimate([rise, np.full(10, 1.0)])
    assert rises.value == pytest.approx(rise.mean()) and rises.p < 1e-6
    assert np.isnan(weakest_estimate([rise, [-1.0, -1.0]]).p)  # too few to tell


def test_the_interval_of_a_quotient_holds_those_that_a_t_test_does_not_reject():
    random = np.random.default_rng(3)
    x = 2 + random.standard_normal(15)
    y = 0.4 * x + random.standard_normal(15)
    found = quotient_estimate(y, x)
    for end, outside in [(found.low, -1e-6), (found.high, 1e-6)]:
        inner, outer = (mean_estimate(y - (end - side) * x).p for side in (outside, -outside))
        assert inner > 0.05 > outer and inner - outer < 1e-4
    assert found.p == pytest.approx(mean_estimate(y).p)
    for sign in (1, -1):  # which of the two directions the lever is moved in does not matter
        assert quotient_estimate(sign * y, sign * x, margin=0.5)[:6] == pytest.approx(
            quotient_estimate(y, x, margin=0.5)[:6]
        )


def test_a_quotient_is_equal_within_a_margin_that_its_whole_interval_is_in():
    random = np.random.default_rng(4)
    x, noise = 3 + random.standard_normal(20), random.standard_normal(20) / 10
    noise -= noise.mean()
    assert quotient_estimate(noise, x, margin=0.2).p_equal < 0.001
    assert quotient_estimate(noise + 0.2 * x, x, margin=0.2).p_equal == pytest.approx(0.5)
    assert quotient_estimate(noise + 0.4 * x, x, margin=0.2).p_equal > 0.999


def test_a_quotient_by_what_does_not_move_has_no_interval():
    random = np.random.default_rng(5)
    x = random.standard_normal(20)
    found = quotient_estimate(random.standard_normal(20), x - x.mean() + 0.01)
    assert np.isnan([found.low, found.high]).all() and found.n == 20
    assert np.isnan(quotient_estimate([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]).value)
