"""Record what a network is shown and what it answers: one trial, or the first training examples.

Writes one file in the format of checkpoint files (lsnn/storage/checkpoints.py), a plain npz. Over T
steps, for N units, it has with

--kind trial, of test example 0 and a spiking network at the final checkpoint of --checkpoints:

    inputs      (T, n_in)           what the network is shown
    spikes      (T, N)     uint8    1 where a unit spikes
    thresholds  (T, N)     float32  of the units
    outputs     (T, n_out) float32  of the readout, before any softmax

and as metadata where they come from, and what was asked and answered: for each of the last
`n_windows` windows of `window_steps` steps the class that is wanted (`target`, negative where none
is) and the class whose mean output is the largest (`prediction`); for a task without classes the
outputs that are wanted (`target`) and the mean outputs (`prediction`), one list per window; and
whether the loss is one of the softmax of outputs (`of_softmax`);

--kind examples, of the first n training examples:

    inputs   (T, n, n_in)  what a network is shown
    targets  (..., n)      what is wanted: classes, or outputs of the last `n_windows` windows

and as metadata which task and seed they are of, what its windows are and its classes are called.
"""

import argparse
from typing import Any, Dict, Tuple

import numpy as np

from lib import jobs
from lib.program import run
from lsnn.errors import ConfigError, ResultError
from lsnn.network import network_of, recorded
from lsnn.neurons import NEURONS
from lsnn.storage import checkpoints, records
from lsnn.tasks.base import Task

SPLIT, EXAMPLE = "test", 0
MOST_EXAMPLES = 4


# What is recorded: the task, the arrays of the file, and its metadata.
Recorded = Tuple[Task, Dict[str, np.ndarray], Dict[str, Any]]


def answers(task: Task, outputs: np.ndarray, targets: Any) -> Tuple[list, list]:
    """Return what is wanted of each of the last windows and what is answered: classes or outputs.

    Args:
        task: of the network.
        outputs: array (T, n_out).
        targets: of one example.
    """
    asked = outputs[len(outputs) - task.n_windows * task.window_steps :]
    means = asked.reshape(task.n_windows, task.window_steps, -1).mean(axis=1)
    if task.is_classification:
        return np.ravel(targets).tolist(), means.argmax(axis=1).tolist()
    return np.reshape(targets, means.shape).tolist(), means.tolist()


def trial(settings: jobs.Settings, arguments: argparse.Namespace) -> Recorded:
    """Return the task, the arrays and the metadata of a trial.

    Raises:
        ConfigError: the units do not spike.
        ResultError: the checkpoint file is damaged, or of another condition or network.
    """
    neurons = settings["network"]["neurons"]["name"]
    if not NEURONS[neurons].spiking:
        raise ConfigError(
            f"network.neurons: {neurons} units do not spike; there is nothing to record"
        )
    path = arguments.checkpoints
    arrays, of_run = checkpoints.read_run(path, settings)
    condition, seed = of_run["condition"], of_run["seed"]
    if condition != settings["condition"]:
        raise ResultError(f"{path}: of condition {condition}, not of {settings['condition']}")
    network = network_of(settings, arguments.data, seed)
    checkpoints.check_shapes(path, arrays, network.shapes)

    task = network.task
    inputs, targets = task.examples(SPLIT, np.array([EXAMPLE]))
    recording = recorded(network, checkpoints.weights_at(arrays, -1), inputs)
    outputs = recording.outputs[:, 0]
    target, prediction = answers(task, outputs, targets)
    jobs.log(f"{arguments.output}: wanted {target}, answered {prediction}")
    found = {
        "inputs": inputs[:, 0],
        "spikes": (recording.spikes[:, 0] > 0).astype(np.uint8),
        "thresholds": recording.thresholds[:, 0],
        "outputs": outputs,
    }
    metadata = {
        "condition": condition,
        "label": settings["label"],
        "seed": seed,
        "iteration": int(arrays["iteration"][-1]),
        "checkpoints": records.describe_file(path),
        "network": settings["network"],
        "example": {"split": SPLIT, "index": EXAMPLE},
        "target": target,
        "prediction": prediction,
        "of_softmax": task.measures[0].of_softmax,
    }
    return task, found, metadata


def examples(settings: jobs.Settings, arguments: argparse.Namespace) -> Recorded:
    """Return the task, the arrays and the metadata of examples."""
    task = network_of(settings, arguments.data, settings["seed"]).task
    n = min(MOST_EXAMPLES, task.sizes["train"])
    inputs, targets = task.examples("train", np.arange(n))
    jobs.log(f"{arguments.output}: {n} examples of {settings['task']['name']}")
    metadata = {"seed": settings["seed"], "class_names": list(task.class_names)}
    return task, {"inputs": inputs, "targets": targets}, metadata


SELECTORS = {"trial": ("condition",), "examples": ()}


def main() -> None:
    """Do what the command line asks for."""
    parser = jobs.new_parser(__doc__, "FILE", SELECTORS["trial"])
    parser.add_argument("--kind", required=True, choices=list(SELECTORS), help="see above")
    parser.add_argument("--checkpoints", metavar="FILE", help="checkpoint file, of a trial")
    arguments = parser.parse_args()
    is_trial = arguments.kind == "trial"
    if is_trial != (arguments.checkpoints is not None):
        parser.error("--kind trial needs --checkpoints, and --kind examples none")
    settings = jobs.settings_of(
        parser,
        arguments,
        SELECTORS[arguments.kind],
        lambda study, *job: study.trial_settings(*job) if is_trial else study.examples_settings(),
    )
    jobs.require_code(settings)
    task, arrays, metadata = (trial if is_trial else examples)(settings, arguments)
    metadata.update(
        task=settings["task"],
        n_windows=task.n_windows,
        window_steps=task.window_steps,
        is_classification=task.is_classification,
        environment=records.environment(),
    )
    checkpoints.write(arguments.output, arrays, metadata)


if __name__ == "__main__":
    run(main)
