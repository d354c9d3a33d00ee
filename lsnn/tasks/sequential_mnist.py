"""Row-wise sequential MNIST: a 28 x 28 image is fed one row a step, and classified at the end."""

import os

import numpy as np

from lsnn import mnist
from lsnn.backend import tf
from lsnn.tasks.base import ACCURACY, CROSS_ENTROPY, FiniteTask, cross_entropy, is_right


class SequentialMnist(FiniteTask):
    """MNIST with the first 5,000 training images kept for validation.

    Args:
        data: folder of the data sets; the four MNIST files are in ``<data>/mnist``.

    Raises:
        DataError: a file is missing, incomplete or altered.
    """

    measures = (CROSS_ENTROPY, ACCURACY)
    is_classification = True
    n_steps = 28
    n_in = 28
    n_out = 10
    data_files = tuple("mnist/" + name for name in mnist.FILES)
    sizes = {"train": 55000, "validation": 5000, "test": 10000}
    evaluation_sizes = {"train": 5000, "validation": 5000, "test": 10000}

    def __init__(self, data):
        folder = os.path.join(data, "mnist")

        def read(part):
            images = mnist.read_images(os.path.join(folder, part + "-images-idx3-ubyte"))
            labels = mnist.read_labels(os.path.join(folder, part + "-labels-idx1-ubyte"))
            return np.ascontiguousarray(images.transpose(1, 0, 2)), labels

        images, labels = read("train")
        n_validation = self.sizes["validation"]
        self._splits = {
            "train": (images[:, n_validation:], labels[n_validation:]),
            "validation": (images[:, :n_validation], labels[:n_validation]),
            "test": read("t10k"),
        }

    @classmethod
    def outline(cls, **options):
        names = ("n_steps", "n_in", "n_out", "sizes", "evaluation_sizes")
        return {name: getattr(cls, name) for name in names}

    def placeholders(self):
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (batch)."""
        inputs = tf.placeholder(tf.float32, [self.n_steps, None, self.n_in], "inputs")
        return inputs, tf.placeholder(tf.int32, [None], "targets")

    def examples(self, split, indices):
        """Return inputs (steps, n, n_in) float32 in [0, 1] and targets (n) int32 of a split."""
        images, labels = self._splits[split]
        return images[:, indices] / np.float32(255), labels[indices].astype(np.int32)

    def loss(self, logits, targets):
        """Return the softmax cross entropy (nats) of the one window, averaged over the batch."""
        return tf.reduce_mean(cross_entropy(logits[0], targets, axis=1))

    def accuracy(self, logits, targets):
        """Return the fraction of the batch whose largest logit is the target's."""
        return tf.reduce_mean(is_right(logits[0], targets, axis=1))
