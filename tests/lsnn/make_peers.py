"""Write peers.npz: what PyTorch libraries find of a small network's Hessian, in float64.

It runs in the environment of `make bench-peers`; benchmarks/README.md has the command.
"""

import argparse

import numpy as np
import torch
from hessian_eigenthings import spectral_density, trace
from scipy.sparse.linalg import eigsh

from lsnn.storage import checkpoints
from lsnn.study.config import read_study
from peers import moments, operators, versions

SAMPLES = 64


def main():
    """Read the command line, compute, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="configuration of the study")
    parser.add_argument("--checkpoints", required=True, help="of its run of seed 1")
    parser.add_argument("--output", required=True, help="the npz")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    weights = checkpoints.weights_at(checkpoints.read(arguments.checkpoints)[0], -1)
    found = operators(read_study(arguments.config), weights, SAMPLES, torch.float64)
    scipy = found.curvlinops.to_scipy()
    dense = scipy.matmat(np.eye(found.lsnn.size, dtype=scipy.dtype))
    dense = (dense + dense.T) / 2
    density = spectral_density(found.eigenthings, num_runs=200, lanczos_steps=30, seed=0)
    estimated = trace(found.eigenthings, num_matvecs=1000, method="hutchinson", seed=0)
    powers = [np.linalg.matrix_power(dense, power) for power in (1, 2, 3)]
    np.savez_compressed(
        arguments.output,
        versions=np.array(versions()),
        inputs=found.inputs,
        targets=found.targets,
        **weights,
        **{
            "curvlinops/eigenvalues": np.linalg.eigvalsh(dense),
            "curvlinops/ends": np.sort(
                eigsh(scipy, 2, which="BE", tol=1e-10, return_eigenvectors=False)
            ),
            "curvlinops/moments": np.array([np.trace(power) for power in powers]) / len(dense),
            "hessian_eigenthings/trace": np.array([estimated.estimate, estimated.stderr]),
            "hessian_eigenthings/moments": np.array(
                moments(density.raw_eigenvalues.numpy(), density.raw_weights.numpy())
            ),
        },
    )


if __name__ == "__main__":
    main()
