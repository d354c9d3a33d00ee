"""Train one network: one condition of a study, from one seed.

Writes to the output folder, when training is complete: checkpoints.npz (the weights at every
checkpoint; format in lsnn/storage/checkpoints.py), learning_curve.csv (one row per checkpoint:
the measures of the task, mean activity) and training.json (what made them, and whether and when
the loss diverged). The checkpoints so far are in progress/ there, until the study's tables have
them: stopped and started again, training resumes from the last one, to the same result. A run that
has fewer iterations than are wanted goes on, too; results of other settings or other code are moved
to set-aside/ there.
"""

import argparse
import os
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from lib import adoption, jobs, sharing
from lib.jobs import log
from lib.program import run
from lsnn import backend
from lsnn.errors import ResultError
from lsnn.network import network_of
from lsnn.storage import checkpoints, records
from lsnn.storage.code_hash import without_names
from lsnn.study.columns import learning_curve_columns
from lsnn.training import FINAL, TRAIN_LOSS, train

SELECTORS = ("condition", "seed")


def main() -> None:
    """Do what the command line asks for."""
    parser = jobs.new_parser(__doc__, "FOLDER", SELECTORS)
    parser.add_argument("--threads", type=int, default=1, help="most threads to use (default 1)")
    parser.add_argument(
        "--start", metavar="FILE", help="checkpoints of the run to start from, if settings name one"
    )
    sharing.add_option(parser)
    adoption.add_option(parser)
    arguments = parser.parse_args()
    settings = jobs.settings_of(
        parser, arguments, SELECTORS, lambda study, *run: study.training_settings(*run)
    )
    if ("start" in settings) != (arguments.start is not None):
        parser.error("--start is for settings with a start, and they need it")
    files = jobs.files_of_run(arguments.output)
    start = start_of(settings, arguments.start) if arguments.start else None
    origin = start.origin if start else None

    def is_adopted(found):
        if found.get("start") != origin:
            return False
        iterations = adoption.iterations_again(files)
        shorter = dict(settings, iterations=iterations)
        return adoption.adopt(
            found,
            files,
            settings,
            f"the first {iterations} iterations",
            lambda beginning: train_and_write(shorter, arguments, beginning, None, start),
        )

    def compute(found):
        if arguments.adopt == "yes" and found and is_adopted(found):
            return
        earlier = None
        if found and found.get("start") == origin and is_longer(settings, found["settings"]):
            log("the run here goes on: more iterations are wanted")
            earlier = checkpoints.read(files.arrays)[0], jobs.read_rows(files.table)
        if arguments.results is None:
            train_and_write(settings, arguments, files, earlier, start)
            return
        sha256 = origin["sha256"] if origin else None
        with sharing.one_at_a_time(arguments.results, [without_names(settings), sha256]):
            twin = sharing.run_in(arguments.results, settings, sha256, files)
            if twin:
                own = {"start": origin} if origin else {}
                sharing.take_over(twin, files, settings, settings["condition"], **own)
            else:
                train_and_write(settings, arguments, files, earlier, start)

    def is_complete(found):
        return found["settings"] == settings and found.get("start") == origin

    jobs.complete(files, is_complete, compute)


class Start(NamedTuple):
    """What a run starts from."""

    weights: Dict[str, np.ndarray]
    origin: Dict[str, Any]  # the run, its iteration, and the SHA-256 of the weights; JSON-able


def start_of(settings: jobs.Settings, path: str) -> Start:
    """Return what a run starts from, of the checkpoint file of another run.

    Raises:
        ResultError: the file is damaged, of another condition or seed than the settings name, or
            has no checkpoint of a training loss as low as they say.
    """
    arrays, metadata = checkpoints.read(path)
    condition, at = settings["start"]["condition"], settings["start"]["at"]
    found = metadata.get("settings", {})
    if (found.get("condition"), found.get("seed")) != (condition, settings["seed"]):
        raise ResultError(
            f"{path}: of {found.get('condition')}, seed {found.get('seed')}, not of {condition}, "
            f"seed {settings['seed']}, which this run starts from"
        )
    place = -1
    if at != FINAL:
        rows = jobs.read_rows(os.path.join(os.path.dirname(path), "learning_curve.csv"))
        losses = [float(row[TRAIN_LOSS]) for row in rows]
        reached = [i for i, loss in enumerate(losses) if loss <= at[TRAIN_LOSS]]
        if not reached:
            raise ResultError(
                f"{path}: its training loss is never below {min(losses):g}, and "
                f"{settings['condition']} starts from it at {at[TRAIN_LOSS]:g}; choose a larger one"
            )
        place = reached[0]
    weights = checkpoints.weights_at(arrays, place)
    origin = {
        "condition": condition,
        "iteration": int(arrays["iteration"][place]),
        "sha256": checkpoints.sha256_of_weights(weights),
    }
    return Start(weights, origin)


def is_longer(settings: jobs.Settings, found: jobs.Settings) -> bool:
    """Tell whether settings differ from those found in that there are more iterations."""
    is_alike = dict(settings, iterations=None) == dict(found, iterations=None)
    return is_alike and settings["iterations"] > found["iterations"]


def train_and_write(
    settings: jobs.Settings,
    arguments: argparse.Namespace,
    files: jobs.Files,
    earlier: Optional[Tuple[Dict[str, np.ndarray], List[Dict[str, str]]]],
    start: Optional[Start],
) -> None:
    """Train, and write the results.

    Args:
        settings: of the run.
        arguments: parsed.
        files: of the run.
        earlier: arrays and rows of a shorter run to go on from, or None.
        start: what the run starts from, if not from weights that it draws.
    """
    started = time.time()
    jobs.require_code(settings)
    condition, seed, threads = settings["condition"], settings["seed"], arguments.threads
    network = network_of(settings, arguments.data, seed)
    log(f"training {condition}, seed {seed}, TensorFlow {backend.tf.VERSION}")
    for remark in network.task.remarks:
        log(f"note: {remark}")
    of_start = {}
    if start:
        of_start["start"] = start.origin
        log("starting from {condition} at iteration {iteration}".format(**start.origin))
        stacked = {name: weight[np.newaxis] for name, weight in start.weights.items()}
        checkpoints.check_shapes(
            arguments.start, dict(stacked, iteration=np.zeros(1)), network.shapes
        )
    weights = start.weights if start else None
    result = train(network, settings, files.progress, log, threads, earlier, weights)

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
        remarks=list(network.task.remarks),
        **of_start,
    )


if __name__ == "__main__":
    run(main)
