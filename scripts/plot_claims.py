"""Draw the claims.csv and points.csv of scripts/decide_claims.py: figures as svg, pdf and png.

The overview has one row per claim and one column per study; its last column has the verdict on the
whole claim, and the number of a claim that is tested on one study alone. A claim's own figure shows
the runs that decide it, one panel per study.
"""

import argparse
import os
import textwrap

from lib.style import label_logarithmic, save, use_style  # before matplotlib

# isort: split
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from lib.claims import ALL, VERDICTS, read_claims, read_decided, study_folders
from lib.pages import SIGNS, estimate_text, studies_of
from lib.program import run
from lib.statistics import NotComputed, column_named
from lsnn.errors import ConfigError
from lsnn.study.config import read_study
from plot import LONGEST_LABEL, axis_label, looks, page_of_panels, place_legend

# Colours that the colour-blind can tell apart, and that differ in grey; the sign repeats it.
FILLS = {
    "supported": "#9ecae1",
    "contradicted": "#e6842a",
    "undecided": "#eeeeee",
    "not computed": "white",
}
# Inches. With six studies the overview is as wide as a page.
CELL = (0.86, 0.31)
CLAIM = 2.3
HEAD = 0.75


def plot_overview(claims, table):
    """Return the figure of all verdicts: claims down, studies across."""
    names = studies_of(claims)
    size = (CLAIM + CELL[0] * (len(names) + 1), HEAD + 0.1 + CELL[1] * len(claims))
    figure = plt.figure(figsize=size)
    axes = figure.add_axes([0, 0, 1, 1], xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")
    legend = ",  ".join(f"{SIGNS[one]} {one}" for one in VERDICTS if SIGNS[one])
    axes.text(0.1, 0.15, f"{legend};  dotted: not computed", va="center", fontsize=7)
    words = "In a cell: the statistic that decides, and its 95 % interval."
    axes.text(0.1, 0.32, words, va="center", fontsize=6)
    for place, name in enumerate([*names, "verdict"]):
        text = textwrap.fill(name.replace("_", " "), 13)
        x = CLAIM + CELL[0] * (place + 0.5)
        axes.text(x, HEAD - 0.06, text, ha="center", va="bottom", fontsize=7, weight="bold")
    for number, claim in enumerate(claims.values()):
        y = HEAD + CELL[1] * (number + 0.5)
        text = textwrap.fill(claim.claim, 52)
        axes.text(CLAIM - 0.06, y, text, ha="right", va="center", fontsize=5.5)
        for row in table[table["claim"] == claim.name].itertuples():
            is_last = row.study == ALL or len(claim.statistics) == 1
            place = len(names) if is_last else names.index(row.study)
            draw_cell(axes, CLAIM + CELL[0] * (place + 0.5), y, row, is_last)
    return figure


def draw_cell(axes, x, y, row, is_last):
    """Draw a row of claims.csv around a place; ``is_last``: it has the verdict on the claim."""
    width, height = CELL[0] - 0.03, CELL[1] - 0.03
    look = {"edgecolor": "0.6", "linewidth": 0.8}
    look["linestyle"] = ":" if row.verdict == "not computed" else "-"
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(Rectangle(corner, width, height, facecolor=FILLS[row.verdict], **look))
    sign = {"va": "center", "fontsize": 8, "weight": "bold"}
    axes.text(corner[0] + 0.03, y, SIGNS[row.verdict], **sign)
    if row.study == ALL:
        words = row.why.replace(", ", "\n")
    else:
        words = estimate_text(row).replace(" [", "\n[")
        words += f"\n{row.study.replace('_', ' ')}" if is_last else ""
    lines = words.strip().split("\n")
    is_full = len(lines) > 3 or max(map(len, lines)) > 19
    size = 4 if is_full else 5
    axes.text(x + 0.05, y, "\n".join(lines), ha="center", va="center", fontsize=size)


def plot_claim(claim, table, points, studies):
    """Return the figure of the runs that decide a claim."""
    rows = table[(table["claim"] == claim.name) & (table["study"] != ALL)]
    rows = rows[rows["study"].isin(points["study"])]
    if rows.empty:
        figure = plt.figure(figsize=(4, 1))
        figure.text(0.5, 0.5, "not computed", ha="center")
        return figure
    figure, panels = page_of_panels(len(rows))
    labels = {}
    for axes, row in zip(panels, rows.itertuples(), strict=True):
        of_study = points[points["study"] == row.study]
        study, statistic = studies[row.study], claim.statistics[row.study]
        appearance = looks(study)
        draw = draw_against if of_study["x"].notna().any() else draw_side_by_side
        draw(axes, of_study, row, statistic, appearance)
        if is_logarithmic(statistic, study):
            axes.set_yscale("log")
            label_logarithmic(axes.yaxis)
        if "over" in statistic:
            axes.set_xlabel(label_of(statistic["over"], study))
        for name in dict.fromkeys(of_study["condition"]):
            look = appearance[name]
            labels.setdefault(study.conditions[name].label, look)
        sign = SIGNS[row.verdict]
        number = estimate_text(row) or textwrap.fill(row.why, LONGEST_LABEL)
        title = f"{row.study.replace('_', ' ')} (n = {row.n})\n{number}\n{sign} {row.verdict}"
        axes.set_title(title, fontsize=8)
        axes.set_ylabel(label_of(statistic.get("column", "diverged"), study))
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle="none", label=label)
        for label, look in labels.items()
    ]
    place_legend(figure, handles)
    return figure


def label_of(expression, study):
    """Return the label of a column as an axis has it; of an expression itself."""
    try:
        return axis_label(column_named(expression, study))
    except NotComputed:
        return textwrap.fill(expression.replace("_", " "), LONGEST_LABEL)


def draw_side_by_side(axes, points, row, statistic, appearance):
    """Draw the runs of each condition beside each other, those of a seed with a line."""
    conditions = list(dict.fromkeys(points["condition"]))
    wide = points.pivot(index="seed", columns="condition", values="y")[conditions]
    if len(conditions) > 1:
        for _, values in wide.iterrows():
            axes.plot(range(len(conditions)), values, color="0.7", linewidth=0.6, zorder=1)
    for place, name in enumerate(conditions):
        look = appearance[name]
        axes.plot(
            np.full(len(wide), place), wide[name], look.marker,
            color=look.colour, markersize=3.5, alpha=0.8, mew=0,
        )  # fmt: skip
    if statistic["name"] in ("level", "divergence"):
        axes.axhline(row.neutral, color="0.2", linewidth=0.8, linestyle="--")
    axes.set(xticks=[], xlim=(-0.6, len(conditions) - 0.4))


def draw_against(axes, points, row, statistic, appearance):
    """Draw a point per run against the other column; a line per seed where a slope is fitted."""
    if statistic["name"] == "trend":
        for _, of_seed in points.groupby("seed"):
            of_seed = of_seed.sort_values("x")
            axes.plot(of_seed["x"], of_seed["y"], color="0.7", linewidth=0.6, zorder=1)
    for name, of_condition in points.groupby("condition", sort=False):
        look = appearance[name]
        axes.plot(
            of_condition["x"], of_condition["y"], look.marker,
            color=look.colour, markersize=3.5, alpha=0.8, mew=0,
        )  # fmt: skip
    axes.set_xlabel("place in the order")
    if statistic["name"] == "correlation" and (points["x"] > 0).all():
        axes.set_xscale("log")
        label_logarithmic(axes.xaxis)


def is_logarithmic(statistic, study):
    """Tell whether a statistic is of ratios, which are compared on a logarithmic axis."""
    if "scale" in statistic or statistic["name"] not in ("contrast", "level", "order", "trend"):
        return statistic.get("scale") == "log"
    try:
        return column_named(statistic["column"], study).scale == "log"
    except NotComputed:  # an expression
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", required=True, metavar="FILE", help="claims (YAML)")
    parser.add_argument("--decided", required=True, help="folder of claims.csv and points.csv")
    parser.add_argument(
        "--studies", nargs="*", default=[], metavar="FOLDER", help="folders of results of studies"
    )
    parser.add_argument("--figure", help="overview, or a claim (default: all)")
    parser.add_argument("--output", required=True, help="folder of the figures")
    arguments = parser.parse_args()

    claims = read_claims(arguments.claims)
    table, points = read_decided(arguments.decided, claims)
    folders = study_folders(arguments.studies)
    studies = {
        study.name: study
        for study in (read_study(os.path.join(one, "config.yaml")) for one in folders)
    }
    shown = ["overview", *(name for name, claim in claims.items() if claim.main)]
    if arguments.figure:
        if arguments.figure not in shown:
            raise ConfigError(f"--figure {arguments.figure}: there are: {', '.join(shown)}")
        shown = [arguments.figure]
    use_style()
    for name in shown:
        if name == "overview":
            figure = plot_overview(claims, table)
        else:
            of_claim = points[points["claim"] == name]
            figure = plot_claim(claims[name], table, of_claim, studies)
        save(figure, arguments.output, name)
        plt.close(figure)


if __name__ == "__main__":
    run(main)
