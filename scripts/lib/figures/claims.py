"""Figures of what the studies say of claims.

The answer has the sharpness of each rule against the learning rate, and every task by how much
sharper and how much worse a rule is on it. The overview has the marks, one row per claim and one
column per study, and the verdict on the whole claim. A claim's own figure shows the runs that
decide it, one panel per study.
"""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Page
from matplotlib.ticker import NullLocator

from lib.claims import ALL, ANSWER_PARTS, Claim
from lib.estimates import mean_and_interval
from lib.figures import panels
from lib.figures.style import literal, make_logarithmic
from lib.pages import columns_of, estimate_text, mark_text
from lib.statistics import STATISTICS
from lib.statistics.source import NotComputed, column_named
from lib.verdicts import NOT_COMPUTED
from lsnn.learning_rules import new_rule
from lsnn.study.columns import Column
from lsnn.study.config import Study

# By the first sign of a mark: colours that the colour-blind can tell apart, and that differ in
# grey; the mark repeats it.
FILLS = {"": "white", "+": "#e6842a", "-": "#9ecae1", "=": "#c7e9c0", "?": "#eeeeee"}
VERDICT = "verdict"
CLAIM, CELL, LINE = 4.8, 0.8, 0.11  # inches, of the overview: texts, marks, a line of a text
ANSWER = (7.2, 3.4)
QUADRANTS = {
    (0.98, 0.98): "sharper and worse",
    (0.02, 0.98): "flatter\nand worse",
    (0.98, 0.02): "sharper, not worse",
    (0.02, 0.02): "neither",
}

SEED_LINE: dict[str, Any] = {"color": "0.7", "linewidth": 0.6, "zorder": 1}
RUN_POINTS: dict[str, Any] = {"markersize": 3, "alpha": 0.6, "mew": 0}
MEAN: dict[str, Any] = {"fmt": "_", "color": "black", "markersize": 9, "capsize": 2, "zorder": 3}
NEUTRAL: dict[str, Any] = {"color": "0.2", "linewidth": 0.8, "linestyle": "--"}


def draw_answer(
    claims: dict[str, Claim], table: pd.DataFrame, points: pd.DataFrame, studies: dict[str, Study]
) -> Page:
    """Draw the figure that sums the claims up, from those with a part in it."""
    parts = {part: [c for c in claims.values() if c.answer == part] for part in ANSWER_PARTS}
    page, (of_rates, of_tasks) = plt.subplots(1, 2, figsize=ANSWER, layout="constrained")
    handles = draw_rates(of_rates, parts["rate"], points, studies)
    named = [{claim.name for claim in parts[part]} for part in ("sharpness", "gap")]
    sharper, worse = (
        table[table["claim"].isin(names) & table["value"].notna()].set_index("study")
        for names in named
    )
    draw_tasks(of_tasks, sharper, worse.reindex(sharper.index).dropna(subset="value"))
    panels.add_legend(page, handles)
    return page


def draw_rates(
    axes: Axes, claims: list[Claim], points: pd.DataFrame, studies: dict[str, Study]
) -> list[Any]:
    """Draw the runs of claims against the learning rate; return what stands in the legend."""
    handles: list[Any] = []
    every: list[float] = []
    for claim in claims:
        runs = points[(points["claim"] == claim.name) & points["study"].isin(studies)]
        for study_name, of_study in runs.groupby("study"):
            study = studies[study_name]
            rate = {
                name: study.setup(name).training.learning_rate
                for name in of_study["condition"].unique()
            }
            x = of_study["condition"].map(rate)
            look = panels.looks(study)[next(iter(rate))]
            axes.plot(x, of_study["y"], look.marker, color=look.colour, **RUN_POINTS)
            means = np.exp(np.log(of_study["y"]).groupby(x).mean())
            axes.plot(means.index, means, linestyle=look.line, color=look.colour, linewidth=1.2)
            label = new_rule(study.setup(next(iter(rate))).learning_rule).label
            handles.append(look.handle(label, markersize=4))
            column = column_or_expression(claim.statistics[study_name]["column"], study)
            axes.set_ylabel(panels.axis_label(column))
            every += list(rate.values())
    if not every:
        axes.text(0.5, 0.5, "not computed", transform=axes.transAxes, ha="center")
        return handles
    ends = np.array([min(every), max(every)])
    axes.plot(ends, 2 / ends, **panels.THRESHOLD)
    for axis in (axes.xaxis, axes.yaxis):
        make_logarithmic(axis)
    rates = sorted(set(every))
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("learning rate")
    return [*handles, panels.threshold_handle()]


def draw_tasks(axes: Axes, sharper: pd.DataFrame, worse: pd.DataFrame) -> None:
    """Draw a point per study, with intervals both ways.

    Args:
        axes: what to draw on.
        sharper: rows of claims.csv by study: a ratio of sharpness.
        worse: the same of the difference of generalization gaps; drawn in units of its margin,
            which may be one of accuracy here and of a loss there.
    """
    unit = worse["margin_high"] - worse["neutral"]
    for study, row in worse.iterrows():
        x, y = (
            sharper.loc[study],
            (row[["value", "ci_low", "ci_high"]] - row["neutral"]) / unit[study],
        )
        hollow: dict[str, Any] = {"markerfacecolor": "white"} if row["verdict"] == "no gap" else {}
        axes.errorbar(
            x["value"], y["value"],
            xerr=[[x["value"] - x["ci_low"]], [x["ci_high"] - x["value"]]],
            yerr=[[y["value"] - y["ci_low"]], [y["ci_high"] - y["value"]]],
            fmt="o", color="0.2", markersize=4, linewidth=0.8, **hollow,
        )  # fmt: skip
        axes.annotate(
            study.replace("_", " "), (x["value"], y["value"]),
            xytext=(4, 4), textcoords="offset points", fontsize=6,
        )  # fmt: skip
    axes.axhline(0, **panels.ZERO)
    axes.axvline(1, **panels.ZERO)
    axes.axhspan(-1, 1, color="0.93", zorder=0)
    if len(sharper):
        axes.axvspan(*sharper[["margin_low", "margin_high"]].iloc[0], color="0.93", zorder=0)
    make_logarithmic(axes.xaxis)
    axes.margins(0.15)  # room for the words in the corners
    axes.set(xlabel="ratio of sharpness", ylabel="difference of gaps (margins)")
    for (x, y), words in QUADRANTS.items():
        place: dict[str, Any] = {
            "ha": "right" if x > 0.5 else "left",
            "va": "top" if y > 0.5 else "bottom",
        }
        axes.text(x, y, words, transform=axes.transAxes, color="0.4", fontsize=7, **place)


def draw_overview(claims: dict[str, Claim], table: pd.DataFrame) -> Page:
    """Draw all marks: claims down, studies across, and the verdict on each claim.

    Claims of which no study has been computed are left out, unless all are.
    """
    computed = set(table["claim"][table["verdict"] != NOT_COMPUTED])
    claims = {name: claim for name, claim in claims.items() if name in computed} or claims
    table = table[table["claim"].isin(claims)]
    columns = columns_of(claims)
    names = [*dict.fromkeys(columns.values()), VERDICT]
    texts = pd.DataFrame("", index=list(claims), columns=names)
    fills = pd.DataFrame(0, index=list(claims), columns=names)
    for row in table.itertuples():
        is_whole = row.study == ALL or len(claims[row.claim].statistics) == 1
        place = row.claim, VERDICT if is_whole else columns[row.study]
        verdict = row.verdict if is_whole or not row.mark else ""
        texts.loc[place] = f"{mark_text(row.mark)} {verdict}".strip()
        fills.loc[place] = list(FILLS).index(row.mark[:1])
    claimed = [textwrap.fill(literal(claim.claim), 88) for claim in claims.values()]
    height = LINE * max(2, *(text.count("\n") + 1 for text in claimed))
    size = (CLAIM + CELL * len(names), height * (len(claims) + 3))
    page, axes = plt.subplots(figsize=size, layout="constrained")
    sns.heatmap(
        fills, annot=texts, fmt="", cmap=ListedColormap(list(FILLS.values())),
        vmin=0, vmax=len(FILLS) - 1, cbar=False, linewidths=1, linecolor="white",
        annot_kws={"color": "black", "fontsize": 6}, ax=axes,
    )  # fmt: skip
    axes.tick_params(labelsize=6, length=0, labeltop=True, labelbottom=False)
    axes.set_xticklabels([textwrap.fill(name.replace("_", " "), 13) for name in names], rotation=0)
    axes.set_yticklabels(claimed, rotation=0)
    return page


def draw_claim(
    claim: Claim, table: pd.DataFrame, points: pd.DataFrame, studies: dict[str, Study]
) -> Page:
    """Draw the runs that decide a claim."""
    rows = table[(table["claim"] == claim.name) & table["study"].isin(points["study"])]
    if rows.empty:
        return panels.page_of_words("not computed")
    page, all_axes = panels.page_of_panels(len(rows))
    for axes, row in zip(all_axes, rows.itertuples(), strict=True):
        study, statistic = studies[row.study], claim.statistics[row.study]
        draw_runs(axes, points[points["study"] == row.study], row.neutral, statistic, study)
        number = estimate_text(row) or textwrap.fill(row.why, panels.LONGEST_LABEL)
        axes.set_title(
            f"{row.study.replace('_', ' ')} (n = {row.n})\n{number} {mark_text(row.mark)}"
        )
    return page


def draw_runs(
    axes: Axes, points: pd.DataFrame, neutral: float, statistic: dict[str, Any], study: Study
) -> None:
    """Draw a point per run, against another number or beside those of other conditions.

    A line joins runs with the same seed where conditions stand side by side, or a slope is fitted;
    the mean of a condition has its interval.
    """
    conditions, kind = list(points["condition"].unique()), statistic["name"]
    is_against = "over" in statistic
    column = column_or_expression(statistic.get("column", "diverged"), study)
    scale = statistic.get("scale") or column.scale
    is_log = "scale" in STATISTICS[kind].options and scale == "log"
    over = statistic.get("over", "")
    is_of_log = over.startswith("log10(")
    if is_of_log:
        over, points = over[len("log10(") : -1], points.assign(x=10 ** points["x"])
    if not is_against:
        points = points.assign(x=points["condition"].map(conditions.index))
        labels = [textwrap.fill(panels.drawn_label(study, name), 16) for name in conditions]
        axes.set(xlim=(-0.6, len(conditions) - 0.4))
        axes.set_xticks(range(len(conditions)), labels, rotation=30 * (len(conditions) > 2))
    if kind in ("trend", "interaction") or not is_against:
        for _, of_seed in points.sort_values("x", kind="stable").groupby("seed"):
            axes.plot(of_seed["x"], of_seed["y"], **SEED_LINE)
    for name, of_condition in points.groupby("condition", sort=False):
        look = panels.looks(study)[name]
        axes.plot(
            of_condition["x"], of_condition["y"], look.marker, color=look.colour, **RUN_POINTS
        )
        if of_condition["x"].nunique() == 1:
            mean, low, high = mean_and_interval(of_condition["y"], is_log)
            interval = [[mean - low], [high - mean]]
            axes.errorbar(of_condition["x"].iloc[0], mean, interval, **MEAN)
    if kind in ("level", "divergence", "interaction"):
        axes.axhline(1.0 if kind == "interaction" and is_log else neutral, **NEUTRAL)
    if kind == "correlation" and (points["x"] > 0).all():
        make_logarithmic(axes.xaxis)
    if is_log:
        make_logarithmic(axes.yaxis)
    if kind == "interaction":
        column = column._replace(label=f"{'ratio' if is_log else 'difference'}, {column.label}")
    axes.set_ylabel(panels.axis_label(column))
    if is_against:
        axes.set_xlabel(panels.axis_label(column_or_expression(over, study)))
        if is_of_log:
            make_logarithmic(axes.xaxis)


def column_or_expression(text: str, study: Study) -> Column:
    """Return the column that a study has under a name; of an expression one that is called so."""
    try:
        return column_named(text, study)
    except NotComputed:
        return Column(text, "estimate", literal(text.replace("_", " ")))
