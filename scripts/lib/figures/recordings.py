"""What was recorded step by step: one trial of a spiking network, and examples of the task."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page
from matplotlib.ticker import MaxNLocator
from scipy.special import softmax

from lib.figures.results import Results, read_recorded
from lib.figures.style import COLOURS
from lsnn.neurons.base import DT
from lsnn.study.outputs import Figure

# What is drawn of a file: arrays, and names in its metadata.
TRIAL = (
    ("inputs", "spikes", "thresholds", "outputs"),
    (
        *("condition", "label", "seed", "iteration", "example", "network", "n_windows"),
        *("window_steps", "is_classification", "target", "prediction"),
    ),
)
EXAMPLES = (
    ("inputs", "targets"),
    (*("task", "seed", "n_windows", "window_steps", "is_classification", "class_names"),),
)

REGULAR, ADAPTIVE = "0.25", COLOURS["red"]
MOST_LINES = 20  # of thresholds; for more than that, mean and range are drawn
MOST_ANALOG_LINES = 4  # of inputs; more than that are an image
MOST_IN_COLUMN = 6  # of classes in the legend
BORDER = {"color": "0.85", "linewidth": 0.6, "zorder": 0}
SHADE = {"color": "0.92", "linewidth": 0, "zorder": 0}


def draw_raster(results: Results, figure: Figure) -> Page | None:
    """Draw the trial of a condition; nothing where none was recorded."""
    found = read_recorded(results, f"trials/{figure.condition}.npz", *TRIAL)
    return found and plot_trial(*found)


def draw_examples(results: Results, figure: Figure) -> Page | None:
    """Draw the first training examples; nothing where there is no file of them."""
    found = read_recorded(results, "examples.npz", *EXAMPLES)
    return found and plot_examples(*found)


def plot_trial(arrays, metadata):
    """Return the figure of a trial.

    From top to bottom: inputs, spikes of the units, adaptive thresholds, and the output, against
    time. For a task with classes that is the softmax, asked for in shaded windows, with the wanted
    class above them.
    """
    n_adaptive = metadata["network"]["neurons"].get("n_adaptive", 0)
    heights = {"inputs": 2, "units": 3, "thresholds": 1.5, "output": 1.5}
    if n_adaptive == 0:
        del heights["thresholds"]
    size, ratios = (7, 0.8 + 0.7 * sum(heights.values())), list(heights.values())
    layout = {"sharex": True, "height_ratios": ratios, "layout": "constrained"}
    figure, axes = plt.subplot_mosaic([[name] for name in heights], figsize=size, **layout)
    draw_inputs(axes["inputs"], arrays["inputs"])
    draw_units(axes["units"], arrays["spikes"], n_adaptive)
    if n_adaptive:
        draw_thresholds(axes["thresholds"], arrays["thresholds"][:, -n_adaptive:])
    draw_outputs(axes["output"], arrays["outputs"], metadata)
    n_steps, texts = len(arrays["outputs"]), None
    if metadata["is_classification"]:
        texts = answers(metadata)
        write_above(axes["output"], DT * n_steps, "  target (answer)", ha="left")
    draw_windows(list(axes.values()), metadata, n_steps, texts)
    for panel in axes.values():
        panel.label_outer()
    axes["output"].set(xlabel="time (ms)", xlim=(0, DT * n_steps))
    figure.align_ylabels()
    trained = "{label}, seed {seed}, iteration {iteration}".format_map(metadata)
    example = "{split} example {index}".format_map(metadata["example"])
    figure.suptitle(f"{trained}: {example}", fontsize=9)
    return figure


def plot_examples(arrays, metadata):
    """Return the figure of examples, side by side.

    Above is what the network is shown, below what is wanted of it: for a task with classes the
    class, written above the steps that are asked for, else the outputs.
    """
    inputs = arrays["inputs"]
    n_steps, n, _ = inputs.shape
    n_rows = 1 if metadata["is_classification"] else 2
    figure, panels = plt.subplots(
        n_rows, n, figsize=(0.8 + 1.7 * n, 0.8 + 1.5 * n_rows), sharex=True, sharey="row",
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for example, axes in enumerate(panels.T):
        draw_inputs(axes[0], inputs[:, example])
        target = arrays["targets"][..., example]
        if metadata["is_classification"]:
            names = metadata["class_names"] or range(1 + target.max())
            wanted = ["" if number < 0 else str(names[number]) for number in np.ravel(target)]
            draw_windows(axes, metadata, n_steps, wanted)
        else:
            starts, width = window_starts(metadata, n_steps)
            axes[1].plot(starts + width / 2, target.reshape(len(starts), -1), linewidth=1.2)
            axes[1].set_ylabel("wanted output")
        for panel in axes:
            panel.label_outer()
        axes[-1].set(xlabel="time (ms)", xlim=(0, DT * n_steps))
    name = metadata["task"]["name"].replace("_", " ")
    title = f"{name}, seed {metadata['seed']}: the first training examples"
    figure.suptitle(title, fontsize=9)
    return figure


def times(n_steps):
    """Return the middle of every step, in ms."""
    return DT * (np.arange(n_steps) + 0.5)


def draw_inputs(axes, inputs):
    """Draw inputs (T, n_in): spikes if all are 0 or 1, else lines or, for many, an image."""
    n_steps, n_in = inputs.shape
    axes.set_ylabel("input")
    if np.isin(inputs, (0, 1)).all():
        draw_spikes(axes, inputs, range(n_in), REGULAR)
        axes.set_ylim(-0.5, n_in - 0.5)
    elif n_in <= MOST_ANALOG_LINES:
        for number, values in enumerate(inputs.T):
            axes.plot(times(n_steps), values, linewidth=0.8, label=f"input {number}")
        add_legend(axes)
    else:
        extent = (0, DT * n_steps, -0.5, n_in - 0.5)
        look = {"cmap": "Greys", "interpolation": "nearest", "aspect": "auto", "zorder": 0.5}
        axes.imshow(inputs.T, origin="lower", extent=extent, **look)


def draw_units(axes, spikes, n_adaptive):
    """Draw the spikes (T, N) of regular units and, above them, of the last ones, which adapt."""
    n_units = spikes.shape[1]
    n_regular = n_units - n_adaptive
    groups = {
        "adaptive": (range(n_regular, n_units), ADAPTIVE),
        "regular": (range(n_regular), REGULAR),
    }
    for name, (units, colour) in groups.items():
        if len(units):
            draw_spikes(axes, spikes, units, colour, label=name)
    axes.set(ylabel="unit", ylim=(-0.5, n_units - 0.5))
    add_legend(axes)


def draw_spikes(axes, spikes, rows, colour, **look):
    """Draw a short vertical line for every spike (T, units) of the units ``rows``.

    All are one line with gaps, which makes a small file.
    """
    steps, places = np.nonzero(spikes[:, rows.start : rows.stop])
    gaps = np.full(len(steps), np.nan)
    x = times(len(spikes))[steps]
    y = rows.start + places
    half = max(0.4, spikes.shape[1] / 150)  # with many units the lines overlap, but can be seen
    xs = np.column_stack([x, x, gaps]).ravel()
    ys = np.column_stack([y - half, y + half, gaps]).ravel()
    axes.plot(xs, ys, color=colour, linewidth=0.7, solid_capstyle="butt", **look)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def draw_thresholds(axes, thresholds):
    """Draw the thresholds (T, n_adaptive): a line each or, for many, mean and range."""
    n_steps, n_adaptive = thresholds.shape
    axes.set_ylabel("threshold")
    if n_adaptive <= MOST_LINES:
        axes.plot(times(n_steps), thresholds, color=ADAPTIVE, linewidth=0.6, alpha=0.8)
        return
    low, high = thresholds.min(axis=1), thresholds.max(axis=1)
    axes.fill_between(
        times(n_steps), low, high, color=ADAPTIVE, alpha=0.25, linewidth=0, label="range"
    )
    axes.plot(times(n_steps), thresholds.mean(axis=1), color=ADAPTIVE, linewidth=1.2, label="mean")
    add_legend(axes)


def draw_outputs(axes, outputs, metadata):
    """Draw the outputs (T, n_out), a line each, and dashed what is wanted of each window.

    For a task with classes that is the softmax, and nothing is dashed.
    """
    is_classification = metadata["is_classification"]
    values = softmax(outputs, axis=1) if is_classification else outputs
    starts, width = window_starts(metadata, len(outputs))
    for number, colour in enumerate(sns.color_palette("colorblind", outputs.shape[1])):
        look = {"color": colour, "linewidth": 1}
        label = f"{'class' if is_classification else 'output'} {number}"
        axes.plot(times(len(outputs)), values[:, number], label=label, **look)
        if not is_classification:
            wanted, label = np.array(metadata["target"])[:, number], f"target {number}"
            axes.plot(starts + width / 2, wanted, linestyle="--", label=label, **look)
    axes.set_ylabel("softmax of output" if is_classification else "output")
    if is_classification:
        axes.set_ylim(-0.02, 1.02)
    add_legend(axes)


def window_starts(metadata, n_steps):
    """Return where the windows start, and how long they are, in ms."""
    width = DT * metadata["window_steps"]
    return DT * n_steps - width * np.arange(metadata["n_windows"], 0, -1), width


def draw_windows(panels, metadata, n_steps, texts=None):
    """Draw borders of windows in all panels; shade those with a text, above the last panel."""
    starts, width = window_starts(metadata, n_steps)
    for panel in panels:
        for border in starts[starts > 0]:
            panel.axvline(border, **BORDER)
    *_, last = panels
    for start, text in zip(starts, texts or [], strict=texts is not None):
        if text:
            last.axvspan(start, start + width, **SHADE)
            write_above(last, start + width / 2, text, ha="center")


def answers(metadata):
    """Return the class that is wanted of each window and, if it is another one, the answer."""
    pairs = zip(metadata["target"], metadata["prediction"], strict=True)
    return [
        "" if target < 0 else f"{target}" if prediction == target else f"{target} ({prediction})"
        for target, prediction in pairs
    ]


def write_above(axes, time, text, **look):
    """Write a text above a panel at a time (ms)."""
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    axes.annotate(text, (time, 1), (0, 1), fontsize=8, va="bottom", **place, **look)


def add_legend(axes: Axes) -> None:
    """Add a legend to the right of a panel."""
    n_columns = 1 + (len(axes.get_legend_handles_labels()[0]) - 1) // MOST_IN_COLUMN
    axes.legend(
        loc="center left", bbox_to_anchor=(1, 0.5), ncols=n_columns,
        handlelength=1, columnspacing=1,
    )  # fmt: skip
