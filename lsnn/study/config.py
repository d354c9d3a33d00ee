"""The study as typed, immutable values, read from a configuration file and checked key by key.

Meaning, unit, default and bounds of every key are declared here or, for what is chosen by name, in
the class that has the name; ``docs/reference/configuration.md`` lists them all.
"""

import copy
import functools
import math
import re
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Type

import yaml

from lsnn.curvature.quantities import (
    REGISTRIES,
    entry_contradictions,
    impossible_samples,
    name_of,
    options_of_entry,
)
from lsnn.errors import ConfigError
from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.network import (
    FREE_SIGNS,
    LOSS,
    NETWORK,
    LossSettings,
    NetworkSettings,
    network_contradictions,
)
from lsnn.neurons import NEURONS
from lsnn.options import (
    FOLDER,
    NAME,
    Schema,
    choice,
    default_of,
    impossible,
    integer,
    list_of,
    meanings,
    named,
    number,
    options_of,
    partial,
    section,
    text,
)
from lsnn.storage.code_hash import code_hash_of_job
from lsnn.storage.files import atomic_write
from lsnn.study.checks import (
    add_contradictions,
    as_lines,
    check,
    fill,
    other_name,
    same_but_for_case,
    suggestion,
)
from lsnn.study.columns import clashing_tests
from lsnn.study.sweep import SWEEP, as_written, axes_of, grid_of, in_words, sweep_contradictions
from lsnn.tasks import TASKS, hashes_of_own_files, task_class
from lsnn.tasks.base import SPLITS, Measure, Task, separate_tests
from lsnn.training import FINAL, TRAIN_LOSS, checkpoint_iterations
from lsnn.update.settings import (
    TRAINING,
    TrainingSettings,
    learning_rate_at,
    not_plain_descent,
    training_contradictions,
)

# Folder of results/ that holds the results kept in the repository; no study may write there.
COMMITTED = "committed"

# Of the names of study, condition and entry together: with a seed they are one name of a folder.
MOST_CHARACTERS = 240

SEED_RANGE = r"^[0-9]{1,10}-[0-9]{1,10}\Z"
MOST_SEEDS, LAST_SEED = 10000, 2**32 - 1
SEEDS_BETWEEN = f"the first, then the last, as in 201-250, at most {MOST_SEEDS} of them"

ALIASES = {"eprop": "three_factor", "eprop_random": "rflo"}  # other names of learning rules
DEFAULT_CONDITIONS = {
    "bptt": {"iterations": 10000, "checkpoint_every": 250},
    "three_factor": {"iterations": 16000, "checkpoint_every": 400},
}

# Sections of a study of which a condition may replace a part, and what they hold.
SECTIONS: "OrderedDict[str, Schema]" = OrderedDict(
    task=named("What the network learns: " + meanings(TASKS), TASKS, "sequential_mnist"),
    network=section("The recurrent network.", NETWORK),
    loss=section("The terms of the loss besides that of the task.", LOSS),
    training=section("Stochastic gradient descent.", TRAINING),
)

LEVEL = number("A training loss.", None, "the loss's", above=0)

CONDITION = section(
    "A condition.",
    OrderedDict(
        learning_rule=named(
            "Learning rule; if left out, that of the condition's name: " + meanings(LEARNING_RULES),
            LEARNING_RULES,
        ),
        **{
            name: dict(
                partial(option),
                description=f"What replaces a part of the study's `{name}`"
                + (", but for its name." if name == "task" else "."),
                unit="-",
                default={},
            )
            for name, option in SECTIONS.items()
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
            "What it is called in figures and tables; if left out, its rule with options, and what "
            "it replaces.",
            minLength=1,
            maxLength=200,
        ),
        start=dict(
            section(
                "The run, of the same seed, with whose weights a run of this condition begins; if "
                "left out, weights are drawn. It counts its own iterations from 0.",
                OrderedDict(
                    condition=text("Its condition, of a network of the same shape."),
                    at={
                        "description": "Where along that run: final - at its end; {train_loss: "
                        "VALUE} - at its first checkpoint with a training loss, without L2 term, "
                        "of at most VALUE.",
                        "unit": "-",
                        "anyOf": [{"enum": [FINAL]}, section("", {TRAIN_LOSS: LEVEL})],
                        "default": FINAL,
                    },
                ),
            ),
            default=None,
        ),
        baseline=text(
            "The condition that its ratios and differences are taken against; if left out, the "
            "study's `baseline`."
        ),
    ),
)

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
        "without ~; MNIST goes to its folder mnist.",
        "data",
        **FOLDER,
    ),
    **SECTIONS,
    conditions={
        "type": "object",
        "description": "What is compared, each under a name that is also its folder's.",
        "unit": "-",
        "minProperties": 1,
        "propertyNames": dict(NAME, type="string"),
        "additionalProperties": CONDITION,
        "default": DEFAULT_CONDITIONS,
    },
    sweep=dict(SWEEP, default=None),
    axes={
        "type": "object",
        "description": "Keys of conditions that move together, such as network.neurons.tau_m, by "
        "the name of their axis; figures show the first. Those of `sweep` are added.",
        "unit": "-",
        "additionalProperties": list_of("Keys.", text("A key.", minLength=1), None),
        "default": {},
    },
    baseline=text("The condition that ratios are taken against; if left out, the first one."),
    seeds={
        "description": "Runs of each condition: a count n (seeds 1 to n), a list of seeds, or the "
        "first and the last, as in 201-250. Runs of different conditions with the same seed share "
        "initial weights and batches.",
        "unit": "-",
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS},
            {"type": "string", "pattern": SEED_RANGE, "examples": ["201-250"]},
            {
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"type": "integer", "minimum": 0, "maximum": LAST_SEED},
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

SCHEMA = section("A study.", STUDY)

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
        conditions={
            "type": "object",
            "description": "Conditions that every study has beside its own, as `conditions` of a "
            "study; where a study has a sweep, they are crossed with it, too.",
            "unit": "-",
            "default": {},
        },
        profile=dict(
            section(
                "A learning rule whose card these studies are for; `make profile` writes such a "
                "suite. The card goes to results/profile/<name>. None if left out.",
                OrderedDict(
                    name=text("Its condition.", **NAME),
                    tasks=list_of("Those that it was tried on.", text("A task.", **NAME), None),
                ),
            ),
            default=None,
        ),
        **{key: dict(STUDY[key], default=None) for key in ("tensorflow", "data", "seeds")},
    ),
)


class Condition(NamedTuple):
    """A condition, as it is configured."""

    learning_rule: Dict[str, Any]  # its name and options
    # What replaces parts of the study's sections.
    task: Dict[str, Any]
    network: Dict[str, Any]
    loss: Dict[str, Any]
    training: Dict[str, Any]
    iterations: int
    checkpoint_every: int
    label: str  # in figures and tables
    baseline: str  # the condition that its ratios are taken against
    start: Optional[Dict[str, Any]] = None  # the run with whose weights its runs begin, if any


class Setup(NamedTuple):
    """What the runs of a condition have in common; they differ in the seed."""

    task: Dict[str, Any]  # its name and options
    network: NetworkSettings
    loss: LossSettings
    training: TrainingSettings
    learning_rule: Dict[str, Any]  # its name and options
    iterations: int
    checkpoint_every: int

    @property
    def spiking(self) -> bool:
        """Whether the units emit spikes."""
        return NEURONS[self.network.neurons["name"]].spiking

    @property
    def outline(self) -> Dict[str, Any]:
        """What is known of the sizes of the task before data are read."""
        own, _ = separate_tests(options_of(self.task))
        return TASKS[self.task["name"]].outline(**own)

    @property
    def outlines_of_tests(self) -> Dict[str, Dict[str, Any]]:
        """The same of each further test, by name."""
        _, of_tests = separate_tests(options_of(self.task))
        outline = TASKS[self.task["name"]].outline
        return {name: outline(**options) for name, options in of_tests.items()}

    def threshold(self, iteration: Optional[int] = None) -> Optional[float]:
        """Return the curvature above which gradient descent diverges on a quadratic.

        That is 2 / learning rate (Cohen et al. 2021), at an iteration; without one, that of all
        checkpoints. None: the update is not plain gradient descent, or the learning rate is not the
        same at all of them.
        """
        if not_plain_descent(self.training.optimiser, self.training.parts):
            return None
        schedule = checkpoint_iterations(self.iterations, self.checkpoint_every)
        at = schedule if iteration is None else [iteration]
        rate, *others = {learning_rate_at(self.training, place) for place in at}
        if others:
            return None
        return 2.0 / rate if rate else math.inf


class Study(NamedTuple):
    """All settings of a study."""

    name: str
    tensorflow: str
    data: str
    task: Dict[str, Any]  # its name and options
    network: NetworkSettings
    loss: LossSettings
    training: TrainingSettings
    conditions: Dict[str, Condition]
    axes: Dict[str, List[str]]  # keys of conditions that move together, by name
    baseline: str  # the condition that ratios are taken against
    seeds: Tuple[int, ...]
    hessian: Tuple[Dict[str, Any], ...]  # what is computed of it; nothing if empty
    dynamics: Tuple[Dict[str, Any], ...]  # what is computed of the learning rule's update

    @property
    def on_gpu(self) -> bool:
        """Whether training and Hessian jobs compute on a GPU."""
        return self.tensorflow.endswith("-gpu")

    @property
    def task_class(self) -> Type[Task]:
        """The class of the task, which declares what is measured."""
        return task_class(self.task)

    @property
    def splits(self) -> Tuple[str, ...]:
        """The splits of the data that networks are evaluated on, the same in all conditions."""
        return (*SPLITS, *self.setup().task.get("tests", ()))

    @property
    def measures(self) -> Tuple[Measure, ...]:
        """What is measured of a network's answers, the loss first.

        Where conditions have losses of several kinds, its label does not say which.
        """
        kinds = {own.loss.get("kind", self.loss.kind) for own in self.conditions.values()}
        loss, *others = self.task_class.measures_with(min(kinds))
        if len(kinds) > 1:
            loss = loss._replace(label="loss", unit="1")
        return (loss, *others)

    def setup(self, condition: Optional[str] = None) -> Setup:
        """Return what the runs of a condition have in common; by default, of the baseline.

        Raises:
            ConfigError: the study has no such condition.
        """
        given = self._condition(self.baseline if condition is None else condition)
        return Setup(
            task=merged(self.task, given.task),
            network=NetworkSettings(**merged(self.network._asdict(), given.network)),
            loss=self.loss._replace(**given.loss),
            training=TrainingSettings(**merged(self.training._asdict(), given.training)),
            learning_rule=given.learning_rule,
            iterations=given.iterations,
            checkpoint_every=given.checkpoint_every,
        )

    def data_files(self) -> List[str]:
        """Return the paths of the files that the tasks of all conditions read.

        Raises:
            DataError: one of the user's own is missing.
            ConfigError: they have fewer examples than are asked for.
        """
        files: Dict[str, None] = OrderedDict()
        for condition in self.conditions:
            options = options_of(self.setup(condition).task)
            own = self.task_class.own_files(self.data, **options)
            files.update(dict.fromkeys(own or self._shared_files()))
            self._require_samples(self.task_class.own_sizes(self.data, **options))
        return list(files)

    def _require_samples(self, sizes):
        """Refuse entries that ask for more of the user's own examples than there are.

        Raises:
            ConfigError: names the key.
        """
        for kind in REGISTRIES:
            for place, entry in enumerate(getattr(self, kind)):
                for line in impossible_samples(entry, sizes):
                    raise ConfigError(f"{kind}.{place}.samples: {line}")

    def _shared_files(self):
        return [f"{self.data}/{name}" for name in self.task_class.data_files]

    def training_settings(self, condition: str, seed: int) -> dict:
        """Return all that the result of one training run depends on, its code too, JSON-able.

        Raises:
            ConfigError: the study has no such run.
        """
        setup = self.setup(condition)
        if seed not in self.seeds:
            raise ConfigError(f"seeds: has no run with seed {seed}; there are: {list(self.seeds)}")
        of_run = {
            "condition": condition,
            "seed": seed,
            "learning_rule": setup.learning_rule,
            "iterations": setup.iterations,
            "checkpoint_every": setup.checkpoint_every,
            "training": setup.training,
        }
        start = self.conditions[condition].start
        of_run.update({"start": start} if start else {})
        return _with_code_hash(dict(self.network_settings(condition), **of_run))

    def entries(self, kind: str) -> Dict[str, Dict[str, Any]]:
        """The entries of :attr:`hessian` or :attr:`dynamics`, whichever is named, by name."""
        return OrderedDict((name_of(entry), entry) for entry in getattr(self, kind))

    def seeds_of(self, entry: Dict[str, Any]) -> Tuple[int, ...]:
        """The seeds of the runs for which an entry is computed."""
        return self.seeds[: entry.get("seeds")]

    def entry_settings(self, kind: str, name: str, condition: Optional[str] = None) -> dict:
        """Return all that an entry of :attr:`hessian` or :attr:`dynamics` depends on.

        It also depends on weights, and on what the learning rule has drawn for the run. An entry of
        :attr:`hessian` depends on the condition for its network, task and loss alone; by default,
        they are the baseline's.

        Raises:
            ConfigError: the study has no such entry, or no such condition.
        """
        entries = self.entries(kind)
        if name not in entries:
            known = ", ".join(entries) or "none"
            raise ConfigError(f"{kind}: has no entry {name}; there are: {known}")
        entry = {key: value for key, value in entries[name].items() if key != "seeds"}
        settings = dict(self.network_settings(condition), **{kind: entry})
        if kind == "dynamics":
            setup = self.setup(condition)
            settings.update(learning_rule=setup.learning_rule, training=setup.training)
        return _with_code_hash(settings)

    def examples_settings(self) -> dict:
        """Return all that examples of the baseline's task depend on, those of the first seed."""
        return _with_code_hash(dict(self.network_settings(), seed=self.seeds[0]))

    def trial_settings(self, condition: str) -> dict:
        """Return all that a recorded trial depends on besides weights, and its label.

        Raises:
            ConfigError: the study has no such condition.
        """
        label = self._condition(condition).label
        of_network = self.network_settings(condition)
        return _with_code_hash(dict(of_network, condition=condition, label=label))

    def _condition(self, name):
        if name not in self.conditions:
            known = ", ".join(self.conditions) + suggestion(name, self.conditions)
            raise ConfigError(f"conditions: has no {name}; there are: {known}")
        return self.conditions[name]

    def network_settings(self, condition: Optional[str] = None) -> dict:
        """Return what a condition's network and task are made of, as JSON-able values.

        Of the user's own files that is their SHA-256, by name. Without a condition, it is the
        baseline.

        Raises:
            DataError: such a file is missing.
        """
        setup = self.setup(condition)
        settings = {
            "tensorflow": self.tensorflow,
            "task": setup.task,
            "network": setup.network,
            "loss": setup.loss,
        }
        own = hashes_of_own_files(setup.task, self.data)
        return as_mapping(dict(settings, own_files=own) if own else settings)


def merged(values: Mapping[str, Any], own: Mapping[str, Any]) -> Dict[str, Any]:
    """Return values with own ones in the place of theirs, mappings key by key.

    Options of another thing, under another name, are not mixed, nor is a rule to stop, which has a
    measure.

    >>> merged({"a": {"name": "lif", "tau_m": 20}, "b": 1}, {"a": {"tau_m": 5}})
    {'a': {'name': 'lif', 'tau_m': 5}, 'b': 1}
    """
    found = dict(values)
    for key, value in own.items():
        there = found.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            is_other = value.get("name", there.get("name")) != there.get("name")
            value = value if is_other or "measure" in value else merged(there, value)
        found[key] = value
    return found


def _with_code_hash(settings):
    """Return the settings of a job, JSON-able, with the hash of the code that computes it."""
    settings = as_mapping(settings)
    return dict(settings, code_hash=code_hash_of_job(settings))


def read_study(path: str) -> Study:
    """Read a configuration file (YAML, hence JSON too).

    Raises:
        ConfigError: the file cannot be read, or :func:`parse_study` refuses what it holds.
    """
    values = read_values(path)
    try:
        return parse_study(values)
    except ConfigError as error:
        raise ConfigError(f"configuration {path}:\n{error}") from None


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
        raise ConfigError(as_lines(problems))
    studies: Dict[str, Study] = OrderedDict()
    files: Dict[str, str] = {}
    wrong = []
    suite.pop("claims", None)
    profile, more = suite.pop("profile", None), suite.pop("conditions")
    if profile and set(profile) != {"name", "tasks"}:
        raise ConfigError("profile: needs both name and tasks")
    for path in suite.pop("studies"):
        try:
            own = read_values(path)
            own = dict(own, **suite) if isinstance(own, dict) else own
            study = parse_study(_with_conditions(own, more))
            first = files.setdefault(study.name.casefold(), path)
            if first != path:
                raise ConfigError(
                    f'name: "{study.name}" is the name of {first}, too; choose another'
                )
        except ConfigError as error:
            wrong.append(f"{path}:\n{error}")
        else:
            studies[study.name] = study
    if wrong:
        raise ConfigError("\n".join(wrong))
    return studies


def _with_conditions(values, more):
    """Return the values of a study with further conditions beside its own."""
    if not more or not isinstance(values, dict):
        return values
    own = values.get("conditions", DEFAULT_CONDITIONS)
    if not isinstance(own, dict):
        return values
    for name in set(own) & set(more):
        raise ConfigError(f"conditions.{name}: the suite and the study have one of this name")
    return dict(values, conditions=dict(own, **more))


def read_values(path: str) -> dict:
    """Return what a configuration file holds, unchecked.

    Raises:
        ConfigError: it cannot be read, is not valid YAML, or has a key twice.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            values = yaml.load(stream, _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
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


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):
    """Refuses what means something else in YAML: a key that is written twice, 010, 1:30."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key.value} appears twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_number(self, node):
        """Return a number; 010 would be octal for YAML, and 1:30 sexagesimal."""
        construct = {"int": self.construct_yaml_int, "float": self.construct_yaml_float}
        value = construct[node.tag.rpartition(":")[2]](node)
        if re.search(r"^[-+]?0[0-9_]+$|:", node.value):
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f'{node.value} means {value}; write that, or "{node.value}"',
                node.start_mark,
            )
        return value


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_number)


def parse_study(values: dict) -> Study:
    """Return the study that a mapping describes, with defaults filled in.

    Raises:
        ConfigError: one line for every unknown key and impossible value, with key, value and what
            is allowed.
    """
    if not isinstance(values, dict):
        raise ConfigError("the configuration: " + impossible(values, "a mapping"))
    if "studies" in values:
        raise ConfigError("studies: a suite, not a study; name the file of one of its studies")
    values, axes, grid, swept = _swept(_with_rules(values))
    problems, values = check(SCHEMA, _with_names(values))
    problems.update(swept)
    values.setdefault("baseline", next(iter(values["conditions"]), None))
    task, own_neurons = values["task"]["name"], values["network"]["neurons"]["name"]
    for name, condition in values["conditions"].items():
        if condition["task"].pop("name", task) != task:
            line = f"the task is the study's, {task}; another one takes another study"
            problems.setdefault(f"conditions.{name}.task.name", line)
        neurons = condition["network"].get("neurons", {})
        if neurons.get("name") == own_neurons:
            del neurons["name"]
        own_parts = condition["training"].get("parts", {})
        for part in set(own_parts) - set(values["training"]["parts"]):
            own_parts[part] = fill(TRAINING["parts"]["properties"][part], own_parts[part])
        if "learning_rule" in condition:
            words = [default_label(condition), *(grid.lengths.get(name, []) if grid else [])]
            condition.setdefault("label", ", ".join(words))
        if "name" in neurons:
            condition["network"]["neurons"] = fill(NETWORK["neurons"], neurons)
        condition.setdefault("baseline", values["baseline"])
    add_contradictions(problems, _contradictions(values))
    if problems and grid:
        problems = as_written(problems, grid, axes)
    if problems:
        raise ConfigError(as_lines(problems))
    seeds, conditions = values["seeds"], values["conditions"]
    typed = {
        "network": NetworkSettings(**values["network"]),
        "loss": LossSettings(**values["loss"]),
        "training": TrainingSettings(**values["training"]),
        "conditions": {name: Condition(**given) for name, given in conditions.items()},
        "seeds": _seeds(seeds),
        "hessian": tuple(values["hessian"]),
        "dynamics": tuple(values["dynamics"]),
    }
    return Study(**dict(values, **typed))


def _seeds(value):
    """Return the seeds that a value of the configuration stands for, a tuple."""
    if isinstance(value, int):
        return tuple(range(1, value + 1))
    return tuple(seeds_between(value) if isinstance(value, str) else value)


def seeds_between(text: str) -> range:
    """Return the seeds that a text such as "201-250" stands for; none if there are too many.

    >>> seeds_between("3-5"), seeds_between("5-3")
    (range(3, 6), range(5, 4))
    """
    first, last = map(int, text.split("-"))
    too_many = last > LAST_SEED or last - first >= MOST_SEEDS
    return range(0) if too_many else range(first, last + 1)


def network_settings(**values: Any) -> NetworkSettings:
    """Return the settings of a network, for use without a study, with defaults filled in.

    Raises:
        ConfigError: as :func:`parse_study`.
    """
    return parse_study({"network": values, "hessian": []}).network


def training_settings(**values: Any) -> TrainingSettings:
    """Return the settings of training, as :func:`network_settings` does those of a network."""
    return parse_study({"training": values}).training


def _with_rules(values):
    """Return values with the learning rule of each condition; where none is named, by its name."""
    conditions = values.get("conditions", DEFAULT_CONDITIONS)
    if not isinstance(conditions, dict):
        return values
    conditions = dict(conditions)
    for name, condition in conditions.items():
        if isinstance(condition, dict):
            rule = condition.get("learning_rule", {})
            rule = {"name": rule} if isinstance(rule, str) else rule
            if isinstance(rule, dict):
                rule = dict({"name": str(name)}, **rule)
                rule["name"] = ALIASES.get(str(rule["name"]), rule["name"])
            conditions[name] = dict(condition, learning_rule=rule)
    return dict(values, conditions=conditions)


def _swept(values):
    """Return values with conditions at every point of their grid, its axes, it, and problems.

    The grid is None where there is none, or where there are problems, a line by key.
    """
    values = dict(values)
    sweep, conditions = values.pop("sweep", None), values["conditions"]
    if sweep is None or not isinstance(conditions, dict):
        return values, [], None, {}
    problems, _ = check(section("", {"sweep": SWEEP}), {"sweep": sweep})
    axes = [] if problems else axes_of(sweep)
    problems.update(sweep_contradictions(axes, len(conditions)))
    if problems:
        return values, axes, None, problems
    baseline = values.get("baseline", next(iter(conditions), None))
    grid = grid_of(axes, conditions, baseline)
    if grid.twice:
        line = f"two of its conditions would be called {grid.twice[0]}; give them apart"
        return values, axes, None, {"sweep": line}
    values["conditions"] = grid.conditions
    if isinstance(values.setdefault("axes", {}), dict):
        values["axes"] = dict(values["axes"], **grid.axes)
    places = (name for name, origin in grid.origins.items() if origin == baseline)
    values["baseline"] = next(places, baseline)
    return values, axes, grid, {}


def _with_names(values):
    """Return values with the names of task and neurons in what conditions replace of them."""
    conditions = values["conditions"]
    if not isinstance(conditions, dict):
        return values
    network = values.get("network")
    task = values.get("task", default_of(SECTIONS["task"]))
    neurons = network.get("neurons") if isinstance(network, dict) else None
    neurons = neurons or default_of(NETWORK["neurons"])
    conditions = copy.deepcopy(conditions)
    for condition in conditions.values():
        if isinstance(condition, dict):
            _name(condition, "task", task)
            if isinstance(condition.get("network"), dict):
                _name(condition["network"], "neurons", neurons)
    return dict(values, conditions=conditions)


def _name(values, key, named_as):
    """Give options under a key the name of what they are options of, or take them away if empty."""
    if values.get(key) == {}:
        del values[key]
    elif isinstance(values.get(key), dict):
        name = named_as.get("name") if isinstance(named_as, dict) else named_as
        values[key] = dict({"name": name}, **values[key])


def default_label(condition: dict) -> str:
    """Return what a condition without a label is called: its rule, and what it replaces."""
    return ", ".join([new_rule(condition["learning_rule"]).label, *words_of_settings(condition)])


def words_of_settings(condition: dict) -> List[str]:
    """Return in words what a condition replaces of the study, and where it starts."""
    words = [word for name in SECTIONS for word in _words_of(condition[name])]
    start = condition.get("start") or {}
    if "condition" in start:
        at = "" if start["at"] == FINAL else f" at {in_words(*next(iter(start['at'].items())))}"
        words.append(f"from {start['condition'].replace('_', ' ')}{at}")
    return words


def _words_of(settings):
    """Return settings in words, a list; of a name and options, or of several things, these."""
    words = []
    for key, value in settings.items():
        if key in ("neurons", "rewiring", "parts"):
            words += _words_of(value)
        else:
            words.append(str(value) if key == "name" else in_words(key, value))
    return words


def as_mapping(value: Any) -> Any:
    """Return a study, or a part of one, as JSON-able mappings and lists.

    Of a condition it has what is its own.
    """
    if isinstance(value, Study):
        conditions = {
            name: _own(condition, value.baseline) for name, condition in value.conditions.items()
        }
        mapping = as_mapping(dict(value._asdict(), conditions=conditions))
        return {key: part for key, part in mapping.items() if key != "axes" or part}
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: as_mapping(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [as_mapping(part) for part in value]
    return value


def _own(condition, baseline):
    """Return a condition as a mapping, without empty sections, nor the baseline of all."""
    own = condition._asdict()
    return {
        key: value
        for key, value in own.items()
        if value or key not in (*SECTIONS, "start")
        if key != "baseline" or value != baseline
    }


def _contradictions(values: Dict[str, Any]) -> Iterator[Tuple[str, ...]]:
    """Yield a tuple for every value that others make impossible: key, line, and their keys."""
    conditions, baseline = values["conditions"], values["baseline"]
    if values["name"] == COMMITTED:
        yield "name", impossible(COMMITTED, "any other name")
    if baseline not in conditions:
        known = f"one of the conditions {', '.join(conditions)}{suggestion(baseline, conditions)}"
        yield "baseline", impossible(baseline, known), "conditions"
    if not _seeds(values["seeds"]):
        yield "seeds", impossible(values["seeds"], SEEDS_BETWEEN)
    for axis, keys in values["axes"].items():
        for key in keys:
            if not any(_sets(condition, key.split(".")) for condition in conditions.values()):
                line = f"{key} is set by no condition; name a key of theirs"
                yield f"axes.{axis}", line, "conditions"
    for kind in REGISTRIES:
        yield from _names_taken(kind, values[kind])
    for name, other in same_but_for_case(conditions).items():
        yield f"conditions.{name}", impossible(name, other_name(other))
    entries = [name_of(entry) for kind in REGISTRIES for entry in values[kind]]
    longest = max(map(len, entries), default=0) + len(values["name"])
    labels: Dict[str, str] = {}
    for name, condition in conditions.items():
        if longest + len(name) > MOST_CHARACTERS:
            line = f"has {longest + len(name)} characters with the names of study and entry, one"
            line += f" folder's name on Slurm; allowed: at most {MOST_CHARACTERS}"
            yield f"conditions.{name}", line, "name"
        if re.search(r"(.+)\1{19}\Z", name):
            what = (
                "no name that ends in 20 times the same, which Snakemake takes for an endless loop"
            )
            yield f"conditions.{name}", impossible(name, what)
        path, label = f"conditions.{name}.", condition.get("label")
        other = labels.setdefault(label, name)
        if other != name:
            line = f'"{label}" is the label of {other}, too; give one of them another `label`'
            yield path + "label", line, "conditions"
        if condition["baseline"] not in (baseline, *conditions):
            known = f"one of the conditions {', '.join(conditions)}"
            yield path + "baseline", impossible(condition["baseline"], known)
        iterations, every = condition["iterations"], condition["checkpoint_every"]
        if iterations % every:
            divisor = impossible(every, f"a divisor of iterations = {iterations}")
            yield path + "checkpoint_every", divisor, path + "iterations"
        added = set(condition["task"].get("tests", {})) - set(values["task"].get("tests", {}))
        for test in sorted(added):
            what = "a test of the study's `task`, whose columns all conditions have"
            yield f"{path}task.tests.{test}", impossible(test, what), "task"
        run = _run_of(values, condition)
        if task_class(run["task"]) is not task_class(values["task"]):
            yield path + "task", "asks for other measures than the study's task; all have the same"
        if "start" in condition:
            yield from _contradictions_of_start(values, name)
        for key, line, *others in _contradictions_of_run(run):
            if _has(condition, key):
                yield (path + key, line, *others)
            elif any(_has(condition, other) for other in others):
                yield (f"conditions.{name}", f"{key}: {line}", *others)
            else:
                yield (key, line, *others)


def _run_of(values, condition):
    """Return the settings of a condition's runs: what it says replaces what the study says."""
    own = {key: merged(values[key], condition[key]) for key in SECTIONS}
    return dict(values, **own, learning_rule=condition.get("learning_rule"))


def _contradictions_of_start(values, name):
    """Yield the contradictions of where a condition starts, as :func:`_contradictions`."""
    conditions, chain = values["conditions"], [name]
    path, start = f"conditions.{name}.start", conditions[name]["start"].get("condition")
    if start not in conditions:
        known = f"one of the conditions {', '.join(conditions)}{suggestion(start, conditions)}"
        yield f"{path}.condition", impossible(start, known), "conditions"
        return
    while "start" in conditions.get(chain[-1], {}):
        chain.append(conditions[chain[-1]]["start"].get("condition"))
        if chain[-1] in chain[:-1]:
            yield path, f"goes round in a circle: {' -> '.join(chain)}; let one draw its weights"
            return
    runs = [_run_of(values, conditions[condition]) for condition in (name, start)]
    own, other = (_shape_of(run) for run in runs)
    for what, value in own.items():
        if value != other[what]:
            line = f"{start} has another {what} ({other[what]}, here {value}); start from a network"
            yield f"{path}.condition", line + " of the same shape", f"conditions.{start}"


def _shape_of(run):
    """Return what networks must share for the one to begin with the other's weights."""
    task, network = run["task"], run["network"]
    own, _ = separate_tests(options_of(task))
    outline = TASKS[task["name"]].outline(**own)
    names = ("n_units", "excitatory", "rewiring")
    sizes = {f"task.{key}": outline.get(key) for key in ("n_in", "n_out")}
    return dict(sizes, **{f"network.{key}": network[key] for key in names})


def _sets(values, path):
    """Return whether there is a value at a path."""
    first, *rest = path
    is_there = isinstance(values, dict) and first in values
    return is_there and (not rest or _sets(values[first], rest))


def _has(condition, key):
    """Return whether a condition has something of its own under the first two parts of a key."""
    part, _, inner = key.partition(".")
    own = condition.get(part) if part in CONDITION["properties"] else None
    return bool(own) and (not inner or inner.split(".")[0] in own)


def _contradictions_of_run(run: Dict[str, Any]) -> Iterator[Tuple[str, ...]]:
    """Yield the contradictions between the settings of a run, as :func:`_contradictions`."""
    options, of_tests = separate_tests(options_of(run["task"]))
    network, rule = run["network"], run.get("learning_rule")
    task = task_class(run["task"])
    outline = task.outline(**options)
    sizes = outline.get("sizes", {})
    spiking = NEURONS[network["neurons"]["name"]].spiking
    yield from _contradictions_of_task(task, options, of_tests)
    yield from network_contradictions(network)
    splits = (*SPLITS, *of_tests)
    yield from training_contradictions(run["training"], task, splits, sizes)
    if rule:
        has_signs = network["excitatory"] != FREE_SIGNS
        for key, what in new_rule(rule).undefined(spiking, has_signs).items():
            line = impossible(functools.reduce(dict.get, key.split("."), rule), what)
            yield "learning_rule." + key, line, "network.neurons", "network.excitatory"
    if spiking and run["hessian"]:
        what = "[] for spiking units: their pseudo-gradient is the gradient of no loss"
        yield "hessian", impossible(run["hessian"], what), "network.neurons"
    for kind in REGISTRIES:
        for place, entry in enumerate(run[kind]):
            yield from entry_contradictions(kind, place, entry, task, sizes, spiking, run)
            k = max(quantity.get("k", 1) for quantity in entry["quantities"])
            most = outline.get("n_out", k) if entry["block"] == "b_out" else k
            if k > most:
                line = f"k = {k} is not possible; allowed: at most {most}, the entries of b_out"
                yield f"{kind}.{place}.quantities", line, "task"


def _contradictions_of_task(
    task: Type[Task], options: Dict[str, Any], of_tests: Dict[str, Dict[str, Any]]
) -> Iterator[Tuple[str, ...]]:
    """Yield the contradictions between the options of a task, as :func:`_contradictions`.

    Args:
        task: its class.
        options: without further tests.
        of_tests: those of each further test, by name.
    """
    wrong = task.impossible(**options)
    for key, what in wrong.items():
        yield "task." + key, impossible(options[key], what), "task"
    for name, column in clashing_tests(task.measures, of_tests).items():
        what = f"a name whose columns are new; {column} is a column already"
        yield "task.tests." + name, impossible(name, what), "task"
    for name, given in of_tests.items():
        for key, what in task.impossible(**given).items():
            if key not in wrong:
                yield "task.tests." + name, f"{key} {impossible(given[key], what)}", "task"


def _names_taken(kind: str, entries: List[Dict[str, Any]]) -> Iterator[Tuple[str, ...]]:
    """Yield contradictions, as :func:`_contradictions`, for entries with the name of another."""
    first_places: Dict[str, int] = {}
    for place, entry in enumerate(entries):
        name = name_of(entry)
        first = first_places.setdefault(name.casefold(), place)
        if first != place:
            line = f'"{name}" is the name of {kind}.{first}, too; give one of them another `name`'
            yield f"{kind}.{place}", line + ", or list all quantities in one entry", kind
