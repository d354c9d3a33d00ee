import inspect
import itertools

import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

from lsnn.backend import new_session, tf
from lsnn.curvature import hessian as hessian_module
from lsnn.curvature.along_run import measure_along
from lsnn.curvature.eigenvalues import Krylov, extreme_eigenvalues, mixed_with_random
from lsnn.curvature.hessian import Hessian, hessian_of
from lsnn.curvature.jacobian import Cached
from lsnn.learning_rules.base import LearningRule
from lsnn.network import PARAMETERS, Network
from lsnn.study.config import network_settings
from rule_oracle import Run
from small import (
    NETWORKS,
    LongerTask,
    SmallTask,
    change_of_gradient,
    loss_settings,
    relative_error,
    rules_of_cells,
    small_network,
    split_vector,
)


def small_hessian(name="plain", parameters=("w_rec",)):
    network, weights = small_network(name)
    hessian = Hessian(network, *network.task.examples("validation", np.arange(20)), parameters)
    hessian.move_to(weights)
    return hessian, network, weights


def dense(hessian):
    return np.array([hessian.product(column) for column in np.eye(hessian.size)])


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_product_is_the_derivative_of_the_exact_gradient(name):
    """Finite differences: the guard against second derivatives that TensorFlow gets wrong."""
    hessian, network, weights = small_hessian(name, PARAMETERS)
    direction = np.random.RandomState(1).randn(hessian.size)
    direction /= np.linalg.norm(direction)
    product = hessian.product(direction)
    difference = change_of_gradient(hessian, network, weights, direction)
    assert relative_error(product, difference) < 1e-2


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize("parameters", [("w_rec",), ("w_in", "b_out"), PARAMETERS])
def test_hessian_is_symmetric_and_of_the_chosen_parameters(parameters):
    hessian, network, _ = small_hessian("adaptive", parameters)
    assert hessian.size == sum(np.prod(network.shapes[name]) for name in parameters)
    matrix = dense(hessian)
    assert relative_error(matrix, matrix.T) < 1e-5
    assert hessian.shape == matrix.shape
    direction = np.random.RandomState(1).randn(hessian.size)
    assert np.array_equal(hessian.matvec(direction), hessian.product(direction))


@pytest.mark.slow_on("1.12")
def test_a_block_is_part_of_the_hessian_by_all_parameters_on_one_sample():
    network, weights = small_network()

    def matrix_of(block, split, samples=15):
        hessian = hessian_of(network, block, split, samples)
        hessian.move_to(weights)
        return dense(hessian)

    places = split_vector(np.arange(sum(map(np.prod, network.shapes.values()))), network)
    blocks = {"train": ["w_in"], "validation": ["w_rec", "b_out"], "test": ["w_out"]}
    whole = {split: matrix_of("all", split) for split in blocks}
    for one, other in itertools.combinations(whole.values(), 2):
        assert relative_error(one, other) > 1e-3
    for split, names in blocks.items():
        for name in names:
            part = whole[split][np.ix_(places[name].ravel(), places[name].ravel())]
            block = matrix_of(name, split)
            assert relative_error(block, part) < 1e-5, name
    assert relative_error(matrix_of("w_out", "test", samples=20), block) > 1e-3


def test_all_parameters_are_those_that_are_trained():
    network, _ = small_network()
    network.task.readout_bias = False
    size = sum(np.prod(network.shapes[name]) for name in PARAMETERS if name != "b_out")
    assert hessian_of(network, "all", "validation", 10).size == size


def test_autapses_have_the_curvature_of_the_l2_term_alone():
    hessian, network, _ = small_hessian()
    n_units = network.neurons.n_units
    autapse = np.zeros((n_units, n_units))
    autapse[2, 2] = 1.0
    assert hessian.product(autapse.ravel()) == pytest.approx(
        network.terms.l2 * autapse.ravel(), abs=1e-7
    )


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize("name", ["leaky", "adaptive"])
def test_the_hessian_of_the_squared_error_by_the_readout_is_that_of_least_squares(name):
    """2 I by the bias; by w_out 2 <s s^T> for each output, s the trace averaged over the window."""
    loss = loss_settings(kind="squared_error", l2=0.3)
    network = Network(NETWORKS[name], loss, LongerTask(3), seed=3)
    weights = network.initial_weights()
    inputs, targets = network.task.examples("validation", np.arange(20))
    of_bias, of_w_out = (Hessian(network, inputs, targets, [part]) for part in ("b_out", "w_out"))
    for hessian in (of_bias, of_w_out):
        hessian.move_to(weights)
    assert dense(of_bias) == pytest.approx(2.0 * np.eye(4), abs=1e-6)
    s = np.mean(Run(network, weights, inputs).s[-3:], axis=0)
    by_unit = 2.0 * s.T.dot(s) / len(s) + 0.3 * np.eye(9)
    assert relative_error(dense(of_w_out), np.kron(by_unit, np.eye(4))) < 1e-5


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_hessian_of_the_squared_error_is_the_derivative_of_its_gradient(name):
    loss = loss_settings(kind="squared_error")
    network = Network(NETWORKS[name], loss, SmallTask(3), seed=3)
    weights = network.initial_weights()
    hessian = Hessian(network, *network.task.examples("validation", np.arange(20)), PARAMETERS)
    hessian.move_to(weights)
    direction = np.random.RandomState(1).randn(hessian.size)
    direction /= np.linalg.norm(direction)
    product = hessian.product(direction)
    difference = change_of_gradient(hessian, network, weights, direction)
    assert relative_error(product, difference) < 1e-2


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_eigenvalues_are_those_of_the_dense_matrix(name):
    hessian, _, _ = small_hessian(name)
    spectrum = np.linalg.eigvalsh(dense(hessian))
    largest, smallest = extremes_of(hessian, 1e-3)
    if name == "plain":
        assert spectrum[0] < 0 < spectrum[-1]  # the sign is kept
    assert largest.value == pytest.approx(spectrum[-1], rel=1e-3)
    assert smallest.value == pytest.approx(spectrum[0], rel=1e-3)
    assert largest.converged and largest.residual <= 1e-3
    assert smallest.converged and smallest.residual <= 1e-3


def extremes_of(hessian, tolerance):
    random = np.random.RandomState(2)
    space = Krylov(hessian, mixed_with_random(random.randn(hessian.size), random))
    return extreme_eigenvalues(space, tolerance)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_block_with_an_eigenvalue_of_zero_converges():
    """All logits shifted by the same number are the same answer."""
    hessian, _, _ = small_hessian(parameters=("b_out",))
    largest, smallest = extremes_of(hessian, 1e-3)
    assert largest.converged and smallest.converged
    assert abs(smallest.value) <= 1e-6 * largest.value


@pytest.mark.slow_on("2")
def test_eigenvalues_of_a_real_checkpoint_are_those_of_arpack(mnist):
    """The default network at its initial weights, where the Hessian is indefinite."""
    network = Network(network_settings(), loss_settings(), mnist, seed=1)
    hessian = hessian_of(network, "w_rec", "validation", 64)
    hessian.move_to(network.initial_weights())
    start = np.random.RandomState(2).randn(hessian.size)
    expected = eigsh(hessian, 2, which="BE", tol=1e-6, v0=start, return_eigenvectors=False)
    before = hessian.products
    largest, smallest = extremes_of(hessian, 1e-3)
    assert hessian.products - before < before
    assert [smallest.value, largest.value] == pytest.approx(sorted(expected), rel=1e-5)


def test_before_it_has_weights_it_computes_nothing_and_says_what_is_missing():
    network, _ = small_network()
    hessian = Hessian(network, *network.task.examples("validation", np.arange(4)))
    for compute in (hessian.gradient, lambda: extreme_eigenvalues(Krylov(hessian))):
        with pytest.raises(RuntimeError, match="move_to"):
            compute()


@pytest.mark.slow_on("1.12")
def test_products_share_what_does_not_depend_on_the_vector():
    """The product of the whole graph, and anew at other weights."""
    hessian, _network, weights = small_hessian("adaptive", PARAMETERS)
    vector = np.random.RandomState(1).randn(hessian.size)
    shared = hessian.product(vector)
    session = hessian._session
    whole = session.graph.get_tensor_by_name(hessian._product.tensor.name.partition("/")[2])
    assert relative_error(shared, session.run(whole, {hessian._vector: vector})) < 1e-6
    hessian.move_to({name: 1.1 * array for name, array in weights.items()})
    moved = hessian.product(vector)
    assert relative_error(moved, session.run(whole, {hessian._vector: vector})) < 1e-6
    assert relative_error(moved, shared) > 1e-3


def test_what_is_cached_is_not_computed_again():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [2])
        weight = tf.get_variable("weight", [2], tf.float32, tf.ones_initializer())
        product = tf.exp(weight) * x + tf.constant([1.0, 2.0])
        session = new_session(graph)
        session.run(tf.global_variables_initializer())
        cached = Cached(product, x, session)
    cached.refresh()
    before = session.run(cached.tensor, {x: [1.0, 2.0]})
    assert before == pytest.approx([np.e + 1.0, 2.0 * np.e + 2.0])
    weight.load([0.0, 0.0], session)
    assert np.array_equal(session.run(cached.tensor, {x: [1.0, 2.0]}), before)
    cached.refresh()
    assert session.run(cached.tensor, {x: [1.0, 2.0]}) == pytest.approx([2.0, 4.0])


def test_what_waits_for_the_vector_is_not_cached():
    """As does a constant in the gradient of a square, which has no other input."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [2])
        weight = tf.get_variable("weight", [2], tf.float32, tf.ones_initializer())
        product = tf.gradients(tf.reduce_sum(tf.square(weight) * x), weight)[0]
        session = new_session(graph)
        session.run(tf.global_variables_initializer())
        cached = Cached(product, x, session)
    weight.load([3.0, -1.0], session)
    cached.refresh()
    assert session.run(cached.tensor, {x: [1.0, 2.0]}) == pytest.approx([6.0, -4.0])


def test_a_learning_rule_cannot_reach_the_hessian(monkeypatch):
    for function in (Hessian.__init__, Hessian.move_to, Hessian.product, hessian_of, measure_along):
        assert not [name for name in inspect.signature(function).parameters if "rule" in name]
    used = [value for value in vars(hessian_module).values() if inspect.isclass(value)]
    assert not [value for value in used if issubclass(value, LearningRule)]
    rules = rules_of_cells(monkeypatch)
    small_hessian()
    assert rules == [LearningRule]  # the exact gradient
