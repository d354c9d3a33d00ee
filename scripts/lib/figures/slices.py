"""The loss around the weights at the end of training."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Page
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lib.figures import panels
from lib.figures.results import Results
from lib.figures.style import RED
from lsnn.study.columns import Column
from lsnn.study.config import Study
from lsnn.study.outputs import Figure

# The arrays of each run by name, by its condition and seed.
Slices = dict[tuple[str, int], dict[str, np.ndarray]]

DISTANCE = Column("distance", "number", "distance from the weights")
RISES = (
    Column("along_eigenvector", "number", "rise of the loss along the leading eigenvector"),
    Column("along_step", "number", "rise of the loss along the rule's step"),
)
STEP: dict[str, Any] = {"color": RED, "linewidth": 1.2, "marker": "o", "markersize": 3}
CONTOURS = 12


def draw_slices(
    results: Results, figure: Figure, draw: Callable[[Slices, Study], Page]
) -> Page | None:
    """Draw the slices of a study, if it has any."""
    start = "/".join(figure.entry)
    if not any(name.startswith(f"{start}/") for name in results.spectra):
        return None
    slices = last_slices(results, start)
    if not slices:
        return panels.page_of_words("all runs failed")
    return draw(slices, results.study)


def planes(slices: Slices, study: Study) -> Page:
    """Return the planes of eigenvector and step drawn, of one run of each condition."""
    of_condition = {condition: of_run for (condition, _), of_run in reversed(slices.items())}
    names = [name for name in study.conditions if name in of_condition]
    losses = np.concatenate([of_condition[name]["plane"] for name in names])
    least, most = losses[losses > 0].min(), losses.max()
    levels = np.geomspace(least, most, CONTOURS)
    look: dict[str, Any] = {"norm": LogNorm(least, most), "cmap": "mako", "shading": "gouraud"}
    page, by_condition = panels.panels_by_condition(names, study)
    for name, axes in by_condition.items():
        distances, plane, step = (of_condition[name][k] for k in ("distances", "plane", "step"))
        mesh = axes.pcolormesh(distances, distances, plane.T, rasterized=True, **look)
        axes.contour(distances, distances, plane.T, levels, colors="white", linewidths=0.4)
        ends = [(0, 0), distances[-1] * step / np.linalg.norm(step)]
        axes.plot(*np.transpose(ends), color=RED, linewidth=0.8, linestyle=":")
        axes.plot(*np.transpose([(0, 0), step]), markevery=[1], **STEP)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
        axes.set(xlabel="along the leading eigenvector", ylabel="beside it, towards the step")
        axes.label_outer()
    page.colorbar(mesh, ax=list(by_condition.values()), label="loss, L2 term included")
    direction = Line2D([], [], color=RED, linestyle=":", label="its direction")
    panels.add_legend(page, [Line2D([], [], label="the rule's step", **STEP), direction])
    return page


def lines(slices: Slices, study: Study) -> Page:
    """Return drawn how the loss rises along the leading eigenvector, and along the step."""

    def rise(losses):
        return losses - losses[len(losses) // 2]

    rows = pd.concat(
        pd.DataFrame(
            {"condition": condition, "seed": seed, "distance": of_run["distances"]}
        ).assign(failed=False, **{rises.name: rise(of_run[rises.name]) for rises in RISES})
        for (condition, seed), of_run in slices.items()
    )

    def draw(axes, rows, study, column):
        panels.draw_runs_and_means(axes, rows, rows, study, DISTANCE, column)
        axes.xaxis.set_major_locator(MaxNLocator(4))

    return panels.draw_page(rows, study, RISES, draw)


def last_slices(results: Results, start: str) -> Slices:
    """Return the slices at the last checkpoint of every run that did not diverge."""
    found = {}
    runs = panels.successful(results.trajectories).groupby(["condition", "seed"]).groups
    for condition, seed in runs:
        folder = f"{start}/{condition}/{seed}/slice_"
        arrays = {
            name.removeprefix(folder): array[-1]
            for name, array in results.spectra.items()
            if name.startswith(folder)
        }
        if arrays:
            found[condition, seed] = arrays
    return found


draw_slice = partial(draw_slices, draw=planes)
draw_slice_lines = partial(draw_slices, draw=lines)
