"""Conditions that change anything of a run, and grids of them."""

import copy

import pytest

from lsnn.errors import ConfigError
from lsnn.study.config import parse_study, read_study, write_study
from lsnn.study.outputs import figures_of, trajectories_columns
from lsnn.study.settings import (
    differing_settings,
    scale_of,
    setting_columns,
    setting_values,
    sweeps_of,
)

RULES = {"bptt": {}, "three_factor": {"label": "local"}}
TAU, RATE = "network.neurons.tau_m", "training.learning_rate"
GRID = {"conditions": RULES, "sweep": {TAU: [0.01, 2, 5], RATE: [0.001, 0.01]}}
LEAK = {"leak": [{TAU: tau, "network.tau_out": tau} for tau in (0.01, 5)]}
SMALL = {"task": "delayed_match", "training": {"batch_size": 48}}


def refusal(values):
    with pytest.raises(ConfigError) as error:
        parse_study(copy.deepcopy(values))
    return str(error.value)


def test_a_condition_replaces_parts_of_every_section():
    condition = {
        "learning_rule": "bptt",
        "network": {"neurons": {"tau_m": 3}, "n_units": 10, "rewiring": {"connectivity": 0.5}},
        "task": {"delay": 3},
        "loss": {"l2": 0},
        "training": {"learning_rate": 1},
    }
    own = {"network": {"neurons": {"name": "rate", "beta": 1}, "tau_out": 4}, "loss": {"l2": 2}}
    study = parse_study({**SMALL, **own, "conditions": {"bptt": {}, "small": condition}})
    plain, small = study.setup("bptt"), study.setup("small")
    assert study.setup() == plain
    assert (small.task["delay"], small.task["n_train"]) == (3, 48)
    assert small.network.n_units == 10 and small.network.tau_out == 4
    assert small.network.neurons == dict(plain.network.neurons, tau_m=3.0)
    assert small.network.neurons["beta"] == 1
    assert small.network.rewiring == dict(plain.network.rewiring, connectivity=0.5)
    assert small.loss == plain.loss._replace(l2=0.0)
    assert small.training == plain.training._replace(learning_rate=1.0)
    assert study.conditions["small"].label == (
        "BPTT, delay 3, tau m 3, n units 10, connectivity 0.5, l2 0, learning rate 1"
    )


def test_jobs_of_a_condition_are_given_its_own_network_task_and_loss():
    condition = {"network": {"n_units": 10}, "task": {"delay": 3}, "loss": {"l2": 0}}
    conditions = {"bptt": {}, "three_factor": condition}
    study = parse_study({**SMALL, "conditions": conditions, "dynamics": [{}]})
    settings = [
        study.training_settings("three_factor", 1),
        study.entry_settings("hessian", "w_rec_validation", "three_factor"),
        study.entry_settings("dynamics", "w_rec_validation", "three_factor"),
        study.trial_settings("three_factor"),
    ]
    for of_job in settings:
        assert of_job["network"]["n_units"] == 10
        assert of_job["task"]["delay"] == 3 and of_job["loss"]["l2"] == 0
    assert "learning_rule" not in settings[1]
    assert study.examples_settings()["task"]["delay"] == 12


def test_neurons_of_another_kind_have_their_own_defaults():
    neurons = {"name": "lif", "tau_m": 7}
    condition = {"learning_rule": "bptt", "network": {"neurons": neurons}}
    rate = {"network": {"neurons": {"tau_m": 3, "beta": 9}}, "hessian": []}
    study = parse_study({**rate, "conditions": {"bptt": {}, "spiking": condition}})
    found = study.setup("spiking").network.neurons
    assert (found["name"], found["tau_m"], found["dampening"]) == ("lif", 7.0, 0.3)
    assert "beta" not in found
    assert study.setup("spiking").spiking and not study.setup("bptt").spiking
    assert study.conditions["spiking"].label == "BPTT, lif, tau m 7"
    assert [figure.name for figure in figures_of(study) if figure.kind == "raster"] == [
        "raster_spiking"
    ]


def test_a_grid_crosses_conditions_with_values_and_each_has_its_baseline_there():
    study = parse_study(GRID)
    assert len(study.conditions) == 12
    name = "three_factor_tau_m_5_learning_rate_0.001"
    condition, setup = study.conditions[name], study.setup(name)
    assert condition.baseline == "bptt_tau_m_5_learning_rate_0.001"
    assert condition.label == "local, tau m 5, learning rate 0.001"
    assert setup.learning_rule["name"] == "three_factor"
    assert (setup.network.neurons["tau_m"], setup.training.learning_rate) == (5.0, 0.001)
    assert study.baseline == "bptt_tau_m_0.01_learning_rate_0.001"
    baselines = {of.baseline for of in study.conditions.values()}
    assert baselines == {name for name in study.conditions if name.startswith("bptt")}


@pytest.mark.parametrize("values", [GRID, {**SMALL, "conditions": RULES, "sweep": [LEAK]}])
def test_a_written_study_is_read_as_it_was(values, tmpdir):
    study = parse_study(copy.deepcopy(values))
    write_study(str(tmpdir.join("study.yaml")), study)
    assert read_study(str(tmpdir.join("study.yaml"))) == study


def test_keys_that_move_together_are_one_axis():
    iterations = [{RATE: rate, "iterations": n} for rate, n in ((0.01, 1000), (0.1, 500))]
    sweep = [LEAK, {"rate": iterations}]
    study = parse_study({"conditions": RULES, "sweep": sweep})
    name = "bptt_leak_5_rate_0.1"
    setup = study.setup(name)
    assert (setup.network.neurons["tau_m"], setup.network.tau_out) == (5.0, 5.0)
    assert (setup.training.learning_rate, setup.iterations) == (0.1, 500)
    assert study.axes == {"leak": [TAU, "network.tau_out"], "rate": [RATE, "iterations"]}
    sweeps = sweeps_of(study)
    assert list(sweeps) == ["leak", "rate"]
    assert sweeps["leak"].lines[0] == {
        0.01: "bptt_leak_0.01_rate_0.01",
        5.0: "bptt_leak_5_rate_0.01",
    }
    assert sweeps["rate"].column.name == "learning_rate"
    assert [len(sweep.lines) for sweep in sweeps.values()] == [4, 4]


def test_a_problem_is_told_of_the_condition_whose_name_is_the_longest():
    """One is called bptt_below_0, and another bptt_below_0.1."""
    sweep = {"training.stop.below": [0, 0.1]}
    lines = refusal({"conditions": {"bptt": {}}, "sweep": sweep}).splitlines()
    keys = {line.split(": ")[0] for line in lines}
    assert keys == {"conditions.bptt.training.stop.measure"}


def test_what_conditions_start_from_is_at_the_same_point():
    rules = {"bptt": {}, "three_factor": {"start": {"condition": "bptt"}}}
    study = parse_study({"conditions": rules, "sweep": {RATE: [0.1, 0.01]}})
    start = study.conditions["three_factor_learning_rate_0.1"].start
    assert start == {"condition": "bptt_learning_rate_0.1", "at": "final"}


def test_a_start_is_part_of_the_settings_of_a_run_alone():
    start = {"condition": "bptt", "at": {"train_loss": 0.3}}
    conditions = {"bptt": {}, "on": {"learning_rule": "bptt", "start": start}}
    study = parse_study({"conditions": conditions})
    assert study.training_settings("on", 1)["start"] == start
    assert "start" not in study.training_settings("bptt", 1)
    assert "start" not in study.entry_settings("hessian", "w_rec_validation", "on")
    assert study.conditions["on"].label == "BPTT, from bptt at train loss 0.3"


def test_settings_in_which_conditions_differ_are_columns():
    study = parse_study(GRID)
    assert list(differing_settings(study)) == [TAU, RATE]
    tau, rate = setting_columns(study).values()
    assert (tau.name, tau.axis, tau.scale) == ("tau_m", "tau m (ms)", "linear")
    assert (rate.name, rate.scale) == ("learning_rate", "log")
    assert {"tau_m", "learning_rate"} <= {column.name for column in trajectories_columns(study)}
    values = setting_values(study)
    assert list(values) == [tau, rate]
    assert values[tau]["three_factor_tau_m_5_learning_rate_0.01"] == 5.0


def test_settings_of_one_name_are_told_apart_and_texts_are_categories():
    conditions = {
        "bptt": {"network": {"excitatory": "none"}},
        "modprop": {"learning_rule": {"mu": 0.1}, "network": {"excitatory": 0.8}},
        "modprop_2": {"learning_rule": {"name": "modprop", "mu": 0.2}},
        "adam": {"learning_rule": "bptt", "training": {"optimiser": "adam"}},
    }
    study = parse_study({"conditions": conditions})
    columns = {column.name: column for column in setting_columns(study).values()}
    assert {name: column.kind for name, column in columns.items()} == {
        "excitatory": "text",
        "optimiser": "text",
        "mu": "estimate",
    }
    values = setting_values(study)
    assert values[columns["excitatory"]]["modprop"] == "0.8"
    assert values[columns["mu"]]["modprop_2"] == 0.2
    assert values[columns["mu"]]["bptt"] != values[columns["mu"]]["bptt"]  # nan
    assert sweeps_of(study)["optimiser"].lines == [{"sgd": "bptt", "adam": "adam"}]


def test_a_sweep_is_of_conditions_that_differ_in_one_setting_and_in_length_alone():
    def at(rate, rule="bptt", **others):
        return dict(learning_rule=rule, training={"learning_rate": rate}, **others)

    conditions = {"a": at(0.01), "b": at(0.001, iterations=30, checkpoint_every=10)}
    conditions.update(c=at(0.01, "three_factor"), d=at(0.1, "three_factor"), e=at(0.1, "rflo"))
    sweep = sweeps_of(parse_study({"conditions": conditions}))["learning_rate"]
    assert sweep.lines == [{0.01: "a", 0.001: "b"}, {0.01: "c", 0.1: "d"}]
    assert sweep.conditions == ["a", "b", "c", "d"]
    assert sweeps_of(parse_study({})) == {}
    longer = {"learning_rule": "bptt", "iterations": 20000, "label": "BPTT, longer"}
    assert sweeps_of(parse_study({"conditions": {"bptt": {}, "longer": longer}})) == {}


@pytest.mark.parametrize(
    "values, scale",
    [
        ([0.01, 2, 5, 10], "linear"),
        ([0.001, 0.003, 0.01, 0.03], "log"),
        ([0, 1, 2, 4, 8, 16], "symlog"),
        ([0, 0.1, 2], "symlog"),
        ([0, 0.5], "linear"),
        ([-2, -1], "linear"),
        ([1, 5], "linear"),
        ([0.01, 5], "log"),
    ],
)
def test_the_scale_of_a_setting_is_the_one_on_which_it_is_spaced_evenly(values, scale):
    assert scale_of(values) == scale


TWO = {"conditions": {"bptt": {}, "modprop": {}}}


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"sweep": 3}, "sweep: 3 is not possible; allowed: a mapping with at least one key, or "),
        ({"sweep": []}, "sweep: [] is not possible"),
        ({"sweep": {RATE: []}}, "sweep"),
        ({"sweep": {1: [2, 3]}}, "sweep: {"),
        ({"sweep": {"leak": [{1: 2}, {1: 3}]}}, "sweep.leak: 1 is no key of a condition; name one"),
        ({"sweep": {"network.n_units": [3, 4]}, "baseline": ["bptt"]}, "baseline: ["),
        (
            {"sweep": {"network.n_units": list(range(2, 150))}},
            "sweep: makes 296 conditions; at most 200 are possible, so take fewer values",
        ),
        (
            {"sweep": {"learning_rule.mu": [0.1, 0.2]}},
            "sweep.learning_rule.mu: unknown key; allowed: name (condition bptt)",
        ),
        (
            {"sweep": {"network.n_unit": [3, 4]}},
            "sweep.network.n_unit: unknown key (did you mean n_units?)",
        ),
        (
            {"sweep": {"network.n_units": [-1, 4]}},
            "sweep.network.n_units: -1 is not possible; allowed: a whole number >= 2",
        ),
        (
            {"sweep": [{"leak": [{"network.tau_out": 1}, {TAU: 1}]}]},
            f"sweep.leak: a point sets {TAU}, the first one network.tau_out; let all set the same",
        ),
        (
            {"sweep": [{"leak": [{"network.tau_out": 1}, {"network.tau_out": -1}]}]},
            "sweep.leak.network.tau_out: -1 is not possible; allowed: a number > 0",
        ),
        (
            {"sweep": [{RATE: [1, 2]}, {"rate": [{RATE: 1}, {RATE: 2}]}]},
            f"sweep.rate: {RATE} is swept by {RATE}, too; keep one of them",
        ),
        ({"sweep": {"label": ["a", "b"]}}, "sweep.label: label is no setting of a run"),
        (
            {"sweep": {"network.tau_out": [0.1234567, 0.12345671]}},
            "sweep: two of its conditions would be called bptt_tau_out_0.123457",
        ),
        (
            {"sweep": {"iterations": [300, 500]}},
            "conditions.bptt.checkpoint_every: 200 is not possible; allowed: a divisor of "
            "iterations = 300",
        ),
    ],
)
def test_an_impossible_grid_is_refused_by_the_key_that_was_written(values, expected):
    conditions = {
        name: {"checkpoint_every": 200 if "iterations" in str(values) else 1, "iterations": 1}
        for name in ("bptt", "modprop")
    }
    found = refusal({**values, "conditions": conditions})
    assert found.startswith(expected) and "\n" not in found.replace("\nconditions.modprop", "")


@pytest.mark.parametrize(
    "values, expected",
    [
        (
            {"conditions": {"bptt": {"task": "delayed_match"}}},
            "conditions.bptt.task.name: the task is the study's, sequential_mnist; another one",
        ),
        (
            {"conditions": {"bptt": {"network": {"neurons": "lif"}}}},
            "conditions.bptt: hessian: [",
        ),
        (
            {**SMALL, "conditions": {"bptt": {"task": {"n_train": 20}}, "three_factor": {}}},
            "conditions.bptt: training.batch_size: 48 is not possible; allowed: at most the 20 ",
        ),
        (
            {"conditions": {"bptt": {"network": {"neurons": {"tau_ref": 1}}}}},
            "conditions.bptt.network.neurons.tau_ref: unknown key (did you mean tau_m?); allowed: ",
        ),
        (
            {"conditions": {"bptt": {"network": {"neurons": {"n_adaptive": 500}}}}},
            "conditions.bptt.network.neurons.n_adaptive: 500 is not possible; allowed: at most ",
        ),
        (
            {"conditions": {"bptt": {"baseline": "none"}}},
            'conditions.bptt.baseline: "none" is not possible; allowed: one of the conditions bptt',
        ),
        (
            {"conditions": {"bptt": {"start": {"condition": "bptt"}}}},
            "conditions.bptt.start: goes round in a circle: bptt -> bptt; let one draw its weights",
        ),
        (
            {"conditions": {"bptt": {"start": {"condition": "btt"}}}},
            'conditions.bptt.start.condition: "btt" is not possible; allowed: one of the',
        ),
        (
            {"conditions": {"bptt": {"start": {}}}},
            "conditions.bptt.start.condition: null is not possible; allowed: one of the conditions",
        ),
        (
            {"conditions": {**RULES, "rflo": {"start": {"condition": "bptt", "at": "first"}}}},
            'conditions.rflo.start.at: "first" is not possible; allowed: "final", or a mapping',
        ),
        (
            {
                "conditions": {
                    "bptt": {},
                    "rflo": {"network": {"n_units": 4}, "start": {"condition": "bptt"}},
                }
            },
            "conditions.rflo.start.condition: bptt has another network.n_units (128, here 4); ",
        ),
        (
            {"axes": {"leak": ["network.tau"]}},
            "axes.leak: network.tau is set by no condition; name a key of theirs",
        ),
    ],
)
def test_what_a_condition_cannot_have_is_refused(values, expected):
    found = refusal(values)
    assert found.startswith(expected) and "\n" not in found
