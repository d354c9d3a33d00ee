"""Draw the figures of a study from its trajectories.csv, each as svg, pdf and png.

Thin lines are runs; thick lines and bands are the mean over seeds and its 95 % bootstrap interval,
computed as in summary.csv. A run that stopped early keeps its weights: in means it counts with its
last value at later fractions of training. A cross marks an eigenvalue that did not converge.
"""

import argparse
import io
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from lsnn.config import read_study
from lsnn.errors import run
from lsnn.files import atomic_write, read_record
from lsnn.learning_rules import LEARNING_RULES
from study_statistics import common_levels, log_eigenvalue_at_levels, mean_and_interval
from tables import read_recorded_table, read_table, trajectories_columns

LABELS = {"bptt": "BPTT", "three_factor": "three-factor"}
LINES = ["-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P"]

FRACTION = "fraction of training"
TRAIN_LOSS = "training cross entropy (nats)"
LAMBDA_MAX = r"largest eigenvalue $\lambda_{\max}$"

STYLE = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # text that can be edited
    "svg.fonttype": "path",  # the same look where the font is missing
    "svg.hashsalt": "lsnn",  # the same file for the same data
}
THRESHOLD = {"color": "0.2", "linestyle": (0, (8, 4)), "linewidth": 1}
# Without a date, the same data give the same file.
METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def label(rule):
    """Return what a learning rule is called in figures and tables."""
    return LABELS.get(rule, rule.replace("_", " "))


def styles(rules):
    """Return {rule: (colour, line style, marker)}; a rule of lsnn has the same in every study."""
    known = list(LEARNING_RULES)
    order = known + [rule for rule in rules if rule not in known]
    palette = sns.color_palette("colorblind", len(order))
    return {
        rule: (palette[place], LINES[place % len(LINES)], MARKERS[place % len(MARKERS)])
        for place, rule in enumerate(order)
        if rule in set(rules)
    }


def plot_leading_eigenvalue(trajectories, learning_rate):
    """Return the figure of lambda_max along training."""
    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    draw_curves(axes, trajectories, "lambda_max", drawn=positive)
    draw_threshold(axes, learning_rate)
    axes.set(yscale="log", xlabel=FRACTION, ylabel=LAMBDA_MAX)
    add_legend(figure, trajectories, "lambda_max", learning_rate=learning_rate)
    tell_below(figure, left_out(trajectories, "lambda_max"), stopped_early(trajectories))
    return figure


def plot_smallest_eigenvalue(trajectories, learning_rate):
    """Return the figure of lambda_min along training."""
    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    axes.axhline(0, color="0.4", linewidth=0.8)
    draw_curves(axes, trajectories, "lambda_min")
    axes.set_yscale("symlog", linthresh=1)
    axes.set(xlabel=FRACTION, ylabel=r"smallest eigenvalue $\lambda_{\min}$")
    add_legend(figure, trajectories, "lambda_min")
    missing = left_out(trajectories, "lambda_min", also_not_positive=False)
    tell_below(figure, missing, stopped_early(trajectories))
    return figure


def plot_loss_and_accuracy(trajectories, learning_rate):
    """Return the figure of training loss, validation accuracy and test accuracy along training."""
    figure, panels = plt.subplots(1, 3, figsize=(7, 2.8), layout="constrained")
    columns = {
        "train_loss": TRAIN_LOSS,
        "validation_accuracy": "validation accuracy",
        "test_accuracy": "test accuracy",
    }
    for axes, (column, text) in zip(panels, columns.items(), strict=True):
        draw_curves(axes, trajectories, column)
        axes.set(xlabel=FRACTION, ylabel=text)
    panels[0].set_yscale("log")
    label_losses(panels[0].yaxis)
    for axes in panels[1:]:
        axes.set_ylim(0, 1)
    add_legend(figure, trajectories)
    tell_below(figure, stopped_early(trajectories))
    return figure


def plot_eigenvalue_against_loss(trajectories, learning_rate):
    """Return the figure of lambda_max against the training loss, which falls to the right."""
    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    rows = positive(positive(trajectories, "lambda_max"), "train_loss")
    draw_runs(axes, rows, "train_loss", "lambda_max")
    draw_means(axes, eigenvalue_at_losses(trajectories), "train_loss", "lambda_max")
    draw_threshold(axes, learning_rate)
    axes.set(xscale="log", yscale="log", xlabel=TRAIN_LOSS, ylabel=LAMBDA_MAX)
    axes.invert_xaxis()
    label_losses(axes.xaxis)
    add_legend(figure, trajectories, "lambda_max", learning_rate=learning_rate)
    tell_below(figure, left_out(trajectories, "lambda_max"))
    return figure


def plot_generalization_gap(trajectories, learning_rate):
    """Return the figure of the generalization gaps against lambda_max."""
    figure, panels = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
    columns = {
        "generalization_gap": "training \N{MINUS SIGN} test accuracy",
        "generalization_gap_loss": "test \N{MINUS SIGN} training cross entropy (nats)",
    }
    rows = positive(trajectories, "lambda_max")
    for axes, (column, text) in zip(panels, columns.items(), strict=True):
        axes.axhline(0, color="0.4", linewidth=0.8)
        draw_points(axes, rows, "lambda_max", column)
        axes.set(xscale="log", xlabel=LAMBDA_MAX, ylabel=text)
    add_legend(figure, trajectories, "lambda_max", points=True)
    tell_below(figure, left_out(trajectories, "lambda_max"))
    return figure


FIGURES = {"loss_and_accuracy": plot_loss_and_accuracy}
FIGURES_OF_CURVATURE = {
    "leading_eigenvalue": plot_leading_eigenvalue,
    "smallest_eigenvalue": plot_smallest_eigenvalue,
    "eigenvalue_against_loss": plot_eigenvalue_against_loss,
    "generalization_gap": plot_generalization_gap,
}


def positive(trajectories, column):
    """Return the rows that a logarithmic axis can show."""
    return trajectories[trajectories[column] > 0]


def carried_on(trajectories):
    """Return the rows with the last one of every stopped run repeated at later fractions.

    Those are the fractions at which another run of its rule has a checkpoint.
    """
    pieces = []
    for _, of_rule in trajectories.groupby("learning_rule", sort=False):
        fractions = of_rule["fraction"].unique()
        for _, one in of_rule.groupby("seed", sort=False):
            later = np.sort(fractions[fractions > one["fraction"].max()])
            pieces += [one, *(one.tail(1).assign(fraction=fraction) for fraction in later)]
    return pd.concat(pieces)


def eigenvalue_at_losses(trajectories):
    """Return lambda_max of every run at training losses that all runs of its rule pass through."""
    rows = []
    for rule, of_rule in trajectories.groupby("learning_rule", sort=False):
        runs = dict(iter(of_rule.groupby("seed")))
        levels = common_levels(list(runs.values()))
        for seed, one in runs.items():
            log_lambda, _ = log_eigenvalue_at_levels(one, levels)
            pairs = zip(np.exp(levels), np.exp(log_lambda), strict=True)
            rows += [(rule, seed, *pair) for pair in pairs]
    return pd.DataFrame(rows, columns=["learning_rule", "seed", "train_loss", "lambda_max"])


def draw_curves(axes, trajectories, y, drawn=lambda rows, column: rows):
    """Draw runs and means of ``y`` along training; ``drawn`` returns the rows that can be drawn."""
    draw_runs(axes, drawn(trajectories, y), "fraction", y)
    draw_means(axes, drawn(carried_on(trajectories), y), "fraction", y)


def draw_runs(axes, rows, x, y):
    """Draw a thin line a run, and a cross at every eigenvalue that did not converge."""
    for rule, (colour, line, _) in styles(rows["learning_rule"].unique()).items():
        of_rule = rows[rows["learning_rule"] == rule]
        sns.lineplot(
            of_rule, x=x, y=y, units="seed", estimator=None, sort=False, ax=axes,
            color=colour, linestyle=line, linewidth=0.5, alpha=0.6,
        )  # fmt: skip
        crosses = unconverged(of_rule, y)
        axes.plot(crosses[x], crosses[y], "x", color=colour, markersize=4, markeredgewidth=0.8)


def draw_means(axes, rows, x, y):
    """Draw the mean over seeds of each rule, and its interval, at every ``x``."""
    rows = rows.dropna(subset=[y])
    for rule, (colour, line, marker) in styles(rows["learning_rule"].unique()).items():
        at_x = rows[rows["learning_rule"] == rule].groupby(x)[y]
        places = np.array(list(at_x.groups))
        mean, low, high = np.array([mean_and_interval(values) for _, values in at_x]).T
        axes.fill_between(places, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(
            places, mean, color=colour, linestyle=line, linewidth=1.6,
            marker=marker, markersize=4, markevery=0.12,
        )  # fmt: skip


def draw_points(axes, rows, x, y):
    """Draw a point a checkpoint, and a large one at the final state of every run."""
    for rule, (colour, _, marker) in styles(rows["learning_rule"].unique()).items():
        of_rule = rows[rows["learning_rule"] == rule]
        final = of_rule.groupby("seed").tail(1)
        axes.plot(of_rule[x], of_rule[y], marker, color=colour, markersize=2.5, alpha=0.4, mew=0)
        axes.plot(final[x], final[y], marker, color=colour, markersize=7, mec="black", mew=0.8)
        crosses = unconverged(of_rule, x)
        axes.plot(crosses[x], crosses[y], "x", color=colour, markersize=4, markeredgewidth=0.8)


def unconverged(rows, column):
    """Return the rows in which an eigenvalue did not converge; none for another column."""
    converged = column + "_converged"
    return rows[~rows[converged]] if converged in rows else rows[:0]


def draw_threshold(axes, learning_rate):
    """Draw the line above which plain gradient descent on a quadratic diverges."""
    if learning_rate:
        axes.axhline(2 / learning_rate, zorder=1, **THRESHOLD)


def label_losses(axis):
    """Label a logarithmic axis with plain numbers, so that less than a decade has labels too."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def add_legend(figure, trajectories, column=None, points=False, learning_rate=None):
    """Add a legend above the axes: the rules, and what else is to be seen."""
    entries = []
    for rule, (colour, line, marker) in styles(trajectories["learning_rule"].unique()).items():
        look = {"linestyle": "none"} if points else {"linestyle": line, "linewidth": 1.6}
        entries.append(
            Line2D([], [], color=colour, marker=marker, markersize=4, label=label(rule), **look)
        )
    if points:
        large = {"marker": "o", "markersize": 7, "color": "0.7", "mec": "black", "mew": 0.8}
        entries.append(Line2D([], [], linestyle="none", label="final state", **large))
    elif trajectories.groupby("learning_rule")["seed"].nunique().max() > 1:
        entries.append(Line2D([], [], color="0.4", linewidth=0.5, label="one run"))
        entries.append(Patch(color="0.4", alpha=0.25, linewidth=0, label="95 % interval of mean"))
    if learning_rate:
        text = f"2 / learning rate = {2 / learning_rate:.4g}"
        entries.append(Line2D([], [], label=text, **THRESHOLD))
    if column and len(unconverged(trajectories, column).dropna(subset=[column])):
        cross = {"marker": "x", "markersize": 4, "linestyle": "none", "color": "0.2"}
        entries.append(Line2D([], [], label="not converged", **cross))
    figure.legend(handles=entries, loc="outside upper center", ncols=3)


def left_out(trajectories, column, also_not_positive=True):
    """Return in words how many values of a column could not be drawn; empty if all could."""
    missing = int(trajectories[column].isna().sum())
    not_positive = int((trajectories[column] <= 0).sum()) if also_not_positive else 0
    parts = [
        f"{number} {what}"
        for number, what in [(not_positive, "not positive"), (missing, "missing")]
        if number
    ]
    return f"left out, of {len(trajectories)} eigenvalues: {', '.join(parts)}" if parts else ""


def stopped_early(trajectories):
    """Return in words how many runs ended before their last iteration; empty if none did."""
    ends = trajectories.groupby(["learning_rule", "seed"])["fraction"].max()
    n_stopped = int((ends < 1).sum())
    if n_stopped == 0:
        return ""
    return f"{n_stopped} of {len(ends)} runs stopped early; means go on with their last values"


def tell_below(figure, *notes):
    """Say below the axes what the notes say that are not empty."""
    if any(notes):
        figure.supxlabel("\n".join(filter(None, notes)), fontsize=8)


def save(figure, folder, name):
    """Write a figure as svg, pdf and png (300 dpi)."""
    for suffix, metadata in METADATA.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=300, metadata=metadata)
        with atomic_write(os.path.join(folder, f"{name}.{suffix}")) as stream:
            stream.write(buffer.getvalue())


def figures_of(study):
    """Return the functions that draw the figures of a study, by name."""
    return {**FIGURES, **FIGURES_OF_CURVATURE} if study.curvature else FIGURES


def read_trajectories(path, study):
    """Return a study's table of trajectories, of whatever origin.

    Raises:
        ResultError: it is damaged, or not the one that the metadata.json beside it tells of.
    """
    metadata = os.path.join(os.path.dirname(path), "metadata.json")
    if os.path.exists(metadata):
        return read_recorded_table(path, trajectories_columns(study), read_record(metadata))
    return read_table(path, trajectories_columns(study))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trajectories", required=True, help="trajectories.csv of a study")
    parser.add_argument("--config", required=True, help="configuration of the study")
    parser.add_argument("--output", required=True, help="folder of the figures")
    arguments = parser.parse_args()

    study = read_study(arguments.config)
    trajectories = read_trajectories(arguments.trajectories, study)
    trajectories = trajectories.replace([np.inf, -np.inf], np.nan)
    learning_rate = study.training.learning_rate if study.plain_descent else None
    sns.set_theme(context="paper", style="ticks", rc=STYLE)
    for name, plot in figures_of(study).items():
        figure = plot(trajectories, learning_rate)
        save(figure, arguments.output, name)
        plt.close(figure)


if __name__ == "__main__":
    run(main)
