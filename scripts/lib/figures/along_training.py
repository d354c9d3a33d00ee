"""Figures along training: learning curves, and columns of the trajectories."""

from matplotlib.figure import Figure as Page

from lib.figures import panels
from lib.figures.results import Results
from lib.numbers import asked_for
from lsnn.study.columns import measure_column
from lsnn.study.outputs import Figure


def draw_learning_curves(results: Results, figure: Figure) -> Page:
    """Draw the training loss, and the last measure of the task on all splits."""
    study = results.study
    loss, last = study.measures[0], study.measures[-1]
    splits = study.splits if last is not loss else study.splits[1:]
    columns = [measure_column(loss, "train"), *(measure_column(last, split) for split in splits)]
    return panels.draw_page(
        results.trajectories, study, columns, panels.draw_curves, along_training=True
    )


def draw_along_training(results: Results, figure: Figure) -> Page:
    """Draw a column along training."""
    rows = asked_for(results.trajectories, figure.column)
    return panels.draw_page(
        rows, results.study, [figure.column], panels.draw_curves, figure.column, along_training=True
    )
