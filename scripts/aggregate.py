"""Put all runs of a study together: trajectories.csv, summary.csv and metadata.json.

Runs of another configuration, and tables that were altered, are refused, never mixed in.
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

from lsnn.config import as_mapping, differences, read_study
from lsnn.errors import ResultError, run
from lsnn.files import read_record, sha256_of_file, write_record
from study_statistics import summarise
from tables import (
    CURVATURE,
    LEARNING_CURVE,
    RUN_KEYS,
    TRAJECTORIES,
    read_recorded_table,
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
COSTS = (
    "training_wall_seconds",
    "ms_per_iteration",
    "curvature_wall_seconds",
    "seconds_per_product",
    "products_per_checkpoint",
)


class Run(NamedTuple):
    """What one run left behind: its rows of trajectories.csv, and an entry of metadata.json."""

    table: pd.DataFrame
    metadata: dict


def read_run(folder, study, rule, seed):
    """Return the :class:`Run` in a folder.

    Raises:
        ResultError: a file is missing, altered, incomplete, or not of this study, rule and seed.
    """
    training = read_result(
        os.path.join(folder, "training.json"), TRAINING_KEYS, study.training_settings(rule, seed)
    )
    curvature = read_result(
        os.path.join(folder, "curvature.json"), CURVATURE_KEYS, study.curvature_settings()
    )
    if curvature["checkpoints"]["sha256"] != training["outputs"].get("checkpoints.npz"):
        raise ResultError(
            f"{os.path.join(folder, 'curvature.json')}: not of the checkpoints that training.json "
            "tells of; run the job that writes it again"
        )
    learning_curve = read_recorded_table(
        os.path.join(folder, "learning_curve.csv"), LEARNING_CURVE, training
    )
    eigenvalues = read_recorded_table(os.path.join(folder, "curvature.csv"), CURVATURE, curvature)
    table = join(learning_curve, eigenvalues, folder, rule, seed)
    metadata = {
        "learning_rule": rule,
        "seed": seed,
        "checkpoints": len(table),
        "training_environment": training["environment"],
        "training_wall_seconds": training["wall_seconds"],
        "ms_per_iteration": training["ms_per_iteration"],
        "curvature_environment": curvature["environment"],
        "curvature_wall_seconds": curvature["wall_seconds"],
        "seconds_per_product": curvature["seconds_per_product"],
        "products": curvature["products"],
        "products_per_checkpoint": curvature["products"] / len(table),
    }
    return Run(table, metadata)


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


def join(learning_curve, eigenvalues, folder, rule, seed):
    """Return the rows of both tables of a run side by side, with the generalization gaps.

    Raises:
        ResultError: the tables have rows of another run, or not the same iterations.
    """
    tables = {"learning_curve.csv": learning_curve, "curvature.csv": eigenvalues}
    for name, table in tables.items():
        foreign = table[(table["learning_rule"] != rule) | (table["seed"] != seed)]
        if len(foreign):
            row = foreign.iloc[0]
            raise ResultError(
                f"{os.path.join(folder, name)}: a row of rule {row['learning_rule']}, seed "
                f"{row['seed']} among those of rule {rule}, seed {seed}; run the job that writes "
                "it again"
            )
    iterations = [sorted(table["iteration"]) for table in tables.values()]
    if iterations[0] != iterations[1] or len(set(iterations[0])) < len(iterations[0]):
        unmatched = sorted(set(iterations[0]) ^ set(iterations[1]))
        raise ResultError(
            f"{folder}: learning_curve.csv and curvature.csv do not have the same iterations, "
            f"each once: {len(iterations[0])} and {len(iterations[1])} rows, in one of them alone: "
            f"{', '.join(map(str, unmatched[:5])) or 'none'}; run the job that writes "
            "curvature.csv again"
        )
    table = learning_curve.merge(eigenvalues, on=list(RUN_KEYS)).sort_values("iteration")
    table["generalization_gap"] = table["train_accuracy"] - table["test_accuracy"]
    table["generalization_gap_loss"] = table["test_loss"] - table["train_loss"]
    return table[list(TRAJECTORIES)]


def describe(study, runs):
    """Return the content of metadata.json but for the hashes of the tables."""
    entries = pd.DataFrame([one.metadata for one in runs])
    entries = entries.astype(dict.fromkeys(COSTS, float))
    medians = entries.groupby("learning_rule", sort=False)[list(COSTS)].median()
    medians = medians.astype(object).where(medians.notna(), None)
    return {
        "study": as_mapping(study),
        "runs": [one.metadata for one in runs],
        "medians": medians.to_dict("index"),
        "totals": {
            "runs": len(runs),
            "training_wall_seconds": float(entries["training_wall_seconds"].sum()),
            "curvature_wall_seconds": float(entries["curvature_wall_seconds"].sum()),
            "products": int(entries["products"].sum()),
        },
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
        "--runs", required=True, help="folder with <learning_rule>/seed_<seed>/ for every run"
    )
    parser.add_argument("--output", required=True, help="folder of the three files")
    arguments = parser.parse_args()

    study = read_study(arguments.config)
    runs = [
        read_run(os.path.join(arguments.runs, rule, f"seed_{seed}"), study, rule, seed)
        for rule in study.learning_rules
        for seed in sorted(study.seeds)
    ]
    trajectories = pd.concat([one.table for one in runs], ignore_index=True)

    trajectories_file = os.path.join(arguments.output, "trajectories.csv")
    summary_file = os.path.join(arguments.output, "summary.csv")
    write_table(trajectories_file, trajectories, missing="nan")
    write_table(summary_file, summarise(trajectories), missing="")
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
