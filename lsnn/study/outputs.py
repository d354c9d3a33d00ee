"""What a study outputs, as its declarations say: the columns of its tables, and its figures."""

import re
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from lsnn.curvature.quantities import REGISTRIES, columns_of, prefix_of, quantities_of
from lsnn.curvature.weights import RANKS, scale_free
from lsnn.learning_rules import LEARNING_RULES, new_rule
from lsnn.storage.files import canonical_json
from lsnn.study import columns
from lsnn.study.columns import (
    CONDITION_COLUMNS,
    DIVERGED,
    FRACTION,
    RUN_KEYS,
    Column,
    measure_column,
)
from lsnn.study.config import Study, as_mapping
from lsnn.tasks.base import ACCURACY


class Figure(NamedTuple):
    """A figure of a study."""

    name: str  # of its files
    kind: str  # scripts/lib/figures/registry.py has how a kind is drawn
    column: Any = None  # the Column that it shows, or shows something against
    entry: Any = None  # the list and the name of the entry that it shows
    condition: Optional[str] = None  # that it shows, if it shows one
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
    return [*RANKS.values(), *scale_free_columns(study)]


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
    found = [*CONDITION_COLUMNS, *RUN_KEYS, FRACTION, DIVERGED, *learning_curve_columns(study)]
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

    That is the study, with ``rules``, the labels of its conditions' rules by what these do, and
    ``figure``, the name of its main figure.
    """
    rules: Dict[str, List[str]] = OrderedDict()
    for condition in study.conditions.values():
        meaning = str(LEARNING_RULES[condition.learning_rule["name"]].__doc__).splitlines()[0]
        labels, label = rules.setdefault(meaning, []), new_rule(condition.learning_rule).label
        labels += [label] if label not in labels else []
    figure = headline_columns(study)[0].figure or "learning_curves"
    return dict(as_mapping(study), rules=rules, figure=figure)


def chance_of(study: Study, column: Column) -> Optional[float]:
    """Return the accuracy of a guess where a column is an accuracy; None if it is not known.

    That is 1 / number of classes, which are equally frequent, or nearly so, in all tasks here.
    """
    is_accuracy = any(column == measure_column(ACCURACY, split) for split in study.splits)
    n_out = study.outline.get("n_out")
    return 1 / n_out if is_accuracy and n_out else None


def sweeps_of(study: Study) -> Dict[str, List[Dict[float, str]]]:
    """Return what is swept, and over which conditions.

    A sweep is over conditions that differ in one number alone, their learning rate or an option of
    their rule, apart from their length.

    Returns:
        Sweeps by the name of what is swept, lists of mappings from its values to the names of
        conditions. Each has at least two values; of conditions with the same value it has the
        first.
    """
    groups: Dict[Tuple[str, str], Dict[float, str]] = {}
    for name, condition in study.conditions.items():
        training, rule = study.training_of(name)._asdict(), condition.learning_rule
        swept = [("learning_rate", training)]
        swept += [(setting, rule) for setting in _numbers_of(rule)]
        for setting, where in swept:
            others = [
                {k: v for k, v in options.items() if options is not where or k != setting}
                for options in (rule, training)
            ]
            by_value = groups.setdefault((setting, canonical_json(others)), {})
            by_value.setdefault(where[setting], name)
    sweeps: Dict[str, List[Dict[float, str]]] = {}
    for (setting, _), by_value in groups.items():
        if len(by_value) > 1:
            sweeps.setdefault(setting, []).append(by_value)
    return sweeps


def _numbers_of(rule):
    """Return the options of a learning rule, by name, that are numbers."""
    options = LEARNING_RULES[rule["name"]].options
    return {
        name: option
        for name, option in options.items()
        if option.get("type") in ("number", "integer")
    }


def setting_column(study: Study, setting: str) -> Column:
    """Return the column of what is swept: the learning rate, or an option of a rule."""
    for column in CONDITION_COLUMNS:
        if column.name == setting:
            return column
    for condition in study.conditions.values():
        option = _numbers_of(condition.learning_rule).get(setting)
        if option:
            return Column(setting, "number", setting.replace("_", " "), unit=option["unit"])
    raise KeyError(setting)


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
    for setting in sweeps_of(study):
        figures.append(Figure(setting + "_sweep", "sweep", setting_column(study, setting)))
    for name, condition in study.conditions.items() if study.spiking else ():
        title = "raster " + condition.label
        figures.append(Figure("raster_" + name, "raster", condition=name, title=title))
    return figures
