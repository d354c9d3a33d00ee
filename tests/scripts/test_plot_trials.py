import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

import made_up_study
import made_up_trial
import plot
from lib.figures import recordings
from lib.tables import write_table
from lsnn.errors import ResultError
from made_up_trial import N_ADAPTIVE, N_REGULAR

VARIANTS = {
    "spiking inputs": {},
    "few analog inputs": {"analog_inputs": 2},
    "many analog inputs": {"analog_inputs": 28},
    "no adaptive units": {"n_adaptive": 0},
    "many adaptive units": {"n_adaptive": 100},
    "one window": {"n_windows": 1, "n_out": 10},
    "regression": {"is_classification": False},
    "regression of one window": {"is_classification": False, "n_windows": 1, "n_out": 1},
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def panels(**options):
    """The panels of the figure of a made-up trial, by their y labels."""
    figure = recordings.draw_trial(*made_up_trial.trial(**options))
    return {axes.get_ylabel(): axes for axes in figure.axes}


def spikes_of(axes, colour):
    """The spikes that are drawn in a colour as sorted rows (time, unit)."""
    [line] = [line for line in axes.lines if line.get_color() == colour]
    x, y = np.array(line.get_data()).reshape(2, -1, 3)
    assert np.isnan(x[:, 2]).all() and (x[:, 0] == x[:, 1]).all()
    return np.array(sorted(zip(x[:, 0], y[:, :2].mean(axis=1), strict=True)))


def expected_spikes(spikes, first=0):
    steps, rows = np.nonzero(spikes)
    return np.array(sorted(zip(steps + 0.5, rows + first, strict=True)))


SPIKING = {
    **made_up_study.CONFIG,
    "network": {"neurons": {"name": "alif", "n_adaptive": N_ADAPTIVE}},
    "conditions": {"slow": {"learning_rule": "three_factor"}},
    "hessian": [],
}


def write(folder, **options):
    """Write the results of a study of spiking units, with a trial; return the trial's path."""
    study = made_up_study.write_config(folder / "config.yaml", SPIKING)
    table = made_up_study.trajectories(study=study)
    write_table(folder / "trajectories.csv", table)
    (folder / "trials").mkdir()
    path = folder / "trials/slow.npz"
    made_up_trial.write_trial(path, **options)
    return path


def draw(monkeypatch, study, folder):
    arguments = ["--study", str(study), "--output", str(folder), "--figure", "raster_slow"]
    monkeypatch.setattr(sys, "argv", ["plot.py", *arguments])
    plot.main()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.filterwarnings("error")
def test_every_kind_of_trial_can_be_drawn(variant):
    figure = recordings.draw_trial(*made_up_trial.trial(**VARIANTS[variant]))
    figure.canvas.draw()
    assert figure.get_size_inches()[0] == 7
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert len({axes.get_xlim() for axes in panels}) == 1  # they share the time axis
    assert panels[-1].get_xlabel() == "time (ms)"


def test_spikes_of_regular_and_adaptive_units_are_told_apart():
    arrays, _ = made_up_trial.trial()
    units = panels()["unit"]
    regular, adaptive = np.split(arrays["spikes"], [N_REGULAR], axis=1)
    assert spikes_of(units, recordings.REGULAR) == pytest.approx(expected_spikes(regular))
    assert spikes_of(units, recordings.ADAPTIVE) == pytest.approx(
        expected_spikes(adaptive, first=N_REGULAR)
    )
    texts = [text.get_text() for text in units.get_legend().get_texts()]
    assert texts == ["adaptive", "regular"]


def test_inputs_are_spikes_lines_or_an_image():
    arrays, _ = made_up_trial.trial()
    found = spikes_of(panels()["input channel"], recordings.REGULAR)
    assert found == pytest.approx(expected_spikes(arrays["inputs"]))
    lines = [line for line in panels(analog_inputs=2)["input"].lines if "input" in line.get_label()]
    assert [len(line.get_xdata()) for line in lines] == [220, 220]
    [image] = panels(analog_inputs=28)["input channel"].images
    assert image.get_array().shape == (28, 220)


def test_thresholds_are_those_of_adaptive_units():
    arrays, _ = made_up_trial.trial()
    lines = [line for line in panels()["threshold"].lines if len(line.get_xdata()) == 220]
    found = np.array([line.get_ydata() for line in lines])
    assert found == pytest.approx(arrays["thresholds"][:, -N_ADAPTIVE:].T)
    assert "threshold" not in panels(n_adaptive=0)


def test_of_many_thresholds_mean_and_range_are_drawn():
    arrays, _ = made_up_trial.trial(n_adaptive=100)
    axes = panels(n_adaptive=100)["threshold"]
    [line] = [line for line in axes.lines if len(line.get_xdata()) == 220]
    assert line.get_ydata() == pytest.approx(arrays["thresholds"][:, -100:].mean(axis=1))
    assert len(axes.collections) == 1


def test_probabilities_of_the_classes_sum_to_one():
    axes = panels(n_out=3)["softmax of output"]
    lines = [line for line in axes.lines if line.get_label().startswith("class")]
    assert [line.get_label() for line in lines] == ["class 0", "class 1", "class 2"]
    assert sum(line.get_ydata() for line in lines) == pytest.approx(1)


def test_outputs_that_are_not_of_a_softmax_are_drawn_as_they_are():
    arrays, metadata = made_up_trial.trial(n_out=3)
    figure = recordings.draw_trial(arrays, {**metadata, "of_softmax": False})
    axes = next(axes for axes in figure.axes if axes.get_ylabel() == "output")
    lines = [line for line in axes.lines if line.get_label().startswith("class")]
    assert np.array([line.get_ydata() for line in lines]) == pytest.approx(arrays["outputs"].T)
    assert len(axes.patches) == 3  # the windows that are asked for


def test_windows_that_are_asked_for_are_shaded_and_told():
    axes = panels()["softmax of output"]
    shaded = [(patch.get_x(), patch.get_width()) for patch in axes.patches]
    assert shaded == [(70, 50), (120, 50), (170, 50)]  # the last three of four, up to 220
    told = {text.xy[0]: text.get_text() for text in axes.texts}
    assert told == {95: "1", 145: "1", 195: "1 (0)", 220: "  target (answer)"}


def test_outputs_of_a_regression_are_drawn_with_what_is_wanted_dashed():
    options = {"is_classification": False, "n_out": 3}
    arrays, metadata = made_up_trial.trial(**options)
    axes = panels(**options)["output"]
    lines = {line.get_label(): line for line in axes.lines}
    outputs = [lines[f"output {number}"] for number in range(3)]
    targets = [lines[f"target {number}"] for number in range(3)]
    assert np.array([line.get_ydata() for line in outputs]) == pytest.approx(arrays["outputs"].T)
    found = np.array([line.get_ydata() for line in targets])
    assert found == pytest.approx(np.transpose(metadata["target"]))
    for output, target in zip(outputs, targets, strict=True):
        assert (output.get_linestyle(), target.get_linestyle()) == ("-", "--")
        assert output.get_color() == target.get_color()
        assert list(target.get_xdata()) == [45, 95, 145, 195]  # the middles of the windows
    # Nothing is shaded, and no answer stands above, where no class is wanted.
    assert len(axes.patches) == len(axes.texts) == 0
    assert "softmax of output" not in panels(**options)


def test_title_tells_the_label_of_the_condition():
    figure = recordings.draw_trial(*made_up_trial.trial())
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    assert "three-factor, slowly, seed 2, iteration 120: test example 0" in titles


def test_files_are_complete_and_the_same_every_time(tmp_path, monkeypatch):
    write(tmp_path)
    for folder in ("first", "second"):
        draw(monkeypatch, tmp_path, tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == [f"raster_slow.{suffix}" for suffix in ("pdf", "png", "rst", "svg")]
    for name in names:
        contents = [(tmp_path / folder / name).read_bytes() for folder in ("first", "second")]
        assert contents[0] == contents[1] and len(contents[0]) > 500


@pytest.mark.parametrize(
    "without, message",
    [
        (["spikes"], "has no array spikes"),
        (["target"], "'target' is missing: not a file of scripts/record.py"),
        (["is_classification"], "'is_classification' is missing: not a file of scripts/record.py"),
    ],
)
def test_another_file_is_refused_by_name(tmp_path, monkeypatch, without, message):
    path = write(tmp_path, without=without)
    with pytest.raises(ResultError, match=f"^{path}: {message}"):
        draw(monkeypatch, tmp_path, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize("damage", ["cut off", "altered"])
def test_damaged_trial_is_refused_by_name(tmp_path, monkeypatch, damage):
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) // 2] if damage == "cut off" else content)
    with pytest.raises(ResultError, match=f"^{path}: "):
        draw(monkeypatch, tmp_path, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_without_a_trial_there_is_no_figure_of_it(tmp_path, monkeypatch, capsys):
    write(tmp_path).unlink()
    draw(monkeypatch, tmp_path, tmp_path / "figures")
    assert capsys.readouterr().out == f"no figure raster_slow: {tmp_path} lacks what it shows\n"
    assert not (tmp_path / "figures").exists()
