"""Put all runs of a study together: trajectories.csv, summary.csv, spectra.npz and metadata.json.

Beside them goes config.yaml, the configuration with every default filled in. spectra.npz has the
arrays that quantities keep, those of a run and entry as <list>/<entry>/<condition>/<seed>/<name>,
stacked over the checkpoints at which they were computed.

With --parts, the tables of several lists of seeds of one study, computed in other folders or on
other machines, are joined.

Runs of another configuration, and tables that were altered, are refused, never mixed in.
metadata.json and the log name results that were computed by code other than the present.
"""

import argparse
import os
import platform
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy

from lib import jobs
from lib.failures import states_of_runs
from lib.program import run
from lib.runs import Run, joined
from lib.summary import summarise
from lib.tables import read_recorded_table, require_recorded, with_settings, write_table
from lsnn.curvature.hessian import ALL
from lsnn.curvature.quantities import PRODUCTS, REGISTRIES, arrays_of, columns_of, columns_of_table
from lsnn.curvature.weights import DISTANCE, distances, ranks_of_change, squared_norms
from lsnn.errors import ResultError
from lsnn.network import PARAMETERS
from lsnn.storage import checkpoints
from lsnn.storage.files import differences, read_record, sha256_of_file, write_record
from lsnn.study.columns import CHANCE_LOSS, RUN_KEYS, Column, measure_column
from lsnn.study.config import Study, as_mapping, read_study, write_study
from lsnn.study.outputs import (
    chance_loss,
    chance_of,
    gap_columns,
    learning_curve_columns,
    scale_free_columns,
    standard_error_columns,
    trajectories_columns,
)
from lsnn.update.settings import learning_rate_at

KEYS = ("settings", "outputs", "environment", "wall_seconds")  # of every record
TRAINING_KEYS = (*KEYS, "ms_per_iteration", "diverged_at")
WHERE_FROM = ("taken_over", "adopted")  # keys of a record whose job did not compute its results
ENTRY_KEYS = (*KEYS, "seconds_per_product", "products", "checkpoints")


def read_run(
    folder: str, study: Study, condition: str, seed: int, columns: Sequence[Column]
) -> Run:
    """Return the :class:`Run` in a folder, without the values of settings.

    Args:
        folder: of the run.
        study, condition, seed: that it must be of.
        columns: of trajectories.csv.

    Raises:
        ResultError: a file is missing, altered, or not of this study, condition, seed.
    """
    settings = study.training_settings(condition, seed)
    training = read_result(os.path.join(folder, "training.json"), TRAINING_KEYS, settings)
    if "start" in settings:
        require_start(folder, training)
    path = os.path.join(folder, "learning_curve.csv")
    optional = standard_error_columns(study)
    table = read_recorded_table(path, learning_curve_columns(study), training, optional)
    metadata = {
        "condition": condition,
        "seed": seed,
        "diverged_at": training["diverged_at"],
        "training_environment": training["environment"],
        "training_wall_seconds": training["wall_seconds"],
        "ms_per_iteration": training["ms_per_iteration"],
        "checkpoints": len(table),
        "remarks": training.get("remarks", []),
    }
    arrays: dict[str, np.ndarray] = {}
    stages = {"training": training}
    for kind in REGISTRIES:
        records, most_checkpoints = {}, 0
        for name, entry in study.entries(kind).items():
            if seed not in study.seeds_of(entry):
                continue
            path = os.path.join(folder, kind, name)
            wanted = study.entry_settings(kind, name, condition)
            rows, kept, records[name] = read_entry(path, kind, entry, wanted, training)
            most_checkpoints = max(most_checkpoints, len(rows))
            table = table.merge(rows, "left", names_of(RUN_KEYS), validate="one_to_one")
            place = f"{kind}/{name}/{condition}/{seed}"
            arrays.update((f"{place}/{key}", array) for key, array in kept.items())
            stages[f"{kind} {name}"] = records[name]
        if records:
            metadata.update(costs_of(kind, records, most_checkpoints))
    metadata["code"] = {
        stage: record["settings"].get("code_hash", "unknown") for stage, record in stages.items()
    }
    for key in WHERE_FROM:
        metadata[key] = {stage: record[key] for stage, record in stages.items() if key in record}
    table = table.reindex(columns=names_of(columns)).sort_values("iteration")
    table["learning_rule"] = settings["learning_rule"]["name"]
    rate = partial(learning_rate_at, study.setup(condition).training)
    table["learning_rate"] = table["iteration"].map(rate)
    table["diverged"] = training["diverged_at"] is not None
    table[CHANCE_LOSS.name] = chance_loss(study, condition, seed)
    for column in columns:
        if column.kind == "flag":  # where nothing was computed, nothing failed to converge
            table[column.name] = table[column.name].ne(False)
    add_weights(table, os.path.join(folder, "checkpoints.npz"), study, training)
    is_worse = {m.name: m.larger_is_worse for m in study.measures}
    for (measure, split), column in gap_columns(study).items():
        train, unseen = table[f"train_{measure}"], table[f"{split}_{measure}"]
        table[column.name] = unseen - train if is_worse[measure] else train - unseen
    return Run(table, arrays, metadata)


def require_start(folder: str, training: dict[str, Any]) -> None:
    """Refuse a run that started from other weights than the run beside it has.

    Raises:
        ResultError: it did.
    """
    start = training["start"]
    runs, seed = Path(folder).parents[1], Path(folder).name
    path = runs / start["condition"] / seed / "checkpoints.npz"
    arrays, _ = checkpoints.read(path)
    places = np.flatnonzero(arrays["iteration"] == start["iteration"])
    found = [checkpoints.sha256_of_weights(checkpoints.weights_at(arrays, int(i))) for i in places]
    if found != [start["sha256"]]:
        raise ResultError(
            f"{folder}: started from other weights than {path} has at iteration "
            f"{start['iteration']}; run the job that trains it again"
        )


def names_of(columns: Sequence[Column]) -> list[str]:
    """Return the names of columns."""
    return [column.name for column in columns]


def add_weights(table: pd.DataFrame, path: str, study: Study, training: dict[str, Any]) -> None:
    """Fill in the columns that are made of weights, those of a checkpoint file."""
    arrays, _ = checkpoints.read(path)
    require_recorded(path, training)
    iterations = arrays["iteration"]
    for name, ranks in ranks_of_change(arrays).items():
        table[name] = table["iteration"].map(pd.Series(ranks, iterations))
    table[DISTANCE.name] = table["iteration"].map(
        pd.Series(distances(arrays, PARAMETERS), iterations)
    )
    for column, (eigenvalue, entry) in scale_free_columns(study).items():
        names = list(PARAMETERS) if entry["block"] == ALL else [entry["block"]]
        norms = pd.Series(squared_norms(arrays, names), iterations)
        table[column.name] = table[eigenvalue.name] * table["iteration"].map(norms)


def present_code(study: Study, condition: str, stage: str) -> str:
    """Return the hash of the code that computes a stage of a condition's runs now.

    Args:
        stage: "training", or the list and the name of an entry, as "hessian w_rec_validation".
    """
    if stage == "training":
        return study.training_settings(condition, study.seeds[0])["code_hash"]
    kind, _, name = stage.partition(" ")
    return study.entry_settings(kind, name, condition)["code_hash"]


def costs_of(
    kind: str, records: dict[str, dict[str, Any]], most_checkpoints: int
) -> dict[str, Any]:
    """Return what the entries of a run have cost together, and where they were computed."""
    prefix = PRODUCTS[kind].removesuffix("products")
    products = sum(record["products"] for record in records.values())
    timed = [r for r in records.values() if r["seconds_per_product"] is not None]
    seconds = sum(record["seconds_per_product"] * record["products"] for record in timed)
    return {
        f"{kind}_wall_seconds": sum(record["wall_seconds"] for record in records.values()),
        f"{prefix}seconds_per_product": (
            seconds / sum(record["products"] for record in timed) if timed else None
        ),
        f"{prefix}products_per_checkpoint": products / most_checkpoints,
        f"{prefix}products": products,
        f"{kind}_environments": {name: record["environment"] for name, record in records.items()},
    }


def read_entry(
    path: str, kind: str, entry: dict[str, Any], settings: dict[str, Any], training: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, np.ndarray], dict[str, Any]]:
    """Return the table of an entry of a run, its arrays by name, and its record.

    Args:
        path: of its files, without the suffix.
        kind, entry: the list of the configuration that it is in, and the entry.
        settings: that it must have.
        training: the record in training.json, of whose checkpoints it must be.

    Raises:
        ResultError: as :func:`read_run`.
    """
    record = read_result(f"{path}.json", ENTRY_KEYS, settings)
    if record["checkpoints"]["sha256"] != training["outputs"].get("checkpoints.npz"):
        raise ResultError(
            f"{path}.json: does not belong to the checkpoints in training.json; run the job that "
            "writes it again"
        )
    own = columns_of_table(kind, entry)
    table = read_recorded_table(f"{path}.csv", [*RUN_KEYS, *own], record)
    names = dict(zip(names_of(own), names_of(columns_of(kind, entry)), strict=True))
    kept = {}
    if arrays_of(kind, entry):
        wanted = ("iteration", *arrays_of(kind, entry))
        arrays, _ = checkpoints.read(f"{path}.npz", wanted)
        require_recorded(f"{path}.npz", record)
        kept = {name: arrays[name] for name in wanted}
    return table.rename(columns=names), kept, record


def read_result(path: str, keys: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
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


def describe(
    study: Study, runs: list[dict[str, Any]], trajectories: pd.DataFrame
) -> dict[str, Any]:
    """Return the content of metadata.json, but for the hashes of the tables, from that of runs."""
    table = pd.DataFrame(runs)
    costs = table.filter(regex="_wall_seconds$|_per_").astype(float)
    medians = costs.groupby(table["condition"], sort=False).median().astype(object)
    summed = table.filter(regex="_wall_seconds$|products$")
    return {
        "study": as_mapping(study),
        "runs": runs,
        "warnings": warnings_of(runs, trajectories, study),
        "medians": medians.where(medians.notna(), None).to_dict("index"),
        "totals": {"runs": len(runs), **{name: summed[name].sum().item() for name in summed}},
        "aggregation_environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
            "scipy": scipy.__version__,
        },
    }


def warnings_of(runs: list[dict[str, Any]], trajectories: pd.DataFrame, study: Study) -> list[str]:
    """Return a line for every warning about runs, with the seeds that it is about."""
    seeds: dict[str, list[str]] = {}
    code_now = cache(partial(present_code, study))
    for of_run in runs:
        seed, at = f"seed {of_run['seed']}", of_run["diverged_at"]
        if at is not None:
            what = f"{of_run['condition']}: diverged, and left out of means"
            seeds.setdefault(what, []).append(f"{seed} (at iteration {at})")
        for remark in of_run.get("remarks", []):
            seeds.setdefault(f"{of_run['condition']}: {remark}", []).append(seed)
        for stage, code in of_run["code"].items():
            adopted = of_run.get("adopted", {}).get(stage, {"code_hash": code})
            what = f"{of_run['condition']}: {stage} by other code ({adopted['code_hash']:.12})"
            if code != code_now(of_run["condition"], stage):
                seeds.setdefault(f"{what} than the present", []).append(seed)
            elif "compared" in adopted:
                same = f"{what}; {adopted['compared']} are the same by the present"
                seeds.setdefault(same, []).append(seed)
    for condition, what, number in not_learnt(trajectories, study):
        seeds.setdefault(f"{condition}: {what}", []).append(f"seed {number}")
    return [f"{what}: {', '.join(of)}" for what, of in seeds.items()]


def not_learnt(trajectories: pd.DataFrame, study: Study) -> Iterator[tuple[str, str, int]]:
    """Yield (condition, what, seed) for every run that did not diverge and shows no learning."""
    states = states_of_runs(trajectories)
    ends = trajectories.groupby(["condition", "seed"], sort=False).last()
    measures = [measure_column(measure, "test") for measure in study.measures]
    for (condition, seed), state in states[~states["diverged"]].iterrows():
        if not state["learns"]:
            yield condition, "does not learn: the late training loss is about that of chance", seed
        elif state["failed"]:
            yield (
                condition,
                "failed, with a late training loss near chance; left out of means",
                seed,
            )
        last = ends.loc[condition, seed]
        for column in measures:
            chance, error = chance_of(study, column), last.get(f"{column.name}_se", np.nan)
            if chance is not None and last[column.name] <= chance + 2 * error:
                yield condition, f"the {column.label} is that of a guess, {chance:g}", seed


def forget_progress_of(study: Study, runs: str) -> None:
    """Delete the progress of all jobs of a study, whose results have been read."""
    for condition, seed in product(study.conditions, study.seeds):
        run_folder = f"{runs}/{condition}/seed_{seed}"
        jobs.forget_progress(jobs.files_of_run(run_folder))
        for kind in REGISTRIES:
            for name in study.entries(kind):
                jobs.forget_progress(jobs.files_of_entry(f"{run_folder}/{kind}", name))


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", help="configuration of the study (YAML)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--runs", help="folder with <condition>/seed_<seed>/; with --config")
    source.add_argument(
        "--parts", nargs="+", metavar="FOLDER", help="results of the study, of some seeds each"
    )
    parser.add_argument("--output", required=True, help="folder of the five files")
    arguments = parser.parse_args()
    if (arguments.runs is None) != (arguments.config is None):
        parser.error("--runs needs --config, and --parts has its own")

    folder = Path(arguments.output)
    if arguments.parts:
        study, runs = joined(arguments.parts, folder.absolute().name)
    else:
        study = read_study(arguments.config)
        columns = trajectories_columns(study)
        runs = [
            read_run(f"{arguments.runs}/{condition}/seed_{seed}", study, condition, seed, columns)
            for condition in study.conditions
            for seed in sorted(study.seeds)
        ]
    trajectories = pd.concat([run.table for run in runs], ignore_index=True)
    trajectories = with_settings(trajectories, study)
    spectra = {name: array for run in runs for name, array in run.arrays.items()}
    write_study(str(folder / "config.yaml"), study)
    write_table(folder / "trajectories.csv", trajectories)
    write_table(folder / "summary.csv", summarise(trajectories, study))
    checkpoints.write(folder / "spectra.npz", spectra, {})
    metadata = describe(study, [run.metadata for run in runs], trajectories)
    names = ("trajectories.csv", "summary.csv", "spectra.npz")
    outputs = {name: sha256_of_file(folder / name) for name in names}
    write_record(folder / "metadata.json", {**metadata, "outputs": outputs})
    if arguments.runs:
        forget_progress_of(study, arguments.runs)
    for line in metadata["warnings"]:
        print(line)


if __name__ == "__main__":
    run(main)
