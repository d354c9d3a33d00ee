"""The derivative of a rule's gradient, its eigenvalues, and the alignment with the exact one."""

import numpy as np
import pytest

from lsnn.backend import tf
from lsnn.curvature.along_run import Point, Probes
from lsnn.curvature.eigenvalues import leading_eigenvalues
from lsnn.curvature.hessian import Hessian
from lsnn.curvature.quantities import DYNAMICS
from lsnn.curvature.quantities.alignment import alignment
from lsnn.curvature.rule_update import RECURRENT, Dynamics, UpdateJacobian, dynamics_of
from lsnn.curvature.weights import flat
from lsnn.errors import ConfigError
from lsnn.learning_rules.base import LearningRule
from lsnn.neurons.rate import RateNeurons, RateState
from lsnn.options import build
from lsnn.update.update import Update
from small import (
    SmallTask,
    relative_error,
    rules_of_cells,
    small_network,
    small_spiking_network,
    training_settings,
)
from test_golden_rules import GOLDEN, Task, rate_network
from test_golden_rules import RULES as GOLDEN_RULES
from test_learning_rules import RULES, network_by_dale, ready
from test_spectrum import Known

pytestmark = pytest.mark.slow_on("1.12")

LENGTHS = [
    {"name": "step_length", "direction": {"name": "three_factor"}, "step": {"name": "rflo"}},
    {"name": "step_length", "scale": "length"},
    {"name": "step_length", "scale": 0.5},
]


class Smooth(RateNeurons):
    """A test double: units whose output is a smooth function of the membrane."""

    def step(self, state, current):
        state = super().step(state, current)
        return RateState(v=state.v, a=state.a, z=tf.tanh(state.v))


def smooth_network(name="plain", excitatory=0.7):
    network, weights, signs = network_by_dale(name, SmallTask(), excitatory)
    network.neurons.__class__ = Smooth
    return network, weights, signs


def examples_of(network, n=8):
    return network.task.examples("train", np.arange(n))


def update_by(rule, network, weights, **training):
    """Return the update of a run that starts from these weights."""
    return Update(rule, network, training_settings(**training), weights)


def jacobian_of(rule, network, weights, examples, parameters, **training):
    """Return the derivative of the update at these weights, from which its run starts."""
    update = update_by(rule, network, weights, **training)
    jacobian = UpdateJacobian(update, *examples, parameters)
    jacobian.move_to(weights)
    return jacobian


def dynamics(network, weights, rule, parameters=("w_rec",), n=8, **training):
    update = update_by(rule, network, weights, **training)
    found = Dynamics(update, examples_of(network, n), list(parameters))
    found.move_to(weights)
    return found


def measured(operator, name, iteration=0, **settings):
    quantity = build(DYNAMICS, dict(settings, name=name))
    row, _ = quantity.measure(Point(operator, Probes(operator, 3), 3, iteration, {}))
    assert sorted(row) == sorted(column.name for column in quantity.columns)
    return row


def dense(operator):
    """Return the matrix of an operator."""
    return np.array([operator.product(column) for column in np.eye(operator.size)]).T


# The others are slow tests.
SIGN_FEEDBACK = {"name": "three_factor", "feedback": "signs"}
FAST = [{"name": name} for name in ("three_factor", "rflo", "mdgl")] + LENGTHS[:1]
FAST += [SIGN_FEEDBACK]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(one, marks=[] if one in FAST else pytest.mark.slow)
        for one in [one for one, _ in RULES] + LENGTHS + [SIGN_FEEDBACK]
    ],
    ids=str,
)
def test_derivative_of_the_update_against_finite_differences(settings):
    """A step of 1e-3 agrees; of 1e-2 the third derivative shows."""
    network, weights, signs = smooth_network(
        excitatory="none" if settings == SIGN_FEEDBACK else 0.7
    )
    rule = ready(settings, weights, signs)
    parameters = ["w_in", "w_rec", "w_out"]
    jacobian = jacobian_of(rule, network, weights, examples_of(network), parameters)
    random = np.random.RandomState(1)
    sizes = [weights[name].size for name in parameters]
    along, step = random.randn(sum(sizes)), 1e-3
    gradients = []
    for sign in (1, -1):
        moves = np.split(sign * step * along, np.cumsum(sizes)[:-1])
        moved = dict(weights)
        for name, move in zip(parameters, moves):
            # A synapse that does not exist stays so: it would count in the means of its type.
            there = weights[name] != 0.0
            moved[name] = weights[name] + there * move.reshape(there.shape).astype(np.float32)
        jacobian.move_to(moved)
        gradients.append(jacobian.gradient())
    difference = (gradients[0] - gradients[1]) / (2 * step)
    jacobian.move_to(weights)
    exist = np.concatenate([(weights[name] != 0.0).ravel() for name in parameters])
    # M along . v = along . M^T v, for all v at once.
    product = dense(jacobian).T.dot(along * exist)
    assert relative_error(difference, product) < 1e-4


def test_some_rules_have_a_derivative_that_is_not_symmetric():
    network, weights, signs = smooth_network()
    for name, is_symmetric in (("bptt", True), ("three_factor", False), ("rflo", False)):
        rule = ready({"name": name}, weights, signs)
        jacobian = jacobian_of(rule, network, weights, examples_of(network), ["w_rec"])
        matrix = dense(jacobian)
        assert (relative_error(matrix, matrix.T) < 1e-5) == is_symmetric


@pytest.mark.parametrize(
    "name, parameters",
    [("plain", ["w_in", "w_rec", "w_out", "b_out"]), ("adaptive", ["w_rec"])],
)
def test_of_bptt_it_is_the_hessian(name, parameters):
    network, weights = small_network(name)
    found = dynamics(network, weights, ready({"name": "bptt"}, weights), parameters)
    direction = np.random.RandomState(1).randn(found.jacobian.size)
    product = found.hessian.product(direction)
    assert relative_error(found.jacobian.product(direction), product) < 1e-5
    row = measured(found, "stability", tolerance=1e-4)
    assert row["mu_real_max"] == pytest.approx(row["hessian_max"], rel=1e-3)
    assert row["mu_abs_max_imag"] == pytest.approx(0, abs=1e-3 * row["mu_abs_max"])


def test_the_l2_term_is_a_part_of_the_update_but_not_of_the_alignment():
    found = {}
    for l2 in (0.0, 0.25):
        network, weights = small_network(l2=l2)
        operator = dynamics(network, weights, ready({"name": "three_factor"}, weights))
        found[l2] = dense(operator.jacobian), measured(operator, "alignment")
    assert found[0.0][1] == found[0.25][1]
    shift = found[0.25][0] - found[0.0][0]
    assert relative_error(shift, 0.25 * np.eye(len(shift))) < 1e-4


def random_matrix(size, seed=0):
    return np.random.RandomState(seed).randn(size, size)


def with_pair():
    """Return a matrix whose leading eigenvalue is complex, and a larger real part is real."""
    matrix = np.diag(np.linspace(-1.0, 4.0, 30))
    matrix[:2, :2] = [[2.0, -9.0], [9.0, 2.0]]
    mixing = np.eye(30) + 0.2 * random_matrix(30)
    return mixing.dot(matrix).dot(np.linalg.inv(mixing))


@pytest.mark.parametrize(
    "matrix",
    [
        random_matrix(60),
        with_pair(),
        np.diag([3.0, 3.0, -5.0, 1.0]),
        -np.diag(np.arange(1.0, 40.0)),
        np.diag(np.ones(19), 1) + np.diag([2.0] + 19 * [0.0]),
        np.array([[0.0, -1.0], [1.0, 0.0]]),
        np.zeros((5, 5)),
    ],
)
def test_leading_eigenvalues_are_those_of_the_dense_matrix(matrix):
    start = np.random.RandomState(2).randn(len(matrix))
    by_modulus, by_real_part = leading_eigenvalues(Known(matrix), 1e-8, start)
    spectrum = np.linalg.eigvals(matrix)
    assert abs(by_modulus.value) == pytest.approx(np.abs(spectrum).max(), rel=1e-5)
    assert by_real_part.value.real == pytest.approx(spectrum.real.max(), rel=1e-4, abs=1e-8)
    for mu in (by_modulus, by_real_part):
        assert mu.converged and mu.value.imag >= 0.0
        assert np.linalg.norm(mu.vector) == pytest.approx(1.0)
        residual = matrix.dot(mu.vector) - mu.value * mu.vector
        assert np.linalg.norm(residual) <= 1e-6 * max(abs(mu.value), abs(by_modulus.value), 1e-9)


def test_a_nilpotent_matrix_has_not_converged_before_its_space_is_whole(monkeypatch):
    """All Ritz values are 0 from the first product on; only the residual tells."""
    monkeypatch.setattr("lsnn.curvature.eigenvalues.MOST_ARNOLDI_PRODUCTS", 3)
    shift = np.diag(np.ones(9), -1)
    for mu in leading_eigenvalues(Known(shift), 1e-3, np.eye(10)[0]):
        assert mu.value == 0.0 and mu.residual == np.inf and not mu.converged


def test_an_eigenvalue_that_is_not_reached_has_not_converged(monkeypatch):
    monkeypatch.setattr("lsnn.curvature.eigenvalues.MOST_ARNOLDI_PRODUCTS", 5)
    operator = Known(random_matrix(60))
    for mu in leading_eigenvalues(operator, 1e-3, np.ones(60)):
        assert not mu.converged and mu.residual > 1e-3 and np.isfinite(mu.value)
    assert operator.products == 5
    for mu in leading_eigenvalues(Known(np.full((3, 3), np.nan)), 1e-3, np.ones(3)):
        assert not mu.converged and np.isnan(mu.value.real) and np.isnan(mu.value.imag)


@pytest.mark.parametrize("name", ["rflo", "mdgl"])
def test_stability_is_that_of_the_dense_matrices(name):
    network, weights, signs = network_by_dale("leaky", SmallTask())
    rule = ready({"name": name}, weights, signs)
    parts = {"step_decay": {"factor": 0.5, "every": 10}}
    found = dynamics(network, weights, rule, learning_rate=0.05, parts=parts)
    row = measured(found, "stability", iteration=25, tolerance=1e-5)
    spectrum = np.linalg.eigvals(dense(found.jacobian))
    assert row["mu_abs_max"] == pytest.approx(np.abs(spectrum).max(), rel=1e-3)
    assert np.hypot(row["mu_abs_max_real"], row["mu_abs_max_imag"]) == row["mu_abs_max"]
    assert row["mu_real_max"] == pytest.approx(spectrum.real.max(), rel=1e-3)
    matrix = dense(found.hessian)
    largest = np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1]
    assert row["hessian_max"] == pytest.approx(largest, rel=1e-3)
    eta = 0.05 * 0.5**2
    assert row["eta_mu"] == pytest.approx(eta * row["mu_abs_max"])
    assert row["eta_hessian"] == pytest.approx(eta * row["hessian_max"])
    rho = measured(found, "alignment")["rho"]
    if rho > 0:
        assert row["curvature_bound"] == pytest.approx(2 / (eta * rho))
        assert row["part_of_bound"] == pytest.approx(row["hessian_max"] * eta * rho / 2)
    else:
        assert np.isnan(row["curvature_bound"]) and np.isnan(row["part_of_bound"])


@pytest.mark.parametrize(
    "key, training",
    [("training.optimiser", {"optimiser": "adam"}), ("training.parts.sam", {"parts": {"sam": {}}})],
)
def test_the_derivative_of_an_update_that_is_no_plain_descent_is_refused(key, training):
    network, weights = small_network()
    rule = ready({"name": "three_factor"}, weights)
    found = dynamics(network, weights, rule, **training)
    assert 0 < measured(found, "alignment")["cosine"] < 1
    with pytest.raises(ConfigError, match=key + ": no derivative of the update is known with it"):
        measured(found, "stability")


def test_curvatures_are_those_of_the_dense_hessian():
    network, weights = small_network()
    rule = ready({"name": "three_factor"}, weights)
    found = dynamics(network, weights, rule, ["w_in", "w_rec"], batch_size=7)
    row = measured(found, "curvature", iteration=4)
    matrix = dense(found.hessian)
    exact, of_rule = found.gradients()
    batch = network.task.batch(4, 7)
    jacobian = jacobian_of(rule, network, weights, batch, ["w_in", "w_rec"])
    vectors = {
        "gradient": flat(exact, RECURRENT),
        "rule_gradient": flat(of_rule, RECURRENT),
        "update": jacobian.gradient(),
    }
    for name, vector in vectors.items():
        expected = vector.dot(matrix).dot(vector) / vector.dot(vector)
        assert row["curvature_along_" + name] == pytest.approx(expected, rel=1e-4)


def test_alignment_of_known_vectors():
    found = alignment(np.array([3.0, 4.0]), np.array([1.0, 0.0]))
    assert found == pytest.approx({"cosine": 0.6, "length_ratio": 0.2, "rho": 0.12})
    none = alignment(np.array([3.0, 4.0]), np.zeros(2))
    assert (none["rho"], none["length_ratio"]) == (0, 0) and np.isnan(none["cosine"])
    assert np.isnan(list(alignment(np.zeros(2), np.ones(2)).values())).all()


class GoldenTask(Task):
    """The golden network's examples, as a task has them."""

    def placeholders(self):
        return tf.placeholder(tf.float32, [10, None, 8]), tf.placeholder(tf.float32, [None])


@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("name", ["three_factor", "mdgl_cell", "three_factor_random_feedback"])
def test_alignment_is_that_of_golden_gradients(name):
    network = rate_network(RateNeurons, "rate_reset_adaptive")
    network.task.__class__ = GoldenTask
    weights = {n: GOLDEN["common/" + n] for n in ("w_in", "w_rec", "w_out", "b_out")}
    rule = ready(GOLDEN_RULES[name], weights)
    rule.take({"feedback": GOLDEN["common/feedback"].astype(np.float32)})
    inputs = GOLDEN["common/inputs_rate"].transpose(1, 0, 2)
    update = update_by(rule, network, weights)
    found = Dynamics(update, [inputs, np.zeros(4)], ["w_rec"])
    found.move_to(weights)
    row = measured(found, "alignment")
    folder = "biolhess_code/rate_reset_adaptive/last/{}/grad_{}"
    golden = {
        rule: {n: GOLDEN[folder.format(rule, n)].astype(float) for n in RECURRENT}
        for rule in ("bptt", name)
    }
    for suffix, parameters in (("", RECURRENT), ("_w_in", ["w_in"]), ("_w_rec", ["w_rec"])):
        exact, of_rule = (flat(golden[rule], parameters) for rule in ("bptt", name))
        lengths = np.linalg.norm(exact), np.linalg.norm(of_rule)
        along = exact.dot(of_rule)
        assert row["cosine" + suffix] == pytest.approx(along / np.prod(lengths), rel=1e-4)
        assert row["length_ratio" + suffix] == pytest.approx(lengths[1] / lengths[0], rel=1e-4)
        assert row["rho" + suffix] == pytest.approx(along / lengths[0] ** 2, rel=1e-4)


@pytest.mark.usefixtures("in_a_loop")
def test_alignment_of_spiking_units():
    network, weights = small_spiking_network("all")
    found = dynamics(network, weights, ready({"name": "three_factor"}, weights))
    row = measured(found, "alignment")
    assert 0 < row["cosine"] < 1 and np.isfinite(list(row.values())).all()
    exact = dynamics(network, weights, ready({"name": "bptt"}, weights))
    assert measured(exact, "alignment")["cosine"] == pytest.approx(1.0)
    assert exact.products == 0  # nothing else is built


def test_no_learning_rule_reaches_the_hessian_beside_it(monkeypatch):
    network, weights = small_network()
    rule = ready({"name": "three_factor"}, weights)
    found = dynamics(network, weights, rule)
    rules = rules_of_cells(monkeypatch)
    assert isinstance(found.hessian, Hessian)
    assert rules == [LearningRule]  # the exact gradient
    assert isinstance(found.jacobian, UpdateJacobian)
    assert type(rule) in rules


def test_what_a_run_has_drawn_is_taken_from_it():
    network, weights = small_network()
    rule = ready({"name": "rflo"}, weights)
    entry = {"block": "all", "split": "train", "samples": 8}
    training = training_settings()
    arguments = (network, {"name": "rflo"}, training, rule.constants, weights, entry)
    found = dynamics_of(*arguments)
    found.move_to(weights)
    assert found.parameters == network.trained
    other = dynamics(network, weights, rule)
    _, of_rule = found.gradients()
    samples = dynamics_of(*arguments)._examples
    other._examples = samples
    for name, gradient in other.gradients()[1].items():
        assert np.array_equal(gradient, of_rule[name])
