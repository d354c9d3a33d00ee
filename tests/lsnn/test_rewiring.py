"""DEEP R and Dale's law, on random gradients."""

import numpy as np
import pytest

from lsnn.connectivity import initial_weights
from lsnn.rewiring import REWIRED, WOKEN, DalesLaw, Rewiring

pytestmark = pytest.mark.slow_on("2")

N_IN, N_UNITS, N_OUT = 6, 20, 3
POSSIBLE = {"w_in": N_IN * N_UNITS, "w_rec": N_UNITS * (N_UNITS - 1), "w_out": N_UNITS * N_OUT}


def dense(seed=1):
    return initial_weights(N_IN, N_UNITS, N_OUT, 2.0, np.random.RandomState(seed))


def new(seed=1, connectivity=0.2, excitatory=None, l1=0.0, temperature=0.0):
    return Rewiring(dense(seed), seed, excitatory, connectivity, l1, temperature)


def full(seed=1, excitatory=0.75):
    return DalesLaw(dense(seed), seed, excitatory)


class Sgd:
    """Gradient descent."""

    def __init__(self, rate):
        self.rate = rate

    def step(self, weight, gradient):
        return (weight - self.rate * gradient).astype(np.float32)


class Adam(Sgd):
    """Adam with its usual constants (Kingma & Ba, ICLR 2015, algorithm 1)."""

    n, mean, square = 0, 0.0, 0.0

    def step(self, weight, gradient):
        self.n += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        mean, square = self.mean / (1 - 0.9**self.n), self.square / (1 - 0.999**self.n)
        return (weight - self.rate * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)


def descend(rewiring, name, optimiser, n_iterations, of_dormant=1.0):
    """Yield a weight before a step, after the optimiser's, and rewired, on random gradients.

    Args:
        of_dormant: what the gradients of dormant connections are multiplied by.
    """
    random = np.random.RandomState(5)
    weight = rewiring.start[name]
    for iteration in range(n_iterations):
        gradient = random.randn(*weight.shape) * np.where(weight == 0.0, of_dormant, 1.0)
        after = optimiser.step(weight, gradient)
        rewired = rewiring.step(name, weight, after, optimiser.rate, iteration)
        yield weight, after, rewired
        weight = rewired


@pytest.mark.parametrize("name", REWIRED)
@pytest.mark.parametrize("excitatory", [None, 0.75])
@pytest.mark.parametrize("connectivity", [1e-6, 0.12, 0.5, 1.0])
def test_at_the_start_so_many_weights_are_there_with_their_magnitudes(
    name, connectivity, excitatory
):
    rewiring = new(connectivity=connectivity, excitatory=excitatory)
    start = rewiring.start[name]
    active = start != 0.0
    assert active.sum() == max(1, round(connectivity * POSSIBLE[name]))
    assert start.dtype == np.float32
    assert np.array_equal(start[active], (rewiring.signs[name] * np.abs(dense()[name]))[active])
    assert not np.signbit(start[~active]).any()


def test_an_initial_weight_of_zero_still_is_a_connection():
    zeros = {name: np.zeros((4, 4), np.float32) for name in REWIRED}
    rewiring = Rewiring(zeros, 1, None, 0.5, 0.0, 0.0)
    assert [np.count_nonzero(rewiring.start[name] > 0.0) for name in REWIRED] == [8, 6, 8]


@pytest.mark.parametrize("name", REWIRED)
@pytest.mark.parametrize("optimiser", [Sgd, Adam])
@pytest.mark.parametrize("connectivity, excitatory", [(0.2, None), (0.2, 0.75), (1.0, 0.75)])
def test_connections_stay_as_many_and_never_change_their_sign(
    name, optimiser, connectivity, excitatory
):
    rewiring = new(connectivity=connectivity, excitatory=excitatory, l1=0.01, temperature=1e-4)
    n_active, n_woken = np.count_nonzero(rewiring.start[name]), 0
    for before, _, weight in descend(rewiring, name, optimiser(0.05), 1000):
        assert weight.dtype == np.float32
        assert np.count_nonzero(weight) == n_active
        assert (weight * rewiring.signs[name] >= 0.0).all()
        if name == "w_rec":
            assert not weight.diagonal().any()
        n_woken += np.count_nonzero((before == 0.0) & (weight != 0.0))
    assert n_woken > 0 or connectivity == 1.0


@pytest.mark.parametrize("of_dormant", [0.0, 1.0])
def test_the_optimiser_does_not_wake_a_dormant_connection(of_dormant):
    """Neither by momentum nor by a gradient; what is woken starts at 1e-12."""
    n_moved = 0
    for before, after, weight in descend(new(), "w_rec", Adam(0.01), 300, of_dormant):
        dormant = before == 0.0
        n_moved += np.count_nonzero(after[dormant])
        assert set(np.abs(weight[dormant])) <= {np.float32(0.0), WOKEN}
    assert n_moved > 1000


def test_connections_that_stay_move_by_the_optimiser_alone():
    """To the bit, without l1 and temperature."""
    for before, after, weight in descend(new(), "w_rec", Sgd(0.01), 50):
        stay = before * after > 0.0
        assert np.array_equal(weight[stay], after[stay])


@pytest.mark.parametrize("optimiser", [Sgd, Adam])
def test_a_step_on_the_weight_is_one_on_theta(optimiser):
    """The paper's optimiser moves theta, whose gradient is sign times that of the weight."""
    rewiring = new(excitatory=0.75)
    signs = rewiring.signs["w_in"]
    of_theta, random = optimiser(0.01), np.random.RandomState(5)
    for before, after, _ in descend(rewiring, "w_in", optimiser(0.01), 50):
        theta = of_theta.step(signs * before, signs * random.randn(*before.shape))
        assert np.array_equal(signs * theta, after)


@pytest.mark.parametrize("name", REWIRED)
def test_dales_law_alone_starts_from_every_magnitude_with_its_sign(name):
    law = full()
    assert law.start[name].dtype == np.float32
    assert np.array_equal(law.start[name], law.signs[name] * np.abs(dense()[name]))
    assert not np.array_equal(law.start[name], dense()[name])


@pytest.mark.parametrize("name", REWIRED)
def test_dales_law_alone_is_a_projection(name):
    """What the optimiser makes of a weight, or 0 where that has the wrong sign."""
    law = full()
    positive = law.signs[name] > 0.0
    n_wrong = 0
    for _, after, weight in descend(law, name, Sgd(0.1), 50):
        assert np.array_equal(weight[positive], np.maximum(after[positive], 0.0))
        assert np.array_equal(weight[~positive], np.minimum(after[~positive], 0.0))
        n_wrong += np.count_nonzero(after * law.signs[name] < 0.0)
    assert n_wrong > 0


@pytest.mark.parametrize("name", REWIRED)
@pytest.mark.parametrize("optimiser", [Sgd, Adam])
def test_under_dales_law_alone_signs_are_kept_and_weights_come_back_from_0(name, optimiser):
    law = full()
    n_gone, n_back = 0, 0
    for before, after, weight in descend(law, name, optimiser(0.05), 200):
        assert weight.dtype == np.float32
        assert (weight * law.signs[name] >= 0.0).all()
        back = (before == 0.0) & (weight != 0.0)
        assert np.array_equal(weight[back], after[back])  # by a whole step, not as one woken
        n_gone += np.count_nonzero((before != 0.0) & (weight == 0.0))
        n_back += np.count_nonzero(back)
    assert n_gone > 10
    assert n_back > 10


def test_a_weight_at_0_comes_back_by_its_gradient_alone():
    """The one whose gradient asks for its sign does, the one for which it asks the other stays."""
    law = full()
    before = law.start["w_rec"].copy()
    before[:, :2] = 0.0
    after = before.copy()
    after[:, 0] += 0.01 * law.signs["w_rec"][:, 0]
    after[:, 1] -= 0.01 * law.signs["w_rec"][:, 1]
    weight = law.step("w_rec", before, after, 0.01, 0)
    assert np.array_equal(weight[:, 0], after[:, 0]) and weight[:, 0].all()
    assert not weight[:, 1].any()
    assert np.array_equal(weight[:, 2:], before[:, 2:])


@pytest.mark.parametrize("excitatory", [0.0, 0.33, 0.75, 1.0])
def test_dales_law_alone_has_the_signs_of_rewiring(excitatory):
    for seed in (1, 2):
        law, rewiring = full(seed, excitatory), new(seed, excitatory=excitatory)
        for name in REWIRED:
            assert np.array_equal(law.signs[name], rewiring.signs[name])


def test_l1_shrinks_by_the_learning_rate_times_l1():
    rewiring = new(connectivity=0.5, l1=0.5)
    start = rewiring.start["w_rec"]
    weight = rewiring.step("w_rec", start, start, 0.02, 0)
    stay = np.abs(start) > 0.02
    assert np.abs(weight[stay]) == pytest.approx(np.abs(start[stay]) - 0.01, rel=1e-5)
    fall = (start != 0.0) & (np.abs(start) < 0.01)
    assert fall.sum() > 0
    assert set(np.abs(weight[fall])) <= {np.float32(0.0), WOKEN}


def test_temperature_adds_noise_of_variance_two_rates_times_temperature():
    ones = {name: np.ones((200, 200), np.float32) for name in REWIRED}
    rewiring = Rewiring(ones, 1, None, 0.5, 0.0, 0.3)
    start = rewiring.start["w_in"]
    weight = rewiring.step("w_in", start, start, 0.01, 7)
    noise = (weight - start)[start > 0.0]
    deviation = np.sqrt(2 * 0.01 * 0.3)
    assert len(noise) == 20000
    assert noise.mean() == pytest.approx(0.0, abs=4 * deviation / np.sqrt(20000))
    assert noise.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * 20000))
    below = np.mean(noise < -deviation)
    assert below == pytest.approx(0.1587, abs=0.011)  # of a normal distribution
    assert not np.array_equal(weight, rewiring.step("w_in", start, start, 0.01, 8))
    assert not np.array_equal(weight, rewiring.step("w_out", start, start, 0.01, 7))


def test_those_woken_are_uniform_over_all_that_are_dormant():
    """Those that have just fallen asleep, too (as in algorithm 1), but no autapse."""
    rewiring = new(connectivity=0.5)
    before = rewiring.start["w_rec"]
    falling = tuple(index[:40] for index in np.nonzero(before))
    after = before.copy()
    after[falling] *= -1.0
    dormant = (before == 0.0) & ~np.eye(N_UNITS, dtype=bool)
    dormant[falling] = True
    counts = np.zeros(before.shape)
    for iteration in range(4000):
        counts += np.abs(rewiring.step("w_rec", before, after, 0.01, iteration)) == WOKEN
    assert counts[~dormant].sum() == 0
    probability = 40.0 / dormant.sum()
    expected = 4000 * probability
    deviation = np.sqrt(expected * (1.0 - probability))
    assert np.abs(counts[dormant] - expected).max() < 4.5 * deviation
    assert counts[dormant].std() == pytest.approx(deviation, rel=0.2)


@pytest.mark.parametrize("keeper", [new, full], ids=["rewiring", "dales_law"])
@pytest.mark.parametrize("excitatory", [0.0, 0.33, 0.75, 1.0])
def test_under_dales_law_each_input_and_unit_has_one_sign(excitatory, keeper):
    signs = keeper(excitatory=excitatory).signs
    for name in REWIRED:
        assert signs[name].dtype == np.float32
        assert set(signs[name].ravel()) <= {-1.0, 1.0}
        assert (signs[name] == signs[name][:, :1]).all()
    assert np.array_equal(signs["w_rec"][:, 0], signs["w_out"][:, 0])
    assert (signs["w_in"][:, 0] > 0.0).sum() == round(excitatory * N_IN)
    assert (signs["w_rec"][:, 0] > 0.0).sum() == round(excitatory * N_UNITS)


def test_units_at_both_ends_are_excitatory_and_inhibitory():
    """The last units are the adaptive ones."""
    several = np.array([new(seed, excitatory=0.75).signs["w_rec"][:, 0] for seed in range(200)])
    assert several.mean(axis=0) == pytest.approx(np.full(N_UNITS, 0.5), abs=0.28)


def test_without_dales_law_signs_are_those_of_the_initial_weights():
    for name, signs in new().signs.items():
        assert np.array_equal(signs, np.sign(dense()[name]))


@pytest.mark.parametrize("name", REWIRED)
def test_all_follows_from_the_seed_and_the_iteration(name):
    """So that a run which goes on from the weights of a checkpoint is the same to the bit."""
    settings = {"l1": 0.01, "temperature": 1e-3, "excitatory": 0.5}
    first, again, other = new(1, **settings), new(1, **settings), new(2, **settings)
    assert np.array_equal(first.signs[name], again.signs[name])
    assert np.array_equal(first.start[name], again.start[name])
    assert not np.array_equal(first.start[name] == 0, other.start[name] == 0)
    before, after, weight = list(descend(first, name, Sgd(0.05), 20))[-1]
    # `again` has taken none of the steps before.
    assert np.array_equal(again.step(name, before, after, 0.05, 19), weight)
    assert not np.array_equal(again.step(name, before, after, 0.05, 20), weight)


@pytest.mark.parametrize("rewiring", [new(), full()], ids=["rewiring", "dales_law"])
def test_a_weight_that_diverged_stays_to_be_seen(rewiring):
    weight = rewiring.start["w_in"]
    after = weight.copy()
    place = tuple(index[0] for index in np.nonzero(weight))
    after[place] = np.nan
    with np.errstate(invalid="ignore"):
        for iteration in range(2):
            weight = rewiring.step("w_in", weight, after, 0.01, iteration)
            assert np.isnan(weight[place])
