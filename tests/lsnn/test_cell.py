"""Cells in TensorFlow's own loops, and networks over long sequences."""

import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.cell import Cell
from lsnn.network import Network
from small import (
    NETWORKS,
    SPIKING_NETWORKS,
    LongerTask,
    loss_settings,
    small_network,
    small_spiking_network,
)


@pytest.mark.parametrize("name", ["plain", "adaptive", "lif", "all"])
def test_a_cell_works_in_dynamic_rnn(name):
    new = small_network if name in NETWORKS else small_spiking_network
    network, weights = new(name)
    inputs = network.task.examples("test", np.arange(4))[0]
    with tf.Graph().as_default() as graph:
        tensors = {key: tf.constant(value) for key, value in weights.items()}
        cell = Cell(network.neurons, tensors, network.delays, network.settings.n_delays)
        outputs, state = tf.nn.dynamic_rnn(
            cell, tf.constant(inputs), dtype=tf.float32, time_major=True
        )
        gradient = tf.gradients(tf.reduce_sum(outputs), tensors["w_in"])[0]
        recorded = network.record(tensors, tf.constant(inputs)).spikes
        found = new_session(graph).run([outputs, recorded, state.neurons.z, gradient])
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0][-1], found[2])
    assert found[0].any() and found[3].any()


def test_the_graph_of_a_long_sequence_is_as_small_as_that_of_a_short_one():
    def operations(n_steps):
        class LongTask(LongerTask):
            pass

        LongTask.n_steps = n_steps
        network = Network(SPIKING_NETWORKS["alif"], loss_settings(), LongTask())
        with tf.Graph().as_default() as graph:
            inputs, targets = network.task.placeholders()
            weights = network.variables()
            response = network.respond(weights, inputs)
            tf.gradients(network.loss(weights, response, targets), list(weights.values()))
        return len(graph.get_operations())

    assert operations(2400) == operations(840)
