"""What was recorded step by step: one trial of a spiking network, and examples of the task."""

from collections.abc import Iterable
from string import ascii_lowercase
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page
from matplotlib.ticker import MaxNLocator
from scipy.special import softmax

from lib.figures.panels import BAND, LETTER
from lib.figures.results import Results, draw_recorded
from lib.figures.style import RED, literal
from lsnn.neurons.base import DT
from lsnn.study.outputs import Figure
from lsnn.tasks.delayed_match import SAMPLE_STEPS

REGULAR, ADAPTIVE = "0.25", RED
MOST_LINES = 20  # of thresholds; for more than that, mean and range are drawn
MOST_ANALOG_LINES = 4  # of inputs; more than that are an image
MOST_IN_COLUMN = 6  # of classes in the legend
BORDER: dict[str, Any] = {"color": "0.85", "linewidth": 0.6, "zorder": 0}
WHITE: dict[str, Any] = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}
SHADE: dict[str, Any] = {"color": "0.92", "linewidth": 0, "zorder": 0}


def draw_raster(results: Results, figure: Figure) -> Page | None:
    """Draw the trial of a condition; nothing where none was recorded."""
    names = ("inputs", "spikes", "thresholds", "outputs")
    return draw_recorded(results, f"trials/{figure.condition}.npz", names, draw_trial)


def draw_examples(results: Results, figure: Figure) -> Page | None:
    """Draw the first training examples; nothing where there is no file of them."""
    return draw_recorded(results, "examples.npz", ("inputs", "targets"), draw_side_by_side)


def draw_trial(arrays: dict[str, np.ndarray], metadata: dict[str, Any]) -> Page:
    """Return the figure of a trial.

    From top to bottom: inputs, spikes of the units, adaptive thresholds, and the output, against
    time. For a task with classes that is asked for in shaded windows, with the wanted class above
    them.
    """
    n_adaptive = metadata["network"]["neurons"].get("n_adaptive", 0)
    heights = {"inputs": 2.0, "units": 3.0, "thresholds": 1.5, "output": 1.5}
    if n_adaptive == 0:
        del heights["thresholds"]
    size, ratios = (7, 0.8 + 0.7 * sum(heights.values())), list(heights.values())
    layout: dict[str, Any] = {"sharex": True, "height_ratios": ratios, "layout": "constrained"}
    figure, axes = plt.subplot_mosaic([[name] for name in heights], figsize=size, **layout)
    draw_inputs(axes["inputs"], arrays["inputs"])
    draw_units(axes["units"], arrays["spikes"], n_adaptive)
    if n_adaptive:
        draw_thresholds(axes["thresholds"], arrays["thresholds"][:, -n_adaptive:])
    draw_outputs(axes["output"], arrays["outputs"], metadata)
    n_steps, texts = len(arrays["outputs"]), []
    if metadata["is_classification"]:
        texts = answers(metadata)
        write_above(axes["output"], DT * n_steps, "  target (answer)", ha="left")
    draw_windows(list(axes.values()), metadata, n_steps, texts)
    trained = literal("{label}, seed {seed}, iteration {iteration}".format_map(metadata))
    example = "{split} example {index}".format_map(metadata["example"])
    complete(figure, n_steps, f"{trained}: {example}")
    return figure


def draw_side_by_side(arrays: dict[str, np.ndarray], metadata: dict[str, Any]) -> Page:
    """Return the figure of examples, side by side.

    Above is what the network is shown, below what is wanted of it: for a task with classes the
    class, written above the steps that are asked for, else the outputs.
    """
    n_steps, n, _ = arrays["inputs"].shape
    n_rows = 1 if metadata["is_classification"] else 2
    layout: dict[str, Any] = {"sharex": True, "sharey": "row", "layout": "constrained"}
    size = (0.8 + 1.7 * n, 0.8 + 1.5 * n_rows)
    figure, grid = plt.subplots(n_rows, n, figsize=size, squeeze=False, **layout)
    limits = arrays["inputs"].min(), arrays["inputs"].max()
    for example, axes in enumerate(grid.T):
        draw_inputs(axes[0], arrays["inputs"][:, example], limits)
        draw_phases(axes[0], metadata["task"])
        target = arrays["targets"][..., example]
        if metadata["is_classification"]:
            names = metadata["class_names"] or range(1 + target.max())
            wanted = ["" if number < 0 else str(names[number]) for number in np.ravel(target)]
            draw_windows(axes, metadata, n_steps, wanted)
        else:
            middles = window_starts(metadata, n_steps) + DT * metadata["window_steps"] / 2
            axes[1].plot(middles, target.reshape(len(middles), -1), linewidth=1.2)
            axes[1].set_ylabel("wanted output")
    name = metadata["task"]["name"].replace("_", " ")
    complete(figure, n_steps, f"{name}, seed {metadata['seed']}: the first training examples")
    return figure


def complete(figure: Page, n_steps: int, title: str) -> None:
    """Label panels and axes of time, give a figure its title, and images of inputs their scale."""
    panels = list(figure.axes)
    for letter, axes in zip(ascii_lowercase, panels, strict=False):
        axes.set_title(letter, **LETTER)
        axes.set(xlabel="time (ms)", xlim=(0, DT * n_steps))
        axes.label_outer()
    images = [axes for axes in panels if axes.images]
    if images:
        figure.colorbar(images[-1].images[0], ax=images[-1], label="input", aspect=12)
    figure.align_ylabels()
    figure.suptitle(title, fontsize=9)


def times(n_steps: int) -> np.ndarray:
    """Return the middle of every step, in ms."""
    return DT * (np.arange(n_steps) + 0.5)


def draw_inputs(axes: Axes, inputs: np.ndarray, limits: tuple[float, float] | None = None) -> None:
    """Draw inputs (T, n_in): spikes if all are 0 or 1, else lines or, for many, an image.

    Args:
        limits: of the inputs, that the colours of an image span; its own if there are none.
    """
    n_steps, n_in = inputs.shape
    is_spikes = np.isin(inputs, (0, 1)).all()
    axes.set_ylabel("input channel" if n_in > MOST_ANALOG_LINES or is_spikes else "input")
    if is_spikes:
        draw_spikes(axes, inputs, range(n_in), REGULAR)
        axes.set_ylim(-0.5, n_in - 0.5)
    elif n_in <= MOST_ANALOG_LINES:
        labels = [f"input {number}" for number in range(n_in)]
        axes.plot(times(n_steps), inputs, linewidth=0.8, label=labels)
        add_legend(axes)
    else:
        extent = (0, DT * n_steps, -0.5, n_in - 0.5)
        look: dict[str, Any] = {"cmap": "Greys", "interpolation": "nearest", "zorder": 0.5}
        look["vmin"], look["vmax"] = limits or (inputs.min(), inputs.max())
        axes.imshow(inputs.T, origin="lower", extent=extent, aspect="auto", **look)


def draw_units(axes: Axes, spikes: np.ndarray, n_adaptive: int) -> None:
    """Draw the spikes (T, N) of regular units and, above them, of the last ones, which adapt."""
    n_units = spikes.shape[1]
    n_regular = n_units - n_adaptive
    if n_adaptive:
        draw_spikes(axes, spikes, range(n_regular, n_units), ADAPTIVE, label="adaptive")
    if n_regular:
        draw_spikes(axes, spikes, range(n_regular), REGULAR, label="regular")
    axes.set(ylabel="unit", ylim=(-0.5, n_units - 0.5))
    add_legend(axes)


def draw_spikes(
    axes: Axes, spikes: np.ndarray, rows: range, colour: Any, label: str | None = None
) -> None:
    """Draw a short vertical line for every spike (T, units) of the units ``rows``.

    All are one line with gaps, which makes a small file.
    """
    steps, places = np.nonzero(spikes[:, rows.start : rows.stop])
    half = max(0.4, spikes.shape[1] / 150)  # with many units the lines overlap, but can be seen
    x = np.repeat(times(len(spikes))[steps], 3)
    y = np.add.outer(rows.start + places, [-half, half, np.nan]).ravel()
    look: dict[str, Any] = {"linewidth": 0.7, "solid_capstyle": "butt", "label": label}
    axes.plot(np.where(np.isnan(y), np.nan, x), y, color=colour, **look)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def draw_thresholds(axes: Axes, thresholds: np.ndarray) -> None:
    """Draw the thresholds (T, n_adaptive): a line each or, for many, mean and range."""
    n_steps, n_adaptive = thresholds.shape
    axes.set_ylabel("threshold")
    if n_adaptive <= MOST_LINES:
        axes.plot(times(n_steps), thresholds, color=ADAPTIVE, linewidth=0.6, alpha=0.8)
        return
    x, low, high = times(n_steps), thresholds.min(axis=1), thresholds.max(axis=1)
    axes.fill_between(x, low, high, color=ADAPTIVE, label="range", **BAND)
    axes.plot(x, thresholds.mean(axis=1), color=ADAPTIVE, linewidth=1.2, label="mean")
    add_legend(axes)


def draw_outputs(axes: Axes, outputs: np.ndarray, metadata: dict[str, Any]) -> None:
    """Draw the outputs (T, n_out), a line each, and dashed what is wanted of each window.

    For a task with classes nothing is dashed. Where the loss is of the softmax, that is drawn.
    """
    n_steps, n_out = outputs.shape
    is_classification = metadata["is_classification"]
    # Older files do not say: there the loss of classes was cross entropy.
    of_softmax = metadata.get("of_softmax", is_classification)
    values = softmax(outputs, axis=1) if of_softmax else outputs
    name = "class" if is_classification else "output"
    labels = [f"{name} {number}" for number in range(n_out)]
    axes.set_prop_cycle(color=sns.color_palette("colorblind", n_out))
    axes.plot(times(n_steps), values, linewidth=1, label=labels)
    axes.set_ylabel("softmax of output" if of_softmax else "output")
    if of_softmax:
        axes.set_ylim(-0.02, 1.02)
    if not is_classification:
        middles = window_starts(metadata, n_steps) + DT * metadata["window_steps"] / 2
        labels = [f"target {number}" for number in range(n_out)]
        axes.plot(middles, metadata["target"], "--", linewidth=1, label=labels)
    add_legend(axes)


def window_starts(metadata: dict[str, Any], n_steps: int) -> np.ndarray:
    """Return where the windows start, in ms."""
    return DT * (n_steps - metadata["window_steps"] * np.arange(metadata["n_windows"], 0, -1))


def draw_windows(
    panels: Iterable[Axes], metadata: dict[str, Any], n_steps: int, texts: list[str]
) -> None:
    """Draw borders of windows in all panels; shade those with a text, above the last panel."""
    starts, width = window_starts(metadata, n_steps), DT * metadata["window_steps"]
    for panel in panels:
        for border in starts[starts > 0]:
            panel.axvline(border, **BORDER)
    *_, last = panels
    for start, text in zip(starts, texts, strict=False):  # without texts there are none
        if text:
            last.axvspan(start, start + width, **SHADE)
            write_above(last, start + width / 2, text, ha="center")


def draw_phases(axes: Axes, task: dict[str, Any]) -> None:
    """Mark where the sample, the delay and the test of delayed match begin."""
    if task["name"] != "delayed_match":
        return
    starts = {"sample": 0, "delay": SAMPLE_STEPS, "test": SAMPLE_STEPS + task["delay"]}
    for name, step in starts.items():
        axes.axvline(DT * step, **{**BORDER, "zorder": 1})
        look: dict[str, Any] = {"rotation": 90, "va": "bottom", "fontsize": 6, "bbox": WHITE}
        axes.text(DT * (step + 0.5), 0.03, name, transform=axes.get_xaxis_transform(), **look)


def answers(metadata: dict[str, Any]) -> list[str]:
    """Return the class that is wanted of each window and, if it is another one, the answer."""
    pairs = zip(metadata["target"], metadata["prediction"], strict=True)
    return [
        "" if target < 0 else f"{target}" if prediction == target else f"{target} ({prediction})"
        for target, prediction in pairs
    ]


def write_above(axes: Axes, time: float, text: str, ha: str) -> None:
    """Write a text above a panel at a time (ms)."""
    place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    axes.annotate(text, (time, 1), (0, 1), fontsize=8, ha=ha, va="bottom", **place)


def add_legend(axes: Axes) -> None:
    """Add a legend to the right of a panel."""
    n_columns = 1 + (len(axes.get_legend_handles_labels()[0]) - 1) // MOST_IN_COLUMN
    axes.legend(
        loc="center left", bbox_to_anchor=(1, 0.5), ncols=n_columns,
        handlelength=1, columnspacing=1,
    )  # fmt: skip
