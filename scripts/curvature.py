"""Compute quantities at the checkpoints of a run: of the loss's Hessian, or of the rule's update.

--kind hessian computes an entry of the configuration's list `hessian`: a block of parameters,
examples and quantities of the Hessian of the loss, such as its extreme eigenvalues. It is told no
learning rule: the loss is the true one. --kind dynamics computes an entry of `dynamics`: the same
of what the learning rule's own update does, such as the alignment of its gradient with the exact
one. The checkpoint file has to be of a run by that rule; what the rule has drawn for the run, and
the run's condition and seed, are taken from it.

Writes to the output folder ENTRY.csv (one row per checkpoint; the columns of the quantities, and
the number of matrix-vector products), ENTRY.npz (the arrays that a quantity keeps, stacked over the
checkpoints, beside `iteration`) and ENTRY.json (what made them). What is computed so far is in
ENTRY.progress/, until the study's tables have it: stopped and started again, a job resumes after
the last checkpoint in it.
"""

import argparse
import time
from typing import Any, Callable, Dict, Optional

import numpy as np

from lib import adoption, jobs, sharing
from lib.jobs import log
from lib.program import run
from lsnn.curvature.along_run import chosen, measure_along
from lsnn.curvature.hessian import Hessian, hessian_of
from lsnn.curvature.quantities import PRODUCTS, arrays_of, columns_of_table, name_of, quantities_of
from lsnn.curvature.rule_update import Dynamics, dynamics_of
from lsnn.network import Network, network_of
from lsnn.storage import checkpoints, records
from lsnn.storage.code_hash import without_names
from lsnn.storage.files import sha256_of_file
from lsnn.storage.progress import Progress
from lsnn.study.columns import RUN_KEYS
from lsnn.training import checkpoint_iterations, constants_of
from lsnn.update.settings import TrainingSettings

Arrays = Dict[str, np.ndarray]


def hessian(network: Network, arrays: Arrays, settings: jobs.Settings, threads: int) -> Hessian:
    """Return the Hessian of the loss of a run's network."""
    entry = settings["hessian"]
    return hessian_of(network, entry["block"], entry["split"], entry["samples"], threads=threads)


def dynamics(network: Network, arrays: Arrays, settings: jobs.Settings, threads: int) -> Dynamics:
    """Return the update of a run."""
    rule, training = settings["learning_rule"], TrainingSettings(**settings["training"])
    constants, start = constants_of(arrays), checkpoints.weights_at(arrays, 0)
    return dynamics_of(
        network, rule, training, constants, start, settings["dynamics"], threads=threads
    )


OPERATORS: Dict[str, Callable[..., Any]] = {"hessian": hessian, "dynamics": dynamics}
# What chooses a job, and settings in which its run must agree with it.
SELECTORS = {"hessian": ("entry",), "dynamics": ("entry", "condition")}
OF_RUN = {"hessian": (), "dynamics": ("learning_rule", "training")}


def main() -> None:
    """Do what the command line asks for."""
    parser = jobs.new_parser(__doc__, "FOLDER", SELECTORS["dynamics"])
    parser.add_argument("--kind", required=True, choices=list(OPERATORS), help="see above")
    parser.add_argument("--checkpoints", required=True, metavar="FILE", help="checkpoint file")
    parser.add_argument("--threads", type=int, default=1, help="most threads to use (default 1)")
    sharing.add_option(parser)
    adoption.add_option(parser)
    arguments = parser.parse_args()
    kind = arguments.kind
    settings = jobs.settings_of(
        parser, arguments, SELECTORS[kind], lambda study, *job: study.entry_settings(kind, *job)
    )
    if kind == "hessian" and "learning_rule" in settings:
        parser.error("--kind hessian is told no learning rule")
    files = jobs.files_of_entry(arguments.output, name_of(settings[kind]))

    def is_of_checkpoints(found):
        return found["checkpoints"]["sha256"] == sha256_of_file(arguments.checkpoints)

    def is_adopted(found):
        return is_of_checkpoints(found) and adoption.adopt(
            found,
            files,
            settings,
            f"the first {adoption.CHECKPOINTS} checkpoints",
            lambda beginning: compute_and_write(
                settings, arguments, beginning, adoption.CHECKPOINTS
            ),
        )

    def compute(found):
        if not (arguments.adopt == "yes" and found and is_adopted(found)):
            write(settings, arguments, files)

    jobs.complete(
        files,
        lambda found: found["settings"] == settings and is_of_checkpoints(found),
        compute,
    )


def write(settings: jobs.Settings, arguments: argparse.Namespace, files: jobs.Files) -> None:
    """Write the results of an entry: those of another study, if one has them; or compute them.

    Args:
        settings: of the job.
        arguments: parsed.
        files: of the entry.
    """
    if arguments.results is None:
        compute_and_write(settings, arguments, files)
        return
    path = arguments.checkpoints
    arrays, of_run = checkpoints.read_run(path, settings, OF_RUN[arguments.kind])
    weights = checkpoints.sha256_of_weights(checkpoints.weights_at(arrays, -1))
    with sharing.one_at_a_time(arguments.results, [without_names(settings), weights]):
        twin = sharing.entry_in(arguments.results, arguments.kind, settings, path, files)
        if twin:
            own = records.describe_file(path)
            sharing.take_over(twin, files, settings, of_run["condition"], checkpoints=own)
        else:
            compute_and_write(settings, arguments, files)


def compute_and_write(
    settings: jobs.Settings,
    arguments: argparse.Namespace,
    files: jobs.Files,
    most: Optional[int] = None,
) -> None:
    """Compute the quantities of an entry, and write the results.

    Args:
        settings: of the job.
        arguments: parsed.
        files: of the entry.
        most: of its checkpoints, the first so many; all if None.
    """
    started = time.time()
    jobs.require_code(settings)
    kind, threads, path = arguments.kind, arguments.threads, arguments.checkpoints
    entry = settings[kind]
    arrays, of_run = checkpoints.read_run(path, settings, OF_RUN[kind])
    network = network_of(settings, arguments.data, of_run["seed"])
    checkpoints.check_shapes(path, arrays, network.shapes)
    schedule = checkpoint_iterations(of_run["iterations"], of_run["checkpoint_every"])
    places = chosen(arrays["iteration"].tolist(), schedule, entry.get("checkpoints"))[:most]
    job = {"settings": settings, "checkpoints": sha256_of_file(path)}
    progress = Progress(files.progress, job, log)
    if progress.size:
        log(f"going on after the {progress.size} checkpoints kept in {files.progress}")
    n_before, loop_started = progress.size, time.time()
    operator = OPERATORS[kind](network, arrays, settings, threads)
    columns = columns_of_table(kind, entry)

    def log_checkpoint(row):
        n_done = progress.size + 1 - n_before
        seconds = (time.time() - loop_started) / n_done
        log(_describe(row, columns, seconds, len(places) - n_before - n_done))

    quantities = quantities_of(kind, entry)
    measure_along(operator, quantities, arrays, places, of_run["seed"], progress, log_checkpoint)
    seconds = time.time() - loop_started

    records.set_aside(files.record, files.results, log)
    run_keys = {"condition": of_run["condition"], "seed": of_run["seed"]}
    names = {column.name: column.name for column in columns}
    names.update({PRODUCTS[kind]: "products", "iteration": "iteration"})
    rows = [
        dict(run_keys, **{name: record[there].item() for name, there in names.items()})
        for record in progress.records
    ]
    jobs.write_results(
        files,
        settings,
        {
            name: np.stack([record[name] for record in progress.records])
            for name in ["iteration", *arrays_of(kind, entry)]
        },
        [column.name for column in list(RUN_KEYS) + columns],
        rows,
        started,
        threads,
        checkpoints=records.describe_file(path),
        products=sum(row[PRODUCTS[kind]] for row in rows),
        seconds_per_product=seconds / operator.products if operator.products else None,
    )


def _describe(row, columns, seconds_per_checkpoint, checkpoints_left):
    """Return the line of the log for a checkpoint: what is shown of it, and the time left."""
    values = []
    for column in columns:
        if column.label:
            value = f"{column.name} {row[column.name]:.6g}"
            is_good = row.get(column.name + "_converged", True)
            values.append(value if is_good else value + " (NOT converged)")
    return (
        f"iteration {row['iteration']}  {', '.join(values)}  {row['products']} products, "
        f"{seconds_per_checkpoint:.1f} s per checkpoint, "
        f"{seconds_per_checkpoint * checkpoints_left:.0f} s left"
    )


if __name__ == "__main__":
    run(main)
