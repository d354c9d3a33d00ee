"""Final states against a setting in which conditions differ."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page
from matplotlib.ticker import NullLocator

from lib.figures import panels
from lib.figures.results import Results
from lib.figures.style import make_logarithmic
from lib.numbers import asked_for
from lsnn.learning_rules import LEARNING_RULES
from lsnn.options import default_of
from lsnn.study.columns import Column, measure_column
from lsnn.study.config import Study, default_label
from lsnn.study.outputs import Figure, compared_columns, sweeps_of


def draw_sweep(results: Results, figure: Figure) -> Page:
    """Draw final states against a setting, one line per sweep over it."""
    study, setting, rows = results.study, figure.column, results.trajectories
    measures, sweeps = study.measures, sweeps_of(study)[setting.name]
    columns = [column for column in compared_columns(study) if column.figure]
    columns += [measure_column(measures[0], "train"), measure_column(measures[-1], "test")]
    columns = [column for column in columns if column.name in rows]
    looks = [look_of_sweep(study, sweep, number) for number, sweep in enumerate(sweeps)]
    values = {name: value for sweep in sweeps for value, name in sweep.items()}
    numbers = {name: number for number, sweep in enumerate(sweeps) for name in sweep.values()}
    rows = rows[rows["condition"].isin(values)]
    final = panels.finished(rows).groupby(["condition", "seed"], sort=False).tail(1)
    places = {setting.name: final["condition"].map(values)}
    final = final.assign(sweep=final["condition"].map(numbers), **places)
    thresholds = panels.thresholds(study)
    found = sorted({thresholds[name] for name in values if name in thresholds}, reverse=True)

    page, all_axes = panels.page_of_panels(len(columns))
    for axes, column in zip(all_axes, columns, strict=True):
        for number, of_sweep in panels.shown(final, column).groupby("sweep"):
            look, x, y = looks[number], of_sweep[setting.name], of_sweep[column.name]
            axes.plot(x, y, look.marker, color=look.colour, markersize=2.5, alpha=0.5, mew=0)
            panels.draw_mean(axes, of_sweep, look, setting.name, column)
            crossed = panels.unconverged(of_sweep, column)
            panels.draw_crosses(axes, crossed, look, setting.name, column.name)
        scale_setting(axes, setting, values.values())
        panels.scale_axis(axes, "y", column)
        panels.draw_chance(axes, study, column)
        if column.threshold and setting.name == "learning_rate" and found:
            axes.plot(2 / np.array(found), found, zorder=1, **panels.THRESHOLD)
        elif column.threshold:
            for value in found:
                axes.axhline(value, zorder=1, **panels.THRESHOLD)
    handles = [
        look.handle(label_of_sweep(study, sweep, setting.name) + counts(final, number))
        for number, (sweep, look) in enumerate(zip(sweeps, looks, strict=True))
    ]
    if found and any(column.threshold for column in columns):
        handles.append(panels.threshold_handle())
    panels.add_legend(page, handles + panels.cross_handles(final, columns))
    compared = [column for column in columns if "compared" in column.summary]
    notes = [panels.left_out(asked_for(final, column), column) for column in compared]
    panels.add_notes(page, *notes, panels.diverged(rows, study))
    return page


def scale_setting(axes: Axes, setting: Column, values: Iterable[float]) -> None:
    """Give the horizontal axis the label of a setting, a tick per value, and a scale for them."""
    values = sorted(set(values))
    positive = [value for value in values if value > 0]
    axes.set_xlabel(setting.axis)
    if setting.scale == "log":
        make_logarithmic(axes.xaxis)
    elif positive and positive[-1] >= 10 * positive[0]:
        axes.set_xscale("symlog", linthresh=positive[0], linscale=0.3)
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.xaxis.set_minor_locator(NullLocator())


def look_of_sweep(study: Study, sweep: dict[Any, str], number: int) -> panels.Look:
    """Return the look of a line of a sweep: the hue of its rule."""
    rule = study.conditions[next(iter(sweep.values()))].learning_rule["name"]
    return panels.look_of_number(panels.hue_of_rule(rule), number)


def counts(final: pd.DataFrame, sweep: int) -> str:
    """Return for a legend how many runs the points of a sweep are from."""
    n_runs = final[final["sweep"] == sweep]["condition"].value_counts()
    ends = sorted({n_runs.min(), n_runs.max()}) if len(n_runs) else [0]
    return f" (n = {' to '.join(map(str, ends))})"


def label_of_sweep(study: Study, sweep: dict[Any, str], setting: str) -> str:
    """Return what the conditions of a sweep have in common."""
    condition = study.conditions[next(iter(sweep.values()))]._asdict()
    rule, training = dict(condition["learning_rule"]), dict(condition["training"])
    if setting not in rule:
        training.pop(setting, None)
        return default_label({**condition, "training": training})
    options = LEARNING_RULES[rule["name"]].options
    others = [
        f"{key} {value}"
        for key, value in rule.items()
        if key in options and key != setting and value != default_of(options[key])
    ]
    return ", ".join([rule["name"].replace("_", " "), *others]).replace("bptt", "BPTT")
