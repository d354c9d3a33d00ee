"""What tasks have in common: splits, batches, and what is measured of a network's answers."""

import copy
import math
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.options import Schema, choice, section
from lsnn.randomness import generator

SPLITS = ("train", "validation", "test")
OWN_LOSS = "task"  # kind of loss: the task's own


class Measure(NamedTuple):
    """What a task measures of answers, averaged over examples.

    Columns are called ``<split>_<name>``; the gap between training and test, in the direction in
    which larger is worse, ``generalization_gap_<name>``.
    """

    name: str  # of the task's method that computes it
    label: str  # in figures and tables
    unit: str = "1"  # "1": dimensionless
    larger_is_worse: bool = True
    limits: Tuple[Any, Any] = (0.0, None)  # without an upper limit an axis is logarithmic
    of_softmax: bool = False  # whether it is of the softmax of outputs


def mean(terms: Tensor, weights: Optional[Tensor] = None) -> Tensor:
    """Return the mean of the terms (..., batch) of a measure, a scalar tensor.

    Args:
        terms: tensor.
        weights: of the terms, 1 or 0; all 1 by default.
    """
    if weights is None:
        return tf.reduce_mean(terms)
    return tf.reduce_sum(terms * weights) / tf.reduce_sum(weights)


def mean_by_example(terms: Tensor, weights: Optional[Tensor] = None) -> Tensor:
    """Return the same for every example, a tensor (batch,)."""
    axes = list(range(len(terms.shape.as_list()) - 1))
    if weights is None:
        return tf.reduce_mean(terms, axes)
    return tf.reduce_sum(terms * weights, axes) / tf.reduce_sum(weights, axes)


Average = Callable[..., Tensor]  # :func:`mean` or :func:`mean_by_example`

CROSS_ENTROPY = Measure("loss", "cross entropy", "nats", of_softmax=True)
SQUARED_ERROR = Measure("loss", "mean squared error")
SQUARED_ERROR_OF_CLASSES = Measure("loss", "squared error")
ACCURACY = Measure("accuracy", "accuracy", larger_is_worse=False, limits=(0.0, 1.0))


class Task:
    """Inputs, targets, and what is measured of the answers; a base without data.

    To the network a task is ``n_steps``, ``n_in`` and ``n_out``, and the windows of its output: the
    readout is averaged over each of the last ``n_windows`` windows of ``window_steps`` steps, which
    follow one another up to the last step. For every measure there is a method of its name that
    takes outputs (n_windows, batch, n_out), targets, and ``average``, :func:`mean` or
    :func:`mean_by_example`, and returns what this makes of its terms (..., batch); the first one is
    called ``loss``, and training descends its mean.

    Args:
        data: folder of the data sets.
        seed: of the run. What a task draws for training, it draws from this: the runs of a seed see
            the same examples, whatever their learning rule.

    Attributes:
        tests: the tasks of further test splits, by the split's name (:func:`tests_option`): the
            examples of such a split are the ``test`` examples of its task.
        loss_kind: which loss it has (:meth:`with_loss`).
    """

    n_steps: int
    n_in: int
    n_out: int
    # :mod:`lsnn.options`: the further keyword arguments, and ``tests`` (:func:`tests_option`)
    options: Dict[str, Any] = {}
    measures: Tuple[Measure, ...] = ()
    is_classification = False  # outputs are of classes, and the largest is the answer
    class_names: Tuple[str, ...] = ()  # where they say more than the numbers of the classes
    n_windows = window_steps = 1
    readout_bias = True
    carries_state = False  # whether a batch starts from the state in which the one before ended
    data_files: Tuple[str, ...] = ()  # names of the files below the data folder that it reads
    evaluation_batch = 1000  # examples that are evaluated at a time
    sizes: Dict[str, int] = {}  # examples of each of :data:`SPLITS`
    tests: Mapping[str, "Task"] = {}
    loss_kind = OWN_LOSS
    shares_examples = False  # whether the runs of all seeds have the same examples
    is_padded = False  # whether zeros come before some of the trials
    remarks: Sequence[str] = ()  # sentences on what the data lack

    def __init__(self, data: str, seed: int):
        self.seed = seed

    @classmethod
    def with_options(cls, **options: Any) -> Type["Task"]:
        """Return the class of the task with these options."""
        return cls

    @property
    def evaluation_sizes(self) -> Dict[str, int]:
        """Examples of each split, the first ones, that the learning curve is measured on."""
        return self.sizes

    @property
    def splits(self) -> Tuple[str, ...]:
        """Names of the splits that a network is evaluated on."""
        return (*self.sizes, *self.tests)

    def of_split(self, split: str) -> Tuple["Task", str]:
        """Return the task that has the examples of a split, and what the split is called there."""
        return (self.tests[split], "test") if split in self.tests else (self, split)

    @classmethod
    def measures_with(cls, loss_kind: str) -> Tuple[Measure, ...]:
        """Return the measures of the task where its loss is of a kind."""
        return cls.measures

    def with_loss(self, loss_kind: str) -> "Task":
        """Return the same task with a loss of a kind, one of :data:`LOSS_KINDS`."""
        task = copy.copy(self)
        task.loss_kind, task.measures = loss_kind, self.measures_with(loss_kind)
        return task

    @classmethod
    def outline(cls, **options: Any) -> Dict[str, Any]:
        """Return what options determine before data are read, by name, each if it is known.

        That is n_steps, n_in, n_out, sizes and evaluation_sizes: what is asked of examples is
        checked against them, and the time of a run is estimated from them.
        """
        return {}

    @classmethod
    def impossible(cls, **options: Any) -> Dict[str, str]:
        """Return the options that contradict each other, by name, with what they have to be."""
        return {}

    @classmethod
    def own_files(cls, data: str, **options: Any) -> List[str]:
        """Return the paths of the user's own files that it reads, in place of ``data_files``.

        Nothing vouches for their content but the SHA-256 that a job is given with its settings.

        Raises:
            DataError: there is no such file.
        """
        return []

    @classmethod
    def own_sizes(cls, data: str, **options: Any) -> Dict[str, int]:
        """Return the examples of each split in the user's own files, as far as they tell."""
        return {}

    def placeholders(self) -> Tuple[Tensor, Tensor]:
        """Return placeholders for the inputs (n_steps, batch, n_in) and targets of a batch."""
        raise NotImplementedError

    def loss(self, outputs: Tensor, targets: Tensor, average: Average = mean) -> Tensor:
        """Return the measure that training descends."""
        raise NotImplementedError

    def examples(self, split: str, indices: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_steps, n, n_in) and targets of examples of a split."""
        raise NotImplementedError

    def batch(self, iteration: int, size: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets of the training batch of an iteration.

        It depends on nothing but the arguments and the seed.
        """
        raise NotImplementedError


class FiniteTask(Task):
    """A task with a finite training set, all of which every epoch shows in an order of its own."""

    _epoch = (None, None)  # the epoch whose order is known, and that order

    def batch(self, iteration: int, size: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets of the training batch of an iteration.

        It depends on nothing but the arguments and the seed.
        """
        return self.examples("train", self._indices(iteration, size))

    def _indices(self, iteration, size):
        """Return which examples a batch shows: a piece of an endless sequence of epochs."""
        n = self.sizes["train"]
        positions = np.arange(iteration * size, (iteration + 1) * size)
        epochs = positions // n
        return np.concatenate(
            [
                self._order(epoch)[positions[epochs == epoch] % n]
                for epoch in range(epochs[0], epochs[-1] + 1)
            ]
        )

    def _order(self, epoch):
        if self._epoch[0] != epoch:
            order = generator(self.seed, "epoch", epoch).permutation(self.sizes["train"])
            self._epoch = (epoch, order)
        return self._epoch[1]


def instance_option(drawn: str) -> Schema:
    """Return the option ``instance`` of a task that draws something once for all of its trials.

    Args:
        drawn: what that is, in words, a plural.
    """
    return choice(
        f"fixed - the {drawn} are drawn once for all seeds, which vary initial weights and trials: "
        "intervals over seeds are of this one instance of the task; by_seed - they are drawn anew "
        "for each seed, which so varies the task, too: intervals are of tasks of this kind. All "
        "else in the trials is the same draw.",
        ["fixed", "by_seed"],
        "fixed",
    )


class DrawnTask(FiniteTask):
    """A finite task whose examples are drawn once for a run, with noise.

    Every split has a generator of its own.
    """

    n_validation = n_test = 500

    @classmethod
    def sizes_of(cls, n_train: int) -> Dict[str, int]:
        """Return the examples of each split."""
        return {"train": n_train, "validation": cls.n_validation, "test": cls.n_test}

    def instance_seed(self, instance: str) -> int:
        """Return the seed of what is drawn once for the task, by its option ``instance``."""
        return {"fixed": 0, "by_seed": self.seed}[instance]

    def draw_all(self, name: str, noise: float) -> None:
        """Draw the examples of every split by :meth:`draw`, from generators of this name."""
        self._examples = {
            split: self.draw(generator(self.seed, name, split), size, noise)
            for split, size in self.sizes.items()
        }

    def draw(
        self, random: np.random.RandomState, size: int, noise: float
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_steps, size, n_in) and targets (..., size).

        Args:
            random: generator, from which as much is drawn whatever the noise.
            size: examples.
            noise: standard deviation of the noise in the inputs.
        """
        raise NotImplementedError

    def examples(self, split: str, indices: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_steps, n, n_in) float32 and targets (..., n) of examples of a split."""
        inputs, targets = self._examples[split]
        return inputs[:, indices], targets[..., indices]


class WithClasses:
    """What tasks have in common whose targets are classes."""

    measures: Tuple[Measure, ...] = (CROSS_ENTROPY, ACCURACY)
    is_classification = True
    loss_kind = OWN_LOSS

    @classmethod
    def measures_with(cls, loss_kind: str) -> Tuple[Measure, ...]:
        """Return the measures of the task where its loss is of a kind."""
        return (LOSSES_OF_CLASSES[loss_kind].measure, *cls.measures[1:])

    def terms_of_loss(self, outputs: Tensor, targets: Tensor, axis: int) -> Tensor:
        """Return the terms of the loss, of outputs whose classes lie along an axis, the last."""
        return LOSSES_OF_CLASSES[self.loss_kind].terms(outputs, targets, axis)


class Classification(WithClasses):
    """What tasks have in common whose examples have one class, told in the only window."""

    def loss(self, logits: Tensor, targets: Tensor, average: Average = mean) -> Tensor:
        """Return the loss, softmax cross entropy (nats) or another, averaged over the batch.

        Args:
            logits: (1, batch, n_out), of the one window.
            targets: int32 (batch,).
        """
        return average(self.terms_of_loss(logits[0], targets, axis=1))

    def accuracy(self, logits: Tensor, targets: Tensor, average: Average = mean) -> Tensor:
        """Return the fraction of the batch whose largest logit is the target's."""
        return average(is_right(logits[0], targets, axis=1))


def cross_entropy(logits: Tensor, targets: Tensor, axis: int) -> Tensor:
    """Return the softmax cross entropies (nats) of logits whose classes lie along an axis.

    Written out, because TensorFlow's fused losses have no second derivative, or a wrong one, on
    some versions.
    """
    n_classes = logits.shape.as_list()[axis]
    wanted = tf.reduce_sum(logits * tf.one_hot(targets, n_classes), axis=axis)
    return tf.reduce_logsumexp(logits, axis=axis) - wanted


def is_right(logits: Tensor, targets: Tensor, axis: int) -> Tensor:
    """Return 1 where the largest logit is the target's, else 0, as float32."""
    answers = tf.argmax(logits, axis=axis, output_type=tf.int32)
    return tf.cast(tf.equal(answers, targets), tf.float32)


def squared_error(outputs: Tensor, targets: Tensor, axis: int) -> Tensor:
    """Return |y - e|^2 of outputs y whose classes lie along an axis, the last.

    e is the one-hot vector of the target: 1 for its class, 0 for the others.
    """
    n_classes = outputs.shape.as_list()[axis]
    return tf.reduce_sum(tf.square(outputs - tf.one_hot(targets, n_classes)), axis=axis)


class LossOfClasses(NamedTuple):
    """A loss of targets that are classes."""

    measure: Measure
    terms: Callable[..., Tensor]  # of outputs, targets, and the axis of the classes
    chance: Callable[[int], float]  # of the number of classes: that of the best constant answer


# By kind; all other tasks have their own loss, whatever the kind.
LOSSES_OF_CLASSES = {
    OWN_LOSS: LossOfClasses(CROSS_ENTROPY, cross_entropy, math.log),
    "squared_error": LossOfClasses(
        SQUARED_ERROR_OF_CLASSES, squared_error, lambda n_classes: 1.0 - 1.0 / n_classes
    ),
}
LOSS_KINDS = tuple(LOSSES_OF_CLASSES)

# Names of splits, which are parts of the names of columns.
SPLIT_NAME: Schema = {"pattern": r"^[A-Za-z][A-Za-z0-9_]*\Z", "maxLength": 100}


def tests_option(
    options: Dict[str, Schema],
    *varied: str,
    default: Optional[Mapping[str, Mapping[str, Any]]] = None,
) -> Schema:
    """Return the option ``tests`` of a task, which asks for further test splits.

    Args:
        options: the task's others, by name.
        varied: the names of the options that may differ in a further test. They change neither the
            inputs, the outputs nor the classes, so that the same network can be tested.
        default: options that differ, by the name of the split; if left out, there is no such split.
    """
    differing = {name: dict(options[name], default=None) for name in varied}
    return {
        "type": "object",
        "description": "Further tests on which the network is evaluated, by names of your choice, "
        f"each with the options that differ there ({', '.join(varied)}). Otherwise their examples "
        "are those of the split `test`. What is given replaces the default; {} - none.",
        "unit": "-",
        "propertyNames": dict(SPLIT_NAME, type="string"),
        "additionalProperties": dict(section("A further test.", differing), minProperties=1),
        "default": default or {},
    }


def separate_tests(options: Mapping[str, Any]) -> Tuple[Dict[str, Any], Dict[str, Dict[str, Any]]]:
    """Return options of a task without ``tests``, and the same of each further test, by name."""
    own = {key: value for key, value in options.items() if key != "tests"}
    return own, {name: dict(own, **changed) for name, changed in options.get("tests", {}).items()}
