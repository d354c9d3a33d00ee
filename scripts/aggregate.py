"""Put all runs of a study together: trajectories.csv, summary.csv and metadata.json.

Runs of another configuration, and tables that were altered, are refused, never mixed in. A study
without curvature has no eigenvalues in the three.
"""

import argparse
import os
import platform
import sys
from typing import NamedTuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
import pandas as pd
import scipy

from lsnn.config import as_mapping, read_study
from lsnn.errors import ResultError, run
from lsnn.files import differences, read_record, sha256_of_file, write_record
from study_statistics import summarise
from tables import (
    CURVATURE,
    LEARNING_CURVE,
    RUN_KEYS,
    read_recorded_table,
    trajectories_columns,
    write_table,
)

TRAINING_KEYS = ("settings", "outputs", "environment", "wall_seconds", "ms_per_iteration")
CURVATURE_KEYS = (
    "settings",
    "outputs",
    "environment",
    "wall_seconds",
    "seconds_per_product",
    "products",
    "checkpoints",
)
TRAINING_COSTS = ("training_wall_seconds", "ms_per_iteration")
CURVATURE_COSTS = ("curvature_wall_seconds", "seconds_per_product", "products_per_checkpoint")


class Run(NamedTuple):
    """What one run left behind: its rows of trajectories.csv, and an entry of metadata.json."""

    table: pd.DataFrame
    metadata: dict


def read_run(folder, study, condition, seed):
    """Return the :class:`Run` in a folder.

    Raises:
        ResultError: a file is missing, altered, incomplete, or not of this study, condition, seed.
    """
    settings = study.training_settings(condition, seed)
    training = read_result(os.path.join(folder, "training.json"), TRAINING_KEYS, settings)
    tables = {
        "learning_curve.csv": read_recorded_table(
            os.path.join(folder, "learning_curve.csv"), LEARNING_CURVE, training
        )
    }
    metadata = {
        "condition": condition,
        "seed": seed,
        "training_environment": training["environment"],
        "training_wall_seconds": training["wall_seconds"],
        "ms_per_iteration": training["ms_per_iteration"],
    }
    if study.curvature:
        tables["curvature.csv"], of_curvature = read_curvature(folder, study, training)
        metadata.update(of_curvature)
    table = join(tables, folder, condition, seed)
    table["learning_rule"] = settings["learning_rule"]["name"]
    table["learning_rate"] = settings["training"]["learning_rate"]
    return Run(table[list(trajectories_columns(study))], {**metadata, "checkpoints": len(table)})


def read_curvature(folder, study, training):
    """Return the table of eigenvalues of a run, and what they cost as entries of metadata.json.

    Raises:
        ResultError: as :func:`read_run`, or they are not of the checkpoints of ``training``, the
            record in training.json.
    """
    path = os.path.join(folder, "curvature.json")
    curvature = read_result(path, CURVATURE_KEYS, study.curvature_settings())
    if curvature["checkpoints"]["sha256"] != training["outputs"].get("checkpoints.npz"):
        raise ResultError(
            f"{path}: not of the checkpoints that training.json tells of; run the job that writes "
            "it again"
        )
    table = read_recorded_table(os.path.join(folder, "curvature.csv"), CURVATURE, curvature)
    metadata = {
        "curvature_environment": curvature["environment"],
        "curvature_wall_seconds": curvature["wall_seconds"],
        "seconds_per_product": curvature["seconds_per_product"],
        "products": curvature["products"],
        "products_per_checkpoint": curvature["products"] / len(table),
    }
    return table, metadata


def read_result(path, keys, settings):
    """Return the record of a job at ``path``, which must have ``keys`` and these settings.

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
    different = differences(record["settings"], settings)
    if different:
        raise ResultError(
            f"{path}: of another configuration: {'; '.join(different)}. Run that job again, or "
            "give the study another name to keep both"
        )
    return record


def join(tables, folder, condition, seed):
    """Return the rows of a run's tables (by file name) side by side, with the generalization gaps.

    Raises:
        ResultError: a table has rows of another run or an iteration twice, or the tables do not
            have the same iterations.
    """
    for name, table in tables.items():
        path = os.path.join(folder, name)
        foreign = table[(table["condition"] != condition) | (table["seed"] != seed)]
        if len(foreign):
            row = foreign.iloc[0]
            raise ResultError(
                f"{path}: a row of condition {row['condition']}, seed {row['seed']} among those "
                f"of condition {condition}, seed {seed}; run the job that writes it again"
            )
        repeated = table["iteration"][table["iteration"].duplicated()]
        if len(repeated):
            raise ResultError(
                f"{path}: iteration {repeated.iloc[0]} more than once; run the job that writes it "
                "again"
            )
    joined = tables["learning_curve.csv"]
    if "curvature.csv" in tables:
        joined = with_eigenvalues(joined, tables["curvature.csv"], folder)
    joined = joined.sort_values("iteration")
    joined["generalization_gap"] = joined["train_accuracy"] - joined["test_accuracy"]
    joined["generalization_gap_loss"] = joined["test_loss"] - joined["train_loss"]
    return joined


def with_eigenvalues(learning_curve, eigenvalues, folder):
    """Return the rows of the learning curve with the eigenvalues at the same iterations."""
    unmatched = sorted(set(learning_curve["iteration"]) ^ set(eigenvalues["iteration"]))
    if unmatched:
        raise ResultError(
            f"{folder}: learning_curve.csv and curvature.csv do not have the same iterations: "
            f"{len(learning_curve)} and {len(eigenvalues)} rows, in one of them alone: "
            f"{', '.join(map(str, unmatched[:5]))}; run the job that writes curvature.csv again"
        )
    return learning_curve.merge(eigenvalues, on=list(RUN_KEYS))


def describe(study, runs):
    """Return the content of metadata.json but for the hashes of the tables."""
    entries = pd.DataFrame([one.metadata for one in runs])
    costs = list(TRAINING_COSTS + (CURVATURE_COSTS if study.curvature else ()))
    entries = entries.astype(dict.fromkeys(costs, float))
    medians = entries.groupby("condition", sort=False)[costs].median()
    medians = medians.astype(object).where(medians.notna(), None)
    totals = {
        "runs": len(runs),
        "training_wall_seconds": float(entries["training_wall_seconds"].sum()),
    }
    if study.curvature:
        totals["curvature_wall_seconds"] = float(entries["curvature_wall_seconds"].sum())
        totals["products"] = int(entries["products"].sum())
    return {
        "study": as_mapping(study),
        "runs": [one.metadata for one in runs],
        "medians": medians.to_dict("index"),
        "totals": totals,
        "aggregation_environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
            "scipy": scipy.__version__,
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="configuration of the study")
    parser.add_argument(
        "--runs", required=True, help="folder with <condition>/seed_<seed>/ for every run"
    )
    parser.add_argument("--output", required=True, help="folder of the three files")
    arguments = parser.parse_args()

    study = read_study(arguments.config)
    runs = [
        read_run(os.path.join(arguments.runs, condition, f"seed_{seed}"), study, condition, seed)
        for condition in study.conditions
        for seed in sorted(study.seeds)
    ]
    trajectories = pd.concat([one.table for one in runs], ignore_index=True)

    trajectories_file = os.path.join(arguments.output, "trajectories.csv")
    summary_file = os.path.join(arguments.output, "summary.csv")
    write_table(trajectories_file, trajectories, missing="nan")
    write_table(summary_file, summarise(trajectories, study.baseline), missing="")
    outputs = {
        "trajectories.csv": sha256_of_file(trajectories_file),
        "summary.csv": sha256_of_file(summary_file),
    }
    write_record(
        os.path.join(arguments.output, "metadata.json"),
        {**describe(study, runs), "outputs": outputs},
    )


if __name__ == "__main__":
    run(main)
