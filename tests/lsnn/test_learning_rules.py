"""Learning rules against oracles in numpy, without autodiff (:mod:`rule_oracle`)."""

import numpy as np
import pytest

import rule_oracle
from lsnn.backend import new_session, tf
from lsnn.config import ConfigError, parse_study
from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.learning_rules.base import LearningRule
from lsnn.learning_rules.own_derivatives import true_derivatives
from lsnn.network import Network
from lsnn.randomness import generator
from lsnn.training import Trainer, start_of_run
from small import (
    NETWORKS,
    SPIKING_NETWORKS,
    LongerTask,
    SmallTask,
    loss_settings,
    relative_error,
    small_network,
    training_settings,
)

RATE_TERM = {"rate_cost": 3.0, "target_rate": 200.0}  # ms^2, Hz
ALL = dict(NETWORKS, **SPIKING_NETWORKS)
ALL["rate_delays"] = NETWORKS["adaptive"]._replace(n_delays=2)

# Every rule and choice, with what the oracle calls it.
RULES = [
    ({"name": "bptt"}, {"rule": "bptt"}),
    ({"name": "three_factor"}, {"rule": "three_factor"}),
    ({"name": "rflo"}, {"rule": "three_factor", "feedback": True}),
    ({"name": "truncated_bptt", "hops": 0}, {"rule": "hops", "k": 0}),
    ({"name": "truncated_bptt", "hops": 1}, {"rule": "hops", "k": 1}),
    ({"name": "truncated_bptt", "hops": 3}, {"rule": "hops", "k": 3}),
    (
        {"name": "truncated_bptt", "hops": 2, "feedback": "random", "feedback_scale": 2.0},
        {"rule": "hops", "k": 2, "feedback": True},
    ),
    ({"name": "mdgl"}, {"rule": "mdgl"}),
    ({"name": "mdgl", "weights": "type"}, {"rule": "mdgl", "types": "existing"}),
    ({"name": "mdgl", "feedback": "random"}, {"rule": "mdgl", "feedback": True}),
    ({"name": "modprop", "mu": 0.4}, {"rule": "modprop", "mu": 0.4}),
    (
        {"name": "modprop", "weights": "type", "feedback": "random"},
        {"rule": "modprop", "mu": 0.25, "types": "all", "feedback": True},
    ),
]
OF_SPIKING_UNITS = [pair for pair in RULES if pair[0]["name"] != "modprop"]


def network_by_dale(name, task, **terms):
    """Return a network of :data:`ALL` whose units have types, its weights, and their signs."""
    settings = ALL[name]._replace(excitatory=0.7)
    network = Network(settings, loss_settings(**terms), task, seed=4)
    weights, keeper = start_of_run(network)
    if network.neurons.spiking:
        weights["w_in"] = np.abs(weights["w_in"])
    weights["w_rec"][1, 5] = weights["w_rec"][7, 2] = 0.0  # synapses that do not exist
    weights["b_out"] = np.array([0.1, -0.2, 0.3, 0.0], np.float32)
    return network, weights, keeper.signs["w_rec"][:, 0]


def ready(settings, weights, signs=None):
    """Return a rule that has drawn its constants."""
    rule = settings if isinstance(settings, LearningRule) else new_rule(settings)
    rule.take(rule.draw(weights, signs, generator(1, "learning rule")))
    return rule


def gradients_by(rules, network, weights, examples):
    """Return the gradients of the whole loss by every rule, of one graph."""
    with tf.Graph().as_default() as graph:
        tensors = {key: tf.constant(value) for key, value in weights.items()}
        inputs, targets = (tf.constant(part) for part in examples)
        found = []
        for rule in rules:
            response = network.respond(tensors, inputs, rule)
            loss = network.loss(tensors, response, targets)
            found.append(dict(zip(tensors, tf.gradients(loss, list(tensors.values())))))
        return new_session(graph).run(found)


def expected_gradients(network, weights, examples, signs, rule, choices):
    """Return those of the oracle."""
    run = rule_oracle.Run(network, weights, examples[0])
    choices, terms = dict(choices), network.terms
    if "feedback" in choices:
        choices["feedback"] = rule.constants["feedback"].astype(float)
    if "types" in choices:
        is_existing = choices.pop("types") == "existing"
        choices["w_back"] = rule_oracle.type_means(run.w["w_rec"], signs, is_existing)
    n_steps, n_examples = np.array(run.z[1:]).shape[:2]
    rates = np.mean(run.z[1:], axis=(0, 1))
    of_rates = 2 * terms.rate_cost * (rates - 1e-3 * terms.target_rate) / n_steps / n_examples
    _, errors = rule_oracle.errors_at_outputs(network, run.outputs, examples[1])
    found = rule_oracle.backward(run, errors, of_rates=of_rates, **choices)
    for name in ("w_in", "w_rec", "w_out"):
        found[name] = found[name] + terms.l2 * weights[name]
    return found


@pytest.mark.parametrize("in_loop", [False, True])
@pytest.mark.parametrize("name", sorted(ALL))
def test_gradients_of_all_rules_are_those_of_the_oracle(name, in_loop, monkeypatch):
    monkeypatch.setattr("lsnn.network.MOST_UNROLLED_STEPS", 0 if in_loop else 100)
    network, weights, signs = network_by_dale(name, LongerTask(), **RATE_TERM)
    examples = network.task.examples("train", np.arange(6))
    pairs = OF_SPIKING_UNITS if network.neurons.spiking else RULES
    rules = [ready(settings, weights, signs) for settings, _ in pairs]
    found = gradients_by(rules, network, weights, examples)
    for rule, (settings, choices), gradients in zip(rules, pairs, found):
        expected = expected_gradients(network, weights, examples, signs, rule, choices)
        for parameter, gradient in gradients.items():
            assert relative_error(gradient, expected[parameter]) < 1e-5, (settings, parameter)
