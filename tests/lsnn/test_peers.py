"""The Hessian of a small network against what PyTorch libraries find of it.

``peers.npz`` has weights and examples of a network of 16 units, and what curvlinops and
hessian-eigenthings found, in float64; benchmarks/README.md says how it was made.
"""

import os

import numpy as np
import pytest

from lsnn.curvature.along_run import Point, Probes
from lsnn.curvature.hessian import Hessian
from lsnn.curvature.quantities import QUANTITIES
from lsnn.network import PARAMETERS, Network
from lsnn.options import build
from lsnn.study.config import network_settings
from small import loss_settings

pytestmark = pytest.mark.slow

PEERS = np.load(os.path.join(os.path.dirname(__file__), "peers.npz"))


@pytest.fixture(scope="module")
def hessian(mnist):
    network = Network(network_settings(n_units=16), loss_settings(l2=0.0), mnist)
    found = Hessian(network, PEERS["inputs"], PEERS["targets"])
    found.move_to({name: PEERS[name] for name in PARAMETERS})
    return found


def measured(hessian, **settings):
    point = Point(hessian, Probes(hessian, 1), 1, 0, {})
    return build(QUANTITIES, settings).measure(point)[0]


def test_both_ends_and_those_next_to_them(hessian):
    row = measured(hessian, name="extremes", k=3, tolerance=1e-5)
    spectrum = PEERS["curvlinops/eigenvalues"]
    assert PEERS["curvlinops/ends"] == pytest.approx(spectrum[[0, -1]], rel=1e-9)
    for place, suffix in enumerate(["", "_2", "_3"]):
        assert row["lambda_max" + suffix] == pytest.approx(spectrum[-1 - place], rel=1e-4)
        assert row["lambda_min" + suffix] == pytest.approx(spectrum[place], rel=1e-4)


def test_all_eigenvalues(hessian):
    dense = np.array([hessian.product(column) for column in np.eye(hessian.size)])
    found, expected = np.linalg.eigvalsh((dense + dense.T) / 2), PEERS["curvlinops/eigenvalues"]
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_trace(hessian):
    row = measured(hessian, name="trace", relative_error=0.03, most_probes=5000)
    exact = PEERS["curvlinops/eigenvalues"].sum()
    of_peer, error_of_peer = PEERS["hessian_eigenthings/trace"]
    assert row["trace_converged"]
    assert abs(row["trace"] - exact) < 4 * row["trace_se"]
    assert abs(row["trace"] - of_peer) < 4 * np.hypot(row["trace_se"], error_of_peer)


def test_moments_of_the_density(hessian):
    row = measured(hessian, name="density", probes=200, steps=30)
    nodes = np.where(row["density_weights"] > 0, row["density_nodes"], 0.0)
    for place, power in enumerate((1, 2, 3)):
        by_probe = (row["density_weights"] * nodes**power).sum(axis=1)
        error = by_probe.std(ddof=1) / np.sqrt(len(by_probe))
        assert abs(by_probe.mean() - PEERS["curvlinops/moments"][place]) < 4 * error
        # The peer's has as many random vectors, and so about the same error.
        of_peer = PEERS["hessian_eigenthings/moments"][place]
        assert abs(by_probe.mean() - of_peer) < 4 * np.sqrt(2) * error
