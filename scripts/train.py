"""Train one network: one condition of a study, from one seed.

Writes to the output folder, when training is complete: checkpoints.npz (the weights at every
checkpoint; format in lsnn/storage/checkpoints.py), learning_curve.csv (one row per checkpoint:
the measures of the task, mean activity) and training.json (what made them, and whether and when
the loss diverged). Until then the checkpoints so far are kept in progress/ there: stopped and
started again, training goes on from the last one, to the same result. A run that has fewer
iterations than are wanted goes on, too; results of other settings or other source are moved to
set-aside/ there.
"""

import argparse
import csv
import os
import time

from lib import job_settings
from lib.program import run
from lsnn import backend
from lsnn.network import network_of
from lsnn.storage import checkpoints, progress, records
from lsnn.storage.code_hash import require_source
from lsnn.storage.files import exclusive, reading, write_record, write_table
from lsnn.study.columns import of_learning_curve
from lsnn.training import train


def log(line):
    """Print a line at once: whoever follows the log sees the job move."""
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where results go")
    parser.add_argument("--threads", type=int, default=1, help="most threads to use (default 1)")
    arguments, settings = job_settings.parse(
        parser,
        lambda study, condition, seed: study.training_settings(condition, seed),
        ("condition", "seed", "learning_rule", "iterations", "checkpoint_every", "training"),
        condition=(str, "one of the study's conditions"),
        seed=(int, "one of the study's seeds"),
    )
    record, *files = [
        os.path.join(arguments.output, name)
        for name in ("training.json", "checkpoints.npz", "learning_curve.csv")
    ]
    folder = os.path.join(arguments.output, "progress")
    lock = os.path.join(arguments.output, "train.lock")
    with exclusive(lock, log, files + [record]):
        found = records.intact_record(record, files)
        if found and found["settings"] == settings:
            log("already complete: {}; delete one to train anew".format(", ".join(files)))
        else:
            earlier = None
            if found and is_longer(settings, found["settings"]):
                log("the run here goes on: more iterations are wanted")
                earlier = checkpoints.read(files[0])[0], read_rows(files[1])
            train_and_write(settings, arguments, record, folder, files, earlier)
        progress.remove(folder)


def is_longer(settings, found):
    """Tell whether settings differ from those found in that there are more iterations."""
    is_alike = dict(settings, iterations=None) == dict(found, iterations=None)
    return is_alike and settings["iterations"] > found["iterations"]


def read_rows(path):
    """Return the rows of a learning curve with their numbers as they were written, to the bit."""
    with reading(path), open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def train_and_write(settings, arguments, record, folder, files, earlier):
    """Train, and write checkpoints, learning curve and record to these paths; the progress stays.

    ``earlier`` are arrays and rows of a shorter run to go on from, or None.
    """
    started = time.time()
    backend.require(settings["tensorflow"])
    require_source(settings)
    condition, seed, threads = settings["condition"], settings["seed"], arguments.threads
    network = network_of(settings, arguments.data, seed)
    log("training {}, seed {}, TensorFlow {}".format(condition, seed, backend.tf.VERSION))
    trained = train(network, settings, folder, log, threads, earlier)

    if not earlier:
        records.set_aside(record, files, log)
    checkpoints.write(files[0], trained.arrays, {"settings": settings})
    columns = [
        column.name for column in of_learning_curve(network.task.measures, network.task.sizes)
    ]
    rows = [
        dict(
            row, condition=condition, seed=seed, fraction=row["iteration"] / settings["iterations"]
        )
        for row in trained.rows
    ]
    write_table(files[1], columns, rows)
    content = records.record(
        settings,
        files,
        time.time() - started,
        threads,
        iterations=trained.iterations[-1],
        diverged_at=trained.diverged_at,
        ms_per_iteration=trained.ms_per_iteration,
    )
    write_record(record, content)
    log("done in {:.0f} s".format(time.time() - started))


if __name__ == "__main__":
    run(main)
