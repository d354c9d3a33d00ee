"""Names and labels are any text that the schema allows, and mean nothing to what reads them."""

import matplotlib.pyplot as plt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from matplotlib.cbook import is_math_text

import made_up_study
from lib.figures.panels import drawn_label
from lib.tables import read_trajectories, write_table
from lsnn.options import NAME
from lsnn.study.config import parse_study, read_study, write_study

MANY = settings(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LABELS = some.text(min_size=1, max_size=200) | some.text(r"\$_^{}% a", min_size=1, max_size=20)
NAMES = some.from_regex(NAME["pattern"]).filter(lambda name: len(name) <= NAME["maxLength"])


def a_study(name, condition, label="BPTT"):
    """Return a study of this name, with a condition of this name and label."""
    conditions = {condition: {**made_up_study.CONFIG["conditions"]["bptt"], "label": label}}
    conditions[condition]["learning_rule"] = "bptt"
    return parse_study({"name": name, "conditions": conditions, "seeds": 1})


@MANY
@given(LABELS)
@pytest.mark.filterwarnings("ignore:Glyph")  # that a font does not have
def test_a_label_is_drawn_letter_by_letter(label):
    drawn = drawn_label(a_study("made_up", "bptt", label), "bptt")
    assert not is_math_text(drawn) and not drawn.startswith("_")
    assert drawn.replace(r"\$", "$").removeprefix(" ") == label.removeprefix(" ")
    figure = plt.figure()
    figure.text(0, 0, drawn)
    figure.draw_without_rendering()
    plt.close(figure)


@pytest.mark.slow
@MANY
@given(NAMES, NAMES, LABELS)
def test_a_study_is_read_as_it_was_written(tmp_path, name, condition, label):
    study = a_study(name, condition, label)
    write_study(str(tmp_path / "config.yaml"), study)
    assert read_study(str(tmp_path / "config.yaml")) == study
    table = made_up_study.trajectories([condition], seeds=[1], study=study)
    write_table(tmp_path / "trajectories.csv", table)
    assert list(read_trajectories(str(tmp_path), study)["condition"]) == list(table["condition"])
