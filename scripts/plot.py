"""Draw the figures of a study from its trajectories.csv and spectra.npz, each as svg, pdf and png.

Thin lines are runs; thick lines and bands are the mean over seeds and its 95 % t interval, computed
as in summary.csv: on a logarithmic axis the mean is geometric, and for fewer than 3 runs there is
no band. A run that stopped early keeps its weights: in means it counts with its last value at later
fractions of training. A cross marks an eigenvalue that did not converge. A ring marks the end of a
run that diverged, which is left out of means; axes are those of the other runs.
"""

import argparse
import os
import re
import textwrap
from typing import Any, NamedTuple

# Before matplotlib.
from lib.style import COLUMN, PAGE, label_logarithmic, letter_panels, save, use_style

# isort: split
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.scale import SymmetricalLogScale
from matplotlib.ticker import NullLocator
from scipy import stats

from lib.estimates import LEAST_SEEDS, mean_and_interval
from lib.numbers import (
    asked_for,
    common_levels,
    from_scale,
    values_at_levels,
)
from lib.program import run
from lib.tables import read_trajectories, require_recorded
from lsnn.curvature.quantities import prefix_of
from lsnn.errors import ConfigError
from lsnn.learning_rules import LEARNING_RULES
from lsnn.options import default_of
from lsnn.storage import checkpoints
from lsnn.storage.files import read_record
from lsnn.study.columns import FRACTION, of_measure
from lsnn.study.config import default_label, read_study
from lsnn.study.outputs import (
    chance_of,
    compared_columns,
    figures_of,
    of_entries,
    of_gaps,
    sweeps_of,
)

LINES = ["-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P"]

LONGEST_LABEL = 28  # characters in a line of an axis label
THRESHOLD = {"color": "0.2", "linestyle": (0, (8, 4)), "linewidth": 1}
CHANCE = {"color": "0.4", "linestyle": (0, (1, 2)), "linewidth": 1, "zorder": 1}
CROSS = {"marker": "x", "markersize": 4, "linestyle": "none", "color": "0.2"}
CROSS["label"] = "not converged"
RING = {"marker": "o", "markersize": 6, "markerfacecolor": "none", "linestyle": "none"}


class Look(NamedTuple):
    """How a condition is drawn: its colour tells the rule, the rest its setting."""

    colour: Any
    line: Any
    marker: str


def looks(study):
    """Return the :class:`Look` of every condition by name.

    The conditions of a rule go from dark to light. A rule of lsnn has its hue in every study.
    """
    rules = [condition.learning_rule["name"] for condition in study.conditions.values()]
    known = list(LEARNING_RULES)
    hues = sns.color_palette("colorblind", len(known))
    found = {}
    for place, (name, rule) in enumerate(zip(study.conditions, rules, strict=True)):
        of_rule, before = rules.count(rule), rules[:place].count(rule)
        colour = hues[known.index(rule)]
        if of_rule > 1:
            shades = sns.blend_palette([dark(colour), colour, light(colour)], of_rule)
            colour = shades[before]
        number = known.index(rule) + before
        found[name] = Look(colour, LINES[number % len(LINES)], MARKERS[number % len(MARKERS)])
    return found


def dark(colour):
    """Return a colour mixed with black."""
    return tuple(0.55 * np.array(colour))


def light(colour):
    """Return a colour mixed with white."""
    return tuple(0.45 + 0.55 * np.array(colour))


def rows_and_looks(rows, study):
    """Yield the rows of every condition that has any, and its :class:`Look`."""
    for name, look in looks(study).items():
        of_condition = rows[rows["condition"] == name]
        if len(of_condition):
            yield of_condition, look


def plot_learning_curves(trajectories, study):
    """Return the figure of the training loss, and of a measure on unseen examples, over training.

    That is the last measure of the task.
    """
    loss, *_ = study.task_class.measures
    *_, last = study.task_class.measures
    train, *others = study.splits
    columns = [of_measure(loss, train), *(of_measure(last, split) for split in others)]
    figure, panels = page_of_panels(len(columns))
    for axes, column in zip(panels, columns, strict=True):
        draw_curves(axes, trajectories, study, column)
        axes.set(xlabel=FRACTION.label)
    add_legend(figure, trajectories, study)
    add_notes(figure, stopped_early(trajectories), diverged(trajectories, study))
    return figure


def plot_along_training(trajectories, study, column):
    """Return the figure of a column along training."""
    trajectories = asked_for(trajectories, column)
    figure, axes = plt.subplots(figsize=(COLUMN, 2.9), layout="constrained")
    draw_curves(axes, trajectories, study, column)
    axes.set(xlabel=FRACTION.label)
    if column.threshold:
        draw_threshold(axes, study)
    add_legend(figure, trajectories, study, column, threshold=column.threshold)
    add_notes(
        figure,
        left_out(trajectories, column),
        stopped_early(trajectories),
        diverged(trajectories, study),
    )
    return figure


def plot_against_loss(trajectories, study, column):
    """Return the figure of a column against the training loss, which falls to the right."""
    loss = of_measure(study.task_class.measures[0], "train")
    trajectories = asked_for(trajectories, column)
    figure, axes = plt.subplots(figsize=(COLUMN, 2.9), layout="constrained")
    draw_against_loss(axes, trajectories, study, column, loss)
    if column.threshold:
        draw_threshold(axes, study)
    add_legend(figure, trajectories, study, column, threshold=column.threshold)
    add_notes(figure, left_out(trajectories, column), diverged(trajectories, study))
    return figure


def plot_gaps(trajectories, study):
    """Return the figure of the generalization gaps: along training, at equal loss, at the end."""
    gaps, loss = gaps_of(trajectories, study), of_measure(study.task_class.measures[0], "train")
    size = (COLUMN if len(gaps) == 1 else PAGE, 7)
    figure, panels = plt.subplots(3, len(gaps), figsize=size, layout="constrained", squeeze=False)
    letter_panels(panels.flat)
    for (along, at_loss, at_end), gap in zip(panels.T, gaps, strict=True):
        for axes in (along, at_loss, at_end):
            axes.axhline(0, color="0.4", linewidth=0.8)
        draw_curves(along, trajectories, study, gap)
        along.set_xlabel(FRACTION.label)
        draw_against_loss(at_loss, trajectories, study, gap, loss)
        draw_ends(at_end, finished(trajectories), study, gap)
        for axes in (along, at_loss, at_end):
            axes.set_ylabel("gap" if gap.unit == "1" else f"gap ({gap.unit})")
        along.set_title(textwrap.fill(gap.label, LONGEST_LABEL))
    add_legend(figure, trajectories, study)
    add_notes(figure, stopped_early(trajectories), diverged(trajectories, study))
    return figure


def gaps_of(trajectories, study):
    """Return the columns of the gaps that a table has, by split, the last measure's first."""
    gaps = of_gaps(study)
    keys = sorted(reversed(gaps), key=lambda key: study.splits.index(key[1]))
    return [gaps[key] for key in keys if gaps[key].name in trajectories]


def plot_gap_against(trajectories, study, column):
    """Return the figure of the generalization gaps against a column."""
    gaps, trajectories = gaps_of(trajectories, study), asked_for(trajectories, column)
    figure, panels = page_of_panels(len(gaps))
    for axes, gap in zip(panels, gaps, strict=True):
        axes.axhline(0, color="0.4", linewidth=0.8)
        rows = shown(shown(trajectories, column), gap)
        draw_points(axes, rows, study, column.name, gap.name)
        scale_axis(axes, "x", column)
        axes.set_ylabel(axis_label(gap))
    add_legend(figure, trajectories, study, column, points=True)
    add_notes(figure, left_out(trajectories, column), diverged(trajectories, study))
    return figure


def plot_sweep(trajectories, study, setting):
    """Return the figure of final states against a setting, one line per sweep over it."""
    loss, *_ = study.task_class.measures
    *_, last = study.task_class.measures
    columns = [column for column in compared_columns(study) if column.figure]
    columns += [of_measure(loss, "train"), of_measure(last, "test")]
    columns = [column for column in columns if column.name in trajectories]
    sweeps = sweeps_of(study)[setting.name]
    swept = [name for sweep in sweeps for name in sweep.values()]
    trajectories = trajectories[trajectories["condition"].isin(swept)]
    figure, panels = page_of_panels(len(columns))
    of_finished = finished(trajectories)
    final = of_finished.groupby(["condition", "seed"], sort=False).tail(1)
    lines = [look_of_sweep(study, sweep, number) for number, sweep in enumerate(sweeps)]
    for axes, column in zip(panels, columns, strict=True):
        drawn = shown(final, column)
        for sweep, look in zip(sweeps, lines, strict=True):
            places = {name: value for value, name in sweep.items()}
            rows = drawn.assign(**{setting.name: drawn["condition"].map(places)})
            rows = rows.dropna(subset=[setting.name])
            if rows.empty:
                continue
            axes.plot(
                rows[setting.name], rows[column.name], look.marker,
                color=look.colour, markersize=2.5, alpha=0.5, mew=0,
            )  # fmt: skip
            draw_mean(axes, rows, look, setting.name, column)
            draw_crosses(axes, rows, look, setting.name, column.name, of=column.name)
        scale_setting(axes, setting, [value for sweep in sweeps for value in sweep])
        scale_axis(axes, "y", column)
        draw_chance(axes, study, column)
    handles = [
        Line2D(
            [],
            [],
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            label=label_of_sweep(study, sweep, setting.name) + counts(final, sweep.values()),
        )
        for sweep, look in zip(sweeps, lines, strict=True)
    ]
    for axes, column in zip(panels, columns, strict=True):
        line = draw_threshold_of_sweep(axes, study, setting, swept) if column.threshold else None
        handles += [line] if line and axes is panels[0] else []
    if any(len(unconverged(final, one.name).dropna(subset=[one.name])) for one in columns):
        handles.append(Line2D([], [], **CROSS))
    notes = [left_out(asked_for(final, one), one) for one in columns if "compared" in one.summary]
    add_notes(figure, *notes, diverged(trajectories, study))
    place_legend(figure, handles)
    return figure


def page_of_panels(number, **shared):
    """Return a figure with that many panels, up to three in a row, and their axes as a list."""
    in_row = 2 if number == 4 else min(number, 3)
    rows = -(-number // in_row)
    size = (COLUMN if in_row == 1 else PAGE, 0.6 + 2.3 * rows)
    figure, panels = plt.subplots(
        rows, in_row, figsize=size, layout="constrained", squeeze=False, **shared
    )
    for axes in panels.flat[number:]:
        axes.remove()
    panels = list(panels.flat[:number])
    letter_panels(panels)
    return figure, panels


def panels_by_condition(names, study):
    """Return a figure with a panel per condition, all on one scale, and the axes by name."""
    figure, panels = page_of_panels(len(names), sharex=True, sharey=True)
    by_name = dict(zip(names, panels, strict=True))
    for name, axes in by_name.items():
        axes.set_title(textwrap.fill(study.conditions[name].label, 30))
    return figure, by_name


def plot_stability(trajectories, study, prefix):
    """Return the figure of what decides whether a rule's update is stable, one panel per condition.

    Lines are geometric means over seeds of the columns whose names begin with ``prefix``.
    """
    columns = {column.name: column for column in of_entries(study)}
    wanted = [columns[prefix + name] for name in STABILITY]
    rows = asked_for(trajectories, wanted[0])
    conditions = list(dict.fromkeys(rows["condition"]))
    figure, panels = panels_by_condition(conditions, study)
    colours = sns.color_palette("colorblind")
    for name, axes in panels.items():
        of_condition = rows[rows["condition"] == name]
        for column, (_, colour, line, marker) in zip(wanted, STABILITY.values(), strict=True):
            look = Look(colours[colour], line, marker)
            drawn = shown(of_condition, column)
            sns.lineplot(
                drawn, x="fraction", y=column.name, units="seed", estimator=None, sort=False,
                ax=axes, color=look.colour, linestyle=look.line, linewidth=0.5, alpha=0.6,
            )  # fmt: skip
            draw_crosses(axes, drawn, look, "fraction", column.name, of=column.name)
            of_finished = shown(extended_to_the_end(finished(of_condition)), column)
            if len(of_finished):
                draw_mean(axes, of_finished, look, "fraction", column)
        if study.threshold_of(name):
            axes.axhline(study.threshold_of(name), zorder=1, **THRESHOLD)
        axes.set(yscale="log", xlabel=FRACTION.label, ylabel="eigenvalue or bound")
        label_logarithmic(axes.yaxis)
        axes.label_outer()
    handles = [
        Line2D([], [], color=colours[colour], linestyle=line, marker=marker, label=label)
        for label, colour, line, marker in STABILITY.values()
    ]
    handles.append(Line2D([], [], label="2 / learning rate", **THRESHOLD))
    if any(len(unconverged(rows, column.name)) for column in wanted):
        handles.append(Line2D([], [], **CROSS))
    bound = wanted[-1]
    note = left_out(rows, bound)
    add_notes(figure, note and f"{bound.label}: {note}", diverged(rows, study))
    place_legend(figure, handles)
    return figure


# What the figure of stability shows: label, number of the colour, line and marker.
STABILITY = {
    "hessian_max": (r"$\lambda_{\max}$ of the Hessian", 0, "-", "o"),
    "mu_abs_max": (r"$|\mu|$ of the rule's derivative", 3, (0, (5, 1)), "s"),
    "curvature_bound": (r"2 / (learning rate $\times\ \rho$)", 2, (0, (1, 1)), "^"),
}


class Density(NamedTuple):
    """The spectral density of a condition at fractions of training, a mean over seeds."""

    fractions: Any  # array (checkpoints)
    values: Any  # (checkpoints, places), per unit of place
    n_runs: int


def densities_of(spectra, trajectories, study, entry):
    """Return places on the axis of eigenvalues, and the :class:`Density` of every condition there.

    A place is where :data:`SYMLOG` puts an eigenvalue. Every node counts, by its weight, as a
    normal density of :data:`WIDTH` around its place. None where there are no spectra.
    """
    kind, name = entry
    found, low, high = {}, np.inf, -np.inf
    for condition in study.conditions:
        rows = finished(trajectories[trajectories["condition"] == condition])
        for seed, of_seed in rows.groupby("seed"):
            place = f"{kind}/{name}/{condition}/{seed}"
            if f"{place}/density_nodes" not in spectra:
                continue
            fractions = dict(zip(of_seed["iteration"], of_seed["fraction"], strict=True))
            nodes, weights = (spectra[f"{place}/density_{part}"] for part in ("nodes", "weights"))
            for number, iteration in enumerate(spectra[f"{place}/iteration"]):
                there = weights[number] > 0
                places = on_symlog(nodes[number][there])
                at = found.setdefault(condition, {}).setdefault(fractions[iteration], [])
                at.append((places, weights[number][there] / len(nodes[number])))
                low, high = min(low, *places), max(high, *places)
    if not found:
        return None
    axis = np.arange(low - 4 * WIDTH, high + 4 * WIDTH, WIDTH / 3)
    densities = {}
    for condition, by_fraction in found.items():
        fractions = sorted(by_fraction)
        values = [
            np.mean([smooth(axis, *one) for one in by_fraction[f]], axis=0) for f in fractions
        ]
        n_runs = max(map(len, by_fraction.values()))
        densities[condition] = Density(np.array(fractions), np.array(values), n_runs)
    return axis, densities


WIDTH = 0.12  # standard deviation, in decades where the axis is logarithmic
LINEAR = 0.1  # eigenvalues of smaller size are on the linear part of the axis


def on_symlog(values):
    """Return the places of eigenvalues on a symmetric-logarithmic axis, in decades."""
    return np.arcsinh(np.asarray(values) / (2 * LINEAR)) / np.log(10)


def smooth(axis, places, weights):
    """Return the density of weighted places along an axis, each a normal density of :data:`WIDTH`.

    >>> axis = np.linspace(-1, 1, 2001)
    >>> float(np.round(smooth(axis, np.array([0.2]), np.array([0.5])).sum() * 0.001, 6))
    0.5
    """
    return stats.norm.pdf(axis[:, None], places, WIDTH).dot(weights)


def label_eigenvalues(axis, places):
    """Label an axis of places with their eigenvalues, powers of ten."""
    low, high = places[0], places[-1]
    sizes = [0] + [sign * 10.0**k for k in range(0, 9, 1) for sign in (1, -1)]
    there = sorted(size for size in sizes if low <= on_symlog(size) <= high)
    if len(there) > 9:
        there = [size for size in there if size == 0 or round(np.log10(abs(size))) % 2 == 0]
    labels = [
        "0" if s == 0 else f"${'-' if s < 0 else ''}10^{{{np.log10(abs(s)):.0f}}}$" for s in there
    ]
    axis.set_ticks([float(on_symlog(size)) for size in there], labels)


def plot_density(found, study):
    """Return the figure of the spectral density along training, one panel per condition."""
    places, densities = found
    figure, panels = panels_by_condition(densities, study)
    most = max(density.values.max() for density in densities.values())
    norm = LogNorm(vmin=1e-5 * most, vmax=most, clip=True)
    for name, density in densities.items():
        axes = panels[name]
        edges = np.concatenate([[0], (density.fractions[1:] + density.fractions[:-1]) / 2, [1]])
        step = places[1] - places[0]
        across = np.append(places - step / 2, places[-1] + step / 2)
        values = np.maximum(density.values.T, 1e-9 * most)
        mesh = axes.pcolormesh(edges, across, values, norm=norm, cmap="mako_r", rasterized=True)
        threshold = study.threshold_of(name)
        if threshold and on_symlog(threshold) < places[-1]:
            axes.axhline(float(on_symlog(threshold)), **THRESHOLD)
        axes.set(xlabel=FRACTION.label, ylabel="eigenvalue")
        label_eigenvalues(axes.yaxis, places)
        axes.label_outer()
    figure.colorbar(mesh, ax=list(panels.values()), label="density per decade")
    if any(study.threshold_of(name) for name in densities):
        place_legend(figure, [Line2D([], [], label="2 / learning rate", **THRESHOLD)])
    return figure


def plot_density_lines(found, study):
    """Return the figure of the spectral density at a few fractions of training."""
    places, densities = found
    figure, panels = page_of_panels(len(PORTIONS), sharex=True, sharey=True)
    appearance, handles = looks(study), []
    for axes, portion in zip(panels, PORTIONS, strict=True):
        for name, density in densities.items():
            look = appearance[name]
            at = np.argmin(np.abs(density.fractions - portion))
            axes.plot(places, density.values[at], color=look.colour, linestyle=look.line)
            axes.set_title(f"{FRACTION.label} {density.fractions[at]:.2g}")
        axes.set(yscale="log", xlabel="eigenvalue", ylabel="density per decade")
        label_logarithmic(axes.yaxis)
        label_eigenvalues(axes.xaxis, places)
        axes.label_outer()
    most = max(density.values.max() for density in densities.values())
    panels[0].set_ylim(1e-5 * most, 2 * most)
    for name, density in densities.items():
        look = appearance[name]
        label = f"{study.conditions[name].label} (n = {density.n_runs})"
        handles.append(Line2D([], [], color=look.colour, linestyle=look.line, label=label))
    place_legend(figure, handles)
    return figure


PORTIONS = (0.0, 0.33, 1.0)  # of training, at which densities are drawn as lines


def draw_threshold_of_sweep(axes, study, setting, conditions):
    """Draw 2 / learning rate, a curve where that is swept; return the line, or None."""
    found = {study.threshold_of(name) for name in conditions} - {None}
    values = np.array(sorted(found, reverse=True))
    if not len(values):
        return None
    if setting.name == "learning_rate":
        (line,) = axes.plot(2 / values, values, zorder=1, **THRESHOLD)
    else:
        line, *_ = (axes.axhline(value, zorder=1, **THRESHOLD) for value in values)
    line.set_label("2 / learning rate")
    return line


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


def look_of_sweep(study, sweep, number):
    """Return the :class:`Look` of a line of a sweep: the hue of its rule."""
    rule = study.conditions[next(iter(sweep.values()))].learning_rule["name"]
    place = list(LEARNING_RULES).index(rule)
    colour = sns.color_palette("colorblind", len(LEARNING_RULES))[place]
    return Look(colour, LINES[number % len(LINES)], MARKERS[number % len(MARKERS)])


def counts(final, conditions):
    """Return for a legend how many runs the points of some conditions are from."""
    n_runs = final[final["condition"].isin(conditions)]["condition"].value_counts()
    fewest, most = (n_runs.min(), n_runs.max()) if len(n_runs) else (0, 0)
    return f" (n = {most})" if fewest == most else f" (n = {fewest} to {most})"


def label_of_sweep(study, sweep, setting):
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


def shown(rows, column):
    """Return the rows that the axis of a column can show.

    A run that diverged ends where it leaves the range of the others, which it would hide.
    """
    values = rows[column.name]
    rows = rows[values > 0 if column.scale == "log" else values.notna()]
    others = finished(rows)[column.name]
    return rows.assign(**{column.name: rows[column.name].clip(others.min(), others.max())})


def axis_label(column):
    """Return the label of a column with its unit, its symbols as matplotlib sets them."""
    lines = textwrap.fill(column.axis, LONGEST_LABEL)
    return re.sub(r"λ_(max|min)", r"$\\lambda_{\\\1}$", lines)


def scale_axis(axes, which, column):
    """Give an axis, "x" or "y", the label, the scale and the limits of a column."""
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    axis.set_label_text(axis_label(column))
    if column.scale == "symlog":
        axes.set(**{f"{which}scale": SymmetricalLogScale(axis, linthresh=1)})
    elif column.scale == "log":
        axes.set(**{f"{which}scale": "log"})
        label_logarithmic(axis)
    if column.limits[1] is not None:
        axes.set(**{f"{which}lim": column.limits})


def finished(trajectories):
    """Return the rows of the runs that did not diverge."""
    return trajectories[~trajectories["diverged"]]


def extended_to_the_end(trajectories):
    """Return the rows with the last one of every stopped run repeated at later fractions.

    Those are the fractions at which another run of its condition has a checkpoint.
    """
    pieces = []
    for _, of_condition in trajectories.groupby("condition", sort=False):
        fractions = of_condition["fraction"].unique()
        for _, one in of_condition.groupby("seed", sort=False):
            later = np.sort(fractions[fractions > one["fraction"].max()])
            pieces += [one, *(one.tail(1).assign(fraction=fraction) for fraction in later)]
    return pd.concat(pieces) if pieces else trajectories


def values_at_losses(trajectories, column):
    """Return a column of every run at losses that all runs of its condition pass through."""
    rows = []
    for condition, of_condition in finished(trajectories).groupby("condition", sort=False):
        runs = dict(iter(of_condition.groupby("seed")))
        levels = common_levels(list(runs.values()))
        for seed, one in runs.items():
            values, _ = values_at_levels(one, column, levels)
            pairs = zip(np.exp(levels), from_scale(values, column), strict=True)
            rows += [(condition, seed, *pair) for pair in pairs]
    return pd.DataFrame(rows, columns=["condition", "seed", "train_loss", column.name])


def draw_curves(axes, trajectories, study, column):
    """Draw runs and means of a column along training, with its axis."""
    if column.scale == "symlog":
        axes.axhline(0, color="0.4", linewidth=0.8)
    draw_runs(axes, shown(trajectories, column), study, "fraction", column.name)
    rows = shown(extended_to_the_end(finished(trajectories)), column)
    draw_means(axes, rows, study, "fraction", column)
    draw_chance(axes, study, column)
    scale_axis(axes, "y", column)


def draw_against_loss(axes, trajectories, study, column, loss):
    """Draw runs and means of a column against the training loss, with its axes."""
    draw_runs(axes, shown(shown(trajectories, loss), column), study, loss.name, column.name)
    draw_means(axes, values_at_losses(trajectories, column), study, loss.name, column)
    scale_axis(axes, "x", loss)
    scale_axis(axes, "y", column)
    axes.invert_xaxis()


def draw_ends(axes, rows, study, column):
    """Draw the final states of a column: one point per run, beside them mean and interval."""
    for place, (of_condition, look) in enumerate(rows_and_looks(rows, study)):
        values = of_condition.groupby("seed")[column.name].last().to_numpy()
        mean, low, high = mean_and_interval(values, column.scale == "log")
        small = {"markersize": 3, "alpha": 0.5, "mew": 0}
        axes.plot(np.full(len(values), place), values, look.marker, color=look.colour, **small)
        if np.isfinite(low):
            axes.plot([place + 0.3] * 2, [low, high], color=look.colour, linewidth=1.6)
        axes.plot(place + 0.3, mean, look.marker, color=look.colour, markersize=5)
    axes.set(xlabel="final states", xticks=[])
    axes.margins(x=0.15)
    scale_axis(axes, "y", column)


def draw_runs(axes, rows, study, x, y):
    """Draw a thin line per run, crosses at unconverged eigenvalues, rings where runs diverged."""
    for of_condition, look in rows_and_looks(rows, study):
        sns.lineplot(
            of_condition, x=x, y=y, units="seed", estimator=None, sort=False, ax=axes,
            color=look.colour, linestyle=look.line, linewidth=0.5, alpha=0.4,
        )  # fmt: skip
        draw_crosses(axes, of_condition, look, x, y, of=y)
        ends = of_condition[of_condition["diverged"]].groupby("seed").tail(1)
        axes.plot(ends[x], ends[y], color=look.colour, **RING)


def draw_means(axes, rows, study, x, column):
    """Draw the mean of a column over seeds of each condition, and its interval, at every ``x``."""
    for of_condition, look in rows_and_looks(rows.dropna(subset=[column.name]), study):
        draw_mean(axes, of_condition, look, x, column)


def draw_mean(axes, rows, look, x, column):
    """Draw the mean of a column over rows at every ``x``, and its interval where there is one."""
    at_x = rows.groupby(x)[column.name]
    places = np.array(list(at_x.groups))
    is_positive = column.scale == "log"
    means = [mean_and_interval(values.to_numpy(), is_positive) for _, values in at_x]
    mean, low, high = np.array(means).T
    axes.fill_between(places, low, high, color=look.colour, alpha=0.25, linewidth=0)
    axes.plot(
        places, mean, color=look.colour, linestyle=look.line, linewidth=1.6,
        marker=look.marker, markersize=4, markevery=0.12 if len(places) > 10 else 1,
    )  # fmt: skip


def draw_points(axes, rows, study, x, y):
    """Draw one point per checkpoint, and a large one at the final state of every run."""
    for of_condition, look in rows_and_looks(rows, study):
        final = finished(of_condition).groupby("seed").tail(1)
        small = {"markersize": 2.5, "alpha": 0.4, "mew": 0}
        axes.plot(of_condition[x], of_condition[y], look.marker, color=look.colour, **small)
        large = {"markersize": 7, "mec": "black", "mew": 0.8}
        axes.plot(final[x], final[y], look.marker, color=look.colour, **large)
        draw_crosses(axes, of_condition, look, x, y, of=x)


def draw_crosses(axes, rows, look, x, y, of):
    """Draw a cross at every eigenvalue of the column ``of`` that did not converge."""
    crosses = unconverged(rows, of)
    axes.plot(crosses[x], crosses[y], "x", color=look.colour, markersize=4, markeredgewidth=0.8)


def unconverged(rows, column):
    """Return the rows in which an eigenvalue did not converge; none for another column."""
    converged = column + "_converged"
    return rows[~rows[converged]] if converged in rows else rows[:0]


def thresholds(study):
    """Return 2 / learning rate by condition, and whether it is one number for all."""
    values = {name: study.threshold_of(name) for name in study.conditions}
    found = {name: value for name, value in values.items() if value}
    return found, len(found) == len(values) and len(set(found.values())) == 1


def draw_threshold(axes, study):
    """Draw the lines above which plain gradient descent on a quadratic diverges."""
    found, is_one = thresholds(study)
    for name, value in list(found.items())[: 1 if is_one else None]:
        colour = THRESHOLD["color"] if is_one else looks(study)[name].colour
        axes.axhline(value, zorder=1, **{**THRESHOLD, "color": colour})


def draw_chance(axes, study, column):
    """Draw the accuracy of a guess, if the column is an accuracy and the task gives it."""
    chance = chance_of(study, column)
    if chance is not None:
        axes.axhline(chance, **CHANCE)
        look = {"color": CHANCE["color"], "fontsize": 6, "ha": "right", "va": "bottom"}
        axes.text(1, chance, "chance", transform=axes.get_yaxis_transform(), **look)


def add_legend(figure, trajectories, study, column=None, points=False, threshold=False):
    """Add a legend above the axes: the conditions, and whatever else is shown."""
    entries = []
    for rows, look in rows_and_looks(trajectories, study):
        line = {"linestyle": "none"} if points else {"linestyle": look.line, "linewidth": 1.6}
        n_seeds = finished(rows)["seed"].nunique()
        text = f"{study.conditions[rows['condition'].iloc[0]].label} (n = {n_seeds})"
        entries.append(
            Line2D([], [], color=look.colour, marker=look.marker, markersize=4, label=text, **line)
        )
    if points:
        large = {"marker": "o", "markersize": 7, "color": "0.7", "mec": "black", "mew": 0.8}
        entries.append(Line2D([], [], linestyle="none", label="final state", **large))
    else:
        if trajectories.groupby("condition")["seed"].nunique().max() > 1:
            entries.append(Line2D([], [], color="0.4", linewidth=0.5, label="one run"))
        if finished(trajectories).groupby("condition")["seed"].nunique().max() >= LEAST_SEEDS:
            band = {"color": "0.4", "alpha": 0.25, "linewidth": 0}
            entries.append(Patch(label="95 % interval of mean", **band))
        if trajectories["diverged"].any():
            entries.append(Line2D([], [], color="0.4", label="diverged", **RING))
    found, is_one = thresholds(study)
    if threshold and found:
        value = next(iter(found.values()))
        text = f" = {value:.4g}" if is_one else " of each colour"
        entries.append(Line2D([], [], label=f"2 / learning rate{text}", **THRESHOLD))
    if column and len(unconverged(trajectories, column.name).dropna(subset=[column.name])):
        entries.append(Line2D([], [], **CROSS))
    place_legend(figure, entries)


def place_legend(figure, entries):
    """Place a legend above the axes, in up to three columns; a tall one makes the figure taller."""
    for columns in (3, 2, 1):
        legend = figure.legend(handles=entries, loc="outside upper center", ncols=columns)
        if legend.get_window_extent().width <= figure.bbox.width or columns == 1:
            break
        legend.remove()
    rows = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + 0.17 * max(rows - 2, 0))


def left_out(trajectories, column):
    """Return in words how many values of a column could not be drawn; empty if all could."""
    values = trajectories[column.name]
    missing = int(values.isna().sum())
    not_positive = int((values <= 0).sum()) if column.scale == "log" else 0
    parts = [
        f"{number} {what}"
        for number, what in [(not_positive, "not positive"), (missing, "missing")]
        if number
    ]
    return f"left out, of {len(trajectories)} values: {', '.join(parts)}" if parts else ""


def stopped_early(trajectories):
    """Return in words how many runs ended before their last iteration; empty if none did."""
    ends = finished(trajectories).groupby(["condition", "seed"])["fraction"].max()
    n_stopped = int((ends < 1).sum())
    if n_stopped == 0:
        return ""
    return f"{n_stopped} of {len(ends)} runs stopped early; means go on with their last values"


def diverged(trajectories, study):
    """Return in words which runs diverged; empty if none did."""
    runs = trajectories[trajectories["diverged"]].groupby("condition", sort=False)["seed"].unique()
    if runs.empty:
        return ""
    parts = [
        f"{study.conditions[name].label} seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
        for name, seeds in runs.items()
    ]
    return f"diverged, left out of means: {'; '.join(parts)}"


def add_notes(figure, *notes):
    """Write the notes that are not empty below the axes, in lines as wide as the figure."""
    width = int(16 * figure.get_figwidth())  # characters
    lines = [line for note in notes for line in textwrap.wrap(note, width)]
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=7)


PLOTS = {
    "learning_curves": plot_learning_curves,
    "along_training": plot_along_training,
    "against_loss": plot_against_loss,
    "gaps": plot_gaps,
    "gap_against": plot_gap_against,
    "sweep": plot_sweep,
    "density": plot_density,
    "density_lines": plot_density_lines,
    "stability": plot_stability,
}


def draw(figure, trajectories, study, spectra=None):
    """Return a :class:`lsnn.study.outputs.Figure` drawn; None where what it shows is not there."""
    if figure.kind == "stability":
        prefix = prefix_of(study.entries(figure.entry[0])[figure.entry[1]])
        is_there = f"{prefix}mu_abs_max" in trajectories
        return plot_stability(trajectories, study, prefix) if is_there else None
    if figure.kind in ("density", "density_lines"):
        found = densities_of(spectra or {}, trajectories, study, figure.entry)
        return PLOTS[figure.kind](found, study) if found else None
    if figure.kind.startswith("gap") and not gaps_of(trajectories, study):
        return None
    if figure.setting is not None:
        return PLOTS[figure.kind](trajectories, study, figure.setting)
    if figure.column is None:
        return PLOTS[figure.kind](trajectories, study)
    if figure.column.name not in trajectories:
        return None
    return PLOTS[figure.kind](trajectories, study, figure.column)


def read_spectra(folder):
    """Return the arrays of a study's spectra.npz by name; none where it is missing.

    Raises:
        ResultError: it is damaged, or not the one that the metadata.json beside it describes.
    """
    path, metadata = os.path.join(folder, "spectra.npz"), os.path.join(folder, "metadata.json")
    if not os.path.exists(path):
        return {}
    require_recorded(path, read_record(metadata))
    return checkpoints.read(path, ())[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--trajectories", required=True, help="trajectories.csv of a study, beside its spectra.npz"
    )
    parser.add_argument("--config", required=True, help="configuration of the study")
    parser.add_argument("--output", required=True, help="folder of the figures")
    parser.add_argument("--figure", help="name of the figure to draw (default: all)")
    arguments = parser.parse_args()

    study = read_study(arguments.config)
    figures = {figure.name: figure for figure in figures_of(study)}
    if arguments.figure:
        if arguments.figure not in figures:
            raise ConfigError(
                f"--figure {arguments.figure}: study {study.name} has no such figure; it has: "
                f"{', '.join(figures)}"
            )
        figures = {arguments.figure: figures[arguments.figure]}
    trajectories = read_trajectories(arguments.trajectories, study)
    spectra = read_spectra(os.path.dirname(arguments.trajectories))
    trajectories = trajectories.replace([np.inf, -np.inf], np.nan)
    use_style()
    for name, one in figures.items():
        figure = draw(one, trajectories, study, spectra)
        if figure is None:
            print(f"no figure {name}: {arguments.trajectories} lacks its columns")
            continue
        save(figure, arguments.output, name)
        plt.close(figure)


if __name__ == "__main__":
    run(main)
