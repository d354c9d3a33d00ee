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


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind, rows", [("class", 1), ("regression", 2), ("recalls", 1)])
def test_every_example_has_a_column(kind, rows):
    arrays, metadata = examples(kind)
    figure = recordings.draw_side_by_side(arrays, metadata)
    figure.canvas.draw()
    assert len(figure.axes) == 4 * rows
    assert {axes.get_xlim() for axes in figure.axes} == {(0, N_STEPS)}
    assert figure.get_suptitle() == "made up, seed 3: the first training examples"
    for place, axes in enumerate(figure.axes[:4]):
        (image,) = axes.images
        assert np.array_equal(image.get_array(), arrays["inputs"][:, place].T)


def test_the_class_that_is_wanted_stands_above_the_steps_that_are_asked_for():
    figure = recordings.draw_side_by_side(*examples("class"))
    assert [texts_of(axes) for axes in figure.axes] == [["yes"], ["no"], ["no"], ["yes"]]
    figure = recordings.draw_side_by_side(*examples("recalls"))
    assert [texts_of(axes) for axes in figure.axes] == [["0", "1"], ["1"], ["0"], ["1", "0"]]
    assert figure.axes[1].texts[0].xy[0] == 15  # the middle of its window


def test_the_outputs_that_are_wanted_are_lines():
    arrays, metadata = examples("regression")
    below = recordings.draw_side_by_side(arrays, metadata).axes[4:]
    for place, axes in enumerate(below):
        (line,) = axes.lines
        assert np.array_equal(line.get_xdata(), np.arange(N_STEPS) + 0.5)
        assert np.array_equal(line.get_ydata(), arrays["targets"][:, place])


def draw(monkeypatch, study, folder, parts):
    """Draw examples as a figure of a made-up study."""
    study.mkdir(exist_ok=True)
    made_up_study.write_config(study / "config.yaml", made_up_study.CONFIG)
    write_table(study / "trajectories.csv", made_up_study.trajectories(), missing="")
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
