"""Compute quantities of the Hessian of the loss at every checkpoint of a checkpoint file.

What is computed is an entry of the configuration's list `hessian`: a block of parameters, examples
and quantities, such as the extreme eigenvalues. Writes to the output folder ENTRY.csv (a row a
checkpoint; the columns of the quantities, and the number of Hessian-vector products) and
ENTRY.json (what made it). What was computed so far is kept in ENTRY_state.npz there: stopped and
started again, the program goes on behind the last checkpoint of it.

The columns condition and seed are copied from the checkpoint file. The seed also draws the
examples; the condition means nothing here: the loss is the true one.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import job_settings
from lsnn import backend, checkpoints, provenance
from lsnn.columns import RUN_KEYS
from lsnn.errors import ResultError, run
from lsnn.files import exclusive, remove_temporaries, sha256_of_file, write_record, write_table
from lsnn.hessian import hessian_of
from lsnn.network import network_of
from lsnn.options import build
from lsnn.quantities import QUANTITIES, columns_of_table, name_of


def log(line):
    """Print a line at once: whoever follows the log sees the job move."""
    print(line, flush=True)


def read_state(path, made_from):
    """Return the rows computed before from the same settings and checkpoints, and the memory.

    Without such a state both are empty.
    """
    if not os.path.exists(path):
        return [], {}
    try:
        arrays, metadata = checkpoints.read(path, names=())
        if metadata["made_from"] != made_from:
            raise ResultError("{}: state of other settings or checkpoints".format(path))
    except ResultError as error:
        os.replace(path, path + ".set-aside")
        log("not used, moved to {}.set-aside, starting anew: {}".format(path, error))
        return [], {}
    log("going on behind the {} checkpoints kept in {}".format(len(metadata["rows"]), path))
    return metadata["rows"], arrays


def measure(hessian, quantities, seed, memory):
    """Return the columns of one checkpoint but for its labels; ``memory`` goes on to the next."""
    before = hessian.products
    row = {}
    for quantity in quantities:
        row.update(quantity.measure(hessian, seed, memory))
    row["products"] = hessian.products - before
    return row


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoints", required=True, metavar="FILE", help="checkpoint file")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where results go")
    parser.add_argument("--threads", type=int, default=1, help="most threads to use (default 1)")
    arguments, settings = job_settings.parse(
        parser,
        lambda study, entry: study.hessian_settings(entry),
        ("hessian",),
        entry=(str, "one of the study's list `hessian`, such as w_rec_validation"),
    )
    backend.require(settings["tensorflow"])
    entry = name_of(settings["hessian"])
    table, record, state, lock = [
        os.path.join(arguments.output, entry + suffix)
        for suffix in (".csv", ".json", "_state.npz", ".lock")
    ]
    with exclusive(lock, log):
        remove_temporaries([record, state, table])
        if is_complete(record, table, settings, arguments.checkpoints):
            log("complete already: {}, {}; delete them to compute anew".format(table, record))
        else:
            files = (arguments.checkpoints, record, state, table)
            compute_and_write(settings, arguments.data, arguments.threads, *files)
        if os.path.exists(state):
            os.remove(state)


def is_complete(record, table, settings, checkpoints_file):
    """Tell whether the results of these checkpoints are there already."""
    return os.path.exists(checkpoints_file) and provenance.is_complete(
        record,
        [table],
        settings=settings,
        checkpoints=provenance.describe_file(checkpoints_file),
    )


def compute_and_write(settings, data, threads, checkpoints_file, record, state, table):
    """Compute the quantities, and write table and record to these paths; ``state`` stays."""
    started = time.time()
    arrays, condition, seed = checkpoints.read_run(checkpoints_file, settings)
    network = network_of(settings, data, seed)
    checkpoints.check_shapes(checkpoints_file, arrays, network.shapes)
    entry = settings["hessian"]
    hessian = hessian_of(network, entry["block"], entry["split"], entry["samples"], threads)
    quantities = [build(QUANTITIES, one) for one in entry["quantities"]]

    made_from = {"settings": settings, "checkpoints": sha256_of_file(checkpoints_file)}
    rows, memory = read_state(state, made_from)
    n_checkpoints = len(arrays["iteration"])
    n_before, loop_started = len(rows), time.time()
    for i in range(n_before, n_checkpoints):
        iteration = int(arrays["iteration"][i])
        hessian.move_to(checkpoints.weights_at(arrays, i))
        row = measure(hessian, quantities, seed, memory)
        rows.append(dict(row, condition=condition, seed=seed, iteration=iteration))
        checkpoints.write(state, memory, {"made_from": made_from, "rows": rows})
        per_checkpoint = (time.time() - loop_started) / (i + 1 - n_before)
        log(describe(row, entry, iteration, per_checkpoint, n_checkpoints - 1 - i))

    columns = RUN_KEYS + columns_of_table(entry)
    write_table(table, [column.name for column in columns], rows)
    seconds = time.time() - loop_started
    content = provenance.record(
        settings,
        [table],
        time.time() - started,
        threads,
        checkpoints=provenance.describe_file(checkpoints_file),
        products=sum(row["products"] for row in rows),
        seconds_per_product=seconds / hessian.products if hessian.products else None,
    )
    write_record(record, content)
    log("done in {:.0f} s".format(time.time() - started))


def describe(row, entry, iteration, seconds_per_checkpoint, checkpoints_left):
    """Return the line of the log for a checkpoint: what is shown of it, and the time left."""
    values = []
    for column in columns_of_table(entry):
        if column.label:
            value = "{} {:.6g}".format(column.name, row[column.name])
            is_good = row.get(column.name + "_converged", True)
            values.append(value if is_good else value + " (NOT converged)")
    return "iteration {}  {}  {} products, {:.1f} s per checkpoint, {:.0f} s left".format(
        iteration,
        ", ".join(values),
        row["products"],
        seconds_per_checkpoint,
        seconds_per_checkpoint * checkpoints_left,
    )


if __name__ == "__main__":
    run(main)
