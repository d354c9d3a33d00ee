"""The density of all eigenvalues of the Hessian."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Page
from scipy import stats

from lib.figures import panels
from lib.figures.results import Results
from lib.figures.stability import about_entry
from lib.figures.style import label_logarithmic
from lsnn.study.columns import FRACTION
from lsnn.study.config import Study
from lsnn.study.outputs import Figure

WIDTH = 0.12  # standard deviation, in decades where the axis is logarithmic
LINEAR = 0.1  # eigenvalues of smaller size are on the linear part of the axis
PORTIONS = (0.0, 0.33, 1.0)  # of training, at which densities are drawn as lines


class Density(NamedTuple):
    """The spectral density of a condition at fractions of training, a mean over seeds."""

    fractions: Any  # array (checkpoints)
    values: Any  # (checkpoints, places), per unit of place
    n_runs: int


def draw_density(results: Results, figure: Figure) -> Page | None:
    """Draw the spectral density along training, one panel per condition."""
    return draw_densities(results, figure, draw_density_maps)


def draw_density_lines(results: Results, figure: Figure) -> Page | None:
    """Draw the spectral density at a few fractions of training."""
    return draw_densities(results, figure, draw_lines_at_portions)


def draw_densities(results, figure, draw):
    """Draw the densities of a study, if it has spectra."""
    start = "/".join(figure.entry)
    if not any(name.startswith(f"{start}/") for name in results.spectra):
        return None
    places, densities = densities_of(results, figure.entry)
    if not densities:
        return panels.page_of_words("all runs diverged")
    return draw(places, densities, results.study)


def draw_density_maps(places, densities, study):
    """Draw densities as images, one panel per condition."""
    page, by_condition = panels.panels_by_condition(densities, study)
    most = max(density.values.max() for density in densities.values())
    norm = LogNorm(vmin=1e-5 * most, vmax=most, clip=True)
    for name, density in densities.items():
        axes = by_condition[name]
        edges = np.concatenate([[0], (density.fractions[1:] + density.fractions[:-1]) / 2, [1]])
        step = places[1] - places[0]
        across = np.append(places - step / 2, places[-1] + step / 2)
        values = np.maximum(density.values.T, 1e-9 * most)
        mesh = axes.pcolormesh(edges, across, values, norm=norm, cmap="mako_r", rasterized=True)
        threshold = study.threshold_of(name)
        if threshold and on_symlog(threshold) < places[-1]:
            axes.axhline(float(on_symlog(threshold)), **panels.THRESHOLD)
        axes.set(xlabel=FRACTION.label, ylabel="eigenvalue")
        label_eigenvalues(axes.yaxis, places)
        axes.label_outer()
    page.colorbar(mesh, ax=list(by_condition.values()), label="density per decade")
    if any(study.threshold_of(name) for name in densities):
        panels.place_legend(page, [panels.threshold_handle()])
    return page


def draw_lines_at_portions(places, densities, study):
    """Draw densities as lines, one panel per portion of training."""
    page, all_axes = panels.page_of_panels(len(PORTIONS), sharex=True, sharey=True)
    appearance = panels.looks(study)
    for axes, portion in zip(all_axes, PORTIONS, strict=True):
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
    all_axes[0].set_ylim(1e-5 * most, 2 * most)
    labels = {
        name: f"{study.conditions[name].label} (n = {density.n_runs})"
        for name, density in densities.items()
    }
    handles = [appearance[name].handle(label, marker="") for name, label in labels.items()]
    panels.place_legend(page, handles)
    return page


def caption_density(study: Study, figure: Figure) -> str:
    """Return the caption of the spectral density along training."""
    return f"""
        The density of all eigenvalues of the Hessian along training, one panel per condition,
        averaged over seeds, by stochastic Lanczos quadrature. {about_entry(study, figure)} The axis
        of eigenvalues is logarithmic on either side of zero, and linear near it; every node is
        drawn as a normal density on this axis, whose width is chosen for the figure and is not part
        of the results. A dashed line is 2 / learning rate."""


def caption_density_lines(study: Study, figure: Figure) -> str:
    """Return the caption of the spectral density at a few fractions of training."""
    return f"""
        The density of all eigenvalues of the Hessian at the beginning, early, and at the end of
        training, one line per condition, averaged over seeds, by stochastic Lanczos quadrature.
        {about_entry(study, figure)} The axis of eigenvalues is logarithmic on either side of zero,
        and linear near it."""


def densities_of(results, entry):
    """Return places on the axis of eigenvalues, and the :class:`Density` of every condition there.

    A place is where :func:`on_symlog` puts an eigenvalue. Every node counts, by its weight, as a
    normal density of :data:`WIDTH` around its place. Runs that diverged are left out.
    """
    nodes = {}  # places and weights of those of a run, by condition, fraction and run
    for (condition, seed), run in panels.finished(results.trajectories).groupby(
        ["condition", "seed"]
    ):
        folder = f"{'/'.join(entry)}/{condition}/{seed}"
        if f"{folder}/density_nodes" not in results.spectra:
            continue
        fractions = dict(zip(run["iteration"], run["fraction"], strict=True))
        names = ("iteration", "density_nodes", "density_weights")
        spectra = (results.spectra[f"{folder}/{name}"] for name in names)
        for iteration, of_checkpoint, weights in zip(*spectra, strict=True):
            there = weights > 0
            found = on_symlog(of_checkpoint[there]), weights[there] / len(of_checkpoint)
            by_fraction = nodes.setdefault(condition, {})
            by_fraction.setdefault(fractions[iteration], []).append(found)
    if not nodes:
        return np.array([]), {}
    places = np.concatenate([at for by in nodes.values() for runs in by.values() for at, _ in runs])
    axis = np.arange(places.min() - 4 * WIDTH, places.max() + 4 * WIDTH, WIDTH / 3)
    densities = {}
    for condition in results.study.conditions:
        if condition in nodes:
            by_fraction = dict(sorted(nodes[condition].items()))
            values = [
                np.mean([smooth(axis, *run) for run in runs], axis=0)
                for runs in by_fraction.values()
            ]
            n_runs = max(map(len, by_fraction.values()))
            fractions = np.array(list(by_fraction))
            densities[condition] = Density(fractions, np.array(values), n_runs)
    return axis, densities


def on_symlog(values: np.ndarray) -> np.ndarray:
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
