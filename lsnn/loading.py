"""The results of a study, of several, or of one run, loaded in a line: for notebooks.

It needs pandas, and what is computed of a run needs TensorFlow.
"""

import glob
import os
from collections import OrderedDict
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pandas as pd

from lsnn.backend import new_session, tf
from lsnn.curvature.hessian import ALL, Hessian, hessian_of
from lsnn.errors import ConfigError, ResultError
from lsnn.network import PARAMETERS, Recording, network_of, recorded
from lsnn.options import impossible
from lsnn.storage import checkpoints
from lsnn.storage.files import differences, plain_or_gzip, read_record, sha256_of_content
from lsnn.study.config import Study, read_study
from lsnn.study.settings import RULE, setting_columns, setting_values, settings_of
from lsnn.study.sweep import shortened

SAMPLES = 256  # examples of a Hessian, if there are as many


class LoadedStudy(NamedTuple):
    """The results of a study."""

    study: Study  # its settings
    # A row for each condition, seed and checkpoint, with a column for each setting in which
    # conditions differ; docs/reference/columns.md describes the others.
    trajectories: pd.DataFrame
    summary: pd.DataFrame  # means and ratios over seeds
    metadata: Dict[str, Any]  # what made them, with warnings


def load_study(folder: str) -> LoadedStudy:
    """Return the :class:`LoadedStudy` in a folder such as results/mine.

    Raises:
        ResultError: a file is missing, damaged, or not the one that metadata.json describes.
    """
    path = os.path.join(folder, "config.yaml")
    if not os.path.exists(path):
        raise ResultError(f"{folder}: has no config.yaml: not the results of a finished study")
    metadata = read_record(os.path.join(folder, "metadata.json"))
    study, summary = read_study(path), _table(folder, "summary.csv", metadata)
    trajectories = _table(folder, "trajectories.csv", metadata)
    for column, values in setting_values(study).items():
        if column.name not in trajectories:  # as in tables of older versions
            trajectories[column.name] = trajectories["condition"].map(values)
    return LoadedStudy(study, trajectories, summary, metadata)


def _table(folder, name, record):
    """Return a table, if it is the one that a record describes."""
    path = _require_intact(folder, name, record)
    # A condition may be called NA or None, which pandas would take for no value.
    return pd.read_csv(path, keep_default_na=False, na_values=["", "nan"])


def _require_intact(folder, name, record):
    """Return the path of a file, if it is the one that a record describes."""
    path = plain_or_gzip(os.path.join(folder, name))
    if not os.path.exists(path) or sha256_of_content(path) != record["outputs"].get(name):
        raise ResultError(f"{path}: missing, or altered since it was written; run the study again")
    return path


def load_studies(pattern: str) -> pd.DataFrame:
    """Return the trajectories of all studies whose folders match a pattern, such as results/tau_*.

    The frame has a column ``study``, the name of the folder, and one for each setting in which any
    two conditions of these studies differ. Folders without the results of a finished study are left
    out.

    Raises:
        ResultError: no folder has such results, or some are damaged.
    """
    folders = sorted(map(os.path.dirname, glob.glob(os.path.join(pattern, "config.yaml"))))
    if not folders:
        raise ResultError(f"{pattern}: no folder has the results of a finished study")
    studies = {os.path.basename(os.path.normpath(folder)): load_study(folder) for folder in folders}
    settings = {
        (name, condition): settings_of(loaded.study, condition)
        for name, loaded in studies.items()
        for condition in loaded.study.conditions
    }
    keys = OrderedDict.fromkeys(key for found in settings.values() for key in found)
    values = {
        key: {place: found.get(key, np.nan) for place, found in settings.items()} for key in keys
    }
    differing = [
        key
        for key, found in values.items()
        if len(set(map(str, found.values()))) > 1 and key != f"{RULE}.name"
    ]
    frames = []
    for name, loaded in studies.items():
        own = {column.name for column in setting_columns(loaded.study).values()}
        table = loaded.trajectories.drop(columns=own - {"learning_rate"})
        frames.append(table.assign(study=name))
    rows = pd.concat(frames, ignore_index=True)
    places = list(zip(rows["study"], rows["condition"]))
    names = shortened(differing, set(rows))
    for key in differing:
        rows[names[key]] = [values[key][place] for place in places]
    return rows


class Run:
    """A run of a study, with all that can be computed of it.

    ``index`` is always that of a checkpoint: 0 the first, -1 the last.

    Args:
        folder: of the study, such as results/mine.
        condition, seed: which run.

    Attributes:
        curves: its learning curve, a row for each checkpoint.
        iterations: of the checkpoints.
        network: :class:`lsnn.network.Network`, with its task.

    Raises:
        ResultError: there is no such run, it is not finished, or was made by other code.
        DataError: its data are missing or damaged.
    """

    def __init__(self, folder: str, condition: str, seed: int):
        study = load_study(folder).study
        if condition not in study.conditions or seed not in study.seeds:
            raise ResultError(
                f"{folder}: has no run of {condition}, seed {seed!r}; conditions: "
                f"{', '.join(study.conditions)}; seeds: {', '.join(map(str, study.seeds))}"
            )
        self.folder = run = os.path.join(folder, "runs", condition, f"seed_{seed}")
        path = os.path.join(run, "training.json")
        if not os.path.exists(path):
            raise ResultError(
                f"{run}: has no finished run; run the study again, which goes on where it was"
            )
        record, settings = read_record(path), study.training_settings(condition, seed)
        different = differences(record["settings"], settings)
        if different:
            raise ResultError(
                f"{run}: of other settings, data or code than the present: {'; '.join(different)}; "
                "run the study again, or go back to what it was made with "
                f"(commit {record['environment'].get('commit')})"
            )
        self.curves: pd.DataFrame = _table(run, "learning_curve.csv", record)
        _require_intact(run, "checkpoints.npz", record)
        self._arrays, _ = checkpoints.read(os.path.join(run, "checkpoints.npz"))
        self.network = network_of(settings, study.data, seed)
        self._hessians: Dict[Tuple[Any, ...], Hessian] = {}
        self._losses: Dict[str, Any] = {}  # by split

    @property
    def iterations(self) -> List[int]:
        """The iterations of the checkpoints, a list."""
        return self._arrays["iteration"].tolist()

    def weights(self, index: int) -> Dict[str, np.ndarray]:
        """Return the weights at a checkpoint, arrays by name; -1 is the last one.

        Raises:
            ResultError: the run has no such checkpoint.
        """
        n = len(self._arrays["iteration"])
        if not -n <= index < n:
            raise ResultError(
                f"{self.folder}: has no checkpoint {index}; there are {n}, of which -1 is the last"
            )
        return checkpoints.weights_at(self._arrays, index)

    def activity(self, index: int, split: str = "test", examples: int = 100) -> Recording:
        """Return what units and readout do, step by step, with the weights of a checkpoint.

        Args:
            index: of the checkpoint.
            split: part of the data.
            examples: how many, the first ones.
        """
        task, name = self._task_of(split)
        inputs, _ = task.examples(name, np.arange(min(examples, task.sizes[name])))
        return recorded(self._on(task), self.weights(index), inputs)

    def loss(self, weights: Mapping[str, np.ndarray], split: str = "train") -> float:
        """Return the task's loss, without L2 and firing-rate term, at any weights.

        It is that of the learning curve, on the same examples of the split.

        Args:
            weights: arrays by name.
            split: part of the data.
        """
        task, name = self._task_of(split)
        if split not in self._losses:
            self._losses[split] = self._graph_of_loss(task)
        loss, placeholders, session = self._losses[split]
        size, total = task.evaluation_sizes[name], 0.0
        feed = {placeholders[parameter]: weights[parameter] for parameter in PARAMETERS}
        for start in range(0, size, task.evaluation_batch):
            indices = np.arange(start, min(start + task.evaluation_batch, size))
            feed.update(zip(placeholders["examples"], task.examples(name, indices)))
            total += len(indices) * float(session.run(loss, feed))
        return total / size

    def hessian(
        self,
        index: int,
        block: str = "w_rec",
        split: str = "validation",
        samples: Optional[int] = None,
    ) -> Hessian:
        """Return the :class:`lsnn.curvature.hessian.Hessian` at a checkpoint.

        Args:
            index: of the checkpoint.
            block, split, samples: as of an entry of ``hessian`` in a configuration; where
                ``samples`` is not given, 256 examples or as many as there are.

        Raises:
            ConfigError: there is no such block or split, or too few examples.
        """
        if block not in (*PARAMETERS, ALL):
            raise ConfigError(f"block: {impossible(block, ', '.join((*PARAMETERS, ALL)))}")
        sizes = self.network.task.sizes
        if split not in sizes:
            raise ConfigError(f"split: {impossible(split, ', '.join(sizes))}")
        n_samples = min(SAMPLES, sizes[split]) if samples is None else samples
        key = (self.iterations[index], block, split, n_samples)
        if key not in self._hessians:
            self._hessians[key] = hessian_of(self.network, *key[1:])
        self._hessians[key].move_to(self.weights(index))
        return self._hessians[key]

    def along(
        self, index: int, vector: np.ndarray, distances: Sequence[float], **entry: Any
    ) -> np.ndarray:
        """Return the loss that is descended at distances from a checkpoint along a direction (n,).

        Args:
            index: of the checkpoint.
            vector: of the block (size,); its length does not count.
            distances: (n,).
            entry: block, split and samples, as of :meth:`hessian`.
        """
        hessian = self.hessian(index, **entry)
        length = np.linalg.norm(vector)
        if np.shape(vector) != (hessian.size,) or not length > 0.0:
            raise ConfigError(f"vector: needs {hessian.size} numbers, not all 0")
        unit = np.asarray(vector) / length
        return np.array([hessian.loss(distance * unit) for distance in distances])

    def _task_of(self, split):
        """Return the task that has the examples of a split, and the name of the split there."""
        splits = self.network.task.splits
        if split not in splits:
            raise ConfigError(f"split: {impossible(split, ', '.join(splits))}")
        return self.network.task.of_split(split)

    def _on(self, task):
        """Return the network for a task, its own or that of a further test."""
        return self.network if task is self.network.task else self.network.for_task(task)

    def _graph_of_loss(self, task):
        network = self._on(task)
        with tf.Graph().as_default() as graph:
            placeholders = {
                name: tf.placeholder(tf.float32, shape) for name, shape in network.shapes.items()
            }
            placeholders["examples"] = network.task.placeholders()
            inputs, targets = placeholders["examples"]
            response = network.respond(placeholders, inputs)
            return network.task.loss(response.logits, targets), placeholders, new_session(graph)
