"""An example of a regression task with a finite training set."""

import numpy as np

from lsnn.backend import tf
from lsnn.options import integer
from lsnn.randomness import generator
from lsnn.tasks.base import FiniteTask, Measure, mean


class RunningMean(FiniteTask):
    """The network reports the mean of a noise at its end."""

    options = {"n_steps": integer("Steps of noise.", 6, "steps", least=2, most=100)}
    measures = (Measure("loss", "squared error", "mV^2"),)
    sizes = {"train": 60, "validation": 30, "test": 30}
    n_in = n_out = 1

    def __init__(self, data, seed, n_steps):
        super().__init__(data, seed)
        self.n_steps = n_steps
        self._inputs = {
            split: generator(0, "running_mean", split).randn(n_steps, size, 1).astype(np.float32)
            for split, size in self.sizes.items()
        }

    def placeholders(self):
        inputs = tf.placeholder(tf.float32, [self.n_steps, None, 1], "inputs")
        return inputs, tf.placeholder(tf.float32, [None], "targets")

    def examples(self, split, indices):
        inputs = self._inputs[split][:, indices]
        return inputs, inputs.mean(axis=(0, 2))

    def loss(self, outputs, targets, average=mean):
        return average(tf.square(outputs[0, :, 0] - targets))
