"""Configurations that are refused, each with one line: key, value, and what is allowed."""

import os

import pytest
import yaml

from lsnn.config import parse_study, read_study
from lsnn.errors import ConfigError

NAN, INF = float("nan"), float("inf")


def at(path, value):
    """Return a configuration with one key, such as ``at("network.n_units", 0)``."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


# key, wrong value, what the message says is allowed
WRONG_VALUES = [
    ("name", "", "a text matching"),
    ("name", "a/b", "a text matching"),
    ("name", "../elsewhere", "a text matching"),
    ("name", "two words", "a text matching"),
    ("name", 5, "a text matching"),
    ("name", None, "a text matching"),
    ("name", 101 * "n", "of a length <= 100"),
    ("name", "committed", "any other name"),
    ("tensorflow", "1.13", 'one of "1.12", "2"'),
    ("tensorflow", 1.12, 'one of "1.12", "2"'),
    ("tensorflow", 2, 'one of "1.12", "2"'),
    ("data", "", "a text matching"),
    ("data", ["a"], "a text"),
    ("task", "sequential_mnist", "a mapping"),
    ("task.name", "sequential_cifar", "one of pixelwise_mnist, sequential_mnist, store_recall"),
    ("task.name", 3, "a text"),
    ("network", [], "a mapping"),
    ("network.neurons", "spiking", "one of alif, lif, rate"),
    ("network.n_units", 0, "a whole number >= 2"),
    ("network.n_units", 12.5, "a whole number >= 2"),
    ("network.n_units", "128", "a whole number >= 2"),
    ("network.n_units", 1000000, "<= 100000"),
    ("network.n_units", True, "a whole number >= 2"),
    ("network.n_adaptive", -1, "a whole number >= 0"),
    ("network.n_adaptive", 129, "at most network.n_units = 128"),
    ("network.tau_m", 0, "a number > 0"),
    ("network.tau_m", "10 ms", "a number > 0"),
    ("network.tau_out", -1.0, "a number > 0"),
    ("network.tau_out", NAN, "a finite number"),
    ("network.threshold", INF, "a number >= 0"),
    ("network.tau_adaptation", None, "a number > 0"),
    ("network.beta", -0.1, "a number >= 0"),
    ("training.learning_rate", 0, "a number > 0"),
    ("training.learning_rate", "1e-3", "1.0e-3"),
    ("training.learning_rate", [0.01, 0.02], "a number > 0"),
    ("training.learning_rate", NAN, "a finite number"),
    ("training.batch_size", 0, "a whole number >= 1"),
    ("training.batch_size", 60000, "at most the 55000 examples of split train"),
    ("training.l2", -0.01, "a number >= 0"),
    ("training.optimiser", "rmsprop", 'one of "sgd", "adam"'),
    ("training.decay_factor", 1.5, "<= 1"),
    ("training.decay_every", 0, "a whole number >= 1"),
    ("training.rate_cost", -1, "a number >= 0"),
    ("training.l1", -1, "a number >= 0"),
    ("training.temperature", -1, "a number >= 0"),
    ("training.stop_accuracy", 0, "a number > 0"),
    ("training.l1", 0.1, "0, for only rewired weights"),
    ("training.temperature", 0.1, "0, for only rewired weights"),
    ("curvature", None, 'one of "none", or a mapping'),
    ("learning_rules", {}, "a mapping with at least one key"),
    ("learning_rules", ["bptt"], "a mapping with at least one key"),
    ("learning_rules.backprop", {"iterations": 10, "checkpoint_every": 5}, "one of bptt"),
    ("learning_rules.bptt", 100, "a mapping"),
    ("learning_rules.bptt.iterations", 0, "a whole number >= 1"),
    ("learning_rules.bptt.checkpoint_every", 300, "a divisor of iterations = 10000"),
    ("seeds", 0, "a whole number >= 1"),
    ("seeds", [], "a list of at least one"),
    ("seeds", [1, 1], "all different"),
    ("seeds", [1, -2], "a whole number >= 0"),
    ("seeds", "five", "a whole number >= 1"),
    ("curvature.split", "all", 'one of "train", "validation", "test"'),
    ("curvature.samples", 5001, "at most the 5000 examples of split validation"),
    ("curvature.tolerance", 0, "a number >= 1e-05"),
    ("curvature.parameters", ["w_rec", "w_rec"], "all different"),
    ("curvature.parameters", ["bias"], '"b_out"'),
]

# unknown key, what the message says beside the keys that are known
UNKNOWN_KEYS = [
    ("seed", "did you mean seeds?"),
    ("learning_rate", "allowed: "),
    ("network.n_unit", "did you mean n_units?"),
    ("training.learning_rates", "did you mean learning_rate?"),
    ("learning_rules.bptt.iteration", "did you mean iterations?"),
    ("curvature.rule", "allowed: parameters, samples, split, tolerance"),
    ("task.n_symbols", "allowed: name"),
]

# task, option, wrong value, what the message says is allowed
WRONG_OPTIONS = [
    ("pixelwise_mnist", "encoding", "spikes", 'one of "analog", "threshold"'),
    ("pixelwise_mnist", "n_inputs", 81, "a whole number >= 4 and <= 1000 and a multiple of 2"),
    ("pixelwise_mnist", "n_inputs", 2, "a whole number >= 4"),
    ("pixelwise_mnist", "n_inputs", "80", "a whole number >= 4"),
    ("pixelwise_mnist", "repeat", 0, "a whole number >= 1"),
    ("pixelwise_mnist", "downsample", 4, "one of 1, 2"),
    ("pixelwise_mnist", "test_noise", -0.2, "a number >= 0"),
    ("pixelwise_mnist", "test_noise", NAN, "a finite number"),
    ("store_recall", "n_symbols", 2, "a whole number >= 3"),
    ("store_recall", "symbol_steps", 0, "a whole number >= 1"),
    ("store_recall", "group_size", 2.5, "a whole number >= 1"),
    ("store_recall", "input_rate", 0, "a number > 0"),
    ("store_recall", "input_rate", 1001, "<= 1000"),
    ("store_recall", "cue_probability", 0, "a number >= 1e-06"),
    ("store_recall", "cue_probability", 1, "< 1"),
    ("store_recall", "cue_probability", "1/7", "a number >= 1e-06"),
]

# task, option of another task, its own options
OPTIONS_OF_OTHERS = [
    ("pixelwise_mnist", "n_symbols", "downsample, encoding, n_inputs, name, repeat, test_noise"),
    (
        "store_recall",
        "n_inputs",
        "cue_probability, group_size, input_rate, n_symbols, name, symbol_steps",
    ),
    ("sequential_mnist", "encoding", "name"),
]


def refusal(values):
    with pytest.raises(ConfigError) as caught:
        parse_study(values)
    return str(caught.value)


def test_there_are_at_least_50_wrong_configurations():
    assert len(WRONG_VALUES) + len(UNKNOWN_KEYS) >= 50


@pytest.mark.parametrize("key, value, allowed", WRONG_VALUES)
def test_an_impossible_value_is_refused_in_one_line(key, value, allowed):
    message = refusal(at(key, value))
    assert message.count("\n") == 0
    # The key itself; for a name that a mapping or list has in it, the mapping or list.
    assert message.startswith((key + ": ", key + ".", key.rpartition(".")[0] + ": "))
    assert " is not possible; allowed: " in message and allowed in message


@pytest.mark.parametrize("key, hint", UNKNOWN_KEYS)
def test_an_unknown_key_is_refused_in_one_line(key, hint):
    message = refusal(at(key, 1))
    assert message.startswith(key + ": unknown key")
    assert message.count("\n") == 0 and hint in message


@pytest.mark.parametrize("task, option, value, allowed", WRONG_OPTIONS)
def test_an_impossible_option_of_a_task_is_refused_in_one_line(task, option, value, allowed):
    message = refusal({"task": {"name": task, option: value}})
    assert message.startswith("task.{}: ".format(option)) and message.count("\n") == 0
    assert " is not possible; allowed: " in message and allowed in message


@pytest.mark.parametrize("task, option, own", OPTIONS_OF_OTHERS)
def test_an_option_of_another_task_is_unknown(task, option, own):
    message = refusal({"task": {"name": task, option: 1}})
    assert message.startswith("task.{}: unknown key".format(option))
    assert message.endswith("allowed: " + own) and message.count("\n") == 0


@pytest.mark.parametrize(
    "task, options",
    [
        ("sequential_mnist", {}),
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
    ],
)
def test_the_options_of_a_task_have_the_published_values_as_defaults(task, options):
    assert parse_study({"task": {"name": task}}).task == dict(options, name=task)


SPIKING = {"neurons": "alif", "threshold": 0.01}


def test_curvature_of_spiking_units_is_refused_with_the_reason():
    for curvature in ({}, {"samples": 10}):
        message = refusal({"network": SPIKING, "curvature": curvature})
        assert message.count("\n") == 0 and message.startswith("curvature: ")
        for part in ('"none" for spiking units', "gradient of no loss", "Hessian is not defined"):
            assert part in message
    assert parse_study({"network": SPIKING, "curvature": "none"}).curvature is None


def test_curvature_by_a_bias_that_the_task_does_not_have_is_refused():
    task = {"name": "store_recall"}
    message = refusal({"task": task, "curvature": {"parameters": ["w_rec", "b_out"]}})
    assert message.count("\n") == 0
    assert message.startswith('curvature.parameters: ["w_rec", "b_out"] is not possible; allowed: ')
    assert parse_study({"task": task}).curvature.parameters == ("w_rec",)


@pytest.mark.parametrize(
    "network, message",
    [
        ({"neurons": "lif"}, "network.threshold: 0.0 is not possible; allowed: > 0"),
        (
            {"neurons": "lif", "threshold": 0.1, "n_adaptive": 3},
            "network.n_adaptive: 3 is not possible; allowed: 0 for lif",
        ),
        ({"refractory_steps": 2}, "network.refractory_steps: 2 is not possible; allowed: 0: "),
        ({"input_noise": 0.5}, "network.input_noise: 0.5 is not possible; allowed: 0: "),
        ({"n_delays": 0}, "network.n_delays: 0 is not possible; allowed: a whole number >= 1"),
        ({"connectivity": 0}, "network.connectivity: 0 is not possible; allowed: a number > 0"),
        ({"excitatory": 1.5}, "network.excitatory: 1.5 is not possible; allowed: "),
    ],
)
def test_settings_of_neurons_that_do_not_have_them_are_refused(network, message):
    found = refusal({"network": network, "curvature": "none"})
    assert found.startswith(message) and found.count("\n") == 0


def test_every_mistake_has_its_own_line():
    lines = refusal({"seeds": 0, "network": {"n_units": 0, "beta": -1}}).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "network.beta",
        "network.n_units",
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
    path = os.path.join(str(tmpdir), "study.yaml")
    if content is not None:
        with open(path, "wb") as stream:
            stream.write(content)
    with pytest.raises(ConfigError) as caught:
        read_study(path)
    assert path in str(caught.value) and message in str(caught.value)


def test_what_is_left_out_has_its_default_and_a_whole_number_may_be_written_with_a_point(tmpdir):
    path = os.path.join(str(tmpdir), "study.yaml")
    with open(path, "w") as stream:
        yaml.safe_dump({"network": {"n_units": 64.0}, "seeds": [3, 1]}, stream)
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
