"""Gradients under each learning rule against numbers computed by the published code itself.

``golden_rules.npz`` has, for one small network, the gradients that the released code of ModProp,
MDGL, BiolHessRNN and e-prop gives to the optimiser, and those of an independent implementation in
numpy (keys that begin with "numpy/") for what no code was published for. Where a published cell is
another than the project's, it stands here.
"""

import os

import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.learning_rules import new_rule
from lsnn.learning_rules.base import type_means
from lsnn.learning_rules.own_derivatives import closed
from lsnn.network import Network
from lsnn.neurons.base import low_pass
from lsnn.neurons.lif import LIF, SpikingState, pseudo_derivative, spike
from lsnn.neurons.rate import RateNeurons, RateState, rectified
from lsnn.study.config import network_settings
from lsnn.tasks import base
from small import loss_settings, relative_error

GOLDEN = np.load(os.path.join(os.path.dirname(__file__), "golden_rules.npz"))
SIGNS = np.where(np.arange(12) < 3, -1.0, 1.0)
TOLERANCE = 1e-5

RULES = {
    "bptt": {"name": "bptt"},
    "three_factor": {"name": "three_factor"},
    "eprop": {"name": "three_factor"},
    "symmetric_feedback": {"name": "three_factor"},
    "random_feedback": {"name": "rflo"},
    "three_factor_random_feedback": {"name": "rflo"},
    "mdgl_cell": {"name": "mdgl"},
    "mdgl_type": {"name": "mdgl", "weights": "type"},
    "mdgl_type_connected": {"name": "mdgl", "weights": "type"},
    "mdgl_cell_random_feedback": {"name": "mdgl", "feedback": "random"},
    "modprop_cell_mu0.25": {"name": "modprop"},
    "modprop_type_mu0.25": {"name": "modprop", "weights": "type"},
    "modprop_cell_mu1": {"name": "modprop", "mu": 1.0},
}
RULES.update((f"hops{k}", {"name": "truncated_bptt", "hops": k}) for k in (0, 1, 2, 3, 5, 10))
# Not rules of this project.
LEFT_OUT = ("window", "chunks", "nonlocal", "online")


class Task(base.Task):
    """The inputs of the golden network, and the losses that its gradients are of."""

    n_steps, n_in, n_out, readout_bias = 10, 8, 3, True
    n_windows, window_steps = 10, 1  # logits of every step

    def __init__(self, loss):
        self._loss = loss

    def loss(self, logits, _):
        if self._loss == "mse":
            targets = GOLDEN["common/targets"].transpose(1, 0, 2).astype(np.float32)
            return 0.5 * tf.reduce_sum(tf.square(logits - targets))
        logits = logits if self._loss == "all" else logits[-1:]
        labels = tf.tile(tf.constant(GOLDEN["common/labels"][None], tf.int32), [len_of(logits), 1])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)


def len_of(tensor):
    return tensor.shape.as_list()[0]


class WithoutReset(RateNeurons):
    """The rate cell of the ModProp release."""

    def step(self, state, current):
        a = low_pass(self.rho, state.a, state.z)
        v = low_pass(self.alpha, state.v, current)
        return RateState(v=v, a=a, z=rectified(v - self.threshold_at(a)))


class OfSameStep(LIF):
    """The spiking cell of the MDGL release: a spike reads the membrane of its own step."""

    latency = 0
    n_refractory, strength = 2, np.where(np.arange(12) >= 6, 0.5, 0.0).astype(np.float32)
    rho = float(np.exp(-1 / 8.0))

    def step(self, state, current):
        a = low_pass(self.rho, state.a, state.z)
        v = low_pass(self.alpha, state.v, current) - self.threshold * state.z
        u, free = self.at_threshold(v, a, state.refractory)
        # The spike's derivative by u holds 1 / threshold, that of u by v.
        z = spike(u, self.dampening, free)
        pause = tf.fill(tf.shape(z), self.n_refractory)
        refractory = tf.where(z > 0.0, pause, tf.maximum(state.refractory - 1, 0))
        return SpikingState(v=v, a=a, z=z, refractory=refractory)

    def at_threshold(self, v, a, refractory):
        u = (v - self.threshold - self.strength * a) / self.threshold
        return u, tf.equal(refractory, 0)

    def gain(self, before, after):
        u, free = self.at_threshold(after.v, after.a, before.refractory)
        return (1.0 - self.alpha) * pseudo_derivative(u, self.dampening, free) / self.threshold


class OfEprop(LIF):
    """The spiking cell of the e-prop release: spikes of the same step, a reset without gradient."""

    latency = 0

    def step(self, state, current):
        v = low_pass(self.alpha, state.v, current) - self.threshold * closed(state.z)
        z = spike((v - self.threshold) / self.threshold, self.dampening)
        return SpikingState(v=v, a=state.a, z=z, refractory=state.refractory)


def rate_network(kind, net):
    neurons = {"name": "rate", "tau_m": 5.0 if net != "rate_memoryless" else 0.01}
    if net == "rate_default":
        neurons["tau_m"] = 0.01
    if "adaptive" in net:
        neurons.update(threshold=0.05, n_adaptive=6, beta=0.5, tau_adaptation=8.0)
    return network_of(neurons, kind)


def network_of(neurons, kind, tau_out=0.01, **terms):
    settings = network_settings(n_units=12, tau_out=tau_out, neurons=neurons, excitatory=0.75)
    terms = loss_settings(**dict({"l2": 0.0}, **terms))
    network = Network(settings, terms, Task("last"))
    network.neurons.__class__ = kind
    return network


def compare(network, rules, inputs, feedback=None):
    """Compare outputs and gradients of the project with those of the golden file.

    Args:
        network: a cell and a loss.
        rules: pairs of a learning rule and the folders of its numbers by loss.
        inputs: (batch, steps, n_in).
        feedback: what the readout's error is fed back by at random.
    """
    weights = {name: GOLDEN["common/" + name] for name in ("w_in", "w_rec", "w_out", "b_out")}
    if network.terms.rate_cost:  # the e-prop release, which has no bias
        weights["b_out"] = np.zeros(3)
    feedback = GOLDEN["common/feedback"] if feedback is None else feedback
    constants = {"signs": SIGNS.astype(np.float32), "feedback": feedback.astype(np.float32)}
    names = ["w_in", "w_rec", "w_out"]
    for rule, folders in rules:
        rule.take(constants)
        with tf.Graph().as_default() as graph:
            tensors = {name: tf.constant(value, tf.float32) for name, value in weights.items()}
            by_step = tf.constant(inputs.transpose(1, 0, 2), tf.float32)
            response = network.respond(tensors, by_step, rule)
            losses = []
            for loss in folders:
                network.task = Task(loss)
                losses.append(network.loss(tensors, response, None))
            # One graph for the gradients of them all: which loss counts is fed.
            counts = tf.placeholder(tf.float32, [len(losses)])
            loss = tf.reduce_sum(counts * tf.stack(losses))
            gradients = tf.gradients(loss, [tensors[name] for name in names])
            wanted = dict(zip(["grad_" + name for name in names], gradients))
            wanted["logits"] = tf.transpose(response.logits, [1, 0, 2])
            session = new_session(graph)
        for of_loss, one_counts in zip(folders.values(), np.eye(len(losses))):
            found = session.run(wanted, {counts: one_counts})
            for folder in of_loss:
                compare_with(folder, found)


def compare_with(folder, values):
    names = [name for name in values if folder + "/" + name in GOLDEN.files]
    assert "grad_w_rec" in names
    for name in names:
        expected = GOLDEN[folder + "/" + name]
        # The released MDGL does not mask the diagonal.
        there = 1 - np.eye(12) if name == "grad_w_rec" else 1
        error = relative_error(values[name] * there, expected * there)
        assert error < TOLERANCE, (folder, name)


def is_left_out(rule):
    return any(part in rule for part in LEFT_OUT)


def cells():
    """Return the folders of all golden numbers of rate units, by cell."""
    found = {}
    for folder in sorted({key.rpartition("/")[0] for key in GOLDEN.files if key.count("/") >= 4}):
        code, net, _loss, rule = folder.split("/")
        if code in ("modprop_code", "biolhess_code", "numpy") and not is_left_out(rule):
            is_project = code == "biolhess_code" or net in ("rate_default", "rate_reset_adaptive")
            kind = RateNeurons if is_project else WithoutReset
            net = net.replace("modprop_cell_", "")
            found.setdefault((kind, net), []).append(folder)
    return found


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize("kind, net", sorted(cells(), key=str))
def test_rate_units(kind, net, monkeypatch):
    if net != "rate_default":
        monkeypatch.setattr("lsnn.network.MOST_UNROLLED_STEPS", 0)  # in a loop
    rules = {}
    for folder in cells()[kind, net]:
        _, _, loss, name = folder.split("/")
        of_blocks = name == "mdgl_type"  # not of the synapses that exist
        rule = new_rule(RULES[name])
        if of_blocks:
            rule.backward_weights = lambda w: type_means(w, SIGNS, existing=False)
        # Folders of several codes have numbers of one rule.
        _, folders = rules.setdefault((str(RULES[name]), of_blocks), (rule, {}))
        folders.setdefault(loss, []).append(folder)
    compare(rate_network(kind, net), rules.values(), GOLDEN["common/inputs_rate"])


SPIKING = {"name": "lif", "tau_m": 5.0, "threshold": 0.25, "dampening": 0.3}
OF_MDGL = ["mdgl_code/alif/last/" + n for n in ("bptt", "eprop", "mdgl_cell", "mdgl_type")]
OF_EPROP = ["eprop_code/lif/" + name for name in ("symmetric_feedback", "random_feedback")]


def rules_of(folders, loss):
    return [(new_rule(RULES[folder.rpartition("/")[2]]), {loss: [folder]}) for folder in folders]


@pytest.mark.slow_on("1.12")
def test_units_of_the_mdgl_release():
    network = network_of(dict(SPIKING, refractory_steps=2), OfSameStep, tau_out=5.0)
    compare(network, rules_of(OF_MDGL, "last"), GOLDEN["common/inputs_spikes"])


def test_units_of_the_eprop_release():
    network = network_of(SPIKING, OfEprop, tau_out=5.0, rate_cost=1.0, target_rate=10.0)
    feedback = GOLDEN["eprop_code/lif/random_feedback/feedback"]
    compare(network, rules_of(OF_EPROP, "mse"), GOLDEN["common/inputs_spikes"], feedback)


def test_what_the_file_calls_bptt_in_the_eprop_release_is_eprop():
    """The released cell stops the gradient of all its recurrent output, whatever is asked for."""
    for name in ("grad_w_in", "grad_w_rec", "grad_w_out"):
        other = GOLDEN["eprop_code/lif/symmetric_feedback/" + name]
        assert np.array_equal(GOLDEN["eprop_code/lif/bptt/" + name], other)


def test_all_golden_numbers_of_these_rules_are_compared():
    compared = {folder for folders in cells().values() for folder in folders}
    compared.update(OF_MDGL + OF_EPROP + ["eprop_code/lif/bptt"])
    every = {key.rpartition("/")[0] for key in GOLDEN.files if "/grad_w_rec" in key}
    rest = [folder.rpartition("/")[2] for folder in every - compared]
    assert [rule for rule in rest if not is_left_out(rule)] == []
    assert len(compared) > 100
