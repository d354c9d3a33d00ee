"""Sequences of one's own, with a class each, or with values that are wanted at every step."""

import os
from typing import Any, Tuple, Type

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.errors import DataError
from lsnn.options import FOLDER, choice, integer, text
from lsnn.tasks.base import SQUARED_ERROR, Average, Classification, FiniteTask, Task, mean
from lsnn.tasks.own_data import missing_classes
from lsnn.tasks.sequence_file import CLASSES, VALUES, trials_of


class OwnSequences(FiniteTask):
    """What sequences of one's own have in common, whatever their targets.

    Trials may differ in length: a shorter one comes after zeros, in which units rest, so that all
    end with the last step.

    Args:
        data: folder of the data sets.
        seed: of the run.
        file: npz or csv.
        targets: what y is, classes or values.
        n_train: training trials; None - all.

    Raises:
        DataError: the file is missing, damaged, or lacks what a task needs.
    """

    options = {
        "file": text(
            "File of the sequences, absolute or relative to the folder of the data sets. An npz "
            "has the arrays x (trials, steps, channels), y and, if trials differ in length, "
            "lengths (trials), in steps; it can have split (trials): train, validation or test. A "
            "csv has a row for each step of each trial, with the columns trial, step and y (or "
            "y_1, y_2 and so on), if wanted split, and one for each channel. Without split, one "
            "trial of ten is kept for validation and one for test, the same in all runs, with "
            "classes in their shares.",
            "sequences.npz",
            **FOLDER,
        ),
        "targets": choice(
            "What y is: classes - a class of each trial, number or text, which is told at the "
            "trial's last step; values - what is wanted at every step (trials, steps, outputs).",
            [CLASSES, VALUES],
            CLASSES,
        ),
        "n_train": integer(
            "Training trials, the first ones; if left out, all.", None, "trials", least=1
        ),
    }

    shares_examples = True

    def __init__(self, data, seed, file, targets, n_train=None):
        super().__init__(data, seed)
        (path,) = self.own_files(data, file, targets, n_train)
        self._trials = trials_of(path, targets)
        self._places = dict(self._trials.places)
        self._places["train"] = self._places["train"][:n_train]
        self.sizes = {split: len(places) for split, places in self._places.items()}
        self.n_steps, _, self.n_in = self._trials.inputs.shape
        self.is_padded = self._trials.is_padded

    @classmethod
    def with_options(cls, **options: Any) -> Type[Task]:
        """Return the class that options ask for."""
        return {CLASSES: Sequences, VALUES: SequencesOfValues}[options["targets"]]

    @classmethod
    def own_files(cls, data, file, targets, n_train=None):
        path = os.path.join(data, file)
        trials = trials_of(path, targets)
        places = trials.places["train"]
        if n_train is not None and n_train > len(places):
            raise DataError(
                f"task.n_train: {n_train}: {path} has {len(places)} training trials; take fewer"
            )
        if trials.class_names:
            of_training = {"train": trials.targets[places[:n_train]]}
            for remark in missing_classes(of_training, trials.class_names):
                raise DataError(f"task.n_train: {n_train}: {path}: {remark}; take more")
        return [path]

    @classmethod
    def own_sizes(cls, data, file, targets, n_train=None):
        places = trials_of(os.path.join(data, file), targets).places
        return dict(
            {split: len(of) for split, of in places.items()}, train=len(places["train"][:n_train])
        )

    def placeholders(self) -> Tuple[Tensor, Tensor]:
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (..., batch)."""
        inputs = tf.placeholder(tf.float32, [self.n_steps, None, self.n_in], "inputs")
        *shape, _ = self._trials.targets.shape
        return inputs, tf.placeholder(self._trials.targets.dtype, [*shape, None], "targets")

    def examples(self, split: str, indices: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_steps, n, n_in) float32 and targets (..., n) of examples of a split."""
        places = self._places[split][indices]
        return self._trials.inputs[:, places], self._trials.targets[..., places]


class Sequences(Classification, OwnSequences):
    """Classify sequences of one's own, each at its last step; or produce values at every step."""

    def __init__(self, data, seed, file, targets, n_train=None):
        super().__init__(data, seed, file, targets, n_train)
        self.class_names = self._trials.class_names
        self.n_out = len(self.class_names)
        classes = {split: self._trials.targets[places] for split, places in self._places.items()}
        self.remarks = missing_classes(classes, self.class_names)


class SequencesOfValues(OwnSequences):
    """Produce values at every step of sequences of one's own."""

    measures = (SQUARED_ERROR,)

    def __init__(self, data, seed, file, targets, n_train=None):
        super().__init__(data, seed, file, targets, n_train)
        self.n_windows, self.n_out, _ = self._trials.targets.shape

    def loss(self, outputs: Tensor, targets: Tensor, average: Average = mean) -> Tensor:
        """Return the squared error, averaged over steps and outputs of a trial, and over the batch.

        Args:
            outputs: (n_steps, batch, n_out).
            targets: (n_steps, n_out, batch); nan where a trial has not begun.
            average: over the batch.
        """
        is_there = tf.logical_not(tf.is_nan(targets))
        wanted = tf.where(is_there, targets, tf.zeros_like(targets))
        weights = tf.cast(is_there, tf.float32)
        errors = weights * tf.square(tf.transpose(outputs, [0, 2, 1]) - wanted)
        return average(tf.reduce_sum(errors, [0, 1]) / tf.reduce_sum(weights, [0, 1]))
