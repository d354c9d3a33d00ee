"""Row-wise sequential MNIST: a 28 x 28 image is fed one row a step, and classified at the end."""

import os

import numpy as np

from lsnn import mnist
from lsnn.backend import tf
from lsnn.randomness import generator


class SequentialMnist(object):
    """MNIST with the first 5,000 training images kept for validation.

    Args:
        data: folder of the data sets; the four MNIST files are in ``<data>/mnist``.

    Raises:
        DataError: a file is missing, incomplete or altered.
    """

    options = {}
    n_steps = 28
    n_in = 28
    n_out = 10
    n_windows = window_steps = 1
    readout_bias = True
    carries_state = False
    data_files = tuple("mnist/" + name for name in mnist.FILES)
    evaluation_batch = 1000  # large enough that overheads vanish, small enough for any memory
    split_sizes = {"train": 55000, "validation": 5000, "test": 10000}
    evaluation_sizes = {"train": 5000, "validation": 5000, "test": 10000}

    def __init__(self, data):
        folder = os.path.join(data, "mnist")

        def read(part):
            images = mnist.read_images(os.path.join(folder, part + "-images-idx3-ubyte"))
            labels = mnist.read_labels(os.path.join(folder, part + "-labels-idx1-ubyte"))
            return np.ascontiguousarray(images.transpose(1, 0, 2)), labels

        images, labels = read("train")
        n_validation = self.split_sizes["validation"]
        self._splits = {
            "train": (images[:, n_validation:], labels[n_validation:]),
            "validation": (images[:, :n_validation], labels[:n_validation]),
            "test": read("t10k"),
        }
        self._epoch = (None, None)  # the epoch whose order is known, and that order

    def placeholders(self):
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (batch)."""
        inputs = tf.placeholder(tf.float32, [self.n_steps, None, self.n_in], "inputs")
        return inputs, tf.placeholder(tf.int32, [None], "targets")

    def examples(self, split, indices):
        """Return inputs (steps, n, n_in) float32 in [0, 1] and targets (n) int32 of a split."""
        images, labels = self._splits[split]
        return images[:, indices] / np.float32(255), labels[indices].astype(np.int32)

    def batch(self, seed, iteration, size):
        """Return inputs and targets of the training batch of an iteration.

        Batches are consecutive pieces of an endless row of epochs, each the whole training split in
        an order of its own. A batch depends on nothing but the arguments.
        """
        n = self.split_sizes["train"]
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
            order = generator(seed, "epoch", epoch).permutation(self.split_sizes["train"])
            self._epoch = (key, order)
        return self._epoch[1]

    def loss(self, logits, targets):
        """Return the softmax cross entropy (nats) of the one window, averaged over the batch.

        Written out, because TensorFlow's fused losses have no second derivative, or a wrong one, on
        some versions.
        """
        logits = logits[0]
        wanted = tf.reduce_sum(logits * tf.one_hot(targets, self.n_out), axis=1)
        return tf.reduce_mean(tf.reduce_logsumexp(logits, axis=1) - wanted)

    def accuracy(self, logits, targets):
        """Return the fraction of the batch whose largest logit is the target's."""
        right = tf.equal(tf.argmax(logits[0], axis=1, output_type=tf.int32), targets)
        return tf.reduce_mean(tf.cast(right, tf.float32))
