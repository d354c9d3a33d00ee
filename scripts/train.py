"""Train one network: one condition of a study, from one seed.

Writes to the output folder, when training is complete: checkpoints.npz (the weights at every
checkpoint; format in lsnn/checkpoints.py), learning_curve.csv (a row a checkpoint: the measures of
the task, mean activity) and training.json (what made them). Until then the progress is kept in
training_state.npz there: stopped and started again, training goes on from the last checkpoint, to
the same result.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import job_settings
from lsnn import backend, checkpoints, provenance
from lsnn.columns import of_learning_curve
from lsnn.errors import run
from lsnn.files import exclusive, remove_temporaries, write_record, write_table
from lsnn.network import network_of
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
    backend.require(settings["tensorflow"])
    network = network_of(settings, arguments.data, settings["seed"])
    record, state, *files = [
        os.path.join(arguments.output, name)
        for name in ("training.json", "training_state.npz", "checkpoints.npz", "learning_curve.csv")
    ]
    with exclusive(os.path.join(arguments.output, "train.lock"), log):
        outputs = files + [record]
        remove_temporaries(outputs + [state])
        if provenance.is_complete(record, files, settings=settings):
            log("complete already: {}; delete them to train anew".format(", ".join(outputs)))
        else:
            train_and_write(network, settings, arguments.threads, record, state, files)
        if os.path.exists(state):
            os.remove(state)


def train_and_write(network, settings, threads, record, state, files):
    """Train, and write checkpoints, learning curve and record to these paths; ``state`` stays."""
    started = time.time()
    condition, seed = settings["condition"], settings["seed"]
    log("training {}, seed {}, TensorFlow {}".format(condition, seed, backend.tf.VERSION))
    progress, ms_per_iteration = train(network, settings, state, log, threads)

    checkpoints.write(files[0], progress.arrays(), {"settings": settings})
    columns = [column.name for column in of_learning_curve(network.task)]
    rows = [
        dict(
            row, condition=condition, seed=seed, fraction=row["iteration"] / settings["iterations"]
        )
        for row in progress.rows()
    ]
    write_table(files[1], columns, rows)
    content = provenance.record(
        settings,
        files,
        time.time() - started,
        threads,
        iterations=int(progress.iterations[-1]),
        ms_per_iteration=ms_per_iteration,
    )
    write_record(record, content)
    log("done in {:.0f} s".format(time.time() - started))


if __name__ == "__main__":
    run(main)
