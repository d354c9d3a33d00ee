"""Figures along training: learning curves, and columns of the trajectories."""

from lib.figures import panels
from lib.figures.panels import RUNS_AND_MEANS
from lib.numbers import asked_for
from lsnn.study.columns import Column, measure_column
from lsnn.study.config import Study
from lsnn.tasks.base import NOISY_TEST


def draw_learning_curves(results, figure):
    """Draw the training loss, and the last measure of the task on unseen examples."""
    loss, last = first_and_last_measure(results.study)
    train, *others = results.study.splits
    columns = [measure_column(loss, train), *(measure_column(last, split) for split in others)]
    return panels.draw_page(
        results.trajectories, results.study, columns, panels.draw_curves, along_training=True
    )


def caption_learning_curves(study, figure):
    """Return the caption of the learning curves."""
    loss, last = first_and_last_measure(study)
    lengths = "; ".join(
        f"{condition.label} trains for {condition.iterations} iterations, with a checkpoint every "
        f"{condition.checkpoint_every}"
        for condition in study.conditions.values()
    )
    noisy = ", and on noisier test inputs" if NOISY_TEST in study.splits else ""
    return f"""
        What the networks learn: {loss.label} on training examples (without the L2 term), and
        {last.label} on the validation and test sets{noisy}, along training. {RUNS_AND_MEANS} Equal
        fractions of training are not equal numbers of iterations: {lengths}.
        {about_stops(study)}"""


def draw_along_training(results, figure):
    """Draw a column along training."""
    rows = asked_for(results.trajectories, figure.column)
    return panels.draw_page(
        rows, results.study, [figure.column], panels.draw_curves, figure.column, along_training=True
    )


def caption_along_training(study, figure):
    """Return the caption of a column along training."""
    column = figure.column
    sentences = [
        f"Along training: {column.label}. {column.meaning}",
        column.is_shifted_by_l2
        and "The L2 term alone shifts every eigenvalue that belongs to a regularized weight by "
        f"+{study.loss.l2}.",
        column.where
        and "It was computed only at some of the checkpoints, or for some of the seeds.",
        f"{RUNS_AND_MEANS} Conditions are compared at equal *fraction* of their training, not at "
        "equal loss; for that see the figures against loss.",
        column.scale == "symlog"
        and "The axis is logarithmic on either side of zero, and linear between −1 and 1.",
        about_threshold(study, column),
        "A cross marks a value that did not converge; values that a logarithmic axis cannot show "
        "are left out of lines and means, and counted below the figure.",
        about_stops(study),
    ]
    return " ".join(filter(None, sentences))


def first_and_last_measure(study):
    """Return the first measure of a study's task, the loss, and the last, which may be the same."""
    return study.task_class.measures[0], study.task_class.measures[-1]


def about_threshold(study: Study, column: Column) -> str:
    """Return what a caption says of the dashed lines beside a column; empty without any."""
    found, _ = panels.thresholds(study)
    if not column.threshold or not found:
        return ""
    values, threshold = set(found.values()), "the stability threshold of gradient descent, "
    if len(values) == 1:
        return f"The dashed line is {threshold}2 / learning rate = {values.pop():.4g}."
    return f"A dashed line is {threshold}2 / learning rate, of the condition of its colour."


def about_stops(study: Study) -> str:
    """Return what a caption says of runs that stop early; empty if none can."""
    stop = study.training.stop
    if not stop:
        return ""
    (bound,) = (f"{word} {stop[word]}" for word in ("above", "below") if word in stop)
    return f"""
        A run stops at the first checkpoint whose validation {stop["measure"]} is {bound}. It keeps
        its weights from then on, and counts with its last value in means and intervals at later
        fractions, as long as another run of its condition continues."""
