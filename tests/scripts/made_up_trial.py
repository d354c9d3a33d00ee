"""Trials of made-up networks, as scripts/record.py writes them."""

import numpy as np

from lsnn.storage import checkpoints

N_REGULAR, N_ADAPTIVE = 4, 3


def trial(n_windows=4, n_adaptive=N_ADAPTIVE, analog_inputs=0, n_out=2, is_classification=True):
    """Return arrays and metadata: windows of 50 steps.

    Of classes, asked for are all but the first; else an output of every window and readout is.
    """
    window_steps = 50
    n_steps = n_windows * window_steps + 20  # some before the first window
    random = np.random.RandomState(1)
    n_units = N_REGULAR + n_adaptive
    inputs = (random.rand(n_steps, 10) < 0.05).astype(np.uint8)
    if analog_inputs:
        inputs = random.rand(n_steps, analog_inputs).astype(np.float32)
    arrays = {
        "inputs": inputs,
        "spikes": (random.rand(n_steps, n_units) < 0.02).astype(np.uint8),
        "thresholds": 0.01 + 0.01 * random.rand(n_steps, n_units).astype(np.float32),
        "outputs": random.randn(n_steps, n_out).astype(np.float32).cumsum(axis=0),
    }
    neurons = {"name": "alif", "n_adaptive": n_adaptive} if n_adaptive else {"name": "lif"}
    metadata = {
        "condition": "slow",
        "label": "three-factor, slowly",
        "seed": 2,
        "iteration": 120,
        "example": {"split": "test", "index": 0},
        "network": {"neurons": neurons},
        "n_windows": n_windows,
        "window_steps": window_steps,
        "is_classification": is_classification,
        "target": [-1] + [1] * (n_windows - 1) if n_windows > 1 else [n_out - 1],
        "prediction": [0] + [1] * (n_windows - 2) + [0] if n_windows > 1 else [n_out - 1],
    }
    if not is_classification:
        metadata["target"] = random.randn(n_windows, n_out).tolist()
        metadata["prediction"] = random.randn(n_windows, n_out).tolist()
    return arrays, metadata


def write_trial(path, without=(), **options):
    """Write a trial, without some of its arrays and entries of metadata."""
    arrays, metadata = trial(**options)
    for content in (arrays, metadata):
        for name in without:
            content.pop(name, None)
    checkpoints.write(str(path), arrays, metadata)
