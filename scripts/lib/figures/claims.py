"""Figures of what the studies say of claims.

The overview has one row per claim and one column per study; its last column has the verdict on the
whole claim, and the number of a claim that is tested on one study alone. A claim's own figure shows
the runs that decide it, one panel per study.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from lib.claims import ALL, VERDICTS
from lib.figures import panels
from lib.figures.style import label_logarithmic
from lib.pages import SIGNS, estimate_text, studies_of
from lib.statistics.source import NotComputed, column_named

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

SEED_LINE = {"color": "0.7", "linewidth": 0.6, "zorder": 1}
RUN_POINTS = {"markersize": 3.5, "alpha": 0.8, "mew": 0}


def draw_overview(claims, table):
    """Draw all verdicts: claims down, studies across."""
    names = studies_of(claims)
    size = (CLAIM + CELL[0] * (len(names) + 1), HEAD + 0.1 + CELL[1] * len(claims))
    page = plt.figure(figsize=size)
    axes = page.add_axes([0, 0, 1, 1], xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")
    legend = ",  ".join(f"{SIGNS[verdict]} {verdict}" for verdict in VERDICTS if SIGNS[verdict])
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
    return page


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


def draw_claim(claim, table, points, studies):
    """Draw the runs that decide a claim."""
    rows = table[(table["claim"] == claim.name) & (table["study"] != ALL)]
    rows = rows[rows["study"].isin(points["study"])]
    if rows.empty:
        return panels.page_of_words("not computed")
    page, all_axes = panels.page_of_panels(len(rows))
    handles = {}
    for axes, row in zip(all_axes, rows.itertuples(), strict=True):
        of_study = points[points["study"] == row.study]
        study, statistic = studies[row.study], claim.statistics[row.study]
        draw = draw_against if of_study["x"].notna().any() else draw_side_by_side
        draw(axes, of_study, row, statistic, panels.looks(study))
        if is_logarithmic(statistic, study):
            axes.set_yscale("log")
            label_logarithmic(axes.yaxis)
        if "over" in statistic:
            axes.set_xlabel(label_of(statistic["over"], study))
        for name in dict.fromkeys(of_study["condition"]):
            label = study.conditions[name].label
            handles.setdefault(label, panels.looks(study)[name].handle(label, linestyle="none"))
        number = estimate_text(row) or textwrap.fill(row.why, panels.LONGEST_LABEL)
        verdict = f"{SIGNS[row.verdict]} {row.verdict}"
        title = f"{row.study.replace('_', ' ')} (n = {row.n})\n{number}\n{verdict}"
        axes.set_title(title, fontsize=8)
        axes.set_ylabel(label_of(statistic.get("column", "diverged"), study))
    panels.add_legend(page, list(handles.values()))
    return page


def label_of(expression, study):
    """Return the label of a column as an axis has it; of an expression itself."""
    try:
        return panels.axis_label(column_named(expression, study))
    except NotComputed:
        return textwrap.fill(expression.replace("_", " "), panels.LONGEST_LABEL)


def draw_side_by_side(axes, points, row, statistic, appearance):
    """Draw the runs of each condition beside each other, those of a seed with a line."""
    conditions = list(dict.fromkeys(points["condition"]))
    wide = points.pivot(index="seed", columns="condition", values="y")[conditions]
    if len(conditions) > 1:
        for _, values in wide.iterrows():
            axes.plot(range(len(conditions)), values, **SEED_LINE)
    for place, name in enumerate(conditions):
        look = appearance[name]
        x = np.full(len(wide), place)
        axes.plot(x, wide[name], look.marker, color=look.colour, **RUN_POINTS)
    if statistic["name"] in ("level", "divergence"):
        axes.axhline(row.neutral, color="0.2", linewidth=0.8, linestyle="--")
    axes.set(xticks=[], xlim=(-0.6, len(conditions) - 0.4))


def draw_against(axes, points, row, statistic, appearance):
    """Draw a point per run against the other column; a line per seed where a slope is fitted."""
    if statistic["name"] == "trend":
        for _, of_seed in points.groupby("seed"):
            of_seed = of_seed.sort_values("x")
            axes.plot(of_seed["x"], of_seed["y"], **SEED_LINE)
    for name, of_condition in points.groupby("condition", sort=False):
        look = appearance[name]
        x, y = of_condition["x"], of_condition["y"]
        axes.plot(x, y, look.marker, color=look.colour, **RUN_POINTS)
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
