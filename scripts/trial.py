"""Record one trial of a spiking network: test example 0, step by step, at the final checkpoint.

Writes one file in the format of checkpoint files (lsnn/storage/checkpoints.py), a plain npz,
with the arrays (T steps, N units)

    inputs      (T, n_in)           what the network is shown
    spikes      (T, N)     uint8    1 where a unit spikes
    thresholds  (T, N)     float32  of the units
    outputs     (T, n_out) float32  of the readout, before the softmax

and as metadata where they come from, and what was asked and answered: for each of the last
`n_windows` windows of `window_steps` steps the class that is wanted (`target`, negative where none
is) and the class whose mean output is the largest (`prediction`); for a task without classes the
outputs that are wanted (`target`) and the mean outputs (`prediction`), one list per window.
"""

import argparse

import numpy as np

from lib import job_settings
from lib.program import run
from lsnn import backend
from lsnn.errors import ConfigError, ResultError
from lsnn.network import network_of, recorded
from lsnn.neurons import NEURONS
from lsnn.storage import checkpoints, records
from lsnn.storage.code_hash import require_source

SPLIT, EXAMPLE = "test", 0


def answers(task, outputs, targets):
    """Return what is wanted of each of the last windows and what is answered: classes or outputs.

    ``outputs`` are (T, n_out), ``targets`` those of one example.
    """
    asked = outputs[len(outputs) - task.n_windows * task.window_steps :]
    means = asked.reshape(task.n_windows, task.window_steps, -1).mean(axis=1)
    if task.is_classification:
        return np.ravel(targets).tolist(), means.argmax(axis=1).tolist()
    return np.reshape(targets, means.shape).tolist(), means.tolist()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoints", required=True, metavar="FILE", help="checkpoint file")
    parser.add_argument("--output", required=True, metavar="FILE", help="file to write (npz)")
    arguments, settings = job_settings.parse(
        parser,
        lambda study, condition: study.trial_settings(condition),
        ("condition", "label"),
        condition=(str, "that of the checkpoint file"),
    )
    neurons = settings["network"]["neurons"]["name"]
    if not NEURONS[neurons].spiking:
        raise ConfigError(
            "network.neurons: {} units do not spike; there is nothing to record".format(neurons)
        )
    backend.require(settings["tensorflow"])
    require_source(settings)
    arrays, of_run = checkpoints.read_run(arguments.checkpoints, settings)
    condition, seed = of_run["condition"], of_run["seed"]
    if condition != settings["condition"]:
        raise ResultError(
            "{}: of condition {}, not of {}".format(
                arguments.checkpoints, condition, settings["condition"]
            )
        )
    network = network_of(settings, arguments.data, seed)
    checkpoints.check_shapes(arguments.checkpoints, arrays, network.shapes)

    task = network.task
    inputs, targets = task.examples(SPLIT, np.array([EXAMPLE]))
    recording = recorded(network, checkpoints.weights_at(arrays, -1), inputs)
    outputs = recording.outputs[:, 0]
    target, prediction = answers(task, outputs, targets)
    metadata = {
        "condition": condition,
        "label": settings["label"],
        "seed": seed,
        "iteration": int(arrays["iteration"][-1]),
        "checkpoints": records.describe_file(arguments.checkpoints),
        "task": settings["task"],
        "network": settings["network"],
        "example": {"split": SPLIT, "index": EXAMPLE},
        "n_windows": task.n_windows,
        "window_steps": task.window_steps,
        "is_classification": task.is_classification,
        "target": target,
        "prediction": prediction,
        "environment": records.environment(),
    }
    trial = {
        "inputs": inputs[:, 0],
        "spikes": (recording.spikes[:, 0] > 0).astype(np.uint8),
        "thresholds": recording.thresholds[:, 0],
        "outputs": outputs,
    }
    checkpoints.write(arguments.output, trial, metadata)
    print(
        "{}: wanted {}, answered {}".format(
            arguments.output, metadata["target"], metadata["prediction"]
        )
    )


if __name__ == "__main__":
    run(main)
