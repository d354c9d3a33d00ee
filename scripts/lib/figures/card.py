"""The card of a learning rule: its numbers beside those of the reference rules, task by task."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page
from matplotlib.layout_engine import ConstrainedLayoutEngine

from lib.estimates import LEAST_SEEDS
from lib.figures import panels
from lib.figures.style import PAGE, RED, literal, make_logarithmic
from lib.pages import digits, mark_text
from lib.profile import Profile
from lib.statistics.source import column_named
from lsnn.learning_rules import LEARNING_RULES, new_rule

LINE, ROW = 0.125, 0.95  # inches, of a line of the text above, and of a row of panels
WIDTH = 158  # characters of a line of it
NEEDS = "Needs: "
OWN: dict[str, Any] = {"color": RED, "markersize": 4, "zorder": 3}
OTHERS: dict[str, Any] = {"color": "0.35", "markersize": 3}
ALONG = {"all_train_cosine": ("cosine", "-"), "all_train_rho": ("ρ", (0, (3, 2)))}


def draw_card(found: Profile, table: pd.DataFrame) -> Page:
    """Draw a card.

    Args:
        found: what is known of the rule.
        table: as :func:`lib.profile.compared` returns it.
    """
    tasks, quantities = list(found.sources), list(table["quantity"].unique())
    words = words_of(found)
    head = LINE * (2 + words.count("\n"))
    height = head + ROW * (len(quantities) + 1)
    below = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - head / height))
    page = Page(figsize=(PAGE, height), layout=below)
    page.text(0.01, 0.99, words, va="top", fontsize=6, linespacing=1.5, in_layout=False)
    grid = page.add_gridspec(len(quantities) + 1, len(tasks))
    for column, task in enumerate(tasks):
        for row, quantity in enumerate(quantities):
            axes = page.add_subplot(grid[row, column])
            cells = table[(table["task"] == task) & (table["quantity"] == quantity)]
            draw_numbers(axes, cells, found)
            axes.set_title(textwrap.fill(cells["words"].iloc[0], 34), fontsize=6, pad=2)
            if row == 0:
                axes.set_title(f"{task.replace('_', ' ')}\n{axes.get_title()}", fontsize=6, pad=2)
            axes.tick_params(labelsize=5.5)
            if column:
                axes.set_yticklabels([])
        axes = page.add_subplot(grid[-1, column])
        draw_along_training(axes, found, task)
        axes.tick_params(labelsize=5.5)
    return page


def draw_numbers(axes: Axes, cells: pd.DataFrame, found: Profile) -> None:
    """Draw a dot with its interval for each rule, and the mark against two of them.

    Where not all runs have a number, how many do stands beside it; the dot is open where they are
    too few for an interval.
    """
    study = next(iter(found.sources.values())).study
    n_seeds, own = len(study.seeds), cells["condition"] == found.name
    cells = pd.concat([cells[~own].iloc[::-1], cells[own]], ignore_index=True)
    for place, cell in cells.iterrows():
        look = dict(OWN if cell["condition"] == found.name else OTHERS)
        if cell["n"] < LEAST_SEEDS:
            look["mfc"] = "white"
        ends = np.abs(cell[["ci_low", "ci_high"]] - cell["value"]).to_numpy(float)
        axes.errorbar(cell["value"], place, xerr=ends[:, None], fmt="o", linewidth=0.8, **look)
        at_right: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(1.02, place, mark_text(cell["mark"]), fontsize=6, weight="bold", **at_right)
        if cell["n"] < n_seeds:
            axes.text(1.07, place, f"n = {cell['n']}", fontsize=5, **at_right)
    if cells["scale"].iloc[0] == "log":
        make_logarithmic(axes.xaxis)
    labels = [
        found.name if name == found.name else study.conditions[name].label
        for name in cells["condition"]
    ]
    axes.set_yticks(range(len(cells)), map(literal, labels))
    axes.set_ylim(-0.6, len(cells) - 0.4)


def draw_along_training(axes: Axes, found: Profile, task: str) -> None:
    """Draw how the rule's step follows the gradient along training."""
    source = found.sources[task]
    rows = panels.successful(source.trajectories)
    rows = rows[rows["condition"] == found.name]
    for name, (label, line) in ALONG.items():
        of_column, look = rows[rows[name].notna()], panels.Look(RED, line, "")
        panels.draw_mean(axes, of_column, look, "fraction", column_named(name, source.study))
        axes.lines[-1].set(label=label, linewidth=1.2)
    axes.set(xlim=(0, 1), ylim=(min(0, axes.get_ylim()[0]), None))
    axes.set_xlabel("part of training", fontsize=6)
    axes.set_title("step against gradient, along training", fontsize=6, pad=2)
    axes.legend(fontsize=5.5, loc="center left", bbox_to_anchor=(1, 0.5))


def words_of(found: Profile) -> str:
    """Return what stands at the head of a card."""
    rule = new_rule(found.rule)
    n_seeds = len(next(iter(found.sources.values())).study.seeds)
    lines = [f"{found.name} ({rule.label}) beside the reference rules, {n_seeds} seeds each"]
    for task, choice in found.choices.items():
        line = f"{task.replace('_', ' ')}: {choice.words}"
        if task in found.sources:
            line += f"; {failures_of(found, task)}; an iteration: {costs_of(found, task)}"
            line += f"; learning rates of the others: {rates_of(found, task)}"
        lines.append(line)
    lines.append(f"Needs: {needs_of(found.rule)}")
    own, others = found.codes
    lines.append(
        "Beside BPTT and the three-factor rule, the mark of the rule against them: + above, "
        "- below, = equal within the margin, ? open. Where not all runs have a number: n that do; "
        "open dots are of fewer than 3."
    )
    lines.append(f"Code {own:.7}; that of the reference rules {others:.7}.")
    return "\n".join(literal(part) for line in lines for part in textwrap.wrap(line, WIDTH))


def rates_of(found: Profile, task: str) -> str:
    """Return in words the learning rates of the reference rules."""
    study = found.sources[task].study
    setups = [study.setup(name) for name in study.conditions if name != found.name]
    return ", ".join(
        f"{new_rule(setup.learning_rule).label}: {setup.training.learning_rate:g}"
        for setup in setups
    )


def failures_of(found: Profile, task: str) -> str:
    """Return in words how many runs failed, or that the rule does not learn on fresh seeds."""
    source = found.sources[task]
    rows = source.trajectories[source.trajectories["condition"] == found.name]
    failed = rows.groupby("seed")["failed"].any()
    if source.does_not_learn(found.name):
        return f"does not learn on {len(failed)} fresh seeds"
    return f"{failed.sum()} of {len(failed)} runs failed"


def costs_of(found: Profile, task: str) -> str:
    """Return in words what an iteration costs."""
    costs = found.costs[task].set_index("condition")
    own, bptt = costs.loc[found.name], costs.loc["bptt"]
    ratio = own["ms_per_iteration"] / bptt["ms_per_iteration"]
    return (
        f"{digits(own['ms_per_iteration'])} ms, {digits(ratio)} of BPTT's; "
        f"{own['products']:.0f} matrix products, BPTT {bptt['products']:.0f}; "
        f"{own['memory']:.0f} MB"
    )


def needs_of(rule: dict[str, Any]) -> str:
    """Return what a synapse must know for a rule, as the last paragraph of its docstring says."""
    words = " ".join((LEARNING_RULES[rule["name"]].__doc__ or "").split())
    return words.partition(NEEDS)[2] or "not declared"
