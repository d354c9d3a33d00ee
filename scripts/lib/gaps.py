"""Whether there is a generalization gap at all, beyond what the sampling of examples allows.

Where no rule has a gap there is nothing to compare. A condition has one if the mean over seeds is
above its standard error times the quantile of t. That error has two parts: the standard deviation
over seeds, divided by the root of their number; and, where all seeds share their examples, the
sampling error of a single run, which more seeds do not reduce. Where each seed draws its own
examples, the first part holds it already.

The sampling error of a run is that of its two splits, the root of the sum of their squares. An
accuracy's is that of Wilson's interval (1927), so that an accuracy of 1 is not without error.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from lib.estimates import LEAST_SEEDS
from lib.numbers import number_of, runs_in
from lib.statistics.base import Statistic
from lib.statistics.source import NotComputed, Source, column_named
from lsnn.study.columns import Column, measure_column, standard_error_column
from lsnn.study.config import Study
from lsnn.study.outputs import gap_columns
from lsnn.tasks import task_class
from lsnn.tasks.base import ACCURACY, Measure

SAMPLING = Column("sampling_variance", "number")
Z = stats.norm.ppf(0.975)


def has_no_gap(statistic: Statistic, source: Source, conditions: Iterable[str]) -> bool:
    """Return whether a statistic compares generalization gaps of which there is none.

    Args:
        conditions: that it compares.

    Raises:
        NotComputed: the standard error of a loss is missing, as in tables of older versions.
    """
    gap = gap_of(statistic, source.study)
    return gap is not None and not any(
        has_gap(statistic, source, condition, *gap) for condition in conditions
    )


def gap_of(statistic: Statistic, study: Study) -> tuple[Measure, str] | None:
    """Return the measure and the split of the gap that a statistic compares; None if of none."""
    if not statistic.compares:
        return None
    try:
        named = column_named(statistic.column, study)
    except NotComputed:  # an expression
        return None
    measures = {measure.name: measure for measure in study.measures}
    for (name, split), column in gap_columns(study).items():
        if column.name == named.name:
            return measures[name], split
    return None


def has_gap(
    statistic: Statistic, source: Source, condition: str, measure: Measure, split: str
) -> bool:
    """Return whether a condition has a gap, where the statistic takes its numbers."""
    study = source.study
    shares = task_class(study.setup(condition).task).shares_examples
    column = column_named(statistic.column, study)
    rows = source.trajectories[source.trajectories["condition"] == condition]
    if shares:
        variance = sum(
            sampling_error(rows, study, condition, measure, of) ** 2 for of in ("train", split)
        )
        rows = rows.assign(**{SAMPLING.name: variance})
    runs = [run for run in runs_in(rows).get(condition, {}).values() if run is not None]
    place = (statistic.at, statistic.loss or np.nan)
    gaps = np.array([number_of(run, column, *place).value for run in runs])
    gaps = gaps[np.isfinite(gaps)]
    if len(gaps) < LEAST_SEEDS:
        return False
    variance = np.var(gaps, ddof=1) / len(gaps)
    if shares:
        variance += np.nanmean([number_of(run, SAMPLING, *place).value for run in runs])
    return bool(np.mean(gaps) > stats.t.ppf(0.975, len(gaps) - 1) * np.sqrt(variance))


def sampling_error(
    rows: pd.DataFrame, study: Study, condition: str, measure: Measure, split: str
) -> pd.Series:
    """Return the standard error of a measure on a split over the examples, by row.

    Raises:
        NotComputed: the table lacks it.
    """
    size = evaluated(study, condition, split)
    if measure == ACCURACY and size:
        accuracy = rows[measure_column(measure, split).name]
        variance = accuracy * (1 - accuracy) / size + Z**2 / (4 * size**2)
        return np.sqrt(variance) / (1 + Z**2 / size)
    name = standard_error_column(measure, split).name
    if name not in rows:
        raise NotComputed(f"no column {name}; it was added after the study was run")
    return rows[name]


def evaluated(study: Study, condition: str, split: str) -> int | None:
    """Return how many examples of a split are evaluated; None if only the data tell."""
    setup = study.setup(condition)
    of_tests = setup.outlines_of_tests
    outline, there = (of_tests[split], "test") if split in of_tests else (setup.outline, split)
    return outline.get("evaluation_sizes", {}).get(there)
