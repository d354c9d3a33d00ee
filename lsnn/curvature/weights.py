"""What weights alone tell along training; this needs nothing but numpy."""

from collections import OrderedDict
from typing import Mapping, Sequence

import numpy as np

from lsnn.study.columns import Column

MATRICES = ("w_in", "w_rec", "w_out")

# The effective rank of what training has changed, by parameter.
RANKS = OrderedDict(
    (
        name,
        Column(
            name + "_change_rank",
            "number",
            "effective rank of the change of " + name,
            meaning="Of the difference from the weights before training: how many directions it "
            "has, the exponential of the entropy of its singular values (Roy and Vetterli 2007).",
            summary=("final",),
            figure="rank_of_change" if name == "w_rec" else "",
        ),
    )
    for name in MATRICES
)
DISTANCE = Column(
    "distance",
    "number",
    "distance from the weights before training",
    meaning="Euclidean, of all parameters together. Where a run began with the weights of another, "
    "from those.",
    summary=("final",),
)


def flat(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Return the arrays that there are of some names, concatenated into a vector (size,)."""
    return np.concatenate([np.zeros(0), *(arrays[n].ravel() for n in names if n in arrays)])


def dynamic(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return a parameter at all checkpoints, with 0 where the dynamics ignore it.

    That is the diagonal of w_rec: no unit is its own input.
    """
    values = np.asarray(arrays[name], np.float64)
    return values * (1.0 - np.eye(values.shape[-1])) if name == "w_rec" else values


def effective_rank(matrix: np.ndarray) -> float:
    """Return exp(-sum p log p), p the singular values over their sum; 0 for a matrix of zeros.

    Roy and Vetterli (2007), definition 1. It is 1 for a matrix of rank 1, n for an orthogonal one.

    >>> round(effective_rank(np.ones((3, 4))), 6), round(effective_rank(np.eye(3)), 6)
    (1.0, 3.0)
    """
    sizes = np.linalg.svd(matrix, compute_uv=False)
    if not np.any(sizes > 0.0):
        return 0.0
    parts = sizes[sizes > 0.0] / sizes.sum()
    return float(np.exp(-np.sum(parts * np.log(parts))))


def ranks_of_change(arrays: Mapping[str, np.ndarray]) -> "OrderedDict[str, np.ndarray]":
    """Return the columns :data:`RANKS` of the arrays of a checkpoint file, by name, as arrays."""
    found = OrderedDict()
    for name, column in RANKS.items():
        values = dynamic(arrays, name)
        found[column.name] = np.array([effective_rank(value - values[0]) for value in values])
    return found


def distances(arrays: Mapping[str, np.ndarray], parameters: Sequence[str]) -> np.ndarray:
    """Return the column :data:`DISTANCE` of the arrays of a checkpoint file, an array.

    >>> distances({"w_in": np.array([[[0.0, 1.0]], [[3.0, 5.0]]])}, ["w_in", "b_out"])
    array([0., 5.])
    """
    changes = {
        name: dynamic(arrays, name) - dynamic(arrays, name)[:1]
        for name in parameters
        if name in arrays
    }
    return np.sqrt(squared_norms(changes, list(changes)))


def squared_norms(arrays: Mapping[str, np.ndarray], parameters: Sequence[str]) -> np.ndarray:
    """Return |w|^2 over some parameters at all checkpoints, an array."""
    return sum(
        (dynamic(arrays, name) ** 2).reshape(len(arrays[name]), -1).sum(axis=1)
        for name in parameters
    )


def scale_free(column: Column) -> Column:
    """Return the column of lambda_max |w|^2, given that of lambda_max."""
    return column._replace(
        name=column.name + "_scale_free",
        label=column.label.replace("largest eigenvalue λ_max", "scale-free λ_max"),
        meaning="The largest eigenvalue times the squared norm of the parameters of its block: the "
        "curvature for changes relative to the size of the weights. λ_max itself can be moved at "
        "will by rescaling the layers of a ReLU network (Dinh et al. 2017).",
        figure="",
        threshold=False,
        is_shifted_by_l2=False,
    )
