"""Figures of what the studies say of claims.

The overview has one row per claim and one column per study; its last column has the verdict on the
whole claim, and the number of a claim that is tested on one study alone. A claim's own figure shows
the runs that decide it, one panel per study.
"""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page
from matplotlib.transforms import Bbox

from lib.claims import ALL, VERDICTS, Claim
from lib.figures import panels
from lib.figures.style import make_logarithmic
from lib.pages import SIGNS, estimate_text, studies_of
from lib.statistics import STATISTICS
from lib.statistics.source import NotComputed, column_named
from lsnn.study.columns import Column
from lsnn.study.config import Study

# Colours that the colour-blind can tell apart, and that differ in grey; the sign repeats it.
FILLS = {
    "supported": "#9ecae1",
    "contradicted": "#e6842a",
    "undecided": "#eeeeee",
    "not computed": "white",
}
# Inches. With six studies the overview is as wide as a page.
CLAIM, CELL, HEIGHT = 2.3, 0.86, 0.31

SEED_LINE: dict[str, Any] = {"color": "0.7", "linewidth": 0.6, "zorder": 1}
RUN_POINTS: dict[str, Any] = {"markersize": 3.5, "alpha": 0.8, "mew": 0}


def draw_overview(claims: dict[str, Claim], table: pd.DataFrame) -> Page:
    """Draw all verdicts: claims down, studies across."""
    names = [*studies_of(claims), "verdict"]
    texts = pd.DataFrame("", index=list(claims), columns=names)
    fills = pd.DataFrame("none", index=list(claims), columns=names)
    for row in table.itertuples():
        is_whole = row.study == ALL or len(claims[row.claim].statistics) == 1
        name = "verdict" if is_whole else row.study
        texts.loc[row.claim, name] = cell_text(row, is_whole)
        fills.loc[row.claim, name] = FILLS[row.verdict]
    size = (CLAIM + CELL * len(names), HEIGHT * (len(claims) + 2))
    page, axes = plt.subplots(figsize=size, layout="constrained")
    axes.axis("off")
    signs = ",  ".join(f"{SIGNS[verdict]} {verdict}" for verdict in VERDICTS if SIGNS[verdict])
    words = f"{signs}. In a cell: the statistic that decides, and its 95 % interval."
    axes.set_title(words, loc="right", fontsize=7)
    cells = axes.table(
        texts.to_numpy(), fills.to_numpy(), cellLoc="center", bbox=Bbox.unit(),
        rowLabels=[textwrap.fill(claim.claim, 52) for claim in claims.values()], rowLoc="right",
        colLabels=[textwrap.fill(name.replace("_", " "), 13) for name in names], fontsize=5,
    )  # fmt: skip
    for (place, _), cell in cells.get_celld().items():
        cell.set(edgecolor="white", linewidth=2)
        cell.set_text_props(weight="bold" if place == 0 else "normal")
    return page


def cell_text(row: Any, is_whole: bool) -> str:
    """Return the sign and number of a row of claims.csv; ``is_whole``: it decides a whole claim."""
    if row.study == ALL:
        return f"{SIGNS[row.verdict]} " + row.why.replace(", ", "\n")
    study = f"\n{row.study.replace('_', ' ')}" if is_whole else ""
    return f"{SIGNS[row.verdict]} {estimate_text(row) or row.verdict}".replace(" [", "\n[") + study


def draw_claim(
    claim: Claim, table: pd.DataFrame, points: pd.DataFrame, studies: dict[str, Study]
) -> Page:
    """Draw the runs that decide a claim."""
    rows = table[(table["claim"] == claim.name) & table["study"].isin(points["study"])]
    if rows.empty:
        return panels.page_of_words("not computed")
    page, all_axes = panels.page_of_panels(len(rows))
    handles: dict[str, Any] = {}
    for axes, row in zip(all_axes, rows.itertuples(), strict=True):
        study, statistic = studies[row.study], claim.statistics[row.study]
        of_study = points[points["study"] == row.study]
        draw_runs(axes, of_study, row.neutral, statistic, study)
        for name in of_study["condition"].unique():
            label = study.conditions[name].label
            handles.setdefault(label, panels.looks(study)[name].handle(label, linestyle="none"))
        number = estimate_text(row) or textwrap.fill(row.why, panels.LONGEST_LABEL)
        verdict = f"{SIGNS[row.verdict]} {row.verdict}"
        title = f"{row.study.replace('_', ' ')} (n = {row.n})\n{number}\n{verdict}"
        axes.set_title(title, fontsize=8)
    panels.add_legend(page, list(handles.values()))
    return page


def draw_runs(
    axes: Axes, points: pd.DataFrame, neutral: float, statistic: dict[str, Any], study: Study
) -> None:
    """Draw a point per run, against another number or beside those of other conditions.

    A line joins runs with the same seed where conditions stand side by side, or a slope is fitted.
    """
    conditions, kind = list(points["condition"].unique()), statistic["name"]
    is_against = points["x"].notna().any()
    if not is_against:
        points = points.assign(x=points["condition"].map(conditions.index))
        axes.set(xticks=[], xlim=(-0.6, len(conditions) - 0.4))
    if kind == "trend" or not is_against:
        for _, of_seed in points.sort_values("x", kind="stable").groupby("seed"):
            axes.plot(of_seed["x"], of_seed["y"], **SEED_LINE)
    for name, of_condition in points.groupby("condition", sort=False):
        look = panels.looks(study)[name]
        x, y = of_condition["x"], of_condition["y"]
        axes.plot(x, y, look.marker, color=look.colour, **RUN_POINTS)
    if kind in ("level", "divergence"):
        axes.axhline(neutral, color="0.2", linewidth=0.8, linestyle="--")
    if kind == "correlation" and (points["x"] > 0).all():
        make_logarithmic(axes.xaxis)
    column = column_or_expression(statistic.get("column", "diverged"), study)
    if "scale" in STATISTICS[kind].options and (statistic.get("scale") or column.scale) == "log":
        make_logarithmic(axes.yaxis)
    axes.set_ylabel(panels.axis_label(column))
    if "over" in statistic:
        axes.set_xlabel(panels.axis_label(column_or_expression(statistic["over"], study)))
    elif is_against:
        axes.set_xlabel("place in the order")


def column_or_expression(text: str, study: Study) -> Column:
    """Return the column that a study has under a name; of an expression one that is called so."""
    try:
        return column_named(text, study)
    except NotComputed:
        return Column(text, "estimate", text.replace("_", " "))
