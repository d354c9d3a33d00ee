"""What tasks have in common: splits, batches, and what is measured of a network's answers."""

from typing import Any, NamedTuple, Tuple

import numpy as np

from lsnn.backend import tf
from lsnn.randomness import generator

SPLITS = ("train", "validation", "test")


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


CROSS_ENTROPY = Measure("loss", "cross entropy", "nats")
ACCURACY = Measure("accuracy", "accuracy", larger_is_worse=False, limits=(0.0, 1.0))


class Task(object):
    """Inputs, targets, and what is measured of the answers; a base without data.

    To the network a task is ``n_steps``, ``n_in`` and ``n_out``, and the windows of its output: the
    readout is averaged over each of the last ``n_windows`` windows of ``window_steps`` steps, which
    follow one another up to the last step. For every measure there is a method of its name, of
    outputs (n_windows, batch, n_out) and targets, that returns a scalar tensor; the first one is
    called ``loss``, and training descends it.
    """

    options = {}  # :mod:`lsnn.options`: the keyword arguments behind the folder of the data sets
    measures = ()  # of type :class:`Measure`
    is_classification = False  # outputs are logits, of which the largest is the answer
    n_windows = window_steps = 1
    readout_bias = True
    carries_state = False  # whether a batch starts from the state in which the one before ended
    data_files = ()  # names of the files below the data folder that it reads
    evaluation_batch = 1000  # examples that are evaluated at a time
    sizes = {}  # examples of each split

    @property
    def evaluation_sizes(self):
        """Examples of each split, the first ones, that the learning curve is measured on."""
        return self.sizes

    @classmethod
    def outline(cls, **options):
        """Return what options tell before data are read, by name, each if it is known.

        That is n_steps, n_in, n_out, sizes and evaluation_sizes: what is asked of examples is
        checked against them, and the time of a run is estimated from them.
        """
        return {}

    def placeholders(self):
        """Return placeholders for the inputs (n_steps, batch, n_in) and targets of a batch."""
        raise NotImplementedError

    def examples(self, split, indices):
        """Return inputs (n_steps, n, n_in) and targets of examples of a split."""
        raise NotImplementedError

    def batch(self, seed, iteration, size):
        """Return inputs and targets of the training batch of an iteration.

        It depends on nothing but the arguments.
        """
        raise NotImplementedError


class FiniteTask(Task):
    """A task with a finite training set, of which every epoch shows all in an order of its own."""

    _epoch = (None, None)  # the epoch whose order is known, and that order

    def batch(self, seed, iteration, size):
        """Return inputs and targets of the training batch of an iteration.

        Batches are consecutive pieces of an endless row of epochs. A batch depends on nothing but
        the arguments.
        """
        n = self.sizes["train"]
        positions = np.arange(iteration * size, (iteration + 1) * size)
        epochs = positions // n
        indices = np.concatenate(
            [
                self._order(seed, epoch)[positions[epochs == epoch] % n]
                for epoch in range(epochs[0], epochs[-1] + 1)
            ]
        )
        return self.examples("train", indices)

    def _order(self, seed, epoch):
        key = (seed, epoch)
        if self._epoch[0] != key:
            order = generator(seed, "epoch", epoch).permutation(self.sizes["train"])
            self._epoch = (key, order)
        return self._epoch[1]


def cross_entropy(logits, targets, axis):
    """Return the softmax cross entropies (nats) of logits whose classes lie along an axis.

    Written out, because TensorFlow's fused losses have no second derivative, or a wrong one, on
    some versions.
    """
    n_classes = logits.shape.as_list()[axis]
    wanted = tf.reduce_sum(logits * tf.one_hot(targets, n_classes), axis=axis)
    return tf.reduce_logsumexp(logits, axis=axis) - wanted


def is_right(logits, targets, axis):
    """Return 1 where the largest logit is the target's, else 0, as float32."""
    answers = tf.argmax(logits, axis=axis, output_type=tf.int32)
    return tf.cast(tf.equal(answers, targets), tf.float32)
