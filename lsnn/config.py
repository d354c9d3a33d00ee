"""The study as typed, immutable values, read from a configuration file and checked key by key.

The meaning, unit, default and bounds of every key stand in ``lsnn/config.schema.yaml``.
"""

import difflib
import json
import math
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import jsonschema
import yaml

from lsnn.errors import ConfigError
from lsnn.learning_rules import LEARNING_RULES
from lsnn.neurons import NEURONS
from lsnn.rewiring import is_rewired
from lsnn.tasks import TASKS

SCHEMA_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "config.schema.yaml")

# Folder of results/ that holds the results kept in the repository; no study may write there.
COMMITTED = "committed"

NO_CURVATURE = "none"
NO_CURVATURE_OF_SPIKES = (
    '"none" for spiking units: their pseudo-gradient is the gradient of no loss, so that the '
    "Hessian is not defined"
)


class NetworkSettings(NamedTuple):
    """The recurrent network; time constants in ms."""

    neurons: str
    n_units: int
    n_adaptive: int
    tau_m: float
    tau_out: float
    threshold: float
    tau_adaptation: float
    beta: float
    refractory_steps: int
    dampening: float
    input_noise: float
    n_delays: int
    connectivity: float
    excitatory: Union[float, str]


class TrainingSettings(NamedTuple):
    """The optimiser, and the terms of the loss beside that of the task."""

    optimiser: str
    learning_rate: float
    decay_factor: float
    decay_every: int
    batch_size: int
    l2: float
    rate_cost: float
    target_rate: float
    l1: float
    temperature: float
    stop_accuracy: float


class Schedule(NamedTuple):
    """How long a learning rule trains, and how often it is looked at; both in iterations."""

    iterations: int
    checkpoint_every: int


class CurvatureSettings(NamedTuple):
    """The Hessian that is computed at every checkpoint."""

    split: str
    samples: int
    tolerance: float
    parameters: Tuple[str, ...]


class Study(NamedTuple):
    """Everything that the workflow and its scripts are told."""

    name: str
    tensorflow: str
    data: str
    task: Dict[str, Any]  # its name and options
    network: NetworkSettings
    training: TrainingSettings
    learning_rules: Dict[str, Schedule]
    seeds: Tuple[int, ...]
    curvature: Optional[CurvatureSettings]  # None: no curvature

    @property
    def on_gpu(self) -> bool:
        """Whether training and Hessian jobs compute on a GPU."""
        return self.tensorflow.endswith("-gpu")

    @property
    def spiking(self) -> bool:
        """Whether the units emit spikes."""
        return NEURONS[self.network.neurons].spiking

    @property
    def plain_descent(self) -> bool:
        """Whether the optimiser is gradient descent at one learning rate.

        Then 2 / learning rate is the curvature above which it diverges on a quadratic.
        """
        return self.training.optimiser == "sgd" and self.training.decay_factor == 1.0

    def training_settings(self, learning_rule: str, seed: int) -> dict:
        """Return all that the result of one training run depends on, as JSON-able values."""
        return as_mapping(
            {
                "learning_rule": learning_rule,
                "seed": seed,
                "schedule": self.learning_rules[learning_rule],
                "tensorflow": self.tensorflow,
                "task": self.task,
                "network": self.network,
                "training": self.training,
            }
        )

    def curvature_settings(self) -> dict:
        """Return all that the curvature at given weights depends on, as JSON-able values."""
        return as_mapping(
            {
                "tensorflow": self.tensorflow,
                "task": self.task,
                "network": self.network,
                "loss": {
                    "l2": self.training.l2,
                    "rate_cost": self.training.rate_cost,
                    "target_rate": self.training.target_rate,
                },
                "curvature": self.curvature,
            }
        )


def read_study(path: str) -> Study:
    """Read a configuration file (YAML, hence JSON too).

    Raises:
        ConfigError: the file cannot be read, or :func:`parse_study` refuses what it holds.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            values = yaml.safe_load(stream)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("configuration {}: cannot be read: {}".format(path, error)) from None
    except yaml.YAMLError as error:
        raise ConfigError("configuration {}: not valid YAML: {}".format(path, error)) from None
    try:
        return parse_study({} if values is None else values)
    except ConfigError as error:
        raise ConfigError("configuration {}:\n{}".format(path, error)) from None


def parse_study(values: dict) -> Study:
    """Return the study that a mapping describes, with defaults filled in.

    Raises:
        ConfigError: one line for every unknown key and impossible value, with key, value and what
            is allowed.
    """
    values = resolve(values)
    seeds = values["seeds"]
    curvature = values["curvature"]
    return Study(
        name=values["name"],
        tensorflow=values["tensorflow"],
        data=values["data"],
        task=values["task"],
        network=NetworkSettings(**values["network"]),
        training=TrainingSettings(**values["training"]),
        learning_rules={
            name: Schedule(**schedule) for name, schedule in values["learning_rules"].items()
        },
        seeds=tuple(range(1, seeds + 1)) if isinstance(seeds, int) else tuple(seeds),
        curvature=None
        if curvature == NO_CURVATURE
        else CurvatureSettings(**dict(curvature, parameters=tuple(curvature["parameters"]))),
    )


def network_settings(**values) -> NetworkSettings:
    """Return the settings of a network, for use without a study, with defaults filled in.

    Raises:
        ConfigError: as :func:`parse_study`.
    """
    return parse_study({"network": values, "curvature": NO_CURVATURE}).network


def resolve(values: dict) -> dict:
    """Return the mapping with every default filled in, after checking it as :func:`parse_study`."""
    schema = schema_for(values)
    errors = jsonschema.Draft7Validator(schema).iter_errors(values)
    lines = [_describe(error) for error in sorted(errors, key=lambda e: str(e.absolute_path))]
    lines += _not_finite(values, "")
    # A value can break several rules of the schema; the first line about a key says enough.
    problems = list({line.partition(": ")[0]: line for line in reversed(lines)}.values())[::-1]
    if not problems:
        values = _fill(schema, values)
        problems = _contradictions(values)
    if problems:
        raise ConfigError("\n".join(problems))
    return values


def schema_for(values: dict) -> dict:
    """Return the schema with the keys of the task and of the curvature that values ask for."""
    with open(SCHEMA_FILE, encoding="utf-8") as stream:
        schema = yaml.safe_load(stream)
    parts = schema["properties"]
    asked = values if isinstance(values, dict) else {}
    curvature = asked.get("curvature", {})
    if curvature == NO_CURVATURE or isinstance(curvature, dict):
        without, with_curvature = parts["curvature"].pop("anyOf")
        parts["curvature"].update(without if curvature == NO_CURVATURE else with_curvature)
    task = asked.get("task", {})
    name = (
        task.get("name", _default(parts["task"]["properties"]["name"]))
        if isinstance(task, dict)
        else None
    )
    of_task = schema["definitions"]["tasks"].get(name if isinstance(name, str) else None)
    if of_task:
        options = dict(of_task["properties"], name=parts["task"]["properties"]["name"])
        parts["task"].update(of_task, properties=options)
    return schema


def as_mapping(value):
    """Return a study, or a part of one, as JSON-able mappings and lists; no curvature as "none"."""
    if isinstance(value, Study):
        value = value._replace(curvature=value.curvature or NO_CURVATURE)
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: as_mapping(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [as_mapping(part) for part in value]
    return value


def differences(found: dict, wanted: dict, path: str = "") -> List[str]:
    """Return a line for every key in which two mappings of settings differ."""
    lines = []
    for key in sorted(set(found) | set(wanted)):
        name = ".".join(filter(None, [path, key]))
        a, b = found.get(key), wanted.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            lines += differences(a, b, name)
        elif a != b:
            lines.append("{}: {} there, {} wanted".format(name, json.dumps(a), json.dumps(b)))
    return lines


def _fill(schema, value):
    """Return ``value`` with defaults for missing keys, and numbers of the type the schema names."""
    if "anyOf" in schema:
        (schema, *_) = [
            part for part in schema["anyOf"] if jsonschema.Draft7Validator(part).is_valid(value)
        ]
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        others = schema.get("additionalProperties")
        filled = {key: _fill(part, value.get(key, _default(part))) for key, part in parts.items()}
        filled.update((key, _fill(others, value[key])) for key in value if key not in parts)
        return filled
    if isinstance(value, list):
        return [_fill(schema.get("items", {}), item) for item in value]
    if schema.get("type") == "number":
        return float(value)
    if isinstance(value, float):  # YAML's 5.0 where a whole number is meant
        return int(value)
    return value


def _default(schema):
    return schema["default"] if "default" in schema else {}


def _describe(error) -> str:
    """Return one line for an error of the schema: key, value, and what is allowed."""
    path = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        unknown = sorted(str(key) for key in error.instance if key not in known)
        return "; ".join(
            "{}: unknown key{}; allowed: {}".format(
                ".".join(filter(None, [path, key])), _suggestion(key, known), ", ".join(known)
            )
            for key in unknown
        )
    hint = ""
    if isinstance(error.instance, str) and "number" in str(error.schema.get("type")):
        hint = " (in YAML a number with an exponent has a point and a sign: 1.0e-3)"
    return "{}: {} is not possible; allowed: {}{}".format(
        path or "the configuration",
        json.dumps(error.instance, default=str),
        _allowed(error.schema),
        hint,
    )


def _suggestion(key, known) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return " (did you mean {}?)".format(near[0]) if near else ""


def _allowed(schema) -> str:
    """Return in words what a part of the schema allows."""
    if "anyOf" in schema:
        return ", or ".join(_allowed(part) for part in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) for value in schema["enum"])
    if schema["type"] == "array":
        return "a list of at least one, all different, each " + _allowed(schema["items"])
    words = {
        "number": "a number",
        "integer": "a whole number",
        "string": "a text",
        "object": "a mapping with at least one key" if "minProperties" in schema else "a mapping",
    }[schema["type"]]
    bounds = [
        "{} {}".format(sign, schema[bound])
        for bound, sign in [
            ("exclusiveMinimum", ">"),
            ("minimum", ">="),
            ("maximum", "<="),
            ("exclusiveMaximum", "<"),
            ("multipleOf", "a multiple of"),
            ("pattern", "matching"),
            ("minLength", "of a length >="),
            ("maxLength", "of a length <="),
        ]
        if bound in schema
    ]
    return " ".join([words, " and ".join(bounds)]).strip()


def _not_finite(value, path) -> List[str]:
    """Return a line for every .nan and .inf, which bounds alone do not all refuse."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    elif isinstance(value, float) and not math.isfinite(value):
        return ["{}: {} is not possible; allowed: a finite number".format(path, value)]
    else:
        return []
    return [
        line
        for key, part in parts
        for line in _not_finite(part, ".".join(filter(None, [path, str(key)])))
    ]


def _contradictions(values) -> List[str]:
    """Return a line for every value that only another value, or a registry, makes impossible."""
    problems = []

    def require(condition, key, value, allowed):
        if not condition:
            problems.append(
                "{}: {} is not possible; allowed: {}".format(key, json.dumps(value), allowed)
            )

    def require_name(registry, key, name):
        require(name in registry, key, name, "one of " + ", ".join(sorted(registry)))

    require(values["name"] != COMMITTED, "name", values["name"], "any other name")
    require_name(NEURONS, "network.neurons", values["network"]["neurons"])
    require_name(TASKS, "task.name", values["task"]["name"])
    for rule, schedule in values["learning_rules"].items():
        require_name(LEARNING_RULES, "learning_rules", rule)
        require(
            schedule["iterations"] % schedule["checkpoint_every"] == 0,
            "learning_rules.{}.checkpoint_every".format(rule),
            schedule["checkpoint_every"],
            "a divisor of iterations = {}".format(schedule["iterations"]),
        )
    network, curvature = values["network"], values["curvature"]
    n_units, n_adaptive = network["n_units"], network["n_adaptive"]
    require(
        n_adaptive <= n_units,
        "network.n_adaptive",
        n_adaptive,
        "at most network.n_units = {}".format(n_units),
    )
    neurons = NEURONS.get(network["neurons"])
    if neurons and neurons.spiking:
        require(
            network["threshold"] > 0.0,
            "network.threshold",
            network["threshold"],
            "> 0 for spiking units",
        )
        require(curvature == NO_CURVATURE, "curvature", curvature, NO_CURVATURE_OF_SPIKES)
        n_allowed = "0 for lif, whose units do not adapt; choose alif"
        require(neurons.adapts or n_adaptive == 0, "network.n_adaptive", n_adaptive, n_allowed)
    elif neurons:
        for key in ("refractory_steps", "input_noise"):
            require(network[key] == 0, "network." + key, network[key], "0: units do not spike")
    if not is_rewired(network["connectivity"], network["excitatory"]):
        for key in ("l1", "temperature"):
            of_deep_r = (
                "0, for only rewired weights have it (network.connectivity below 1, or "
                "network.excitatory)"
            )
            value = values["training"][key]
            require(value == 0.0, "training." + key, value, of_deep_r)
    task = TASKS.get(values["task"]["name"])
    if task:
        if curvature != NO_CURVATURE and not task.readout_bias:
            parameters = curvature["parameters"]
            without = "without b_out: the readout of task {} has no bias".format(
                values["task"]["name"]
            )
            require("b_out" not in parameters, "curvature.parameters", parameters, without)
        used = [("training", "batch_size", "train")]
        if curvature != NO_CURVATURE:
            used.append(("curvature", "samples", curvature["split"]))
        for part, key, split in used:
            value, size = values[part][key], task.split_sizes[split]
            allowed = "at most the {} examples of split {}".format(size, split)
            require(value <= size, "{}.{}".format(part, key), value, allowed)
    return problems
