"""The figure of a sweep over a setting."""

import textwrap
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page
from matplotlib.ticker import NullLocator

from lib.figures import panels
from lib.figures.results import Results
from lib.figures.style import literal, make_logarithmic
from lib.numbers import asked_for
from lib.summary import how_compared
from lsnn.learning_rules import LEARNING_RULES
from lsnn.options import default_of
from lsnn.study.columns import Column, measure_column
from lsnn.study.config import Study, as_mapping, default_label, words_of_settings
from lsnn.study.outputs import Figure, compared_columns, headline_columns
from lsnn.study.settings import Sweep, sweeps_of

MOST_TICKS = 3  # that are not turned
SCALES = {"linear": "linear", "log": "logarithmic", "symlog": "logarithmic above 0"}
# Where along training conditions are drawn against their baselines, in words.
COMPARED = {"final": "at the end", "common_loss": "at equal training loss"}


class Drawn(NamedTuple):
    """What is drawn of a sweep; its lines have numbers."""

    study: Study
    setting: str
    sweep: Sweep
    numbers: dict[str, int]  # of the line of each condition
    places: dict[str, float]  # of each condition on the horizontal axis
    looks: list[panels.Look]  # of the lines
    final: pd.DataFrame  # last rows of runs that did not diverge, with `line` and `x`
    lost: pd.DataFrame  # likewise, of those that did
    baseline: pd.DataFrame  # last rows of the baseline at every x, if it is on no line


def drawn_of(results: Results, setting: str) -> Drawn:
    """Return what is drawn of a sweep."""
    study, sweep = results.study, sweeps_of(results.study)[setting]
    numbers = {name: number for number, line in enumerate(sweep.lines) for name in line.values()}
    places = places_of(sweep)
    ends = results.trajectories.groupby(["condition", "seed"], sort=False).tail(1)
    swept = ends[ends["condition"].isin(numbers)]
    name = swept["condition"]
    swept = swept.assign(line=name.map(numbers), x=name.map(places))
    baseline = ends[:0]
    if study.baseline not in numbers:
        baseline = panels.successful(ends[ends["condition"] == study.baseline])
    across = [baseline.assign(x=x) for x in sorted(set(places.values()))]
    return Drawn(
        study,
        setting,
        sweep,
        numbers,
        places,
        [look_of_line(study, line, number) for number, line in enumerate(sweep.lines)],
        panels.successful(swept),
        swept[swept["failed"]],
        pd.concat(across),
    )


def draw_sweep(results: Results, figure: Figure) -> Page:
    """Draw final states against a setting, a line per rule, and conditions against baselines."""
    study, measures = results.study, results.study.measures
    drawn = drawn_of(results, figure.setting)
    columns = [column for column in compared_columns(study) if column.figure]
    columns += [measure_column(measures[0], "train"), measure_column(measures[-1], "test")]
    columns = [column for column in columns if column.name in results.trajectories]
    compared = list(compared_in(results.summary, drawn))

    page, all_axes = panels.page_of_panels(len(columns) + len(compared))
    for axes, column in zip(all_axes, columns, strict=False):
        draw_final(axes, drawn, column)
    for axes, of_baselines in zip(all_axes[len(columns) :], compared, strict=True):
        draw_compared(axes, drawn, *of_baselines)
    for axes in all_axes:
        for number, of_line in drawn.lost.groupby("line"):
            x = of_line["x"].unique()
            at_bottom: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            axes.plot(x, 0 * x, color=drawn.looks[number].colour, **panels.RING, **at_bottom)
        scale_setting(axes, drawn)
    handles: list[Any] = [
        look.handle(label_of_line(study, line, drawn.sweep) + counts(drawn.final, number))
        for number, (line, look) in enumerate(zip(drawn.sweep.lines, drawn.looks, strict=True))
    ]
    if len(drawn.baseline):
        label = panels.drawn_label(study, study.baseline)
        n_runs = panels.counted(drawn.baseline["seed"].nunique())
        handles.append(panels.looks(study)[study.baseline].handle(label + n_runs))
    n_seeds = drawn.final.groupby("condition")["seed"].nunique()
    if n_seeds.max() > 1:
        handles.append(panels.point_handle("one run"))
    handles += panels.band_handles(n_seeds)
    if len(drawn.lost):
        handles.append(panels.failed_handle())
    if thresholds_of(drawn) and any(column.threshold for column in columns):
        handles.append(panels.threshold_handle())
    panels.add_legend(page, handles + panels.cross_handles(drawn.final, columns))
    notes = [
        panels.left_out(asked_for(drawn.final, column), column)
        for column in columns
        if "compared" in column.summary
    ]
    panels.add_notes(page, *notes, panels.failed(drawn.lost, study))
    return page


def draw_final(axes: Axes, drawn: Drawn, column: Column) -> None:
    """Draw a column of the final states: points are runs, lines means with their intervals."""
    for number, of_line in panels.shown(drawn.final, column).groupby("line"):
        look, y = drawn.looks[number], of_line[column.name]
        axes.plot(of_line["x"], y, look.marker, color=look.colour, **panels.POINT)
        panels.draw_mean(axes, of_line, look, "x", column)
        panels.draw_crosses(axes, panels.unconverged(of_line, column), look, "x", column.name)
    if len(drawn.baseline):
        look = panels.looks(drawn.study)[drawn.study.baseline]
        panels.draw_mean(axes, panels.shown(drawn.baseline, column), look, "x", column)
    panels.scale_axis(axes, "y", column)
    panels.draw_chance(axes, drawn.study, column)
    thresholds = thresholds_of(drawn)
    if column.threshold and drawn.setting == "learning_rate" and thresholds:
        rates = [2 / threshold for threshold in thresholds]
        axes.plot(rates, thresholds, zorder=1, **panels.THRESHOLD)
    elif column.threshold:
        for threshold in thresholds:
            axes.axhline(threshold, zorder=1, **panels.THRESHOLD)


def thresholds_of(drawn: Drawn) -> list[float]:
    """Return 2 / learning rate of the conditions on lines, each once, falling."""
    thresholds = panels.thresholds(drawn.study)
    return sorted({thresholds[name] for name in drawn.numbers if name in thresholds}, reverse=True)


def compared_in(summary: pd.DataFrame, drawn: Drawn) -> Iterator[tuple[Column, str, pd.DataFrame]]:
    """Yield columns, places along training, and rows of the summary about conditions on lines.

    The rows compare conditions with their baselines at the same setting, or with one that is not
    swept.
    """
    conditions = drawn.study.conditions
    for column, at in product(headline_columns(drawn.study), COMPARED):
        how = how_compared(column)
        sign = "/" if how == "ratio" else "-"
        pairs = {
            f"{name} {sign} {conditions[name].baseline}": name
            for name, place in drawn.places.items()
            if drawn.places.get(conditions[name].baseline, place) == place
        }
        is_shown = summary["condition"].isin(pairs)
        rows = summary[is_shown & (summary["quantity"] == f"{column.name}_{how}_{at}")]
        name = rows["condition"].map(pairs)
        rows = rows.assign(line=name.map(drawn.numbers), x=name.map(drawn.places))
        if rows["x"].nunique() > 1:
            yield column, at, rows.sort_values("x")


def draw_compared(axes: Axes, drawn: Drawn, column: Column, at: str, rows: pd.DataFrame) -> None:
    """Draw means and intervals of conditions against their baselines, rows of the summary."""
    is_ratio = how_compared(column) == "ratio"
    axes.axhline(1 if is_ratio else 0, **panels.ZERO)
    for number, of_line in rows.groupby("line"):
        look = drawn.looks[number]
        axes.fill_between(
            of_line["x"], of_line["ci_low"], of_line["ci_high"], color=look.colour, **panels.BAND
        )
        line: dict[str, Any] = {"linestyle": look.line, "markersize": 4, "linewidth": 1.6}
        axes.plot(of_line["x"], of_line["mean"], look.marker, color=look.colour, **line)
    if is_ratio:
        make_logarithmic(axes.yaxis)
    what = f"{column.label}, {how_compared(column)} to baseline {COMPARED[at]}"
    axes.set_ylabel(panels.axis_label(column._replace(label=what, unit="1")))


def places_of(sweep: Sweep) -> dict[str, float]:
    """Return where on the horizontal axis each condition is: at its value, or at its category."""
    values = values_of(sweep)
    is_number = sweep.column.kind != "text"
    return {
        name: float(value) if is_number else float(values.index(value))
        for line in sweep.lines
        for value, name in line.items()
    }


def values_of(sweep: Sweep) -> list[Any]:
    """Return the values of a setting, each once: numbers rising, others as they come."""
    values = list(dict.fromkeys(value for line in sweep.lines for value in line))
    return values if sweep.column.kind == "text" else sorted(values)


def scale_setting(axes: Axes, drawn: Drawn) -> None:
    """Give the horizontal axis the label of a setting, its scale, and a tick per value."""
    column, values = drawn.sweep.column, values_of(drawn.sweep)
    name = drawn.setting.replace("_", " ")
    label = column.axis if name == column.label else f"{name}: {column.axis}"
    label = label if column.kind == "text" else f"{label}, {SCALES[column.scale]}"
    axes.set_xlabel(textwrap.fill(label, panels.LONGEST_LABEL))
    if len(values) > MOST_TICKS:
        axes.tick_params("x", rotation=45)
    if column.kind == "text":
        axes.set_xticks(range(len(values)), [literal(str(value)) for value in values])
        axes.margins(x=0.2)
        return
    if column.scale == "symlog":
        least = min(value for value in values if value > 0)
        axes.set_xscale("symlog", linthresh=least, linscale=0.3)
    elif column.scale == "log":
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())


def look_of_line(study: Study, line: dict[Any, str], number: int) -> panels.Look:
    """Return the look of a line: the hue of its rule."""
    rule = study.conditions[next(iter(line.values()))].learning_rule["name"]
    return panels.look_of_number(panels.hue_of_rule(rule), number)


def counts(final: pd.DataFrame, line: int) -> str:
    """Return for a legend how many runs the points of a line are from."""
    n_runs = final[final["line"] == line]["condition"].value_counts()
    ends = sorted({n_runs.min(), n_runs.max()}) if len(n_runs) else [0]
    return panels.counted(" to ".join(map(str, ends)))


def label_of_line(study: Study, line: dict[Any, str], sweep: Sweep) -> str:
    """Return what the conditions of a line have in common."""
    condition = as_mapping(study.conditions[next(iter(line.values()))])
    for key in sweep.keys:
        *parents, last = key.split(".")
        part = condition
        for parent in parents:
            part = part.get(parent, {})
        part.pop(last, None)
    rule = condition["learning_rule"]
    options = LEARNING_RULES[rule["name"]].options
    if set(options) <= set(rule):
        return default_label(condition)
    others = [
        f"{key} {value}"
        for key, value in rule.items()
        if key in options and value != default_of(options[key])
    ]
    name = rule["name"].replace("_", " ").replace("bptt", "BPTT")
    return ", ".join([name, *others, *words_of_settings(condition)])
