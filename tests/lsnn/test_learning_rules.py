"""Learning rules against an oracle that goes forward in time, in numpy, without autodiff."""

import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.learning_rules.base import LearningRule
from lsnn.neurons.base import decay
from lsnn.randomness import generator
from lsnn.training import Trainer
from small import (
    NETWORKS,
    SPIKING_NETWORKS,
    relative_error,
    small_network,
    small_spiking_network,
    training_settings,
)


def forward_in_time(settings, weights, inputs, targets, l2, feedback=None):
    """Return loss and three-factor gradients, from eligibility traces that go forward in time.

    The readout's error is fed back by ``feedback``, or w_out if it is None.

    A trace follows the derivative of one unit's own state by one of its own incoming weights; what
    another unit does in answer to it is not seen. Traces are (batch, pre, post).
    """
    (_, n_examples, n_in), n_units = inputs.shape, settings.n_units
    neurons = settings.neurons
    alpha, rho = decay(neurons["tau_m"]), decay(neurons["tau_adaptation"])
    kappa = decay(settings.tau_out)
    beta = np.where(np.arange(n_units) >= n_units - neurons["n_adaptive"], neurons["beta"], 0.0)
    w_in, w_rec, w_out, b_out = (
        weights[name].astype(np.float64) for name in ("w_in", "w_rec", "w_out", "b_out")
    )
    v, a, z, s = (np.zeros((n_examples, n_units)) for _ in range(4))
    e_v, e_a, e_z, e_s = (np.zeros((n_examples, n_in + n_units, n_units)) for _ in range(4))
    no_autapse = np.concatenate([np.ones((n_in, n_units)), 1 - np.eye(n_units)])
    for x in inputs.astype(np.float64):
        pre = np.concatenate([x, z], axis=1)[:, :, None] * no_autapse
        current = x.dot(w_in) + z.dot(w_rec * (1 - np.eye(n_units)))
        a, e_a = rho * a + (1 - rho) * z, rho * e_a + (1 - rho) * e_z
        threshold, e_threshold = neurons["threshold"] + beta * a, beta * e_a
        reset = e_z * threshold[:, None] + z[:, None] * e_threshold
        v = alpha * v + (1 - alpha) * current - z * threshold
        e_v = alpha * e_v + (1 - alpha) * pre - reset
        active = (v > threshold).astype(float)
        z, e_z = active * (v - threshold), active[:, None] * (e_v - e_threshold)
        s, e_s = kappa * s + (1 - kappa) * z, kappa * e_s + (1 - kappa) * e_z
    logits = s.dot(w_out) + b_out
    probability = np.exp(logits - logits.max(1, keepdims=True))
    probability /= probability.sum(1, keepdims=True)
    wanted = np.eye(len(b_out))[targets]
    error = (probability - wanted) / n_examples
    learning_signal = error.dot((w_out if feedback is None else feedback).T)
    by_synapse = np.einsum("bj,bij->ij", learning_signal, e_s)
    squares = sum((w**2).sum() for w in (w_in, w_rec, w_out))
    loss = -np.log((probability * wanted).sum(1)).mean() + l2 * squares / 2
    return loss, {
        "w_in": by_synapse[:n_in] + l2 * w_in,
        "w_rec": by_synapse[n_in:] + l2 * w_rec,
        "w_out": s.T.dot(error) + l2 * w_out,
        "b_out": error.sum(0),
    }


def loss_and_gradients(network, weights, rule, examples):
    if not isinstance(rule, LearningRule):
        rule = new_rule({"name": rule})
    rule.constants = rule.draw(weights, generator(1, "learning rule"))
    trainer = Trainer(network, rule, training_settings(), weights)
    feed = {trainer.inputs: examples[0], trainer.targets: examples[1]}
    return trainer.session.run([trainer.loss, trainer.gradients], feed)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_three_factor_gradient_is_learning_signal_times_eligibility_trace(name):
    network, weights = small_network(name)
    examples = network.task.examples("train", np.arange(20))
    loss, gradients = loss_and_gradients(network, weights, "three_factor", examples)
    by_hand = forward_in_time(NETWORKS[name], weights, *examples, l2=network.terms.l2)
    assert loss == pytest.approx(by_hand[0], rel=1e-6)
    for parameter, gradient in gradients.items():
        assert relative_error(gradient, by_hand[1][parameter]) < 1e-5, parameter


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_bptt_gradient_is_that_of_the_loss(name):
    """The exact gradient, by central differences of the loss computed in numpy, in float64."""
    network, weights = small_network(name)
    examples = network.task.examples("train", np.arange(20))
    _, gradients = loss_and_gradients(network, weights, "bptt", examples)

    def loss_at(w_rec):
        moved = dict(weights, w_rec=w_rec)
        return forward_in_time(NETWORKS[name], moved, *examples, l2=network.terms.l2)[0]

    step = 1e-6
    differences = np.zeros_like(weights["w_rec"], dtype=np.float64)
    for i, j in np.ndindex(*differences.shape):
        bump = np.zeros(differences.shape)
        bump[i, j] = step
        up = loss_at(weights["w_rec"].astype(np.float64) + bump)
        down = loss_at(weights["w_rec"].astype(np.float64) - bump)
        differences[i, j] = (up - down) / (2 * step)
    assert relative_error(gradients["w_rec"], differences) < 1e-4


def new_network(name):
    return small_network(name) if name in NETWORKS else small_spiking_network(name)


@pytest.mark.parametrize(
    "name, in_loop",
    [(name, False) for name in sorted(NETWORKS) + sorted(SPIKING_NETWORKS)]
    + [("adaptive", True), ("all", True)],
)
def test_no_rule_changes_a_forward_value(name, in_loop, monkeypatch):
    monkeypatch.setattr("lsnn.network.MOST_UNROLLED_STEPS", 0 if in_loop else 100)
    network, weights = new_network(name)
    inputs = network.task.examples("train", np.arange(20))[0]
    rules = [LearningRule()] + [new_rule({"name": rule}) for rule in sorted(LEARNING_RULES)]
    rules += [Hooked(gain=0.0), Hooked(gain=0.5)]
    with tf.Graph().as_default() as graph:
        tensors = {key: tf.constant(value) for key, value in weights.items()}
        responses = []
        for rule in rules:
            rule.constants = rule.draw(weights, generator(1, "learning rule"))
            response = network.respond(tensors, tf.constant(inputs), rule)
            responses.append([response.logits, response.rates, response.final_state.trace])
        exact, *others = new_session(graph).run(responses)
    assert exact[1].any()
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(exact, other))


class Hooked(LearningRule):
    """A rule that uses every hook; with random feedback it is RFLO with a gain.

    The recurrent input is open where the membrane is above threshold, in every second step, and
    passes the gradient times ``gain``.
    """

    label = "hooked"

    def __init__(self, gain):
        self.gain = gain

    def draw(self, weights, generator):
        return {"feedback": generator.randn(*weights["w_out"].shape).astype(np.float32)}

    def recurrent_input(self, z, distance, step):
        even = tf.cast(tf.equal(tf.floormod(step, 2), 0), tf.float32)
        open_where = even * tf.cast(distance > 0.0, tf.float32)

        @tf.custom_gradient
        def passed(z, open_where):
            return tf.identity(z), lambda d: (self.gain * d * open_where, None)

        return passed(z, open_where)

    def readout(self, trace, w_out):
        @tf.custom_gradient
        def product(trace, w_out):
            def gradient(d):
                back = tf.matmul(d, self.constants["feedback"], transpose_b=True)
                return back, tf.matmul(trace, d, transpose_a=True)

            return tf.matmul(trace, w_out), gradient

        return product(trace, w_out)


def test_a_fixed_feedback_matrix_takes_the_place_of_the_readout_weights():
    """Its oracle: the learning signal of the eligibility traces goes back by the matrix."""
    network, weights = small_network("adaptive")
    examples = network.task.examples("train", np.arange(20))
    rule = Hooked(gain=0.0)
    _, gradients = loss_and_gradients(network, weights, rule, examples)
    feedback = rule.constants["feedback"]
    by_hand = forward_in_time(
        network.settings, weights, *examples, l2=network.terms.l2, feedback=feedback
    )[1]
    for parameter, gradient in gradients.items():
        assert relative_error(gradient, by_hand[parameter]) < 1e-5, parameter


class Combined(LearningRule):
    """Half of one rule's gradient of the task and half of another's, without the L2 term."""

    label = "combined"

    def gradients(self, gradients_of):
        rules = [new_rule({"name": name}) for name in ("bptt", "three_factor")]
        exact, local = (gradients_of(rule, terms="task") for rule in rules)
        return {name: 0.5 * (exact[name] + local[name]) for name in exact}


def test_a_gradient_can_be_made_of_those_of_two_rules():
    network, weights = small_network("adaptive", l2=0.3)
    examples = network.task.examples("train", np.arange(20))
    exact, local, combined = (
        loss_and_gradients(network, weights, rule, examples)
        for rule in ("bptt", "three_factor", Combined())
    )
    assert exact[0] == local[0] == combined[0]
    for name, gradient in combined[1].items():
        expected = 0.5 * (exact[1][name] + local[1][name])
        if name != "b_out":
            expected = expected - 0.3 * weights[name]
        assert gradient == pytest.approx(expected, abs=1e-6), name


def test_the_rules_differ_in_gradient_and_in_nothing_else():
    network, weights = small_network("adaptive")
    examples = network.task.examples("train", np.arange(20))
    found = {r: loss_and_gradients(network, weights, r, examples) for r in LEARNING_RULES}
    assert found["bptt"][0] == found["three_factor"][0]
    exact, truncated = found["bptt"][1], found["three_factor"][1]
    assert relative_error(truncated["w_rec"], exact["w_rec"]) > 0.05
    assert relative_error(truncated["w_out"], exact["w_out"]) < 1e-6
