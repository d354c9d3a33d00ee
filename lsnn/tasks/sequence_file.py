"""Files of sequences of one's own: what they may have, and how a network is shown it."""

import csv
import functools
import os
import re
import zipfile
from collections import OrderedDict
from typing import Mapping, NamedTuple, Tuple

import numpy as np

from lsnn.errors import DataError
from lsnn.tasks.base import SPLITS
from lsnn.tasks.own_data import missing_classes, stratified

KEPT = 10  # one trial of so many is kept for validation, and one for test
CLASSES, VALUES = "classes", "values"  # what y is
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


def trials_of(path: str, targets: str) -> Trials:
    """Return the trials of a file, which is read once as long as its time and size stay these.

    Args:
        path: npz or csv.
        targets: what y is, classes or values.

    Raises:
        DataError: it is missing, damaged, or no task can be made of it.
    """
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
    is_of_values = targets == VALUES
    numbered = [name for name in rows[0] if is_of_values and re.match(r"y_[0-9]+\Z", name)]
    if numbered and "y" in rows[0]:
        raise ValueError(f"has a column y beside {numbered[0]}; one or the other is needed")
    outputs = numbered or [name for name in ("y",) if is_of_values and name in rows[0]]
    channels = [name for name in rows[0] if name not in (*OF_ROW, *outputs)]
    by_trial = OrderedDict()
    for line, row in enumerate(rows, start=2):
        by_trial.setdefault(row["trial"], []).append((line, row))
    _require_steps(by_trial)
    found = {"x": _numbers(by_trial, channels), "lengths": np.array([*map(len, by_trial.values())])}
    if outputs:
        found["y"] = _numbers(by_trial, outputs)
    for name in ("y", "split"):
        if name in rows[0] and name not in found:
            found[name] = np.array([_same(rows, name, trial) for trial, rows in by_trial.items()])
    return found


def _require_steps(by_trial):
    """Refuse trials that lack a step, or have one twice or out of order."""
    first = None
    for trial, rows in by_trial.items():
        first = int(_number(*rows[0], "step")) if first is None else first
        for step, (line, row) in enumerate(rows, start=first):
            if _number(line, row, "step") != step:
                raise ValueError(
                    f"line {line}: step {row['step']} of trial {trial} is not step {step}; every "
                    f"trial needs one row for each of its steps, in order, from {first} on"
                )


def _numbers(by_trial, names):
    """Return the numbers of columns as an array (trials, steps, columns), 0 after a trial's end."""
    most = max(map(len, by_trial.values()))
    found = np.zeros((len(by_trial), most, len(names)))
    for trial, rows in enumerate(by_trial.values()):
        found[trial, : len(rows)] = [[_number(*row, name) for name in names] for row in rows]
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


def _number(line, row, name):
    """Return what a column has in a row, which is finite."""
    try:
        value = float(row[name])
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f'line {line}: {name}: "{row[name]}" is not a number')
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
    lengths = _lengths_of(arrays)
    _require_kind(y, x.shape, targets)
    inputs, classes = _finite("x", x, lengths), np.zeros(len(x), np.int32)
    class_names: Tuple[str, ...] = ()
    if targets == VALUES:
        wanted = _finite("y", y, lengths)
        wanted[~is_within(lengths, x.shape[1])] = np.nan
        of_trials = wanted.transpose(0, 2, 1)
    else:
        of_trials, class_names = _classes_of(y)
        classes = of_trials
    places = _splits(arrays.get("split"), classes)
    lacking = missing_classes({"train": classes[places["train"]]}, class_names)
    if lacking:
        raise ValueError(f"{lacking[0]}; give more trials of it, or a split")
    return Trials(inputs, of_trials, class_names, places, bool((lengths < x.shape[1]).any()))


def _lengths_of(arrays):
    """Return the lengths of the trials, as a file has them, or all steps."""
    n_trials, n_steps, _ = arrays["x"].shape
    lengths = np.asarray(arrays.get("lengths", np.full(n_trials, n_steps)))
    if lengths.shape != (n_trials,) or lengths.dtype.kind not in "iu":
        raise ValueError(f"lengths needs a whole number for each of the {n_trials} trials")
    wrong = np.flatnonzero((lengths < 1) | (lengths > n_steps))
    if len(wrong):
        raise ValueError(
            f"lengths: trial {wrong[0]} has {lengths[wrong[0]]} steps; x has 1 to {n_steps}"
        )
    return lengths


def _require_kind(y, shape, targets):
    """Refuse a y that is not of the kind that is asked for."""
    kinds = {
        CLASSES: y.shape == shape[:1],
        VALUES: y.ndim == 3 and y.shape[:2] == shape[:2] and y.dtype.kind in "iuf",
    }
    if not kinds[targets]:
        way_out = "".join(
            f"; for this y set task.targets: {k}" for k, fits in kinds.items() if fits
        )
        needed = f"{SHAPES[targets]} is needed with task.targets = {targets}"
        raise ValueError(f"y has shape {y.shape}; {needed}{way_out}")


def _finite(name, array, lengths):
    """Return an array as :func:`at_the_end`, if all numbers within its trials are finite."""
    found = at_the_end(array, lengths)
    if not np.isfinite(found).all():
        step, trial, column = np.argwhere(~np.isfinite(found))[0]
        step -= array.shape[1] - lengths[trial]
        raise ValueError(f"{name} of trial {trial}, step {step}, column {column} is not finite")
    return found


def _classes_of(y):
    """Return the numbers of the classes of trials, int32, and the classes' names."""
    if y.dtype.kind == "f":
        if not (y == np.round(y)).all():
            odd = y[y != np.round(y)][0]
            raise ValueError(f"y: {odd} is no class; classes are whole numbers or texts")
        y = y.astype(int)
    for trial, name in enumerate(y.tolist()):
        if name in ("", "nan"):
            raise ValueError(f"y of trial {trial} is missing")
    known, numbers = np.unique(y, return_inverse=True)
    names = tuple(str(name) for name in known)
    if len(names) < 2:
        raise ValueError(f"y: all trials are of class {names[0]}; two are needed")
    return numbers.astype(np.int32), names


def at_the_end(arrays: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return trials (steps, trials, channels), float32, moved to the end, after zeros.

    >>> at_the_end(np.array([[[1.0], [2.0], [7.0]]]), np.array([2])).ravel().tolist()
    [0.0, 1.0, 2.0]

    Args:
        arrays: (trials, steps, channels); what is after a trial's length does not count.
        lengths: of the trials, in steps.
    """
    n_trials, n_steps, n_channels = arrays.shape
    found = np.zeros((n_steps, n_trials, n_channels), np.float32)
    for trial, length in enumerate(lengths):
        found[n_steps - length :, trial] = arrays[trial, :length]
    return found


def is_within(lengths: np.ndarray, n_steps: int) -> np.ndarray:
    """Return where trials are after :func:`at_the_end`: (steps, trials) bool."""
    return np.arange(n_steps)[:, None] >= n_steps - lengths


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
