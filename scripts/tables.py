"""The tables that the stages hand on: which columns they have, how they are read and written."""

import os

import pandas as pd

from lsnn.errors import ResultError
from lsnn.files import atomic_write, sha256_of_file

EIGENVALUES = ("lambda_max", "lambda_min", "lambda_abs_max")

# What a cell may hold: "text", "integer", "flag" (True or False), "number", or "estimate", a number
# that may be missing (nan or empty).
RUN_KEYS = {"condition": "text", "seed": "integer", "iteration": "integer"}
LEARNING_CURVE = {
    **RUN_KEYS,
    "fraction": "number",  # of the condition's iterations, 0 to 1
    "train_loss": "number",  # mean softmax cross entropy without the L2 term, nats
    "train_accuracy": "number",  # 0 to 1
    "validation_loss": "number",
    "validation_accuracy": "number",
    "test_loss": "number",
    "test_accuracy": "number",
    "l2_loss": "number",
    "mean_activity": "number",
}
CURVATURE = dict(RUN_KEYS)
for _name in EIGENVALUES:
    CURVATURE[_name] = "estimate"
    CURVATURE[_name + "_residual"] = "estimate"  # |Hv - lambda v| / |lambda|
    CURVATURE[_name + "_converged"] = "flag"
CURVATURE["products"] = "integer"  # Hessian-vector products, of all eigenvalues together
GAPS = {
    "generalization_gap": "number",  # train_accuracy - test_accuracy
    "generalization_gap_loss": "number",  # test_loss - train_loss, nats
}
CONDITION = {
    "condition": "text",
    "learning_rule": "text",  # its name, without options
    "learning_rate": "number",
}
TRAJECTORIES_WITHOUT_CURVATURE = {**CONDITION, **LEARNING_CURVE, **GAPS}
TRAJECTORIES = {**CONDITION, **LEARNING_CURVE, **CURVATURE, **GAPS}
SUMMARY = {
    "quantity": "text",
    "condition": "text",  # or "condition / baseline"
    "mean": "estimate",
    "ci_low": "estimate",
    "ci_high": "estimate",
    "n_seeds": "integer",
    "n_unconverged": "integer",
}

_MEANING = {
    "text": "text",
    "integer": "whole numbers",
    "flag": "True or False",
    "number": "numbers",
    "estimate": "numbers",
}


def trajectories_columns(study):
    """Return the columns of a study's trajectories.csv (name: kind)."""
    return TRAJECTORIES if study.curvature else TRAJECTORIES_WITHOUT_CURVATURE


def read_table(path, columns):
    """Return the columns ``columns`` (name: kind) of a CSV file as a data frame.

    Raises:
        ResultError: the file is missing, empty or damaged, or a column is missing or holds
            something else than its kind.
    """
    text = [name for name, kind in columns.items() if kind == "text"]
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(text, str))
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file; run the job that writes it") from None
    except pd.errors.EmptyDataError:
        raise ResultError(f"{path}: empty; run the job that writes it again") from None
    except ValueError as error:
        raise ResultError(f"{path}: damaged ({error}); run the job that writes it again") from None
    missing = [name for name in columns if name not in table]
    if missing:
        raise ResultError(f"{path}: column {', '.join(missing)} is missing; found: {_found(table)}")
    if table.empty:
        raise ResultError(f"{path}: no rows; run the job that writes it again")
    for name, kind in columns.items():
        if not _holds(table[name], kind):
            raise ResultError(
                f"{path}: damaged: column {name} must hold {_MEANING[kind]} and nothing else; run "
                "the job that writes it again"
            )
    return table[list(columns)]


def read_recorded_table(path, columns, record):
    """Return a table as :func:`read_table`, if it is the one that a record tells of.

    Raises:
        ResultError: also where the file is not, to the bit, what the record says.
    """
    table = read_table(path, columns)
    found = sha256_of_file(path)
    expected = record.get("outputs", {}).get(os.path.basename(path), "none")
    if found != expected:
        raise ResultError(
            f"{path}: altered since it was written (SHA-256 {found} instead of {expected}); run "
            "the job that writes it again"
        )
    return table


def _found(table):
    return ", ".join(str(name) for name in table.columns)


def _holds(values, kind):
    if kind == "estimate":
        return pd.api.types.is_float_dtype(values) or pd.api.types.is_integer_dtype(values)
    if values.isna().any():
        return False
    return {
        "text": pd.api.types.is_string_dtype,
        "integer": pd.api.types.is_integer_dtype,
        "flag": pd.api.types.is_bool_dtype,
        "number": lambda v: _holds(v, "estimate"),
    }[kind](values)


def write_table(path, table, missing):
    """Write a data frame as CSV with every digit of its floats; ``missing`` stands for nan."""
    with atomic_write(path) as stream:
        stream.write(table.to_csv(index=False, lineterminator="\n", na_rep=missing).encode())
