"""Gradient descent under a learning rule, with a checkpoint every so many iterations."""

import os
import time
from collections import OrderedDict

import numpy as np

from lsnn import checkpoints
from lsnn.backend import new_session, tf
from lsnn.errors import DivergenceError, ResultError
from lsnn.learning_rules import LEARNING_RULES
from lsnn.network import PARAMETERS
from lsnn.randomness import generator

# What is recorded at a checkpoint, over the evaluation set of each split. A loss is the task's, in
# nats, without the L2 term, which stands in a column of its own; activity is that on `validation`.
SPLITS = ("train", "validation", "test")
LEARNING_CURVE = (
    tuple("{}_{}".format(split, what) for split in SPLITS for what in ("loss", "accuracy"))
) + ("l2_loss", "mean_activity")

EVALUATION_BATCH = 1000  # examples; large enough that overheads vanish, small enough for any memory


class Progress(object):
    """The checkpoints and the learning curve of a run so far, kept in a file between processes.

    Args:
        path: the file. It is no result: a run that was stopped goes on from it.
        metadata: what the run is; a file that says otherwise is set aside, never used.
        log: called with a line of text for the reader.
    """

    def __init__(self, path, metadata, log):
        self.path = path
        self.metadata = metadata
        self.iterations = []
        self.weights = OrderedDict((name, []) for name in PARAMETERS)
        self.learning_curve = []
        if os.path.exists(path):
            self._load(log)

    def _load(self, log):
        try:
            arrays, metadata = checkpoints.read(self.path)
            expected = dict(self.metadata, format_version=checkpoints.FORMAT_VERSION)
            if metadata != expected or "learning_curve" not in arrays:
                raise ResultError("{}: state of another run".format(self.path))
        except ResultError as error:
            aside = self.path + ".set-aside"
            os.replace(self.path, aside)
            log("not used, moved to {}, starting anew: {}".format(aside, error))
            return
        self.iterations = list(arrays["iteration"])
        self.learning_curve = list(arrays["learning_curve"])
        self.weights = OrderedDict((name, list(arrays[name])) for name in PARAMETERS)

    def add(self, iteration, weights, measures):
        """Append a checkpoint and write the file."""
        self.iterations.append(iteration)
        self.learning_curve.append([measures[name] for name in LEARNING_CURVE])
        for name in PARAMETERS:
            self.weights[name].append(weights[name])
        arrays = dict(self.arrays(), learning_curve=np.array(self.learning_curve))
        checkpoints.write(self.path, arrays, self.metadata)

    def arrays(self):
        """Return the arrays of a checkpoint file by name."""
        arrays = OrderedDict((name, np.stack(self.weights[name])) for name in PARAMETERS)
        arrays["iteration"] = np.array(self.iterations, np.int64)
        return arrays

    def rows(self):
        """Return the learning curve as a list of mappings, one a checkpoint."""
        return [
            dict(zip(LEARNING_CURVE, (float(x) for x in row)), iteration=int(iteration))
            for iteration, row in zip(self.iterations, self.learning_curve)
        ]


class Trainer(object):
    """The graph of one training run and its session.

    Args:
        network: :class:`lsnn.network.Network`.
        learning_rule: a name of :data:`lsnn.learning_rules.LEARNING_RULES`.
        learning_rate: step size of gradient descent.
        weights: arrays by name to start from.
        threads: most threads to compute with.
    """

    def __init__(self, network, learning_rule, learning_rate, weights, threads=1):
        self.task = network.task
        with tf.Graph().as_default() as graph:
            self.inputs, self.targets = self.task.placeholders()
            self.weights = network.variables()
            rule = LEARNING_RULES[learning_rule]()
            response = network.respond(self.weights, self.inputs, rule)
            self.task_loss = self.task.loss(response.logits, self.targets)
            self.l2_loss = network.l2_loss(self.weights)
            self.loss = self.task_loss + self.l2_loss
            self.accuracy = self.task.accuracy(response.logits, self.targets)
            self.mean_activity = response.mean_activity
            parameters = list(self.weights.values())
            gradients = tf.gradients(self.loss, parameters)
            self.gradients = OrderedDict(zip(PARAMETERS, gradients))
            optimiser = tf.train.GradientDescentOptimizer(learning_rate)
            # Else a weight could be updated before the gradient of another has read it.
            with tf.control_dependencies(gradients + [self.loss]):
                self.descend = optimiser.apply_gradients(zip(gradients, parameters))
        self.session = new_session(graph, threads)
        for name, variable in self.weights.items():
            variable.load(weights[name], self.session)

    def step(self, inputs, targets):
        """Take one step of gradient descent; return the loss before it."""
        feed = {self.inputs: inputs, self.targets: targets}
        return self.session.run([self.loss, self.descend], feed)[0]

    def current_weights(self):
        """Return the weights as arrays by name."""
        return self.session.run(self.weights)

    def evaluate(self):
        """Return the measures of :data:`LEARNING_CURVE` at the current weights, by name."""
        measures = {"l2_loss": float(self.session.run(self.l2_loss))}
        for split in SPLITS:
            loss, accuracy, activity = self._evaluate_split(split)
            measures[split + "_loss"] = loss
            measures[split + "_accuracy"] = accuracy
            if split == "validation":
                measures["mean_activity"] = activity
        return measures

    def _evaluate_split(self, split):
        """Return task loss, accuracy and mean activity over the evaluation set of a split."""
        size = self.task.evaluation_sizes[split]
        totals = np.zeros(3)
        for start in range(0, size, EVALUATION_BATCH):
            indices = np.arange(start, min(start + EVALUATION_BATCH, size))
            inputs, targets = self.task.examples(split, indices)
            feed = {self.inputs: inputs, self.targets: targets}
            measures = [self.task_loss, self.accuracy, self.mean_activity]
            totals += len(indices) * np.array(self.session.run(measures, feed), np.float64)
        return (float(mean) for mean in totals / size)


def train(network, settings, state_file, log=print, threads=1):
    """Train one network by one learning rule, going on from ``state_file`` if there is one.

    A checkpoint is taken before the training step of its iteration: at 0, at every multiple of the
    spacing, and of the final state. Each checkpoint is written to ``state_file`` at once.

    Args:
        network: :class:`lsnn.network.Network`.
        settings: what :meth:`lsnn.config.Study.training_settings` returns; the metadata of the run.
        state_file: where the progress of the run is kept; the caller deletes it when done.
        log: called with a line of text per checkpoint.
        threads: most threads to compute with.

    Returns:
        :class:`Progress` with all checkpoints, and the mean time of an iteration in ms (None if
        none was left to do).

    Raises:
        DivergenceError: the loss is not finite; the checkpoints before stay in ``state_file``.
    """
    seed, batch_size = settings["seed"], settings["training"]["batch_size"]
    n_iterations = settings["schedule"]["iterations"]
    checkpoint_every = settings["schedule"]["checkpoint_every"]
    progress = Progress(state_file, {"settings": settings}, log)
    if progress.iterations:
        first = int(progress.iterations[-1])
        weights = {name: progress.weights[name][-1] for name in PARAMETERS}
        log("going on from iteration {} kept in {}".format(first, state_file))
    else:
        first = 0
        weights = network.initial_weights(generator(seed, "weights"))

    trainer = Trainer(
        network, settings["learning_rule"], settings["training"]["learning_rate"], weights, threads
    )
    seconds = 0.0
    started = time.time()
    for iteration in range(first, n_iterations + 1):
        if iteration % checkpoint_every == 0 and iteration not in progress.iterations[-1:]:
            measures = trainer.evaluate()
            _require_finite(sum(measures.values()), iteration, settings, state_file)
            progress.add(iteration, trainer.current_weights(), measures)
            log(_line(iteration, n_iterations, measures, first, seconds, time.time() - started))
        if iteration == n_iterations:
            break
        before = time.time()
        loss = trainer.step(*network.task.batch(seed, iteration, batch_size))
        seconds += time.time() - before
        _require_finite(loss, iteration, settings, state_file)
    done = n_iterations - first
    return progress, (1000.0 * seconds / done if done else None)


def _require_finite(loss, iteration, settings, state_file):
    if not np.isfinite(loss):
        raise DivergenceError(
            "{}, seed {}: the training loss at iteration {} is {}. Lower training.learning_rate "
            "({}). The checkpoints so far are kept in {}".format(
                settings["learning_rule"],
                settings["seed"],
                iteration,
                loss,
                settings["training"]["learning_rate"],
                state_file,
            )
        )


def _line(iteration, n_iterations, measures, first, seconds, elapsed):
    """Return the line of the log for a checkpoint."""
    line = (
        "iteration {}/{}  loss: train {train_loss:.4f}, validation {validation_loss:.4f}, test "
        "{test_loss:.4f}, L2 {l2_loss:.4f}  accuracy: train {train_accuracy:.4f}, validation "
        "{validation_accuracy:.4f}, test {test_accuracy:.4f}".format(
            iteration, n_iterations, **measures
        )
    )
    done = iteration - first
    if done:
        left = elapsed / done * (n_iterations - iteration)
        line += "  {:.1f} ms per iteration, {:.0f} s left".format(1000.0 * seconds / done, left)
    return line
