"""Configurations: what is read from them, and what is refused, each problem in one line."""

import json

import pytest
import yaml

from lsnn.errors import ConfigError
from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.learning_rules.base import LearningRule
from lsnn.network import LOSS, NETWORK, LossSettings, NetworkSettings
from lsnn.options import number
from lsnn.study.config import (
    as_mapping,
    command_line_values,
    network_settings,
    parse_study,
    read_study,
    studies_of,
    training_settings,
    write_study,
)
from lsnn.study.outputs import chance_of, trajectories_columns
from lsnn.study.settings import sweeps_of
from lsnn.update.settings import TRAINING, TrainingSettings

NAN, INF = float("nan"), float("inf")
RULE_NAMES = "one of " + ", ".join(f'"{name}"' for name in sorted(LEARNING_RULES))
SPIKING = {"network": {"neurons": "lif"}, "hessian": []}
MANY = {"name": "extremes", "k": 11}
STOP = {"measure": "loss", "below": 0.3, "split": "noisy_test"}
NOISE = {"noise": 2}


def at(path, value):
    """Return a configuration with one key, such as ``at("network.n_units", 0)``.

    The key 0 is the first of a list.
    """
    for key in reversed(path.split(".")):
        value = [value] if key == "0" else {key: value}
    return value


def task(name, **options):
    """Return a configuration in which nothing but the options of a task can be wrong."""
    return {"task": dict(options, name=name), "training": {"batch_size": 1}, "hessian": []}


# key, wrong value, what the message says is allowed
WRONG_VALUES = [
    ("name", "", "a string matching"),
    ("name", "a/b", "a string matching"),
    ("name", "../elsewhere", "a string matching"),
    ("name", "two words", "a string matching"),
    ("name", "a\n", "a string matching"),
    ("name", 5, "a string matching"),
    ("name", None, "a string matching"),
    ("name", 101 * "n", "of at most 100 characters"),
    ("name", "committed", "any other name"),
    ("tensorflow", "1.13", 'one of "1.12", "2"'),
    ("tensorflow", 1.12, 'one of "1.12", "2"'),
    ("tensorflow", 2, 'one of "1.12", "2"'),
    ("data", "", "a string matching"),
    ("data", "a\n", "a string matching"),
    ("data", "a\nb", "a string matching"),
    ("data", ["a"], "a string"),
    ("task", ["sequential_mnist"], "a name or a mapping"),
    ("task.name", "sequential_cifar", '"store_recall" (did you mean sequential_mnist?)'),
    ("task.name", 3, '"sequential_mnist", "store_recall"'),
    ("network", [], "a mapping"),
    ("network.neurons", ["rate"], "a name or a mapping"),
    ("network.neurons", None, "a name or a mapping"),
    ("network.neurons", "spiking", 'one of "alif", "lif", "rate"'),
    ("network.neurons.name", "alfi", '"rate" (did you mean alif?)'),
    ("network.neurons.name", 3, 'one of "alif", "lif", "rate"'),
    ("network.n_units", 0, "a whole number >= 2"),
    ("network.n_units", 12.5, "a whole number >= 2"),
    ("network.n_units", "128", "a whole number >= 2"),
    ("network.n_units", 1000000, "<= 100000"),
    ("network.n_units", True, "a whole number >= 2"),
    ("network.n_delays", 0, "a whole number >= 1"),
    ("network.excitatory", 1.5, '"none", or a number >= 0 and <= 1'),
    ("network.neurons.n_adaptive", -1, "a whole number >= 0"),
    ("network.neurons.n_adaptive", 129, "at most network.n_units = 128"),
    ("network.neurons.tau_m", 0, "a number > 0"),
    ("network.neurons.tau_m", "10 ms", "a number > 0"),
    ("network.tau_out", -1.0, "a number > 0"),
    ("network.tau_out", NAN, "a number "),
    ("network.neurons.threshold", INF, "a number "),
    ("network.neurons.tau_adaptation", None, "a number > 0"),
    ("network.neurons.beta", -0.1, "a number >= 0"),
    ("network.rewiring", 0.5, "a mapping"),
    ("network.rewiring.connectivity", 0, "a number > 0"),
    ("network.rewiring.connectivity", 1.5, "<= 1"),
    ("network.rewiring.l1", -1, "a number >= 0"),
    ("network.rewiring.temperature", -1, "a number >= 0"),
    ("network.rewiring.l1", 0.1, "0, since only rewired weights"),
    ("network.rewiring.temperature", 0.1, "0, since only rewired weights"),
    ("training.learning_rate", 0, "a number > 0"),
    ("training.learning_rate", "1e-3", "1.0e-3"),
    ("training.learning_rate", [0.01, 0.02], "a number > 0"),
    ("training.learning_rate", NAN, "a number "),
    ("training.batch_size", 0, "a whole number >= 1"),
    ("training.batch_size", 60000, "at most the 55000 examples of split train"),
    ("loss.l2", -0.01, "a number >= 0"),
    ("training.optimiser", "rmsprop", 'one of "sgd", "adam"'),
    ("training.parts", ["cosine"], "a mapping"),
    ("training.parts.cosine", None, "a mapping"),
    ("training.parts.cosine.iterations", 0, "a whole number >= 1"),
    ("training.parts.cosine.final", 1.5, "a number >= 0 and <= 1"),
    ("training.parts.step_decay.factor", 0, "a number > 0 and <= 1"),
    ("training.parts.step_decay.every", 2.5, "a whole number >= 1"),
    ("training.parts.ramp.start", -1, "a number >= 0 and <= 1"),
    ("training.parts.sam.rho", -0.1, "a number >= 0"),
    ("training.parts.sam.ascent", True, 'one of "rule", "exact"'),
    ("training.parts.pull.strength", NAN, "a number >= 0"),
    ("training.trainable", [], '"all", or a non-empty list of distinct items, each one of "w_in"'),
    ("training.trainable", ["w_rec", "w_rec"], "distinct"),
    ("training.trainable", ["w_recc"], 'each one of "w_in", "w_rec", "w_out", "b_out"'),
    ("training.trainable", "w_rec", '"all", or a non-empty list'),
    ("loss.rate_cost", -1, "a number >= 0"),
    ("loss.kind", "mse", 'one of "task", "squared_error"'),
    ("loss.target_rate", 1000001, "<= 1000000"),
    ("training.stop", 0.95, "a mapping"),
    ("training.stop.measure", 3, "a string"),
    ("training.stop", {"measure": "accuracy", "above": "0.95"}, "a number >= -1000000"),
    ("training.stop", {"measure": "accuracy", "above": NAN}, "a number "),
    ("training.stop", {"measure": "loss", "below": INF}, "a number "),
    ("training.stop", {"measure": "acuracy", "above": 0.95}, "of the task: loss, accuracy"),
    ("training.stop", {"above": 0.95}, "a measure of the task: loss, accuracy"),
    ("training.stop", STOP, "a split of the task: train, validation, test"),
    ("training.stop", {"measure": "accuracy"}, "above: VALUE}, or below in place of above"),
    ("training.stop", {"measure": "loss", "above": 0, "below": 1}, "below in place of above"),
    ("conditions", {}, "a mapping with at least one key"),
    ("conditions", ["bptt"], "a mapping with at least one key"),
    ("conditions.backprop", {"label": "a"}, RULE_NAMES),
    ("conditions.two words", {"learning_rule": "bptt"}, "a string matching"),
    ("conditions.bptt\n", {"learning_rule": "bptt"}, "a string matching"),
    ("conditions.b" + 20 * "0", {"learning_rule": "bptt"}, "20 times the same"),
    ("conditions.b" + 20 * "ab", {"learning_rule": "bptt"}, "20 times the same"),
    ("conditions.bptt", 100, "a mapping"),
    ("conditions.bptt.learning_rule", ["bptt"], "a name or a mapping"),
    ("conditions.bptt.learning_rule.name", "bppt", "(did you mean bptt?)"),
    ("conditions.bptt.iterations", 0, "a whole number >= 1"),
    ("conditions.bptt.checkpoint_every", 300, "a divisor of iterations = 10000"),
    ("conditions.bptt.training.learning_rate", 0, "a number > 0"),
    ("conditions.bptt.training.learning_rate", NAN, "a number "),
    ("conditions.bptt.training.batch_size", 60000, "at most the 55000 examples of split train"),
    ("conditions.bptt.training.parts.cosine.final", 2, "a number >= 0 and <= 1"),
    ("conditions.bptt.training.trainable", [], "a non-empty list"),
    ("conditions.bptt.training.stop", {"measure": "loss"}, "below in place of above"),
    ("conditions.bptt.training.stop", {"measure": "x", "above": 1}, "of the task: loss, accuracy"),
    ("conditions.modprop.learning_rule.weights", "type", '"cell", or a fraction of excitatory'),
    ("conditions.bptt.label", "", "a non-empty string of at most 200 characters"),
    ("baseline", 3, "a string"),
    ("baseline", "bpt", "one of the conditions bptt, three_factor (did you mean bptt?)"),
    ("seeds", 0, "a whole number >= 1"),
    ("seeds", [], "a non-empty list"),
    ("seeds", [1, 1], "distinct"),
    ("seeds", [1, -2], "whole numbers >= 0"),
    (
        "seeds",
        "five",
        "a whole number >= 1 and <= 10000, or a text such as 201-250, or a non-empty",
    ),
    ("training.learning_rate", 1e-320, "(0 or at least 1.2e-38 from it, as float32 needs)"),
    ("seeds", "5-3", "the first, then the last, as in 201-250"),
    ("seeds", "1-4294967296", "at most 10000 of them"),
    ("seeds", "1-" + 5000 * "9", "a text such as 201-250"),
    ("hessian", None, "a list of distinct mappings"),
    ("hessian", "none", "a list of distinct mappings"),
    ("hessian", {}, "a list of distinct mappings"),
    ("hessian", [{}, {}], "a list of distinct mappings"),
    ("hessian.0", "w_rec", "a mapping"),
    ("hessian.0.name", "a/b", "a string matching"),
    ("hessian.0.name", "a\n", "a string matching"),
    ("hessian.0.split", "all", 'one of "train", "validation", "test"'),
    ("hessian.0.samples", 5001, "at most the 5000 examples of split validation"),
    ("hessian.0", {"split": "test", "samples": 10001}, "at most the 10000 examples of split test"),
    ("hessian.0", {"samples": 3000, "quantities": ["second_sample"]}, "at most half of the "),
    ("hessian.0.seeds", 0, "a whole number >= 1"),
    ("hessian.0.block", "bias", 'one of "w_in", "w_rec", "w_out", "b_out", "all"'),
    ("hessian.0.block", ["w_rec", "w_rec"], 'one of "w_in", '),
    (
        "hessian.0",
        {"block": "b_out", "quantities": [{"name": "extremes", "k": 11}]},
        "at most 10, ",
    ),
    ("hessian.0.quantities", [], "a non-empty list of distinct names or mappings"),
    ("hessian.0.quantities", "extremes", "a non-empty list"),
    ("hessian.0.quantities", ["extremes", "extremes"], "distinct"),
    ("hessian.0.quantities", ["extremes", {"name": "extremes", "k": 2}], "each once"),
    ("hessian.0.quantities", ["extreme"], "(did you mean extremes?)"),
    ("hessian.0.quantities", ["stability"], 'one of "adaptive", "balanced", '),
    ("hessian.0.quantities.0.name", 3, '"extremes"'),
    ("hessian.0.quantities.0", {"name": "extremes", "tolerance": 0}, "a number >= 1e-05"),
    ("dynamics.0.quantities", ["extremes"], 'one of "alignment", "batch_sharpness", '),
    ("dynamics.0.checkpoints", 1, "a whole number >= 2"),
]

# configuration, key, what the message says is allowed
WRONG_TOGETHER = [
    (task("pixelwise_mnist", encoding="spikes"), "task.encoding", 'one of "analog", "threshold"'),
    (task("pixelwise_mnist", n_inputs=81), "task.n_inputs", ">= 4 and <= 1000 and a multiple of 2"),
    (task("pixelwise_mnist", n_inputs=2), "task.n_inputs", "a whole number >= 4"),
    (task("pixelwise_mnist", n_inputs="80"), "task.n_inputs", "a whole number >= 4"),
    (task("pixelwise_mnist", repeat=0), "task.repeat", "a whole number >= 1"),
    (task("pixelwise_mnist", downsample=4), "task.downsample", "one of 1, 2"),
    (task("pixelwise_mnist", test_noise=-0.2), "task.test_noise", "a number >= 0"),
    (task("pixelwise_mnist", test_noise=NAN), "task.test_noise", "a number "),
    (task("sequential_mnist", n_train=0), "task.n_train", "a whole number >= 1"),
    (task("sequential_mnist", n_train=55001), "task.n_train", "at most the 55000 of MNIST"),
    (task("sequential_mnist", test_noise=-0.2), "task.test_noise", "a number >= 0"),
    (task("sequential_mnist", images="~/images"), "task.images", "a string matching ^[^~"),
    (task("pattern_generation", n_train=0), "task.n_train", "a whole number >= 1"),
    (task("pattern_generation", noise=-1), "task.noise", "a number >= 0"),
    (task("pattern_generation", n_steps=10), "task.n_steps", "a whole number >= 11"),
    (task("delayed_match", n_patterns=1), "task.n_patterns", "a whole number >= 2"),
    (task("delayed_match", delay=-1), "task.delay", "a whole number >= 0"),
    (task("delayed_match", instance="seed"), "task.instance", '"by_seed" (did you mean by_seed?)'),
    (task("delayed_match", tests=1.8), "task.tests", "a mapping"),
    (task("delayed_match", tests={"x": {}}), "task.tests.x", "a mapping with at least one key"),
    (task("delayed_match", tests={"x": {"noise": NAN}}), "task.tests.x.noise", "a number "),
    (task("delayed_match", tests={"x": {"delay": -1}}), "task.tests.x.delay", "whole number >= 0"),
    (task("delayed_match", tests={"1": NOISE}), "task.tests.1", "a string matching ^[A-Za-z]"),
    (task("delayed_match", tests={"a-b": NOISE}), "task.tests.a-b", "a string matching ^[A-Za-z]"),
    (task("delayed_match", tests={"test": NOISE}), "task.tests.test", "gap_accuracy is a column"),
    (task("delayed_match", tests={"train": NOISE}), "task.tests.train", "train_accuracy is a "),
    (task("pattern_generation", tests={"l2": NOISE}), "task.tests.l2", "l2_loss is a column "),
    (
        task("delayed_match", tests={"far": NOISE, "far_test": NOISE}),
        "task.tests.far_test",
        "a name whose columns are new; far_generalization_gap_accuracy is a column already",
    ),
    (
        task("evidence_accumulation", tests={"dense": {"cue_interval": 99}}),
        "task.tests.dense",
        "at most task.cue_interval = 99",
    ),
    (task("evidence_accumulation", n_cues=6), "task.n_cues", "one of 3, 5, 7"),
    (task("evidence_accumulation", n_train=126), "task.n_train", "at most 124: 4 of the 128"),
    (task("evidence_accumulation", n_train=63), "task.n_train", "a multiple of 2"),
    (task("evidence_accumulation", cue_steps=151), "task.cue_steps", "task.cue_interval = 150"),
    (task("store_recall", n_symbols=2), "task.n_symbols", "a whole number >= 3"),
    (task("store_recall", symbol_steps=0), "task.symbol_steps", "a whole number >= 1"),
    (task("store_recall", group_size=2.5), "task.group_size", "a whole number >= 1"),
    (task("store_recall", input_rate=0), "task.input_rate", "a number > 0"),
    (task("store_recall", input_rate=1001), "task.input_rate", "<= 1000"),
    (task("store_recall", cue_probability=0), "task.cue_probability", "a number >= 1e-06"),
    (task("store_recall", cue_probability=1), "task.cue_probability", "< 1"),
    (task("store_recall", cue_probability="1/7"), "task.cue_probability", "a number >= 1e-06"),
    ({"network": SPIKING["network"]}, "hessian", "[] for spiking units: their pseudo-gradient is"),
    (
        dict(SPIKING, dynamics=[{"quantities": ["stability"]}]),
        "dynamics.0.quantities",
        "alignment alone for spiking units: their pseudo-gradient has no derivative",
    ),
    (
        dict(SPIKING, conditions={"modprop": {}}),
        "conditions.modprop.learning_rule.name",
        "another rule for spiking units",
    ),
]
STABILITY = {"dynamics": [{}, {"name": "own", "quantities": ["stability"]}]}
WRONG_TOGETHER += [
    (
        dict(STABILITY, training={"optimiser": "adam"}),
        "training.optimiser",
        '"sgd", or dynamics.1 without stability: no derivative of the update is known',
    ),
    (
        dict(STABILITY, conditions={"bptt": {"training": {"parts": {"sam": {"rho": 0}}}}}),
        "conditions.bptt.training.parts.sam",
        "no such part, or dynamics.1 without stability",
    ),
    (
        {"dynamics": [{}], "conditions": {"bptt": {"training": {"trainable": ["w_out"]}}}},
        "conditions.bptt.training.trainable",
        "a list with w_rec, the block of dynamics.0, or another block there",
    ),
    (
        dict(task("store_recall"), training={"batch_size": 1, "trainable": ["w_out", "b_out"]}),
        "training.trainable",
        "a list without b_out: the task has no readout bias",
    ),
]
# The balanced network is of units that can be rescaled, and of a loss that does not see it.
BALANCED = [{"block": "all", "quantities": ["balanced"]}]
WITHOUT_L2 = {"loss": {"l2": 0}}
WRONG_TOGETHER += [
    ({"hessian": BALANCED}, "loss.l2", "0, with balanced as in hessian.0"),
    (
        {"hessian": BALANCED, "loss": {"l2": 0, "rate_cost": 1}},
        "loss.rate_cost",
        "0, with balanced as in hessian.0",
    ),
    (
        {"hessian": [dict(BALANCED[0], block="w_rec")], **WITHOUT_L2},
        "hessian.0.block",
        '"all", with balanced as in hessian.0',
    ),
    (
        {"hessian": BALANCED, **WITHOUT_L2, "network": {"neurons": {"threshold": 0.1}}},
        "network.neurons.threshold",
        "0, with balanced as in hessian.0",
    ),
    (
        {
            "hessian": BALANCED,
            **WITHOUT_L2,
            "conditions": {"rflo": {"network": {"neurons": {"n_adaptive": 3}}}},
        },
        "conditions.rflo.network.neurons.n_adaptive",
        "0, with balanced as in hessian.0",
    ),
    (
        {"dynamics": [{"quantities": ["batch_sharpness"]}]},
        "dynamics.0.block",
        '"all", with batch_sharpness as in dynamics.0',
    ),
    (
        {"dynamics": [{"quantities": ["slice"]}], "training": {"optimiser": "adam"}},
        "training.optimiser",
        '"sgd", with slice as in dynamics.0',
    ),
    (task("sequences", file="~/x.npz"), "task.file", "a string matching ^[^~"),
    (task("sequences", targets="value"), "task.targets", '"values" (did you mean values?)'),
]
WRONG_TOGETHER += [
    (dict(SPIKING, network={"neurons": dict(options, name=name)}), "network.neurons." + key, what)
    for name, options, key, what in [
        ("lif", {"threshold": 0}, "threshold", "a number > 0 and <= "),
        ("alif", {"threshold": 0.0}, "threshold", "a number > 0 and <= "),
        ("lif", {"refractory_steps": 1001}, "refractory_steps", "a whole number >= 0 "),
        ("alif", {"dampening": 0}, "dampening", "a number > 0 "),
        ("alif", {"n_adaptive": 129}, "n_adaptive", "at most network.n_units = "),
        # Nothing is known of options of neurons that do not exist.
        ("alfi", {"n_adaptive": "many"}, "name", "(did you mean alif?)"),
        ("alfi", {"n_adaptive": 129, "tau_m": NAN}, "name", "(did you mean alif?)"),
    ]
]

# configuration, unknown key, what the message says beside the keys that are known
UNKNOWN_KEYS = [
    (at(key, 1), key, hint)
    for key, hint in [
        ("seed", "did you mean seeds?"),
        ("learning_rate", "allowed: "),
        ("network.n_unit", "did you mean n_units?"),
        ("network.neurons.treshold", "did you mean threshold?"),
        ("network.neurons.refractory_steps", "beta, n_adaptive, name, tau_adaptation, tau_m, thr"),
        ("network.rewiring.conectivity", "did you mean connectivity?"),
        ("network.rewiring.excitatory", "allowed: connectivity, l1, temperature"),
        ("training.learning_rates", "did you mean learning_rate?"),
        ("conditions.bptt.iteration", "did you mean iterations?"),
        ("conditions.bptt.training.learning_rat", "did you mean learning_rate?"),
        ("conditions.bptt.learning_rule.feedback", "allowed: name"),
        ("training.parts.cosinus", "did you mean cosine?"),
        ("training.parts.sam.radius", "allowed: ascent, rho"),
        ("conditions.bptt.training.parts.decay", "allowed: cosine, pull, ramp, sam, step_decay"),
        ("conditions.bptt.training.l2", "allowed: batch_size"),
        ("conditions.bptt.training.l1", "allowed: batch_size"),
        ("conditions.bptt.training.temperature", "allowed: batch_size"),
        ("loss.l1", "allowed: kind, l2, rate_cost, target_rate"),
        ("training.stop.over", "allowed: above, below, measure, split"),
        ("hessian.0.rule", "allowed: block, checkpoints, name, quantities, samples, seeds"),
        ("dynamics.0.rule", "allowed: block, checkpoints, name, quantities, samples, seeds"),
        ("task.n_symbols", "allowed: images, n_train, name, test_noise, tests"),
    ]
]
UNKNOWN_KEYS += [
    (task("pixelwise_mnist", n_symbols=1), "task.n_symbols", "downsample, encoding, n_inputs, "),
    (task("store_recall", n_inputs=1), "task.n_inputs", "cue_probability, group_size, input_rate"),
    (task("sequential_mnist", encoding=1), "task.encoding", "images, n_train, name, test_noise, "),
    (task("store_recall", instance="by_seed"), "task.instance", "allowed: cue_probability, "),
    (
        task("delayed_match", tests={"more": {"n_patterns": 3}}),
        "task.tests.more.n_patterns",
        "allowed: delay, noise",
    ),
    (
        task("delayed_match", tests={"more": {"dely": 3}}),
        "task.tests.more.dely",
        "(did you mean delay?)",
    ),
    (
        at("network.neurons", {"name": "lif", "n_adaptive": 3}),
        "network.neurons.n_adaptive",
        "allowed: dampening, input_noise, name, refractory_steps, tau_m, threshold",
    ),
    (
        at("network.neurons", {"name": "alif", "tau_adaption": 3}),
        "network.neurons.tau_adaption",
        "(did you mean tau_adaptation?); allowed: beta, dampening, input_noise, n_adaptive, name",
    ),
    (
        at("network.neurons", {"name": "rate", "input_noise": 0.5}),
        "network.neurons.input_noise",
        "allowed: beta, n_adaptive, name, tau_adaptation, tau_m, threshold",
    ),
    (
        at("hessian.0.quantities.0", {"name": "extremes", "tolerence": 0.1}),
        "hessian.0.quantities.0.tolerence",
        "(did you mean tolerance?); allowed: ends, k, name, tolerance",
    ),
]


def refusal(values):
    """Return the message with which a configuration is refused."""
    with pytest.raises(ConfigError) as caught:
        parse_study(values)
    return str(caught.value)


@pytest.mark.parametrize(
    "values, key, allowed",
    [(at(key, value), key, allowed) for key, value, allowed in WRONG_VALUES] + WRONG_TOGETHER,
)
def test_an_impossible_value_is_refused_in_one_line(values, key, allowed):
    message, key = refusal(values), key.replace("\n", "\\n")
    assert message.count("\n") == 0
    # The key itself; for what is in a mapping or a list that is the value, or inside it.
    assert message.startswith((key + ": ", key + "."))
    assert " is not possible; allowed: " in message and allowed in message


@pytest.mark.parametrize("values, key, hint", UNKNOWN_KEYS)
def test_an_unknown_key_is_refused_in_one_line(values, key, hint):
    values = values if "task" in values else dict({"hessian": []}, **values)
    message = refusal(values)
    assert message.startswith(key + ": unknown key")
    assert message.count("\n") == 0 and hint in message


@pytest.mark.parametrize(
    "name, options",
    [
        ("sequential_mnist", {"test_noise": 0.0}),
        (
            "pixelwise_mnist",
            {
                "encoding": "threshold",
                "n_inputs": 80,
                "repeat": 1,
                "downsample": 1,
                "test_noise": 0.0,
            },
        ),
        (
            "store_recall",
            {
                "n_symbols": 12,
                "symbol_steps": 200,
                "group_size": 25,
                "input_rate": 50.0,
                "cue_probability": 1 / 7,
            },
        ),
        (
            "evidence_accumulation",
            {
                "n_cues": 7,
                "cue_steps": 100,
                "cue_interval": 150,
                "delay": 800,
                "recall_steps": 150,
                "n_train": 64,
            },
        ),
    ],
)
def test_the_options_of_a_task_have_the_published_values_as_defaults(name, options):
    assert parse_study(task(name)).task == dict(options, tests={}, name=name)


@pytest.mark.parametrize("name, noise", [("pattern_generation", 0.75), ("delayed_match", 1.8)])
def test_drawn_tasks_have_one_instance_and_a_noisy_test_unless_they_are_told(name, noise):
    study = parse_study(task(name))
    assert study.task["instance"] == "fixed"
    assert study.task["tests"] == {"noisy_test": {"noise": noise}}
    assert study.splits == ("train", "validation", "test", "noisy_test")
    given = {"other": {"noise": 2}}
    study = parse_study(task(name, tests=given, instance="by_seed"))
    assert study.task["tests"] == given and isinstance(study.task["tests"]["other"]["noise"], float)
    assert study.splits[3:] == ("other",) and study.task["instance"] == "by_seed"
    assert parse_study(task(name, tests={})).splits == ("train", "validation", "test")


def test_columns_and_labels_of_a_further_test_follow_from_its_name():
    tests = {"noisy_test": NOISE, "long_delay": {"delay": 20}}
    study = parse_study(task("delayed_match", tests=tests))
    found = {column.name: column.label for column in trajectories_columns(study)}
    expected = {
        "test_accuracy": "test accuracy",
        "noisy_test_accuracy": "noisy test accuracy",
        "long_delay_accuracy": "long delay accuracy",
        "generalization_gap_accuracy": "training \N{MINUS SIGN} test accuracy",
        "noisy_generalization_gap_accuracy": "training \N{MINUS SIGN} noisy test accuracy",
        "long_delay_generalization_gap_accuracy": "training \N{MINUS SIGN} long delay accuracy",
    }
    of_accuracy = {name: label for name, label in found.items() if label.endswith("accuracy")}
    del of_accuracy["train_accuracy"], of_accuracy["validation_accuracy"]
    assert of_accuracy == expected
    assert "noisy_test_accuracy_se" in found and "long_delay_accuracy_se" in found


def test_the_kind_of_loss_decides_its_label_and_unit():
    columns = {
        (name, kind): {column.name: column for column in trajectories_columns(study)}
        for kind in ("task", "squared_error")
        for name in ("store_recall", "delayed_match", "pattern_generation")
        for study in [parse_study(dict(task(name), loss={"kind": kind}))]
    }
    for name in ("store_recall", "delayed_match"):
        assert columns[name, "task"]["train_loss"].axis == "training cross entropy (nats)"
        assert columns[name, "squared_error"]["train_loss"].axis == "training squared error"
        accuracy = columns[name, "task"]["test_accuracy"]
        assert columns[name, "squared_error"]["test_accuracy"] == accuracy
    for kind in ("task", "squared_error"):  # it is the task's own
        column = columns["pattern_generation", kind]["train_loss"]
        assert column.axis == "training mean squared error"
    study = parse_study(dict(task("delayed_match"), loss={"kind": "squared_error"}))
    accuracy = columns["delayed_match", "task"]["test_accuracy"]
    assert chance_of(study, accuracy) == 0.5


def test_conditions_may_have_other_tests_and_losses_under_the_same_columns():
    conditions = {
        "bptt": {},
        "other": {
            "learning_rule": "bptt",
            "task": {"tests": {"noisy_test": {"noise": 3}}},
            "loss": {"kind": "squared_error"},
        },
    }
    study = parse_study(dict(task("delayed_match"), conditions=conditions))
    assert study.setup("other").task["tests"] == {"noisy_test": {"noise": 3.0}}
    columns = {column.name: column for column in trajectories_columns(study)}
    assert columns["train_loss"].axis == "training loss"
    assert columns["noisy_test_loss"].axis == "noisy test loss"
    conditions["other"]["task"]["tests"]["far"] = {"delay": 30}
    message = refusal(dict(task("delayed_match"), conditions=conditions))
    assert message.startswith('conditions.other.task.tests.far: "far" is not possible; allowed: a ')
    assert message.count("\n") == 0


def test_training_may_stop_by_any_split_of_the_task():
    for split in ("train", "noisy_test"):
        stop = {"measure": "loss", "below": 0.3, "split": split}
        values = dict(task("delayed_match"), training={"batch_size": 1, "stop": stop})
        assert parse_study(values).training.stop == stop
    values["task"]["tests"] = {}
    key = "training.stop.split"
    assert refusal(values).startswith(key + ': "noisy_test" is not possible; allowed: a split of ')


OF_ADAPTATION = {"n_adaptive": 0, "tau_adaptation": 30.0, "beta": 1.8}
OF_SPIKES = {"refractory_steps": 0, "dampening": 0.3, "input_noise": 0.0}


@pytest.mark.parametrize(
    "name, options",
    [
        ("rate", dict(OF_ADAPTATION, tau_m=0.01, threshold=0.0)),
        ("lif", dict(OF_SPIKES, tau_m=20.0, threshold=0.01)),
        ("alif", dict(OF_SPIKES, tau_m=20.0, threshold=0.01, **OF_ADAPTATION)),
    ],
)
def test_neurons_may_be_a_name_alone_and_have_the_defaults_of_their_model(name, options):
    for neurons in (name, {"name": name}):
        found = parse_study({"network": {"neurons": neurons}, "hessian": []})
        assert found.network.neurons == dict(options, name=name)
        assert found.setup().spiking == (name != "rate")
    found = network_settings(neurons={"name": name, "tau_m": 7}).neurons
    assert found == dict(options, name=name, tau_m=7.0) and isinstance(found["tau_m"], float)


def test_neurons_without_a_name_are_rate_units():
    assert parse_study({}).network.neurons["name"] == "rate"
    neurons = parse_study({"network": {"neurons": {"beta": 2}}}).network.neurons
    assert (neurons["name"], neurons["beta"]) == ("rate", 2.0)


def test_spiking_units_have_no_hessian_but_an_alignment():
    study = parse_study(dict(SPIKING, dynamics=[{}]))
    assert study.hessian == () and study.dynamics[0]["quantities"] == [{"name": "alignment"}]


def test_a_hessian_by_a_bias_that_the_task_does_not_have_is_refused():
    message = refusal({"task": "store_recall", "hessian": [{}, {"block": "b_out"}]})
    assert message == 'hessian.1.block: "b_out": the task has no readout bias; choose another block'
    study = parse_study({"task": "store_recall", "hessian": [{"block": "all"}]})
    assert study.hessian[0]["block"] == "all"


def test_what_depends_on_a_wrong_value_is_not_complained_of():
    """Nor is a value twice: a contradiction is one between values that are possible."""
    wrong = {"hessian": [{"samples": 6000, "split": "validations"}], "baseline": "a"}
    wrong.update(network={"n_units": 1, "neurons": {"n_adaptive": 200}}, conditions={"a b": {}})
    wrong["conditions"]["bptt"] = {"iterations": 0, "checkpoint_every": 7}
    wrong["conditions"]["other"] = {"learning_rule": "bppt", "label": "BPTT"}
    wrong["task"] = {"name": "evidence_accumulation", "n_cues": 4, "n_train": 126}
    assert [line.partition(": ")[0] for line in refusal(wrong).splitlines()] == [
        "conditions.a b",
        "conditions.a b.learning_rule.name",
        "conditions.bptt.iterations",
        "conditions.other.learning_rule.name",
        "hessian.0.split",
        "network.n_units",
        "task.n_cues",
    ]


W_REC = {
    "block": "w_rec",
    "split": "validation",
    "samples": 256,
    "quantities": [
        {"name": "extremes", "ends": "both", "k": 1, "vectors": False, "tolerance": 1e-3}
    ],
}


def test_entries_of_the_hessian_have_their_defaults():
    assert parse_study({}).hessian == (W_REC,)
    extremes = {"name": "extremes", "ends": "both", "k": 1, "vectors": False}
    quantities = [dict(extremes, tolerance=0.01)]
    entries = [{"split": "test"}, {"block": "all", "samples": 10, "quantities": quantities}]
    study = parse_study({"hessian": [*entries, {"quantities": ["extremes"]}]})
    assert study.hessian == (
        dict(W_REC, split="test"),
        dict(W_REC, block="all", samples=10, quantities=quantities),
        W_REC,
    )
    of_network = study.network_settings()
    assert sorted(of_network) == ["loss", "network", "task", "tensorflow"]
    assert list(study.entries("hessian")) == ["w_rec_test", "all_validation", "w_rec_validation"]
    for name, entry in study.entries("hessian").items():
        settings = study.entry_settings("hessian", name)
        assert len(settings.pop("code_hash")) == 64
        assert settings == dict(of_network, hessian=entry)


def test_conditions_whose_names_differ_by_case_alone_are_refused():
    conditions = {name: {"learning_rule": "bptt", "label": name} for name in ("bptt", "BPTT")}
    assert refusal({"conditions": conditions}) == (
        'conditions.BPTT: "BPTT" is not possible; allowed: a name that differs from bptt by more '
        "than case"
    )


def test_names_that_are_too_long_together_are_refused():
    long = "".join(f"{number:02}_" for number in range(34))[:100]
    values = {"name": long, "conditions": {long: {"learning_rule": "bptt"}}}
    assert parse_study(values).name == long
    assert refusal({**values, "hessian": [{"name": long}]}) == (
        f"conditions.{long}: has 300 characters with the names of study and entry, one folder's "
        "name on Slurm; allowed: at most 240"
    )


def test_two_entries_of_one_name_are_refused():
    named = {"name": "more", "samples": 10}
    for place, name, entries in [
        (2, "w_rec_validation", [{}, {"block": "w_in"}, {"samples": 10}]),
        (1, "more", [named, {"name": "more"}]),
        (1, "w_in_test", [{"name": "w_in_test"}, {"block": "w_in", "split": "test"}]),
        (1, "MORE", [named, {"name": "MORE"}]),  # one folder, where case does not count
    ]:
        assert refusal({"hessian": entries}) == (
            f'hessian.{place}: "{name}" is the name of hessian.0, too; give one of them another '
            "`name`, or list all quantities in one entry"
        )
    study = parse_study({"hessian": [{}, {"block": "w_in"}, named]})
    assert list(study.entries("hessian")) == ["w_rec_validation", "w_in_validation", "more"]


DYNAMICS = {"checkpoints": 10, "seeds": 2, "quantities": ["alignment"]}


def test_entries_of_dynamics_depend_on_the_rule_and_not_on_the_seeds():
    study = parse_study({"dynamics": [DYNAMICS], "seeds": [5, 3, 8]})
    assert parse_study({}).dynamics == ()
    (entry,) = study.dynamics
    assert study.seeds_of(entry) == (5, 3) and study.seeds_of(W_REC) == (5, 3, 8)
    assert study.seeds_of(dict(entry, seeds=9)) == (5, 3, 8)
    settings = study.entry_settings("dynamics", "w_rec_validation", "three_factor")
    assert settings["learning_rule"]["name"] == "three_factor"
    assert settings["training"]["batch_size"] == 256
    assert settings["dynamics"]["checkpoints"] == 10 and "seeds" not in settings["dynamics"]
    more = parse_study({"dynamics": [dict(DYNAMICS, seeds=3)]})
    assert more.entry_settings("dynamics", "w_rec_validation", "three_factor") == settings
    with pytest.raises(ConfigError, match="conditions: has no three-factor; there are: bptt"):
        study.entry_settings("dynamics", "w_rec_validation", "three-factor")
    with pytest.raises(ConfigError, match="dynamics: has no entry none; there are: w_rec_valid"):
        study.entry_settings("dynamics", "none", "bptt")


def test_the_hessian_does_not_depend_on_the_rule():
    study = parse_study({"dynamics": [DYNAMICS]})
    settings = study.entry_settings("hessian", "w_rec_validation", "three_factor")
    assert settings == study.entry_settings("hessian", "w_rec_validation")
    assert "learning_rule" not in settings and "training" not in settings


@pytest.mark.parametrize("key", ["l1", "temperature"])
def test_what_only_deep_r_has_is_refused_without_rewiring_even_under_dales_law(key):
    for network in ({}, {"excitatory": 0.75}, {"excitatory": "none"}):
        for rewiring in ({key: 0.5}, {key: 0.5, "connectivity": 1}):
            assert refusal({"network": dict(network, rewiring=rewiring)}) == (
                f"network.rewiring.{key}: 0.5 is not possible; allowed: 0, since only rewired "
                "weights have it (network.rewiring.connectivity below 1)"
            )
        found = parse_study({"network": dict(network, rewiring={key: 0.5, "connectivity": 0.1})})
        assert found.network.rewiring[key] == 0.5
        assert parse_study({"network": dict(network, rewiring={key: 0})}).network.rewiring == {
            "connectivity": 1.0,
            "l1": 0.0,
            "temperature": 0.0,
        }


def test_every_mistake_has_its_own_line():
    network = {"n_units": 0, "neurons": {"beta": -1}}
    lines = refusal({"seeds": 0, "network": network}).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "network.n_units",
        "network.neurons.beta",
        "seeds",
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "cannot be read"),
        (b"\xff\xfe\xff", "cannot be read"),
        (b"name: [", "not valid YAML"),
        (b"just words", "the configuration: "),
        (b"- name", "the configuration: "),
        (b"seeds: 0", "seeds: 0 is not possible"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmpdir, content, message):
    path = str(tmpdir.join("study.yaml"))
    if content is not None:
        tmpdir.join("study.yaml").write(content, "wb")
    with pytest.raises(ConfigError) as caught:
        read_study(path)
    assert path in str(caught.value) and message in str(caught.value)


def test_what_is_left_out_has_its_default_and_a_whole_number_may_be_written_with_a_point(tmpdir):
    (path,) = write_files(tmpdir, study={"network": {"n_units": 64.0}, "seeds": [3, 1]})
    study = read_study(path)
    assert study.network.n_units == 64 and isinstance(study.network.n_units, int)
    assert study.seeds == (3, 1)
    assert study._replace(network=None, seeds=None) == parse_study({})._replace(
        network=None, seeds=None
    )


@pytest.mark.parametrize("value, meant", [(0.75, 0.75), (1, 1.0), ("none", "none")])
def test_of_a_key_with_several_types_a_value_keeps_its_own(value, meant):
    found = parse_study({"network": {"excitatory": value}}).network.excitatory
    assert found == meant and type(found) is type(meant)


def test_seeds_may_be_written_with_a_point():
    assert parse_study({"seeds": 2.0}).seeds == (1, 2)
    assert parse_study({"seeds": [2.0, 7]}).seeds == (2, 7)


def test_seeds_may_be_a_first_and_a_last():
    assert parse_study({"seeds": "201-204"}) == parse_study({"seeds": [201, 202, 203, 204]})


def test_a_key_that_is_no_text_is_refused_in_one_line():
    assert refusal({3: 1}).startswith("3: unknown key") and "\n" not in refusal({3: 1})
    message = refusal({"conditions": {5: {"learning_rule": "bptt"}}})
    assert message.startswith("conditions.5: 5 is not possible; ") and "\n" not in message


SWEEP = {
    "loss": {"l2": 0.5},
    "training": {"learning_rate": 0.01, "batch_size": 20},
    "conditions": {
        "bptt": {},
        "slow": {
            "learning_rule": "bptt",
            "training": {"learning_rate": 0.001},
            "iterations": 30,
            "checkpoint_every": 10,
        },
        "adam": {"learning_rule": {"name": "bptt"}, "training": {"optimiser": "adam"}},
        "local": {"learning_rule": "three_factor", "label": "of the unit"},
        "local_decay": {
            "learning_rule": "three_factor",
            "training": {"parts": {"step_decay": {"factor": 0.5, "every": 4000}}},
        },
        "local_sam": {"learning_rule": "three_factor", "training": {"parts": {"sam": {}}}},
        "local_fast": {"learning_rule": "three_factor", "training": {"learning_rate": 0.1}},
    },
}


@pytest.mark.parametrize(
    "settings, options",
    [(NetworkSettings, NETWORK), (LossSettings, LOSS), (TrainingSettings, TRAINING)],
)
def test_typed_settings_have_the_fields_that_are_declared_as_options(settings, options):
    assert settings._fields == tuple(options)


def test_conditions_have_free_names_rules_overrides_and_labels():
    study = parse_study(SWEEP)
    assert list(study.conditions) == list(SWEEP["conditions"])
    assert {name: c.learning_rule["name"] for name, c in study.conditions.items()} == {
        "bptt": "bptt",
        "slow": "bptt",
        "adam": "bptt",
        "local": "three_factor",
        "local_decay": "three_factor",
        "local_sam": "three_factor",
        "local_fast": "three_factor",
    }
    assert [condition.label for condition in study.conditions.values()] == [
        "BPTT",
        "BPTT, learning rate 0.001",
        "BPTT, optimiser adam",
        "of the unit",
        "three-factor, step decay factor 0.5 every 4000",
        "three-factor, sam rho 0.05 ascent rule",
        "three-factor, learning rate 0.1",
    ]
    assert study.setup("bptt").training == study.training
    assert study.setup("slow").training == study.training._replace(learning_rate=0.001)
    slow = study.conditions["slow"]
    assert (slow.iterations, slow.checkpoint_every) == (30, 10)
    assert study.conditions["adam"][5:7] == (10000, 250)


def test_a_condition_stops_where_the_study_does_unless_it_says_otherwise():
    stop, own = {"measure": "accuracy", "above": 0.95}, {"measure": "loss", "below": 1}
    conditions = {"bptt": {}, "three_factor": {"training": {"stop": own}, "label": "own"}}
    study = parse_study({"training": {"stop": stop}, "conditions": conditions})
    assert study.conditions["bptt"].training == {} and study.conditions["bptt"].label == "BPTT"
    assert study.setup("bptt").training.stop == stop
    assert study.setup("three_factor").training.stop == own
    assert parse_study({}).training.stop == {}


def test_the_settings_of_a_run_are_those_of_its_condition():
    study = parse_study(SWEEP)
    settings = study.training_settings("slow", 3)
    assert len(settings.pop("code_hash")) == 64
    assert settings == {
        "condition": "slow",
        "seed": 3,
        "learning_rule": {"name": "bptt"},
        "iterations": 30,
        "checkpoint_every": 10,
        "tensorflow": "1.12",
        "task": {"name": "sequential_mnist", "test_noise": 0.0, "tests": {}},
        "network": dict(study.network._asdict()),
        "loss": {"kind": "task", "l2": 0.5, "rate_cost": 0.0, "target_rate": 10.0},
        "training": dict(study.training._asdict(), learning_rate=0.001),
    }


def test_the_threshold_is_that_of_gradient_descent_at_one_learning_rate():
    study = parse_study(SWEEP)
    assert {name: study.setup(name).threshold() for name in study.conditions} == {
        "bptt": 200.0,
        "slow": 2000.0,
        "adam": None,
        "local": 200.0,
        "local_decay": None,
        "local_sam": None,
        "local_fast": 20.0,
    }
    at = [study.setup("local_decay").threshold(i) for i in (0, 3999, 4000, 8000)]
    assert at == [200.0, 200.0, 400.0, 800.0]
    assert study.setup("local_sam").threshold(0) is study.setup("adam").threshold(0) is None
    ramp = {"training": {"parts": {"ramp": {"start": 0}}}}
    assert parse_study(ramp).setup("bptt").threshold(0) == INF  # the learning rate is 0


def test_parts_are_absent_unless_they_are_given_and_a_condition_adds_its_own():
    conditions = {"bptt": {}, "three_factor": {"training": {"parts": {"pull": {}}}}}
    longer = {"parts": {"cosine": {"iterations": 200}}}
    conditions["longer"] = {"learning_rule": "bptt", "training": longer}
    conditions["some"] = {"learning_rule": "bptt", "training": {"trainable": ["w_in", "w_rec"]}}
    parts = {"cosine": {"iterations": 100}}
    study = parse_study({"training": {"parts": parts}, "conditions": conditions})
    cosine = {"cosine": {"iterations": 100, "final": 0.0}}
    pull = {**cosine, "pull": {"strength": 0.01}}
    longer = {"cosine": {"iterations": 200, "final": 0.0}}
    found = {name: study.setup(name).training.parts for name in conditions}
    assert found == {"bptt": cosine, "three_factor": pull, "longer": longer, "some": cosine}
    assert [study.setup(name).training.trainable for name in ("bptt", "some")] == [
        "all",
        ["w_in", "w_rec"],
    ]
    assert [condition.label for condition in study.conditions.values()] == [
        "BPTT",
        "three-factor, pull strength 0.01",
        "BPTT, cosine iterations 200",
        "BPTT, trainable w_in w_rec",
    ]
    assert parse_study({}).training.parts == {}


def test_the_baseline_is_the_first_condition_unless_it_is_named():
    assert parse_study(SWEEP).baseline == "bptt"
    assert parse_study(dict(SWEEP, baseline="slow")).baseline == "slow"
    message = refusal(dict(SWEEP, baseline="slwo"))
    assert message.startswith('baseline: "slwo" is not possible; allowed: one of the conditions ')
    assert message.endswith(" (did you mean slow?)") and "\n" not in message


@pytest.mark.parametrize(
    "labels", [({}, {}), ({"label": "BPTT"}, {"label": "BPTT"}), ({}, {"label": "BPTT"})]
)
def test_conditions_with_one_label_are_refused(labels):
    bptt, other = (dict(label, learning_rule="bptt") for label in labels)
    assert refusal({"conditions": {"bptt": bptt, "other": other}}) == (
        'conditions.other.label: "BPTT" is the label of bptt, too; give one of them another `label`'
    )


def test_a_misspelt_rule_and_all_other_problems_come_in_one_answer():
    conditions = {
        "fast": {"learning_rule": "bppt"},
        "bptt": {"iterations": 7, "checkpoint_every": 2},
    }
    network = {"neurons": {"n_adaptive": 200}}
    values = {"conditions": conditions, "seeds": 0, "network": network, "tasc": 1}
    lines = refusal(values).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "conditions.bptt.checkpoint_every",
        "conditions.fast.learning_rule.name",
        "network.neurons.n_adaptive",
        "seeds",
        "tasc",
    ]
    assert lines[1].endswith(f"allowed: {RULE_NAMES} (did you mean bptt?)")


@pytest.mark.parametrize(
    "content, key, line",
    [
        ("seeds: 1\nname: a\nseeds: 2\n", "seeds", 3),
        ("conditions:\n  bptt: {}\n  bptt: {iterations: 250}\n", "bptt", 3),
    ],
)
def test_a_key_that_is_written_twice_is_refused_with_its_line(tmpdir, content, key, line):
    path = tmpdir.join("study.yaml")
    path.write(content)
    with pytest.raises(ConfigError) as caught:
        read_study(str(path))
    message = str(caught.value)
    assert str(path) in message and f"key {key} appears twice" in message
    assert f"line {line}," in message


@pytest.mark.parametrize("text, meaning", [("[010]", "8"), ("1:30", "90"), ("1:30.5", "90.5")])
def test_a_number_that_means_another_in_yaml_is_refused_with_its_line(tmpdir, text, meaning):
    path = tmpdir.join("study.yaml")
    path.write("name: a\nseeds: " + text + "\n")
    with pytest.raises(ConfigError) as error:
        read_study(str(path))
    number = text.strip("[]")
    assert f'not valid YAML: {number} means {meaning}; write that, or "{number}"' in str(
        error.value
    )
    assert "line 2" in str(error.value)


class Damped(LearningRule):
    """A rule with an option."""

    options = {"gain": number("What it does.", 0.5, least=0, most=1)}

    def __init__(self, gain):
        self.gain = gain

    @property
    def label(self):
        return f"damped by {self.gain:g}"


@pytest.fixture
def damped(monkeypatch):
    monkeypatch.setitem(LEARNING_RULES, "damped", Damped)


@pytest.mark.parametrize(
    "condition, gain",
    [
        ({}, 0.5),
        ({"learning_rule": "damped"}, 0.5),
        ({"learning_rule": {"name": "damped"}}, 0.5),
        ({"learning_rule": {"name": "damped", "gain": 1}}, 1.0),
        ({"learning_rule": {"gain": 0.25}}, 0.25),
    ],
)
def test_a_rule_is_made_with_its_options(damped, condition, gain):
    study = parse_study({"conditions": {"damped": condition}})
    assert study.conditions["damped"].label == f"damped by {gain:g}"
    rule = study.training_settings("damped", 1)["learning_rule"]
    assert rule == {"name": "damped", "gain": gain} and isinstance(rule["gain"], float)
    assert isinstance(new_rule(rule), Damped) and new_rule(rule).gain == gain


@pytest.mark.parametrize(
    "name, option, message",
    [
        ("damped", {"gain": 2}, "gain: 2 is not possible; allowed: a number >= 0 and <= 1"),
        ("damped", {"gian": 1}, "gian: unknown key (did you mean gain?); allowed: gain, name"),
        ("bptt", {"gain": 1}, "gain: unknown key; allowed: name"),
    ],
)
def test_an_impossible_option_of_a_rule_is_refused(damped, name, option, message):
    rule = dict(option, name=name)
    found = refusal({"conditions": {"a": {"learning_rule": rule}}})
    assert found == "conditions.a.learning_rule." + message


def test_a_sweep_can_be_over_a_number_of_a_rule(damped):
    rules = {"weak": {"name": "damped", "gain": 0.1}, "strong": {"name": "damped", "gain": 0.9}}
    study = parse_study({"conditions": {name: {"learning_rule": rules[name]} for name in rules}})
    sweep = sweeps_of(study)["gain"]
    assert sweep.lines == [{0.1: "weak", 0.9: "strong"}]
    assert (sweep.keys, sweep.column.axis) == (["learning_rule.gain"], "gain")


def test_a_condition_that_stops_elsewhere_says_so_in_its_label():
    stop = {"measure": "accuracy", "above": 0.5}
    study = parse_study({"conditions": {"bptt": {"training": {"stop": stop}}}})
    assert study.conditions["bptt"].label == "BPTT, stop measure accuracy above 0.5"


def test_what_a_study_does_not_have_is_refused_with_what_it_has():
    study = parse_study({"seeds": [1, 3]})
    for ask, message in [
        (
            lambda: study.training_settings("btpt", 1),
            "has no btpt; there are: bptt, three_factor (",
        ),
        (lambda: study.training_settings("bptt", 2), "seeds: has no run with seed 2; there are: "),
        (lambda: study.trial_settings("x"), "conditions: has no x; there are: bptt, three_factor"),
        (
            lambda: study.entry_settings("hessian", "all_test"),
            "hessian: has no entry all_test; there are: ",
        ),
    ]:
        with pytest.raises(ConfigError) as error:
            ask()
        assert message in str(error.value)


def write_files(folder, **studies):
    """Write configuration files into a folder; return their paths."""
    paths = []
    for name, values in studies.items():
        paths.append(str(folder.join(name + ".yaml")))
        folder.join(name + ".yaml").write(json.dumps(values))
    return paths


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"conditions": {"NA": {"learning_rule": "bptt"}, "null": {"learning_rule": "rflo"}}},
        dict(SPIKING, task="store_recall", dynamics=[{"seeds": 1}], seeds=[7, 3]),
        {
            "training": {"stop": {"measure": "loss", "below": 1}},
            "conditions": {"step_length": {"training": {"learning_rate": 1e-7}, "label": "1: 2"}},
        },
    ],
)
def test_a_study_that_is_written_is_read(tmpdir, values):
    path, study = str(tmpdir.join("folder", "config.yaml")), parse_study(values)
    write_study(path, study)
    assert read_study(path) == study
    # A study in a file leaves nothing to a default.
    with open(path) as stream:
        assert yaml.safe_load(stream) == json.loads(json.dumps(as_mapping(study)))


def test_learning_rules_have_the_names_of_papers_too():
    names = {"eprop": {}, "mine": {"learning_rule": "eprop_random"}}
    names["other"] = {"learning_rule": {"name": "eprop", "feedback": "signs"}}
    conditions = parse_study({"conditions": names}).conditions
    rules = [condition.learning_rule["name"] for condition in conditions.values()]
    assert rules == ["three_factor", "rflo", "three_factor"]
    same = parse_study({"conditions": {"eprop": {"learning_rule": "three_factor"}}})
    assert same.conditions["eprop"] == conditions["eprop"]


def test_a_study_is_a_suite_of_one():
    assert studies_of({"seeds": 2}) == {"sequential_mnist": parse_study({"seeds": 2})}


def test_a_suite_has_the_studies_of_its_files_with_what_it_says_for_all(tmpdir):
    a, b = {"name": "a", "seeds": 3}, {"name": "b", "loss": {"l2": 0.5}}
    files = write_files(tmpdir, a=a, b=b)
    suite = studies_of({"studies": files})
    assert list(suite.items()) == [("a", parse_study(a)), ("b", parse_study(b))]
    suite = studies_of({"studies": files, "tensorflow": "2", "seeds": 2})
    assert suite["a"] == parse_study(dict(a, tensorflow="2", seeds=2))
    assert suite["b"] == parse_study(dict(b, tensorflow="2", seeds=2))


def test_a_suite_adds_conditions_to_each_of_its_studies(tmpdir):
    a = {"name": "a", "conditions": {"bptt": {}}, "sweep": {"loss.l2": [0, 0.5]}}
    files = write_files(tmpdir, a=a, b={"name": "b"})
    suite = studies_of({"studies": files, "conditions": {"rflo": {"iterations": 500}}})
    assert list(suite["a"].conditions) == ["bptt_l2_0", "bptt_l2_0.5", "rflo_l2_0", "rflo_l2_0.5"]
    assert list(suite["b"].conditions) == ["bptt", "three_factor", "rflo"]
    assert suite["a"].conditions["rflo_l2_0.5"].iterations == 500


@pytest.mark.parametrize(
    "values, messages",
    [
        (
            {"studies": []},
            ["allowed: a non-empty list of distinct, non-empty strings"],
        ),
        ({"studies": "a.yaml"}, ['studies: "a.yaml" is not possible']),
        ({"studies": ["nowhere.yaml"]}, ["nowhere.yaml: cannot be read"]),
        ({"studies": ["{4}"]}, ["{4}:\nthe configuration: [1] is not possible; allowed: a map"]),
        ({"studies": ["{0}"], "sedes": 1}, ["sedes: unknown key (did you mean seeds?)"]),
        (
            {"studies": ["{0}"], "condition": {}},
            ["condition: unknown key (did you mean conditions?); allowed: claims, conditions, "],
        ),
        ({"studies": ["{0}"], "seeds": 0}, ["seeds: 0 is not possible"]),
        (
            {"studies": ["{0}", "{1}"]},
            ['name: "A" is the name of {0}, too; choose another'],
        ),
        (
            {"studies": ["{2}", "{0}", "{3}"]},
            ["{2}:\nloss.l2: -1 is not possible", "{3}:\nstudies: a suite, not a study"],
        ),
        (
            {"studies": ["{5}"], "conditions": {"bptt": {}}},
            ["{5}:\nconditions.bptt: the suite and the study have one of this name"],
        ),
        ({"studies": ["{0}"], "conditions": []}, ["conditions: [] is not possible; allowed: a"]),
        (
            {"studies": ["{0}"], "conditions": {"rflo": {"iteration": 1}}},
            ["{0}:\nconditions.rflo."],
        ),
    ],
)
def test_an_impossible_suite_is_refused_with_all_that_is_wrong(tmpdir, values, messages):
    files = write_files(
        tmpdir,
        a={"name": "a"},
        same={"name": "A", "seeds": 2},
        wrong={"name": "w", "loss": {"l2": -1}},
        nested={"studies": ["x.yaml"]},
        values=[1],
        own={"name": "o", "conditions": {"bptt": {}}},
    )
    if isinstance(values["studies"], list):
        values = dict(values, studies=[path.format(*files) for path in values["studies"]])
    with pytest.raises(ConfigError) as error:
        studies_of(values)
    for message in messages:
        assert message.format(*files) in str(error.value)


def test_a_suite_can_be_that_of_a_profile_which_changes_no_study(tmpdir):
    files = write_files(tmpdir, a={"name": "a"})
    suite = studies_of({"studies": files, "profile": {"name": "mine", "tasks": ["x"]}})
    assert suite == {"a": parse_study({"name": "a"})}
    with pytest.raises(ConfigError, match="profile: needs both name and tasks"):
        studies_of({"studies": files, "profile": {"name": "mine"}})


def test_a_suite_is_no_study(tmpdir):
    (path,) = write_files(tmpdir, suite={"studies": ["a.yaml"]})
    with pytest.raises(ConfigError) as error:
        read_study(path)
    assert "studies: a suite, not a study" in str(error.value)


def test_values_of_the_command_line_are_those_of_a_file():
    typed = {
        "tensorflow=2": "2",
        "tensorflow=1.12": "1.12",
        'tensorflow="2"': "2",
        "name=2024": "2024",
        "data=a: b": "a: b",
        "baseline=null": "null",
        "seeds=3": 3,
        "seeds=[1,2,7]": [1, 2, 7],
        "training={learning_rate: 1.0e-3, optimiser: adam}": {
            "learning_rate": 0.001,
            "optimiser": "adam",
        },
        "hessian=[{samples: 32}]": [{"samples": 32}],
        "studies=[a.yaml]": ["a.yaml"],
        "sedes={": "{",
    }
    for argument, value in typed.items():
        assert command_line_values([argument]) == {argument.partition("=")[0]: value}
    assert command_line_values(["seeds=1", "name=a"]) == {"seeds": 1, "name": "a"}


def test_settings_of_training_are_checked_without_a_study():
    assert training_settings(learning_rate=1).learning_rate == 1.0
    assert training_settings() == parse_study({}).training
    with pytest.raises(ConfigError, match="did you mean learning_rate"):
        training_settings(learning_rat=1)
