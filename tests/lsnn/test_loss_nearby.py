"""The loss at other weights, and quantities that see it, against closed forms."""

import numpy as np
import pytest
from scipy.optimize import brentq

from lsnn.curvature.along_run import Point, Probes
from lsnn.curvature.hessian import Hessian
from lsnn.curvature.quantities import DYNAMICS, QUANTITIES
from lsnn.curvature.quantities.balanced import balancing_factors
from lsnn.curvature.rule_update import Dynamics
from lsnn.curvature.weights import flat
from lsnn.network import PARAMETERS, Network
from lsnn.options import build
from lsnn.update.update import Update
from small import (
    NETWORKS,
    SmallTask,
    loss_settings,
    relative_error,
    small_network,
    training_settings,
)
from test_learning_rules import ready

pytestmark = pytest.mark.slow_on("1.12")


def hessian_by(parameters, network, weights, n=10, first=0):
    examples = network.task.examples("train", np.arange(first, first + n))
    hessian = Hessian(network, *examples, parameters=parameters)
    hessian.move_to(weights)
    return hessian


def quadratic_network():
    """A network whose loss is quadratic in the weights of the readout."""
    network = Network(NETWORKS["leaky"], loss_settings(kind="squared_error"), SmallTask(), 3)
    return network, network.initial_weights()


def dynamics_by(parameters, network, weights, rule, **training):
    update = Update(ready(rule, weights), network, training_settings(**training), weights)
    found = Dynamics(update, network.task.examples("train", np.arange(10)), list(parameters))
    found.move_to(weights)
    return found


def measured(registry, name, operator, memory=None, **options):
    quantity = build(registry, dict(options, name=name))
    point = Point(operator, Probes(operator, 3), 3, 0, memory or {})
    row, memory = quantity.measure(point)
    arrays = getattr(quantity, "arrays", ())
    assert sorted(row) == sorted([*arrays, *(column.name for column in quantity.columns)])
    return row, memory


def dense(hessian):
    return hessian.matmat(np.eye(hessian.size))


def test_the_loss_at_other_weights_is_that_after_moving_there():
    network, weights = small_network("adaptive")
    hessian = hessian_by(("w_in", "w_rec"), network, weights)
    offset = 0.1 * np.random.RandomState(1).randn(hessian.size)
    loss, gradient = hessian.loss_and_gradient(offset)
    assert loss == hessian.loss(offset) != hessian.loss(0 * offset)
    split = weights["w_in"].size
    moved = {
        "w_in": weights["w_in"] + offset[:split].reshape(weights["w_in"].shape),
        "w_rec": weights["w_rec"] + offset[split:].reshape(weights["w_rec"].shape),
    }
    before = hessian.gradient()
    hessian.move_to(dict(weights, **moved))
    assert loss == pytest.approx(hessian.loss(0 * offset), rel=1e-6)
    assert relative_error(hessian.gradient(), gradient) < 1e-5
    assert relative_error(before, gradient) > 1e-2


def test_gradients_by_example_are_those_of_the_examples_alone():
    network, weights = small_network("leaky", l2=0.0)
    hessian = hessian_by(("w_in", "w_rec"), network, weights, n=4)
    found = list(hessian.gradients_by_example())
    for place, gradient in enumerate(found):
        alone = hessian_by(("w_in", "w_rec"), network, weights, n=1, first=place)
        assert relative_error(gradient, alone.gradient()) < 1e-5
    assert relative_error(np.mean(found, axis=0), hessian.gradient()) < 1e-5
    row, _ = measured(QUANTITIES, "empirical_fisher_trace", hessian)
    squares = [gradient.dot(gradient) for gradient in found]
    assert row["empirical_fisher_trace"] == pytest.approx(np.mean(squares))
    assert row["empirical_fisher_trace_se"] == pytest.approx(np.std(squares, ddof=1) / 2)


def highest_within(gradient, matrix, radius):
    """The largest g.v + v.Hv / 2 within a radius, H having a positive eigenvalue: on the sphere.

    There (mu - H) v = g, mu being above all eigenvalues.
    """
    values, vectors = np.linalg.eigh(matrix)
    parts = vectors.T.dot(gradient)
    excess = lambda mu: np.linalg.norm(parts / (mu - values)) - radius  # noqa: E731
    above = values[-1] + np.linalg.norm(gradient) / radius
    mu = brentq(excess, values[-1] + 1e-9, above + 1e-9)
    place = parts / (mu - values)
    return parts.dot(place) + place.dot(values * place) / 2


@pytest.mark.parametrize("radius", [0.1, 2.0])
def test_the_rise_nearby_is_that_of_a_quadratic(radius):
    network, weights = quadratic_network()
    hessian = hessian_by(("w_out",), network, weights)
    gradient, matrix = hessian.gradient(), dense(hessian)
    row, _ = measured(QUANTITIES, "nearby", hessian, radius=radius, directions=200)
    mean = radius**2 / 2 * np.trace(matrix) / hessian.size
    assert abs(row["rise_mean"] - mean) < 4 * row["rise_mean_se"]
    spread = radius * np.linalg.norm(gradient) / np.sqrt(hessian.size)  # of g.v, the most of it
    assert row["rise_mean_se"] == pytest.approx(spread / np.sqrt(200), rel=0.5)
    expected = highest_within(gradient, matrix, radius)
    assert row["rise_worst"] == pytest.approx(expected, rel=1e-3)


def rescaled(weights, factors):
    """The weights of a network that computes the same, units putting out more by these factors."""
    return {
        "w_in": weights["w_in"] * factors,
        "w_rec": weights["w_rec"] * factors / factors[:, None],
        "w_out": weights["w_out"] / factors[:, None],
        "b_out": weights["b_out"],
    }


def test_adaptive_sharpness_is_that_of_the_dense_matrix():
    network, weights = small_network("adaptive")
    hessian = hessian_by(("w_in", "w_rec"), network, weights)
    sizes = np.abs(flat(weights, ("w_in", "w_rec")))
    expected = np.linalg.eigvalsh(sizes[:, None] * dense(hessian) * sizes)[-1]
    row, _ = measured(QUANTITIES, "adaptive", hessian)
    assert row["adaptive_max"] == pytest.approx(expected, rel=1e-3)
    assert row["adaptive_max_converged"]


def test_adaptive_sharpness_stays_when_units_are_rescaled_and_that_of_weights_does_not():
    network, weights = small_network("leaky", l2=0.0)
    hessian = hessian_by(PARAMETERS, network, weights)
    found = []
    for factors in (np.ones(9), np.exp(np.random.RandomState(0).randn(9))):
        hessian.move_to(rescaled(weights, factors))
        loss = hessian.loss(np.zeros(hessian.size))
        adaptive, balanced = (
            measured(QUANTITIES, name, hessian, tolerance=1e-4)[0][f"{name}_max"]
            for name in ("adaptive", "balanced")
        )
        largest = measured(QUANTITIES, "extremes", hessian, ends="largest")[0]["lambda_max"]
        found.append([loss, adaptive, balanced, largest])
    first, second = found
    assert second[:3] == pytest.approx(first[:3], rel=1e-3)
    assert second[3] > 1.5 * first[3]


def test_the_balanced_network_computes_the_same_and_is_balanced():
    network, weights = small_network("leaky", l2=0.0)
    factors = balancing_factors(weights)
    balanced = {name: weights[name] / factors[name] for name in weights}
    hessian = hessian_by(PARAMETERS, network, weights)
    zero = np.zeros(hessian.size)
    loss, scaled = hessian.loss(zero), dense(hessian)
    row, _ = measured(QUANTITIES, "balanced", hessian, tolerance=1e-4)
    hessian.move_to(balanced)
    assert hessian.loss(zero) == pytest.approx(loss, rel=1e-5)
    assert row["balanced_max"] == pytest.approx(np.linalg.eigvalsh(dense(hessian))[-1], rel=1e-3)
    scale = flat(factors, PARAMETERS)
    assert relative_error(scale[:, None] * scaled * scale, dense(hessian)) < 1e-4
    others = balanced["w_rec"] * (1 - np.eye(9))
    incoming = np.sum(balanced["w_in"] ** 2, axis=0) + np.sum(others**2, axis=0)
    outgoing = np.sum(balanced["w_out"] ** 2, axis=1) + np.sum(others**2, axis=1)
    assert incoming == pytest.approx(outgoing, rel=1e-4)


def test_a_unit_without_connections_keeps_its_weights():
    _, weights = small_network()
    weights["w_out"][4] = weights["w_rec"][4] = 0.0
    factors = balancing_factors(weights)
    assert all(np.isfinite(array).all() for array in factors.values())
    assert (factors["w_in"][:, 4] == 1.0).all() and (factors["w_in"][:, 3] != 1.0).all()


def test_batch_sharpness_is_that_of_dense_matrices_of_the_batches_to_come():
    network, weights = small_network("leaky")
    dynamics = dynamics_by(PARAMETERS, network, weights, {"name": "rflo"}, batch_size=16)
    quantity = build(DYNAMICS, {"name": "batch_sharpness", "batches": 3})
    row, _ = quantity.measure(Point(dynamics, Probes(dynamics, 3), 3, 5, {}))
    forms, squares = [], []
    for iteration in (5, 6, 7):
        hessian = Hessian(network, *network.task.batch(iteration, 16), parameters=PARAMETERS)
        hessian.move_to(weights)
        gradient = hessian.gradient()
        forms.append(gradient.dot(dense(hessian)).dot(gradient))
        squares.append(gradient.dot(gradient))
    assert row["batch_sharpness"] == pytest.approx(np.mean(forms) / np.mean(squares), rel=1e-4)
    ratios = np.divide(forms, squares)
    assert row["batch_sharpness_of_ratios"] == pytest.approx(ratios.mean(), rel=1e-4)
    error = np.std(ratios, ddof=1) / np.sqrt(3)
    assert row["batch_sharpness_of_ratios_se"] == pytest.approx(error, rel=1e-2)
    assert dynamics.products == 3


def test_batch_sharpness_of_the_whole_training_set_has_no_error():
    network, weights = small_network("leaky")
    dynamics = dynamics_by(PARAMETERS, network, weights, {"name": "bptt"}, batch_size=40)
    row, _ = measured(DYNAMICS, "batch_sharpness", dynamics, batches=2)
    assert row["batch_sharpness_se"] < 1e-5 * abs(row["batch_sharpness"])
    assert row["batch_sharpness"] == pytest.approx(row["batch_sharpness_of_ratios"], rel=1e-5)


@pytest.mark.parametrize("rule", ["bptt", "three_factor"])
def test_slices_are_those_of_a_quadratic(rule):
    network, weights = quadratic_network()
    options = {"batch_size": 16, "learning_rate": 0.3}
    dynamics = dynamics_by(("w_out",), network, weights, {"name": rule}, **options)
    row, memory = measured(DYNAMICS, "slice", dynamics, extent=2.0, points=2)
    hessian = hessian_by(("w_out",), network, weights)
    gradient, matrix = hessian.gradient(), dense(hessian)
    # Every eigenvalue is one of each output, so that the leading vector is one of many.
    loss, eigenvector = hessian.loss(0 * gradient), memory["start"]
    largest = np.linalg.eigvalsh(matrix)[-1]
    assert relative_error(matrix.dot(eigenvector), largest * eigenvector) < 1e-2
    step = -0.3 * dynamics.update(0)["w_out"].ravel()
    eigenvector *= np.sign(step.dot(eigenvector))
    beside = step - step.dot(eigenvector) * eigenvector
    second = beside / np.linalg.norm(beside)

    def quadratic(offset):
        return loss + gradient.dot(offset) + offset.dot(matrix).dot(offset) / 2

    distances = [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert row["slice_distances"].tolist() == distances
    unit = step / np.linalg.norm(step)
    for name, direction in (("slice_along_eigenvector", eigenvector), ("slice_along_step", unit)):
        expected = [quadratic(distance * direction) for distance in distances]
        assert row[name] == pytest.approx(expected, rel=1e-3)
    expected = [[quadratic(x * eigenvector + y * second) for y in distances] for x in distances]
    assert relative_error(row["slice_plane"], expected) < 1e-3
    coordinates = [step.dot(eigenvector), np.linalg.norm(beside)]
    assert row["slice_step"] == pytest.approx(coordinates, rel=1e-2)
    assert row["step_length"] == pytest.approx(np.linalg.norm(step))
    assert row["step_along_eigenvector"] == pytest.approx(unit.dot(eigenvector), rel=1e-2)


def test_eigenvectors_are_kept_when_they_are_asked_for():
    network, weights = small_network("leaky")
    hessian = hessian_by(("w_rec",), network, weights)
    row, _ = measured(QUANTITIES, "extremes", hessian, vectors=True, k=2, tolerance=1e-4)
    names = ("lambda_max", "lambda_max_2", "lambda_min", "lambda_min_2")
    assert row["eigenvectors"].shape == (4, hessian.size)
    for name, vector in zip(names, row["eigenvectors"]):
        assert relative_error(hessian.product(vector), row[name] * vector) < 2e-4
    hessian.move_to({name: np.full_like(array, 1e30) for name, array in weights.items()})
    row, _ = measured(QUANTITIES, "extremes", hessian, vectors=True)
    assert row["eigenvectors"].shape == (2, hessian.size)
    assert np.isnan(row["eigenvectors"]).all()
