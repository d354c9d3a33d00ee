"""What figures share: looks of conditions, panels and axes, runs and means, legends and notes."""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from string import ascii_lowercase
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lib.estimates import LEAST_SEEDS, mean_and_interval
from lib.figures.style import (
    COLUMN,
    COLUMN_AND_LEGEND,
    PAGE,
    linear_width,
    literal,
    make_logarithmic,
    make_logarithmic_both_ways,
)
from lsnn.learning_rules import LEARNING_RULES
from lsnn.study.columns import ITERATION, Column
from lsnn.study.config import Study
from lsnn.study.outputs import chance_of
from lsnn.training import checkpoint_iterations

LINES = ["-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P"]

MOST_IN_COLUMN = 18  # entries of a legend
MOST_WITH_WHOLE_LABEL = 8  # conditions in a legend
LONGEST_LABEL = 28  # characters in a line of an axis label
THRESHOLD: dict[str, Any] = {"color": "0.2", "linestyle": "-", "linewidth": 0.7}
CHANCE: dict[str, Any] = {"color": "0.4", "linestyle": (0, (1, 2)), "linewidth": 1, "zorder": 1}
ZERO: dict[str, Any] = {"color": "0.4", "linewidth": 0.8}
BAND: dict[str, Any] = {"alpha": 0.25, "linewidth": 0}
LETTER: dict[str, Any] = {"loc": "left", "weight": "bold", "x": -0.1, "ha": "right"}
BLACK_EDGE: dict[str, Any] = {"mec": "black", "mew": 0.8}
POINT: dict[str, Any] = {"markersize": 2.5, "alpha": 0.5, "mew": 0}
CROSS: dict[str, Any] = {"marker": "x", "markersize": 4, "linestyle": "none", "color": "0.2"}
RING: dict[str, Any] = {"marker": "o", "markersize": 6, "mfc": "none", "linestyle": "none"}


class Look(NamedTuple):
    """How a condition is drawn: its colour tells the rule, the rest its setting."""

    colour: Any
    line: Any
    marker: str

    def handle(self, label: str, **changes: Any) -> Line2D:
        """Return what stands for it in a legend."""
        look = {"color": self.colour, "linestyle": self.line, "marker": self.marker}
        return Line2D([], [], label=label, **{**look, **changes})


def look_of_number(colour: Any, number: int) -> Look:
    """Return the look with the dash and the marker of a number."""
    return Look(colour, LINES[number % len(LINES)], MARKERS[number % len(MARKERS)])


def hue_of_rule(rule: str) -> Any:
    """Return the colour of a learning rule, the same in every study."""
    known = list(LEARNING_RULES)
    return sns.color_palette("colorblind", len(known))[known.index(rule)]


def drawn_label(study: Study, condition: str) -> str:
    """Return the label of a condition as figures show it."""
    return literal(study.conditions[condition].label)


def looks(study: Study) -> dict[str, Look]:
    """Return the look of every condition by name; those of a rule go from dark to light."""
    rules = [condition.learning_rule["name"] for condition in study.conditions.values()]
    found = {}
    for place, (name, rule) in enumerate(zip(study.conditions, rules, strict=True)):
        n_of_rule, before, colour = rules.count(rule), rules[:place].count(rule), hue_of_rule(rule)
        if n_of_rule > 1:
            dark, light = 0.55 * np.array(colour), 0.45 + 0.55 * np.array(colour)
            colour = sns.blend_palette([tuple(dark), colour, tuple(light)], n_of_rule)[before]
        found[name] = look_of_number(colour, list(LEARNING_RULES).index(rule) + before)
    return found


def rows_and_looks(rows: pd.DataFrame, study: Study) -> Iterator[tuple[pd.DataFrame, Look]]:
    """Yield the rows of every condition that has any, and its :class:`Look`."""
    for name, look in looks(study).items():
        of_condition = rows[rows["condition"] == name]
        if len(of_condition):
            yield of_condition, look


# Pages.


def draw_page(
    rows: pd.DataFrame,
    study: Study,
    panels: Sequence[Any],
    draw: Callable[..., None],
    column: Column | None = None,
    along_training: bool = False,
    points: bool = False,
    in_row: int = 0,
    note: str = "",
) -> Figure:
    """Return a figure with its panels, the legend above them and the notes below.

    Args:
        rows: the trajectories that are shown.
        panels: what each panel shows, a column as a rule.
        draw: a function of axes, rows, study and what a panel shows.
        column: the one that the figure is about, if it is one, whose missing values are counted.
        along_training: whether means are over the iterations of training.
        points: whether there are points alone, and no lines.
        in_row: as for :func:`page_of_panels`.
        note: a further one, on what is drawn.
    """
    figure, all_axes = page_of_panels(len(panels), in_row)
    for axes, panel in zip(all_axes, panels, strict=True):
        draw(axes, rows, study, panel)
    add_legend(figure, legend_handles(rows, study, column, points, along_training))
    missing = left_out(rows, column) if column else ""
    stopped = stopped_early(rows) if along_training else ""
    add_notes(figure, note, missing, stopped, failed(rows, study))
    return figure


def page_of_panels(number: int, in_row: int = 0, **shared: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure with that many panels, and their axes; by default up to three in a row."""
    in_row = in_row or (2 if number == 4 else min(number, 3))
    n_rows = -(-number // in_row)
    size = (COLUMN if in_row == 1 else PAGE, 0.6 + 2.2 * n_rows)
    figure, grid = plt.subplots(
        n_rows, in_row, figsize=size, layout="constrained", squeeze=False, **shared
    )
    for axes in grid.flat[number:]:
        axes.remove()
    if number > 1:
        for letter, axes in zip(ascii_lowercase, figure.axes, strict=False):
            axes.set_title(letter, **LETTER)
    return figure, figure.axes


def panels_by_condition(names: Sequence[str], study: Study) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel per condition, all on one scale, and the axes by name."""
    figure, all_axes = page_of_panels(len(names), sharex=True, sharey=True)
    by_name = dict(zip(names, all_axes, strict=True))
    for name, axes in by_name.items():
        axes.set_title(textwrap.fill(drawn_label(study, name), 30))
    return figure, by_name


def page_of_words(words: str) -> Figure:
    """Return a figure that only says why there is nothing in it."""
    figure = plt.figure(figsize=(4, 1))
    figure.text(0.5, 0.5, words, ha="center")
    return figure


# Axes.


def axis_label(column: Column) -> str:
    """Return the label of a column with its unit, its symbols as matplotlib sets them."""
    lines = textwrap.fill(column.axis, LONGEST_LABEL)
    return re.sub(r"λ_(max|min)", r"$\\lambda_{\\\1}$", lines)


def scale_axis(axes: Axes, which: str, column: Column) -> None:
    """Give an axis, "x" or "y", the label, the scale and the limits of a column."""
    axis: Any = {"x": axes.xaxis, "y": axes.yaxis}[which]
    axis.set_label_text(axis_label(column))
    drawn = drawn_on(axes, which)
    if column is ITERATION:
        make_logarithmic_both_ways(axis, min(drawn[drawn > 0], default=1))
    elif column.scale == "symlog":
        make_logarithmic_both_ways(axis, linear_width(drawn))
    elif column.scale == "log":
        make_logarithmic(axis)


def drawn_on(axes: Axes, which: str) -> np.ndarray:
    """Return the coordinates, "x" or "y", of all lines drawn so far that are of data."""
    lines = [line for line in axes.lines if line.get_transform() == axes.transData]
    return np.concatenate([line.get_data()["xy".index(which)] for line in lines] or [[]])


def thresholds(study: Study) -> dict[str, float]:
    """Return 2 / learning rate by condition; not where the learning rate is not a single one."""
    values = {name: study.setup(name).threshold() for name in study.conditions}
    return {name: value for name, value in values.items() if value}


def common_threshold(study: Study) -> float | None:
    """Return 2 / learning rate if it is the same for all conditions."""
    values = {study.setup(name).threshold() for name in study.conditions}
    return values.pop() if len(values) == 1 else None


def changing_thresholds(study: Study) -> dict[str, tuple[list[int], list[float]]]:
    """Return iterations, and 2 / learning rate at them, where the rate changes."""
    found = {}
    for name, given in study.conditions.items():
        at = checkpoint_iterations(given.iterations, given.checkpoint_every)
        values = [value for i in at if (value := study.setup(name).threshold(i)) is not None]
        if len(set(values)) > 1:
            found[name] = list(at), values
    return found


def draw_threshold(axes: Axes, study: Study, along_training: bool = False) -> None:
    """Draw the lines above which plain gradient descent on a quadratic diverges.

    Those that change along training are drawn where ``along_training``.
    """
    common = common_threshold(study)
    if common:
        axes.axhline(common, zorder=1, **THRESHOLD)
        return
    for name, value in thresholds(study).items():
        axes.axhline(value, zorder=1, **{**THRESHOLD, "color": looks(study)[name].colour})
    for name, curve in changing_thresholds(study).items() if along_training else ():
        axes.plot(*curve, zorder=1, **{**THRESHOLD, "color": looks(study)[name].colour})


def draw_chance(axes: Axes, study: Study, column: Column) -> None:
    """Draw the accuracy of a guess, if the column is an accuracy and the task gives it."""
    chance = chance_of(study, column)
    if chance is not None:
        axes.axhline(chance, **CHANCE)
        look: dict[str, Any] = {"color": CHANCE["color"], "fontsize": 6}
        across = axes.get_yaxis_transform()
        axes.text(1, chance, "chance", transform=across, ha="right", va="bottom", **look)


# Rows.


def successful(trajectories: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the runs that did not fail."""
    return trajectories[~trajectories["failed"]]


def shown(rows: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Return the rows that the axis of a column can show.

    A run that failed ends where it leaves the range of the others, which it would hide.
    """
    values = rows[column.name]
    rows = rows[values > 0 if column.scale == "log" else values.notna()]
    others = successful(rows)[column.name]
    return rows.assign(**{column.name: rows[column.name].clip(others.min(), others.max())})


def extended_to_the_end(trajectories: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the last one of every stopped run repeated at later iterations.

    Those are the iterations at which another run of its condition has a checkpoint.
    """
    iterations = trajectories.groupby("condition")["iteration"].unique().map(np.sort)
    runs = [
        run.set_index("iteration").reindex(iterations[condition], method="ffill").reset_index()
        for (condition, _), run in trajectories.groupby(["condition", "seed"], sort=False)
    ]
    return pd.concat(runs, ignore_index=True)[list(trajectories)] if runs else trajectories


def unconverged(rows: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Return the rows with an eigenvalue of a column that did not converge; none for others."""
    converged = f"{column.name}_converged"
    return rows[~rows[converged]].dropna(subset=[column.name]) if converged in rows else rows[:0]


# Runs and means.


def draw_curves(axes: Axes, rows: pd.DataFrame, study: Study, column: Column) -> None:
    """Draw runs and means of a column along training, with its axes and 2 / learning rate."""
    if column.scale == "symlog":
        axes.axhline(0, **ZERO)
    means = shown(extended_to_the_end(successful(rows)), column)
    draw_runs_and_means(axes, shown(rows, column), means, study, ITERATION, column)
    draw_chance(axes, study, column)


def draw_runs_and_means(
    axes: Axes, rows: pd.DataFrame, means: pd.DataFrame, study: Study, x: Column, column: Column
) -> None:
    """Draw runs and means of a column against another, with axes and 2 / learning rate.

    Args:
        axes: on which they are drawn.
        rows: those of the runs: a thin line each, with a ring where it failed, and crosses at
            eigenvalues that did not converge.
        means: rows whose mean over seeds is drawn at every ``x``.
        study: of which they are.
        x: the other column.
        column: what is drawn.
    """
    n_runs = len(rows[["condition", "seed"]].drop_duplicates())
    for of_condition, look in rows_and_looks(rows, study):
        draw_lines(axes, of_condition, look, x.name, column, alpha=min(0.4, 20 / max(n_runs, 1)))
        ends = of_condition[of_condition["failed"]].groupby("seed").tail(1)
        axes.plot(ends[x.name], ends[column.name], color=look.colour, **RING)
    for of_condition, look in rows_and_looks(means.dropna(subset=[column.name]), study):
        draw_mean(axes, of_condition, look, x.name, column)
    scale_axis(axes, "x", x)
    scale_axis(axes, "y", column)
    if column.threshold:
        draw_threshold(axes, study, along_training=x is ITERATION)


def draw_lines(
    axes: Axes, rows: pd.DataFrame, look: Look, x: str, column: Column, alpha: float
) -> None:
    """Draw a thin line per run of a condition, and crosses at unconverged eigenvalues."""
    for _, run in rows.groupby("seed", sort=False):
        line = {"color": look.colour, "linestyle": look.line, "linewidth": 0.5, "alpha": alpha}
        axes.plot(run[x], run[column.name], **line)
    draw_crosses(axes, unconverged(rows, column), look, x, column.name)


def draw_mean(axes: Axes, rows: pd.DataFrame, look: Look, x: str, column: Column) -> None:
    """Draw the mean of a column over rows at every ``x``, and its interval where there is one."""
    at_x = rows.groupby(x)[column.name]
    estimates = {place: on_its_scale(values, column) for place, values in at_x}
    places, (mean, low, high) = list(estimates), np.transpose(list(estimates.values()))
    axes.fill_between(places, low, high, color=look.colour, **BAND)
    (line,) = axes.plot(places, mean, look.marker, color=look.colour, markersize=4, linewidth=1.6)
    line.set(linestyle=look.line, markevery=0.12 if len(places) > 10 else 1)


def on_its_scale(values: pd.Series, column: Column) -> Any:
    """Return the mean of a column and its interval, as they are on the scale of its axis."""
    sign = np.sign(values.iloc[0]) if column.scale == "symlog" else 0
    if sign and (np.sign(values) == sign).all():
        mean, *interval = mean_and_interval(sign * values, is_positive=True)
        return sign * mean, *sorted(sign * np.array(interval))
    return mean_and_interval(values, column.scale == "log", column.is_share)


def draw_crosses(axes: Axes, rows: pd.DataFrame, look: Look, x: str, y: str) -> None:
    """Draw a cross at every row."""
    axes.plot(rows[x], rows[y], "x", color=look.colour, markersize=4, markeredgewidth=0.8)


# Legends.


def legend_handles(
    rows: pd.DataFrame,
    study: Study,
    column: Column | None,
    points: bool,
    along_training: bool,
) -> list[Any]:
    """Return what stands in the legend of a figure for the conditions and all else it shows.

    The arguments are those of :func:`draw_page`.
    """
    line: dict[str, Any] = {"linestyle": "none"} if points else {"linewidth": 1.6}
    has_failed = rows.groupby(["condition", "seed"])["failed"].any()
    n_seeds = (~has_failed).groupby("condition").sum()
    handles: list[Any] = handles_of_conditions(study, n_seeds, markersize=4, **line)
    if points:
        large: dict[str, Any] = {"marker": "o", "markersize": 7, "color": "0.7", **BLACK_EDGE}
        handles.append(Line2D([], [], linestyle="none", label="final state", **large))
        handles.append(point_handle("earlier state"))
    else:
        if has_failed.groupby("condition").size().max() > 1:
            handles.append(Line2D([], [], color="0.4", linewidth=0.5, label="one run"))
        handles += band_handles(n_seeds)
        if has_failed.any():
            handles.append(failed_handle())
        changing = changing_thresholds(study) if along_training else {}
        if column and column.threshold and (thresholds(study) or changing):
            common = common_threshold(study)
            handles.append(threshold_handle(f" = {common:.4g}" if common else " of each colour"))
    return handles + cross_handles(rows, [column] if column else [])


def handles_of_conditions(study: Study, n_seeds: pd.Series, **changes: Any) -> list[Line2D]:
    """Return what stands for conditions in a legend.

    Of many, those of a rule stand below the words that all their labels begin with.

    Args:
        study: of the conditions.
        n_seeds: how many runs are shown of each, by its name.
        changes: of how they are drawn.
    """
    by_rule: dict[str, list[str]] = {}
    for name, condition in study.conditions.items():
        if name in n_seeds:
            rule = condition.learning_rule["name"] if len(n_seeds) > MOST_WITH_WHOLE_LABEL else name
            by_rule.setdefault(rule, []).append(name)
    handles = []
    for names in by_rule.values():
        labels = [drawn_label(study, name).split(" ") for name in names]
        n_shared = common_length(labels) if len(names) > 1 else 0
        if n_shared:
            handles.append(Line2D([], [], linestyle="none", label=" ".join(labels[0][:n_shared])))
        for name, words in zip(names, labels, strict=True):
            label = " ".join(words[n_shared:]) + counted(n_seeds[name])
            handles.append(looks(study)[name].handle(label, **changes))
    return handles


def common_length(lists: Sequence[Sequence[str]]) -> int:
    """Return how many words lists have in common at their beginning, at most all but the last."""
    places = zip(*(words[:-1] for words in lists), strict=False)
    return sum(1 for _ in takewhile(lambda words: len(set(words)) == 1, places))


def counted(number: Any) -> str:
    """Return what follows a label where it is of so many runs; it is not broken into lines."""
    return " " + f"(n = {number})".replace(" ", "\N{NO-BREAK SPACE}")


def point_handle(label: str) -> Line2D:
    """Return what stands for small points in a legend."""
    return Line2D([], [], linestyle="none", marker="o", label=label, color="0.4", **POINT)


def band_handles(n_seeds: pd.Series) -> list[Patch]:
    """Return what stands for intervals in a legend, if one of so many runs has one."""
    band = Patch(color="0.4", label="95 % interval of mean", **BAND)
    return [band] if n_seeds.max() >= LEAST_SEEDS else []


def failed_handle() -> Line2D:
    """Return what stands for a run that failed in a legend."""
    return Line2D([], [], color="0.4", label="failed", **RING)


def threshold_handle(which: str = "") -> Line2D:
    """Return what stands for 2 / learning rate in a legend."""
    return Line2D([], [], label=f"2 / learning rate{which}", **THRESHOLD)


def cross_handles(rows: pd.DataFrame, columns: Sequence[Column]) -> list[Line2D]:
    """Return what stands for crosses in a legend, if an eigenvalue did not converge."""
    is_any = any(len(unconverged(rows, column)) for column in columns)
    return [Line2D([], [], label="not converged", **CROSS)] if is_any else []


def add_legend(figure: Figure, handles: Sequence[Any]) -> None:
    """Add a legend beside the axes; a tall one makes the figure taller."""
    n_columns = 1 + len(handles) // MOST_IN_COLUMN
    for handle in handles:
        handle.set_label(textwrap.fill(handle.get_label(), 20))
    figure.legend(handles=handles, loc="outside right upper", ncols=n_columns)
    n_lines = sum(1 + handle.get_label().count("\n") for handle in handles)
    width = max(figure.get_figwidth(), COLUMN_AND_LEGEND)
    height = max(figure.get_figheight(), 0.4 + 0.15 * n_lines / n_columns)
    figure.set_size_inches(width, height)


# Notes.


def add_notes(figure: Figure, *notes: str) -> None:
    """Write the notes that are not empty below the axes, in lines as wide as the figure."""
    width = int(16 * figure.get_figwidth())  # characters
    lines = [line for note in notes for line in textwrap.wrap(note, width)]
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=7)


def left_out(rows: pd.DataFrame, column: Column) -> str:
    """Return in words how many values of a column could not be drawn; empty if all could."""
    values = rows[column.name]
    counts = {
        "not positive": int((values <= 0).sum()) if column.scale == "log" else 0,
        "missing": int(values.isna().sum()),
    }
    parts = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    return parts and f"{sum(counts.values())} of {len(rows)} values not shown: {parts}"


def stopped_early(rows: pd.DataFrame) -> str:
    """Return in words how many runs ended before their last iteration; empty if none did."""
    ends = successful(rows).groupby(["condition", "seed"])["fraction"].max()
    n_stopped = int((ends < 1).sum())
    words = f"{n_stopped} of {len(ends)} runs stopped early; their last value is carried forward"
    return words if n_stopped else ""


def failed(rows: pd.DataFrame, study: Study) -> str:
    """Return in words which runs failed; empty if none did."""
    runs = rows[rows["failed"]].groupby("condition", sort=False)["seed"].unique()
    parts = [
        f"{drawn_label(study, name)} seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
        for name, seeds in runs.items()
    ]
    return f"failed, left out of means: {'; '.join(parts)}" if parts else ""
