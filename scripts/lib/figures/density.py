"""The density of all eigenvalues of the Hessian."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axis import XAxis, YAxis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Page
from matplotlib.scale import AsinhScale
from matplotlib.ticker import LogFormatterMathtext, NullLocator, SymmetricalLogLocator
from scipy import stats

from lib.figures import panels
from lib.figures.results import Results
from lib.figures.style import make_logarithmic, make_logarithmic_both_ways
from lsnn.study.columns import ITERATION
from lsnn.study.config import Study
from lsnn.study.outputs import Figure

WIDTH = 0.12  # standard deviation, in decades where the axis is logarithmic
LINEAR = 0.1  # eigenvalues of smaller size are on the linear part of the axis
# Of training, at which densities are drawn as lines.
PORTIONS = {"before training": 0.0, "after a third": 1 / 3, "at the end": 1.0}


def draw_densities(
    results: Results, figure: Figure, draw: Callable[[pd.DataFrame, Study], Page]
) -> Page | None:
    """Draw the densities of a study, if it has spectra."""
    start = "/".join(figure.entry)
    if not any(name.startswith(f"{start}/") for name in results.spectra):
        return None
    densities = densities_of(results, start)
    if densities.empty:
        return panels.page_of_words("all runs failed")
    return draw(densities, results.study)


def maps(densities: pd.DataFrame, study: Study) -> Page:
    """Return densities along training drawn as images, one panel per condition."""
    means, thresholds = means_over_seeds(densities, study), panels.thresholds(study)
    page, by_condition = panels.panels_by_condition(list(means), study)
    places, most = densities.columns, max(mean.max(axis=None) for mean in means.values())
    norm = LogNorm(vmin=1e-5 * most, vmax=most, clip=True)
    step = places[1] - places[0]
    across = eigenvalues_at(np.append(places - step / 2, places[-1] + step / 2))
    for name, axes in by_condition.items():
        iterations = means[name].index.to_numpy()
        middles = (iterations[1:] + iterations[:-1]) / 2
        edges = np.concatenate([iterations[:1], middles, iterations[-1:]])
        values = np.maximum(means[name].T, 1e-9 * most)
        mesh = axes.pcolormesh(edges, across, values, norm=norm, cmap="mako_r", rasterized=True)
        if thresholds.get(name, np.inf) < across[-1]:
            axes.axhline(thresholds[name], **panels.THRESHOLD)
        axes.set(xlabel=ITERATION.label, ylabel="eigenvalue")
        scale_eigenvalues(axes.yaxis)
        make_logarithmic_both_ways(axes.xaxis, min(iterations[iterations > 0], default=1))
        axes.label_outer()
    page.colorbar(mesh, ax=list(by_condition.values()), label="density per decade")
    if thresholds:
        panels.add_legend(page, [panels.threshold_handle()])
    return page


def lines_at_portions(densities: pd.DataFrame, study: Study) -> Page:
    """Return densities drawn as lines, one panel per portion of training."""
    page, all_axes = panels.page_of_panels(len(PORTIONS), sharex=True, sharey=True)
    means, looks = means_over_seeds(densities, study), panels.looks(study)
    for axes, (words, portion) in zip(all_axes, PORTIONS.items(), strict=True):
        for name, mean in means.items():
            nearest = np.argmin(np.abs(mean.index - portion * mean.index[-1]))
            line = {"color": looks[name].colour, "linestyle": looks[name].line}
            axes.plot(eigenvalues_at(mean.columns), mean.iloc[nearest], **line)
        axes.set_title(words)
        axes.set(xlabel="eigenvalue", ylabel="density per decade")
        make_logarithmic(axes.yaxis)
        scale_eigenvalues(axes.xaxis)
        axes.label_outer()
    most = max(mean.max(axis=None) for mean in means.values())
    all_axes[0].set_ylim(1e-5 * most, 2 * most)
    n_runs = densities.reset_index().groupby("condition")["seed"].nunique()
    labels = {
        name: panels.drawn_label(study, name) + panels.counted(n_runs[name]) for name in means
    }
    panels.add_legend(page, [looks[name].handle(labels[name], marker="") for name in means])
    return page


def densities_of(results: Results, entry: str) -> pd.DataFrame:
    """Return the density of eigenvalues, per decade, at places on their axis.

    A place is where :func:`on_asinh` puts an eigenvalue. Every node counts, by its weight, as a
    normal density of :data:`WIDTH` around its place. Runs that failed are left out.

    Returns:
        A row for each condition, seed and iteration, a column for each place.
    """
    nodes = {}
    runs = panels.successful(results.trajectories).groupby(["condition", "seed"])
    for condition, seed in runs.groups:
        folder = f"{entry}/{condition}/{seed}"
        if f"{folder}/density_nodes" not in results.spectra:
            continue
        names = ("iteration", "density_nodes", "density_weights")
        spectra = (results.spectra[f"{folder}/{name}"] for name in names)
        for iteration, eigenvalues, weights in zip(*spectra, strict=True):
            there = weights > 0
            found = on_asinh(eigenvalues[there]), weights[there] / len(eigenvalues)
            nodes[condition, seed, iteration] = found
    if not nodes:
        return pd.DataFrame()
    places = np.concatenate([places for places, _ in nodes.values()])
    axis = np.arange(places.min() - 4 * WIDTH, places.max() + 4 * WIDTH, WIDTH / 3)
    densities = pd.DataFrame({key: smooth(axis, *of_run) for key, of_run in nodes.items()}, axis)
    return densities.T.rename_axis(["condition", "seed", "iteration"])


def means_over_seeds(densities: pd.DataFrame, study: Study) -> dict[str, pd.DataFrame]:
    """Return the mean density of each condition: a row per iteration, a column per place."""
    means = densities.groupby(["condition", "iteration"]).mean()
    return {name: means.loc[name] for name in study.conditions if name in means.index}


def on_asinh(eigenvalues: np.ndarray) -> np.ndarray:
    """Return the places of eigenvalues on their axis, in decades where it is logarithmic."""
    return np.arcsinh(np.asarray(eigenvalues) / (2 * LINEAR)) / np.log(10)


def eigenvalues_at(places: np.ndarray) -> np.ndarray:
    """Return the eigenvalues at some places; the inverse of :func:`on_asinh`."""
    return 2 * LINEAR * np.sinh(np.asarray(places) * np.log(10))


def smooth(axis: np.ndarray, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the density of weighted places along an axis, each a normal density of :data:`WIDTH`.

    >>> axis = np.linspace(-1, 1, 2001)
    >>> float(np.round(smooth(axis, np.array([0.2]), np.array([0.5])).sum() * 0.001, 6))
    0.5
    """
    return stats.norm.pdf(axis[:, None], places, WIDTH).dot(weights)


def scale_eigenvalues(axis: XAxis | YAxis) -> None:
    """Make an axis one of eigenvalues, with labels at 0 and at powers of ten from 1 on."""
    scale = AsinhScale(axis, linear_width=2 * LINEAR)
    axis.axes.set(**{f"{axis.axis_name}scale": scale})
    locator = SymmetricalLogLocator(base=10, linthresh=1)
    locator.set_params(numticks=6)  # with ten ticks or more, at every other power
    axis.set_major_locator(locator)
    axis.set_major_formatter(LogFormatterMathtext())
    axis.set_minor_locator(NullLocator())


draw_density = partial(draw_densities, draw=maps)
draw_density_lines = partial(draw_densities, draw=lines_at_portions)
