"""Every statistic on its controls: chance, a real effect, and numbers that are degenerate."""

import warnings

import numpy as np
import pytest

from controls import CONDITIONS, CONTROLS, DEGENERATE, SEEDS, X, Y, drawn, found, source_of
from decide_claims import decide
from lib.claims import parse_claims
from lib.estimates import ALPHA
from lib.statistics import STATISTICS
from lsnn.errors import ConfigError

EVERY = pytest.mark.parametrize("name", STATISTICS)


def row_of(name, source, supported_if="above", **options):
    """Return the row of claims.csv of a statistic."""
    claim = {
        "claim": "What is said.",
        "source": "Nobody",
        "statistic": {**CONTROLS[name].options, **options},
        "supported_if": supported_if,
        "studies": {source.study.name: {}},
    }
    table, _ = decide(parse_claims({"it": claim}), {source.study.name: source})
    return table.iloc[0]


@pytest.mark.slow
@EVERY
def test_intervals_cover_and_chance_rarely_decides(name):
    """The null control is decided in about 5 % (an order: less), the live one nearly always."""
    control, random = CONTROLS[name], np.random.default_rng(1)
    for effect, draws, least, most in [(0.0, 100, 0.0, 0.11), (control.effect, 50, 0.9, 1.0)]:
        estimates = [found(name, drawn(name, effect, random, 12)).estimate for _ in range(draws)]
        assert least <= np.mean([estimate.p < ALPHA for estimate in estimates]) <= most
        if name != "order" or effect:  # the weaker of two steps that are none is below both
            truth = control.truth(effect)
            covered = np.mean([estimate.low <= truth <= estimate.high for estimate in estimates])
            assert covered >= 0.88


@EVERY
def test_a_live_control_is_decided_on_its_side(name):
    source = drawn(name, CONTROLS[name].effect, np.random.default_rng(2))
    above, below = (row_of(name, source, side) for side in ("above", "below"))
    assert (above["mark"], above["verdict"]) == ("+", "supported")
    assert (below["mark"], below["verdict"]) == ("+", "contradicted")


@pytest.mark.parametrize("degenerate", DEGENERATE)
@EVERY
def test_degenerate_numbers_decide_nothing_that_is_not_there(name, degenerate):
    """There is no effect in any of them, and none may be found; nothing warns, nothing fails."""
    source = source_of(DEGENERATE[degenerate](np.random.default_rng(9)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = row_of(name, source)
    n_seeds = len(source.study.seeds)
    if name == "divergence":  # that none of 20 runs diverged is a finding; of 2 it is not
        mark = "?" if degenerate == "two seeds" else "-"
        assert (row["mark"], row["value"], row["n"]) == (mark, 0.0, n_seeds)
        return
    if name == "level" and degenerate == "all negative":  # below 0 they are
        assert row["mark"] == "-"
    else:
        assert (row["mark"], row["verdict"]) == ("?", "open")
    n_units = 3 * n_seeds if name == "correlation" else n_seeds
    n_missing = int(degenerate == "one missing")
    assert (row["n"], row["n_missing"]) == (n_units - n_missing, n_missing)
    if degenerate == "two seeds":
        assert np.isnan(row["ci_low"])
        assert row["why"].startswith("too few seeds")


@pytest.mark.parametrize("degenerate", DEGENERATE)
@EVERY
def test_degenerate_numbers_are_equal_within_a_margin_wider_than_they_are(name, degenerate):
    """So are numbers that are all the same, however small the margin; two seeds show nothing."""
    if name in ("divergence", "order"):
        return  # that they are equal is not tested
    source = source_of(DEGENERATE[degenerate](np.random.default_rng(9)))
    margin = {"correlation": 0.99}.get(name, 50.0)
    row = row_of(name, source, "equal", margin=margin)
    no_number = name in ("spread", "correlation") and np.isnan(row["ci_low"])
    if row["n"] < STATISTICS[name].least_n or no_number:
        assert (row["mark"], row["verdict"]) == ("?", "open")
    else:
        below = "-" if name == "level" and degenerate == "all negative" else ""
        assert (row["mark"], row["verdict"]) == (f"{below}=", "supported")
    if degenerate == "all equal" and not no_number:
        assert row_of(name, source, "equal", margin=1.001)["mark"] == "="


@pytest.mark.parametrize("name", [name for name, c in CONTROLS.items() if c.takes_scale])
def test_numbers_without_a_logarithm_are_counted_as_missing(name):
    against = {"against": 1.0} if name == "level" else {}
    negative = DEGENERATE["all negative"](np.random.default_rng(3))
    row = row_of(name, source_of(negative), scale="log", **against)
    assert (row["mark"], row["n"], row["n_missing"]) == ("?", 0, SEEDS)
    assert f"{SEEDS} lack the number" in row["why"] and np.isnan(row["value"])
    for condition in CONDITIONS:
        negative[Y][condition][3:] *= -1
    row = row_of(name, source_of(negative), scale="log", **against)
    assert (row["n"], row["n_missing"]) == (SEEDS - 3, 3)


@pytest.mark.parametrize("step, mark", [(-1.0, "-"), (0.0, "?"), (1.0, "+")])
def test_a_neighbour_that_differs_by_the_same_in_all_seeds_counts_in_an_order(step, mark):
    random = np.random.default_rng(4)
    columns = DEGENERATE["one missing"](random)
    columns[Y] = {"bptt": np.zeros(SEEDS), "mdgl": 1 + random.standard_normal(SEEDS) / 10}
    columns[Y]["three_factor"] = columns[Y]["mdgl"] + step
    assert row_of("order", source_of(columns))["mark"] == mark


def test_a_correlation_leaves_out_runs_that_lack_the_third_column():
    columns = {name: dict.fromkeys(CONDITIONS) for name in (Y, X, "lambda_max")}
    random = np.random.default_rng(5)
    for condition in CONDITIONS:
        given, x, noise = random.standard_normal((3, SEEDS))
        given = np.exp(given)
        columns["lambda_max"][condition], columns[X][condition] = given, x
        columns[Y][condition] = x + noise / 3
    whole = found("correlation", source_of(columns), given="lambda_max")
    columns["lambda_max"]["mdgl"][7] = np.nan
    without = found("correlation", source_of(columns), given="lambda_max")
    assert (without.estimate.n, without.n_missing) == (3 * SEEDS - 1, 1)
    assert without.estimate.value == pytest.approx(whole.estimate.value, abs=0.02)
    assert without.estimate.low > 0.5


@EVERY
def test_a_margin_has_to_be_one_of_the_scale(name):
    """Of ratios it is a factor above 1, of correlations below 1 (its z is infinite)."""
    if not CONTROLS[name].takes_scale:
        return
    columns = DEGENERATE["all negative"](np.random.default_rng(3))
    for condition in CONDITIONS:
        columns[Y][condition] *= -1
    against = {"against": 1.0} if name == "level" else {}
    with pytest.raises(ConfigError, match="it: margin: 0.8 is not possible for a ratio.*above 1"):
        row_of(name, source_of(columns), scale="log", margin=0.8, **against)
