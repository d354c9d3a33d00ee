import inspect

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from lsnn import hessian as hessian_module
from lsnn import network as network_module
from lsnn.cell import Cell
from lsnn.hessian import (
    Eigenvalue,
    Hessian,
    extreme_eigenvalues,
    hessian_of,
    larger_in_magnitude,
)
from lsnn.learning_rules.base import LearningRule
from lsnn.network import PARAMETERS
from small import NETWORKS, relative_error, small_network, split_vector


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
    step = 3e-4  # small, because a step over the kink of a unit is no error
    gradients = []
    for sign in (1, -1):
        moves = split_vector(sign * step * direction, network)
        hessian.move_to({p: weights[p] + moves[p].astype(np.float32) for p in PARAMETERS})
        gradients.append(hessian.gradient())
    difference = (gradients[0] - gradients[1]) / (2 * step)
    assert relative_error(product, difference) < 1e-2


@pytest.mark.parametrize("parameters", [("w_rec",), ("w_in", "b_out"), PARAMETERS])
def test_hessian_is_symmetric_and_of_the_chosen_parameters(parameters):
    hessian, network, _ = small_hessian("adaptive", parameters)
    assert hessian.size == sum(np.prod(network.shapes[name]) for name in parameters)
    matrix = dense(hessian)
    assert relative_error(matrix, matrix.T) < 1e-5
    assert hessian.shape == matrix.shape
    direction = np.random.RandomState(1).randn(hessian.size)
    assert np.array_equal(hessian.matvec(direction), hessian.product(direction))


@pytest.mark.parametrize(
    "block, split",
    [
        ("w_in", "train"),
        ("w_rec", "validation"),
        ("w_out", "test"),
        ("b_out", "validation"),
        ("all", "train"),
    ],
)
def test_a_block_is_part_of_the_hessian_by_all_parameters_on_one_sample(block, split):
    network, weights = small_network("adaptive")
    matrices = {}
    for name in (block, "all"):
        hessian = hessian_of(network, name, split, 15)
        hessian.move_to(weights)
        matrices[name] = dense(hessian)
    places = split_vector(np.arange(len(matrices["all"])), network)
    of_block = np.concatenate([places[n].ravel() for n in PARAMETERS if block in (n, "all")])
    assert relative_error(matrices[block], matrices["all"][np.ix_(of_block, of_block)]) < 1e-5
    # The examples are different ones of the split.
    inputs = hessian_of(network, block, split, network.task.sizes[split])
    inputs.move_to(weights)
    assert relative_error(dense(inputs), matrices[block]) > 1e-3


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


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_eigenvalues_are_those_of_the_dense_matrix(name):
    hessian, _, _ = small_hessian(name)
    spectrum = np.linalg.eigvalsh(dense(hessian))
    start = np.random.RandomState(2).randn(hessian.size)
    largest, smallest = extreme_eigenvalues(hessian, 1e-3, start)
    if name == "plain":
        assert spectrum[0] < 0 < spectrum[-1]  # the sign is kept
    assert largest.value == pytest.approx(spectrum[-1], rel=1e-3)
    assert smallest.value == pytest.approx(spectrum[0], rel=1e-3)
    assert largest.converged and largest.residual <= 1e-3
    assert smallest.converged and smallest.residual <= 1e-3


class Diagonal(LinearOperator):
    """A known spectrum in the place of a Hessian."""

    def __init__(self, values):
        self.values = np.asarray(values, np.float64)
        super(Diagonal, self).__init__(np.float64, 2 * self.values.shape)

    def _matvec(self, vector):
        return self.values * np.ravel(vector)


def test_an_eigenvalue_that_did_not_converge_says_so(monkeypatch):
    monkeypatch.setattr(hessian_module, "MAX_RESTARTS", 1)
    values = np.concatenate([np.linspace(-1.0, 1.0, 500), [10.0]])
    start = np.random.RandomState(2).randn(len(values))
    largest, smallest = extreme_eigenvalues(Diagonal(values), 1e-5, start)
    assert largest.converged and largest.value == pytest.approx(10.0)
    assert largest.residual <= 1e-5  # not a rough estimate, though the other end is one
    assert not smallest.converged and smallest.value == pytest.approx(-1.0, rel=0.2)
    assert not smallest.residual <= 1e-5


def test_nothing_is_reported_where_nothing_is_known(monkeypatch):
    monkeypatch.setattr(hessian_module, "_arpack", lambda *arguments: [])
    for eigenvalue in extreme_eigenvalues(Diagonal([1.0, 2.0, 3.0]), 1e-3, np.ones(3)):
        assert np.isnan(eigenvalue.value) and not eigenvalue.converged


def test_larger_in_magnitude_keeps_the_sign():
    largest = Eigenvalue(2.0, 0.0, True, None)
    smallest = Eigenvalue(-3.0, 0.0, True, None)
    assert larger_in_magnitude(largest, smallest) is smallest
    assert larger_in_magnitude(largest, largest) is largest


def test_a_learning_rule_cannot_reach_the_hessian(monkeypatch):
    for function in (Hessian.__init__, Hessian.move_to, Hessian.product, extreme_eigenvalues):
        assert not [name for name in inspect.signature(function).parameters if "rule" in name]
    used = [value for value in vars(hessian_module).values() if inspect.isclass(value)]
    assert not [value for value in used if issubclass(value, LearningRule)]
    rules = []

    def seen(*arguments):
        cell = Cell(*arguments)
        rules.append(type(cell._rule))
        return cell

    monkeypatch.setattr(network_module, "Cell", seen)
    small_hessian()
    assert rules == [LearningRule]  # the exact gradient


def test_a_hessian_of_zeros_has_no_eigenvalue_to_report():
    for eigenvalue in extreme_eigenvalues(Diagonal(np.zeros(30)), 1e-3, np.ones(30)):
        assert not eigenvalue.converged
