"""The study as typed, immutable values, read from a configuration file and checked key by key.

Meaning, unit, default and bounds of every key are declared here or, for what is chosen by name, in
the class that has the name; ``docs/reference/configuration.md`` lists them all.
"""

import functools
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import yaml

from lsnn.curvature.quantities import REGISTRIES, name_of, options_of_entry
from lsnn.errors import ConfigError
from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.network import FREE_SIGNS, LOSS, NETWORK, LossSettings, NetworkSettings
from lsnn.neurons import NEURONS
from lsnn.options import (
    FOLDER,
    NAME,
    choice,
    for_values,
    integer,
    list_of,
    meanings,
    named,
    options_of,
    section,
    text,
)
from lsnn.storage.code_hash import source_of_job
from lsnn.storage.files import atomic_write
from lsnn.study.checks import check, impossible, suggestion
from lsnn.tasks import TASKS, hashes_of_own_files
from lsnn.training import TRAINING, TrainingSettings

# Folder of results/ that holds the results kept in the repository; no study may write there.
COMMITTED = "committed"

CONDITION = section(
    "A condition.",
    OrderedDict(
        learning_rule=named(
            "Learning rule; if left out, that of the condition's name: " + meanings(LEARNING_RULES),
            LEARNING_RULES,
        ),
        training={
            "type": "object",
            "description": "Settings of training that replace the study's.",
            "properties": {key: dict(one, default=None) for key, one in TRAINING.items()},
            "additionalProperties": False,
        },
        iterations=integer("Training iterations of a run.", 10000, "iterations", least=1),
        checkpoint_every=integer(
            "Iterations between checkpoints; divides `iterations`. The last one is of the final "
            "state. Up to the first multiple there are more, at 0 (the initial state), 1, 2, 3, 5, "
            "8, 12 and so on, each half again as large as the one before: there the loss falls "
            "fast.",
            250,
            "iterations",
            least=1,
        ),
        label=text(
            "What it is called in figures and tables; if left out, its rule with options, and its "
            "settings of training.",
            minLength=1,
            maxLength=100,
        ),
    ),
)

# The options of a study; its conditions have names of their own (:func:`study_schema`).
STUDY = OrderedDict(
    name=text(
        'Name of the study; its results are written to results/<name>. "committed" is taken.',
        "sequential_mnist",
        **NAME,
    ),
    tensorflow=choice(
        'TensorFlow that trains and that computes the Hessian: "1.12" is that of the published '
        'study, "2" the current release; with "-gpu" it computes on an NVIDIA GPU.',
        ["1.12", "2", "1.12-gpu", "2-gpu"],
        "1.12",
    ),
    data=text(
        "Folder of the data sets, absolute or relative to the folder that the study runs in, "
        "without ~; MNIST goes to <data>/mnist.",
        "data",
        **FOLDER,
    ),
    task=named("What the network learns: " + meanings(TASKS), TASKS, "sequential_mnist"),
    network=section("The recurrent network.", NETWORK),
    loss=section("The terms of the loss besides that of the task.", LOSS),
    training=section("Stochastic gradient descent.", TRAINING),
    conditions={
        "type": "object",
        "description": "What is compared, each under a name that is also its folder's.",
        "minProperties": 1,
        "propertyNames": dict(NAME, type="string"),
        "additionalProperties": False,
    },
    baseline=text("The condition that ratios are taken against; if left out, the first one."),
    seeds={
        "description": "Runs of each condition: a count n (seeds 1 to n), or a list of seeds. Runs "
        "of different conditions with the same seed share initial weights and batches.",
        "unit": "-",
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 10000},
            {
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"type": "integer", "minimum": 0, "maximum": 4294967295},
            },
        ],
        "default": 5,
    },
    hessian=list_of(
        "What is computed of the Hessian of the loss at every checkpoint: entries, each an "
        "operator and quantities of it. An empty list - nothing, which spiking units require: "
        "their pseudo-gradient is the gradient of no loss, so that there is no Hessian.",
        section("An operator, and quantities of it.", options_of_entry("hessian", "extremes")),
        [{}],
        least=0,
    ),
    dynamics=list_of(
        "What is computed of the learning rule's own update, beside the exact gradient and the "
        "Hessian on the same examples: entries like those of `hessian`.",
        section(
            "What is differentiated, and quantities.", options_of_entry("dynamics", "alignment")
        ),
        [],
        least=0,
    ),
)

# A suite: configuration files of studies, and what holds for all of them in place of their own.
SUITE = section(
    "A suite of studies.",
    OrderedDict(
        studies=list_of(
            "Configuration files of studies, as they are given to `--configfile`; all of them run "
            "as one workflow.",
            text("A file.", minLength=1),
            None,
        ),
        claims=text(
            "File of the claims that these studies decide; its table and figures go to "
            "results/<name of the file without its extension>. None if left out.",
            minLength=1,
        ),
        **{key: dict(STUDY[key], default=None) for key in ("tensorflow", "data", "seeds")},
    ),
)


class Condition(NamedTuple):
    """What the runs of a condition have in common; they differ in the seed."""

    learning_rule: Dict[str, Any]  # its name and options
    training: Dict[str, Any]  # settings of training that replace the study's
    iterations: int
    checkpoint_every: int
    label: str  # in figures and tables


class Study(NamedTuple):
    """Everything that the workflow and its scripts are told."""

    name: str
    tensorflow: str
    data: str
    task: Dict[str, Any]  # its name and options
    network: NetworkSettings
    loss: LossSettings
    training: TrainingSettings
    conditions: Dict[str, Condition]
    baseline: str  # the condition that ratios are taken against
    seeds: Tuple[int, ...]
    hessian: Tuple[Dict[str, Any], ...]  # what is computed of it; nothing if empty
    dynamics: Tuple[Dict[str, Any], ...]  # what is computed of the learning rule's update

    @property
    def on_gpu(self) -> bool:
        """Whether training and Hessian jobs compute on a GPU."""
        return self.tensorflow.endswith("-gpu")

    @property
    def spiking(self) -> bool:
        """Whether the units emit spikes."""
        return NEURONS[self.network.neurons["name"]].spiking

    @property
    def task_class(self) -> type:
        """The class of the task, which tells what is measured."""
        return TASKS[self.task["name"]]

    @property
    def splits(self) -> Tuple[str, ...]:
        """The splits of the data that networks are evaluated on."""
        return self.task_class.splits(**options_of(self.task))

    @property
    def outline(self) -> Dict[str, Any]:
        """What is known of the sizes of the task before data are read."""
        return self.task_class.outline(**options_of(self.task))

    def data_files(self) -> List[str]:
        """Return the paths of the files that the task reads.

        Raises:
            DataError: one of the user's own is missing.
        """
        own = self.task_class.own_files(self.data, **options_of(self.task))
        return own or ["{}/{}".format(self.data, name) for name in self.task_class.data_files]

    def training_of(self, condition: str) -> TrainingSettings:
        """Return the settings of training of a condition."""
        return self.training._replace(**self.conditions[condition].training)

    def threshold_of(self, condition: str) -> Optional[float]:
        """Return the curvature above which gradient descent diverges on a quadratic.

        That is 2 / learning rate (Cohen et al. 2021). None: the optimiser is another one, or the
        learning rate decays.
        """
        training = self.training_of(condition)
        if training.optimiser != "sgd" or training.decay_factor != 1.0:
            return None
        return 2.0 / training.learning_rate

    def training_settings(self, condition: str, seed: int) -> dict:
        """Return all that the result of one training run depends on, its source too, JSON-able.

        Raises:
            ConfigError: the study has no such run.
        """
        of_condition = self._condition(condition)
        if seed not in self.seeds:
            raise ConfigError(
                "seeds: has no run with seed {}; there are: {}".format(seed, list(self.seeds))
            )
        of_run = {
            "condition": condition,
            "seed": seed,
            "learning_rule": of_condition.learning_rule,
            "iterations": of_condition.iterations,
            "checkpoint_every": of_condition.checkpoint_every,
            "training": self.training_of(condition),
        }
        return _with_source(dict(self.network_settings(), **of_run))

    def entries(self, kind: str) -> Dict[str, Dict[str, Any]]:
        """The entries of :attr:`hessian` or :attr:`dynamics`, whichever is named, by name."""
        return OrderedDict((name_of(entry), entry) for entry in getattr(self, kind))

    def seeds_of(self, entry: Dict[str, Any]) -> Tuple[int, ...]:
        """The seeds of the runs for which an entry is computed."""
        return self.seeds[: entry.get("seeds")]

    def entry_settings(self, kind: str, name: str, condition: Optional[str] = None) -> dict:
        """Return all that an entry of :attr:`hessian` or :attr:`dynamics` depends on.

        It also depends on weights, and on what the learning rule has drawn for the run. The
        condition of the run means nothing to an entry of :attr:`hessian`.

        Raises:
            ConfigError: the study has no such entry, or no such condition.
        """
        entries = self.entries(kind)
        if name not in entries:
            known = ", ".join(entries) or "none"
            raise ConfigError("{}: has no entry {}; there are: {}".format(kind, name, known))
        entry = {key: value for key, value in entries[name].items() if key != "seeds"}
        settings = dict(self.network_settings(), **{kind: entry})
        if kind == "dynamics":
            settings["learning_rule"] = self._condition(condition).learning_rule
            settings["training"] = self.training_of(condition)
        return _with_source(settings)

    def examples_settings(self) -> dict:
        """Return all that examples of the task depend on, those of the first seed."""
        return _with_source(dict(self.network_settings(), seed=self.seeds[0]))

    def trial_settings(self, condition: str) -> dict:
        """Return all that a recorded trial depends on besides weights, and the label it gets.

        Raises:
            ConfigError: the study has no such condition.
        """
        label = self._condition(condition).label
        return _with_source(dict(self.network_settings(), condition=condition, label=label))

    def _condition(self, name):
        if name not in self.conditions:
            known = ", ".join(self.conditions) + suggestion(name, self.conditions)
            raise ConfigError("conditions: has no {}; there are: {}".format(name, known))
        return self.conditions[name]

    def network_settings(self) -> dict:
        """Return what a network and its task are made of, as JSON-able values.

        Of the user's own files that is their SHA-256, by name.

        Raises:
            DataError: such a file is missing.
        """
        settings = {
            "tensorflow": self.tensorflow,
            "task": self.task,
            "network": self.network,
            "loss": self.loss,
        }
        own = hashes_of_own_files(self.task, self.data)
        return as_mapping(dict(settings, own_files=own) if own else settings)


def _with_source(settings):
    """Return the settings of a job, JSON-able, with the hash of the source that computes it."""
    settings = as_mapping(settings)
    return dict(settings, source=source_of_job(settings))


def read_study(path: str) -> Study:
    """Read a configuration file (YAML, hence JSON too).

    Raises:
        ConfigError: the file cannot be read, or :func:`parse_study` refuses what it holds.
    """
    values = read_values(path)
    try:
        return parse_study(values)
    except ConfigError as error:
        raise ConfigError("configuration {}:\n{}".format(path, error)) from None


def write_study(path: str, study: Study) -> None:
    """Write a study, with every default filled in, as a file that :func:`read_study` reads."""
    with atomic_write(path) as stream:
        stream.write(yaml.dump(as_mapping(study), Dumper=_Dumper, sort_keys=False).encode())


def studies_of(values: dict) -> Dict[str, Study]:
    """Return the studies that a mapping describes, by name: one, or those of a suite.

    Raises:
        ConfigError: as :func:`read_study`, of all files at once; or two studies have one name.
    """
    if not isinstance(values, dict) or "studies" not in values:
        study = parse_study(values)
        return {study.name: study}
    problems, suite = check(SUITE, values)
    if problems:
        raise ConfigError(_lines(problems))
    studies, files, wrong = OrderedDict(), {}, []
    suite.pop("claims", None)
    for path in suite.pop("studies"):
        try:
            own = read_values(path)
            study = parse_study(dict(own, **suite) if isinstance(own, dict) else own)
            if study.name in studies:
                other = "a name of its own; {} has it".format(files[study.name])
                raise ConfigError("name: " + impossible(study.name, other))
        except ConfigError as error:
            wrong.append("{}:\n{}".format(path, error))
        else:
            studies[study.name], files[study.name] = study, path
    if wrong:
        raise ConfigError("\n".join(wrong))
    return studies


def _lines(problems):
    """Return problems by key as text."""
    lines = (": ".join(line) for line in sorted(problems.items()))
    return "\n".join(line.replace("\n", "\\n") for line in lines)


def read_values(path: str) -> dict:
    """Return what a configuration file holds, unchecked.

    Raises:
        ConfigError: it cannot be read, is not valid YAML, or has a key twice.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            values = yaml.load(stream, _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("{}: cannot be read: {}".format(path, error)) from None
    except yaml.YAMLError as error:
        raise ConfigError("{}: not valid YAML: {}".format(path, error)) from None
    return {} if values is None else values


def command_line_values(arguments: List[str]) -> dict:
    """Return the values of ``KEY=VALUE`` arguments, read as YAML; text for a text option.

    Snakemake reads them in a way of its own, in which numbers in lists are strings and
    ``tensorflow=2`` is a number.
    """
    values = {}
    for argument in arguments:
        key, _, text = argument.partition("=")
        try:
            value = yaml.load(text, _Loader)
        except yaml.YAMLError:
            value = text
        option = STUDY.get(key, SUITE["properties"].get(key, {}))
        is_text = option.get("type") == "string" or isinstance(option.get("default"), str)
        values[key] = text if is_text and not isinstance(value, str) else value
    return values


# libyaml's, where this PyYAML has it: a study of 800 conditions is read in a tenth of the time.
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Refuses a key that is written twice, of which YAML would take the second."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, "key {} appears twice".format(key.value), key.start_mark
                    )
                seen.add(key.value)
        return super(_Loader, self).construct_mapping(node, deep)


def parse_study(values: dict) -> Study:
    """Return the study that a mapping describes, with defaults filled in.

    Raises:
        ConfigError: one line for every unknown key and impossible value, with key, value and what
            is allowed.
    """
    values = _resolved(values)
    seeds, conditions = values["seeds"], values["conditions"]
    typed = {
        "network": NetworkSettings(**values["network"]),
        "loss": LossSettings(**values["loss"]),
        "training": TrainingSettings(**values["training"]),
        "conditions": {name: Condition(**one) for name, one in conditions.items()},
        "seeds": tuple(range(1, seeds + 1)) if isinstance(seeds, int) else tuple(seeds),
        "hessian": tuple(values["hessian"]),
        "dynamics": tuple(values["dynamics"]),
    }
    return Study(**dict(values, **typed))


def network_settings(**values) -> NetworkSettings:
    """Return the settings of a network, for use without a study, with defaults filled in.

    Raises:
        ConfigError: as :func:`parse_study`.
    """
    return parse_study({"network": values, "hessian": []}).network


def training_settings(**values) -> TrainingSettings:
    """Return the settings of training, as :func:`network_settings` does those of a network."""
    return parse_study({"training": values}).training


def _resolved(values):
    """Return the mapping with every default filled in, after checking it as :func:`parse_study`."""
    if not isinstance(values, dict):
        raise ConfigError("the configuration: " + impossible(values, "a mapping"))
    if "studies" in values:
        raise ConfigError("studies: a suite, not a study; name the file of one of its studies")
    outdated = _outdated(values)
    if outdated:
        raise ConfigError("\n".join(outdated))
    values = _with_conditions(values)
    problems, values = check(*for_values(study_schema(values), values))
    for condition in values["conditions"].values():
        if "label" not in condition and "name" in condition["learning_rule"]:
            condition["label"] = default_label(condition)
    values.setdefault("baseline", next(iter(values["conditions"]), None))
    _add_contradictions(problems, values)
    if problems:
        raise ConfigError(_lines(problems))
    return values


def schema_for(values: dict) -> dict:
    """Return the schema of the configuration, with the options of what the values name."""
    values = _with_conditions(values)
    return for_values(study_schema(values), values)[0]


def study_schema(values):
    """Return the schema of a study with the conditions that the values have."""
    conditions = values["conditions"] if isinstance(values["conditions"], dict) else {}
    named_ones = dict(STUDY["conditions"], properties={name: CONDITION for name in conditions})
    return section("A study.", OrderedDict(STUDY, conditions=named_ones))


def _with_conditions(values):
    """Return values with the default conditions, each with its learning rule as a mapping."""
    conditions = values.get("conditions", DEFAULT_CONDITIONS)
    if isinstance(conditions, dict):
        conditions = {
            name: dict(one, learning_rule=_rule_of(str(name), one))
            if isinstance(one, dict)
            else one
            for name, one in conditions.items()
        }
    return dict(values, conditions=conditions)


def _rule_of(name, condition):
    """Return the learning rule of a condition as a mapping; where none is named, by its name."""
    rule = condition.get("learning_rule", name)
    rule = {"name": rule} if isinstance(rule, str) else rule
    return dict({"name": name}, **rule) if isinstance(rule, dict) else rule


DEFAULT_CONDITIONS = {
    "bptt": {"iterations": 10000, "checkpoint_every": 250},
    "three_factor": {"iterations": 16000, "checkpoint_every": 400},
}


def _within(path, value):
    """Return nested mappings that have the value under a path of keys."""
    for key in reversed(path):
        value = {key: value}
    return value


def _entry_of(curvature):
    """Return the list ``hessian`` that says what the earlier mapping ``curvature`` said."""
    if curvature == "none":
        return []
    entry = dict(curvature) if isinstance(curvature, dict) else {}
    extremes = {key: entry.pop(key) for key in ("tolerance",) if key in entry}
    blocks = entry.pop("parameters", ["w_rec"])
    is_one = isinstance(blocks, list) and len(blocks) == 1
    quantities = [dict({"name": "extremes"}, **extremes)]
    return [dict(entry, block=blocks[0] if is_one else "all", quantities=quantities)]


# Keys of earlier versions: what to write instead, given the value.
MOVED = {
    "learning_rules": lambda value: {"conditions": value},
    "curvature": lambda value: {"hessian": _entry_of(value)},
    "training.stop_accuracy": lambda value: {
        "training": {"stop": {"measure": "accuracy", "above": value}}
    },
}
for _part, _keys, _inner in [
    ("training", LOSS, ["loss"]),
    ("training", ["l1", "temperature"], ["network", "rewiring"]),
    ("network", ["connectivity"], ["network", "rewiring"]),
    ("network", [k for one in NEURONS.values() for k in one.options], ["network", "neurons"]),
]:
    for _key in _keys:
        MOVED[_part + "." + _key] = functools.partial(_within, _inner + [_key])


def _outdated(values):
    """Return a line for every key of an earlier version, with what to write in its place."""
    lines = []
    for old, write in sorted(MOVED.items()):
        part, _, key = old.rpartition(".")
        there = values.get(part) if part else values
        if isinstance(there, dict) and key in there:
            new = write(there[key])
            if "neurons" in new.get("network", {}) and isinstance(there.get("neurons"), str):
                of_model = dict({"name": there["neurons"]}, **new["network"]["neurons"])
                new = {"network": {"neurons": of_model}}
            written = yaml.safe_dump(new, default_flow_style=None, sort_keys=False)
            lines.append("{}: has moved; write\n{}".format(old, written.rstrip()))
    return lines


def default_label(condition: dict) -> str:
    """Return what a condition without a label is called: its rule, and what it trains with."""
    parts = [new_rule(condition["learning_rule"]).label]
    for key, value in condition["training"].items():
        if isinstance(value, dict):
            value = " ".join(str(part) for pair in value.items() for part in pair)
        value = "{:g}".format(value) if isinstance(value, float) else value
        parts.append("{} {}".format(key.replace("_", " "), value))
    return ", ".join(parts)


def as_mapping(value):
    """Return a study, or a part of one, as JSON-able mappings and lists."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: as_mapping(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [as_mapping(part) for part in value]
    return value


def _add_contradictions(problems, values):
    """Add a line for every value that only another value makes impossible.

    Nothing is added for a key that has a line already, or that depends on one that has.
    """
    said = [key + "." for key in problems]

    def require(condition, key, value, what, *others):
        depends = [name + "." for name in (key,) + others]
        known = any(
            name.startswith(one) or one.startswith(name) for name in depends for one in said
        )
        if not condition and not known:
            problems.setdefault(key, impossible(value, what))

    network, hessian, training = values["network"], values["hessian"], values["training"]
    neurons = network["neurons"]
    spiking = NEURONS[neurons["name"]].spiking
    task = TASKS[values["task"]["name"]]
    of_task = options_of(values["task"])
    sizes = task.outline(**of_task).get("sizes", {})

    def require_examples(split, key, value):
        what = "at most the {} examples of split {}".format(sizes.get(split), split)
        require(value <= sizes.get(split, value), key, value, what, "task")

    def require_stop(key, stop):
        known = [measure.name for measure in task.measures]
        what = "a measure of the task: " + ", ".join(known)
        name = stop.get("measure")
        require(not stop or name in known, key + ".measure", name, what, "task")
        one = "{measure: NAME, above: VALUE}, or below in place of above"
        require(not stop or ("above" in stop) != ("below" in stop), key, stop, one)

    for option, what in task.impossible(**of_task).items():
        require(False, "task." + option, of_task[option], what)

    conditions = values["conditions"]

    require(values["name"] != COMMITTED, "name", values["name"], "any other name")
    if values["baseline"] not in conditions:
        known = "one of the conditions " + ", ".join(conditions)
        known += suggestion(values["baseline"], conditions)
        require(False, "baseline", values["baseline"], known, "conditions")
    labels = [condition.get("label") for condition in conditions.values()]
    for name, condition in conditions.items():
        path = "conditions.{}.".format(name)
        require(
            condition["iterations"] % condition["checkpoint_every"] == 0,
            path + "checkpoint_every",
            condition["checkpoint_every"],
            "a divisor of iterations = {}".format(condition["iterations"]),
            path + "iterations",
        )
        rule = condition["learning_rule"]
        if "name" in rule:
            dales_law = network["excitatory"] != FREE_SIGNS
            for option, what in new_rule(rule).undefined(spiking, dales_law).items():
                value = functools.reduce(dict.get, option.split("."), rule)
                key = path + "learning_rule." + option
                require(False, key, value, what, "network.neurons", "network.excitatory")
        label = condition.get("label")
        own = "a label of its own, which no other condition has"
        require(labels.count(label) < 2, path + "label", label, own, "conditions")

    key, n_adaptive = "network.neurons.n_adaptive", neurons.get("n_adaptive", 0)
    at_most = "at most network.n_units = {}".format(network["n_units"])
    require(n_adaptive <= network["n_units"], key, n_adaptive, at_most, "network.n_units")
    none = "[] for spiking units: their pseudo-gradient is the gradient of no loss"
    is_defined = not hessian or not spiking
    require(is_defined, "hessian", hessian, none, "network.neurons")
    for key in ("l1", "temperature"):
        value, path = network["rewiring"][key], "network.rewiring."
        of_deep_r = "0, since only rewired weights have it ({}connectivity below 1)".format(path)
        rewired = network["rewiring"]["connectivity"] < 1.0
        require(rewired or value == 0.0, path + key, value, of_deep_r, path + "connectivity")

    settings = {"training.": training}
    for name, condition in conditions.items():
        settings["conditions.{}.training.".format(name)] = condition["training"]
    for path, given in settings.items():
        require_examples("train", path + "batch_size", given.get("batch_size", 1))
        require_stop(path + "stop", given.get("stop", {}))
    for kind in REGISTRIES:
        entries = values[kind]
        names = [name_of(entry) for entry in entries]
        for place, entry in enumerate(entries):
            path = "{}.{}.".format(kind, place)
            is_only = names.count(names[place]) < 2
            own = "of its own: another entry has the block and split; an entry can have several "
            own += "quantities"
            if "name" in entry:
                own = "another: an entry has it"
            require(is_only, path + "name", names[place], own, kind)
            without = "another: the readout of task {} has no bias".format(values["task"]["name"])
            has_bias = entry["block"] != "b_out" or task.readout_bias
            require(has_bias, path + "block", entry["block"], without, "task")
            quantities = [quantity["name"] for quantity in entry["quantities"]]
            is_once = len(set(quantities)) == len(quantities)
            require(is_once, path + "quantities", quantities, "a list of quantities, each once")
            samples = entry["samples"]
            require_examples(entry["split"], path + "samples", samples)
            half = "at most half of the examples of the split, for a second sample"
            is_half = 2 * samples <= sizes.get(entry["split"], 2 * samples)
            is_asked = "second_sample" in quantities
            require(is_half or not is_asked, path + "samples", samples, half, "task")
            smooth = [name for name in quantities if name != "alignment"]
            none = "alignment alone for spiking units: their pseudo-gradient has no derivative"
            is_defined = kind != "dynamics" or not spiking or not smooth
            require(is_defined, path + "quantities", quantities, none, "network.neurons")
