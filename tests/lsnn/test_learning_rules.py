"""Learning rules against oracles in numpy, without autodiff (:mod:`rule_oracle`)."""

import numpy as np
import pytest

import rule_oracle
from lsnn.backend import new_session, tf
from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.learning_rules.base import LearningRule
from lsnn.learning_rules.own_derivatives import closed, true_derivatives
from lsnn.network import Network
from lsnn.randomness import generator
from lsnn.study.config import ConfigError, parse_study
from lsnn.tasks.base import LOSS_KINDS
from lsnn.training import Trainer, start_of_run
from rule_oracle import assert_gradients_differ, assert_model_is_live
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


def feedback(run, rule, signs):
    """What stands for w_out: drawn by the rule."""
    return rule.constants["feedback"].astype(float)


def sizes_and_signs(run, rule, signs):
    """What stands for w_out: its signs, all of one size, and a scale."""
    w_out = run.w["w_out"]
    return rule.feedback_scale * np.sqrt(np.mean(w_out**2)) * np.sign(w_out)


def means_of_existing(run, rule, signs):
    """What stands for w_rec: its means by type, over the synapses that exist."""
    return rule_oracle.type_means(run.w["w_rec"], signs, True)


def means_of_all(run, rule, signs):
    """The same over all of the block."""
    return rule_oracle.type_means(run.w["w_rec"], signs, False)


# Every rule and choice, and the arguments of rule_oracle.backward that describe it: values, or
# functions of the forward pass (rule_oracle.Run), the rule, and the signs of the units.
RULES = [
    ({"name": "bptt"}, {"rule": "bptt"}),
    ({"name": "three_factor"}, {"rule": "three_factor"}),
    ({"name": "leaky_trace", "tau": 4.0}, {"rule": "leaky_trace", "tau": 4.0}),
    ({"name": "rflo"}, {"rule": "three_factor", "feedback": feedback}),
    ({"name": "truncated_bptt", "hops": 0}, {"rule": "hops", "k": 0}),
    ({"name": "truncated_bptt", "hops": 1}, {"rule": "hops", "k": 1}),
    ({"name": "truncated_bptt", "hops": 3}, {"rule": "hops", "k": 3}),
    (
        {"name": "truncated_bptt", "hops": 2, "feedback": "random", "feedback_scale": 2.0},
        {"rule": "hops", "k": 2, "feedback": feedback},
    ),
    ({"name": "mdgl"}, {"rule": "mdgl"}),
    ({"name": "mdgl", "weights": "type"}, {"rule": "mdgl", "w_back": means_of_existing}),
    ({"name": "mdgl", "feedback": "random"}, {"rule": "mdgl", "feedback": feedback}),
    ({"name": "modprop", "mu": 0.4}, {"rule": "modprop", "mu": 0.4}),
    (
        {"name": "modprop", "weights": "type", "feedback": "random"},
        {"rule": "modprop", "mu": 0.25, "w_back": means_of_all, "feedback": feedback},
    ),
]
# The same without Dale's law, under which the signs of a unit's weights are all the same.
OF_FREE_SIGNS = [
    ({"name": "three_factor"}, {"rule": "three_factor"}),
    (
        {"name": "three_factor", "feedback": "signs"},
        {"rule": "three_factor", "feedback": sizes_and_signs},
    ),
    (
        {"name": "mdgl", "feedback": "signs", "feedback_scale": 2.0},
        {"rule": "mdgl", "feedback": sizes_and_signs},
    ),
]
# step_length has one of its own: it is made of the gradients of two of these.
WITHOUT_ORACLE = set(LEARNING_RULES) - {settings["name"] for settings, _ in RULES} - {"step_length"}
# The networks with everything at work, as a loop in the graph and, with one choice of each rule,
# unrolled.
ONE_OF_EACH = list({settings["name"]: (settings, choices) for settings, choices in RULES}.values())
NETWORKS_AND_FORMS = [
    ("all", True, RULES),
    ("rate_delays", True, RULES),
    ("plain", False, RULES),
    pytest.param("all", False, ONE_OF_EACH, marks=pytest.mark.slow),
    pytest.param("rate_delays", False, ONE_OF_EACH, marks=pytest.mark.slow),
]


class MiddleTask(LongerTask):
    """The same with 8 rows."""

    n_steps = 8


def network_by_dale(name, task, excitatory=0.7, **terms):
    """Return a network of :data:`ALL` whose units have types, its weights, and their signs.

    With "none" in place of the part that is excitatory, they have neither types nor signs.
    """
    settings = ALL[name]._replace(excitatory=excitatory)
    network = Network(settings, loss_settings(**terms), task, seed=4)
    weights, keeper = start_of_run(network)
    if network.neurons.spiking:
        weights["w_in"] = np.abs(weights["w_in"])
    weights["w_rec"][1, 5] = weights["w_rec"][7, 2] = 0.0  # synapses that do not exist
    weights["b_out"] = np.array([0.1, -0.2, 0.3, 0.0], np.float32)
    return network, weights, keeper.signs["w_rec"][:, 0] if keeper else None


def ready(settings, weights, signs=None):
    """Return a rule that has drawn its constants."""
    rule = settings if isinstance(settings, LearningRule) else new_rule(settings)
    rule.take(rule.draw(weights, signs, generator(1, "learning rule")))
    return rule


def gradients_by(rules, network, weights, examples):
    """Return the gradients of the whole loss by every rule."""
    return [gradients_and_forward(rule, network, weights, examples)[0] for rule in rules]


def gradients_and_forward(rule, network, weights, examples):
    """Return the gradients of the whole loss by a rule, and all that is computed on the way.

    Everything is fed, and fetched apart: what TensorFlow optimises away or together differs in the
    last bits.
    """
    with tf.Graph().as_default() as graph:
        tensors = {key: tf.placeholder(value.dtype, value.shape) for key, value in weights.items()}
        inputs, targets = (tf.placeholder(part.dtype, part.shape) for part in examples)
        response = network.respond(tensors, inputs, rule)
        loss = network.loss(tensors, response, targets)
        gradients = dict(zip(tensors, tf.gradients(loss, list(tensors.values()))))
        final = response.final_state
        forward = [response.logits, response.rates, response.mean_activity, final.trace]
        feed = {tensors[name]: weights[name] for name in weights}
        feed.update(zip([inputs, targets], examples))
        session = new_session(graph)
        return session.run(gradients, feed), session.run(forward + list(final.cell.neurons), feed)


def expected_gradients(network, weights, examples, signs, rule, choices):
    """Return those of the oracle."""
    run = rule_oracle.Run(network, weights, examples[0])
    assert_model_is_live(run)
    choices = {
        name: choice(run, rule, signs) if callable(choice) else choice
        for name, choice in choices.items()
    }
    terms = network.terms
    n_steps, n_examples = np.array(run.z[1:]).shape[:2]
    rates = np.mean(run.z[1:], axis=(0, 1))
    of_rates = 2 * terms.rate_cost * (rates - 1e-3 * terms.target_rate) / n_steps / n_examples
    _, errors = rule_oracle.errors_at_outputs(network, run.outputs, examples[1])
    found = rule_oracle.backward(run, errors, of_rates=of_rates, **choices)
    for name in ("w_in", "w_rec", "w_out"):
        found[name] = found[name] + terms.l2 * weights[name]
    return found


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize("name, in_loop, pairs", NETWORKS_AND_FORMS)
def test_gradients_of_all_rules_are_those_of_the_oracle(name, in_loop, pairs, monkeypatch):
    """And no rule changes a forward value."""
    monkeypatch.setattr("lsnn.network.MOST_UNROLLED_STEPS", 0 if in_loop else 100)
    task = LongerTask() if name in SPIKING_NETWORKS else MiddleTask()
    network, weights, signs = network_by_dale(name, task, **RATE_TERM)
    if network.neurons.spiking:
        pairs = [pair for pair in pairs if pair[0]["name"] != "modprop"]
    assert_gradients_are_those_of_the_oracle(network, weights, signs, pairs)


@pytest.mark.slow_on("1.12")
@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("name", ["all", "rate_delays"])
def test_gradients_by_sign_feedback_are_those_of_the_oracle(name):
    network, weights, _ = network_by_dale(name, LongerTask(), excitatory="none", **RATE_TERM)
    assert_gradients_are_those_of_the_oracle(network, weights, None, OF_FREE_SIGNS)


def assert_gradients_are_those_of_the_oracle(network, weights, signs, pairs):
    """Assert it of pairs of a rule's settings and the arguments that describe it."""
    examples = network.task.examples("train", np.arange(6))
    rules = [LearningRule()] + [ready(settings, weights, signs) for settings, _ in pairs]
    found, forward = zip(
        *(gradients_and_forward(rule, network, weights, examples) for rule in rules)
    )
    for rule, values in zip(rules, forward):
        assert all(np.array_equal(a, b) for a, b in zip(forward[0], values)), rule.label
    for rule, (settings, choices), gradients in zip(rules[1:], pairs, found[1:]):
        expected = expected_gradients(network, weights, examples, signs, rule, choices)
        for parameter, gradient in gradients.items():
            assert relative_error(gradient, expected[parameter]) < 1e-5, (settings, parameter)
    assert_gradients_differ(
        {
            str(settings): gradients["w_rec"]
            for (settings, _), gradients in zip(pairs, found[1:])
            if settings.get("hops") not in (0, 3)  # the three-factor rule, and nearly BPTT
        }
    )


@pytest.mark.slow_on("1.12")
@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("name", ["all", "rate_delays"])
def test_gradients_of_the_squared_error_are_those_of_the_oracle(name):
    task = LongerTask() if name in SPIKING_NETWORKS else MiddleTask()
    of_kind = {}
    for kind in LOSS_KINDS:
        network, weights, signs = network_by_dale(name, task, kind=kind, **RATE_TERM)
        examples = network.task.examples("train", np.arange(6))
        rules = [{"name": "bptt"}, {"name": "three_factor"}]
        found = gradients_by([ready(rule, weights) for rule in rules], network, weights, examples)
        for rule, gradients in zip(rules, found):
            choices = {"rule": rule["name"]}
            expected = expected_gradients(network, weights, examples, signs, rule, choices)
            for parameter, gradient in gradients.items():
                assert relative_error(gradient, expected[parameter]) < 1e-5, (rule, parameter)
            of_kind[rule["name"], kind] = gradients["w_rec"]
    assert_gradients_differ(of_kind)


@pytest.mark.parametrize("kind", LOSS_KINDS)
@pytest.mark.parametrize("name", sorted(ALL))
def test_the_loss_is_that_of_the_oracle(name, kind):
    network, weights, _ = network_by_dale(name, LongerTask(), kind=kind, **RATE_TERM)
    examples = network.task.examples("train", np.arange(6))
    with tf.Graph().as_default() as graph:
        tensors = {key: tf.constant(value) for key, value in weights.items()}
        response = network.respond(tensors, tf.constant(examples[0]))
        loss = new_session(graph).run(network.loss(tensors, response, tf.constant(examples[1])))
    run = rule_oracle.Run(network, weights, examples[0])
    assert_model_is_live(run)
    task_loss, _ = rule_oracle.errors_at_outputs(network, run.outputs, examples[1])
    excess = np.mean(run.z[1:], axis=(0, 1)) - 1e-3 * network.terms.target_rate
    squares = sum((weights[n].astype(float) ** 2).sum() for n in ("w_in", "w_rec", "w_out"))
    expected = task_loss + network.terms.l2 * squares / 2
    assert loss == pytest.approx(expected + 3.0 * (excess**2).sum(), rel=1e-6)


@pytest.mark.parametrize("name", sorted(ALL))
def test_errors_that_go_back_and_derivatives_carried_forward_give_the_same(name):
    """The two oracles, along paths of at most so many synapses; BPTT goes along all of them."""
    network, weights, _ = network_by_dale(name, LongerTask())
    inputs, targets = network.task.examples("train", np.arange(6))
    run = rule_oracle.Run(network, weights, inputs)
    assert_model_is_live(run)
    errors = rule_oracle.errors_at_outputs(network, run.outputs, targets)[1]
    n_steps, by_hops = len(inputs), {}
    for choices, hops in [
        ({"rule": "three_factor"}, 0),
        ({"rule": "hops", "k": 1}, 1),
        ({"rule": "hops", "k": 2}, 2),
        ({"rule": "bptt"}, n_steps - 1),
    ]:
        back = rule_oracle.backward(run, errors, of_rates=0.1, **choices)
        ahead = rule_oracle.forward(run, errors, hops, of_rates=0.1)
        for parameter, gradient in ahead.items():
            assert relative_error(back[parameter], gradient) < 1e-12, (choices, parameter)
        by_hops[hops] = ahead["w_rec"]
    assert_gradients_differ({hops: by_hops[hops] for hops in (0, 1, 2)})


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_bptt_gradient_is_that_of_the_loss(name):
    """The exact gradient, by central differences of the loss computed in numpy, in float64."""
    network, weights = small_network(name)
    examples = network.task.examples("train", np.arange(20))
    (found,) = gradients_by([ready({"name": "bptt"}, weights)], network, weights, examples)

    def loss_at(w_rec):
        moved = dict(weights, w_rec=w_rec)
        run = rule_oracle.Run(network, moved, examples[0])
        assert_model_is_live(run)
        squares = sum((moved[name].astype(float) ** 2).sum() for name in ("w_in", "w_rec", "w_out"))
        loss = rule_oracle.errors_at_outputs(network, run.outputs, examples[1])[0]
        return loss + network.terms.l2 * squares / 2

    assert relative_error(found["w_rec"], differences_of(loss_at, weights["w_rec"])) < 1e-4


def differences_of(function, at, step=1e-6):
    """Return the derivative of a number by a matrix, by central differences in float64."""
    found = np.zeros(at.shape)
    for place in np.ndindex(*at.shape):
        bump = np.zeros(at.shape)
        bump[place] = step
        found[place] = (function(at.astype(float) + bump) - function(at - bump)) / (2 * step)
    return found


@pytest.mark.slow_on("1.12")
@pytest.mark.usefixtures("in_a_loop")
def test_limits_of_the_rules():
    """What a rule equals where its setting comes to an end."""
    network, weights, signs = network_by_dale("adaptive", LongerTask())
    examples = network.task.examples("train", np.arange(6))
    of_one_size = dict(weights, w_rec=np.outer(signs, np.ones(9, np.float32)))

    def gradients(*settings, **changed):
        at = of_one_size if changed else weights
        return gradients_by([ready(one, at, signs) for one in settings], network, at, examples)

    bptt, three_factor, all_hops, no_hop, no_mu = gradients(
        {"name": "bptt"},
        {"name": "three_factor"},
        {"name": "truncated_bptt", "hops": network.task.n_steps - 1},
        {"name": "truncated_bptt", "hops": 0},
        {"name": "modprop", "mu": 0.0},
    )
    rflo = ready({"name": "rflo"}, weights)
    rflo.take({"feedback": weights["w_out"]})
    (symmetric,) = gradients_by([rflo], network, weights, examples)
    for parameter in bptt:
        assert relative_error(all_hops[parameter], bptt[parameter]) < 1e-6
        assert relative_error(no_hop[parameter], three_factor[parameter]) < 1e-6
        assert relative_error(no_mu[parameter], three_factor[parameter]) < 1e-6
        assert relative_error(symmetric[parameter], three_factor[parameter]) < 1e-6
    cell, by_type = gradients({"name": "mdgl"}, {"name": "mdgl", "weights": "type"}, changed=True)
    for parameter in cell:
        assert relative_error(by_type[parameter], cell[parameter]) < 1e-6
    kinds = {"three-factor": three_factor, "MDGL": cell, "BPTT": bptt}
    assert_gradients_differ({name: found["w_rec"] for name, found in kinds.items()}, 0.01)


@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("name, is_equal", [("leaky", True), ("adaptive", False)])
def test_a_trace_that_decays_as_the_membrane_is_the_three_factor_rules(name, is_equal):
    """Where a unit has a membrane alone; not where reset and adaptation remember as well."""
    network, weights, _ = network_by_dale(name, LongerTask(), **RATE_TERM)
    examples = network.task.examples("train", np.arange(20))
    tau_m = network.settings.neurons["tau_m"]
    rules = [{"name": "three_factor"}, {"name": "leaky_trace", "tau": tau_m}]
    rules += [{"name": "leaky_trace", "tau": 2 * tau_m}]
    three_factor, same_decay, slower = gradients_by(
        [ready(one, weights) for one in rules], network, weights, examples
    )
    for parameter in ("w_in", "w_rec"):
        error = relative_error(same_decay[parameter], three_factor[parameter])
        assert error < 1e-6 if is_equal else error > 0.01, parameter
        assert relative_error(slower[parameter], three_factor[parameter]) > 0.01, parameter
    assert relative_error(slower["w_out"], three_factor["w_out"]) < 1e-6  # the readout's is exact


def test_only_a_rule_with_traces_has_them_in_its_state():
    network, weights, _ = network_by_dale("all", LongerTask())
    inputs = tf.placeholder(tf.float32, [12, None, 3])
    tensors = {key: tf.constant(value) for key, value in weights.items()}
    for name, n_traces in [("three_factor", 0), ("mdgl", 0), ("leaky_trace", 1)]:
        rule = ready({"name": name}, weights)
        state = network.respond(tensors, inputs, rule).final_state
        assert len(state.cell.traces) == n_traces


def test_sign_feedback_follows_the_signs_of_the_readout_and_keeps_its_size():
    network, weights, _ = network_by_dale("plain", SmallTask(), excitatory="none")
    examples = network.task.examples("train", np.arange(20))
    rule = ready({"name": "three_factor", "feedback": "signs", "feedback_scale": 3.0}, weights)
    assert rule.label == "three-factor, sign feedback, feedback x 3"
    size = 3 * np.sqrt(np.mean(weights["w_out"] ** 2))
    assert rule.constants == {"feedback_size": pytest.approx(size, rel=1e-6)}
    later = dict(weights, w_out=-5 * weights["w_out"])
    (found,) = gradients_by([rule], network, later, examples)
    by_hand = ready({"name": "rflo"}, weights)
    by_hand.take({"feedback": (size * np.sign(later["w_out"])).astype(np.float32)})
    symmetric = ready({"name": "three_factor"}, weights)
    expected, other = gradients_by([by_hand, symmetric], network, later, examples)
    for parameter in ("w_in", "w_rec"):
        assert relative_error(found[parameter], expected[parameter]) < 1e-6
        assert relative_error(found[parameter], other[parameter]) > 0.1


@pytest.mark.parametrize("hops", [1, 2])
def test_without_memory_a_window_of_steps_is_as_many_hops(hops, monkeypatch):
    network, weights, _ = network_by_dale("plain", SmallTask())
    assert network.is_memoryless and network.loss_is_of_last_step
    examples = network.task.examples("train", np.arange(20))
    rule = {"name": "truncated_bptt", "hops": hops}
    window, mdgl = gradients_by(
        [ready(rule, weights), ready({"name": "mdgl"}, weights)], network, weights, examples
    )
    monkeypatch.setattr(Network, "is_memoryless", False)
    (copies,) = gradients_by([ready(rule, weights)], network, weights, examples)
    choices = {"rule": "window", "k": hops}
    expected = expected_gradients(network, weights, examples, None, None, choices)
    for parameter in window:
        assert relative_error(copies[parameter], window[parameter]) < 1e-6, parameter
        assert relative_error(window[parameter], expected[parameter]) < 1e-5, parameter
    if hops == 1:  # both are MDGL
        assert relative_error(mdgl["w_rec"], window["w_rec"]) < 1e-6
    else:
        assert_gradients_differ({"mdgl": mdgl["w_rec"], "window": window["w_rec"]}, 1e-6)


@pytest.mark.usefixtures("in_a_loop")
def test_mdgl_with_leaky_units_is_less_than_all_paths_of_one_synapse():
    network, weights, _ = network_by_dale("leaky", LongerTask())
    examples = network.task.examples("train", np.arange(20))
    rules = [{"name": "mdgl"}, {"name": "truncated_bptt", "hops": 1}]
    mdgl, hop = gradients_by([ready(one, weights) for one in rules], network, weights, examples)
    assert_gradients_differ({"mdgl": mdgl["w_rec"], "hop": hop["w_rec"]}, 0.01)


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize(
    "name, excitatory, pairs",
    [("plain", 0.7, RULES), ("adaptive", "none", OF_FREE_SIGNS)]
    + [
        pytest.param(name, 0.7, ONE_OF_EACH, marks=pytest.mark.slow)
        for name in ("adaptive", "rate_delays")
    ],
)
def test_the_derivative_of_a_rules_gradient_is_exact(name, excitatory, pairs):
    """M v, with M = d g_hat / d w_rec, against differences of the oracle's gradient."""
    network, weights, signs = network_by_dale(name, SmallTask(), excitatory, **RATE_TERM)
    examples = network.task.examples("train", np.arange(6))
    random = np.random.RandomState(5)
    direction = {n: random.randn(*w.shape).astype(np.float32) for n, w in weights.items()}
    derivatives = {}
    for settings, choices in pairs:
        rule = ready(settings, weights, signs)
        with tf.Graph().as_default() as graph:
            tensors = {key: tf.constant(value) for key, value in weights.items()}
            inputs, targets = (tf.constant(part) for part in examples)
            loss = network.loss(tensors, network.respond(tensors, inputs, rule), targets)
            gradients = tf.gradients(loss, list(tensors.values()))
            along = tf.add_n([tf.reduce_sum(g * direction[n]) for n, g in zip(tensors, gradients)])
            with true_derivatives():
                found = tf.gradients(along, tensors["w_rec"])[0]
            derivative = new_session(graph).run(found)

        def along_at(w_rec, rule=rule, choices=choices):
            moved = dict(weights, w_rec=w_rec)
            gradients = expected_gradients(network, moved, examples, signs, rule, choices)
            return sum((gradients[n] * direction[n]).sum() for n in gradients)

        derivatives[str(settings)] = derivative
        # A weight of 0 would come to life, and count in the mean of its type.
        is_by_type = choices.get("w_back") in (means_of_existing, means_of_all)
        there = (weights["w_rec"] != 0) | (not is_by_type)
        bumps = 1e-7 * random.randn(10, *there.shape) * there  # each along all weights at once
        at = weights["w_rec"].astype(float)
        expected = [along_at(at + bump) - along_at(at - bump) for bump in bumps]
        found = 2 * np.tensordot(bumps, derivative, 2)
        assert relative_error(found, expected) < 1e-4, settings
    assert_gradients_differ({n: d for n, d in derivatives.items() if "truncated" not in n})


def test_true_derivatives_nest():
    """What is differentiated behind an inner block is still in the outer one."""
    with tf.Graph().as_default() as graph:
        x = tf.constant([2.0, 3.0])
        cut = tf.reduce_sum(closed(x) * x)
        with true_derivatives():
            with true_derivatives():
                inner = tf.gradients(cut, x)[0]
            outer = tf.gradients(cut, x)[0]
        outside = tf.gradients(cut, x)[0]
        with pytest.raises(ValueError), true_derivatives():
            raise ValueError
        after_an_error = tf.gradients(cut, x)[0]
        found = new_session(graph).run([inner, outer, outside, after_an_error])
    assert np.array_equal(found, [[4.0, 6.0], [4.0, 6.0], [2.0, 3.0], [2.0, 3.0]])


def test_every_rule_has_an_oracle():
    assert not WITHOUT_ORACLE, "rules without an entry in RULES: " + ", ".join(WITHOUT_ORACLE)


@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize("name", ["all", "rate_delays"])
def test_rules_without_an_oracle_change_no_forward_value(name):
    network, weights, signs = network_by_dale(name, MiddleTask())
    examples = network.task.examples("train", np.arange(6))
    rules = [ready({"name": one}, weights, signs) for one in ["bptt", *WITHOUT_ORACLE]]
    rules = [one for one in rules if not one.undefined(network.neurons.spiking, True)]
    exact, *forward = (
        gradients_and_forward(rule, network, weights, examples)[1]
        for rule in [LearningRule(), *rules]
    )
    for rule, values in zip(rules, forward):
        assert all(np.array_equal(a, b) for a, b in zip(exact, values)), rule.label


def trained_by(settings, network, weights, examples):
    """Return the gradients that the optimiser is given in training."""
    rule = settings if isinstance(settings, LearningRule) else ready(settings, weights)
    trainer = Trainer(network, rule, training_settings(), weights)
    feed = {trainer.inputs: examples[0], trainer.targets: examples[1]}
    return trainer.session.run([trainer.loss, trainer.gradients], feed)


def pair(direction, step, scale):
    return {
        "name": "step_length",
        "direction": {"name": direction},
        "step": {"name": step},
        "scale": scale,
    }


@pytest.mark.slow_on("1.12")
@pytest.mark.usefixtures("in_a_loop")
@pytest.mark.parametrize(
    "direction, step",
    [("bptt", "three_factor"), ("three_factor", "bptt"), ("mdgl", "three_factor")],
)
def test_the_length_of_a_step_is_that_of_another_rule(direction, step):
    """In closed form from the gradients of both rules, the L2 term and the readout left alone."""
    network, weights = small_network("adaptive", l2=0.3)
    examples = network.task.examples("train", np.arange(20))
    scales = ["rho", "length", 0.3]
    rules = [{"name": direction}, {"name": step}, *(pair(direction, step, s) for s in scales)]
    losses, gradients = zip(*(trained_by(one, network, weights, examples) for one in rules))
    assert len(set(losses)) == 1
    g, g_hat, *of_pairs = (
        np.concatenate([(one[n] - 0.3 * weights[n]).ravel() for n in ("w_in", "w_rec")]).astype(
            float
        )
        for one in gradients
    )
    by_hand = {
        "rho": max(0.0, g_hat.dot(g) / g.dot(g)),
        "length": np.linalg.norm(g_hat) / np.linalg.norm(g),
    }
    for scale, found, whole in zip(scales, of_pairs, gradients[2:]):
        assert relative_error(found, by_hand.get(scale, scale) * g) < 1e-5, scale
        for name in ("w_out", "b_out"):
            assert whole[name] == pytest.approx(gradients[0][name], abs=1e-7)


def test_a_step_against_the_direction_is_none():
    network, weights = small_network("plain", l2=0.3)
    examples = network.task.examples("train", np.arange(20))
    rule = new_rule(pair("bptt", "rflo", "rho"))
    rule.take({"step/feedback": -weights["w_out"]})  # feedback of the wrong sign
    _, gradients = trained_by(rule, network, weights, examples)
    for name in ("w_in", "w_rec"):
        assert gradients[name] == pytest.approx(0.3 * weights[name], abs=1e-7)


def test_random_feedback_has_the_size_of_the_readout_and_belongs_to_the_seed():
    _network, weights, signs = network_by_dale("plain", SmallTask())

    def drawn(**settings):
        return ready(settings, weights, signs).constants

    feedback = drawn(name="rflo")["feedback"]
    rms = np.sqrt(np.mean(weights["w_out"] ** 2))
    assert feedback.dtype == np.float32 and feedback.shape == weights["w_out"].shape
    draws = generator(1, "learning rule").randn(*feedback.shape)
    assert feedback == pytest.approx(rms * draws, rel=1e-6)
    assert drawn(name="rflo", feedback_scale=3.0)["feedback"] == pytest.approx(3 * feedback)
    assert np.array_equal(drawn(name="mdgl", feedback="random")["feedback"], feedback)
    both = drawn(**pair("mdgl", "rflo", "rho"))
    assert list(both) == ["step/feedback"] and np.array_equal(both["step/feedback"], feedback)
    types = drawn(name="mdgl", weights="type")
    assert np.array_equal(types["signs"], signs) and sorted(set(signs)) == [-1, 1]


REFUSED = [
    ({"name": "mdgl", "weights": "type"}, {}, 'weights: "type" is not possible', "Dale's law"),
    ({"name": "mdgl", "feedback_scale": 2}, {}, "feedback_scale: 2.0 is not", "feedback: random"),
    ({"name": "mdgl", "feedback": "signs"}, {"excitatory": 0.5}, "feedback: ", "Dale's law"),
    ({"name": "three_factor", "feedback_scale": 2}, {}, "feedback_scale: 2.0 is not", "or signs"),
    ({"name": "modprop"}, {"neurons": "lif"}, 'name: "modprop" is not possible', "spiking units"),
    (
        pair("bptt", "modprop", "rho"),
        {"neurons": "lif"},
        'step.name: "modprop" is not possible',
        "spiking units",
    ),
]


@pytest.mark.parametrize("rule, network, refusal, reason", REFUSED)
def test_a_rule_is_refused_where_it_is_not_defined(rule, network, refusal, reason):
    values = {"conditions": {"mine": {"learning_rule": rule}}, "network": network, "hessian": []}
    with pytest.raises(ConfigError) as error:
        parse_study(values)
    assert "conditions.mine.learning_rule." + refusal in str(error.value)
    assert reason in str(error.value)


def test_the_library_refuses_it_too():
    network, weights = small_network("plain")
    tensors = {key: tf.constant(value) for key, value in weights.items()}
    inputs = tf.zeros([5, 2, 3])
    with pytest.raises(ConfigError, match="learning rule MDGL, type weights: weights: must be"):
        network.respond(tensors, inputs, new_rule({"name": "mdgl", "weights": "type"}))
    rule = new_rule({"name": "truncated_bptt", "feedback_scale": 2.0})
    with pytest.raises(ConfigError, match="feedback_scale: must be"):
        network.respond(tensors, inputs, rule)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"name": "bptt2"}, "there is no bptt2; there are: bptt, three_factor"),
        ({}, "there is no None; there are: bptt"),
        ({"name": "truncated_bptt", "hop": 1}, "truncated_bptt: has no option hop; it has: hops"),
    ],
)
def test_an_unknown_rule_or_option_is_refused_by_name(settings, message):
    with pytest.raises(ConfigError, match=message):
        new_rule(settings)
