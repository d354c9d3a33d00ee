"""Checkpoint files: the weights of one training run at every checkpoint.

A file is a plain npz, readable by numpy alone: float32 arrays stacked over the C checkpoints,
``w_in`` (C, n_in, N), ``w_rec`` (C, N, N) [pre, post], ``w_out`` (C, N, n_out) and ``b_out``
(C, n_out), the int64 array ``iteration`` (C), what the learning rule drew for the run, if anything,
as ``rule/<name>``, and a string, ``metadata``, a JSON mapping that says what made the file. The
SHA-256 of the file is in the record beside it; files of older versions also have one inside.
"""

import hashlib
import json
from typing import Any, Dict, Mapping, Sequence, Tuple

import numpy as np

from lsnn.errors import ResultError
from lsnn.network import PARAMETERS
from lsnn.storage.files import PathLike, canonical_json, differences, read_arrays, write_arrays

FORMAT_VERSION = 1


def write(path: PathLike, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """Write arrays by name, and a JSON-able mapping, whole or not at all."""
    content = {name: np.asarray(array) for name, array in arrays.items()}
    content["metadata"] = np.array(canonical_json(dict(metadata, format_version=FORMAT_VERSION)))
    write_arrays(path, content)


def read(
    path: PathLike, names: Sequence[str] = ("iteration", *PARAMETERS)
) -> Tuple[Dict[str, np.ndarray], Dict[str, Any]]:
    """Return the arrays by name, ``names`` among them, and the metadata of a file.

    Raises:
        ResultError: the file is missing, damaged, not a checkpoint file, or of another format
            version.
    """
    content = read_arrays(path)
    try:
        metadata = json.loads(str(content.pop("metadata")))
        version = metadata["format_version"]
    except (KeyError, ValueError, TypeError):
        raise ResultError(f"{path}: not a checkpoint file of this project") from None
    if version != FORMAT_VERSION:
        raise ResultError(
            f"{path}: checkpoint format {version}, this version of lsnn reads format "
            f"{FORMAT_VERSION}; delete it and train again"
        )
    content.pop("sha256", None)
    missing = [name for name in names if name not in content]
    if missing:
        raise ResultError(f"{path}: has no array {', '.join(missing)}")
    return content, metadata


def read_run(
    path: PathLike, settings: Mapping[str, Any], also: Sequence[str] = ()
) -> Tuple[Dict[str, np.ndarray], Dict[str, Any]]:
    """Return the arrays of a checkpoint file, and the settings of its run.

    Args:
        path: the file.
        settings: mapping with the ``task``, ``network`` and ``loss`` that its run must have.
        also: names of further settings that must agree.

    Raises:
        ResultError: the file is damaged, or of another network, task or loss.
    """
    arrays, metadata = read(path)
    parts = ("task", "own_files", "network", "loss", *also)
    there = metadata.get("settings", {})
    lines = differences(
        {part: there.get(part) for part in parts}, {part: settings.get(part) for part in parts}
    )
    if lines:
        raise ResultError("\n".join([f"{path}: of another configuration than the study:", *lines]))
    return arrays, there


def check_shapes(
    path: PathLike, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, Sequence[int]]
) -> None:
    """Refuse arrays that are not weights of the given shapes, stacked over checkpoints.

    Raises:
        ResultError: names the file, the parameter, its shape, and the shape needed.
    """
    n_checkpoints = len(arrays["iteration"])
    for name, shape in shapes.items():
        found, needed = arrays[name].shape, (n_checkpoints, *shape)
        if found != needed:
            raise ResultError(
                f"{path}: {name} has shape {found}; the configured network and {n_checkpoints} "
                f"checkpoints need {needed}"
            )


def sha256_of_weights(weights: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of the numbers of weights, arrays by name."""
    numbers = b"".join(np.ascontiguousarray(weights[name]).tobytes() for name in PARAMETERS)
    return hashlib.sha256(numbers).hexdigest()


def weights_at(arrays: Mapping[str, np.ndarray], index: int) -> Dict[str, np.ndarray]:
    """Return the weights by name of the checkpoint at a position of the stacked arrays."""
    return {name: arrays[name][index] for name in PARAMETERS}
