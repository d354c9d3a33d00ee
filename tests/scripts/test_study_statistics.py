import doctest

import numpy as np
import pandas as pd
import pytest

import made_up_study
import study_statistics
from lsnn.config import parse_study
from lsnn.tasks.base import SPLITS
from study_statistics import mean_and_interval, quantities_of, ratios_of, summarise

STUDY = made_up_study.STUDY


def row(summary, quantity, condition):
    found = summary[(summary["quantity"] == quantity) & (summary["condition"] == condition)]
    assert len(found) == 1
    return found.iloc[0]


def ratio(trajectories, quantity):
    return row(summarise(trajectories, STUDY), quantity, "three_factor / bptt")


def cells(trajectories, condition, seed, fraction):
    return (
        (trajectories["condition"] == condition)
        & (trajectories["seed"] == seed)
        & (trajectories["fraction"] == fraction)
    )


def test_examples_in_docstrings():
    result = doctest.testmod(study_statistics)
    assert result.attempted == 3
    assert result.failed == 0


def test_interval_of_two_values_spans_them():
    # Resampled means are 1, 2 and 3 with probabilities 1/4, 1/2 and 1/4.
    assert mean_and_interval([1.0, 3.0]) == (2.0, 1.0, 3.0)


def test_interval_is_reproducible_and_narrower_than_the_range():
    values = [1.0, 2.0, 3.0, 4.0, 10.0]
    mean, low, high = mean_and_interval(values)
    assert mean == 4.0
    assert 1.0 < low < 4.0 < high < 10.0
    assert mean_and_interval(values) == (mean, low, high)


def test_one_value_has_no_interval_and_none_has_no_mean():
    assert mean_and_interval([5.0])[0] == 5.0
    assert np.isnan(mean_and_interval([5.0])[1:]).all()
    assert np.isnan(mean_and_interval([])).all()


def test_order_and_columns_of_the_summary():
    summary = summarise(made_up_study.trajectories(), STUDY)
    assert list(summary) == [
        "quantity", "condition", "mean", "ci_low", "ci_high", "n_seeds", "n_unconverged",
    ]  # fmt: skip
    assert len(summary) == 2 * 13 + 4
    assert list(summary["condition"][:2]) == ["bptt", "three_factor"]
    assert not summary[["quantity", "condition"]].duplicated().any()
    measures = [f"{split}_{name}" for name in ("loss", "accuracy") for split in SPLITS]
    gaps = ["generalization_gap_loss", "generalization_gap_accuracy"]
    ratios = ["final", "mean", "at_lowest_common_loss", "over_common_losses"]
    assert list(summary["quantity"].unique()) == [
        "lambda_max_final",
        "lambda_max_mean",
        "lambda_min_final",
        "lambda_abs_max_final",
        "lambda_abs_max_mean",
        *[f"{name}_final" for name in measures + gaps],
        *[f"lambda_max_ratio_{name}" for name in ratios],
    ]


@pytest.mark.parametrize(
    "quantity, condition, expected",
    [
        ("lambda_max_final", "bptt", 1500 / 32),
        ("lambda_max_final", "three_factor", 2500),
        ("lambda_max_mean", "bptt", 1500 * (1 + 1 / 2 + 1 / 4 + 1 / 8 + 1 / 16 + 1 / 32) / 6),
        ("lambda_min_final", "bptt", -100 / 6),
        ("lambda_abs_max_final", "bptt", 1500 / 32),
        ("lambda_abs_max_mean", "three_factor", 2500),
        ("train_loss_final", "bptt", 2 / 32),
        ("validation_loss_final", "bptt", 2.1),
        ("test_loss_final", "bptt", 2 / 32 + 0.05),
        ("train_accuracy_final", "bptt", 0.9),
        ("validation_accuracy_final", "bptt", 0.85),
        ("test_accuracy_final", "bptt", 0.85),
        ("generalization_gap_accuracy_final", "bptt", 0.05),
        ("generalization_gap_loss_final", "bptt", 0.05),
    ],
)
def test_means_over_seeds(quantity, condition, expected):
    found = row(summarise(made_up_study.trajectories(), STUDY), quantity, condition)
    assert found["mean"] == pytest.approx(expected)
    assert found["n_seeds"] == 2
    assert found["n_unconverged"] == 0


# The ratio of seed s is s at the start. The lowest common loss is that of three_factor, which
# halves 2.5 times; there lambda_max of bptt has halved as often, in proportion to its loss.
@pytest.mark.parametrize(
    "quantity, of_seed_1",
    [
        ("lambda_max_ratio_final", 2**5),
        ("lambda_max_ratio_mean", 2**2.5),
        ("lambda_max_ratio_at_lowest_common_loss", 2**2.5),
        ("lambda_max_ratio_over_common_losses", 2**1.25),
    ],
)
def test_ratios_are_geometric_means_of_pairs(quantity, of_seed_1):
    found = ratio(made_up_study.trajectories(), quantity)
    assert found["mean"] == pytest.approx(of_seed_1 * 2**0.5)
    assert found["ci_low"] == pytest.approx(of_seed_1)
    assert found["ci_high"] == pytest.approx(of_seed_1 * 2)
    assert found["n_seeds"] == 2
    assert found["n_unconverged"] == 0


def test_ratio_at_equal_loss_takes_the_first_crossing():
    table = made_up_study.trajectories(seeds=[1])
    losses = [2.0, 0.5, 1.0, 0.4, 0.6, 0.2]
    eigenvalues = [1000.0, 100.0, 900.0, 100.0, 900.0, 100.0]
    table.loc[table["condition"] == "bptt", "train_loss"] = losses
    table.loc[table["condition"] == "bptt", "lambda_max"] = eigenvalues
    table.loc[table["condition"] == "three_factor", "train_loss"] = [2, 2, 2, 2, 2, 1]
    # bptt first crosses 1.0 half-way in log loss from 2.0 to 0.5, at sqrt(1000 * 100).
    found = ratio(table, "lambda_max_ratio_at_lowest_common_loss")
    assert found["mean"] == pytest.approx(1000 / np.sqrt(1000 * 100))


def test_ratio_at_equal_fraction_uses_common_fractions_alone():
    table = made_up_study.trajectories(seeds=[1])
    table = table[(table["condition"] == "bptt") | table["fraction"].isin([0.0, 0.4, 1.0])]
    # Halvings of bptt at fractions 0, 0.4 and 1: 0, 2 and 5.
    found = ratio(table, "lambda_max_ratio_mean")
    assert found["mean"] == pytest.approx(2 ** (7 / 3))


@pytest.mark.parametrize("value", [np.nan, 0.0, -5.0])
def test_seed_without_a_logarithm_is_left_out_of_ratios(value):
    table = made_up_study.trajectories()
    table.loc[cells(table, "bptt", 2, 1.0), "lambda_max"] = value
    for quantity, of_seed_1 in [("final", 2**5), ("mean", 2**2.5)]:
        found = ratio(table, f"lambda_max_ratio_{quantity}")
        assert found["mean"] == pytest.approx(of_seed_1)
        assert np.isnan(found["ci_low"])
        assert found["n_seeds"] == 1
    # The final state of bptt lies below the losses that both runs reach.
    assert ratio(table, "lambda_max_ratio_over_common_losses")["n_seeds"] == 2


def test_seed_with_a_missing_eigenvalue_is_left_out_of_means():
    table = made_up_study.trajectories()
    table.loc[cells(table, "bptt", 2, 0.4), "lambda_max"] = np.nan
    summary = summarise(table, STUDY)
    assert row(summary, "lambda_max_mean", "bptt")["n_seeds"] == 1
    assert row(summary, "lambda_max_final", "bptt")["n_seeds"] == 2


def test_no_seed_left_gives_an_empty_number():
    table = made_up_study.trajectories()
    table["lambda_max"] = np.nan
    found = ratio(table, "lambda_max_ratio_final")
    assert np.isnan(found["mean"])
    assert found["n_seeds"] == 0


def test_a_condition_that_starts_below_the_other_has_no_common_loss():
    table = made_up_study.trajectories(seeds=[1])
    table.loc[table["condition"] == "three_factor", "train_loss"] = 0.001
    assert ratio(table, "lambda_max_ratio_over_common_losses")["n_seeds"] == 0


def test_unconverged_eigenvalues_are_used_and_counted():
    table = made_up_study.trajectories()
    table.loc[cells(table, "bptt", 1, 0.2), "lambda_max_converged"] = False
    table.loc[cells(table, "three_factor", 2, 1.0), "lambda_max_converged"] = False
    summary = summarise(table, STUDY)
    pd.testing.assert_frame_equal(
        summary.drop(columns="n_unconverged"),
        summarise(made_up_study.trajectories(), STUDY).drop(columns="n_unconverged"),
    )
    counts = {
        ("lambda_max_final", "bptt"): 0,
        ("lambda_max_mean", "bptt"): 1,
        ("lambda_max_final", "three_factor"): 1,
        ("lambda_abs_max_mean", "bptt"): 0,
        ("lambda_max_ratio_final", "three_factor / bptt"): 1,
        ("lambda_max_ratio_mean", "three_factor / bptt"): 2,
        ("lambda_max_ratio_at_lowest_common_loss", "three_factor / bptt"): 1,
        ("lambda_max_ratio_over_common_losses", "three_factor / bptt"): 2,
    }
    found = {key: row(summary, *key)["n_unconverged"] for key in counts}
    assert found == counts


def with_another(order=("three_factor", "bptt", "another"), **keys):
    """A study with a third condition, and its trajectories in another order."""
    another = {"learning_rule": "bptt", "training": {"learning_rate": 0.001}}
    conditions = {**made_up_study.CONFIG["conditions"], "another": another}
    study = parse_study({**made_up_study.CONFIG, "conditions": conditions, **keys})
    return study, made_up_study.trajectories(order, study=study)


def test_every_other_condition_is_divided_by_the_first_one():
    study, table = with_another()
    assert set(summarise(table, study)["condition"]) == {
        "three_factor", "bptt", "another", "three_factor / bptt", "another / bptt",
    }  # fmt: skip


def test_the_baseline_is_what_the_configuration_says():
    study, table = with_another(baseline="three_factor")
    summary = summarise(table, study)
    assert set(summary["condition"]) == {
        "three_factor", "bptt", "another", "bptt / three_factor", "another / three_factor",
    }  # fmt: skip
    found = row(summary, "lambda_max_ratio_final", "bptt / three_factor")
    assert found["mean"] == pytest.approx(2**-5 * 2**-0.5)
    # At a tenth of the learning rate, ten times the eigenvalue.
    found = row(summary, "lambda_max_ratio_final", "another / three_factor")
    assert found["mean"] == pytest.approx(10 * 2**-5 * 2**-0.5)


def test_no_ratio_without_the_baseline():
    table = made_up_study.trajectories(["three_factor"])
    assert set(summarise(table, STUDY)["condition"]) == {"three_factor"}


def test_a_study_without_hessian_has_no_number_of_eigenvalues():
    expected = summarise(made_up_study.trajectories(), STUDY)
    of_eigenvalues = expected["quantity"].str.startswith("lambda_")
    study = parse_study(made_up_study.WITHOUT_HESSIAN)
    found = summarise(made_up_study.without_hessian(), study)
    expected = expected[~of_eigenvalues].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_second_entry_has_numbers_of_its_own():
    study = parse_study(made_up_study.TWO_ENTRIES)
    table = made_up_study.trajectories(study=study)
    table.loc[cells(table, "bptt", 1, 1.0), "all_train_lambda_max_converged"] = False
    summary = summarise(table, study)
    first = summarise(made_up_study.trajectories(), STUDY)
    second = summary["quantity"].str.startswith("all_train_")
    pd.testing.assert_frame_equal(summary[~second].reset_index(drop=True), first)
    assert list(summary.loc[second, "quantity"].str.removeprefix("all_train_")) == [
        name for name in first["quantity"] if name.startswith("lambda_")
    ]
    found = row(summary, "all_train_lambda_max_final", "bptt")
    assert found["mean"] == pytest.approx(2 * 1500 / 32)
    assert found["n_unconverged"] == 1
    assert row(summary, "lambda_max_final", "bptt")["n_unconverged"] == 0
    # Both conditions have twice the eigenvalues.
    found = row(summary, "all_train_lambda_max_ratio_final", "three_factor / bptt")
    assert found["mean"] == pytest.approx(2**5 * 2**0.5)
    assert found["n_unconverged"] == 1


def test_every_number_has_a_label_of_its_own():
    study = parse_study(made_up_study.TWO_ENTRIES)
    labels = {quantity.name: quantity.label for quantity in quantities_of(study)}
    assert labels["lambda_max_final"] == "Largest eigenvalue λ_max: final state"
    assert labels["all_train_lambda_max_final"] == (
        "Largest eigenvalue λ_max, all, train: final state"
    )
    assert labels["train_loss_final"] == "Training cross entropy (nats): final state"
    assert len(set(labels.values())) == len(labels) == 18
    assert [column.label for column in ratios_of(study)] == [
        "largest eigenvalue λ_max", "largest eigenvalue λ_max, all, train",
    ]  # fmt: skip


def test_the_final_state_of_a_run_that_stopped_early_is_its_last_one():
    summary = summarise(made_up_study.stopped_early(seed=1, fraction=0.4), STUDY)
    assert row(summary, "train_loss_final", "bptt")["mean"] == pytest.approx((2 / 4 + 2 / 32) / 2)
    assert row(summary, "test_accuracy_final", "bptt")["mean"] == pytest.approx((0.4 + 0.85) / 2)
    # Of seed 1, 1000 has halved twice; of seed 2, 2000 five times.
    assert row(summary, "lambda_max_final", "bptt")["mean"] == pytest.approx((250 + 62.5) / 2)
    assert row(summary, "train_loss_final", "bptt")["n_seeds"] == 2


def test_a_run_that_stopped_early_counts_in_averages_with_the_checkpoints_that_it_has():
    table = made_up_study.stopped_early(made_up_study.trajectories(seeds=[1]), fraction=0.4)
    found = row(summarise(table, STUDY), "lambda_max_mean", "bptt")
    assert found["mean"] == pytest.approx((1000 + 500 + 250) / 3)
    # Halvings of bptt at the fractions that both have: 0, 1 and 2; of the final states 2.
    assert ratio(table, "lambda_max_ratio_mean")["mean"] == pytest.approx(2)
    assert ratio(table, "lambda_max_ratio_final")["mean"] == pytest.approx(4)
