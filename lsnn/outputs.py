"""What a study puts out, as its declarations say: the columns of its tables, and its figures."""

from typing import Any, NamedTuple

from lsnn.columns import (
    DIVERGED,
    FRACTION,
    OF_CONDITION,
    RUN_KEYS,
    of_gaps,
    of_learning_curve,
    of_measure,
)
from lsnn.config import as_mapping
from lsnn.files import canonical_json
from lsnn.quantities import columns_of
from lsnn.tasks.base import SPLITS


class Figure(NamedTuple):
    """A figure of a study."""

    name: str  # of its files
    kind: str  # of the function that draws it, and of its caption
    column: Any = None  # :class:`lsnn.columns.Column` that it shows, if it is one's


def of_hessian(study):
    """Return the columns of all entries of ``hessian``."""
    return [column for entry in study.hessian for column in columns_of(entry)]


def trajectories_columns(study):
    """Return the columns of trajectories.csv."""
    of_condition = list(OF_CONDITION) + [c for c in RUN_KEYS if c not in OF_CONDITION]
    of_condition += [FRACTION, DIVERGED]
    learning_curve = [c for c in of_learning_curve(study.task_class) if c not in of_condition]
    return of_condition + learning_curve + of_hessian(study) + list(of_gaps(study.task_class))


def shown_columns(study):
    """Return the columns that summary and figures tell of, in the order in which they do."""
    measures = study.task_class.measures
    shown = [column for column in of_hessian(study) if column.label]
    shown += [of_measure(measure, split) for measure in measures for split in SPLITS]
    return shown + list(of_gaps(study.task_class))


def compared_columns(study):
    """Return the columns of which the summary has ratios between conditions."""
    return [column for column in shown_columns(study) if "ratio" in column.summary]


def sweeps_of(study):
    """Return groups of conditions, by name, that differ in learning rate and length alone.

    Each has at least two learning rates, and of conditions with the same one the first.
    """
    groups = {}
    for name, condition in study.conditions.items():
        training = study.training_of(name)
        alike = canonical_json([condition.learning_rule, training._replace(learning_rate=None)])
        groups.setdefault(alike, {}).setdefault(training.learning_rate, name)
    return [list(by_rate.values()) for by_rate in groups.values() if len(by_rate) > 1]


def figures_of(study):
    """Return the :class:`Figure` of everything that is drawn of trajectories.csv, a list."""
    figures = [Figure("learning_curves", "learning_curves")]
    for column in shown_columns(study):
        if column.figure:
            figures.append(Figure(column.figure, "along_training", column))
    for column in compared_columns(study):
        name = column.figure or column.name
        figures.append(Figure(name + "_against_loss", "against_loss", column))
        figures.append(Figure("generalization_gap_against_" + name, "generalization_gap", column))
    if sweeps_of(study):
        figures.append(Figure("learning_rate_sweep", "learning_rate_sweep"))
    return figures


def about_figure(figure, study):
    """Return what the caption of a :class:`Figure` tells of, as JSON-able values."""
    # 2 / learning rate, of the conditions that have it.
    thresholds = {study.threshold_of(name) for name in study.conditions} - {None}
    return {
        "kind": figure.kind,
        "column": figure.column and figure.column._asdict(),
        "thresholds": sorted(thresholds),
        "measures": [measure.label for measure in study.task_class.measures],
        "study": as_mapping(study),
    }
