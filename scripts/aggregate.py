"""Put all runs of a study together: trajectories.csv, summary.csv, spectra.npz and metadata.json.

Beside them goes config.yaml, the configuration with every default filled in. spectra.npz has the
arrays that quantities keep, those of a run and entry as <list>/<entry>/<condition>/<seed>/<name>,
stacked over the checkpoints at which they were computed.

Runs of another configuration, and tables that were altered, are refused, never mixed in.
metadata.json and the log name results that were computed by code other than the present.
"""

import argparse
import os
import platform
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy

from lib.program import run
from lib.summary import summarise
from lib.tables import read_recorded_table, require_recorded, write_table
from lsnn.curvature.hessian import ALL
from lsnn.curvature.quantities import PRODUCTS, REGISTRIES, arrays_of, columns_of, columns_of_table
from lsnn.curvature.weights import ranks_of_change, squared_norms
from lsnn.errors import ResultError
from lsnn.network import PARAMETERS
from lsnn.storage import checkpoints
from lsnn.storage.files import differences, read_record, sha256_of_file, write_record
from lsnn.study.columns import RUN_KEYS
from lsnn.study.config import as_mapping, read_study, write_study
from lsnn.study.outputs import (
    gap_columns,
    learning_curve_columns,
    scale_free_columns,
    standard_error_columns,
    trajectories_columns,
)

TRAINING_KEYS = (
    "settings",
    "outputs",
    "environment",
    "wall_seconds",
    "ms_per_iteration",
    "diverged_at",
)
ENTRY_KEYS = (
    "settings",
    "outputs",
    "environment",
    "wall_seconds",
    "seconds_per_product",
    "products",
    "checkpoints",
)
TRAINING_COSTS = ("training_wall_seconds", "ms_per_iteration")
COSTS = {
    kind: (
        f"{kind}_wall_seconds",
        f"{prefix}seconds_per_product",
        f"{prefix}products_per_checkpoint",
    )
    for kind, prefix in {"hessian": "", "dynamics": "dynamics_"}.items()
}


class Run(NamedTuple):
    """What one run left behind."""

    table: pd.DataFrame  # its rows of trajectories.csv
    arrays: dict  # its arrays of spectra.npz
    metadata: dict  # its entry of metadata.json


def read_run(folder, study, condition, seed):
    """Return the :class:`Run` in a folder.

    Raises:
        ResultError: a file is missing, altered, incomplete, or not of this study, condition, seed.
    """
    settings = study.training_settings(condition, seed)
    training = read_result(os.path.join(folder, "training.json"), TRAINING_KEYS, settings)
    columns = learning_curve_columns(study)
    path = os.path.join(folder, "learning_curve.csv")
    optional = standard_error_columns(study)
    table = read_recorded_table(path, columns, training, optional)
    table = without_values(checked(table, path, condition, seed), optional)
    metadata = {
        "condition": condition,
        "seed": seed,
        "diverged_at": training["diverged_at"],
        "other_code": other_code("training", training, settings),
        "training_environment": training["environment"],
        "training_wall_seconds": training["wall_seconds"],
        "ms_per_iteration": training["ms_per_iteration"],
    }
    arrays = {}
    for kind in REGISTRIES:
        records, n_checkpoints = {}, []
        for name, entry in study.entries(kind).items():
            columns = columns_of(kind, entry)
            if seed not in study.seeds_of(entry):
                table = without_values(table, columns)
                continue
            path = os.path.join(folder, kind, name + ".csv")
            wanted = study.entry_settings(kind, name, condition)
            rows, kept, records[name] = read_entry(path, kind, entry, wanted, training)
            names = zip(columns_of_table(kind, entry), columns, strict=True)
            rows = checked(rows, path, condition, seed).rename(
                columns={plain.name: column.name for plain, column in names}
            )
            n_checkpoints.append(len(rows))
            table = side_by_side(table, rows, folder, path, "checkpoints" in entry)
            table = without_values(table, columns)
            place = f"{kind}/{name}/{condition}/{seed}"
            arrays.update((f"{place}/{key}", array) for key, array in kept.items())
            found = other_code(f"{kind} {name}", records[name], wanted)
            metadata["other_code"].update(found)
        if records:
            costs = costs_of_entries(list(records.values()), max(n_checkpoints))
            metadata.update(zip(COSTS[kind], costs, strict=True))
            metadata[PRODUCTS[kind]] = sum(record["products"] for record in records.values())
            metadata[f"{kind}_environments"] = {
                name: record["environment"] for name, record in records.items()
            }
    table = with_weights(table, os.path.join(folder, "checkpoints.npz"), study, training)
    table["learning_rule"] = settings["learning_rule"]["name"]
    table["learning_rate"] = settings["training"]["learning_rate"]
    table["diverged"] = training["diverged_at"] is not None
    table = table.sort_values("iteration")
    is_worse = {m.name: m.larger_is_worse for m in study.task_class.measures}
    for (measure, split), column in gap_columns(study).items():
        train, unseen = table[f"train_{measure}"], table[f"{split}_{measure}"]
        table[column.name] = unseen - train if is_worse[measure] else train - unseen
    names = [column.name for column in trajectories_columns(study)]
    return Run(table[names], arrays, {**metadata, "checkpoints": len(table)})


def without_values(table, columns):
    """Return a table with empty cells, and flags True, where columns of an entry have no values."""
    missing = [column.name for column in columns if column.name not in table]
    table = table.assign(**dict.fromkeys(missing, np.nan))
    flags = [column.name for column in columns if column.kind == "flag"]
    return table.assign(
        **{name: table[name].map(lambda flag: bool(pd.isna(flag) or flag)) for name in flags}
    )


def with_weights(table, path, study, training):
    """Return a table with the columns that are made of weights, of a checkpoint file."""
    arrays, _ = checkpoints.read(path)
    require_recorded(path, training)
    changes = pd.DataFrame({"iteration": arrays["iteration"], **ranks_of_change(arrays)})
    table = table.merge(changes, on="iteration", validate="one_to_one")
    for column, (eigenvalue, entry) in scale_free_columns(study).items():
        names = list(PARAMETERS) if entry["block"] == ALL else [entry["block"]]
        norms = pd.Series(squared_norms(arrays, names), arrays["iteration"])
        table[column.name] = table[eigenvalue.name] * table["iteration"].map(norms)
    return table


def other_code(stage, record, settings):
    """Return {stage: hash of its code} where that is not the present code, else nothing."""
    found = record["settings"].get("code_hash", "unknown")
    return {} if found == settings["code_hash"] else {stage: found}


def costs_of_entries(records, n_checkpoints):
    """Return what entries of a run have cost together: wall time, time per product, products."""
    products = sum(record["products"] for record in records)
    measured = [r for r in records if r["seconds_per_product"] is not None]
    seconds = sum(r["seconds_per_product"] * r["products"] for r in measured)
    return (
        sum(record["wall_seconds"] for record in records),
        seconds / sum(r["products"] for r in measured) if measured else None,
        products / n_checkpoints,
    )


def read_entry(path, kind, entry, settings, training):
    """Return the table of an entry of a run, its arrays by name, and its record.

    Raises:
        ResultError: as :func:`read_run`, or it is not of the checkpoints of ``training``, the
            record in training.json.
    """
    record_path = path.removesuffix(".csv") + ".json"
    record = read_result(record_path, ENTRY_KEYS, settings)
    if record["checkpoints"]["sha256"] != training["outputs"].get("checkpoints.npz"):
        raise ResultError(
            f"{record_path}: does not belong to the checkpoints in training.json; run the job that "
            "writes it again"
        )
    table = read_recorded_table(path, [*RUN_KEYS, *columns_of_table(kind, entry)], record)
    kept, names = {}, arrays_of(kind, entry)
    if names:
        arrays_path = path.removesuffix(".csv") + ".npz"
        arrays, _ = checkpoints.read(arrays_path, ("iteration", *names))
        require_recorded(arrays_path, record)
        kept = {name: arrays[name] for name in ("iteration", *names)}
    return table, kept, record


def read_result(path, keys, settings):
    """Return the record of a job at ``path``, which must have ``keys`` and these settings.

    The code that it was computed by may differ.

    Raises:
        ResultError: the record is missing or damaged, lacks a key, or has other settings.
    """
    record = read_record(path)
    missing = [key for key in keys if key not in record]
    if missing:
        raise ResultError(
            f"{path}: {', '.join(missing)} is missing; delete the file and run the job that writes "
            "it again"
        )
    there = {**record["settings"], "code_hash": settings["code_hash"]}
    different = differences(there, settings)
    if different:
        raise ResultError(
            f"{path}: of another configuration: {'; '.join(different)}. Run that job again, or "
            "give the study another name to keep both"
        )
    return record


def checked(table, path, condition, seed):
    """Return a table of a run.

    Raises:
        ResultError: it has rows of another run, or an iteration twice.
    """
    foreign = table[(table["condition"] != condition) | (table["seed"] != seed)]
    if len(foreign):
        row = foreign.iloc[0]
        raise ResultError(
            f"{path}: a row of condition {row['condition']}, seed {row['seed']} among those of "
            f"condition {condition}, seed {seed}; run the job that writes it again"
        )
    repeated = table["iteration"][table["iteration"].duplicated()]
    if len(repeated):
        raise ResultError(
            f"{path}: iteration {repeated.iloc[0]} more than once; run the job that writes it again"
        )
    return table


def side_by_side(learning_curve, table, folder, path, is_chosen=False):
    """Return the rows of the learning curve with those of another table at the same iterations.

    ``is_chosen``: the other table has rows at some of them, the last one among them.
    """
    there, wanted = set(table["iteration"]), set(learning_curve["iteration"])
    if is_chosen:
        wanted = (wanted & there) | {max(wanted)}
    unmatched = sorted(wanted ^ there)
    if unmatched:
        name = os.path.relpath(path, folder)
        raise ResultError(
            f"{folder}: learning_curve.csv and {name} do not have the same iterations: "
            f"{len(learning_curve)} and {len(table)} rows, in one of them alone: "
            f"{', '.join(map(str, unmatched[:5]))}; run the job that writes {name} again"
        )
    return learning_curve.merge(table, how="left", on=[column.name for column in RUN_KEYS])


def describe(study, runs):
    """Return the content of metadata.json but for the hashes of the tables."""
    entries = pd.DataFrame([run.metadata for run in runs])
    kinds = [kind for kind in REGISTRIES if study.entries(kind)]
    costs = [*TRAINING_COSTS, *(name for kind in kinds for name in COSTS[kind])]
    entries = entries.astype(dict.fromkeys(costs, float))
    medians = entries.groupby("condition", sort=False)[costs].median()
    medians = medians.astype(object).where(medians.notna(), None)
    totals = {
        "runs": len(runs),
        "training_wall_seconds": float(entries["training_wall_seconds"].sum()),
    }
    for kind in kinds:
        totals[f"{kind}_wall_seconds"] = float(entries[f"{kind}_wall_seconds"].sum())
        totals[PRODUCTS[kind]] = int(entries[PRODUCTS[kind]].sum())
    return {
        "study": as_mapping(study),
        "runs": [run.metadata for run in runs],
        "warnings": warnings_of([run.metadata for run in runs]),
        "medians": medians.to_dict("index"),
        "totals": totals,
        "aggregation_environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
            "scipy": scipy.__version__,
        },
    }


def warnings_of(runs):
    """Return the warnings about runs, entries of metadata.json, as a list of lines."""
    found = {}
    for metadata in runs:
        seed, at = metadata["seed"], metadata["diverged_at"]
        if at is not None:
            what = f"{metadata['condition']}: diverged, and left out of means"
            found.setdefault(what, []).append(f"seed {seed} (at iteration {at})")
        for stage, code_hash in metadata["other_code"].items():
            other = f"by other code ({code_hash:.12}) than the present"
            what = f"{metadata['condition']}: {stage} {other}"
            found.setdefault(what, []).append(f"seed {seed}")
    return [f"{what}: {', '.join(seeds)}" for what, seeds in found.items()]


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="configuration of the study (YAML)"
    )
    parser.add_argument(
        "--runs", required=True, help="folder with <condition>/seed_<seed>/ for every run"
    )
    parser.add_argument("--output", required=True, help="folder of the five files")
    arguments = parser.parse_args()

    study = read_study(arguments.config)
    runs = [
        read_run(os.path.join(arguments.runs, condition, f"seed_{seed}"), study, condition, seed)
        for condition in study.conditions
        for seed in sorted(study.seeds)
    ]
    trajectories = pd.concat([run.table for run in runs], ignore_index=True)

    write_study(os.path.join(arguments.output, "config.yaml"), study)
    trajectories_file = os.path.join(arguments.output, "trajectories.csv")
    summary_file = os.path.join(arguments.output, "summary.csv")
    spectra_file = os.path.join(arguments.output, "spectra.npz")
    write_table(trajectories_file, trajectories)
    write_table(summary_file, summarise(trajectories, study))
    spectra = {name: array for run in runs for name, array in run.arrays.items()}
    checkpoints.write(spectra_file, spectra, {})
    files = [trajectories_file, summary_file, spectra_file]
    outputs = {os.path.basename(path): sha256_of_file(path) for path in files}
    metadata = describe(study, runs)
    for line in metadata["warnings"]:
        print(line)
    write_record(os.path.join(arguments.output, "metadata.json"), {**metadata, "outputs": outputs})


if __name__ == "__main__":
    run(main)
