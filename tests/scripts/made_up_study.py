"""A small made-up study whose numbers can be worked out by hand, written as runs write theirs."""

import os

import numpy as np
import pandas as pd
import yaml

from lib.tables import with_settings
from lsnn.curvature.quantities import REGISTRIES, arrays_of, columns_of, columns_of_table, name_of
from lsnn.storage import checkpoints
from lsnn.storage.files import sha256_of_file, write_record, write_table
from lsnn.study.columns import RUN_KEYS
from lsnn.study.config import parse_study, read_study
from lsnn.study.outputs import (
    chance_loss,
    gap_columns,
    learning_curve_columns,
    scale_free_columns,
    standard_error_columns,
    trajectories_columns,
)

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
NOISY = {
    **CONFIG,
    "task": {"name": "sequential_mnist", "tests": {"noisy_test": {"test_noise": 0.2}}},
}
TWO_ENTRIES = {**CONFIG, "hessian": [{}, {"block": "all", "split": "train"}]}
SPECTRUM = {"name": "spectrum", "checkpoints": 3, "seeds": 1, "quantities": ["density", "trace"]}
# Quantities of which some are computed at some checkpoints, of the first seed, which is 2.
CHOSEN = {
    **CONFIG,
    "hessian": [{}, SPECTRUM],
    "dynamics": [{"checkpoints": 3, "quantities": ["alignment", "curvature", "stability"]}],
}

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
    errors = {column.name: 0.02 for column in standard_error_columns(study)}
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
            **errors,
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
    scale = 1000.0 * (place + 1) * (0.01 / study.setup(condition).training.learning_rate)
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


def of_entry(kind, entry, condition, seed, study=STUDY, place=0):
    """What an entry of ``hessian`` or ``dynamics`` has computed of a run: rows, and arrays.

    Beside the eigenvalues of :func:`eigenvalues`, every number is the one before plus 1.
    """
    if [one["name"] for one in entry["quantities"]] == ["extremes"]:
        return eigenvalues(condition, seed, study, place), {}
    rows = []
    for row in learning_curve(condition, seed, study):
        row = {name: row[name] for name in ("condition", "seed", "iteration", "fraction")}
        k = round(5 * row.pop("fraction"))
        for number, column in enumerate(columns_of_table(kind, entry)):
            value = {"flag": True, "integer": 40}.get(column.kind, float(seed + k + number))
            row[column.name] = value
        rows.append(row)
    rows = [rows[k] for k in (0, 2, 5)] if "checkpoints" in entry else rows
    nodes = np.multiply.outer(1.0 + np.arange(len(rows)), [[-2.0, 0.0, 100.0 * seed]] * 2)
    weights = np.broadcast_to([0.25, 0.5, 0.25], nodes.shape)
    arrays = {"density_nodes": nodes, "density_weights": weights}
    arrays.update(slices(condition, seed, len(rows)))
    return rows, {name: arrays[name] for name in arrays_of(kind, entry)}


def slices(condition, seed, n):
    """Arrays of parabolas around the weights at n checkpoints, flatter at the last one."""
    distances = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    line = {"bptt": 1.0}.get(condition, 10.0) + seed * distances**2
    last = {
        "slice_distances": distances,
        "slice_along_eigenvector": line,
        "slice_along_step": line / 2,
        "slice_plane": np.add.outer(line, distances**2 / 10),
        "slice_step": np.array([0.5, 0.1 * seed]),
    }
    return {name: np.stack([9 * array] * (n - 1) + [array]) for name, array in last.items()}


def trajectories(conditions=None, seeds=(1, 2), study=STUDY):
    """The same numbers as the data frame that trajectories.csv holds."""
    pieces = []
    for condition in conditions or study.conditions:
        for seed in seeds:
            piece = pd.DataFrame(learning_curve(condition, seed, study))
            for kind, place, entry in entries_of(study):
                rows, _ = of_entry(kind, entry, condition, seed, study, place)
                rows = rows if "seeds" not in entry or seed in study.seeds_of(entry) else rows[:0]
                plain, own = columns_of_table(kind, entry), columns_of(kind, entry)
                names = dict(zip(names_of(plain), names_of(own), strict=True))
                found = pd.DataFrame(rows, columns=[*names_of(RUN_KEYS), *names])
                for key in ("seed", "iteration"):
                    found[key] = found[key].astype(int)
                piece = piece.merge(found.rename(columns=names), "left", names_of(RUN_KEYS))
                for column in own:
                    if column.kind == "flag":  # where nothing is, nothing did not converge
                        piece[column.name] = piece[column.name].isin([True, np.nan])
                    elif column.where:
                        piece[column.name] = piece[column.name].astype(float)
            add_weights(piece, study)
            piece["learning_rule"] = study.conditions[condition].learning_rule["name"]
            piece["learning_rate"] = study.setup(condition).training.learning_rate
            piece["diverged"] = False
            piece["chance_loss"] = chance_loss(study, condition, seed)
            pieces.append(piece)
    table = pd.concat(pieces, ignore_index=True)
    for (measure, split), column in gap_columns(study).items():
        sign = 1 if measure == "loss" else -1
        table[column.name] = sign * (table[f"{split}_{measure}"] - table[f"train_{measure}"])
    return with_settings(table, study)[names_of(trajectories_columns(study))]


def weights_of(rows):
    """Weights of 1 input, 2 units and 1 output at some checkpoints, as a checkpoint file has them.

    Those that count grow by 1 from one checkpoint to the next.
    """
    size = 1.0 + np.array([round(5 * row["fraction"]) for row in rows])
    return {
        "iteration": np.array([row["iteration"] for row in rows]),
        "w_in": np.multiply.outer(size, [[1.0, 0.0]]),
        "w_rec": np.multiply.outer(size, [[7.0, 1.0], [1.0, -9.0]]),  # the diagonal does not count
        "w_out": np.multiply.outer(size, [[0.0], [1.0]]),
        "b_out": np.zeros((len(rows), 1)),
    }


def add_weights(table, study):
    """Add to a run's trajectories the columns that follow from its weights."""
    size = 1.0 + (5 * table["fraction"]).round()
    for name, rank in {"w_in": 1.0, "w_rec": 2.0, "w_out": 1.0}.items():
        table[f"{name}_change_rank"] = np.where(size > 1, rank, 0.0)
    table["distance"] = 2.0 * (size - 1)  # four weights that count
    for scale_free, (column, entry) in scale_free_columns(study).items():
        in_block = {"w_rec": 2, "all": 4}[entry["block"]]
        table[scale_free.name] = table[column.name] * in_block * size**2


def entries_of(study):
    """Yield kind, place in the list, and entry, of all entries of a study."""
    for kind in REGISTRIES:
        for place, entry in enumerate(getattr(study, kind)):
            yield kind, place, entry


def spectra(study):
    """The arrays of a study's spectra.npz."""
    found = {}
    for condition in study.conditions:
        for seed in sorted(study.seeds):
            for kind, place, entry in entries_of(study):
                rows, arrays = of_entry(kind, entry, condition, seed, study, place)
                if arrays and seed in study.seeds_of(entry):
                    arrays = {"iteration": np.array([row["iteration"] for row in rows]), **arrays}
                    path = f"{kind}/{name_of(entry)}/{condition}/{seed}"
                    found.update((f"{path}/{name}", array) for name, array in arrays.items())
    return found


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
    checkpoints_file = os.path.join(folder, "checkpoints.npz")
    write_rows(curve_file, learning_curve_columns(study), rows)
    in_order = sorted(rows, key=lambda row: row["iteration"])
    checkpoints.write(checkpoints_file, weights_of(in_order), {})
    of_checkpoints = sha256_of_file(checkpoints_file)
    environment = {
        "python": "3.6.15",
        "numpy": "1.16.6",
        "tensorflow": "1.12.0",
        "device": "CPU",
        "threads": 1,
        "commit": None,
    }
    settings, origin = study.training_settings(condition, seed), {}
    if "start" in settings:
        runs = os.path.dirname(os.path.dirname(folder))
        path = run_folder(os.path.dirname(runs), settings["start"]["condition"], seed)
        arrays, _ = checkpoints.read(os.path.join(path, "checkpoints.npz"))
        origin["start"] = {
            "condition": settings["start"]["condition"],
            "iteration": int(arrays["iteration"][-1]),
            "sha256": checkpoints.sha256_of_weights(checkpoints.weights_at(arrays, -1)),
        }
    write_record(
        os.path.join(folder, "training.json"),
        {
            **origin,
            "settings": settings,
            "outputs": {
                "checkpoints.npz": of_checkpoints,
                "learning_curve.csv": sha256_of_file(curve_file),
            },
            "environment": environment,
            "wall_seconds": 100.0 * seed,
            "iterations": rows[-1]["iteration"],
            "diverged_at": diverged_at,
            "ms_per_iteration": 1.5 * seed,
        },
    )
    for kind, place, entry in entries_of(study):
        if seed not in study.seeds_of(entry):
            continue
        found, arrays = of_entry(kind, entry, condition, seed, study, place)
        if place == 0 and kind == "hessian" and of_hessian:
            found = of_hessian
        name = name_of(entry)
        path = os.path.join(folder, kind, name)
        write_rows(path + ".csv", [*RUN_KEYS, *columns_of_table(kind, entry)], found)
        arrays["iteration"] = [row["iteration"] for row in found]
        checkpoints.write(path + ".npz", arrays, {})
        write_record(
            path + ".json",
            {
                "settings": study.entry_settings(kind, name, condition),
                "outputs": {
                    name + suffix: sha256_of_file(path + suffix) for suffix in (".csv", ".npz")
                },
                "environment": environment,
                "wall_seconds": 10.0,
                "products": 40 * CHECKPOINTS,
                "seconds_per_product": 0.04,
                "checkpoints": {"file": "checkpoints.npz", "sha256": of_checkpoints},
            },
        )


def write_rows(path, columns, rows):
    """Write a table of a run, without the columns that its rows lack."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_table(path, [name for name in names_of(columns) if name in rows[0]], rows)
