"""What a run left behind, and the runs of a study that was computed in parts."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib.tables import read_trajectories, require_recorded
from lsnn.errors import ResultError
from lsnn.storage import checkpoints
from lsnn.storage.files import differences, read_record
from lsnn.study.config import Study, as_mapping, read_study


class Run(NamedTuple):
    """What one run left behind."""

    table: pd.DataFrame  # its rows of trajectories.csv
    arrays: dict[str, np.ndarray]  # its arrays of spectra.npz
    metadata: dict[str, Any]  # its entry of metadata.json


def joined(folders: Sequence[str], name: str) -> tuple[Study, list[Run]]:
    """Return a study, and its runs, of which folders hold the results of some seeds each.

    Args:
        folders: of results, as this program writes them.
        name: of the study.

    Raises:
        ResultError: a part is missing or damaged, has a seed that another has, or differs from the
            first in settings or code.
    """
    studies = [read_study(os.path.join(folder, "config.yaml")) for folder in folders]
    first = studies[0]
    runs: dict[tuple[str, int], Run] = {}
    owners: dict[int, str] = {}
    code: dict[tuple[str, str], tuple[str, str]] = {}  # by condition and stage: its hash, and where
    for folder, study in zip(folders, studies, strict=True):
        same = study._replace(name=first.name, seeds=first.seeds)
        different = differences(as_mapping(same), as_mapping(first))
        if different:
            raise ResultError(
                f"{folder}: of other settings than {folders[0]}: {'; '.join(different)}; join "
                "parts that differ in seeds alone"
            )
        for run in runs_of_part(folder, study):
            condition, seed = run.metadata["condition"], run.metadata["seed"]
            owner = owners.setdefault(seed, folder)
            if owner != folder:
                raise ResultError(
                    f"{folder}: has seed {seed}, as {owner} has; leave one of them out"
                )
            if "code" not in run.metadata:
                raise ResultError(
                    f"{folder}: by an older version, which does not say what code computed it; run "
                    "scripts/aggregate.py --runs there again"
                )
            for stage, found in run.metadata["code"].items():
                expected, where = code.setdefault((condition, stage), (found, folder))
                if found != expected:
                    raise ResultError(
                        f"{folder}: {stage} of {condition} by other code ({found:.12}) than in "
                        f"{where} ({expected:.12}); compute one of them again"
                    )
            runs[condition, seed] = run
    study = first._replace(name=name, seeds=tuple(owners))
    order = [(condition, seed) for condition in study.conditions for seed in sorted(owners)]
    return study, [runs[place] for place in order]


def runs_of_part(folder: str, study: Study) -> Iterator[Run]:
    """Yield the :class:`Run` of every condition and seed of a study from its tables.

    Raises:
        ResultError: a file is missing or damaged, or not the one that metadata.json describes.
    """
    record = read_record(os.path.join(folder, "metadata.json"))
    table = read_trajectories(folder, study)
    path = os.path.join(folder, "spectra.npz")
    require_recorded(path, record)
    arrays, _ = checkpoints.read(path, ())
    by_run = dict(iter(table.groupby(["condition", "seed"], sort=False)))
    for of_run in record["runs"]:
        place = f"/{of_run['condition']}/{of_run['seed']}/"
        own = {name: array for name, array in arrays.items() if place in name}
        yield Run(by_run[of_run["condition"], of_run["seed"]], own, of_run)
