import numpy as np
import pandas as pd
import pytest
from scipy import stats

import made_up_study
from lib.estimates import mean_and_interval
from lib.summary import (
    comparisons_of,
    quantities_of,
    summarise,
)
from lsnn.study.config import parse_study
from lsnn.tasks.base import SPLITS

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


def test_order_and_columns_of_the_summary():
    summary = summarise(made_up_study.trajectories(), STUDY)
    assert list(summary) == [
        "quantity", "condition", "mean", "ci_low", "ci_high", "n", "n_failed", "n_unconverged",
        "loss", "sign_p",
    ]  # fmt: skip
    assert len(summary) == 2 * 35 + 8 + 8 + 2 + 1
    assert list(summary["condition"][:2]) == ["bptt", "three_factor"]
    assert not summary[["quantity", "condition"]].duplicated().any()
    measures = [f"{split}_{name}" for name in ("loss", "accuracy") for split in SPLITS]
    gaps = ["generalization_gap_loss", "generalization_gap_accuracy"]
    contrasts = ["final", "late", "mean", "common_loss"]
    ends, along = contrasts[:2], contrasts[:3]
    assert list(summary["quantity"].unique()) == [
        *[f"lambda_max_{which}" for which in along],
        *[f"lambda_min_{which}" for which in ends],
        *[f"{name}_{which}" for name in measures for which in ends],
        *[f"{name}_change_rank_{which}" for name in ("w_in", "w_rec", "w_out") for which in ends],
        *[f"distance_{which}" for which in ends],
        *[f"lambda_max_scale_free_{which}" for which in along],
        *[f"{name}_{which}" for name in gaps for which in along],
        "failed_share",
        *[f"lambda_max_ratio_{name}" for name in contrasts],
        *[f"lambda_max_scale_free_ratio_{name}" for name in contrasts],
        *[f"{gap}_difference_{name}" for gap in gaps for name in contrasts],
        *[f"{gap}_spread_ratio_final" for gap in gaps],
        "failed_share_difference",
    ]


@pytest.mark.parametrize(
    "quantity, condition, expected",
    [
        # Geometric means of seeds 1 and 2, but of what can be negative.
        ("lambda_max_final", "bptt", 1000 * 2**0.5 / 32),
        ("lambda_max_final", "three_factor", 2000),
        # Checkpoints 1 to 5, the first and the last of which count half.
        ("lambda_max_mean", "bptt", 1000 * 2**0.5 / 8),
        ("lambda_max_late", "bptt", 1000 * 2**0.5 / 2**4.5),
        ("lambda_min_final", "bptt", -100 / 6),
        ("train_loss_final", "bptt", 2 / 32),
        ("validation_loss_final", "bptt", 2.1),
        ("test_loss_final", "bptt", 2 / 32 + 0.05),
        ("train_accuracy_final", "bptt", 0.9),
        ("validation_accuracy_final", "bptt", 0.85),
        ("test_accuracy_final", "bptt", 0.85),
        ("generalization_gap_accuracy_final", "bptt", 0.05),
        ("generalization_gap_loss_final", "bptt", 0.05),
        ("generalization_gap_loss_mean", "bptt", 0.03),
    ],
)
def test_means_over_seeds(quantity, condition, expected):
    found = row(summarise(made_up_study.trajectories(), STUDY), quantity, condition)
    assert found["mean"] == pytest.approx(expected)
    assert found["n"] == 2
    assert found["n_unconverged"] == 0


# The ratio of seed s is s at the start. The common loss is the lowest of three_factor, which halves
# 2.5 times; there lambda_max of bptt has halved as often, in proportion to its loss.
@pytest.mark.parametrize(
    "quantity, of_seed_1",
    [
        ("lambda_max_ratio_final", 2**5),
        ("lambda_max_ratio_late", 2**4.5),
        ("lambda_max_ratio_mean", 2**3),
        ("lambda_max_ratio_common_loss", 2**2.5),
    ],
)
def test_ratios_are_geometric_means_of_pairs(quantity, of_seed_1):
    found = ratio(made_up_study.trajectories(), quantity)
    assert found["mean"] == pytest.approx(of_seed_1 * 2**0.5)
    assert np.isnan(found["ci_low"]) and np.isnan(found["ci_high"])
    assert found["n"] == 2
    assert found["n_unconverged"] == 0
    assert found["sign_p"] == 0.5
    is_at_loss = quantity == "lambda_max_ratio_common_loss"
    assert found["loss"] == pytest.approx(2 / 2**2.5 if is_at_loss else np.nan, nan_ok=True)


def test_three_pairs_have_an_interval():
    table = made_up_study.trajectories(seeds=(1, 2, 4))
    found = ratio(table, "lambda_max_ratio_final")
    expected = mean_and_interval([32.0, 64.0, 128.0], True)
    assert tuple(found[["mean", "ci_low", "ci_high"]]) == pytest.approx(expected)


# The gap of a run is 0.01 a checkpoint of five, whatever its rule. The common loss is that of
# three_factor at its last checkpoint, where bptt is half-way between two.
@pytest.mark.parametrize(
    "which, expected",
    [
        ("final", 0.0),
        ("mean", 0.0),
        ("late", 0.0),
        ("common_loss", 0.05 - 0.025),
    ],
)
def test_differences_of_gaps_are_those_of_pairs(which, expected):
    summary = summarise(made_up_study.trajectories(), STUDY)
    name = f"generalization_gap_loss_difference_{which}"
    found = row(summary, name, "three_factor - bptt")
    assert found["mean"] == pytest.approx(expected)
    assert (found["n"], found["n_unconverged"]) == (2, 0)
    assert found["sign_p"] == 0.5 or expected == 0.0


def with_final_gaps(gaps):
    """Trajectories with the final gaps in accuracy of seeds 1, 2, ... of conditions by name."""
    n_seeds = {len(values) for values in gaps.values()}.pop()
    table = made_up_study.trajectories(seeds=range(1, n_seeds + 1))
    for condition, values in gaps.items():
        for seed, value in enumerate(values, start=1):
            final = cells(table, condition, seed, 1.0)
            table.loc[final, "generalization_gap_accuracy"] = value
    return table


def test_a_spread_is_the_jackknife_of_standard_deviations():
    bptt, three_factor = [0.01, 0.02, 0.04, 0.05], [0.1, -0.2, 0.3, 0.5]
    table = with_final_gaps({"bptt": bptt, "three_factor": three_factor})
    found = ratio(table, "generalization_gap_accuracy_spread_ratio_final")

    def log_ratio(kept):
        both = [np.std([values[i] for i in kept], ddof=1) for values in (three_factor, bptt)]
        return np.log(both[0] / both[1])

    pseudo = [
        4 * log_ratio([0, 1, 2, 3]) - 3 * log_ratio([i for i in range(4) if i != left])
        for left in range(4)
    ]
    plain = log_ratio(range(4))
    expected = np.exp(mean_and_interval(pseudo - np.mean(pseudo) + plain, False))
    assert tuple(found[["mean", "ci_low", "ci_high"]]) == pytest.approx(tuple(expected))
    assert found["n"] == 4 and np.isnan(found["sign_p"])


def test_without_three_pairs_or_without_any_spread_there_is_no_ratio_of_spreads():
    for n, values in ((2, [0.1, 0.2]), (4, [0.1, 0.1, 0.1, 0.1])):
        table = with_final_gaps({"bptt": values, "three_factor": list(range(n))})
        found = ratio(table, "generalization_gap_accuracy_spread_ratio_final")
        assert np.isnan(found["mean"]) and found["n"] == 0


def with_losses(bptt, three_factor):
    """Trajectories of a pair of runs with other training losses."""
    table = made_up_study.trajectories(seeds=[1])
    table.loc[table["condition"] == "bptt", "train_loss"] = bptt
    table.loc[table["condition"] == "three_factor", "train_loss"] = three_factor
    return table


def test_ratio_at_equal_loss_takes_the_first_crossing():
    table = with_losses([4.0, 2.0, 0.5, 1.0, 0.4, 0.6], [4, 2, 2, 2, 2, 1])
    eigenvalues = [9999.0, 1000.0, 100.0, 900.0, 100.0, 900.0]
    table.loc[table["condition"] == "bptt", "lambda_max"] = eigenvalues
    # bptt first crosses 1.0 half-way in log loss from 2.0 to 0.5, at sqrt(1000 * 100).
    found = ratio(table, "lambda_max_ratio_common_loss")
    assert found["mean"] == pytest.approx(1000 / np.sqrt(1000 * 100))


@pytest.mark.parametrize(
    "bptt, n",
    [
        ([4, 2, 1, 1, 1, 1], 1),
        ([8, 5, 4, 4, 2, 1], 1),
        # All is lost between the initial state and the next checkpoint.
        ([4, 0.5, 0.4, 0.3, 0.2, 0.1], 0),
        # Reached by that very checkpoint.
        ([4, 1, 0.4, 0.3, 0.2, 0.1], 1),
    ],
)
def test_equal_loss_needs_checkpoints_on_both_sides(bptt, n):
    found = ratio(with_losses(bptt, [4, 4, 4, 2, 2, 1]), "lambda_max_ratio_common_loss")
    assert found["loss"] == pytest.approx(1)
    assert found["n"] == n
    assert np.isfinite(found["mean"]) == n


def test_four_of_five_runs_of_the_worse_condition_reach_the_loss():
    table = made_up_study.trajectories(seeds=range(1, 11))
    is_worse = table["condition"] == "three_factor"
    table.loc[is_worse, "train_loss"] *= 1 + table["seed"][is_worse] / 100
    found = ratio(table, "lambda_max_ratio_common_loss")
    lowest = 2 / 2**2.5 * (1 + np.arange(1, 11) / 100)
    assert found["loss"] == pytest.approx(np.exp(np.quantile(np.log(lowest), 0.8)))
    assert (found["n"], found["n_failed"]) == (8, 0)


def test_a_run_that_failed_is_left_out_and_counted_though_it_is_finite():
    table = made_up_study.trajectories(seeds=range(1, 6))
    table.loc[(table["condition"] == "bptt") & (table["seed"] == 3), "train_loss"] = 2.0
    summary = summarise(table, STUDY)
    found = row(summary, "lambda_max_final", "bptt")
    assert (found["n"], found["n_failed"]) == (4, 1)
    share = row(summary, "failed_share", "bptt")
    exact = stats.binomtest(1, 5).proportion_ci(method="exact")
    assert tuple(share[["mean", "ci_low", "ci_high", "n"]]) == pytest.approx((0.2, *exact, 5))
    assert row(summary, "failed_share", "three_factor")["mean"] == 0
    difference = row(summary, "failed_share_difference", "three_factor - bptt")
    assert (difference["mean"], difference["n"], difference["sign_p"]) == (-0.2, 5, 1.0)


def test_the_mean_of_an_accuracy_has_an_interval_within_0_and_1():
    table = made_up_study.trajectories(seeds=range(1, 6))
    for seed, accuracy in enumerate([1.0, 1.0, 0.99, 1.0, 0.8], start=1):
        table.loc[cells(table, "bptt", seed, 1.0), "test_accuracy"] = accuracy
    found = row(summarise(table, STUDY), "test_accuracy_final", "bptt")
    assert found["mean"] == pytest.approx(0.958)
    assert 0.5 < found["ci_low"] < 0.95 and 0.98 < found["ci_high"] < 1


def test_diverged_runs_are_left_out_and_counted():
    summary = summarise(made_up_study.diverged(), STUDY)
    found = row(summary, "lambda_max_final", "bptt")
    assert found["mean"] == pytest.approx(2000 / 32)  # of seed 2 alone
    assert (found["n"], found["n_failed"]) == (1, 1)
    found = row(summary, "lambda_max_final", "three_factor")
    assert (found["n"], found["n_failed"]) == (2, 0)
    for name in ("final", "late", "mean", "common_loss"):
        found = row(summary, f"lambda_max_ratio_{name}", "three_factor / bptt")
        assert (found["n"], found["n_failed"]) == (1, 1)
    assert row(summary, "lambda_max_ratio_final", "three_factor / bptt")["mean"] == pytest.approx(
        64
    )


def test_a_pair_is_one_however_many_of_it_diverged():
    runs = [("bptt", 1), ("three_factor", 1), ("three_factor", 2)]
    summary = summarise(made_up_study.diverged(runs=runs), STUDY)
    found = row(summary, "lambda_max_ratio_final", "three_factor / bptt")
    assert (found["n"], found["n_failed"]) == (0, 2)
    assert np.isnan(found["mean"]) and np.isnan(found["sign_p"])
    found = row(summary, "train_loss_final", "three_factor")
    assert (found["n"], found["n_failed"]) == (0, 2) and np.isnan(found["mean"])


@pytest.mark.filterwarnings("error")
def test_a_study_of_which_every_run_diverged_has_empty_numbers():
    runs = [(condition, seed) for condition in STUDY.conditions for seed in (1, 2)]
    found = summarise(made_up_study.diverged(runs=runs, fraction=0), STUDY)
    whole = summarise(made_up_study.trajectories(), STUDY)
    pd.testing.assert_frame_equal(found.iloc[:, :2], whole.iloc[:, :2])
    of_failures = found["quantity"].str.startswith("failed_share")
    assert found["mean"][of_failures].tolist() == [1.0, 1.0, 0.0]
    found = found[~of_failures]
    assert found[["mean", "ci_low", "ci_high", "sign_p", "loss"]].isna().all(axis=None)
    assert set(found["n"]) == set(found["n_unconverged"]) == {0} and set(found["n_failed"]) == {2}


def test_a_checkpoint_more_adds_little_to_a_mean_over_training():
    """It counts for the iterations around it, not as one of seven."""
    table = made_up_study.trajectories()
    early = table[table["iteration"] == 20].assign(iteration=21, fraction=0.21)
    more = pd.concat([table, early]).sort_values(["condition", "seed", "iteration"])
    found, expected = (row(summarise(t, STUDY), "lambda_max_mean", "bptt") for t in (more, table))
    assert found["mean"] == pytest.approx(expected["mean"], rel=0.01)
    assert found["mean"] != expected["mean"]


def test_a_mean_over_training_leaves_the_initial_state_out():
    table = made_up_study.trajectories()
    expected = row(summarise(table, STUDY), "lambda_max_mean", "bptt")["mean"]
    table.loc[table["iteration"] == 0, "lambda_max"] = 1e9
    assert row(summarise(table, STUDY), "lambda_max_mean", "bptt")["mean"] == expected


@pytest.mark.parametrize("value", [np.nan, 0.0, -5.0])
def test_seed_without_a_logarithm_is_left_out_of_ratios(value):
    table = made_up_study.trajectories()
    table.loc[cells(table, "bptt", 2, 1.0), "lambda_max"] = value
    for quantity, of_seed_1 in [("final", 2**5), ("late", 2**4.5), ("mean", 2**3)]:
        found = ratio(table, f"lambda_max_ratio_{quantity}")
        assert found["mean"] == pytest.approx(of_seed_1)
        assert np.isnan(found["ci_low"])
        assert found["n"] == 1
    # The final state of bptt lies below the loss that both runs reach.
    assert ratio(table, "lambda_max_ratio_common_loss")["n"] == 2


def test_seed_with_a_missing_eigenvalue_is_left_out_of_means():
    table = made_up_study.trajectories()
    table.loc[cells(table, "bptt", 2, 0.4), "lambda_max"] = np.nan
    summary = summarise(table, STUDY)
    assert row(summary, "lambda_max_mean", "bptt")["n"] == 1
    assert row(summary, "lambda_max_final", "bptt")["n"] == 2


def test_no_seed_left_gives_an_empty_number():
    table = made_up_study.trajectories()
    table["lambda_max"] = np.nan
    found = ratio(table, "lambda_max_ratio_final")
    assert np.isnan(found["mean"])
    assert found["n"] == 0


def test_a_condition_that_starts_below_the_loss_of_the_other_has_no_number_there():
    table = made_up_study.trajectories(seeds=[1])
    table.loc[table["condition"] == "three_factor", "train_loss"] = 0.001
    assert ratio(table, "lambda_max_ratio_common_loss")["n"] == 0


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
        ("lambda_max_ratio_final", "three_factor / bptt"): 1,
        ("lambda_max_ratio_mean", "three_factor / bptt"): 2,
        ("lambda_max_ratio_common_loss", "three_factor / bptt"): 1,
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
        "three_factor - bptt", "another - bptt",
    }  # fmt: skip


def test_the_baseline_is_what_the_configuration_says():
    study, table = with_another(baseline="three_factor")
    summary = summarise(table, study)
    assert set(summary["condition"]) == {
        "three_factor", "bptt", "another", "bptt / three_factor", "another / three_factor",
        "bptt - three_factor", "another - three_factor",
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
    assert found["mean"] == pytest.approx(2 * 1000 * 2**0.5 / 32)
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
    assert len(set(labels.values())) == len(labels) == 43
    assert [comparison.title for comparison in comparisons_of(study)] == [
        "Ratio between conditions: largest eigenvalue λ_max",
        "Ratio between conditions: largest eigenvalue λ_max, all, train",
        "Ratio between conditions: scale-free λ_max",
        "Ratio between conditions: scale-free λ_max, all, train",
        "Generalization gap: difference between conditions",
        "Generalization gap: ratio of standard deviations over seeds",
        "Share of runs that failed: difference between conditions",
    ]  # fmt: skip


def test_the_final_state_of_a_run_that_stopped_early_is_its_last_one():
    summary = summarise(made_up_study.stopped_early(seed=1, fraction=0.4), STUDY)
    loss = row(summary, "train_loss_final", "bptt")["mean"]
    assert loss == pytest.approx(np.sqrt(2 / 4 * 2 / 32))
    assert row(summary, "test_accuracy_final", "bptt")["mean"] == pytest.approx((0.4 + 0.85) / 2)
    # Of seed 1, 1000 has halved twice; of seed 2, 2000 five times.
    largest = row(summary, "lambda_max_final", "bptt")["mean"]
    assert largest == pytest.approx(np.sqrt(250 * 62.5))
    assert row(summary, "train_loss_final", "bptt")["n"] == 2


def test_a_run_that_stopped_early_counts_in_averages_with_the_checkpoints_that_it_has():
    table = made_up_study.stopped_early(made_up_study.trajectories(seeds=[1]), fraction=0.4)
    found = row(summarise(table, STUDY), "lambda_max_mean", "bptt")
    assert found["mean"] == pytest.approx(np.sqrt(500 * 250))
    # bptt has halved once and twice after the initial state, in its last quarter twice.
    assert ratio(table, "lambda_max_ratio_mean")["mean"] == pytest.approx(2**1.5)
    for last in ("late", "final"):
        assert ratio(table, f"lambda_max_ratio_{last}")["mean"] == pytest.approx(4)


CHOSEN = parse_study(made_up_study.CHOSEN)


def test_a_quantity_of_some_checkpoints_and_seeds_counts_there_alone():
    table = made_up_study.trajectories(study=CHOSEN)
    summary = summarise(table, CHOSEN)
    trace = row(summary, "spectrum_trace_final", "bptt")
    of_seed = table[(table["condition"] == "bptt") & (table["seed"] == 2)]
    assert trace["mean"] == pytest.approx(of_seed["spectrum_trace"].iloc[-1])
    assert trace["n"] == 1 and trace["n_failed"] == 0
    mean = row(summary, "spectrum_trace_mean", "bptt")
    later = of_seed["spectrum_trace"].dropna()[1:]
    assert mean["mean"] == pytest.approx(np.exp(np.log(later).mean()))
    assert row(summary, "rho_mean", "bptt")["n"] == 2
    ratio = row(summary, "spectrum_trace_ratio_mean", "three_factor / bptt")
    assert ratio["mean"] == pytest.approx(1) and ratio["n"] == 1


def test_a_loss_is_reached_where_checkpoints_with_the_quantity_bracket_it():
    """Of 6 checkpoints there are three, at the fractions 0, 0.4 and 1."""
    table = made_up_study.trajectories(study=CHOSEN)
    found = row(summarise(table, CHOSEN), "spectrum_trace_ratio_common_loss", "three_factor / bptt")
    # At the loss at which three_factor ends, bptt is a sixth of the way from 0.4 to 1.
    shares = {0.4: 5 / 6, 1.0: 1 / 6}
    trace = {at: table["spectrum_trace"][cells(table, "bptt", 2, at)].item() for at in shares}
    last = table["spectrum_trace"][cells(table, "three_factor", 2, 1.0)].item()
    of_bptt = sum(share * np.log(trace[at]) for at, share in shares.items())
    assert found["mean"] == pytest.approx(last / np.exp(of_bptt))


def test_a_diverged_run_counts_where_the_quantity_was_asked_for():
    table = made_up_study.diverged(made_up_study.trajectories(study=CHOSEN), runs=[("bptt", 1)])
    summary = summarise(table, CHOSEN)
    assert row(summary, "lambda_max_final", "bptt")["n_failed"] == 1
    assert row(summary, "spectrum_trace_final", "bptt")["n_failed"] == 0  # of seed 2 alone
