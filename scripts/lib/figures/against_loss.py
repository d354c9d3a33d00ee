"""Figures at equal loss, and of generalization gaps."""

import textwrap
from collections.abc import Callable
from itertools import chain

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page

from lib.estimates import mean_and_interval
from lib.figures import panels
from lib.figures.results import Results
from lib.numbers import COMMON_LOSS, asked_for, common_levels, from_scale, number_of
from lsnn.study.columns import Column, measure_column
from lsnn.study.config import Study
from lsnn.study.outputs import Figure, gap_columns

MOST_IN_ROW = 4  # gaps
LONGEST_UPRIGHT = 16  # characters of a label below a panel
WHERE_MEANS_END = "means against the loss end where one of the runs ends"


def draw_against_loss(results: Results, figure: Figure) -> Page:
    """Draw a column against the training loss, which falls to the right."""
    rows = asked_for(results.trajectories, figure.column)
    return panels.draw_page(
        rows, results.study, [figure.column], draw_falling_loss, figure.column, note=WHERE_MEANS_END
    )


def draw_gaps(results: Results, figure: Figure) -> Page | None:
    """Draw the generalization gaps: along training, at equal loss, at the end.

    A gap is a column of panels or, where there are many, a row.
    """

    def draw_panel(
        axes: Axes, rows: pd.DataFrame, study: Study, panel: tuple[Callable[..., None], Column]
    ) -> None:
        draw, gap = panel
        axes.axhline(0, **panels.ZERO)
        draw(axes, rows, study, gap)
        place = axes.get_subplotspec()
        axes.set_ylabel("gap" if place and place.is_first_col() else "")
        if draw is panels.draw_curves:
            axes.set_title(textwrap.fill(gap.axis, 20))

    gaps, draws = gaps_of(results), (panels.draw_curves, draw_falling_loss, draw_ends)
    if not gaps:
        return None
    by_draw = [[(draw, gap) for gap in gaps] for draw in draws]
    rows = by_draw if len(gaps) <= MOST_IN_ROW else list(zip(*by_draw, strict=True))
    return panels.draw_page(
        results.trajectories,
        results.study,
        list(chain.from_iterable(rows)),
        draw_panel,
        along_training=True,
        in_row=len(rows[0]),
        note=WHERE_MEANS_END,
    )


def draw_gap_against(results: Results, figure: Figure) -> Page | None:
    """Draw the generalization gaps against a column, with a large point at every final state."""
    x = figure.column

    def draw_points(axes: Axes, rows: pd.DataFrame, study: Study, gap: Column) -> None:
        axes.axhline(0, **panels.ZERO)
        large = {"markersize": 7, **panels.BLACK_EDGE}
        shown = panels.shown(panels.shown(rows, x), gap)
        for of_condition, look in panels.rows_and_looks(shown, study):
            final = panels.successful(of_condition).groupby("seed").tail(1)
            for points, size in [(of_condition, panels.POINT), (final, large)]:
                axes.plot(points[x.name], points[gap.name], look.marker, color=look.colour, **size)
            panels.draw_crosses(axes, panels.unconverged(of_condition, x), look, x.name, gap.name)
        panels.scale_axis(axes, "x", x)
        axes.set_ylabel(panels.axis_label(gap))

    rows, gaps = asked_for(results.trajectories, x), gaps_of(results)
    if not gaps:
        return None
    return panels.draw_page(rows, results.study, gaps, draw_points, x, points=True)


def gaps_of(results: Results) -> list[Column]:
    """Return the columns of the gaps that a table has, by split, the last measure's first."""
    gaps = gap_columns(results.study)
    keys = sorted(reversed(gaps), key=lambda key: results.study.splits.index(key[1]))
    return [gaps[key] for key in keys if gaps[key].name in results.trajectories]


def draw_falling_loss(axes: Axes, rows: pd.DataFrame, study: Study, column: Column) -> None:
    """Draw runs and means of a column against the training loss, with axes and 2 / learning rate.

    Means are at losses that all runs of a condition pass through.
    """
    loss = measure_column(study.measures[0], "train")
    runs, means = panels.shown(panels.shown(rows, loss), column), values_at_losses(rows, column)
    panels.draw_runs_and_means(axes, runs, means, study, loss, column)
    axes.invert_xaxis()
    axes.set_xlabel(f"{axes.get_xlabel()}, falling \N{RIGHTWARDS ARROW}")


def values_at_losses(trajectories: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Return a column of every run at losses that all runs of its condition pass through."""
    rows = []
    for condition, of_condition in panels.successful(trajectories).groupby("condition", sort=False):
        runs = dict(iter(of_condition.groupby("seed")))
        levels = common_levels(list(runs.values()))
        for seed, run in runs.items():
            for level in levels:
                value = number_of(run, column, COMMON_LOSS, level).value
                rows.append((condition, seed, level, from_scale(value, column)))
    return pd.DataFrame(rows, columns=["condition", "seed", "train_loss", column.name])


def draw_ends(axes: Axes, rows: pd.DataFrame, study: Study, column: Column) -> None:
    """Draw the final states of a column: one point per run, beside them mean and interval."""
    conditions = list(panels.rows_and_looks(panels.successful(rows), study))
    for place, (of_condition, look) in enumerate(conditions):
        values = of_condition.groupby("seed")[column.name].last().to_numpy()
        mean, low, high = mean_and_interval(values, column.scale == "log", column.is_share)
        across = np.full(len(values), place)
        axes.plot(across, values, look.marker, color=look.colour, **panels.POINT)
        if np.isfinite(low):
            axes.plot([place + 0.3] * 2, [low, high], color=look.colour, linewidth=1.6)
        axes.plot(place + 0.3, mean, look.marker, color=look.colour, markersize=5)
    names = [of_condition["condition"].iloc[0] for of_condition, _ in conditions]
    labels = [panels.drawn_label(study, name) for name in names]
    if max(map(len, labels), default=0) <= LONGEST_UPRIGHT:
        axes.set_xticks(np.arange(len(labels)) + 0.15, labels, rotation=90)
    else:
        axes.set_xticks([])
    axes.set_xlabel("final states")
    axes.margins(x=0.15)
    panels.scale_axis(axes, "y", column)
