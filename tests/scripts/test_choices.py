"""At which learning rate a rule learns best."""

import numpy as np

import made_up_study
from lib.choices import rates_compared
from lib.failures import with_failures
from lsnn.study.config import parse_study

STUDY = parse_study({**made_up_study.SWEEP, "seeds": [1, 2, 3]})
LATE = {0.001: 0.9, 0.002: 0.4, 0.005: 0.2, 0.01: 0.1, 0.02: 0.05, 0.05: 0.02}


def table():
    """A study in which a larger rate leads to a lower loss, and to fewer right answers."""
    rows = made_up_study.trajectories(seeds=STUDY.seeds, study=STUDY)
    late = rows["fraction"] >= 0.75
    rows.loc[late, "train_loss"] = rows["learning_rate"].map(LATE)[late] * rows["seed"][late] ** 0.5
    rows.loc[late, "validation_accuracy"] = 0.9 - rows["learning_rate"][late]
    return rows


def compared(rows):
    found = rates_compared(with_failures(rows), STUDY)
    best, checked = (
        found[found[name]].set_index("rule")["learning_rate"].to_dict()
        for name in ("is_best", "is_best_by_validation")
    )
    return found, best, checked


def test_a_rule_is_best_at_the_rate_with_the_lowest_late_training_loss():
    found, best, checked = compared(table())
    assert best == {"BPTT": 0.05, "three-factor": 0.05}
    assert checked == {"BPTT": 0.001, "three-factor": 0.01}
    row = found.set_index("condition").loc["bptt_0.02"]
    assert row["n_failed"] == 0
    np.testing.assert_allclose(row["late_loss"], 0.05 * 6 ** (0.5 / 3))
    np.testing.assert_allclose(row["validation"], 0.88)


def test_rates_at_which_a_run_failed_or_the_rule_does_not_learn_are_not_chosen():
    rows = table()
    rows.loc[(rows["condition"] == "bptt_0.05") & (rows["seed"] == 3), "diverged"] = True
    rows.loc[rows["condition"] == "three_factor_0.05", "train_loss"] = 2.3  # chance is log 10
    found, best, _ = compared(rows)
    assert best == {"BPTT": 0.02, "three-factor": 0.01}
    states = found.set_index("condition")
    assert (
        states["n_failed"].to_dict()["bptt_0.05"] == 1
        and states["late_loss"]["bptt_0.05"] == np.inf
    )
    assert not states["learns"]["three_factor_0.05"]


def test_where_every_rate_has_a_failed_run_none_is_best():
    rows = table()
    rows.loc[(rows["seed"] == 2) & rows["condition"].str.startswith("bptt"), "diverged"] = True
    assert compared(rows)[1] == {"three-factor": 0.05}
