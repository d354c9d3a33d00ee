"""Learning rules against an oracle that goes forward in time, in numpy, without autodiff."""

import numpy as np
import pytest

from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.neurons import decay
from lsnn.training import Trainer
from small import NETWORKS, relative_error, small_network, training_settings


def forward_in_time(settings, weights, inputs, targets, l2):
    """Return loss and three-factor gradients, from eligibility traces that go forward in time.

    A trace follows the derivative of one unit's own state by one of its own incoming weights; what
    another unit does in answer to it is not seen. Traces are (batch, pre, post).
    """
    (_, n_examples, n_in), n_units = inputs.shape, settings.n_units
    alpha, rho, kappa = (
        decay(tau) for tau in (settings.tau_m, settings.tau_adaptation, settings.tau_out)
    )
    beta = np.where(np.arange(n_units) >= n_units - settings.n_adaptive, settings.beta, 0.0)
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
        threshold, e_threshold = settings.threshold + beta * a, beta * e_a
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
    learning_signal = error.dot(w_out.T)
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
    trainer = Trainer(network, new_rule({"name": rule}), training_settings(), weights)
    feed = {trainer.inputs: examples[0], trainer.targets: examples[1]}
    return trainer.session.run([trainer.loss, trainer.gradients], feed)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_three_factor_gradient_is_learning_signal_times_eligibility_trace(name):
    network, weights = small_network(name)
    examples = network.task.examples("train", np.arange(20))
    loss, gradients = loss_and_gradients(network, weights, "three_factor", examples)
    by_hand = forward_in_time(NETWORKS[name], weights, *examples, l2=network.l2)
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
        return forward_in_time(NETWORKS[name], moved, *examples, l2=network.l2)[0]

    step = 1e-6
    differences = np.zeros_like(weights["w_rec"], dtype=np.float64)
    for i, j in np.ndindex(*differences.shape):
        bump = np.zeros(differences.shape)
        bump[i, j] = step
        up = loss_at(weights["w_rec"].astype(np.float64) + bump)
        down = loss_at(weights["w_rec"].astype(np.float64) - bump)
        differences[i, j] = (up - down) / (2 * step)
    assert relative_error(gradients["w_rec"], differences) < 1e-4


def test_the_rules_differ_in_gradient_and_in_nothing_else():
    network, weights = small_network("adaptive")
    examples = network.task.examples("train", np.arange(20))
    found = {r: loss_and_gradients(network, weights, r, examples) for r in LEARNING_RULES}
    assert found["bptt"][0] == found["three_factor"][0]
    exact, truncated = found["bptt"][1], found["three_factor"][1]
    assert relative_error(truncated["w_rec"], exact["w_rec"]) > 0.05
    assert relative_error(truncated["w_out"], exact["w_out"]) < 1e-6
