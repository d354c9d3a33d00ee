"""What tasks have in common: splits, batches, and what is measured of a network's answers."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.randomness import generator

SPLITS = ("train", "validation", "test")
NOISY_TEST = "noisy_test"  # name of the split, and of the option that asks for it


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

CROSS_ENTROPY = Measure("loss", "cross entropy", "nats")
SQUARED_ERROR = Measure("loss", "mean squared error")
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
    """

    n_steps: int
    n_in: int
    n_out: int
    options: Dict[str, Any] = {}  # :mod:`lsnn.options`: the further keyword arguments
    measures: Tuple[Measure, ...] = ()
    is_classification = False  # outputs are logits, of which the largest is the answer
    class_names: Tuple[str, ...] = ()  # where they say more than the numbers of the classes
    n_windows = window_steps = 1
    readout_bias = True
    carries_state = False  # whether a batch starts from the state in which the one before ended
    data_files: Tuple[str, ...] = ()  # names of the files below the data folder that it reads
    evaluation_batch = 1000  # examples that are evaluated at a time
    sizes: Dict[str, int] = {}  # examples of each split

    def __init__(self, data: str, seed: int):
        self.seed = seed

    @property
    def evaluation_sizes(self) -> Dict[str, int]:
        """Examples of each split, the first ones, that the learning curve is measured on."""
        return self.sizes

    @classmethod
    def splits(cls, **options: Any) -> Tuple[str, ...]:
        """Return the names of the splits that a network is evaluated on, those of ``sizes``.

        A task with an option ``noisy_test`` has a split of that name where the option is not 0.
        """
        return SPLITS + ((NOISY_TEST,) if options.get(NOISY_TEST) else ())

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


class DrawnTask(FiniteTask):
    """A finite task whose examples are drawn once for a run, with noise.

    Every split has a generator of its own, except that ``noisy_test`` has the trials of ``test``
    with their noise scaled up: a network is asked the same there, from noisier inputs.
    """

    n_validation = n_test = 500

    @classmethod
    def sizes_of(cls, n_train: int, noisy_test: float) -> Dict[str, int]:
        """Return the examples of each split."""
        sizes = {"train": n_train, "validation": cls.n_validation, "test": cls.n_test}
        return dict(sizes, **({NOISY_TEST: cls.n_test} if noisy_test else {}))

    def draw_all(self, name: str, noise: float, noisy_test: float) -> None:
        """Draw the examples of every split by :meth:`draw`, from generators of this name."""
        self._examples = {}
        for split, size in self.sizes.items():
            is_noisy = split == NOISY_TEST
            random = generator(self.seed, name, "test" if is_noisy else split)
            self._examples[split] = self.draw(random, size, noisy_test if is_noisy else noise)

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


class Classification:
    """What tasks have in common whose examples have one class, told in the only window."""

    measures: Tuple[Measure, ...] = (CROSS_ENTROPY, ACCURACY)
    is_classification = True

    def loss(self, logits: Tensor, targets: Tensor, average: Average = mean) -> Tensor:
        """Return the softmax cross entropy (nats), averaged over the batch.

        Args:
            logits: (1, batch, n_out), of the one window.
            targets: int32 (batch,).
        """
        return average(cross_entropy(logits[0], targets, axis=1))

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
