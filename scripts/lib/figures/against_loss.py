"""Figures at equal loss, and of generalization gaps."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lib.estimates import mean_and_interval
from lib.figures import panels
from lib.figures.along_training import about_threshold
from lib.figures.panels import RUNS_AND_MEANS
from lib.figures.style import COLUMN, PAGE, letter_panels
from lib.numbers import asked_for, common_levels, from_scale, values_at_levels
from lsnn.study.columns import measure_column
from lsnn.study.outputs import gap_columns
from lsnn.tasks.base import NOISY_TEST


def draw_against_loss(results, figure):
    """Draw a column against the training loss, which falls to the right."""
    rows = asked_for(results.trajectories, figure.column)
    return panels.draw_page(rows, results.study, [figure.column], draw_falling_loss, figure.column)


def caption_against_loss(study, figure):
    """Return the caption of a column against the training loss."""
    label, loss = figure.column.label, study.task_class.measures[0].label
    return f"""
        {label[0].upper()}{label[1:]}, against the training loss ({loss}), which falls to the right:
        a vertical line through the figure compares conditions at equal loss, whenever they reached
        it. Thin lines join the checkpoints of a run. Thick lines are means over seeds (geometric
        ones on a logarithmic axis), and bands their 95 % t intervals, for 3 or more runs, at losses
        that all runs of the condition pass through between two checkpoints after the initial state;
        a run contributes its value where it first crosses the loss, interpolated between the two on
        logarithmic scales. {about_threshold(study, figure.column)} A cross marks a value that did
        not converge."""


def draw_gaps(results, figure):
    """Draw the generalization gaps: along training, at equal loss, at the end."""
    study, rows, gaps = results.study, results.trajectories, gaps_of(results)
    if not gaps:
        return None
    size = (COLUMN if len(gaps) == 1 else PAGE, 7)
    page, grid = plt.subplots(3, len(gaps), figsize=size, layout="constrained", squeeze=False)
    letter_panels(grid.flat)
    for column_of_panels, gap in zip(grid.T, gaps, strict=True):
        for axes in column_of_panels:
            axes.axhline(0, **panels.ZERO)
        along, at_loss, at_end = column_of_panels
        panels.draw_curves(along, rows, study, gap)
        draw_falling_loss(at_loss, rows, study, gap)
        draw_ends(at_end, panels.finished(rows), study, gap)
        for axes in column_of_panels:
            axes.set_ylabel("gap" if gap.unit == "1" else f"gap ({gap.unit})")
        along.set_title(textwrap.fill(gap.label, panels.LONGEST_LABEL))
    panels.complete(page, rows, study, along_training=True)
    return page


def caption_gaps(study, figure):
    """Return the caption of the generalization gaps."""
    return f"""
        {about_gaps(study)}: along training; against the training loss, which falls to the right, so
        that a vertical line compares conditions at equal loss; and at the end of training, where
        each point is a run, and beside the points are their mean and, for 3 or more runs, its 95 %
        t interval. {RUNS_AND_MEANS} Against the training loss, means are taken at losses that all
        runs of a condition pass through. How much the gap varies from seed to seed is shown at the
        end of training."""


def draw_gap_against(results, figure):
    """Draw the generalization gaps against a column, with a large point at every final state."""

    def draw(axes, rows, study, gap):
        axes.axhline(0, **panels.ZERO)
        draw_points(
            axes, panels.shown(panels.shown(rows, figure.column), gap), study, figure.column, gap
        )
        panels.scale_axis(axes, "x", figure.column)
        axes.set_ylabel(panels.axis_label(gap))

    rows, gaps = asked_for(results.trajectories, figure.column), gaps_of(results)
    if not gaps:
        return None
    return panels.draw_page(rows, results.study, gaps, draw, figure.column, points=True)


def caption_gap_against(study, figure):
    """Return the caption of the generalization gaps against a column."""
    return f"""
        {about_gaps(study)}, against another quantity: {figure.column.label}. Each small point is a
        checkpoint of a run, each large one its final state; a cross marks a value that did not
        converge. If flat regions of the loss generalize better, points to the right lie higher.
        Compare points of one condition, or points of similar training loss: an untrained network
        has no gap, and a network that fits its training examples less has less of one."""


def about_gaps(study):
    """Return what a caption says of the gaps that are panels.shown."""
    noisy = ", and on noisier ones," if NOISY_TEST in study.splits else ""
    measures = " and in ".join(measure.label for measure in reversed(study.task_class.measures))
    return (
        f"How much worse the network does on test examples{noisy} than on training examples, in "
        f"{measures}"
    )


def gaps_of(results):
    """Return the columns of the gaps that a table has, by split, the last measure's first."""
    gaps = gap_columns(results.study)
    keys = sorted(reversed(gaps), key=lambda key: results.study.splits.index(key[1]))
    return [gaps[key] for key in keys if gaps[key].name in results.trajectories]


def draw_falling_loss(axes, rows, study, column):
    """Draw runs and means of a column against the training loss, with axes and 2 / learning rate.

    Means are at losses that all runs of a condition pass through.
    """
    loss = measure_column(study.task_class.measures[0], "train")
    panels.draw_runs(axes, panels.shown(panels.shown(rows, loss), column), study, loss.name, column)
    panels.draw_means(axes, values_at_losses(rows, column), study, loss.name, column)
    panels.scale_axis(axes, "x", loss)
    panels.scale_axis(axes, "y", column)
    axes.invert_xaxis()
    if column.threshold:
        panels.draw_threshold(axes, study)


def values_at_losses(trajectories, column):
    """Return a column of every run at losses that all runs of its condition pass through."""
    rows = []
    for condition, of_condition in panels.finished(trajectories).groupby("condition", sort=False):
        runs = dict(iter(of_condition.groupby("seed")))
        levels = common_levels(list(runs.values()))
        for seed, run in runs.items():
            values, _ = values_at_levels(run, column, levels)
            pairs = zip(np.exp(levels), from_scale(values, column), strict=True)
            rows += [(condition, seed, *pair) for pair in pairs]
    return pd.DataFrame(rows, columns=["condition", "seed", "train_loss", column.name])


def draw_ends(axes, rows, study, column):
    """Draw the final states of a column: one point per run, beside them mean and interval."""
    for place, (of_condition, look) in enumerate(panels.rows_and_looks(rows, study)):
        values = of_condition.groupby("seed")[column.name].last().to_numpy()
        mean, low, high = mean_and_interval(values, column.scale == "log")
        small = {"markersize": 3, "alpha": 0.5, "mew": 0}
        axes.plot(np.full(len(values), place), values, look.marker, color=look.colour, **small)
        if np.isfinite(low):
            axes.plot([place + 0.3] * 2, [low, high], color=look.colour, linewidth=1.6)
        axes.plot(place + 0.3, mean, look.marker, color=look.colour, markersize=5)
    axes.set(xlabel="final states", xticks=[])
    axes.margins(x=0.15)
    panels.scale_axis(axes, "y", column)


def draw_points(axes, rows, study, x, y):
    """Draw one point per checkpoint, and a large one at the final state of every run."""
    for of_condition, look in panels.rows_and_looks(rows, study):
        final = panels.finished(of_condition).groupby("seed").tail(1)
        small = {"markersize": 2.5, "alpha": 0.4, "mew": 0}
        large = {"markersize": 7, "mec": "black", "mew": 0.8}
        for points, size in [(of_condition, small), (final, large)]:
            axes.plot(points[x.name], points[y.name], look.marker, color=look.colour, **size)
        panels.draw_crosses(axes, panels.unconverged(of_condition, x), look, x.name, y.name)
