"""Spiking networks against an oracle that goes forward in time, in numpy, without autodiff."""

import numpy as np
import pytest

from lsnn import network as network_module
from lsnn.backend import new_session, tf
from lsnn.config import network_settings
from lsnn.learning_rules import new_rule
from lsnn.network import Network, recorded
from lsnn.neurons.base import decay
from lsnn.neurons.lif import spike
from lsnn.training import Trainer
from small import (
    SPIKING_NETWORKS,
    LongerTask,
    loss_settings,
    relative_error,
    small_spiking_network,
    training_settings,
)

RATE_TERM = {"rate_cost": 3.0, "target_rate": 200.0}  # ms^2, Hz


def forward_in_time(network, weights, inputs, targets, through_recurrence):
    """Return loss, gradients and spikes, from derivatives that are carried forward in time.

    ``e_x[b, i, j, k]`` is the derivative of state x of unit k by the weight from source i (inputs
    first, then units) to unit j. Without ``through_recurrence`` a unit does not see what the
    others do in answer to a weight: then e is 0 but for k = j, the eligibility trace of the synapse
    i -> j, of two dimensions (membrane e_v and adaptation e_a).
    """
    settings, terms, task = network.settings, network.terms, network.task
    neurons = settings.neurons
    (n_steps, n_examples, n_in), n = inputs.shape, settings.n_units
    alpha, kappa = decay(neurons["tau_m"]), decay(settings.tau_out)
    rho, beta = 1.0, np.zeros(n)
    if neurons["name"] == "alif":
        rho = decay(neurons["tau_adaptation"])
        beta = np.where(np.arange(n) >= n - neurons["n_adaptive"], neurons["beta"], 0.0)
    w_in, w_rec, w_out, b_out = (
        weights[name].astype(np.float64) for name in ("w_in", "w_rec", "w_out", "b_out")
    )
    w = np.concatenate([w_in, w_rec * (1 - np.eye(n))])
    exists = np.concatenate([np.ones((n_in, n)), 1 - np.eye(n)])
    delays = network.delays or {"w_in": np.zeros((n_in, n), int), "w_rec": np.zeros((n, n), int)}
    delays = np.concatenate([delays["w_in"], delays["w_rec"]])

    shape = (n_examples, n_in + n, n, n)
    v, a, z, s = (np.zeros((n_examples, n)) for _ in range(4))
    e_v, e_a, e_z, e_s = (np.zeros(shape) for _ in range(4))
    last_spike = np.full((n_examples, n), -np.inf)
    sources, e_units = [], []  # of every step so far: [x_t, z_{t-1}], and e_z of step t-1
    rates, e_rates = np.zeros(n), np.zeros(shape[1:])
    window, e_window, spikes = 0.0, 0.0, []
    for t, x in enumerate(inputs.astype(np.float64)):
        sources.append(np.concatenate([x, z], axis=1))
        e_units.append(e_z)
        current, e_current = np.zeros((n_examples, n)), np.zeros(shape)
        for delay in range(min(settings.n_delays, t + 1)):
            here = w * (delays == delay)
            source = sources[t - delay]
            current += source.dot(here)
            own = source[:, :, None] * (exists * (delays == delay))
            e_current += own[:, :, :, None] * np.eye(n)
            if through_recurrence:
                e_current += np.einsum("bijm,mk->bijk", e_units[t - delay], here[n_in:])
        a, e_a = rho * a + (1 - rho) * z, rho * e_a + (1 - rho) * e_z
        threshold, e_threshold = neurons["threshold"] + beta * a, beta * e_a
        u = (v - threshold) / threshold
        e_u = (e_v - e_threshold * (v / threshold)[:, None, None]) / threshold[:, None, None]
        reset = e_z * threshold[:, None, None] + z[:, None, None] * e_threshold
        v, e_v = (
            alpha * v + (1 - alpha) * current - z * threshold,
            alpha * e_v + (1 - alpha) * e_current - reset,
        )
        free = t - last_spike > neurons["refractory_steps"]
        z = ((u > 0) & free).astype(float)
        pseudo = neurons["dampening"] * np.maximum(0, 1 - np.abs(u)) * free
        e_z = pseudo[:, None, None] * e_u
        last_spike[z > 0] = t
        s, e_s = kappa * s + (1 - kappa) * z, kappa * e_s + (1 - kappa) * e_z
        spikes.append(z)
        rates, e_rates = rates + z.mean(0) / n_steps, e_rates + e_z.mean(0) / n_steps
        if t >= n_steps - task.window_steps:
            window, e_window = window + s / task.window_steps, e_window + e_s / task.window_steps

    logits = window.dot(w_out) + b_out
    probability = np.exp(logits - logits.max(1, keepdims=True))
    probability /= probability.sum(1, keepdims=True)
    wanted = np.eye(len(b_out))[targets]
    error = (probability - wanted) / n_examples
    excess = rates - 1e-3 * terms.target_rate
    by_weight = np.einsum("bk,bijk->ij", error.dot(w_out.T), e_window)
    by_weight += 2 * terms.rate_cost * np.einsum("k,ijk->ij", excess, e_rates)
    squares = sum((w**2).sum() for w in (w_in, w_rec, w_out))
    loss = -np.log((probability * wanted).sum(1)).mean() + terms.l2 * squares / 2
    loss += terms.rate_cost * (excess**2).sum()
    gradients = {
        "w_in": by_weight[:n_in] + terms.l2 * w_in,
        "w_rec": by_weight[n_in:] + terms.l2 * w_rec,
        "w_out": window.T.dot(error) + terms.l2 * w_out,
        "b_out": error.sum(0),
    }
    return loss, gradients, np.array(spikes)


def trainer_and_feed(network, weights, rule, n_examples=6):
    inputs, targets = network.task.examples("train", np.arange(n_examples))
    trainer = Trainer(network, new_rule({"name": rule}), training_settings(), weights)
    return trainer, {trainer.inputs: inputs, trainer.targets: targets}


@pytest.mark.parametrize(
    "name, in_loop",
    [
        pytest.param(name, in_loop, marks=[pytest.mark.slow] if in_loop and name != "all" else [])
        for name in sorted(SPIKING_NETWORKS)
        for in_loop in (False, True)
    ],
)
@pytest.mark.parametrize("rule", ["bptt", "three_factor"])
def test_gradients_are_those_carried_forward_in_time(name, rule, in_loop, monkeypatch):
    if in_loop:
        monkeypatch.setattr(network_module, "MOST_UNROLLED_STEPS", 1)
    network, weights = small_spiking_network(name, **RATE_TERM)
    trainer, feed = trainer_and_feed(network, weights, rule)
    loss, gradients = trainer.session.run([trainer.loss, trainer.gradients], feed)
    examples = network.task.examples("train", np.arange(6))
    expected_loss, expected, spikes = forward_in_time(
        network, weights, *examples, through_recurrence=rule == "bptt"
    )
    assert 0.02 < spikes.mean() < 0.5
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for weight in expected:
        assert relative_error(gradients[weight], expected[weight]) < 1e-4, weight


def test_the_rules_differ_in_the_recurrent_weights():
    network, weights = small_spiking_network("all")
    gradients = []
    for rule in ("bptt", "three_factor"):
        trainer, feed = trainer_and_feed(network, weights, rule)
        gradients.append(trainer.session.run(trainer.gradients, feed)["w_rec"])
    assert relative_error(*gradients) > 0.01


@pytest.mark.parametrize("name", sorted(SPIKING_NETWORKS))
def test_what_is_recorded_is_what_the_oracle_computes(name):
    network, weights = small_spiking_network(name)
    inputs, targets = network.task.examples("test", np.arange(4))
    recording = recorded(network, weights, inputs)
    with tf.Graph().as_default() as graph:
        tensors = {key: tf.constant(value) for key, value in weights.items()}
        logits = new_session(graph).run(network.respond(tensors, tf.constant(inputs)).logits)
    spikes = forward_in_time(network, weights, inputs, targets, False)[2]
    assert np.array_equal(recording.spikes, spikes)
    assert recording.thresholds.shape == spikes.shape
    window = network.task.window_steps
    assert recording.outputs[-window:].mean(axis=0) == pytest.approx(logits[0], abs=1e-6)
    n_refractory = network.settings.neurons["refractory_steps"]
    for t in range(1, n_refractory + 1):
        assert not np.any(spikes[t:] * spikes[:-t])


def test_a_spike_has_the_pseudo_derivative():
    u = np.array([-2.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0], np.float32)
    with tf.Graph().as_default() as graph:
        tensor = tf.constant(u)
        z = spike(tensor, 0.3)
        found = new_session(graph).run([z, tf.gradients(z, tensor)[0]])
    assert found[0].tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert found[1] == pytest.approx([0, 0, 0.3 * 0.75, 0.3, 0.15, 0, 0])


def noisy_network():
    network, weights = small_spiking_network("alif")
    neurons = dict(network.settings.neurons, input_noise=0.2)
    settings = network.settings._replace(neurons=neurons)
    return Network(settings, network.terms, network.task, network.seed), weights


def test_noise_depends_on_its_seed_alone():
    network, weights = noisy_network()
    trainer, feed = trainer_and_feed(network, weights, "bptt")
    losses = [
        trainer.session.run(trainer.loss, {**feed, trainer.noise_seed: seed}) for seed in (5, 5, 6)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_noise_in_the_input_current_has_the_given_size():
    """Without other input and without spikes the membrane sums the noise of every step."""
    network, weights = noisy_network()
    network.neurons.threshold = 1e3
    n_steps = network.task.n_steps
    with tf.Graph().as_default() as graph:
        silent = {key: tf.zeros(value.shape) for key, value in weights.items()}
        inputs = tf.zeros([n_steps, 2000, network.task.n_in])
        response = network.respond(silent, inputs, noise_seed=5)
        v = new_session(graph).run(response.final_state.cell.neurons.v)
    alpha = decay(network.settings.neurons["tau_m"])
    kept = np.sqrt(sum(alpha ** (2 * step) for step in range(n_steps)))
    expected = network.settings.neurons["input_noise"] * (1 - alpha) * kept
    assert np.std(v) == pytest.approx(expected, rel=0.03)
    assert abs(np.mean(v)) < 0.03 * expected


def test_a_network_without_refractory_period_and_delays_does_not_pay_for_them():
    def operations(n_delays=1, **options):
        neurons = dict(options, name="lif", threshold=0.1)
        settings = network_settings(n_units=9, n_delays=n_delays, neurons=neurons)
        network = Network(settings, loss_settings(), LongerTask())
        weights = network.initial_weights()
        with tf.Graph().as_default() as graph:
            inputs = tf.constant(network.task.examples("test", np.arange(2))[0])
            network.respond({key: tf.constant(value) for key, value in weights.items()}, inputs)
        types = [operation.type for operation in graph.get_operations()]
        return types.count("Select") + types.count("SelectV2"), types.count("Split")

    assert operations() == (0, 0)
    refractory, with_delays = operations(refractory_steps=1), operations(n_delays=2)
    assert refractory[0] > 0 and refractory[1] == 0
    assert with_delays[1] > 0 and with_delays[0] == 0
