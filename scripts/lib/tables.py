"""The tables that the stages hand on: which columns they have, how they are read and written."""

import gzip
import os
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lsnn.errors import DataError, ResultError
from lsnn.storage.files import (
    GZIP,
    PathLike,
    atomic_write,
    plain_or_gzip,
    read_record,
    reading,
    sha256_of_content,
)
from lsnn.study.columns import CHANCE_LOSS, CONDITION_COLUMNS, DIVERGED, Column
from lsnn.study.config import Study
from lsnn.study.outputs import (
    chance_loss,
    entry_columns,
    gap_columns,
    standard_error_columns,
    trajectories_columns,
    weight_columns,
)
from lsnn.study.settings import setting_values

# A cell without a value: empty, or "nan" in tables of older versions.
MISSING = ["", "nan"]

# By kind of a column: what its cells hold, and the kinds of the arrays that hold it.
_KINDS = {
    "text": ("text", "O"),
    "note": ("text", "O"),
    "integer": ("whole numbers", "iu"),
    "flag": ("True or False", "b"),
    "number": ("numbers", "fiu"),
    "estimate": ("numbers", "fiu"),
}


def read_table(
    path: str, wanted: Sequence[Column], optional: Sequence[Column] = (), may_be_empty: bool = False
) -> pd.DataFrame:
    """Return the columns ``wanted`` (lsnn.study.columns) of a CSV file as a data frame.

    Those among them that are ``optional`` may be missing.

    Raises:
        ResultError: the file is missing, empty or damaged, or a column is missing or holds
            something other than its kind.
    """
    kinds = {column.name: column.kind for column in wanted}
    texts = [name for name, kind in kinds.items() if kind in ("text", "note")]
    # A condition may be called NA, None or nan, which pandas would take for no value.
    missing = {name: {"text": [""], "note": []}.get(kind, MISSING) for name, kind in kinds.items()}
    try:
        with reading(path):
            table = pd.read_csv(
                path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=missing
            )
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file; run the job that writes it") from None
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ResultError(f"{path}: damaged ({error}); run the job that writes it again") from None
    absent = [
        column.name for column in wanted if column.name not in table and column not in optional
    ]
    if absent:
        found = ", ".join(map(str, table.columns))
        raise ResultError(f"{path}: column {', '.join(absent)} is missing; found: {found}")
    if table.empty and not may_be_empty:
        raise ResultError(f"{path}: no rows; run the job that writes it again")
    table = table[[name for name in kinds if name in table]].copy()
    for name, values in table.items():
        content, held = _KINDS[kinds[name]]
        is_missing = kinds[name] != "estimate" and values.isna().any()
        if len(table) and (is_missing or values.dtype.kind not in held):
            raise ResultError(
                f"{path}: damaged: column {name} must hold {content} and nothing else; run the job "
                "that writes it again"
            )
    return table


def read_recorded_table(
    path: str, wanted: Sequence[Column], record: dict[str, Any], optional: Sequence[Column] = ()
) -> pd.DataFrame:
    """Return a table as :func:`read_table`, if it is the one that a record describes.

    Raises:
        ResultError: also where the file is not, to the bit, what the record says.
    """
    table = read_table(path, wanted, optional)
    require_recorded(path, record)
    return table


def read_trajectories(folder: str, study: Study) -> pd.DataFrame:
    """Return a study's table of trajectories, of whatever origin.

    One of an older version may lack what has been computed of the Hessian since. Settings are those
    of the study.

    Args:
        folder: of its trajectories.csv or trajectories.csv.gz.
        study: that they are of.

    Raises:
        ResultError: it is damaged, or not the one that the metadata.json beside it describes.
    """
    optional = [
        *entry_columns(study),
        *weight_columns(study),
        *gap_columns(study).values(),
        *standard_error_columns(study),
        *(column for column in setting_values(study) if column not in CONDITION_COLUMNS),
        DIVERGED,
        CHANCE_LOSS,
    ]
    path = plain_or_gzip(os.path.join(folder, "trajectories.csv"))
    table = read_table(path, trajectories_columns(study), optional)
    metadata = os.path.join(folder, "metadata.json")
    if os.path.exists(metadata):
        require_recorded(path, read_record(metadata))
    table = table if "diverged" in table else table.assign(diverged=False)
    table = table if CHANCE_LOSS.name in table else with_chance(table, study)
    return with_settings(table, study)


def with_chance(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return a table of trajectories with the loss of the best constant answer in each run.

    It is nan where it depends on data that are not there.
    """
    runs = table[["condition", "seed"]].drop_duplicates()
    try:
        losses = [chance_loss(study, *run) for run in runs.itertuples(index=False)]
    except DataError:  # of the user's own files, which are elsewhere by now
        losses = [np.nan] * len(runs)
    return table.merge(runs.assign(**{CHANCE_LOSS.name: losses}), "left")


def with_settings(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return a table with the settings in which conditions differ; a learning rate it has stays.

    Of a row about a condition and another it is compared with, they are those of the first.
    """
    condition = table["condition"].str.split(" ").str[0]
    settings = {
        column.name: condition.map(values)
        for column, values in setting_values(study).items()
        if column not in CONDITION_COLUMNS or column.name not in table
    }
    return table.assign(**settings)


def require_recorded(path: str, record: dict[str, Any]) -> None:
    """Refuse a file that is not, to the bit, the one that a record describes, or its gzip.

    Raises:
        ResultError: it is another one.
    """
    found = sha256_of_content(path)
    name = os.path.basename(path).removesuffix(GZIP)
    expected = record.get("outputs", {}).get(name, "none")
    if found != expected:
        raise ResultError(
            f"{path}: altered since it was written (SHA-256 {found} instead of {expected}); run "
            "the job that writes it again"
        )


def write_table(path: PathLike, table: pd.DataFrame, digits: int | None = None) -> None:
    """Write a table as CSV, numbers with so many significant digits or all; missing ones are empty.

    Processors differ in the last digits of logarithms.
    """
    with atomic_write(path) as stream:
        form = f"%.{digits}g" if digits else None
        stream.write(table.to_csv(index=False, lineterminator="\n", float_format=form).encode())
