"""The job of an entry of the configuration's list `hessian` or `dynamics`, from checkpoints on.

Both have the same files, and a finished one is never computed again or lost: ENTRY.csv (one row per
checkpoint), ENTRY.npz (the arrays that a quantity keeps, stacked over the checkpoints, beside
`iteration`), and ENTRY.json (what made them). What was computed so far is kept in ENTRY.progress/:
stopped and started again, a job goes on after the last checkpoint in it.
"""

import argparse
import os
import time
from typing import Any, NamedTuple

import numpy as np

from lsnn import backend
from lsnn.curvature.along_run import chosen, measure_along
from lsnn.curvature.quantities import PRODUCTS, arrays_of, columns_of_table, name_of, quantities_of
from lsnn.network import network_of
from lsnn.storage import checkpoints, progress, records
from lsnn.storage.code_hash import require_source
from lsnn.storage.files import exclusive, sha256_of_file, write_record, write_table
from lsnn.storage.progress import Progress
from lsnn.study.columns import RUN_KEYS
from lsnn.training import checkpoint_iterations


class Run(NamedTuple):
    """What an entry is computed of."""

    network: Any  # :class:`lsnn.network.Network`
    arrays: Any  # of the checkpoint file, by name
    settings: Any  # of the job
    threads: int


def log(line):
    """Print a line at once: whoever follows the log sees the job move."""
    print(line, flush=True)


def new_parser(description):
    """Return a parser of the arguments that these jobs have besides their settings."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoints", required=True, metavar="FILE", help="checkpoint file")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where results go")
    parser.add_argument("--threads", type=int, default=1, help="most threads to use (default 1)")
    return parser


def compute(kind, arguments, settings, operator_of, also=()):
    """Compute an entry, unless it is already complete.

    Args:
        kind: "hessian" or "dynamics".
        arguments: parsed, those of :func:`new_parser` among them.
        settings: of the job.
        operator_of: function of a :class:`Run` that returns what quantities are computed of.
        also: names of the settings that have to be those of the run, besides those of its network.
    """
    entry = name_of(settings[kind])
    table, arrays, record, folder, lock = [
        os.path.join(arguments.output, entry + suffix)
        for suffix in (".csv", ".npz", ".json", ".progress", ".lock")
    ]
    with exclusive(lock, log, [record, table, arrays]):
        if _is_complete(record, [table, arrays], settings, arguments.checkpoints):
            log("already complete: {}; delete it to compute it anew".format(table))
        else:
            files = (table, arrays, record, folder)
            _compute_and_write(kind, arguments, settings, operator_of, also, files)
        progress.remove(folder)


def _is_complete(record, outputs, settings, checkpoints_file):
    """Tell whether the results of these checkpoints are there already."""
    found = records.intact_record(record, outputs)
    return (
        found is not None
        and found["settings"] == settings
        and os.path.exists(checkpoints_file)
        and found["checkpoints"]["sha256"] == sha256_of_file(checkpoints_file)
    )


def _compute_and_write(kind, arguments, settings, operator_of, also, files):
    """Compute the quantities and write them; the progress stays."""
    table, arrays_file, record, folder = files
    started, entry = time.time(), settings[kind]
    backend.require(settings["tensorflow"])
    require_source(settings)
    checkpoints_file, threads = arguments.checkpoints, arguments.threads
    arrays, of_run = checkpoints.read_run(checkpoints_file, settings, also)
    network = network_of(settings, arguments.data, of_run["seed"])
    checkpoints.check_shapes(checkpoints_file, arrays, network.shapes)
    schedule = checkpoint_iterations(of_run["iterations"], of_run["checkpoint_every"])
    places = chosen(arrays["iteration"], schedule, entry.get("checkpoints"))
    job = {"settings": settings, "checkpoints": sha256_of_file(checkpoints_file)}
    so_far = Progress(folder, job, log)
    if so_far.size:
        log("going on after the {} checkpoints kept in {}".format(so_far.size, folder))
    n_before, loop_started = so_far.size, time.time()
    operator = operator_of(Run(network, arrays, settings, threads))
    columns = columns_of_table(kind, entry)

    def log_checkpoint(row):
        n_done = so_far.size + 1 - n_before
        per_checkpoint = (time.time() - loop_started) / n_done
        log(_describe(row, columns, per_checkpoint, len(places) - n_before - n_done))

    quantities = quantities_of(kind, entry)
    measure_along(operator, quantities, arrays, places, of_run["seed"], so_far, log_checkpoint)
    seconds = time.time() - loop_started

    records.set_aside(record, [table, arrays_file], log)
    rows = [
        {
            "condition": of_run["condition"],
            "seed": of_run["seed"],
            "iteration": one["iteration"].item(),
            **{column.name: _cell(one, column.name, kind) for column in columns},
        }
        for one in so_far.records
    ]
    write_table(table, [column.name for column in list(RUN_KEYS) + columns], rows)
    kept = ["iteration"] + arrays_of(kind, entry)
    of_points = {name: np.stack([record[name] for record in so_far.records]) for name in kept}
    checkpoints.write(arrays_file, of_points, {"settings": settings})
    content = records.record(
        settings,
        [table, arrays_file],
        time.time() - started,
        threads,
        checkpoints=records.describe_file(checkpoints_file),
        products=sum(row[PRODUCTS[kind]] for row in rows),
        seconds_per_product=seconds / operator.products if operator.products else None,
    )
    write_record(record, content)
    log("done in {:.0f} s".format(time.time() - started))


def _cell(row, name, kind):
    return row["products" if name == PRODUCTS[kind] else name].item()


def _describe(row, columns, seconds_per_checkpoint, checkpoints_left):
    """Return the line of the log for a checkpoint: what is shown of it, and the time left."""
    values = []
    for column in columns:
        if column.label:
            value = "{} {:.6g}".format(column.name, row[column.name])
            is_good = row.get(column.name + "_converged", True)
            values.append(value if is_good else value + " (NOT converged)")
    return "iteration {}  {}  {} products, {:.1f} s per checkpoint, {:.0f} s left".format(
        row["iteration"],
        ", ".join(values),
        row["products"],
        seconds_per_checkpoint,
        seconds_per_checkpoint * checkpoints_left,
    )
