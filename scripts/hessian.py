"""Compute quantities of the Hessian of the loss at every checkpoint of a checkpoint file.

What is computed is an entry of the configuration's list `hessian`: a block of parameters, examples
and quantities, such as the extreme eigenvalues. Writes to the output folder ENTRY.csv (a row a
checkpoint; the columns of the quantities, and the number of Hessian-vector products) and
ENTRY.json (what made it). What was computed so far is kept in ENTRY.state there: stopped and
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
from lsnn.errors import run
from lsnn.files import exclusive, remove_temporaries, sha256_of_file, write_record, write_table
from lsnn.hessian import follow, hessian_of
from lsnn.journal import Journal
from lsnn.network import network_of
from lsnn.quantities import columns_of_table, name_of, quantities_of
from lsnn.source import require_source


def log(line):
    """Print a line at once: whoever follows the log sees the job move."""
    print(line, flush=True)


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
    entry = name_of(settings["hessian"])
    table, record, state, lock = [
        os.path.join(arguments.output, entry + suffix)
        for suffix in (".csv", ".json", ".state", ".lock")
    ]
    with exclusive(lock, log):
        remove_temporaries([record, state, table])
        if is_complete(record, table, settings, arguments.checkpoints):
            log("complete already: {}; delete it to compute it anew".format(table))
        else:
            compute_and_write(settings, arguments, record, state, table)
        if os.path.exists(state):
            os.remove(state)


def is_complete(record, table, settings, checkpoints_file):
    """Tell whether the results of these checkpoints are there already."""
    found = provenance.intact_record(record, [table])
    return (
        found is not None
        and found["settings"] == settings
        and os.path.exists(checkpoints_file)
        and found["checkpoints"]["sha256"] == sha256_of_file(checkpoints_file)
    )


def compute_and_write(settings, arguments, record, state, table):
    """Compute the quantities, and write table and record to these paths; ``state`` stays."""
    started = time.time()
    backend.require(settings["tensorflow"])
    require_source(settings)
    checkpoints_file, threads = arguments.checkpoints, arguments.threads
    arrays, condition, seed = checkpoints.read_run(checkpoints_file, settings)
    network = network_of(settings, arguments.data, seed)
    checkpoints.check_shapes(checkpoints_file, arrays, network.shapes)
    entry = settings["hessian"]
    job = {"settings": settings, "checkpoints": sha256_of_file(checkpoints_file)}
    journal = Journal(state, job, log)
    if journal.size:
        log("going on behind the {} checkpoints kept in {}".format(journal.size, state))
    n_checkpoints, n_before, loop_started = len(arrays["iteration"]), journal.size, time.time()
    hessian = hessian_of(network, entry["block"], entry["split"], entry["samples"], threads)

    def log_checkpoint(row):
        n_done = journal.size + 1 - n_before
        per_checkpoint = (time.time() - loop_started) / n_done
        log(describe(row, entry, per_checkpoint, n_checkpoints - n_before - n_done))

    follow(hessian, quantities_of(entry), arrays, seed, journal, log_checkpoint)
    seconds = time.time() - loop_started

    provenance.set_aside(record, [table], log)
    names = [column.name for column in RUN_KEYS + columns_of_table(entry)]
    of_run = {"condition": condition, "seed": seed}
    rows = [
        {name: of_run[name] if name in of_run else one[name].item() for name in names}
        for one in journal.records
    ]
    write_table(table, names, rows)
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


def describe(row, entry, seconds_per_checkpoint, checkpoints_left):
    """Return the line of the log for a checkpoint: what is shown of it, and the time left."""
    values = []
    for column in columns_of_table(entry):
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


if __name__ == "__main__":
    run(main)
