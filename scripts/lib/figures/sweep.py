"""Final states against a setting in which conditions differ."""

import numpy as np
from matplotlib.ticker import NullLocator

from lib.figures import panels
from lib.figures.along_training import first_and_last_measure
from lib.figures.style import label_logarithmic
from lib.numbers import asked_for
from lsnn.learning_rules import LEARNING_RULES
from lsnn.options import default_of
from lsnn.study.columns import measure_column
from lsnn.study.config import default_label
from lsnn.study.outputs import compared_columns, sweeps_of


def draw_sweep(results, figure):
    """Draw final states against a setting, one line per sweep over it."""
    study, setting, sweeps = results.study, figure.column, sweeps_of(results.study)
    sweeps = sweeps[setting.name]
    loss, last = first_and_last_measure(study)
    columns = [column for column in compared_columns(study) if column.figure]
    columns += [measure_column(loss, "train"), measure_column(last, "test")]
    columns = [column for column in columns if column.name in results.trajectories]
    swept = [name for sweep in sweeps for name in sweep.values()]
    rows = results.trajectories[results.trajectories["condition"].isin(swept)]
    final = panels.finished(rows).groupby(["condition", "seed"], sort=False).tail(1)
    page, all_axes = panels.page_of_panels(len(columns))
    lines = [look_of_sweep(study, sweep, number) for number, sweep in enumerate(sweeps)]
    dashed = []
    for axes, column in zip(all_axes, columns, strict=True):
        for sweep, look in zip(sweeps, lines, strict=True):
            draw_states(axes, panels.shown(final, column), sweep, look, setting.name, column)
        scale_setting(axes, setting, [value for sweep in sweeps for value in sweep])
        panels.scale_axis(axes, "y", column)
        panels.draw_chance(axes, study, column)
        if column.threshold:
            dashed += draw_threshold_of_sweep(axes, study, setting, swept)
    handles = [
        look.handle(label_of_sweep(study, sweep, setting.name) + counts(final, sweep.values()))
        for sweep, look in zip(sweeps, lines, strict=True)
    ]
    notes = [
        panels.left_out(asked_for(final, column), column)
        for column in columns
        if "compared" in column.summary
    ]
    panels.add_notes(page, *notes, panels.diverged(rows, study))
    panels.place_legend(page, [*handles, *dashed[:1], *panels.cross_handles(final, columns)])
    return page


def caption_sweep(study, figure):
    """Return the caption of final states against a setting."""
    found, _ = panels.thresholds(study)
    dashed = (
        "The dashed line is 2 / learning rate: on a quadratic loss, gradient descent at that "
        "learning rate diverges along every direction of larger curvature."
    )
    return f"""
        The final states against the {figure.column.label}, with a line for conditions that
        otherwise differ only in length. Points are runs, lines their geometric mean over seeds (for
        an accuracy, the mean), bands its 95 % t interval, for 3 or more runs. Runs that diverged
        are left out. {dashed if study.hessian and found else ""}"""


def draw_states(axes, rows, sweep, look, setting, column):
    """Draw runs and means of the conditions of a sweep, which has their names by their value."""
    values = {name: value for value, name in sweep.items()}
    rows = rows.assign(**{setting: rows["condition"].map(values)}).dropna(subset=[setting])
    if rows.empty:
        return
    small = {"markersize": 2.5, "alpha": 0.5, "mew": 0}
    axes.plot(rows[setting], rows[column.name], look.marker, color=look.colour, **small)
    panels.draw_mean(axes, rows, look, setting, column)
    panels.draw_crosses(axes, panels.unconverged(rows, column), look, setting, column.name)


def draw_threshold_of_sweep(axes, study, setting, conditions):
    """Draw 2 / learning rate, a curve where that is swept; return one line, if there is any."""
    found = {study.threshold_of(name) for name in conditions} - {None}
    values = np.array(sorted(found, reverse=True))
    if setting.name == "learning_rate" and found:
        lines = axes.plot(2 / values, values, zorder=1, **panels.THRESHOLD)
    else:
        lines = [axes.axhline(value, zorder=1, **panels.THRESHOLD) for value in values]
    for line in lines:
        line.set_label("2 / learning rate")
    return lines[:1]


def scale_setting(axes, setting, values):
    """Give the horizontal axis the label of a setting, a tick per value, and a scale for them."""
    values = sorted(set(values))
    positive = [value for value in values if value > 0]
    axes.set_xlabel(setting.axis)
    if setting.scale == "log":
        axes.set_xscale("log")
        label_logarithmic(axes.xaxis)
    elif positive and positive[-1] >= 10 * positive[0]:
        axes.set_xscale("symlog", linthresh=positive[0], linscale=0.3)
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.xaxis.set_minor_locator(NullLocator())


def look_of_sweep(study, sweep, number) -> panels.Look:
    """Return the look of a line of a sweep: the hue of its rule."""
    rule = study.conditions[next(iter(sweep.values()))].learning_rule["name"]
    return panels.look_of_number(panels.hue_of_rule(rule), number)


def counts(final, conditions) -> str:
    """Return for a legend how many runs the points of some conditions are from."""
    n_runs = final[final["condition"].isin(conditions)]["condition"].value_counts()
    fewest, most = (n_runs.min(), n_runs.max()) if len(n_runs) else (0, 0)
    return f" (n = {most})" if fewest == most else f" (n = {fewest} to {most})"


def label_of_sweep(study, sweep, setting) -> str:
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
