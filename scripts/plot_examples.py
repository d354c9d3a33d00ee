"""Draw examples of a task (scripts/record.py) as svg, pdf and png, side by side.

Above is what the network is shown, below what is wanted of it: for a task with classes the class,
written above the steps that are asked for, else the outputs.
"""

import argparse

from lib.style import save, use_style  # before matplotlib

# isort: split
import matplotlib.pyplot as plt
import numpy as np

from lib.program import run
from lsnn.neurons.base import DT
from plot_raster import draw_inputs, draw_windows, read_recorded, window_starts

ARRAYS = ("inputs", "targets")
METADATA = ("task", "seed", "n_windows", "window_steps", "is_classification", "class_names")


def plot_examples(arrays, metadata):
    """Return the figure of the examples."""
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
            wanted = [text_of(number, metadata["class_names"]) for number in np.ravel(target)]
            draw_windows(axes, metadata, n_steps, wanted)
        else:
            draw_wanted(axes[1], target, metadata, n_steps)
        for panel in axes:
            panel.label_outer()
        axes[-1].set(xlabel="time (ms)", xlim=(0, DT * n_steps))
    name = metadata["task"]["name"].replace("_", " ")
    title = f"{name}, seed {metadata['seed']}: the first training examples"
    figure.suptitle(title, fontsize=9)
    return figure


def text_of(number, names):
    """Return what a class is called; nothing where none is wanted."""
    if number < 0:
        return ""
    return names[number] if names else str(number)


def draw_wanted(axes, target, metadata, n_steps):
    """Draw what is wanted of each window (n_windows, n_out), one line per output."""
    starts, width = window_starts(metadata, n_steps)
    wanted = target.reshape(len(starts), -1)
    axes.plot(starts + width / 2, wanted, linewidth=1.2)
    axes.set_ylabel("wanted output")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", required=True, metavar="FILE", help="of record.py")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder of the figure")
    arguments = parser.parse_args()

    arrays, metadata = read_recorded(arguments.examples, ARRAYS, METADATA, "record.py")
    use_style()
    figure = plot_examples(arrays, metadata)
    save(figure, arguments.output, "examples")
    plt.close(figure)


if __name__ == "__main__":
    run(main)
