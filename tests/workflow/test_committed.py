"""The results kept in the repository: complete, of one study, and redrawn to the same bytes."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from conftest import REPOSITORY, ready_studies
from lsnn.config import parse_study, read_study
from lsnn.files import read_record, sha256_of_file
from report_tables import digits, summary_text

COMMITTED = sorted(path.parent for path in REPOSITORY.glob("results/committed/*/config.yaml"))
CLAIMS = REPOSITORY / "results/committed/claims"


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_tables_are_those_that_the_metadata_tell_of(folder):
    metadata = read_record(folder / "metadata.json")
    assert parse_study(metadata["study"]) == read_study(folder / "config.yaml")
    for name, sha256 in metadata["outputs"].items():
        assert sha256_of_file(folder / name) == sha256


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_they_are_of_the_study_that_a_user_can_run(folder):
    (study,) = [study for study in ready_studies() if study.name == folder.name]
    assert read_study(folder / "config.yaml") == study


def test_the_full_study_is_complete():
    folder = REPOSITORY / "results/committed/sequential_mnist"
    trajectories = pd.read_csv(folder / "trajectories.csv")
    assert len(trajectories) == 5 * (54 + 55)
    assert read_record(folder / "metadata.json")["totals"]["runs"] == 10


@pytest.mark.slow
@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_figures_are_redrawn_those_that_are_kept_to_the_same_bytes(folder, tmp_path):
    """With neither TensorFlow nor MNIST: this Python has none, and no data folder is given."""
    commands = [
        ["scripts/plot.py", "--config", folder / "config.yaml"]
        + ["--trajectories", folder / "trajectories.csv"]
    ]
    commands += [
        ["scripts/plot_raster.py", "--trial", trial]
        for trial in sorted((folder / "trials").glob("*.npz"))
    ]
    if (folder / "examples.npz").exists():
        commands.append(["scripts/plot_examples.py", "--examples", folder / "examples.npz"])
    for command in commands:
        subprocess.run([sys.executable, *command, "--output", tmp_path], cwd=REPOSITORY, check=True)
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert {"learning_curves.png", "generalization_gap.png"} <= drawn
    listed = ["git", "ls-files", folder / "figures"]
    kept = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    for name in kept.stdout.split():
        path = REPOSITORY / name
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def decided(folder):
    """Run the programs that decide the claims by the committed studies, into a folder."""
    shutil.copy(REPOSITORY / "README.md", folder)
    claims = ["--claims", REPOSITORY / "claims.yaml"]
    studies = ["--studies", *COMMITTED]
    for command in (
        ["claims.py", *claims, *studies, "--output", folder],
        ["report_claims.py", *claims, "--decided", folder, "--output", folder]
        + ["--into", folder / "README.md"],
        ["plot_claims.py", *claims, "--decided", folder, *studies, "--output", folder / "figures"],
    ):
        program = REPOSITORY / "scripts" / command[0]
        subprocess.run([sys.executable, program, *command[1:]], check=True)


def test_the_claims_are_decided_as_they_were(tmp_path):
    decided(tmp_path)
    found, kept = (pd.read_csv(folder / "claims.csv") for folder in (tmp_path, CLAIMS))
    pd.testing.assert_frame_equal(found, kept, rtol=1e-9)
    assert (tmp_path / "claims.md").read_text() == (CLAIMS / "claims.md").read_text()
    assert (tmp_path / "README.md").read_text() == (REPOSITORY / "README.md").read_text()
    for bitmap in sorted((CLAIMS / "figures").glob("*.png")):
        assert (tmp_path / "figures" / bitmap.name).read_bytes() == bitmap.read_bytes()


def test_every_number_of_the_claims_in_the_readme_is_a_cell_of_their_table():
    readme = (REPOSITORY / "README.md").read_text()
    block = readme[readme.index("<!-- claims -->") : readme.index("<!-- end of claims -->")]
    table = pd.read_csv(CLAIMS / "claims.csv")
    known = {digits(value) for name in ("value", "ci_low", "ci_high") for value in table[name]}
    told = re.findall(r"(\S+) \[(\S+), (\S+)\], n \d+", block)
    assert len(told) > 20
    assert {number for numbers in told for number in numbers} <= known


def test_what_the_committed_studies_lack_is_not_computed():
    table = pd.read_csv(CLAIMS / "claims.csv")
    there = {folder.name for folder in COMMITTED}
    of_studies = table[table["study"] != "all"]
    missing = of_studies[of_studies["why"] == "the study has not run"]
    assert set(missing["study"]) == set(of_studies["study"]) - there
    assert (missing["verdict"] == "not computed").all()


def test_steps_are_lengthened_by_the_rho_that_was_measured():
    (study,) = [study for study in ready_studies() if study.name == "step_length"]
    summary = pd.read_csv(REPOSITORY / "results/committed/mnist/summary.csv")
    rows = summary[(summary["quantity"] == "rho_mean") & (summary["condition"] == "three_factor")]
    matched = study.conditions["three_factor_matched"]
    assert matched.learning_rule["scale"] == round(1 / rows["mean"].item())


def study_of(name):
    """Return the study that a folder of committed results is of."""
    return read_study(REPOSITORY / "results/committed" / name / "config.yaml")


def cells_of(name, n_seeds=5, conditions=None):
    """Return what the README says of a study: a list of cells for every quantity of its summary.

    They are of some conditions alone, if these are given.
    """
    summary = pd.read_csv(REPOSITORY / "results/committed" / name / "summary.csv")
    if conditions:
        summary = summary[summary["condition"].isin(conditions)]
    return {
        quantity: [summary_text(row, n_seeds) for row in rows.itertuples()]
        for quantity, rows in summary.groupby("quantity")
    }


def test_the_numbers_in_the_readme_are_those_of_the_summaries():
    cells = cells_of("sequential_mnist")
    conditions = ["bptt", "three_factor", "three_factor / bptt", "three_factor - bptt"]
    of_2 = cells_of("mnist", n_seeds=10, conditions=conditions)
    told = re.findall(r"^\| `(\w+)`[^|]*\| (.*) \|$", (REPOSITORY / "README.md").read_text(), re.M)
    rows = [(quantity, text.split(" | ")) for quantity, text in told if quantity in cells]
    assert len(rows) == 10 + 8  # of the study, and of both TensorFlows
    for quantity, row in rows:
        assert row in (cells[quantity], cells[quantity] + of_2[quantity]), quantity


def test_the_readme_tells_of_the_whole_hessian_what_its_summary_has():
    cells = cells_of("whole_hessian")
    readme = (REPOSITORY / "README.md").read_text()
    for examples, entry in (("256 validation", ""), ("5,000 training", "all_train_")):
        (told,) = re.findall(rf"^\| [^|]* on {examples} images \| (.*) \|$", readme, re.M)
        names = (f"{entry}lambda_max_final", f"{entry}lambda_max_ratio_final")
        assert told.split(" | ") == cells[names[0]] + cells[names[1]]


def test_the_readme_tells_of_truncation_what_its_summary_has():
    cells = cells_of("truncation")
    told = re.findall(r"^\| (\d+) \| (.*) \|$", (REPOSITORY / "README.md").read_text(), re.M)
    hops = [int(condition.partition("_")[2]) for condition in study_of("truncation").conditions]
    assert [int(k) for k, _ in told] == hops
    for i, (_, row) in enumerate(told):
        ratio = [*cells["lambda_max_ratio_over_common_losses"], ""][i]
        expected = [cells["lambda_max_final"][i], ratio]
        expected += [cells["train_loss_final"][i], cells["test_accuracy_final"][i]]
        assert [cell.strip() for cell in row.split("|")] == expected


def test_the_readme_tells_of_the_length_of_steps_what_its_summary_has():
    cells, conditions = cells_of("step_length"), list(study_of("step_length").conditions)
    readme = (REPOSITORY / "README.md").read_text()
    (table,) = re.findall(r"^\| steps \|.*\n\|[-|]*\n((?:\|.*\n)+)", readme, re.M)
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    told = ["bptt", "bptt_rho", "bptt_length", "three_factor", "three_factor_10"]
    for condition, row in zip([*told, "three_factor_matched"], rows, strict=True):
        place = conditions.index(condition)
        quantities = ("lambda_max_final", "train_loss_final", "test_accuracy_final")
        assert row[1:] == [cells[quantity][place] for quantity in quantities]


def test_bptt_ends_around_the_edge_whatever_the_learning_rate():
    summary = pd.read_csv(REPOSITORY / "results/committed/step_length/summary.csv")
    final = summary[summary["quantity"] == "lambda_max_final"].set_index("condition")["mean"]
    for condition in ("bptt_0.001", "bptt_0.003", "bptt", "bptt_0.03"):
        edge = study_of("step_length").threshold_of(condition)
        assert 0.7 < final[condition] / edge < 1.3


@pytest.mark.parametrize("ours, theirs", [("hops_27", "bptt"), ("hops_0", "three_factor")])
def test_the_ends_of_truncation_are_the_runs_of_the_default_study(ours, theirs):
    """To the bit; eigenvalues as exactly as numpy computes alike on different processors."""
    truncated, default = (
        pd.read_csv(REPOSITORY / "results/committed" / name / "trajectories.csv")
        for name in ("truncation", "mnist")
    )
    columns = ["train_loss", "validation_loss", "test_loss", "test_accuracy", "l2_loss"]
    columns += ["mean_activity"]
    both = truncated[truncated["condition"] == ours].merge(
        default[default["condition"] == theirs], on=["seed", "iteration"], suffixes=("", "_default")
    )
    assert set(both["seed"]) == {1, 2, 3, 4, 5} and both["iteration"].max() == 10000
    for column in columns:
        assert (both[column] == both[column + "_default"]).all(), column
    if theirs == "bptt":  # the other one's checkpoints, from which eigenvectors start, differ
        for column in ("lambda_max", "lambda_min"):
            assert np.allclose(both[column], both[column + "_default"], rtol=1e-6, atol=0), column


@pytest.mark.parametrize("name", ["store_recall", "spiking_mnist", "spiking_mnist_deep_r"])
def test_the_accuracies_of_spiking_networks_in_the_readme_are_those_of_the_summaries(name):
    row = re.search(rf"^\| `{name}`[^|]*\| (.*) \|$", (REPOSITORY / "README.md").read_text(), re.M)
    told = [cell.strip() for cell in row[1].split("|") if cell.strip()]
    assert told == cells_of(name)["test_accuracy_final"]


def test_the_numbers_of_adaptive_rate_units_in_the_readme_are_those_of_the_summary():
    readme = " ".join((REPOSITORY / "README.md").read_text().split())
    told = readme[readme.index("*Adaptive rate units*") : readme.index("*Pixel-wise MNIST* with")]
    cells = cells_of("adaptive_rate", n_seeds=3)
    quantities = ["test_accuracy_final", "lambda_max_final", "generalization_gap_accuracy_final"]
    for quantity in quantities + [name for name in cells if "max_ratio" in name]:
        for cell in cells[quantity]:
            assert cell in told, quantity


def test_store_recall_is_solved_in_as_many_iterations_as_the_readme_says():
    readme = " ".join((REPOSITORY / "README.md").read_text().split())
    rows = pd.read_csv(REPOSITORY / "results/committed/store_recall/trajectories.csv")
    last = rows.groupby(["condition", "seed"]).tail(1).set_index("condition")
    solved = last[last["validation_accuracy"] > 0.95]["iteration"]
    bptt, three_factor = (sorted(solved[[rule]]) for rule in ("bptt", "three_factor"))
    assert (len(bptt), len(three_factor)) == (5, 2)
    assert "after {}, {}, {}, {} and {} iterations, in all five".format(*bptt) in readme
    assert "in two of five, after {} and {} iterations".format(*three_factor) in readme


def test_the_speeds_in_the_readme_are_those_of_the_benchmark():
    readme = (REPOSITORY / "README.md").read_text()
    section = readme[readme.index("## Speed") : readme.index("## Architecture")]
    figures = pd.read_csv(REPOSITORY / "benchmarks/results.csv").set_index("figure")
    rows = re.findall(r"^\| `([^`]+)`[^|]* \| (.*) \| (.*) \|$", section, re.M)
    assert len(rows) == 12
    for figure, *told in rows:
        medians = figures.loc[figure].sort_values("tensorflow", ascending=False)["median"]
        decimals = len(told[0].partition(".")[2])
        assert told == [f"{median:.{decimals}f}" for median in medians], figure


WITH_A_GAP = ["mnist_1000", "delayed_match_2", "delayed_match_4", "pattern_generation"]
# Columns of the table in docs/tasks.md: at the end of training, and against BPTT at equal loss.
TOLD_OF_TASKS = [
    "train_loss_final",
    "test_loss_final",
    "test_accuracy_final",
    "generalization_gap_loss_final",
    "generalization_gap_loss_difference_over_common_losses",
    "generalization_gap_accuracy_difference_over_common_losses",
    "w_rec_train_lambda_max_final",
    "w_rec_train_lambda_max_ratio_over_common_losses",
]


def rows_of_tasks(name):
    """Return the rows of the table in docs/tasks.md that are of a study, one a condition."""
    study = study_of(name)
    cells, rows = cells_of(name, len(study.seeds)), []
    for place, condition in enumerate(study.conditions.values()):
        row = [f"`{name}`", condition.label]
        for quantity in TOLD_OF_TASKS:
            found = cells.get(quantity, [""] * len(study.conditions))
            if "common_losses" in quantity:  # of every condition but the first one, the baseline
                found = ["", *found]
            row.append(found[place])
        rows.append(f"| {' | '.join(row)} |")
    return rows


def test_the_numbers_of_tasks_in_the_documentation_are_those_of_the_summaries():
    page = (REPOSITORY / "docs/tasks.md").read_text()
    expected = [row for name in WITH_A_GAP for row in rows_of_tasks(name)]
    assert "\n".join(expected) in page, "\n".join(["write", *expected])


# What BPTT had reached at the end where these tasks were tried first, by other code.
@pytest.mark.parametrize("name, loss", [("pattern_generation", 0.020), ("delayed_match_2", 0.0010)])
def test_bptt_learns_the_tasks_as_well_as_when_they_were_tried_first(name, loss):
    rows = pd.read_csv(REPOSITORY / f"results/committed/{name}/trajectories.csv")
    losses = rows[rows["condition"] == "bptt"].groupby("seed")["train_loss"].last()
    assert len(losses) == 20
    assert loss / 3 <= losses.median() <= 3 * loss


def test_a_thousand_images_are_learned_by_heart():
    rows = pd.read_csv(REPOSITORY / "results/committed/mnist_1000/trajectories.csv")
    accuracies = rows[rows["condition"] == "bptt"].groupby("seed")["train_accuracy"].last()
    assert len(accuracies) == 10 and accuracies.median() == 1.0


# Rows of the table in docs/curvature.md.
TOLD_OF_STABILITY = [
    "hessian_max_final",
    "mu_abs_max_final",
    "eta_hessian_final",
    "eta_mu_final",
    "rho_final",
    "cosine_final",
    "curvature_bound_final",
    "part_of_bound_final",
]
TOLD_OF_SPECTRA = [
    "spectrum_trace_final",
    "spectrum_outliers_final",
    "spectrum_bulk_width_final",
    "spectrum_negative_mass_final",
    "spectrum_lambda_max_second_sample_final",
    "w_rec_change_rank_final",
    "lambda_max_scale_free_final",
]


def cells_of_entries():
    """Return the cells of the study of four rules, of which most are of five seeds."""
    name = "mnist"
    all_seeds, five = cells_of(name, n_seeds=10), cells_of(name, n_seeds=5)
    of_weights = ("w_rec_change_rank", "lambda_max_scale_free")
    return {**five, **{n: c for n, c in all_seeds.items() if n.startswith(of_weights)}}


def test_what_is_told_of_stability_and_spectra_is_what_the_summary_has():
    page, cells = (REPOSITORY / "docs/curvature.md").read_text(), cells_of_entries()
    names = [prefix + name for prefix in ("", "whole_") for name in TOLD_OF_STABILITY]
    expected = [f"| `{name}` | {' | '.join(cells[name])} |" for name in names + TOLD_OF_SPECTRA]
    assert "\n".join(expected) in page, "\n".join(["write", *expected])


def test_the_readme_tells_of_the_theorem_what_was_seen():
    readme = " ".join((REPOSITORY / "README.md").read_text().split())
    start = readme.index("**The rule's own update stays stable")
    told = readme[start : readme.index("docs/curvature.md", start)]
    cells = cells_of_entries()
    for name in ("eta_hessian_final", "eta_mu_final", "part_of_bound_final"):
        assert cells[name][2] in told, name  # of the three-factor rule, the third condition
    assert cells["eta_mu_final"][0] in told
    assert cells["whole_rho_final"][2] in told
    folder = REPOSITORY / "results/committed/mnist"
    rows = pd.read_csv(folder / "trajectories.csv").dropna(subset=["mu_abs_max"])
    later = rows[(rows["condition"] == "three_factor") & (rows["iteration"] > 0)]
    assert f"At all {len(later)} checkpoints behind the first" in told
    for prefix in ("", "whole_"):
        assert (later[f"{prefix}hessian_max"] > 200).all()
        assert (later[f"{prefix}mu_abs_max"] < 200).all()
        assert later[f"{prefix}mu_abs_max_converged"].all()
