"""DEEP R and Dale's law, on random gradients. What TensorFlow makes of them is tested elsewhere."""

import numpy as np
import pytest

from lsnn.connectivity import initial_weights
from lsnn.rewiring import REWIRED, WOKEN, Rewiring, is_rewired, magnitudes

N_IN, N_UNITS, N_OUT = 6, 20, 3
POSSIBLE = {"w_in": N_IN * N_UNITS, "w_rec": N_UNITS * (N_UNITS - 1), "w_out": N_UNITS * N_OUT}


def new(seed=1, connectivity=0.2, excitatory="none", l1=0.0, temperature=0.0):
    weights = initial_weights(N_IN, N_UNITS, N_OUT, np.random.RandomState(seed))
    return Rewiring(weights, seed, connectivity, excitatory, l1, temperature)


class Sgd(object):
    """Gradient descent."""

    def __init__(self, rate):
        self.rate = rate

    def step(self, theta, gradient):
        return (theta - self.rate * gradient).astype(np.float32)


class Adam(Sgd):
    """Adam with its usual constants (Kingma & Ba, ICLR 2015, algorithm 1)."""

    n, mean, square = 0, 0.0, 0.0

    def step(self, theta, gradient):
        self.n += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        mean, square = self.mean / (1 - 0.9**self.n), self.square / (1 - 0.999**self.n)
        return (theta - self.rate * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)


def descend(rewiring, name, optimiser, n_iterations):
    """Yield theta before a step, after the optimiser's, and rewired, on random gradients."""
    random = np.random.RandomState(5)
    theta = rewiring.start[name]
    for iteration in range(n_iterations):
        gradient = random.randn(*theta.shape) * (theta > 0.0)
        after = optimiser.step(theta, gradient)
        rewired = rewiring.step(name, theta, after, optimiser.rate, iteration)
        yield theta, after, rewired
        theta = rewired


@pytest.mark.parametrize(
    "connectivity, excitatory, rewired",
    [(1.0, "none", False), (0.99, "none", True), (1.0, 0.75, True), (1.0, 0.0, True)],
)
def test_a_network_is_rewired_if_it_is_sparse_or_obeys_dales_law(connectivity, excitatory, rewired):
    assert is_rewired(connectivity, excitatory) is rewired


@pytest.mark.parametrize("name", REWIRED)
@pytest.mark.parametrize("connectivity", [1e-6, 0.12, 0.5, 1.0])
def test_at_the_start_the_wanted_number_of_weights_is_there_with_its_magnitude(name, connectivity):
    start = new(connectivity=connectivity).start[name]
    weights = initial_weights(N_IN, N_UNITS, N_OUT, np.random.RandomState(1))[name]
    active = start > 0.0
    assert active.sum() == max(1, round(connectivity * POSSIBLE[name]))
    assert start.dtype == np.float32
    assert np.array_equal(start[active], np.abs(weights[active]))
    assert not start[~active].any()


def test_an_initial_weight_of_zero_still_is_a_connection():
    zeros = {name: np.zeros((4, 4), np.float32) for name in REWIRED}
    rewiring = Rewiring(zeros, 1, 0.5, "none", 0.0, 0.0)
    assert [np.count_nonzero(rewiring.start[name] > 0.0) for name in REWIRED] == [8, 6, 8]
    assert all((rewiring.signs[name] == 1.0).all() for name in REWIRED)


@pytest.mark.parametrize("name", REWIRED)
@pytest.mark.parametrize("optimiser", [Sgd, Adam])
@pytest.mark.parametrize("connectivity, excitatory", [(0.2, "none"), (0.2, 0.75), (1.0, 0.75)])
def test_connections_stay_as_many_and_never_change_their_sign(
    name, optimiser, connectivity, excitatory
):
    """The sign, a factor of theta, cannot change as long as theta is not negative."""
    rewiring = new(connectivity=connectivity, excitatory=excitatory, l1=0.01, temperature=1e-4)
    n_active, n_woken = np.count_nonzero(rewiring.start[name]), 0
    for before, _, theta in descend(rewiring, name, optimiser(0.05), 1000):
        assert theta.dtype == np.float32
        assert (theta >= 0.0).all()
        assert np.count_nonzero(theta) == n_active
        if name == "w_rec":
            assert not theta.diagonal().any()
        n_woken += np.count_nonzero((before == 0.0) & (theta > 0.0))
    assert n_woken > 0 or connectivity == 1.0


def test_momentum_does_not_wake_a_dormant_connection():
    """Dormant connections are 0, or woken at 1e-12; Adam alone would have moved them."""
    n_moved = 0
    for before, after, theta in descend(new(), "w_rec", Adam(0.01), 300):
        dormant = before == 0.0
        n_moved += np.count_nonzero(after[dormant])
        assert set(theta[dormant]) <= {np.float32(0.0), WOKEN}
    assert n_moved > 1000


def test_connections_that_stay_move_by_the_optimiser_alone():
    """Without l1 and temperature; so they do to the bit."""
    for before, after, theta in descend(new(), "w_rec", Sgd(0.01), 50):
        stay = (before > 0.0) & (after > 0.0)
        assert np.array_equal(theta[stay], after[stay])


def test_dales_law_alone_is_a_projection():
    rewiring = new(connectivity=1.0, excitatory=0.75)
    for _, after, theta in descend(rewiring, "w_in", Sgd(0.1), 50):
        assert np.array_equal(theta, np.maximum(after, WOKEN))


def test_l1_shrinks_by_the_learning_rate_times_l1():
    rewiring = new(connectivity=0.5, l1=0.5)
    start = rewiring.start["w_rec"]
    theta = rewiring.step("w_rec", start, start, 0.02, 0)
    stay = start > 0.02
    assert theta[stay] == pytest.approx(start[stay] - 0.01, rel=1e-5)
    fall = (start > 0.0) & (start < 0.01)
    assert fall.sum() > 0
    assert set(theta[fall]) <= {np.float32(0.0), WOKEN}


def test_temperature_adds_noise_of_variance_two_rates_times_temperature():
    ones = {name: np.ones((200, 200), np.float32) for name in REWIRED}
    rewiring = Rewiring(ones, 1, 0.5, "none", 0.0, 0.3)
    start = rewiring.start["w_in"]
    theta = rewiring.step("w_in", start, start, 0.01, 7)
    noise = (theta - start)[start > 0.0]
    deviation = np.sqrt(2 * 0.01 * 0.3)
    assert len(noise) == 20000
    assert noise.mean() == pytest.approx(0.0, abs=4 * deviation / np.sqrt(20000))
    assert noise.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * 20000))
    below = np.mean(noise < -deviation)
    assert below == pytest.approx(0.1587, abs=0.011)  # of a normal distribution
    assert not np.array_equal(theta, rewiring.step("w_in", start, start, 0.01, 8))
    assert not np.array_equal(theta, rewiring.step("w_out", start, start, 0.01, 7))


def test_those_woken_are_uniform_over_all_that_are_dormant():
    """Those that have just fallen asleep, too (as in algorithm 1), but no autapse."""
    rewiring = new(connectivity=0.5)
    before = rewiring.start["w_rec"]
    after = before.copy()
    after[np.nonzero(before)[0][:40], np.nonzero(before)[1][:40]] = -1.0
    dormant = (after <= 0.0) & ~np.eye(N_UNITS, dtype=bool)
    counts = np.zeros(before.shape)
    for iteration in range(4000):
        counts += rewiring.step("w_rec", before, after, 0.01, iteration) == WOKEN
    assert counts[~dormant].sum() == 0
    probability = 40.0 / dormant.sum()
    expected = 4000 * probability
    deviation = np.sqrt(expected * (1.0 - probability))
    assert np.abs(counts[dormant] - expected).max() < 4.5 * deviation
    assert counts[dormant].std() == pytest.approx(deviation, rel=0.2)


@pytest.mark.parametrize("excitatory", [0.0, 0.33, 0.75, 1.0])
def test_under_dales_law_each_input_and_unit_has_one_sign(excitatory):
    signs = new(excitatory=excitatory).signs
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
    weights = initial_weights(N_IN, N_UNITS, N_OUT, np.random.RandomState(1))
    for name, signs in new().signs.items():
        assert np.array_equal(signs, np.sign(weights[name]))


def test_all_follows_from_the_seed_and_the_iteration():
    """So that a run which goes on from the weights of a checkpoint is the same to the bit."""
    settings = {"l1": 0.01, "temperature": 1e-3, "excitatory": 0.5}
    first, again, other = new(1, **settings), new(1, **settings), new(2, **settings)
    for name in REWIRED:
        assert np.array_equal(first.signs[name], again.signs[name])
        assert np.array_equal(first.start[name], again.start[name])
        assert not np.array_equal(first.start[name] > 0, other.start[name] > 0)
        before, after, theta = list(descend(first, name, Sgd(0.05), 20))[-1]
        # Another process knows the weights alone, and has taken none of the steps before.
        weights = {key: again.signs[key] * again.start[key] for key in REWIRED}
        weights[name] = again.signs[name] * before
        before = magnitudes(weights)[name]
        assert np.array_equal(again.step(name, before, after, 0.05, 19), theta)
        assert not np.array_equal(again.step(name, before, after, 0.05, 20), theta)


def test_a_weight_that_diverged_stays_to_be_seen():
    rewiring = new()
    before = rewiring.start["w_in"]
    after = before.copy()
    place = tuple(index[0] for index in np.nonzero(before))
    after[place] = np.nan
    with np.errstate(invalid="ignore"):
        assert np.isnan(rewiring.step("w_in", before, after, 0.01, 0)[place])
