"""The results kept in the repository: complete, of one study, and redrawn to the same bytes."""

import re
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pypdf
import pytest

import decide_claims
import draw_card
import plot
import plot_claims
import write_article
import write_claims
from conftest import REPOSITORY, ready_studies
from lib import profile
from lib.pages import digits
from lsnn.storage.files import plain_or_gzip, read_record, sha256_of_content
from lsnn.study.config import parse_study, read_study

COMMITTED = sorted(path.parent for path in REPOSITORY.glob("results/committed/*/config.yaml"))
CLAIMS = REPOSITORY / "results/committed/claims"
PROFILES = sorted(REPOSITORY.glob("results/committed/profile/*"))


def trajectories_of(name):
    """Return the table of a committed study, compressed or not."""
    path = REPOSITORY / "results/committed" / name / "trajectories.csv"
    return pd.read_csv(plain_or_gzip(str(path)))


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_tables_are_those_that_the_metadata_tell_of(folder):
    metadata = read_record(folder / "metadata.json")
    assert parse_study(metadata["study"]) == read_study(folder / "config.yaml")
    for name, sha256 in metadata["outputs"].items():
        assert sha256_of_content(plain_or_gzip(str(folder / name))) == sha256


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_they_are_of_the_study_that_a_user_can_run(folder):
    """Of some of its seeds, where it is computed in parts."""
    found = read_study(folder / "config.yaml")
    if folder.name.startswith("profile_"):
        assert found == of_profile(found)
        return
    (study,) = [study for study in ready_studies() if study.name == folder.name]
    assert found._replace(seeds=study.seeds) == study and set(found.seeds) <= set(study.seeds)


def of_profile(study):
    """Return the study that `make profile` runs under a study's name."""
    name, kind, task = re.match("profile_(.+)_(choose_rate|confirm)_(.+)", study.name).groups()
    rule = next(iter(study.conditions.values())).learning_rule
    if kind == profile.RATES:
        return parse_study(profile.study_of_rates(name, rule, task))
    choice = profile.chosen_rate(name, task, profile.COMMITTED)
    return parse_study(profile.study_to_confirm(name, choice, task))


def test_the_full_study_is_complete():
    folder = REPOSITORY / "results/committed/sequential_mnist"
    trajectories = trajectories_of(folder.name)
    assert len(trajectories) == 5 * (54 + 55)
    assert read_record(folder / "metadata.json")["totals"]["runs"] == 10


def run_here(monkeypatch, program, *arguments):
    """Run the main() of a program in this process: Python takes longer to start than it to run."""
    monkeypatch.setattr(sys, "argv", ["this", *map(str, arguments)])
    program.main()


def kept_figures():
    """Return the figures of studies that are kept in git."""
    listed = ["git", "ls-files", "results/committed/*/figures/*.png"]
    done = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    figures = [REPOSITORY / name for name in done.stdout.split()]
    return [path for path in figures if path.parents[1] != CLAIMS]


@pytest.mark.slow
@pytest.mark.parametrize("kept", PROFILES, ids=lambda kept: kept.name)
def test_cards_that_are_kept_are_drawn_again(kept, tmp_path, monkeypatch):
    """To the same bytes; numbers to 9 digits, as numpy's logarithm depends on the processor."""
    arguments = [kept.name, "--results", REPOSITORY / "results/committed", "--output", tmp_path]
    run_here(monkeypatch, draw_card, *arguments)
    assert (tmp_path / "card.png").read_bytes() == (kept / "card.png").read_bytes()
    tables = [pd.read_csv(folder / "profile.csv") for folder in (tmp_path, kept)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-9)


@pytest.mark.parametrize("kept", kept_figures(), ids=lambda kept: kept.stem)
def test_figures_that_are_kept_are_redrawn_to_the_same_bytes(kept, tmp_path, monkeypatch):
    """With neither TensorFlow nor MNIST: this Python has none, and no data folder is given."""
    arguments = ["--study", kept.parents[1], "--figure", kept.stem, "--output", tmp_path]
    run_here(monkeypatch, plot, *arguments)
    assert (tmp_path / kept.name).read_bytes() == kept.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_all_figures_can_be_made_of_the_committed_tables(folder, monkeypatch):
    """Made, and not written, which is most of the work."""
    made = []

    def save(page, folder, name, caption):
        made.append(name)
        plt.close(page)

    monkeypatch.setattr(plot, "save", save)
    run_here(monkeypatch, plot, "--study", folder, "--output", "nowhere")
    kept = {path.stem for path in kept_figures() if path.parents[1] == folder}
    assert {"learning_curves", "generalization_gap", *kept} <= set(made)


@pytest.mark.slow
def test_the_claims_are_decided_as_they_were(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    shutil.copy(REPOSITORY / readme.name, readme)
    claims = ["--claims", REPOSITORY / "claims.yaml"]
    studies = ["--studies", *COMMITTED]
    decided = [*claims, "--decided", tmp_path, "--output"]
    run_here(monkeypatch, decide_claims, *claims, *studies, "--output", tmp_path)
    run_here(monkeypatch, write_claims, *decided, tmp_path, "--into", readme)

    found, kept = (pd.read_csv(folder / "claims.csv") for folder in (tmp_path, CLAIMS))
    pd.testing.assert_frame_equal(found, kept, rtol=1e-9)
    # The commit that they are from is not known where not all of git's history is.
    texts = [(folder / "claims.md").read_text() for folder in (tmp_path, CLAIMS)]
    first, kept = (
        re.sub(r"^The file of claims is .*", "", text, flags=re.MULTILINE) for text in texts
    )
    assert first == kept
    assert readme.read_text() == (REPOSITORY / "README.md").read_text()


@pytest.fixture(scope="module")
def article(tmp_path_factory):
    """Return a folder with the figures of the claims, and the article."""
    folder = tmp_path_factory.mktemp("article")
    claims = ["--claims", REPOSITORY / "claims.yaml", "--studies", *COMMITTED, "--decided", CLAIMS]
    with pytest.MonkeyPatch.context() as patch:
        run_here(patch, plot_claims, *claims, "--output", folder / "figures")
        run_here(patch, write_article, *claims, "--output", folder)
    return folder


@pytest.mark.slow
def test_the_figures_of_the_claims_are_drawn_as_they_were(article):
    bitmaps = sorted((CLAIMS / "figures").glob("*.png"))
    assert bitmaps
    for bitmap in bitmaps:
        assert (article / "figures" / bitmap.name).read_bytes() == bitmap.read_bytes()


@pytest.mark.slow
def test_the_article_has_the_numbers_of_the_tables(article):
    pages = pypdf.PdfReader(article / "article.pdf").pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    page = (article / "article.html").read_text()
    table = pd.read_csv(CLAIMS / "claims.csv", keep_default_na=False)
    numbers = table[table["value"] != ""].sample(10, random_state=1)
    for row in numbers.itertuples():
        number = f"{digits(float(row.value))} [{digits(float(row.ci_low))}, "
        assert number in text and number in page, (row.claim, row.study)
    assert "References" in text or "Bibliography" in text
    assert "Beyond accuracy" in text  # cited
    assert "Deep rewiring" not in text  # not cited


def test_the_words_of_the_readme_are_those_of_the_verdicts():
    """Its section "What was found", sentence by sentence."""
    table = pd.read_csv(CLAIMS / "claims.csv", keep_default_na=False).groupby("claim")
    rows = {claim: of_claim.set_index("study") for claim, of_claim in table}
    images, matches = ["mnist", "mnist_1000"], ["delayed_match_2", "delayed_match_4"]
    for claim, verdict in {
        "rate_sets_the_excess": "supported",
        "sharper_at_best_rates": "supported",
        "sharper_at_the_smallest_rate": "contradicted",
    }.items():
        of_match = rows[claim].filter(regex="delayed_match_4$", axis="index")
        assert (of_match["verdict"] == verdict).all() and (of_match["seeds"] != "exploratory").all()
    assert (rows["sharper_late"]["ci_low"][images].astype(float) > 5).all()
    assert (rows["sharper_late"]["verdict"][images] == "open").all()
    worse = rows["worse_at_equal_loss"].drop(index="all")["verdict"]
    assert (worse[matches] == "supported").all()
    assert set(worse.drop(index=matches)) == {"open", "no gap"}
    assert (rows["sharper_at_equal_loss"]["value"][matches].astype(float) < 1).all()


def test_what_the_committed_studies_lack_is_not_computed():
    table = pd.read_csv(CLAIMS / "claims.csv")
    there = {folder.name for folder in COMMITTED}
    of_studies = table[table["study"] != "all"]
    missing = of_studies[of_studies["why"] == "the study has not run"]
    assert set(missing["study"]) == set(of_studies["study"]) - there
    assert (missing["verdict"] == "not computed").all()


def test_steps_are_lengthened_by_the_rho_that_was_measured():
    (study,) = [study for study in ready_studies() if study.name == "step_length"]
    table = trajectories_of("mnist")
    rows = table[table["condition"] == "three_factor"].dropna(subset="rho")
    mean = rows.groupby("seed")["rho"].mean().mean()  # over ten checkpoints
    matched = study.conditions["three_factor_matched"]
    assert matched.learning_rule["scale"] == round(1 / mean)


def study_of(name):
    """Return the study that a folder of committed results is of."""
    return read_study(REPOSITORY / "results/committed" / name / "config.yaml")


def test_bptt_ends_around_the_edge_whatever_the_learning_rate():
    summary = pd.read_csv(REPOSITORY / "results/committed/step_length/summary.csv")
    final = summary[summary["quantity"] == "lambda_max_final"].set_index("condition")["mean"]
    for condition in ("bptt_0.001", "bptt_0.003", "bptt", "bptt_0.03"):
        edge = study_of("step_length").setup(condition).threshold()
        assert 0.7 < final[condition] / edge < 1.3


@pytest.mark.parametrize("ours, theirs", [("hops_27", "bptt"), ("hops_0", "three_factor")])
def test_the_ends_of_truncation_are_the_runs_of_the_default_study(ours, theirs):
    """To the bit; eigenvalues as exactly as numpy computes alike on different processors."""
    truncated, default = (trajectories_of(name) for name in ("truncation", "mnist"))
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


# What BPTT had reached at the end where these tasks were tried first, by other code.
@pytest.mark.parametrize("name, loss", [("pattern_generation", 0.020), ("delayed_match_2", 0.0010)])
def test_bptt_learns_the_tasks_as_well_as_when_they_were_tried_first(name, loss):
    rows = trajectories_of(name)
    losses = rows[rows["condition"] == "bptt"].groupby("seed")["train_loss"].last()
    assert len(losses) == 20
    assert loss / 3 <= losses.median() <= 3 * loss


def test_a_thousand_images_are_learned_by_heart():
    rows = trajectories_of("mnist_1000")
    accuracies = rows[rows["condition"] == "bptt"].groupby("seed")["train_accuracy"].last()
    assert len(accuracies) == 10 and accuracies.median() == 1.0


def test_the_three_factor_rule_is_stable_where_gradient_descent_is_not():
    folder = REPOSITORY / "results/committed/mnist"
    rows = trajectories_of(folder.name).dropna(subset=["mu_abs_max"])
    later = rows[(rows["condition"] == "three_factor") & (rows["iteration"] > 0)]
    assert len(later) == 5 * 9
    for prefix in ("", "whole_"):
        assert (later[f"{prefix}hessian_max"] > 200).all()
        assert (later[f"{prefix}mu_abs_max"] < 200).all()
        assert later[f"{prefix}mu_abs_max_converged"].all()


def test_the_three_factor_rule_ends_sharper_in_every_seed():
    rows = trajectories_of("sequential_mnist")
    final = rows.groupby(["condition", "seed"])["lambda_max"].last()
    assert (final["three_factor"] > final["bptt"]).all()


def test_store_recall_is_solved_by_bptt_in_every_seed_by_the_rule_in_some():
    rows = trajectories_of("store_recall")
    last = rows.groupby(["condition", "seed"]).tail(1)
    solved = last[last["validation_accuracy"] > 0.95]["condition"].value_counts()
    assert solved.to_dict() == {"bptt": 5, "three_factor": 2}
