"""Compute the extreme Hessian eigenvalues of the loss at every checkpoint of a checkpoint file.

Writes to the output folder curvature.csv (a row a checkpoint: lambda_max, lambda_min and
lambda_abs_max, the one of larger magnitude, each signed, with its residual and whether it
converged; and the number of Hessian-vector products) and curvature.json (what made it). Eigenvalues
computed so far are kept in curvature_state.npz there: stopped and started again, the program goes
on behind the last of them.

The columns condition and seed are copied from the checkpoint file. The seed also draws the
examples; the condition means nothing here: the loss is the true one.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lsnn import backend, checkpoints, provenance
from lsnn.config import read_study
from lsnn.errors import ConfigError, ResultError, run
from lsnn.files import exclusive, remove_temporaries, sha256_of_file, write_record, write_table
from lsnn.hessian import extreme_eigenvalues, hessian_of, larger_in_magnitude
from lsnn.network import network_of
from lsnn.randomness import generator

EIGENVALUES = ("lambda_max", "lambda_min", "lambda_abs_max")
COLUMNS = (
    ("condition", "seed", "iteration")
    + tuple(name + part for name in EIGENVALUES for part in ("", "_residual", "_converged"))
    + ("products",)
)


def log(line):
    """Print a line at once: whoever follows the log sees the job move."""
    print(line, flush=True)


def read_state(path, made_from):
    """Return the rows computed before from the same settings and checkpoints, and the next start.

    Without such a state they are empty and None.
    """
    if not os.path.exists(path):
        return [], None
    try:
        arrays, metadata = checkpoints.read(path, names=("start",))
        if metadata["made_from"] != made_from:
            raise ResultError("{}: state of other settings or checkpoints".format(path))
    except ResultError as error:
        os.replace(path, path + ".set-aside")
        log("not used, moved to {}.set-aside, starting anew: {}".format(path, error))
        return [], None
    log("going on behind the {} checkpoints kept in {}".format(len(metadata["rows"]), path))
    return metadata["rows"], arrays["start"]


def measure(hessian, tolerance, start):
    """Return the columns of one checkpoint but for its labels, and the start for the next one."""
    before = hessian.products
    largest, smallest = extreme_eigenvalues(hessian, tolerance, start)
    found = dict(zip(EIGENVALUES, (largest, smallest, larger_in_magnitude(largest, smallest))))
    row = {"products": hessian.products - before}
    for name, eigenvalue in found.items():
        row[name] = eigenvalue.value
        row[name + "_residual"] = eigenvalue.residual
        row[name + "_converged"] = eigenvalue.converged
    if largest.vector is None:
        return row, start
    return row, largest.vector + smallest.vector


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, help="configuration of the study (YAML)")
    parser.add_argument("--checkpoints", required=True, metavar="FILE", help="checkpoint file")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where results go")
    parser.add_argument("--threads", type=int, default=1, help="most threads to use (default 1)")
    arguments = parser.parse_args()

    study = read_study(arguments.config)
    if not study.curvature:
        raise ConfigError(
            "configuration {}: curvature: none; there are no eigenvalues to compute".format(
                arguments.config
            )
        )
    backend.require(study.tensorflow)
    record, state, table = [
        os.path.join(arguments.output, name)
        for name in ("curvature.json", "curvature_state.npz", "curvature.csv")
    ]
    with exclusive(os.path.join(arguments.output, "hessian.lock"), log):
        remove_temporaries([record, state, table])
        if is_complete(record, table, study, arguments.checkpoints):
            log("complete already: {}, {}; delete them to compute anew".format(table, record))
        else:
            compute_and_write(study, arguments.checkpoints, arguments.threads, record, state, table)
        if os.path.exists(state):
            os.remove(state)


def is_complete(record, table, study, checkpoints_file):
    """Tell whether the results of these checkpoints are there already."""
    return os.path.exists(checkpoints_file) and provenance.is_complete(
        record,
        [table],
        settings=study.curvature_settings(),
        checkpoints=provenance.describe_file(checkpoints_file),
    )


def compute_and_write(study, checkpoints_file, threads, record, state, table):
    """Compute the eigenvalues, and write table and record to these paths; ``state`` stays."""
    started = time.time()
    settings = study.curvature_settings()
    arrays, condition, seed = checkpoints.read_run(checkpoints_file, settings)
    network = network_of(settings, study.data, seed)
    checkpoints.check_shapes(checkpoints_file, arrays, network.shapes)
    hessian = hessian_of(network, study.curvature, threads)

    made_from = {"settings": settings, "checkpoints": sha256_of_file(checkpoints_file)}
    rows, start = read_state(state, made_from)
    if start is None:
        start = generator(seed, "Lanczos").randn(hessian.size)
    n_checkpoints = len(arrays["iteration"])
    n_before, loop_started = len(rows), time.time()
    for i in range(n_before, n_checkpoints):
        iteration = int(arrays["iteration"][i])
        hessian.move_to(checkpoints.weights_at(arrays, i))
        row, start = measure(hessian, study.curvature.tolerance, start)
        rows.append(dict(row, condition=condition, seed=seed, iteration=iteration))
        checkpoints.write(state, {"start": start}, {"made_from": made_from, "rows": rows})
        per_checkpoint = (time.time() - loop_started) / (i + 1 - n_before)
        log(describe(row, iteration, per_checkpoint, n_checkpoints - 1 - i))

    write_table(table, COLUMNS, rows)
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


def describe(row, iteration, seconds_per_checkpoint, checkpoints_left):
    """Return the line of the log for a checkpoint."""
    values = [
        "{} {:.6g} (residual {:.1e}{})".format(
            name,
            row[name],
            row[name + "_residual"],
            "" if row[name + "_converged"] else ", NOT converged",
        )
        for name in ("lambda_max", "lambda_min")
    ]
    return "iteration {}  {}  {} products, {:.1f} s per checkpoint, {:.0f} s left".format(
        iteration,
        ", ".join(values),
        row["products"],
        seconds_per_checkpoint,
        seconds_per_checkpoint * checkpoints_left,
    )


if __name__ == "__main__":
    run(main)
