import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

import made_up_study
import plot
from lib.figures import recordings
from lib.tables import write_table
from lsnn.errors import ResultError
from lsnn.storage import checkpoints

N_STEPS = 30


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def examples(kind):
    """Return made-up examples as scripts/record.py writes them."""
    random = np.random.RandomState(0)
    windows = {"class": 1, "regression": N_STEPS, "recalls": 3}[kind]
    steps = {"class": 1, "regression": 1, "recalls": 10}[kind]
    inputs = random.randn(N_STEPS, 4, 8)
    targets = {
        "class": np.array([1, 0, 0, 1]),
        "regression": random.randn(N_STEPS, 4),
        "recalls": np.array([[-1] * 4, [0, 1, -1, 1], [1, -1, 0, 0]]),
    }[kind]
    metadata = {
        "task": {"name": "made_up"},
        "seed": 3,
        "n_windows": windows,
        "window_steps": steps,
        "is_classification": kind != "regression",
        "class_names": ["no", "yes"] if kind == "class" else [],
    }
    return {"inputs": inputs, "targets": targets}, metadata


def panels_of(kind):
    """Return examples, and the panels of their figure, without the scale of images."""
    arrays, metadata = examples(kind)
    *panels, scale = recordings.draw_side_by_side(arrays, metadata).axes
    assert scale.get_ylabel() == "input"
    return arrays, panels


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind, rows", [("class", 1), ("regression", 2), ("recalls", 1)])
def test_every_example_has_a_column(kind, rows):
    arrays, panels = panels_of(kind)
    figure = panels[0].figure
    figure.canvas.draw()
    assert len(panels) == 4 * rows
    assert {axes.get_xlim() for axes in panels} == {(0, N_STEPS)}
    assert figure.get_suptitle() == "made up, seed 3: the first training examples"
    limits = arrays["inputs"].min(), arrays["inputs"].max()
    for place, axes in enumerate(panels[:4]):
        (image,) = axes.images
        assert np.array_equal(image.get_array(), arrays["inputs"][:, place].T)
        assert image.get_clim() == limits  # one scale for all


def test_the_class_that_is_wanted_stands_above_the_steps_that_are_asked_for():
    _, panels = panels_of("class")
    assert [texts_of(axes) for axes in panels] == [["yes"], ["no"], ["no"], ["yes"]]
    _, panels = panels_of("recalls")
    assert [texts_of(axes) for axes in panels] == [["0", "1"], ["1"], ["0"], ["1", "0"]]
    assert panels[1].texts[0].xy[0] == 15  # the middle of its window


def test_the_outputs_that_are_wanted_are_lines():
    arrays, panels = panels_of("regression")
    for place, axes in enumerate(panels[4:]):
        (line,) = axes.lines
        assert np.array_equal(line.get_xdata(), np.arange(N_STEPS) + 0.5)
        assert np.array_equal(line.get_ydata(), arrays["targets"][:, place])


def draw(monkeypatch, study, folder, parts):
    """Draw examples as a figure of a made-up study."""
    study.mkdir(exist_ok=True)
    made_up_study.write_config(study / "config.yaml", made_up_study.CONFIG)
    write_table(study / "trajectories.csv", made_up_study.trajectories())
    checkpoints.write(str(study / "examples.npz"), *parts)
    arguments = ["--study", str(study), "--output", str(folder), "--figure", "examples"]
    monkeypatch.setattr(sys, "argv", ["plot.py", *arguments])
    plot.main()


def test_the_same_examples_give_the_same_figure(tmp_path, monkeypatch):
    for folder in ("first", "second"):
        draw(monkeypatch, tmp_path / "study", tmp_path / folder, examples("regression"))
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["examples.pdf", "examples.png", "examples.rst", "examples.svg"]
    for name in names:
        contents = [(tmp_path / folder / name).read_bytes() for folder in ("first", "second")]
        assert contents[0] == contents[1] and len(contents[0]) > 300


@pytest.mark.parametrize(
    "without, message",
    [
        ("targets", "has no array targets"),
        ("seed", "'seed' is missing: not a file of scripts/rec"),
    ],
)
def test_another_file_is_refused_by_name(tmp_path, monkeypatch, without, message):
    parts = examples("class")
    for part in parts:
        part.pop(without, None)
    with pytest.raises(ResultError, match=f"^{tmp_path / 'examples.npz'}: {message}"):
        draw(monkeypatch, tmp_path, tmp_path / "figures", parts)
    assert not (tmp_path / "figures").exists()
