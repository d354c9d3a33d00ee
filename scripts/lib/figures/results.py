"""What the figures of a study are drawn from."""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.failures import with_failures
from lib.tables import read_table, read_trajectories, require_recorded
from lsnn.errors import ResultError
from lsnn.storage import checkpoints
from lsnn.storage.files import read_record
from lsnn.study.columns import SUMMARY
from lsnn.study.config import Study, read_study

NO_SUMMARY = pd.DataFrame(columns=[column.name for column in SUMMARY])


class Results(NamedTuple):
    """The results of a study."""

    study: Study
    trajectories: pd.DataFrame
    spectra: dict[str, Any] = {}  # arrays of spectra.npz
    folder: str = ""  # where examples.npz and trials/ are
    summary: pd.DataFrame = NO_SUMMARY  # without rows where there is none


def read_results(folder: str) -> Results:
    """Return the results in the folder of a study.

    Raises:
        ResultError: one is missing, damaged, or not the one that metadata.json describes.
    """
    study = read_study(os.path.join(folder, "config.yaml"))
    trajectories = read_trajectories(folder, study)
    trajectories = trajectories.replace([np.inf, -np.inf], np.nan)
    path = os.path.join(folder, "summary.csv")
    summary = read_table(path, SUMMARY) if os.path.exists(path) else NO_SUMMARY
    trajectories = with_failures(trajectories)
    return Results(study, trajectories, read_spectra(folder), folder, summary)


def read_spectra(folder: str) -> dict[str, Any]:
    """Return the arrays of a study's spectra.npz by name; none where it is missing.

    Raises:
        ResultError: it is damaged, or not the one that the metadata.json beside it describes.
    """
    path, metadata = os.path.join(folder, "spectra.npz"), os.path.join(folder, "metadata.json")
    if not os.path.exists(path):
        return {}
    require_recorded(path, read_record(metadata))
    return checkpoints.read(path, ())[0]


def draw_recorded(
    results: Results, name: str, arrays: Sequence[str], draw: Callable[..., Figure]
) -> Figure | None:
    """Return a recording drawn: its arrays, of these names at least, and its metadata.

    None where there is no such file.

    Raises:
        ResultError: it is damaged, altered, or not one of scripts/record.py.
    """
    path = os.path.join(results.folder, name)
    if not os.path.exists(path):
        return None
    found, metadata = checkpoints.read(path, arrays)
    try:
        return draw(found, metadata)
    except KeyError as error:
        raise ResultError(
            f"{path}: {error} is missing: not a file of scripts/record.py; run that again"
        ) from error
