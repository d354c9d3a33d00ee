"""Train one network: one condition of a study, from one seed.

Writes to the output folder, when training is complete: checkpoints.npz (the weights at every
checkpoint; format in lsnn/storage/checkpoints.py), learning_curve.csv (one row per checkpoint:
the measures of the task, mean activity) and training.json (what made them, and whether and when
the loss diverged). Until then the checkpoints so far are kept in progress/ there: stopped and
started again, training resumes from the last one, to the same result. A run that has fewer
iterations than are wanted goes on, too; results of other settings or other code are moved to
set-aside/ there.
"""

import argparse
import csv
import os
import time
from typing import Dict, List, Optional, Tuple

import numpy as np

from lib import jobs
from lib.jobs import log
from lib.program import run
from lsnn import backend
from lsnn.network import network_of
from lsnn.storage import checkpoints, records
from lsnn.storage.files import reading
from lsnn.study.columns import learning_curve_columns
from lsnn.training import train

SELECTORS = ("condition", "seed")


def main() -> None:
    """Do what the command line asks for."""
    parser = jobs.new_parser(__doc__, "FOLDER", SELECTORS)
    parser.add_argument("--threads", type=int, default=1, help="most threads to use (default 1)")
    arguments = parser.parse_args()
    settings = jobs.settings_of(
        parser, arguments, SELECTORS, lambda study, *run: study.training_settings(*run)
    )
    files = files_in(arguments.output)

    def compute(found):
        earlier = None
        if found and is_longer(settings, found["settings"]):
            log("the run here goes on: more iterations are wanted")
            earlier = checkpoints.read(files.arrays)[0], read_rows(files.table)
        train_and_write(settings, arguments, files, earlier)

    jobs.complete(files, lambda found: found["settings"] == settings, compute)


def files_in(folder: str) -> jobs.Files:
    """Return the files of the run in a folder."""
    names = ("checkpoints.npz", "learning_curve.csv", "training.json", "progress", "train.lock")
    return jobs.Files(*[os.path.join(folder, name) for name in names])


def is_longer(settings: jobs.Settings, found: jobs.Settings) -> bool:
    """Tell whether settings differ from those found in that there are more iterations."""
    is_alike = dict(settings, iterations=None) == dict(found, iterations=None)
    return is_alike and settings["iterations"] > found["iterations"]


def read_rows(path: str) -> List[Dict[str, str]]:
    """Return the rows of a learning curve with their numbers as they were written, to the bit."""
    with reading(path), open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def train_and_write(
    settings: jobs.Settings,
    arguments: argparse.Namespace,
    files: jobs.Files,
    earlier: Optional[Tuple[Dict[str, np.ndarray], List[Dict[str, str]]]],
) -> None:
    """Train, and write the results.

    Args:
        settings: of the run.
        arguments: parsed.
        files: of the run.
        earlier: arrays and rows of a shorter run to go on from, or None.
    """
    started = time.time()
    jobs.require_code(settings)
    condition, seed, threads = settings["condition"], settings["seed"], arguments.threads
    network = network_of(settings, arguments.data, seed)
    log(f"training {condition}, seed {seed}, TensorFlow {backend.tf.VERSION}")
    result = train(network, settings, files.progress, log, threads, earlier)

    if not earlier:
        records.set_aside(files.record, files.results, log)
    columns = learning_curve_columns(network.task.measures, network.task.splits)
    run_keys = {"condition": condition, "seed": seed}
    jobs.write_results(
        files,
        settings,
        result.arrays,
        [column.name for column in columns],
        [
            dict(row, fraction=row["iteration"] / settings["iterations"], **run_keys)
            for row in result.rows
        ],
        started,
        threads,
        iterations=result.iterations[-1],
        diverged_at=result.diverged_at,
        ms_per_iteration=result.ms_per_iteration,
    )


if __name__ == "__main__":
    run(main)
