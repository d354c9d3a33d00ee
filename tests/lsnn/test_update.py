"""The one update, part by part, and its derivative."""

import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.curvature.rule_update import RECURRENT
from lsnn.curvature.weights import flat
from lsnn.errors import ConfigError
from lsnn.learning_rules.base import LearningRule
from lsnn.network import PARAMETERS, Network
from lsnn.study.config import network_settings
from lsnn.training import Trainer, start_of_run
from lsnn.update import PARTS, new_parts
from lsnn.update.settings import learning_rate_at
from lsnn.update.update import Update, responses_to
from small import (
    SPIKING_NETWORKS,
    SmallTask,
    loss_settings,
    relative_error,
    small_network,
    training_settings,
)
from test_dynamics import LENGTHS, dynamics, examples_of, jacobian_of, measured, smooth_network
from test_learning_rules import ready
from test_training import CarryingTask

pytestmark = pytest.mark.slow_on("1.12")

RULES = [{"name": name} for name in ("bptt", "three_factor", "rflo", "mdgl")] + LENGTHS[:1]
# Two parameters are trained: one that a rule has a gradient of its own for, and one of the readout.
TWO = ["w_rec", "w_out"]


def rates(iterations, learning_rate=0.2, **parts):
    """Return the learning rates at some iterations, an array."""
    settings = training_settings(learning_rate=learning_rate, parts=parts)
    return np.array([learning_rate_at(settings, iteration) for iteration in iterations])


def test_the_learning_rate_decays_in_steps():
    at = [0, 9, 10, 19, 20, 35]
    found = rates(at, step_decay={"factor": 0.5, "every": 10})
    assert found == pytest.approx(0.2 * np.array([1, 1, 0.5, 0.5, 0.25, 0.125]))


def test_the_learning_rate_falls_along_half_a_cosine():
    at = [0, 25, 50, 75, 100, 101, 5000]
    found = rates(at, cosine={"iterations": 100, "final": 0.1})
    part = np.sqrt(0.5) / 2
    expected = 0.1 + 0.9 * np.array([1, 0.5 + part, 0.5, 0.5 - part, 0, 0, 0])
    assert found == pytest.approx(0.2 * expected)


def test_the_learning_rate_rises_to_ten_times():
    found = rates([0, 1, 50, 100, 999], ramp={"iterations": 100, "start": 0.1})
    assert found == pytest.approx([0.02, 0.0218, 0.11, 0.2, 0.2])


def test_without_parts_the_learning_rate_is_constant_and_with_several_their_product():
    assert set(rates([0, 7, 10**6])) == {0.2}
    found = rates([5], ramp={"iterations": 10, "start": 0}, step_decay={"factor": 0.5, "every": 5})
    assert found == pytest.approx([0.2 * 0.5 * 0.5])


class Direction:
    """The direction of an update in a graph of its own, as a function of weights and examples.

    Args:
        rule, network, start, training: as for :class:`lsnn.update.update.Update`.
    """

    def __init__(self, rule, network, start, **training):
        self._update = Update(rule, network, training_settings(**training), start)
        with tf.Graph().as_default() as graph:
            self._weights = {
                name: tf.placeholder(tf.float32, shape) for name, shape in network.shapes.items()
            }
            self._examples = network.task.placeholders()
            inputs, targets = self._examples
            respond = responses_to(network, inputs)
            self.response = respond(rule.loss_rule, self._weights)
            self._tensors = self._update.direction(self._weights, respond, targets)
        self.session = new_session(graph)

    def feed(self, weights, examples):
        return dict(zip([*self._weights.values(), *self._examples], [*weights.values(), *examples]))

    def __call__(self, weights, examples, state=None):
        """Return float64 arrays by name of the trained parameters."""
        feed = self.feed(weights, examples)
        if state is not None:
            feed[self.response.initial_state] = state
        found = self.session.run(self._tensors, feed)
        return {name: value.astype(float) for name, value in found.items()}


def uphill(weights, gradients, rho):
    """Return the weights a step of length rho along gradients, over all of these together."""
    length = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
    moves = {name: rho * gradient / length for name, gradient in gradients.items()}
    return {
        name: (weight + moves.get(name, 0.0)).astype(np.float32) for name, weight in weights.items()
    }


@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize(
    "settings, trainable",
    [(settings, "all") for settings in RULES[:2]]
    + [pytest.param(settings, "all", marks=pytest.mark.slow) for settings in RULES[2:]]
    + [(RULES[1], TWO), (RULES[-1], TWO)],
)
def test_sam_takes_the_gradient_a_step_uphill(settings, trainable):
    """Against the plain direction, in a graph of its own, at weights that are moved in numpy."""
    network, weights = small_network("adaptive", l2=0.1)
    examples = network.task.examples("train", np.arange(20))
    rule, rho, found = ready(settings, weights), 0.5, {}
    plain = Direction(rule, network, weights, trainable=trainable)
    exact = Direction(LearningRule(), network, weights, trainable=trainable)
    for ascent, at_present in [("rule", plain), ("exact", exact)]:
        moved = uphill(weights, at_present(weights, examples), rho)
        expected = plain(moved, examples)
        parts = {"sam": {"rho": rho, "ascent": ascent}}
        sam = Direction(rule, network, weights, trainable=trainable, parts=parts)
        found[ascent] = sam(weights, examples)
        assert list(found[ascent]) == (network.trained if trainable == "all" else TWO)
        for name, gradient in expected.items():
            assert relative_error(found[ascent][name], gradient) < 1e-5, (ascent, name)
        assert relative_error(found[ascent]["w_rec"], plain(weights, examples)["w_rec"]) > 0.01
    if settings["name"] != "bptt":
        difference = relative_error(found["rule"]["w_rec"], found["exact"]["w_rec"])
        assert difference > 1e-4


@pytest.mark.usefixtures("in_a_loop")
def test_sam_starts_where_the_batch_before_has_ended_at_both_weights():
    network = Network(SPIKING_NETWORKS["all"], loss_settings(), CarryingTask(), seed=3)
    weights = network.initial_weights()
    weights["w_in"] = np.abs(weights["w_in"])
    rule = ready({"name": "mdgl"}, weights)
    examples = network.task.examples("train", np.arange(8))
    plain = Direction(rule, network, weights)
    sam = Direction(rule, network, weights, parts={"sam": {"rho": 0.5, "ascent": "exact"}})
    exact = Direction(LearningRule(), network, weights)
    state = sam.session.run(sam.response.final_state, sam.feed(weights, examples))
    # Each rule relays errors through a state of its own, which has no value.
    of_exact = state._replace(cell=state.cell._replace(relayed=()))
    moved = uphill(weights, exact(weights, examples, of_exact), 0.5)
    found, expected = sam(weights, examples, state), plain(moved, examples, state)
    at_rest = plain(moved, examples)
    for name in ("w_rec", "w_out"):
        assert relative_error(found[name], expected[name]) < 1e-4
        assert relative_error(at_rest[name], expected[name]) > 0.01


def after_steps(n_steps, rule, network, weights, rewiring=None, **training):
    """Return the weights after some steps on batches of 10, arrays by name, and the trainer."""
    training = training_settings(**dict({"learning_rate": 0.1}, **training))
    trainer = Trainer(network, rule, training, weights, rewiring=rewiring)
    for iteration in range(n_steps):
        trainer.step(*network.task.batch(iteration, 10))
    return trainer.current_weights(), trainer


@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("settings", RULES[1::3], ids=lambda settings: settings["name"])
def test_sam_without_length_changes_nothing_and_every_part_something(settings):
    network, weights = small_network("adaptive")
    rule = ready(settings, weights)
    plain, _ = after_steps(10, rule, network, weights)
    zero, _ = after_steps(10, rule, network, weights, parts={"sam": {"rho": 0}})
    assert all(np.array_equal(plain[name], zero[name]) for name in PARAMETERS)
    options = {"step_decay": {"every": 5}, "pull": {"strength": 1}}
    for name in PARTS if settings == RULES[1] else ():
        parts = {name: options.get(name, {})}
        other, _ = after_steps(10, rule, network, weights, parts=parts)
        assert not np.array_equal(plain["w_rec"], other["w_rec"]), name


@pytest.mark.usefixtures("in_a_loop")
def test_a_pull_is_towards_the_weights_before_training():
    """Of all that is trained, the bias too; at the present weights, SAM or not."""
    network, weights = small_network("adaptive")
    examples = network.task.examples("train", np.arange(20))
    rule = ready({"name": "three_factor"}, weights)
    random = np.random.RandomState(1)
    start = {n: (w + random.randn(*w.shape)).astype(np.float32) for n, w in weights.items()}
    for parts in ({}, {"sam": {"rho": 0.5}}):
        without = Direction(rule, network, start, parts=parts)(weights, examples)
        parts = dict(parts, pull={"strength": 0.7})
        found = Direction(rule, network, start, parts=parts)(weights, examples)
        for name in PARAMETERS:
            pull = 0.7 * (weights[name].astype(float) - start[name])
            assert found[name] == pytest.approx(without[name] + pull, abs=1e-5)


@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("parts", [{}, {"sam": {"rho": 0.5}, "pull": {}}], ids=["plain", "parts"])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_what_is_not_trained_stays_as_it_is(optimiser, parts):
    """To the bit; and the first step of the others is that of a run that trains everything."""
    network, weights = small_network("adaptive")
    rule, training = ready({"name": "rflo"}, weights), {"optimiser": optimiser, "parts": parts}
    found, trainer = after_steps(5, rule, network, weights, trainable=TWO, **training)
    for name in PARAMETERS:
        assert np.array_equal(found[name], weights[name]) == (name not in TWO)
    # Adam has two means a parameter, and two counters of its own.
    shapes = {value.shape for value in trainer.memory().values() if value.shape}
    assert shapes == ({network.shapes[name] for name in TWO} if optimiser == "adam" else set())
    if not parts:  # SAM goes uphill along the trained parameters alone
        first, _ = after_steps(1, rule, network, weights, trainable=TWO, **training)
        of_all, _ = after_steps(1, rule, network, weights, **training)
        for name in TWO:
            assert first[name] == pytest.approx(of_all[name], abs=1e-6)


@pytest.mark.parametrize("rewiring", [{"connectivity": 0.5, "l1": 0.1, "temperature": 0.1}, {}])
def test_what_is_not_trained_is_not_rewired(rewiring):
    settings = network_settings(n_units=9, excitatory=0.75, rewiring=rewiring)
    network = Network(settings, loss_settings(), SmallTask(), seed=1)
    weights, keeper = start_of_run(network)
    rule = ready({"name": "three_factor"}, weights)
    found, _ = after_steps(5, rule, network, weights, keeper, trainable=TWO)
    for name in PARAMETERS:
        assert np.array_equal(found[name], weights[name]) == (name not in TWO)


class Ahead(LearningRule):
    """A test double: BPTT at twice the weights."""

    def gradients(self, gradients_of, weights):
        doubled = {name: 2.0 * weight for name, weight in weights.items()}
        return gradients_of(self, terms="data", weights=doubled)


def test_a_rule_can_take_its_gradient_at_other_weights():
    network, weights = small_network("adaptive", l2=0.3)
    examples = network.task.examples("train", np.arange(20))
    found = Direction(Ahead(), network, weights)(weights, examples)
    doubled = {name: 2 * weight for name, weight in weights.items()}
    expected = Direction(LearningRule(), network, weights)(doubled, examples)
    for name in PARAMETERS:
        l2 = 0.3 * doubled[name] if name != "b_out" else 0.0
        assert relative_error(found[name], expected[name] - l2) < 1e-5


def test_of_step_length_only_what_is_trained_counts():
    network, weights = small_network("adaptive", l2=0.0)
    examples = network.task.examples("train", np.arange(20))
    rules = [{"name": "bptt"}, {"name": "three_factor"}, LENGTHS[1]]
    exact, of_rule, found = (
        Direction(ready(one, weights), network, weights, trainable=TWO)(weights, examples)
        for one in rules
    )
    scale = np.linalg.norm(of_rule["w_rec"]) / np.linalg.norm(exact["w_rec"])
    assert relative_error(found["w_rec"], scale * exact["w_rec"]) < 1e-5
    of_readout = Direction(ready(LENGTHS[1], weights), network, weights, trainable=["w_out"])
    readout = of_readout(weights, examples)
    assert readout["w_out"] == pytest.approx(exact["w_out"], abs=1e-6)


@pytest.mark.usefixtures("in_a_loop")
def test_dynamics_has_the_update_that_training_makes():
    network, weights = small_network("adaptive")
    rule = ready({"name": "mdgl"}, weights)
    parts = {"ramp": {"iterations": 4}, "sam": {"rho": 0.5}, "pull": {}, "cosine": {}}
    settings = {"learning_rate": 0.2, "batch_size": 10, "parts": parts}
    trainer = Trainer(network, rule, training_settings(**settings), weights)
    trainer.step(*network.task.batch(0, 10))
    before = trainer.current_weights()
    trainer.step(*network.task.batch(1, 10))
    found = dynamics(network, weights, rule, **settings)  # its run starts from these weights
    found.move_to(before)
    direction, rate = found.update(1), found.learning_rate(1)
    for name, after in trainer.current_weights().items():
        assert before[name] - rate * direction[name] == pytest.approx(after, abs=1e-6)
        assert not np.array_equal(before[name], after)


@pytest.mark.parametrize("name", ["three_factor", "leaky_trace"])
def test_the_derivative_of_an_update_with_parts_is_exact(name):
    """Against differences of the direction: L2 term and pull in it, one parameter not trained."""
    network, weights, signs = smooth_network("leaky")
    rule, parameters = ready({"name": name}, weights, signs), ["w_rec", "w_out"]
    examples = examples_of(network)
    settings = {"trainable": TWO, "parts": {"pull": {"strength": 0.3}, "ramp": {}}}
    jacobian = jacobian_of(rule, network, weights, examples, parameters, **settings)
    random, step = np.random.RandomState(1), 1e-3
    moves = {n: random.randn(*weights[n].shape) for n in parameters}
    along = flat(moves, parameters)
    gradients = []
    for sign in (1, -1):
        moved = {n: (weights[n] + sign * step * move).astype("f") for n, move in moves.items()}
        jacobian.move_to(dict(weights, **moved))
        gradients.append(jacobian.gradient())
    difference = (gradients[0] - gradients[1]) / (2 * step)
    jacobian.move_to(weights)
    matrix = np.array([jacobian.product(column) for column in np.eye(jacobian.size)])
    assert relative_error(matrix.dot(along), difference) < 1e-4
    plain = jacobian_of(rule, network, weights, examples, parameters, trainable=TWO)
    without = np.array([plain.product(column) for column in np.eye(plain.size)])
    assert relative_error(matrix - without, 0.3 * np.eye(len(matrix))) < 1e-4


@pytest.mark.usefixtures("in_a_loop")
def test_alignment_is_of_the_gradient_that_is_taken():
    """Uphill under SAM, of the parameters that are trained, without L2 term and pull."""
    network, weights = small_network("adaptive", l2=0.3)
    examples = examples_of(network)
    rule = ready({"name": "three_factor"}, weights)
    settings = {"parts": {"sam": {"rho": 0.5}, "pull": {}}, "trainable": TWO}
    row = measured(dynamics(network, weights, rule, **settings), "alignment")
    plain = Direction(rule, network, weights, trainable=TWO)
    exact = Direction(LearningRule(), network, weights)
    moved = uphill(weights, plain(weights, examples), 0.5)

    def of_data(direction, at):
        return (direction(at, examples)["w_rec"] - 0.3 * at["w_rec"]).ravel()

    true, taken = of_data(exact, weights), of_data(plain, moved)
    assert (
        row["rho"] == row["rho_w_rec"] == pytest.approx(taken.dot(true) / true.dot(true), rel=1e-4)
    )
    assert relative_error(taken, of_data(plain, weights)) > 0.01
    assert np.isnan(row["rho_w_in"]) and RECURRENT == ("w_in", "w_rec")


def test_an_unknown_part_or_option_is_refused_by_name():
    for settings, message in [
        ({"cosinus": {}}, "there is no cosinus; there are: step_decay, cosine"),
        ({"sam": {"radius": 1}}, "sam: has no option radius; it has: rho, ascent"),
    ]:
        with pytest.raises(ConfigError, match=message):
            new_parts(settings)
