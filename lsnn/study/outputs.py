"""What a study outputs, as its declarations say: the columns of its tables, and its figures."""

import json
import re
from collections import OrderedDict
from functools import lru_cache
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from lsnn.curvature.quantities import REGISTRIES, columns_of, prefix_of, quantities_of
from lsnn.curvature.weights import DISTANCE, RANKS, scale_free
from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.study import columns
from lsnn.study.columns import (
    CHANCE_LOSS,
    CONDITION_COLUMNS,
    DIVERGED,
    FRACTION,
    RUN_KEYS,
    Column,
    measure_column,
)
from lsnn.study.config import Study, as_mapping
from lsnn.study.settings import setting_columns, sweeps_of
from lsnn.tasks import new_task, task_class
from lsnn.tasks.base import ACCURACY, LOSSES_OF_CLASSES


class Figure(NamedTuple):
    """A figure of a study."""

    name: str  # of its files
    kind: str  # scripts/lib/figures/registry.py has how a kind is drawn
    column: Any = None  # the Column that it shows, or shows something against
    entry: Any = None  # the list and the name of the entry that it shows
    condition: Optional[str] = None  # that it shows, if it shows one
    setting: str = ""  # that is swept in it: its name in sweeps_of(study)
    title: str = ""  # in the report; empty: its name in words

    @property
    def words(self) -> str:
        """Its title; weights are one word: w_rec."""
        words = self.name.replace("_", " ")
        return self.title or re.sub(r"\b([wb]) (in|rec|out)\b", r"\1_\2", words)


def learning_curve_columns(study: Study) -> Tuple[Column, ...]:
    """Return the columns of learning_curve.csv."""
    return columns.learning_curve_columns(study.measures, study.splits)


def gap_columns(study: Study) -> "OrderedDict[Tuple[str, str], Column]":
    """Return the columns of the generalization gaps, by measure and split."""
    return columns.gap_columns(study.measures, study.splits)


def entry_columns(study: Study) -> List[Column]:
    """Return the columns of all entries of ``hessian`` and ``dynamics``."""
    return [
        column
        for kind in REGISTRIES
        for entry in study.entries(kind).values()
        for column in columns_of(kind, entry)
    ]


def weight_columns(study: Study) -> List[Column]:
    """Return the columns that depend on weights: of their change, and scale-free ones."""
    return [*RANKS.values(), DISTANCE, *scale_free_columns(study)]


def scale_free_columns(study: Study) -> "OrderedDict[Column, Tuple[Column, Dict[str, Any]]]":
    """Return the columns of scale-free largest eigenvalues.

    Returns:
        For each the column of the eigenvalue, and its entry.
    """
    return OrderedDict(
        (scale_free(column), (column, entry))
        for entry in study.hessian
        for column in columns_of("hessian", entry)
        if column.name == prefix_of(entry) + "lambda_max"
    )


def standard_error_columns(study: Study) -> List[Column]:
    """Return the columns of learning_curve.csv that those of older versions lack."""
    splits, measures = study.splits, study.measures
    return [columns.standard_error_column(m, split) for split in splits for m in measures]


def trajectories_columns(study: Study) -> List[Column]:
    """Return the columns of trajectories.csv."""
    found = [*CONDITION_COLUMNS, *setting_columns(study).values(), *RUN_KEYS, FRACTION, DIVERGED]
    found.append(CHANCE_LOSS)
    found += learning_curve_columns(study)
    found += entry_columns(study) + weight_columns(study) + list(gap_columns(study).values())
    return list(OrderedDict.fromkeys(found))


def shown_columns(study: Study) -> List[Column]:
    """Return the columns that summary and figures show, in their order there."""
    measures = study.measures
    shown = [column for column in entry_columns(study) if column.label]
    shown += [measure_column(measure, split) for measure in measures for split in study.splits]
    return shown + weight_columns(study) + list(gap_columns(study).values())


def compared_columns(study: Study) -> List[Column]:
    """Return the columns of entries and weights compared between conditions, as gaps are."""
    columns = entry_columns(study) + weight_columns(study)
    return [column for column in columns if "compared" in column.summary]


def headline_columns(study: Study) -> List[Column]:
    """Return the columns that a study is summed up by: few, of its final states.

    They are the largest eigenvalue of the first entry of ``hessian`` that has one, the training
    loss, and the last measure of the task on test examples, with its gap.
    """
    eigenvalues = [column for column, _ in scale_free_columns(study).values()]
    loss, measure = study.measures[0], study.measures[-1]
    on_examples = [measure_column(loss, "train"), measure_column(measure, "test")]
    return eigenvalues[:1] + on_examples + [gap_columns(study)[measure.name, "test"]]


def about_study(study: Study) -> Dict[str, Any]:
    """Return what the first page of the report tells of a study, as JSON-able values.

    That is the study, with ``rules``, the labels of its conditions' rules by what these do;
    ``figure``, the name of its main figure; and ``slices``, those of the loss around the weights.
    """
    rules: Dict[str, List[str]] = OrderedDict()
    for condition in study.conditions.values():
        meaning = str(LEARNING_RULES[condition.learning_rule["name"]].__doc__).splitlines()[0]
        labels, label = rules.setdefault(meaning, []), new_rule(condition.learning_rule).label
        labels += [label] if label not in labels else []
    figure = headline_columns(study)[0].figure or "learning_curves"
    slices = [of.name for of in figures_of(study) if of.kind == "slice"]
    return dict(as_mapping(study), rules=rules, figure=figure, slices=slices)


def chance_of(study: Study, column: Column) -> Optional[float]:
    """Return the accuracy of a guess where a column is an accuracy; None if it is not known.

    That is 1 / number of classes, which are equally frequent, or nearly so, in all tasks here.
    """
    is_accuracy = any(column == measure_column(ACCURACY, split) for split in study.splits)
    n_out = study.setup().outline.get("n_out")
    return 1 / n_out if is_accuracy and n_out else None


def chance_loss(study: Study, condition: str, seed: int) -> float:
    """Return the training loss of the best constant answer in a run, without the L2 term.

    That is the logarithm of the number of classes, which are taken for equally frequent, or 1 - 1 /
    number where the loss is the squared error of classes; of wanted values it is their variance
    over the training examples and steps, averaged over the outputs.

    Raises:
        DataError: the examples cannot be read.
    """
    setup = study.setup(condition)
    if task_class(setup.task).is_classification:
        n_classes = setup.outline.get("n_out") or new_task(setup.task, study.data, seed).n_out
        return LOSSES_OF_CLASSES[setup.loss.kind].chance(n_classes)
    return _variance_of_targets(json.dumps(setup.task), study.data, seed)


@lru_cache(maxsize=None)  # conditions often share their task
def _variance_of_targets(task, data, seed):
    """Return the variance of the wanted values of a task, as :func:`chance_loss` has it."""
    task = new_task(json.loads(task), data, seed)
    _, targets = task.examples("train", np.arange(task.sizes["train"]))
    by_output = targets.reshape(len(targets), task.n_out, -1)
    return float(np.nanvar(by_output, axis=(0, 2)).mean())


def figures_of(study: Study) -> List[Figure]:
    """Return the :class:`Figure` of everything that is drawn of a study, a list."""
    figures = [
        Figure("examples", "examples", title="examples of the task"),
        Figure("learning_curves", "learning_curves"),
    ]
    for column in shown_columns(study):
        if column.figure:
            figures.append(Figure(column.figure, "along_training", column))
    for column in compared_columns(study):
        if column.figure:
            against = "generalization_gap_against_" + column.figure
            figures.append(Figure(column.figure + "_against_loss", "against_loss", column))
            figures.append(Figure(against, "gap_against", column))
    figures.append(Figure("generalization_gap", "gaps"))
    for kind in REGISTRIES:
        for name, entry in study.entries(kind).items():
            for quantity in quantities_of(kind, entry).values():
                for figure in getattr(quantity, "figures", ()):
                    figures.append(Figure(prefix_of(entry) + figure, figure, entry=(kind, name)))
    for name, sweep in sweeps_of(study).items():
        figures.append(Figure(name + "_sweep", "sweep", sweep.column, setting=name))
    for name, condition in study.conditions.items():
        if study.setup(name).spiking:
            title = "raster " + condition.label
            figures.append(Figure("raster_" + name, "raster", condition=name, title=title))
    return figures
