"""Write the first training examples of a task: what a network is shown, and what is wanted of it.

Writes one file in the format of checkpoint files (lsnn/storage/checkpoints.py), a plain npz,
with the arrays (T steps, n examples)

    inputs   (T, n, n_in)  what the network is shown
    targets  (..., n)      what is wanted: classes, or outputs of the last `n_windows` windows

and as metadata which task and seed they are of, what its windows are and its classes are called.
"""

import argparse

import numpy as np

from lib import job_settings
from lib.program import run
from lsnn import backend
from lsnn.network import network_of
from lsnn.storage import checkpoints, records
from lsnn.storage.code_hash import require_source

MOST = 4


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="file to write (npz)")
    arguments, settings = job_settings.parse(
        parser, lambda study: study.examples_settings(), ("seed",)
    )
    backend.require(settings["tensorflow"])
    require_source(settings)
    task = network_of(settings, arguments.data, settings["seed"]).task
    n = min(MOST, task.sizes["train"])
    inputs, targets = task.examples("train", np.arange(n))
    metadata = {
        "task": settings["task"],
        "seed": settings["seed"],
        "n_windows": task.n_windows,
        "window_steps": task.window_steps,
        "is_classification": task.is_classification,
        "class_names": list(task.class_names),
        "environment": records.environment(),
    }
    checkpoints.write(arguments.output, {"inputs": inputs, "targets": targets}, metadata)
    print("{}: {} examples of {}".format(arguments.output, n, settings["task"]["name"]))


if __name__ == "__main__":
    run(main)
