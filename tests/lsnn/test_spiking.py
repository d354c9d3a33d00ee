"""Spiking networks against an oracle in numpy (:mod:`rule_oracle`), and their noise."""

import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.learning_rules import new_rule
from lsnn.network import Network, recorded
from lsnn.neurons.base import decay
from lsnn.neurons.lif import spike
from lsnn.study.config import network_settings
from lsnn.training import Trainer
from rule_oracle import Run, assert_model_is_live
from small import (
    SPIKING_NETWORKS,
    LongerTask,
    loss_settings,
    small_spiking_network,
    training_settings,
)

pytestmark = pytest.mark.slow_on("2")


def trainer_and_feed(network, weights, rule, n_examples=6):
    inputs, targets = network.task.examples("train", np.arange(n_examples))
    trainer = Trainer(network, new_rule({"name": rule}), training_settings(), weights)
    return trainer, {trainer.inputs: inputs, trainer.targets: targets}


@pytest.mark.parametrize("name", sorted(SPIKING_NETWORKS))
def test_what_is_recorded_is_what_the_oracle_computes(name):
    network, weights = small_spiking_network(name)
    inputs = network.task.examples("test", np.arange(4))[0]
    recording = recorded(network, weights, inputs)
    with tf.Graph().as_default() as graph:
        tensors = {key: tf.constant(value) for key, value in weights.items()}
        logits = new_session(graph).run(network.respond(tensors, tf.constant(inputs)).logits)
    run = Run(network, weights, inputs)
    assert_model_is_live(run)
    spikes = np.array(run.z[1:])
    assert 0.02 < spikes.mean() < 0.5
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
