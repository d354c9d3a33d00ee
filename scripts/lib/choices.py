"""At which learning rate each rule learns best, told by runs that decide nothing else."""

import numpy as np
import pandas as pd

from lib.failures import states_of_runs
from lib.numbers import number_of, runs_in
from lsnn.learning_rules import new_rule
from lsnn.study.columns import measure_column
from lsnn.study.config import Study


def rates_compared(trajectories: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return how well each rule learns at each learning rate.

    A rule is best at the rate with the lowest late training loss, geometric mean over seeds, among
    the rates at which it learns and no run failed. To choose by validation examples would be to
    choose by the generalization gap, which is then compared; that choice is there as a check.

    Args:
        trajectories: a study's table, with what failed (lib.failures.with_failures).
        study: with a condition for each rule and rate.

    Returns:
        A row for each condition: rule (its label), condition, learning_rate, late_loss, n_failed,
        learns, validation (the task's measure, late in training), is_best, is_best_by_validation.
    """
    states = states_of_runs(trajectories).groupby("condition", sort=False)
    measure = study.measures[-1]
    column = measure_column(measure, "validation")
    late = {
        name: [number_of(run, column, "late").value for run in runs.values() if run is not None]
        for name, runs in runs_in(trajectories).items()
    }
    setups = {name: study.setup(name) for name in study.conditions}
    table = pd.DataFrame(
        {
            "rule": {name: new_rule(setup.learning_rule).label for name, setup in setups.items()},
            "condition": {name: name for name in setups},
            "learning_rate": {name: setup.training.learning_rate for name, setup in setups.items()},
            "late_loss": np.exp(states["late_loss"].agg(lambda losses: np.log(losses).mean())),
            "n_failed": states["failed"].sum(),
            "learns": states["learns"].all(),
            "validation": {name: pd.Series(values).mean() for name, values in late.items()},
        }
    ).loc[list(setups)]
    eligible = table[table["learns"] & (table["n_failed"] == 0)]
    sign = 1.0 if measure.larger_is_worse else -1.0
    for name, score in {
        "is_best": eligible["late_loss"],
        "is_best_by_validation": sign * eligible["validation"],
    }.items():
        best = score.groupby(eligible["rule"]).idxmin()
        table[name] = table.index.isin(best)
    return table.reset_index(drop=True)
