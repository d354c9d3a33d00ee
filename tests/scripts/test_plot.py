import colorsys
import itertools
import re
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import made_up_study
import plot
from lib.estimates import mean_and_interval
from lib.failures import with_failures
from lib.figures import against_loss, density, panels, registry, stability, sweep
from lib.figures.results import Results, read_spectra
from lib.figures.style import COLUMN, COLUMN_AND_LEGEND, PAGE, make_logarithmic, use_style
from lib.summary import summarise
from lib.tables import read_trajectories
from lsnn.errors import ConfigError, ResultError
from lsnn.storage import checkpoints
from lsnn.storage.files import sha256_of_file, write_record
from lsnn.study.config import parse_study
from lsnn.study.outputs import Figure, compared_columns, figures_of, shown_columns

STUDY = made_up_study.STUDY
FIGURES = {figure.name: figure for figure in figures_of(STUDY) if figure.kind != "examples"}
COLUMNS = {column.name: column for column in shown_columns(STUDY)}
LARGEST, SMALLEST = COLUMNS["lambda_max"], COLUMNS["lambda_min"]
BPTT = panels.looks(STUDY)["bptt"].colour

SWEEP = parse_study(made_up_study.SWEEP)
RATES = {name: SWEEP.setup(name).training.learning_rate for name in SWEEP.conditions}


def with_cells(column, values):
    """The made-up trajectories with other values in the first rows of a column."""
    table = made_up_study.trajectories()
    table.loc[: len(values) - 1, column] = values
    return table


def unconverged():
    table = made_up_study.trajectories()
    for name in ("lambda_max", "lambda_min"):
        table.loc[[1, 2, 8], f"{name}_converged"] = False
    return table


# Each with the figures that show it.
ALONG, AT_LOSS = "leading_eigenvalue", "leading_eigenvalue_against_loss"
AGAINST, GAPS = "generalization_gap_against_leading_eigenvalue", "generalization_gap"
VARIANTS = {
    "full": (made_up_study.trajectories, list(FIGURES)),
    "one condition": (lambda: made_up_study.trajectories(["three_factor"]), [GAPS]),
    "one seed": (lambda: made_up_study.trajectories(seeds=[7]), [ALONG]),
    "one run": (lambda: made_up_study.trajectories(["bptt"], seeds=[7]), [GAPS]),
    "unconverged": (unconverged, [AT_LOSS, AGAINST]),
    "missing": (lambda: with_cells("lambda_max", [np.nan] * 2), [ALONG]),
    "negative": (lambda: with_cells("lambda_max", [-5.0, 0.0]), [AGAINST]),
    "nothing to draw": (
        lambda: with_cells("lambda_max", [-5.0] * 24),
        [ALONG, AT_LOSS, AGAINST],
    ),
    "loss of zero": (
        lambda: with_cells("train_loss", [0.0] * 6),
        ["learning_curves", AT_LOSS, GAPS],
    ),
    "stopped early": (made_up_study.stopped_early, ["rank_of_change"]),
    "three seeds": (lambda: made_up_study.trajectories(seeds=(1, 2, 4)), [GAPS]),
    "one diverged": (made_up_study.diverged, [GAPS, "smallest_eigenvalue"]),
    "all of one diverged": (
        lambda: made_up_study.diverged(runs=[("bptt", 1), ("bptt", 2)]),
        [GAPS],
    ),
    "all diverged": (
        lambda: made_up_study.diverged(
            runs=[(condition, seed) for condition in STUDY.conditions for seed in (1, 2)],
            fraction=0,
        ),
        [GAPS, AGAINST, "learning_curves"],
    ),
}


LENGTH = {"iterations": 100, "checkpoint_every": 20}
HOPS_CONDITIONS = {
    f"hops_{hops}": {"learning_rule": {"name": "truncated_bptt", "hops": hops}, **LENGTH}
    for hops in (0, 1, 4, 27)
}
HOPS = parse_study({**made_up_study.CONFIG, "conditions": HOPS_CONDITIONS})


def draw(figure, table, study=STUDY, column=None, spectra=None):
    """A figure of a study drawn: one that it has or, by its kind, one of a column."""
    if isinstance(figure, str):
        figure = Figure(figure, figure, column)
    return registry.draw(Results(study, with_failures(table), spectra or {}), figure)


def plot_sweep(table, study):
    """The one sweep of a study."""
    [figure] = [figure for figure in figures_of(study) if figure.kind == "sweep"]
    return draw(figure, table, study)


@pytest.fixture(autouse=True)
def own_style():
    use_style()
    yield
    plt.close("all")


def texts(figure):
    found = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    found = [re.sub(r"\s", " ", text) for text in found]  # broken between words
    notes = figure.get_supxlabel().replace("\n", " ")
    notes = notes.removeprefix(against_loss.WHERE_MEANS_END).strip()
    return [*found, notes] if notes else found


def written_in(axes):
    return [text.get_text() for text in axes.texts]


def line_of(axes, colour, width):
    """The lines of a colour and width as arrays (x, y)."""
    return [
        np.array(line.get_data())
        for line in axes.lines
        if line.get_color() == colour and line.get_linewidth() == width
    ]


def write(folder, table, config=made_up_study.CONFIG):
    """Write the results of a study, and return their folder."""
    folder.mkdir(exist_ok=True)
    made_up_study.write_config(folder / "config.yaml", config)
    table.to_csv(folder / "trajectories.csv", index=False, na_rep="nan")
    return folder


def run(monkeypatch, study, output, *options):
    arguments = ["--study", str(study), "--output", str(output), *options]
    monkeypatch.setattr(sys, "argv", ["plot.py", *arguments])
    plot.main()


def names_of_figures(monkeypatch, study):
    """Return the names of the figures that are drawn of results, without writing them."""
    names = []
    monkeypatch.setattr(plot, "save", lambda page, folder, name, caption: names.append(name))
    run(monkeypatch, study, "nowhere")
    return set(names)


@pytest.mark.parametrize(
    "variant, name", [(variant, name) for variant, (_, names) in VARIANTS.items() for name in names]
)
@pytest.mark.filterwarnings("error")
def test_every_figure_can_be_drawn(variant, name):
    make, _ = VARIANTS[variant]
    figure = draw(FIGURES[name], make())
    figure.canvas.draw()
    width, _ = figure.get_size_inches()
    assert width in (COLUMN, COLUMN_AND_LEGEND, PAGE)
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel() or not axes.get_subplotspec().is_first_col()


OF_SWEEP = {figure.name: figure for figure in figures_of(SWEEP) if figure.kind != "examples"}


@pytest.mark.parametrize(
    "variant, name",
    [("full", name) for name in OF_SWEEP]
    + [(variant, "learning_rate_sweep") for variant in ("nothing to draw", "unconverged")],
)
@pytest.mark.filterwarnings("error")
def test_every_figure_of_eight_conditions_can_be_drawn(variant, name):
    table = made_up_study.trajectories(study=SWEEP)
    if variant == "nothing to draw":
        table["lambda_max"] = -5.0
    table["lambda_max_converged"] &= variant != "unconverged"
    figure = draw(OF_SWEEP[name], table, SWEEP)
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    assert width / figure.dpi in (COLUMN_AND_LEGEND, PAGE)
    [legend] = [legend.get_window_extent() for legend in figure.legends]
    assert legend.x0 >= 0 and legend.x1 <= width and legend.y1 <= height
    assert all(axes.bbox.height > 1.3 * figure.dpi for axes in figure.axes)


def test_in_a_long_legend_the_words_of_a_rule_s_labels_are_said_once():
    rates = [0.001, 0.003, 0.01, 0.03, 0.1]
    study = parse_study({**made_up_study.CONFIG, "sweep": {"training.learning_rate": rates}})
    table = made_up_study.trajectories(study=study)
    shown = texts(draw("along_training", table, study, LARGEST))
    values = [f"{rate:g} (n = 2)" for rate in rates]
    assert shown[:12] == [
        "BPTT, learning rate", *values, "three-factor, learning rate", *values
    ]  # fmt: skip


def test_files_are_complete_and_the_same_every_time(tmp_path, monkeypatch):
    study = write(tmp_path / "study", unconverged())
    run(monkeypatch, study, tmp_path / "first")
    for figure in ("learning_curves", "leading_eigenvalue"):
        run(monkeypatch, study, tmp_path / "second", "--figure", figure)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == sorted(f"{name}.{s}" for name in FIGURES for s in ("svg", "pdf", "png", "rst"))
    starts = {".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG", ".rst": b""}
    for name in names:
        content = (tmp_path / "first" / name).read_bytes()
        assert content.startswith(starts[name[-4:]])
    for again in (tmp_path / "second").iterdir():
        assert (tmp_path / "first" / again.name).read_bytes() == again.read_bytes()


def test_mean_runs_and_threshold_of_the_leading_eigenvalue():
    figure = draw("along_training", made_up_study.trajectories(), STUDY, LARGEST)
    axes = figure.axes[0]
    [(x, y)] = line_of(axes, BPTT, 1.6)
    assert list(x) == [0, 20, 40, 60, 80, 100]
    assert y == pytest.approx(1000 * 2**0.5 * 2.0 ** -np.arange(6))  # the geometric mean
    runs = line_of(axes, BPTT, 0.5)
    assert [tuple(run[1][:2]) for run in runs] == [(1000, 500), (2000, 1000)]
    assert axes.get_yscale() == "log"
    assert [line.get_ydata()[0] for line in axes.lines if line.get_color() == "0.2"] == [200]
    assert "2 / learning rate = 200" in texts(figure)
    assert {"BPTT (n = 2)", "three-factor (n = 2)", "one run"} <= set(texts(figure))
    assert "95 % interval of mean" not in texts(figure)  # of two runs
    assert not drawn_bands(axes)


def test_a_threshold_that_changes_is_a_curve_along_training_and_drawn_nowhere_else():
    parts = {"step_decay": {"factor": 0.5, "every": 40}}
    bptt = {**made_up_study.CONFIG["conditions"]["bptt"], "training": {"parts": parts}}
    conditions = {**made_up_study.CONFIG["conditions"], "bptt": bptt}
    study = parse_study({**made_up_study.CONFIG, "conditions": conditions})
    table = made_up_study.trajectories(study=study)
    along = draw("along_training", table, study, LARGEST)
    [(x, y)] = line_of(along.axes[0], BPTT, panels.THRESHOLD["linewidth"])
    assert list(x[-3:]) == [60, 80, 100] and list(y[-3:]) == [400, 800, 800]
    assert (y[x < 40] == 200).all() and x[0] == 0
    assert "2 / learning rate of each colour" in texts(along)
    [axes] = draw("against_loss", table, study, LARGEST).axes
    assert not line_of(axes, BPTT, panels.THRESHOLD["linewidth"])


def test_panels_have_letters_and_accuracies_the_level_of_a_guess():
    figure = draw("learning_curves", made_up_study.trajectories(), STUDY)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b", "c", "d"]
    assert [written_in(axes) for axes in figure.axes] == [[], *3 * [["chance"]]]
    for axes in figure.axes[1:]:
        assert [y for *_, y in horizontal(axes)] == [0.1]  # of ten classes
    own_images = parse_study(
        {**made_up_study.CONFIG, "task": {"name": "sequential_mnist", "images": "mine"}}
    )
    figure = draw("learning_curves", made_up_study.trajectories(), own_images)
    assert [written_in(axes) for axes in figure.axes] == [[], [], [], []]
    [alone] = draw("along_training", made_up_study.trajectories(), STUDY, LARGEST).axes
    assert not alone.get_title(loc="left")


def test_five_panels_leave_the_sixth_place_empty():
    """Those of a sweep: eigenvalues and trace of an entry, eigenvalues of another, two measures."""
    _, second = made_up_study.TWO_ENTRIES["hessian"]
    entries = [{"quantities": ["extremes", "trace"]}, second]
    study = parse_study({**made_up_study.SWEEP, "hessian": entries})
    figure = plot_sweep(made_up_study.trajectories(study=study), study)
    figure.canvas.draw()
    assert [axes.get_title(loc="left") for axes in figure.axes] == list("abcde")
    assert len({axes.get_ylabel() for axes in figure.axes}) == 5
    rows = [axes.get_subplotspec().rowspan.start for axes in figure.axes]
    assert rows == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("low", [3e-7, 0.004, 0.3, 7.0, 2e3])
@pytest.mark.parametrize("range_", [1.3, 2, 4, 9, 30, 150, 1e3, 1e5, 1e9])
def test_logarithmic_axes_have_some_labels_and_none_over_another(low, range_):
    """On axes of every length, vertical or horizontal, in a panel as narrow as any."""
    figure, axes = plt.subplots(figsize=(PAGE / 4, 1.8), layout="constrained")
    for axis in (axes.xaxis, axes.yaxis):
        make_logarithmic(axis)
    axes.set(xlim=(low, low * range_), ylim=(low, low * range_))
    figure.canvas.draw()
    for axis, way in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        shown = [
            label.get_window_extent()
            for tick, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
            if low <= tick <= low * range_ and label.get_text()
        ]
        is_usual = low >= 1e-3 and low * range_ <= 1e4
        assert (3 if is_usual and range_ >= 10 else 2) <= len(shown) <= 8
        ends = sorted((getattr(box, way + "0"), getattr(box, way + "1")) for box in shown)
        assert all(left[1] < right[0] for left, right in itertools.pairwise(ends))


def drawn_bands(axes):
    """The bands of axes, arrays (points, 2)."""
    vertices = [path.vertices for band in axes.collections for path in band.get_paths()]
    return [points for points in vertices if np.isfinite(points).all() and len(points)]


def interval_at_the_end(figure):
    """The mean of bptt at the end of training, with its interval."""
    [band] = drawn_bands(figure.axes[0])
    at_end = band[band[:, 0] == 100, 1]
    [(_x, y)] = line_of(figure.axes[0], BPTT, 1.6)
    return y[-1], at_end.min(), at_end.max()


def test_three_runs_have_a_band_which_is_the_interval_of_the_summary():
    table = made_up_study.trajectories(["bptt"], seeds=(1, 2, 4))
    figure = draw("along_training", table, STUDY, LARGEST)
    assert "95 % interval of mean" in texts(figure)
    expected = mean_and_interval(table.loc[table["fraction"] == 1, "lambda_max"], True)
    assert interval_at_the_end(figure) == pytest.approx(expected)
    summary = summarise(table, STUDY).set_index("quantity").loc["lambda_max_final"]
    assert tuple(summary[["mean", "ci_low", "ci_high"]]) == pytest.approx(expected)


def test_the_band_of_values_of_one_sign_stays_on_its_side_of_zero():
    table = made_up_study.trajectories(["bptt"], seeds=(1, 2, 4))
    table.loc[table["seed"] == 4, "lambda_min"] *= 30
    mean, low, high = interval_at_the_end(draw("along_training", table, STUDY, SMALLEST))
    final = table.loc[table["fraction"] == 1, "lambda_min"]
    assert mean_and_interval(final, False)[2] > 0  # the t interval of the values themselves
    assert final.min() < mean < final.max() and low < mean < high < 0


@pytest.mark.parametrize("name", FIGURES)
def test_diverged_runs_are_marked_and_left_out_of_means(name):
    """Of bptt seed 1 diverged, so that its mean is the run of seed 2."""
    figure = draw(FIGURES[name], made_up_study.diverged(), STUDY)
    assert "failed, left out of means: BPTT seed 1" in texts(figure)
    if FIGURES[name].kind == "gap_against":
        return
    assert "failed" in texts(figure)
    for axes in figure.axes:
        if axes.get_xlabel() == "final states":
            continue
        rings = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
        assert sum(len(line.get_xdata()) for line in rings) == 1
        [(_, mean)] = line_of(axes, BPTT, 1.6)
        runs = line_of(axes, BPTT, 0.5)
        assert [len(run[0]) for run in runs] == [3, 6]
        end = 0 if axes.xaxis_inverted() else -1
        assert mean[end] == pytest.approx(runs[1][1][-1])


def test_drawing_does_not_resample(monkeypatch):
    """A study of the default size is drawn in seconds: 55 checkpoints of 5 seeds a condition."""

    def refuse(*arguments, **options):
        raise AssertionError("resampled")

    monkeypatch.setattr("scipy.stats.bootstrap", refuse)
    monkeypatch.setattr("seaborn._statistics.bootstrap", refuse)
    tables = [
        made_up_study.trajectories(seeds=(1, 2, 3, 4, 5)).assign(part=part) for part in range(9)
    ]
    table = pd.concat(tables)
    table["iteration"] = 10 * table["iteration"] + table.pop("part")
    table = table.sort_values(["condition", "seed", "iteration"]).reset_index(drop=True)
    started = time.monotonic()
    draw("along_training", table, STUDY, LARGEST)
    assert time.monotonic() - started < 3


def test_mean_against_loss_is_taken_at_equal_losses():
    figure = draw("against_loss", made_up_study.trajectories(), STUDY, LARGEST)
    axes = figure.axes[0]
    [(x, y)] = line_of(axes, BPTT, 1.6)
    # 20 losses from 2 down by 5 halvings; the next checkpoint after the initial one is at 1.
    assert len(x) == 16 and x.max() < 1
    assert y == pytest.approx(500 * 2**0.5 * x)
    assert axes.xaxis_inverted()


def test_unconverged_values_are_crossed():
    figure = draw("along_training", unconverged(), STUDY, LARGEST)
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert sum(len(line.get_xdata()) for line in crosses) == 3
    assert "not converged" in texts(figure)
    figure = draw("along_training", made_up_study.trajectories(), STUDY, LARGEST)
    assert "not converged" not in texts(figure)


def test_values_that_cannot_be_drawn_are_counted():
    table = with_cells("lambda_max", [-5.0, 0.0, np.nan])
    expected = "3 of 24 values not shown: 2 not positive, 1 missing"
    for kind in ("along_training", "against_loss", "gap_against"):
        assert expected in texts(draw(kind, table, STUDY, LARGEST))
    assert not draw("along_training", table, STUDY, SMALLEST).get_supxlabel()


def test_without_hessian_the_other_figures_are_drawn(tmp_path, monkeypatch):
    table = made_up_study.without_hessian()
    without = write(tmp_path / "study without", table, made_up_study.WITHOUT_HESSIAN)
    run(monkeypatch, without, tmp_path / "without")
    expected = ["generalization_gap", "learning_curves", "rank_of_change"]
    names = sorted(path.name for path in (tmp_path / "without").iterdir())
    suffixes = ("pdf", "png", "rst", "svg")
    assert names == [f"{name}.{suffix}" for name in expected for suffix in suffixes]
    study = write(tmp_path / "study with", made_up_study.trajectories())
    run(monkeypatch, study, tmp_path / "with", "--figure", "generalization_gap")
    for name in names[:4]:
        drawn = [(tmp_path / folder / name).read_bytes() for folder in ("with", "without")]
        assert drawn[0] == drawn[1]


def test_a_figure_that_a_study_has_not_is_refused(tmp_path, monkeypatch):
    study = write(tmp_path, made_up_study.trajectories())
    with pytest.raises(ConfigError, match="no such figure; it has: examples, learning_curves, "):
        run(monkeypatch, study, tmp_path, "--figure", "mine")


@pytest.mark.parametrize(
    "missing, without",
    [
        (["lambda_min"], {"smallest_eigenvalue"}),
        (["lambda_max"], {name for name in FIGURES if "leading_eigenvalue" in name}),
        (["generalization_gap_loss", "lambda_max_residual"], set()),
        (["generalization_gap_loss", "generalization_gap_accuracy"], {GAPS, AGAINST}),
    ],
)
def test_of_a_table_that_lacks_a_column_the_other_figures_are_drawn(
    tmp_path, monkeypatch, capsys, missing, without
):
    study = write(tmp_path, made_up_study.trajectories().drop(columns=missing))
    assert names_of_figures(monkeypatch, study) == set(FIGURES) - without
    expected = [
        f"no figure {name}: {study} lacks what it shows"
        for name in ["examples", *FIGURES]
        if name in {"examples", *without}
    ]
    assert capsys.readouterr().out.splitlines() == expected


@pytest.mark.parametrize("name", FIGURES)
def test_a_table_from_before_there_were_such_columns_is_drawn_as_any(tmp_path, name):
    table = made_up_study.trajectories()
    newer = [column for column in table if column.endswith("_norm_residual")]
    assert len(newer) == 3
    old = table.drop(columns=["diverged", *newer])
    old.to_csv(tmp_path / "trajectories.csv", index=False, na_rep="nan")
    older = read_trajectories(tmp_path, STUDY)
    assert not older["diverged"].any()
    figures = [draw(FIGURES[name], rows, STUDY) for rows in (older, table)]
    assert texts(figures[0]) == texts(figures[1])
    for axes, expected in zip(*(figure.axes for figure in figures), strict=True):
        lines = zip(axes.lines, expected.lines, strict=True)
        assert all(np.array_equal(old.get_xydata(), new.get_xydata()) for old, new in lines)


@pytest.mark.parametrize(
    "label", [r"$\frac{$", "cost $5 and 7$", "_hidden", "^{2}_x", "a\\$b & <c> %"]
)
def test_a_label_is_drawn_letter_by_letter(label):
    """The page is drawn, too: a formula is read as late as then."""
    conditions = {name: dict(of) for name, of in made_up_study.CONFIG["conditions"].items()}
    conditions["bptt"]["label"] = label
    study = parse_study({**made_up_study.CONFIG, "conditions": conditions})
    figure = draw("along_training", made_up_study.trajectories(study=study), study, LARGEST)
    drawn = figure.canvas.get_renderer()
    shown = [text for text in figure.legends[0].get_texts() if "2)" in text.get_text()]
    assert len(shown) == 2
    read, is_formula = shown[0]._preprocess_math(shown[0].get_text())
    assert (" ".join(read.split()), is_formula) == (f"{label} (n = 2)", False)
    figure.draw(drawn)


def test_a_second_entry_has_figures_of_its_own(tmp_path, monkeypatch):
    study = parse_study(made_up_study.TWO_ENTRIES)
    table = made_up_study.trajectories(study=study)
    names = names_of_figures(monkeypatch, write(tmp_path, table, made_up_study.TWO_ENTRIES))
    assert names - set(FIGURES) == {
        "all_train_leading_eigenvalue",
        "all_train_smallest_eigenvalue",
        "all_train_leading_eigenvalue_against_loss",
        "generalization_gap_against_all_train_leading_eigenvalue",
    }
    assert set(FIGURES) <= names
    figures = {figure.name: figure for figure in figures_of(study)}
    axes = {
        name: draw(figures[name], table, study).axes[0]
        for name in ("leading_eigenvalue", "all_train_leading_eigenvalue")
    }
    assert {name: panel.get_ylabel() for name, panel in axes.items()} == {
        "leading_eigenvalue": "largest eigenvalue $\\lambda_{\\max}$",
        "all_train_leading_eigenvalue": "largest eigenvalue $\\lambda_{\\max}$,\nall, train",
    }
    [(_, first)], [(_, second)] = (line_of(panel, BPTT, 1.6) for panel in axes.values())
    assert second == pytest.approx(2 * first)


def test_the_sweep_has_a_panel_of_every_entry():
    study = parse_study(
        {**made_up_study.TWO_ENTRIES, "conditions": made_up_study.SWEEP["conditions"]}
    )
    figure = plot_sweep(made_up_study.trajectories(study=study), study)
    labels = [panels.axis_label(column) for column in compared_columns(study) if column.figure]
    assert len(labels) == 2
    assert [axes.get_ylabel() for axes in figure.axes][:2] == labels
    assert texts(figure).count("2 / learning rate") == 1


def test_a_stopped_run_counts_in_means_with_its_last_value():
    figure = draw("along_training", made_up_study.stopped_early(fraction=0.4), STUDY, LARGEST)
    [(x, y)] = line_of(figure.axes[0], BPTT, 1.6)
    assert list(x) == [0, 20, 40, 60, 80, 100]
    seed_1 = 1000 * 2.0 ** -np.array([0, 1, 2, 2, 2, 2])
    assert y == pytest.approx(np.sqrt(seed_1 * 2000 * 2.0 ** -np.arange(6)))
    runs = line_of(figure.axes[0], BPTT, 0.5)
    assert [len(x) for x, _ in runs] == [3, 6]  # the run itself ends where it stopped
    assert "1 of 4 runs stopped early; their last value is carried forward" in texts(figure)


def test_means_end_where_the_last_run_of_a_condition_stops():
    table = made_up_study.trajectories()
    for seed, fraction in [(1, 0.4), (2, 0.6)]:
        table = made_up_study.stopped_early(table, "bptt", seed, fraction)
    extended = panels.extended_to_the_end(table)
    ends = extended.groupby(["condition", "seed"])["iteration"].max()
    assert list(ends["bptt"]) == [60, 60] and list(ends["three_factor"]) == [160, 160]
    figure = draw("learning_curves", table, STUDY)
    assert "2 of 4 runs stopped early; their last value is carried forward" in texts(figure)


def test_a_value_that_cannot_be_drawn_is_not_replaced_by_the_one_before():
    table = made_up_study.trajectories()
    last = (table["seed"] == 1) & (table["fraction"] == 1)
    table.loc[last, "lambda_max"] = -5.0
    figure = draw("along_training", table, STUDY, LARGEST)
    [(_, y)] = line_of(figure.axes[0], BPTT, 1.6)
    assert y[-1] == pytest.approx(2000 / 32)
    assert texts(figure)[-1] == "2 of 24 values not shown: 2 not positive"


def test_both_notes_stand_below_a_figure():
    table = made_up_study.stopped_early()
    table.loc[0, "lambda_max"] = np.nan
    figure = draw("along_training", table, STUDY, LARGEST)
    assert texts(figure)[-1] == (
        "1 of 21 values not shown: 1 missing "
        "1 of 4 runs stopped early; their last value is carried forward"
    )
    first, *others = figure.get_supxlabel().split("\n")
    assert first == "1 of 21 values not shown: 1 missing"
    assert max(map(len, others)) <= 16 * COLUMN_AND_LEGEND


def test_nothing_is_extended_where_no_run_stopped():
    table = made_up_study.trajectories()
    assert panels.extended_to_the_end(table).equals(table)


def test_the_final_state_of_a_stopped_run_is_a_large_point():
    figure = draw("gap_against", made_up_study.stopped_early(), STUDY, LARGEST)
    lines = [line for line in figure.axes[0].lines if line.get_color() == BPTT]
    [final] = [line for line in lines if line.get_markersize() == 7]
    assert list(final.get_xdata()) == [1000 / 4, 2000 / 32]


def test_one_seed_has_no_interval():
    figure = draw("along_training", made_up_study.trajectories(seeds=[7]), STUDY, LARGEST)
    assert texts(figure)[:2] == ["BPTT (n = 1)", "three-factor (n = 1)"]
    assert "95 % interval of mean" not in texts(figure)


def test_a_rule_has_its_look_whatever_other_rules_there_are():
    for name in STUDY.conditions:
        config = {**made_up_study.CONFIG, "conditions": {name: {}}}
        assert panels.looks(parse_study(config)) == {name: panels.looks(STUDY)[name]}
    for bptt, other in zip(*panels.looks(STUDY).values(), strict=True):
        assert bptt != other


def hue_and_lightness(colour):
    hue, lightness, _ = colorsys.rgb_to_hls(*colour[:3])
    return hue, lightness


def test_eight_conditions_are_told_apart_by_rule_and_by_setting():
    looks = panels.looks(SWEEP)
    assert list(looks) == list(SWEEP.conditions)
    assert len({(tuple(look.colour), look.line, look.marker) for look in looks.values()}) == 8
    hues = {}
    for rule, rates in made_up_study.RATES.items():
        of_rule = [looks[f"{rule}_{rate}"] for rate in rates]
        # Colour apart, in black and white, they differ all the same.
        assert len({(look.line, look.marker) for look in of_rule}) == len(rates)
        found = [hue_and_lightness(look.colour) for look in of_rule]
        hues[rule] = panels.looks(STUDY)[rule].colour
        assert [hue for hue, _ in found] == pytest.approx(
            [hue_and_lightness(hues[rule])[0]] * len(rates), abs=0.02
        )
        assert min(np.diff([lightness for _, lightness in found])) > 0.05
    assert abs(np.subtract(*[hue_and_lightness(hue)[0] for hue in hues.values()])) > 0.2


def horizontal(axes):
    """The lines across the axes as (colour, height)."""
    return [
        (line.get_color(), line.get_ydata()[0])
        for line in axes.lines
        if line.get_linewidth() in (panels.THRESHOLD["linewidth"], panels.CHANCE["linewidth"])
    ]


@pytest.mark.parametrize("kind", ["along_training", "against_loss"])
def test_every_condition_has_a_threshold_in_its_colour(kind):
    figure = draw(kind, made_up_study.trajectories(study=SWEEP), SWEEP, LARGEST)
    looks = panels.looks(SWEEP)
    expected = [(looks[name].colour, 2 / rate) for name, rate in RATES.items()]
    assert horizontal(figure.axes[0]) == expected
    assert texts(figure)[0] == "BPTT, learning rate 0.001 (n = 2)"
    assert "2 / learning rate of each colour" in texts(figure)


def test_adam_has_no_threshold():
    conditions = {"bptt": {}, "adam": {"learning_rule": "bptt", "training": {"optimiser": "adam"}}}
    study = parse_study({**made_up_study.CONFIG, "conditions": conditions})
    figure = draw("along_training", made_up_study.trajectories(study=study), study, LARGEST)
    assert horizontal(figure.axes[0]) == [(panels.looks(study)["bptt"].colour, 200)]
    assert texts(figure)[:2] == ["BPTT (n = 2)", "BPTT, optimiser adam (n = 2)"]
    study = parse_study({**made_up_study.CONFIG, "training": {"optimiser": "adam"}})
    figure = draw("along_training", made_up_study.trajectories(study=study), study, LARGEST)
    assert horizontal(figure.axes[0]) == []
    assert not [text for text in texts(figure) if "2 / learning rate" in text]


def test_the_sweep_has_a_line_a_rule():
    figure = plot_sweep(made_up_study.trajectories(study=SWEEP), SWEEP)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "largest eigenvalue $\\lambda_{\\max}$", "training cross entropy\n(nats)", "test accuracy",
    ]  # fmt: skip
    assert [axes.get_xscale() for axes in figure.axes] == ["log"] * 3
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log", "linear"]
    assert texts(figure) == [
        "BPTT (n = 2)", "three-factor (n = 2)", "one run", "2 / learning rate",
    ]  # fmt: skip
    # Final states, means over seeds 1 and 2: 1000 sqrt(2) / 32 and 2000 at a learning rate of 0.01.
    final = {"bptt": (10 * 2**0.5 / 32, 2 / 32, 0.85), "three_factor": (20, 2 * 2**-2.5, 0.85)}
    for rule, (eigenvalue, loss, accuracy) in final.items():
        rates = np.array(made_up_study.RATES[rule])
        values = [eigenvalue / rates, loss, accuracy]
        for axes, expected in zip(figure.axes, values, strict=True):
            [(x, y)] = line_of(axes, panels.looks(STUDY)[rule].colour, 1.6)
            assert list(x) == list(rates)
            assert y == pytest.approx(np.broadcast_to(expected, len(rates)))
    [(x, y)] = line_of(figure.axes[0], panels.THRESHOLD["color"], panels.THRESHOLD["linewidth"])
    assert x == pytest.approx(made_up_study.RATES["bptt"])
    assert y == pytest.approx(2 / x)


def test_a_number_of_a_rule_can_be_swept_too():
    """Zero among its values, and 2 / learning rate the same for all of them."""
    figure = plot_sweep(made_up_study.trajectories(study=HOPS), HOPS)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_xscale()) == (
        "hops (synapses), logarithmic\nabove 0",
        "symlog",
    )
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "4", "27"]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert texts(figure) == ["truncated BPTT (n = 2)", "one run", "2 / learning rate"]
    [(x, y)] = line_of(axes, sweep.look_of_line(HOPS, {0: "hops_0"}, 0).colour, 1.6)
    assert list(x) == [0, 1, 4, 27]
    assert y == pytest.approx(4 * [2000])
    assert horizontal(axes) == [(panels.THRESHOLD["color"], 200)]


def test_the_sweep_leaves_diverged_runs_out_and_tells_of_them():
    runs = [("bptt_0.05", 1), ("bptt_0.05", 2), ("bptt_0.02", 1)]
    table = made_up_study.diverged(made_up_study.trajectories(study=SWEEP), runs)
    figure = plot_sweep(table, SWEEP)
    for axes in figure.axes:
        [(rates, means)] = line_of(axes, panels.looks(STUDY)["bptt"].colour, 1.6)
        assert list(rates) == made_up_study.RATES["bptt"][:-1]
    [(_, means)] = line_of(figure.axes[0], panels.looks(STUDY)["bptt"].colour, 1.6)
    assert means[-1] == pytest.approx(2000 / 32 * 0.01 / 0.02)  # of seed 2 alone
    note = (
        "failed, left out of means: BPTT, learning rate 0.02 seed 1; "
        "BPTT, learning rate 0.05 seeds 1, 2"
    )
    assert texts(figure)[-1] == note
    assert {"BPTT (n = 1 to 2)", "three-factor (n = 2)"} <= set(texts(figure))


def test_the_sweep_leaves_out_and_tells_what_the_other_figures_do():
    table = made_up_study.trajectories(study=SWEEP)
    [last, other] = table.index[(table["condition"] == "bptt_0.01") & (table["fraction"] == 1)]
    table.loc[last, "lambda_max"] = -5.0
    table.loc[other, "lambda_max_converged"] = False
    figure = plot_sweep(table, SWEEP)
    [(x, y)] = line_of(figure.axes[0], BPTT, 1.6)
    assert y[list(x).index(0.01)] == pytest.approx(2000 / 32)
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert [len(line.get_xdata()) for line in crosses] == [1, 0]
    assert texts(figure)[-2:] == ["not converged", "1 of 16 values not shown: 1 not positive"]


def test_the_threshold_is_in_the_legend_whichever_panel_has_it():
    """Of a study's columns, the trace comes before the eigenvalues, and has no such line."""
    entries = [{"quantities": ["extremes", "trace"]}]
    study = parse_study({**made_up_study.SWEEP, "hessian": entries})
    figure = plot_sweep(made_up_study.trajectories(study=study), study)
    assert "trace" in figure.axes[0].get_ylabel()
    assert texts(figure).count("2 / learning rate") == 1


LEAKS = {
    **made_up_study.CONFIG,
    "sweep": {"network.neurons.tau_m": [0.01, 2, 5], "training.optimiser": ["sgd", "adam"]},
}


def sweep_of(study, name, table):
    [figure] = [figure for figure in figures_of(study) if figure.name == name + "_sweep"]
    return registry.draw(
        Results(study, with_failures(table), summary=summarise(table, study)), figure
    )


def test_conditions_are_compared_with_the_baseline_at_the_same_setting():
    study = parse_study(LEAKS)
    table = made_up_study.trajectories(study=study, seeds=[1, 2])
    ten = (
        table["tau_m"]
        .map({0.01: 1.0, 2: 10.0, 5: 100.0})
        .where(table["learning_rule"] == "three_factor", 1.0)
    )
    figure = sweep_of(study, "tau_m", table.assign(lambda_max=table["lambda_max"] * ten))
    ratios = [axes for axes in figure.axes if "ratio to baseline" in axes.get_ylabel()]
    assert ["at the end" in axes.get_ylabel().replace("\n", " ") for axes in ratios] == [
        True,
        False,
    ]
    assert {axes.get_xlabel() for axes in figure.axes} == {"tau m (ms), linear"}
    lines = [line for line in ratios[0].lines if len(line.get_xdata()) == 3]
    assert len(lines) == 2  # of the three-factor rule, by either optimiser
    for line in lines:
        assert list(line.get_xdata()) == [0.01, 2, 5]
        # Final states: bptt falls to a 32nd, three_factor does not fall; seeds 1 and 2.
        assert line.get_ydata() == pytest.approx(32 * 2**0.5 * np.array([1, 10, 100]))
    assert "three-factor, optimiser adam (n = 2)" in texts(figure)


def test_a_setting_that_is_no_number_has_categories():
    study = parse_study(LEAKS)
    figure = sweep_of(study, "optimiser", made_up_study.trajectories(study=study))
    for axes in figure.axes:
        assert [text.get_text() for text in axes.get_xticklabels()] == ["sgd", "adam"]
        assert axes.get_xlabel() == "optimiser"


def test_a_baseline_that_is_not_swept_is_drawn_at_every_value():
    conditions = {"bptt": LENGTH, **HOPS_CONDITIONS}
    study = parse_study({**made_up_study.CONFIG, "conditions": conditions})
    figure = sweep_of(study, "hops", made_up_study.trajectories(study=study))
    [(x, y)] = line_of(figure.axes[0], panels.looks(study)["bptt"].colour, 1.6)
    assert list(x) == [0, 1, 4, 27] and len(set(y)) == 1
    assert texts(figure)[1] == "BPTT (n = 2)"


def test_the_sweep_marks_where_runs_diverged():
    table = made_up_study.trajectories(study=SWEEP)
    table = made_up_study.diverged(table, [("bptt_0.05", 1), ("bptt_0.05", 2), ("bptt_0.02", 1)])
    figure = plot_sweep(table, SWEEP)
    for axes in figure.axes:
        [rings] = [
            line for line in axes.lines if line.get_marker() == "o" and line.get_mfc() == "none"
        ]
        assert list(rings.get_xdata()) == [0.02, 0.05] and set(rings.get_ydata()) == {0}
    assert "failed" in texts(figure)


def test_the_sweep_shows_no_other_condition():
    """One that differs in more than the setting has neither a threshold nor a note."""
    slower = {"training": {"learning_rate": 0.0001}, **LENGTH}
    rows = made_up_study.trajectories(study=HOPS)
    others = rows[rows["condition"] == "hops_1"].assign(condition="bptt", diverged=True)
    conditions = {**HOPS_CONDITIONS, "bptt": slower}
    study = parse_study({**made_up_study.CONFIG, "conditions": conditions})
    alone = plot_sweep(rows, HOPS)
    figure = plot_sweep(pd.concat([rows, others]), study)
    assert texts(figure) == texts(alone)
    for axes, expected in zip(figure.axes, alone.axes, strict=True):
        lines = [list(line.get_ydata()) for line in axes.lines]
        assert lines == [list(line.get_ydata()) for line in expected.lines]


def test_the_sweep_of_another_optimiser_has_no_threshold():
    study = parse_study({**made_up_study.SWEEP, "training": {"optimiser": "adam"}})
    figure = plot_sweep(made_up_study.trajectories(study=study), study)
    assert texts(figure) == ["BPTT (n = 2)", "three-factor (n = 2)", "one run"]
    assert line_of(figure.axes[0], panels.THRESHOLD["color"], panels.THRESHOLD["linewidth"]) == []


def test_the_sweep_is_drawn_of_studies_that_have_one(tmp_path, monkeypatch):
    assert "learning_rate_sweep" not in [figure.name for figure in figures_of(STUDY)]
    one_each = {name: {"training": {"learning_rate": 0.1}} for name in ("bptt", "three_factor")}
    study = parse_study({**made_up_study.CONFIG, "conditions": one_each})
    assert "learning_rate_sweep" not in [figure.name for figure in figures_of(study)]
    config = {**made_up_study.SWEEP, "hessian": []}
    table = made_up_study.trajectories(study=parse_study(config))
    names = names_of_figures(monkeypatch, write(tmp_path, table, config))
    others = {"learning_curves", "generalization_gap", "rank_of_change"}
    assert names == {*others, "learning_rate_sweep"}


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "damaged .No columns to parse from file"),
        ("a,b\n1,2\n", "column condition, learning_rule, learning_rate, seed, iteration,"),
        ('"unfinished', "damaged"),
        ("a,b\n1,2\n1,2,3\n", "damaged"),
        (None, "no such file"),
    ],
)
def test_file_that_is_not_a_table_of_trajectories_is_refused(
    tmp_path, monkeypatch, content, message
):
    path = write(tmp_path, made_up_study.trajectories()) / "trajectories.csv"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ResultError, match=message) as error:
        run(monkeypatch, tmp_path, tmp_path / "figures")
    assert str(path) in str(error.value)
    assert not (tmp_path / "figures").exists()


def test_table_without_rows_or_cut_short_is_refused(tmp_path, monkeypatch):
    write(tmp_path, made_up_study.trajectories()[:0])
    with pytest.raises(ResultError, match="no rows"):
        run(monkeypatch, tmp_path, tmp_path)
    path = write(tmp_path, made_up_study.trajectories()) / "trajectories.csv"
    path.write_text(path.read_text()[:-30])
    with pytest.raises(ResultError, match="damaged: column"):
        run(monkeypatch, tmp_path, tmp_path)


@pytest.mark.parametrize("which, other", [("x", "y"), ("y", "x")])
def test_a_column_scales_the_axis_that_it_is_on_and_no_other(which, other):
    (column,) = [shown for shown in shown_columns(made_up_study.STUDY) if shown.scale == "symlog"]
    figure, axes = plt.subplots()
    panels.scale_axis(axes, which, column)
    scales = {"x": axes.get_xscale(), "y": axes.get_yscale()}
    assert scales == {which: "symlog", other: "linear"}
    plt.close(figure)


def test_gaps_are_drawn_along_training_at_equal_loss_and_at_the_end():
    table = made_up_study.trajectories(seeds=(1, 2, 4))
    figure = draw("gaps", table, STUDY)
    assert len(figure.axes) == 6
    accuracy, loss, *_ = figure.axes
    assert accuracy.get_title().replace("\n", " ") == "training \N{MINUS SIGN} test accuracy"
    assert (
        loss.get_title().replace("\n", " ") == "test \N{MINUS SIGN} training cross entropy (nats)"
    )
    *_, at_end, _ = figure.axes
    points, mean = (line for line in at_end.lines if line.get_color() == BPTT and line_marks(line))
    gaps = table[(table["condition"] == "bptt") & (table["fraction"] == 1)]
    assert list(points.get_ydata()) == list(gaps["generalization_gap_accuracy"])
    assert mean.get_ydata()[0] == pytest.approx(gaps["generalization_gap_accuracy"].mean())
    intervals = [line for line in at_end.lines if line.get_linewidth() == 1.6 and len(line._x) == 2]
    assert len(intervals) == 2
    # A run that diverged has no final state.
    at_end = draw("gaps", made_up_study.diverged(table), STUDY).axes[-2]
    points = next(line for line in at_end.lines if line.get_color() == BPTT and line_marks(line))
    assert len(points.get_ydata()) == 2


def line_marks(line):
    return line.get_marker() not in ("None", None)


def test_noisy_examples_have_panels_of_their_own():
    study = parse_study(made_up_study.NOISY)
    table = made_up_study.trajectories(study=study)
    figure = draw("gaps", table, study)
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes[:4]]
    assert titles == [
        "training \N{MINUS SIGN} test accuracy",
        "test \N{MINUS SIGN} training cross entropy (nats)",
        "training \N{MINUS SIGN} noisy test accuracy",
        "noisy test \N{MINUS SIGN} training cross entropy (nats)",
    ]
    assert [axes.get_ylabel() for axes in figure.axes[:4]] == ["gap", "", "", ""]
    labels = [axes.get_ylabel() for axes in draw("learning_curves", table, study).axes]
    assert labels[3:] == ["test accuracy", "noisy test accuracy"]
    assert len(draw("gap_against", table, study, LARGEST).axes) == 4


def test_many_gaps_have_a_row_of_panels_each():
    tests = {name: {"test_noise": 0.2} for name in ("noisy_test", "noisier")}
    study = parse_study({"task": {"name": "sequential_mnist", "tests": tests}})
    table = made_up_study.trajectories(study=parse_study(made_up_study.NOISY))
    for name in [name for name in table if name.startswith("noisy_")]:
        table[name.replace("noisy_test", "noisier").replace("noisy_", "noisier_")] = table[name]
    axes = draw("gaps", table, study).axes
    assert len(axes) == 18
    titles = [one.get_title().replace("\n", " ") for one in axes]
    assert titles[::3][2:4] == [
        "training \N{MINUS SIGN} noisy test accuracy",
        "noisy test \N{MINUS SIGN} training cross entropy (nats)",
    ]
    assert titles[1::3] == titles[2::3] == 6 * [""]


CHOSEN = parse_study(made_up_study.CHOSEN)
OF_ENTRIES = [figure for figure in figures_of(CHOSEN) if figure.entry]
OF_CHOSEN = [figure for figure in figures_of(CHOSEN) if figure.column and figure.column.where]


def test_the_figures_of_entries_are_those_that_their_quantities_declare():
    names = [figure.name for figure in OF_ENTRIES]
    assert names == ["spectrum_density", "spectrum_density_lines", "stability"]
    assert "spectrum_trace" in [figure.name for figure in OF_CHOSEN]


@pytest.mark.parametrize(
    "variant, wanted",
    [
        ("full", wanted)
        for wanted in [*OF_ENTRIES, *{wanted.kind: wanted for wanted in OF_CHOSEN}.values()]
    ]
    + [(variant, wanted) for wanted in OF_ENTRIES for variant in ("one condition", "diverged")]
    + [("unconverged", OF_ENTRIES[-1])],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.filterwarnings("error")
def test_figures_of_some_checkpoints_can_be_drawn(variant, wanted):
    conditions = ["bptt"] if variant == "one condition" else None
    table = made_up_study.trajectories(conditions, study=CHOSEN)
    if variant == "diverged":
        table = made_up_study.diverged(table, runs=[("bptt", 2)])
    if variant == "unconverged":
        table["mu_abs_max_converged"] &= table["mu_abs_max"].isna()
    figure = draw(wanted, table, CHOSEN, spectra=made_up_study.spectra(CHOSEN))
    figure.canvas.draw()
    width, _ = figure.get_size_inches()
    assert width in (COLUMN, COLUMN_AND_LEGEND, PAGE)
    assert not [text for text in texts(figure) if "not shown" in text]
    assert ("not converged" in texts(figure)) == (
        variant == "unconverged" and wanted.name == "stability"
    )


def test_without_spectra_or_columns_there_is_no_such_figure():
    table = made_up_study.trajectories()
    for wanted in OF_ENTRIES:
        assert draw(wanted, table, CHOSEN) is None


def test_where_all_runs_diverged_a_figure_of_spectra_says_so():
    runs = [(condition, seed) for condition in CHOSEN.conditions for seed in (1, 2)]
    table = made_up_study.diverged(made_up_study.trajectories(study=CHOSEN), runs)
    for wanted in OF_ENTRIES[:2]:
        figure = draw(wanted, table, CHOSEN, spectra=made_up_study.spectra(CHOSEN))
        assert [text.get_text() for text in figure.texts] == ["all runs failed"]


def test_stability_has_a_panel_a_condition_with_all_that_is_compared():
    table = made_up_study.trajectories(study=CHOSEN)
    figure = draw(OF_ENTRIES[2], table, CHOSEN)
    assert [axes.get_title() for axes in figure.axes] == ["BPTT", "three-factor"]
    bptt = figure.axes[0]
    dashed = [line for line in bptt.lines if list(line.get_xdata()) == [0, 1]]
    assert [line.get_ydata()[0] for line in dashed] == [200]
    thick = [line for line in bptt.lines if line.get_linewidth() == 1.6]
    drawn = [line.get_ydata() for line in thick]
    rows = table[(table["condition"] == "bptt") & table["mu_abs_max"].notna()]
    for name, found in zip(stability.SHOWN, drawn, strict=True):
        expected = np.exp(np.log(rows[name]).groupby(rows["fraction"]).mean())
        assert found == pytest.approx(expected.to_numpy())


def test_a_density_is_the_mean_of_all_nodes_by_their_weights():
    table, spectra = made_up_study.trajectories(study=CHOSEN), made_up_study.spectra(CHOSEN)
    results = Results(CHOSEN, with_failures(table), spectra)
    means = density.means_over_seeds(density.densities_of(results, "hessian/spectrum"), CHOSEN)
    assert list(means) == list(CHOSEN.conditions)
    found = means["bptt"]
    assert list(found.index) == [0, 40, 100]
    places = found.columns.to_numpy()
    step = places[1] - places[0]
    assert (found.sum(axis=1) * step).to_numpy() == pytest.approx(1, rel=1e-3)
    # At the end nodes are three times those of the beginning: -6, 0 and 600 of seed 2.
    near = np.abs(places[:, None] - density.on_asinh([-6, 0, 600])) < 4 * density.WIDTH
    assert (found.to_numpy()[2].dot(near) * step) == pytest.approx([0.25, 0.5, 0.25], rel=1e-2)


def test_the_axis_of_eigenvalues_keeps_their_order_and_decades():
    sizes = np.array([-1e3, -1e2, -10, 0, 10, 1e2, 1e3])
    places = density.on_asinh(sizes)
    assert density.eigenvalues_at(places) == pytest.approx(sizes)
    assert places == pytest.approx(-places[::-1]) and places[3] == 0
    assert np.diff(places[4:]) == pytest.approx(1, abs=1e-3)


def test_altered_spectra_are_refused(tmp_path):
    path = tmp_path / "spectra.npz"
    checkpoints.write(str(path), made_up_study.spectra(CHOSEN), {})
    record = {"outputs": {"spectra.npz": sha256_of_file(path)}}
    write_record(tmp_path / "metadata.json", record)
    assert set(read_spectra(tmp_path)) == set(made_up_study.spectra(CHOSEN))
    checkpoints.write(str(path), {}, {})
    with pytest.raises(ResultError, match="spectra.npz: altered since it was written"):
        read_spectra(tmp_path)
    path.unlink()
    assert read_spectra(tmp_path) == {}


SLICED = parse_study({**made_up_study.CONFIG, "dynamics": [{"quantities": ["slice"]}]})
OF_SLICES = {figure.kind: figure for figure in figures_of(SLICED) if figure.entry}


def test_slices_are_those_of_the_last_checkpoint():
    table = made_up_study.trajectories(study=SLICED)
    page = draw(OF_SLICES["slice_lines"], table, SLICED, spectra=made_up_study.spectra(SLICED))
    for axes, factor in zip(page.axes, (1, 0.5), strict=True):
        thick = [line for line in axes.lines if line.get_linewidth() == 1.6]
        assert len(thick) == 2
        assert len([line for line in axes.lines if line.get_linewidth() == 0.5]) == 4
        for line in thick:  # the mean over both seeds
            assert line.get_xdata() == pytest.approx([-2, -1, 0, 1, 2])
            assert line.get_ydata() == pytest.approx(factor * 1.5 * np.array([4, 1, 0, 1, 4]))


def test_the_plane_of_a_condition_is_that_of_its_first_run_on_one_scale():
    table = made_up_study.trajectories(study=SLICED)
    page = draw(OF_SLICES["slice"], table, SLICED, spectra=made_up_study.spectra(SLICED))
    panels = page.axes[:2]
    assert [axes.get_title() for axes in panels] == ["BPTT", "three-factor"]
    scales = {(axes.collections[0].norm.vmin, axes.collections[0].norm.vmax) for axes in panels}
    assert scales == {(1.0, 14.4)}
    for axes in panels:
        assert [list(data) for data in axes.lines[1].get_data()] == [[0, 0.5], [0, 0.1]]
    table = made_up_study.diverged(table, runs=[("bptt", 1)])
    page = draw(OF_SLICES["slice"], table, SLICED, spectra=made_up_study.spectra(SLICED))
    assert page.axes[0].lines[1].get_ydata()[1] == 0.2  # of seed 2


def test_without_slices_there_is_no_picture_of_them():
    table = made_up_study.trajectories(study=SLICED)
    runs = [(condition, seed) for condition in SLICED.conditions for seed in (1, 2)]
    for wanted in OF_SLICES.values():
        assert draw(wanted, table, SLICED) is None
        all_diverged = made_up_study.diverged(table, runs)
        page = draw(wanted, all_diverged, SLICED, spectra=made_up_study.spectra(SLICED))
        assert [text.get_text() for text in page.texts] == ["all runs failed"]


@pytest.mark.parametrize("largest", [1, 2, 4, 30, 500, 4000, 10**6])
def test_an_axis_of_iterations_has_a_few_ticks_whatever_their_number(largest):
    axes = plt.figure().add_subplot()
    axes.plot([0, largest], [1, 2])
    panels.scale_axis(axes, "x", panels.ITERATION)
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= 5 and ticks[0] == 0
