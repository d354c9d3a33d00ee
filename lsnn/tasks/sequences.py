"""Sequences of one's own, with a class each, or with values that are wanted at every step."""

import csv
import functools
import os
import re
import zipfile
from collections import OrderedDict
from typing import Any, Mapping, NamedTuple, Tuple, Type

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.errors import DataError
from lsnn.options import FOLDER, choice, integer, text
from lsnn.tasks.base import SPLITS, SQUARED_ERROR, Average, Classification, FiniteTask, Task, mean
from lsnn.tasks.own_data import missing_classes, stratified

KEPT = 10  # one trial of so many is kept for validation, and one for test
CLASSES, VALUES = "classes", "values"
SHAPES = {CLASSES: "(trials)", VALUES: "(trials, steps, outputs)"}
OF_ROW = ("trial", "step", "split", "y")  # columns of a csv that are no channel


class Trials(NamedTuple):
    """What is in a file, as a network is shown it."""

    # (steps, trials, channels) float32; a shorter trial ends with the last step, after zeros
    inputs: np.ndarray
    # int32 (trials), or float32 (steps, outputs, trials) with nan before a shorter trial begins
    targets: np.ndarray
    class_names: Tuple[str, ...]  # in the order of their numbers; none where there are values
    places: Mapping[str, np.ndarray]  # of the trials of each split
    is_padded: bool  # whether some trials are shorter than others


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

    def __init__(self, data, seed, file, targets, n_train=None):
        super().__init__(data, seed)
        (path,) = self.own_files(data, file, targets, n_train)
        self._trials = _trials_of(path, targets)
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
        trials = _trials_of(path, targets)
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
        places = _trials_of(os.path.join(data, file), targets).places
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


def _trials_of(path, targets):
    """Return the trials of a file, which is read once as long as its time and size stay these."""
    try:
        return _read(path, targets, os.path.getmtime(path), os.path.getsize(path))
    except OSError as error:
        raise DataError(f"task.file: {path}: {error.strerror}; give the path of yours") from None


@functools.lru_cache(maxsize=2)
def _read(path, targets, time, size):
    read = _of_csv if path.lower().endswith(".csv") else _of_npz
    try:
        return arranged(read(path, targets), targets)
    except (ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"task.file: {path}: {error}") from None


def _of_npz(path, targets):
    """Return the arrays of an npz by name.

    Raises:
        ValueError, BadZipFile: says what is wrong with it.
    """
    with np.load(path, allow_pickle=False) as stored:
        if isinstance(stored, np.ndarray):
            raise ValueError("is one array; an npz with x and y is needed")
        return {name: stored[name] for name in stored.files}


def _of_csv(path, targets):
    """Return what a csv has as the arrays of an npz, by name.

    Raises:
        ValueError: says what is wrong with it.
    """
    rows = _rows_of(path)
    of_values = [name for name in rows[0] if re.match(r"y_[0-9]+\Z", name)]
    if targets == CLASSES:
        of_values = []
    elif of_values and "y" in rows[0]:
        raise ValueError(f"has a column y beside {of_values[0]}; one or the other is needed")
    channels = [name for name in rows[0] if name not in OF_ROW and name not in of_values]
    of_values = of_values or ["y"] * ("y" in rows[0])
    by_trial = OrderedDict()
    for line, row in enumerate(rows, start=2):
        by_trial.setdefault(row["trial"], []).append((line, row))
    lengths = [len(of_trial) for of_trial in by_trial.values()]
    found = {
        "x": np.zeros((len(lengths), max(lengths), len(channels))),
        "lengths": np.array(lengths),
    }
    if targets == VALUES and of_values:
        found["y"] = np.zeros((len(lengths), max(lengths), len(of_values)))
    names = {"x": channels, "y": of_values if targets == VALUES else []}
    first = int(_number(rows[0]["step"], 2, "step"))
    for place, (trial, of_trial) in enumerate(by_trial.items()):
        for step, (line, row) in enumerate(of_trial, start=first):
            if _number(row["step"], line, "step") != step:
                raise ValueError(
                    f"line {line}: step {row['step']} of trial {trial} is not step {step}; every "
                    f"trial needs one row for each of its steps, in order, from {first} on"
                )
        for array, columns in names.items():
            for step, (line, row) in enumerate(of_trial):
                for column, name in enumerate(columns):
                    found[array][place, step, column] = _number(row[name], line, name)
    for name in ("y", "split"):
        if name in rows[0] and name not in found:
            found[name] = np.array([_same(rows, name, trial) for trial, rows in by_trial.items()])
    return found


def _rows_of(path):
    """Return the rows of a csv, each a mapping by column."""
    with open(path, encoding="utf-8-sig", newline="") as stream:  # Excel begins with a mark
        reader = csv.DictReader(stream, skipinitialspace=True)
        names, rows = reader.fieldnames or [], list(reader)
    if not rows or not {"trial", "step"} <= set(names):
        found = ", ".join(names) or "none"
        raise ValueError(f"has no rows with the columns trial and step; its columns are: {found}")
    if len(set(names)) < len(names) or "" in names:
        raise ValueError("has a column without a name, or two of one name")
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ValueError(f"line {line}: has not one cell for each of {len(names)} columns")
    return rows


def _number(text, line, name):
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f'line {line}: {name}: "{text}" is not a number')
    return value


def _same(rows, name, trial):
    """Return what a column has in all rows of a trial."""
    found = sorted({row[name] for _, row in rows})
    if len(found) > 1 or not found[0]:
        shown = " and ".join(f'"{text}"' for text in found[:2])
        raise ValueError(f"trial {trial}: {name} is {shown}; one is needed")
    return found[0]


def arranged(arrays: Mapping[str, np.ndarray], targets: str) -> Trials:
    """Return the arrays of a file, as it has them, arranged as :class:`Trials`.

    Raises:
        ValueError: says what is wrong with them.
    """
    for name in ("x", "y"):
        if name not in arrays:
            raise ValueError(f"has no {name}")
    x, y = arrays["x"], arrays["y"]
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; (trials, steps, channels) is needed")
    n_trials, n_steps, _ = x.shape
    lengths = np.asarray(arrays.get("lengths", np.full(n_trials, n_steps)))
    if lengths.shape != (n_trials,) or lengths.dtype.kind not in "iu":
        raise ValueError(f"lengths needs a whole number for each of the {n_trials} trials")
    wrong = np.flatnonzero((lengths < 1) | (lengths > n_steps))
    if len(wrong):
        raise ValueError(
            f"lengths: trial {wrong[0]} has {lengths[wrong[0]]} steps; x has 1 to {n_steps}"
        )
    is_values = y.ndim == 3 and y.shape[:2] == x.shape[:2] and y.dtype.kind in "iuf"
    if not (is_values if targets == VALUES else y.shape == (n_trials,)):
        other = VALUES if is_values else CLASSES if y.shape == (n_trials,) else None
        way_out = f"; for this y set task.targets: {other}" if other else ""
        raise ValueError(
            f"y has shape {y.shape}; {SHAPES[targets]} is needed with task.targets = {targets}"
            + way_out
        )
    inputs, is_there = at_the_end(x, lengths)
    if not np.isfinite(inputs).all():
        step, trial, channel = np.argwhere(~np.isfinite(inputs))[0]
        step -= n_steps - lengths[trial]
        raise ValueError(f"x of trial {trial}, step {step}, channel {channel} is not finite")
    classes = np.zeros(n_trials, np.int32)
    class_names: Tuple[str, ...] = ()
    if targets == VALUES:
        wanted, _ = at_the_end(y, lengths)
        if not np.isfinite(wanted).all():
            raise ValueError(f"y of trial {np.argwhere(~np.isfinite(wanted))[0][1]} is not finite")
        wanted[~is_there] = np.nan
        of_trials = wanted.transpose(0, 2, 1)
    else:
        if y.dtype.kind == "f" and not (y == np.round(y)).all():
            raise ValueError(
                f"y: {y[y != np.round(y)][0]} is no class; classes are whole numbers or texts"
            )
        lacks = [trial for trial, text in enumerate(y.tolist()) if text in ("", "nan")]
        if lacks:
            raise ValueError(f"y of trial {lacks[0]} is missing")
        known, numbers = np.unique(y.astype(int) if y.dtype.kind == "f" else y, return_inverse=True)
        class_names = tuple(str(name) for name in known)
        if len(class_names) < 2:
            raise ValueError(f"y: all trials are of class {class_names[0]}; two are needed")
        of_trials = classes = numbers.astype(np.int32)
    places = _splits(arrays.get("split"), classes)
    lacking = missing_classes({"train": classes[places["train"]]}, class_names)
    if lacking:
        raise ValueError(f"{lacking[0]}; give more trials of it, or a split")
    return Trials(inputs, of_trials, class_names, places, bool((lengths < n_steps).any()))


def at_the_end(arrays: np.ndarray, lengths: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Return trials moved to the end of their steps, after zeros, and where they are.

    >>> at_the_end(np.array([[[1.0], [2.0], [7.0]]]), np.array([2]))[0].ravel().tolist()
    [0.0, 1.0, 2.0]

    Args:
        arrays: (trials, steps, channels); what is after a trial's length does not count.
        lengths: of the trials, in steps.

    Returns:
        (steps, trials, channels) float32, and (steps, trials) bool.
    """
    n_trials, n_steps, _ = arrays.shape
    found = np.zeros((n_steps, n_trials, arrays.shape[2]), np.float32)
    is_there = np.arange(n_steps)[:, None] >= n_steps - lengths
    for trial, length in enumerate(lengths):
        found[n_steps - length :, trial] = arrays[trial, :length]
    return found, is_there


def _splits(split, classes):
    """Return the places of the trials of each split, as a file has it, or stratified by class."""
    n_trials = len(classes)
    if split is None:
        if n_trials < 3:
            raise ValueError(f"has {n_trials} trials; a split into three parts needs more")
        order, n = stratified(classes), max(1, n_trials // KEPT)
        parts = dict(zip(SPLITS, (order[2 * n :], order[:n], order[n : 2 * n])))
        return parts
    if split.shape != (n_trials,):
        raise ValueError(f"split has shape {split.shape}; one is needed for each trial")
    unknown = sorted(set(split.tolist()) - set(SPLITS))
    if unknown:
        raise ValueError(f"split: {unknown[0]} is none of {', '.join(SPLITS)}")
    places = {name: np.flatnonzero(split == name) for name in SPLITS}
    for name, found in places.items():
        if not len(found):
            raise ValueError(f"split: no trial is {name}")
    order = stratified(classes[places["train"]])
    places["train"] = places["train"][order]
    return places
