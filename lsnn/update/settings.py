"""Section `training` of a study: its options, what contradicts what, and what follows from it."""

from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple, Type, Union

from lsnn.network import PARAMETERS
from lsnn.options import Schema, choice, impossible, integer, list_of, number, section, text
from lsnn.tasks.base import Task
from lsnn.update import PARTS, new_parts
from lsnn.update.base import Part

SGD, ADAM = "sgd", "adam"
ALL = "all"  # training.trainable where every parameter is trained


def section_of_part(part: Type[Part]) -> Schema:
    """Return the option that a part is: its options, or absent, whatever their defaults."""
    return dict(section(str(part.__doc__).splitlines()[0], part.options), default=None)


TRAINING = OrderedDict(
    optimiser=choice(
        "sgd - plain gradient descent; adam - Adam with its usual constants.", [SGD, ADAM], SGD
    ),
    learning_rate=number("Step size of the optimiser.", 0.01, above=0, most=1000),
    parts=section(
        "Parts of the update besides learning rule and optimiser; a part that is not named is "
        "absent.",
        OrderedDict((name, section_of_part(part)) for name, part in PARTS.items()),
    ),
    trainable={
        "description": "The parameters that are trained; the others stay as they are before "
        "training.",
        "unit": "-",
        "anyOf": [
            {"enum": [ALL]},
            list_of("Names of parameters.", choice("A parameter.", PARAMETERS, None), None),
        ],
        "default": ALL,
    },
    batch_size=integer("Examples in a training batch.", 256, "examples", least=1),
    stop=section(
        "Where training ends before its last iteration: at the first checkpoint at which a measure "
        "of the task on a split is above, or below, a value.",
        OrderedDict(
            measure=text("Name of the measure, such as accuracy."),
            split=text("The split, one of the task's; if left out, validation."),
            above=number("Training stops above this value.", None, least=-1000000),
            below=number("Training stops below this value.", None, least=-1000000),
        ),
    ),
)


class TrainingSettings(NamedTuple):
    """Section ``training`` of a study; its fields are the options :data:`TRAINING`."""

    optimiser: str
    learning_rate: float
    parts: Dict[str, Dict[str, Any]]
    trainable: Union[str, List[str]]
    batch_size: int
    stop: Dict[str, Any]


def training_contradictions(
    training: Mapping[str, Any],
    task: Type[Task],
    splits: Sequence[str],
    sizes: Mapping[str, int],
) -> Iterator[Tuple[str, ...]]:
    """Yield a tuple for every value that others make impossible: key, line, and their keys.

    Args:
        training: options above, by name.
        task: class of the study's task.
        splits: of the task.
        sizes: examples of each split, as far as they are known.
    """
    batch_size, stop, trainable = (training[key] for key in ("batch_size", "stop", "trainable"))
    if batch_size > sizes.get("train", batch_size):
        line = impossible(batch_size, f"at most the {sizes['train']} examples of split train")
        yield "training.batch_size", line, "task"
    if "b_out" in trainable and not task.readout_bias:
        line = impossible(trainable, "a list without b_out: the task has no readout bias")
        yield "training.trainable", line, "task"
    known = [measure.name for measure in task.measures]
    if stop and stop.get("measure") not in known:
        line = impossible(stop.get("measure"), f"a measure of the task: {', '.join(known)}")
        yield "training.stop.measure", line, "task"
    if stop and split_of(stop) not in splits:
        line = impossible(split_of(stop), f"a split of the task: {', '.join(splits)}")
        yield "training.stop.split", line, "task"
    if stop and ("above" in stop) == ("below" in stop):
        one_of_them = "{measure: NAME, above: VALUE}, or below in place of above"
        yield "training.stop", impossible(stop, one_of_them)


def split_of(stop: Mapping[str, Any]) -> str:
    """Return the split that section ``stop`` of ``training`` speaks of."""
    return stop.get("split", "validation")


def is_trained(parameter: str, trainable: Union[str, List[str]]) -> bool:
    """Tell whether a parameter that a network has is one of those that ``trainable`` names."""
    return trainable == ALL or parameter in trainable


def learning_rate_at(training: TrainingSettings, iteration: int) -> float:
    """Return the learning rate of an iteration, whatever the parts of training make of it."""
    rate = training.learning_rate
    for part in new_parts(training.parts):
        rate *= part.factor(iteration)
    return rate


def not_plain_descent(optimiser: str, parts: Mapping[str, Any]) -> List[str]:
    """Return the keys of what keeps an update from being w <- w - eta g with a known dg/dw.

    They are keys of a study, such as training.optimiser; a list, empty for plain descent.
    """
    keys = [] if optimiser == SGD else ["training.optimiser"]
    return keys + [f"training.parts.{name}" for name in parts if not PARTS[name].has_derivative]
