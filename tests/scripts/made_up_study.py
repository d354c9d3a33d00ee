"""A small made-up study whose numbers can be worked out by hand, written as runs write theirs."""

import os

import pandas as pd
import yaml

from lsnn.columns import RUN_KEYS
from lsnn.config import parse_study, read_study
from lsnn.files import sha256_of_file, write_record, write_table
from lsnn.outputs import of_gaps, of_learning_curve, trajectories_columns
from lsnn.quantities import columns_of, columns_of_table

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = {
    "name": "made_up",
    "conditions": {
        "bptt": {"iterations": 100, "checkpoint_every": 20},
        "three_factor": {"iterations": 160, "checkpoint_every": 32},
    },
    "seeds": [2, 1],
}
STUDY = parse_study(CONFIG)
WITHOUT_HESSIAN = {**CONFIG, "hessian": []}
NOISY = {**CONFIG, "task": {"name": "sequential_mnist", "noisy_test": 0.2}}
TWO_ENTRIES = {**CONFIG, "hessian": [{}, {"block": "all", "split": "train"}]}

# Eight conditions: six learning rates of bptt, two of three_factor.
RATES = {"bptt": [0.001, 0.002, 0.005, 0.01, 0.02, 0.05], "three_factor": [0.01, 0.05]}
SWEEP = {
    **CONFIG,
    "conditions": {
        f"{rule}_{rate}": {
            "learning_rule": rule,
            "training": {"learning_rate": rate},
            **CONFIG["conditions"][rule],
        }
        for rule, rates in RATES.items()
        for rate in rates
    },
}
CHECKPOINTS = 6


def names_of(columns):
    return [column.name for column in columns]


def is_bptt(study, condition):
    return study.conditions[condition].learning_rule["name"] == "bptt"


def learning_curve(condition, seed, study=STUDY):
    """The loss halves from one checkpoint to the next with bptt, every second one otherwise."""
    speed = 1.0 if is_bptt(study, condition) else 0.5
    iterations = study.conditions[condition].iterations
    noisy = "noisy_test" in study.splits
    return [
        {
            "condition": condition,
            "seed": seed,
            "iteration": iterations * k // 5,
            "fraction": k / 5,
            "train_loss": 2.0 * 2 ** -(speed * k),
            "train_accuracy": 0.1 + 0.16 * k,
            "validation_loss": 2.1,
            "validation_accuracy": 0.1 + 0.15 * k,
            "test_loss": 2.0 * 2 ** -(speed * k) + 0.01 * k,
            "test_accuracy": 0.1 + 0.15 * k,
            **({"noisy_test_loss": 3.0, "noisy_test_accuracy": 0.1 + 0.1 * k} if noisy else {}),
            "l2_loss": 1 / 3,
            "mean_activity": 0.25,
        }
        for k in range(CHECKPOINTS)
    ]


def eigenvalues(condition, seed, study=STUDY, place=0):
    """lambda_max falls in proportion to the loss with bptt, and does not change otherwise.

    It starts in inverse proportion to the learning rate. Of the second entry of ``hessian`` it is
    twice that of the first one.
    """
    scale = 1000.0 * (place + 1) * (0.01 / study.training_of(condition).learning_rate)
    rows = []
    for row in learning_curve(condition, seed, study):
        k = round(5 * row["fraction"])
        row = {name: row[name] for name in ("condition", "seed", "iteration")}
        largest = scale * seed * (2.0**-k if is_bptt(study, condition) else seed)
        for name, value in [
            ("lambda_max", largest),
            ("lambda_min", -100.0 / (k + 1)),
            ("lambda_abs_max", largest),
        ]:
            row[name] = value
            row[name + "_residual"] = 1e-4
            row[name + "_norm_residual"] = 1e-5
            row[name + "_converged"] = True
        row["products"] = 40
        rows.append(row)
    return rows


def trajectories(conditions=None, seeds=(1, 2), study=STUDY):
    """The same numbers as the data frame that trajectories.csv holds."""
    pieces = []
    for condition in conditions or study.conditions:
        for seed in seeds:
            piece = pd.DataFrame(learning_curve(condition, seed, study))
            for place, entry in enumerate(study.hessian):
                of_entry = pd.DataFrame(eigenvalues(condition, seed, study, place))
                plain, own = names_of(columns_of_table(entry)), names_of(columns_of(entry))
                piece = piece.merge(of_entry.rename(columns=dict(zip(plain, own, strict=True))))
            piece["learning_rule"] = study.conditions[condition].learning_rule["name"]
            piece["learning_rate"] = study.training_of(condition).learning_rate
            piece["diverged"] = False
            pieces.append(piece)
    table = pd.concat(pieces, ignore_index=True)
    for (measure, split), column in of_gaps(study).items():
        sign = 1 if measure == "loss" else -1
        table[column.name] = sign * (table[f"{split}_{measure}"] - table[f"train_{measure}"])
    return table[names_of(trajectories_columns(study))]


def without_hessian():
    """The same as :func:`trajectories`, of a study that computes nothing of the Hessian."""
    return trajectories(study=parse_study(WITHOUT_HESSIAN))


def stopped_early(table=None, condition="bptt", seed=1, fraction=0.4):
    """The trajectories of a study in which one run stopped at a fraction of its training."""
    table = trajectories() if table is None else table
    run = (table["condition"] == condition) & (table["seed"] == seed)
    return table[~run | (table["fraction"] <= fraction)].reset_index(drop=True)


def diverged(table=None, runs=(("bptt", 1),), fraction=0.4):
    """The trajectories of a study in which some runs diverged behind a fraction of training."""
    table = trajectories() if table is None else table
    for condition, seed in runs:
        run = (table["condition"] == condition) & (table["seed"] == seed)
        table = table[~run | (table["fraction"] <= fraction)].reset_index(drop=True)
        run = (table["condition"] == condition) & (table["seed"] == seed)
        table.loc[run, "diverged"] = True
    return table


def write_config(path, config):
    """Write a configuration, and return the study that it describes."""
    with open(path, "w") as stream:
        yaml.safe_dump(config, stream, sort_keys=False)
    return read_study(path)


def write_study(folder, config=CONFIG):
    """Write the configuration and all runs of the study to ``folder``."""
    os.makedirs(folder, exist_ok=True)
    study = write_config(os.path.join(folder, "config.yaml"), config)
    for condition in study.conditions:
        for seed in study.seeds:
            write_run(run_folder(folder, condition, seed), study, condition, seed)


def run_folder(folder, condition, seed):
    return os.path.join(folder, "runs", condition, f"seed_{seed}")


def write_run(folder, study, condition, seed, rows=None, of_hessian=None, diverged_at=None):
    """Write one run, with other rows than the made-up ones where they are given.

    ``of_hessian`` are those of the first entry of ``hessian``.
    """
    rows = rows or learning_curve(condition, seed, study)
    curve_file = os.path.join(folder, "learning_curve.csv")
    write_rows(curve_file, of_learning_curve(study), rows)
    environment = {
        "python": "3.6.15",
        "numpy": "1.16.6",
        "tensorflow": "1.12.0",
        "device": "CPU",
        "threads": 1,
        "commit": None,
    }
    write_record(
        os.path.join(folder, "training.json"),
        {
            "settings": study.training_settings(condition, seed),
            "outputs": {
                "checkpoints.npz": "c0ffee",
                "learning_curve.csv": sha256_of_file(curve_file),
            },
            "environment": environment,
            "wall_seconds": 100.0 * seed,
            "iterations": rows[-1]["iteration"],
            "diverged_at": diverged_at,
            "ms_per_iteration": 1.5 * seed,
        },
    )
    for place, (name, entry) in enumerate(study.entries.items()):
        of_entry = eigenvalues(condition, seed, study, place)
        if place == 0 and of_hessian:
            of_entry = of_hessian
        path = os.path.join(folder, "hessian", name)
        write_rows(path + ".csv", [*RUN_KEYS, *columns_of_table(entry)], of_entry)
        write_record(
            path + ".json",
            {
                "settings": study.hessian_settings(name),
                "outputs": {name + ".csv": sha256_of_file(path + ".csv")},
                "environment": environment,
                "wall_seconds": 10.0,
                "products": 40 * CHECKPOINTS,
                "seconds_per_product": 0.04,
                "checkpoints": {"file": "checkpoints.npz", "sha256": "c0ffee"},
            },
        )


def write_rows(path, columns, rows):
    """Write a table of a run, without the columns that its rows lack."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_table(path, [name for name in names_of(columns) if name in rows[0]], rows)
