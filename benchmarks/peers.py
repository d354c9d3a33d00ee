"""Compare curvature with PyTorch libraries: curvlinops, hessian-eigenthings and PyHessian.

The same network and weights, those of the last checkpoint of a run, are loaded into PyTorch; the
Hessian is that of the loss without its L2 term, by w_rec, on the same examples. `numbers` writes
what the libraries find of a small network as npz, for the tests. `times` writes how long each takes
for the same quantity, in turn in this one process on one thread, as csv and as a table in Markdown.
README.md has the commands.
"""

import argparse
import importlib.metadata
import os
import platform
import statistics
import sys
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
import pandas as pd
import torch
from curvlinops import HessianLinearOperator, hutchinson_trace
from curvlinops.papyan2020traces.spectrum import lanczos_approximate_spectrum
from hessian_eigenthings import (
    HessianOperator,
    lanczos,
    match_names,
    spectral_density,
    supervised_loss,
    trace,
)
from pyhessian import hessian as PyHessian
from scipy.sparse.linalg import eigsh

from lsnn.curvature.along_run import Point, Probes
from lsnn.curvature.eigenvalues import Krylov, extreme_eigenvalues
from lsnn.curvature.hessian import hessian_of, sample_of
from lsnn.curvature.quantities import QUANTITIES
from lsnn.network import Network, network_of
from lsnn.options import build
from lsnn.storage import checkpoints
from lsnn.study.config import read_study

SEED = 1
TOLERANCE = 1e-3
PROBES, STEPS, TRACE_PROBES = 8, 40, 64
LIBRARIES = {
    "lsnn": "TensorFlow 2",
    "curvlinops": "curvlinops-for-pytorch",
    "hessian-eigenthings": "hessian-eigenthings",
    "PyHessian": "PyHessian",
}


class RateNetwork(torch.nn.Module):
    """The network of the default study: ReLU units, and a readout of the last step."""

    def __init__(self, weights, dtype):
        super().__init__()
        for name, value in weights.items():
            parameter = torch.nn.Parameter(torch.tensor(value, dtype=dtype))
            parameter.requires_grad = name == "w_rec"
            self.register_parameter(name, parameter)

    def forward(self, inputs):
        """Return logits (batch, n_out) of inputs (batch, steps, n_in)."""
        w_rec = self.w_rec * (1 - torch.eye(len(self.w_rec), dtype=self.w_rec.dtype))
        z = torch.zeros(len(inputs), len(w_rec), dtype=w_rec.dtype)
        for x in inputs.unbind(1):
            z = torch.relu(x @ self.w_in + z @ w_rec)
        return z @ self.w_out + self.b_out


class Case:
    """The Hessian of one network and weights, in every library.

    Args:
        study: :class:`lsnn.study.config.Study`.
        weights: arrays by name.
        samples: validation examples.
        dtype: of PyTorch.
    """

    def __init__(self, study, weights, samples, dtype=torch.float32):
        network = network_of(study.network_settings(), study.data, SEED)
        terms = study.loss._replace(l2=0.0)
        network = Network(study.network, terms, network.task, SEED)
        self.weights = weights
        inputs, targets = sample_of(network, "validation", samples)
        self.inputs, self.targets = inputs, targets
        self.lsnn = hessian_of(network, "w_rec", "validation", samples)
        self.lsnn.move_to(weights)
        self.network = RateNetwork(weights, dtype)
        x = torch.tensor(np.moveaxis(inputs, 0, 1), dtype=dtype)
        y = torch.tensor(targets, dtype=torch.int64)
        loss = torch.nn.CrossEntropyLoss()
        trained = [self.network.w_rec]
        self.curvlinops = HessianLinearOperator(
            self.network, loss, trained, [(x, y)], check_deterministic=False
        )
        self.eigenthings = HessianOperator(
            self.network, [(x, y)], supervised_loss(loss), param_filter=match_names("w_rec")
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its graph holds a reference to itself
            self.pyhessian = PyHessian(self.network, loss, data=(x, y), cuda=False)
        self.steps = {}  # of hessian-eigenthings' Lanczos, by end
        self.scipy = self.curvlinops.to_scipy()
        self.size = self.lsnn.size

    def dense(self):
        """Return the whole matrix, by curvlinops."""
        matrix = self.scipy.matmat(np.eye(self.size, dtype=self.scipy.dtype))
        return (matrix + matrix.T) / 2


# What is timed, by name: a function of a case for each library, which returns the value found.


def both_ends_by_lsnn(case):
    """From a random start, primal pass included."""
    case.lsnn.move_to(case.weights)
    space = Krylov(case.lsnn, np.random.RandomState(0).randn(case.size))
    return [one.value for one in extreme_eigenvalues(space, TOLERANCE)]


def largest_by_lsnn(case):
    case.lsnn.move_to(case.weights)
    space = Krylov(case.lsnn, np.random.RandomState(0).randn(case.size))
    return [one.value for one in extreme_eigenvalues(space, TOLERANCE, smallest=False)]


def of_scipy(case, which):
    """Return eigenvalues by ARPACK with curvlinops' products, as its documentation says."""
    k = 2 if which == "BE" else 1
    start = np.random.RandomState(0).randn(case.size).astype(np.float32)
    values = eigsh(case.scipy, k, which=which, tol=TOLERANCE, v0=start, return_eigenvectors=False)
    return sorted(values.tolist(), reverse=True)


def of_eigenthings(case, ends):
    """Return eigenvalues by Lanczos, with the fewest steps after which it says it has converged.

    They are found in the first round, which does not count.
    """
    found = []
    for which in ends:
        for steps in [case.steps[which]] if which in case.steps else (10, 20, 40, 80):
            options = {"k": 1, "max_iter": steps, "tol": TOLERANCE, "which": which, "seed": 0}
            result = lanczos(case.eigenthings, reorthogonalize=True, **options)
            if bool(result.converged.all()):
                break
        case.steps[which] = steps
        found += result.eigenvalues.tolist()
    return found


def of_pyhessian(case):
    """Return the eigenvalue of largest magnitude, by power iteration to a change of 1e-3."""
    return case.pyhessian.eigenvalues(maxIter=200, tol=TOLERANCE)[0]


def quantity_by_lsnn(case, **settings):
    """Return what a quantity of the project finds."""
    case.lsnn.move_to(case.weights)
    point = Point(case.lsnn, Probes(case.lsnn, SEED), SEED, 0, {})
    return build(QUANTITIES, settings).measure(point)[0]


def trace_by_lsnn(case):
    options = {"relative_error": 1e-9, "most_probes": TRACE_PROBES}
    return [quantity_by_lsnn(case, name="trace", **options)["trace"]]


def density_by_lsnn(case):
    found = quantity_by_lsnn(case, name="density", probes=PROBES, steps=STEPS)
    return moments(found["density_nodes"], found["density_weights"])[:1]


def density_by_eigenthings(case):
    found = spectral_density(case.eigenthings, num_runs=PROBES, lanczos_steps=STEPS, seed=0)
    return moments(found.raw_eigenvalues.numpy(), found.raw_weights.numpy())[:1]


def density_by_curvlinops(case):
    """Its quadrature gives a smooth density alone, on a grid, of which the mean is taken."""
    grid, density = lanczos_approximate_spectrum(
        case.curvlinops, ncv=STEPS, num_repeats=PROBES, num_points=1024
    )
    weights = density / density.sum()
    return [float((grid * weights).sum())]


def density_by_pyhessian(case):
    nodes, weights = case.pyhessian.density(iter=STEPS, n_v=PROBES)
    return moments(np.array(nodes), np.array(weights))[:1]


def moments(nodes, weights):
    """Return the first three moments of nodes and weights (probes, steps)."""
    nodes = np.where(weights > 0, nodes, 0.0)
    return [float((weights * nodes**power).sum(axis=1).mean()) for power in (1, 2, 3)]


def products(case):
    """Return functions of a vector by library that multiply it by the Hessian."""
    vector = torch.randn(case.size)
    parts = [vector.reshape(case.network.w_rec.shape)]
    return {
        "lsnn": lambda: case.lsnn.product(vector.numpy()),
        "curvlinops": lambda: case.curvlinops @ vector,
        "hessian-eigenthings": lambda: case.eigenthings.matvec(vector),
        "PyHessian": lambda: torch.autograd.grad(
            case.pyhessian.gradsH, case.pyhessian.params, parts, retain_graph=True
        ),
    }


TASKS = {
    "both ends to 1e-3": {
        "lsnn": both_ends_by_lsnn,
        "curvlinops": lambda case: of_scipy(case, "BE"),
        "hessian-eigenthings": lambda case: of_eigenthings(case, ["LA", "SA"]),
    },
    "largest to 1e-3": {
        "lsnn": largest_by_lsnn,
        "curvlinops": lambda case: of_scipy(case, "LA"),
        "hessian-eigenthings": lambda case: of_eigenthings(case, ["LA"]),
        "PyHessian": of_pyhessian,
    },
    f"trace, {TRACE_PROBES} probes": {
        "lsnn": trace_by_lsnn,
        "curvlinops": lambda case: [float(hutchinson_trace(case.curvlinops, TRACE_PROBES))],
        "hessian-eigenthings": lambda case: [
            trace(case.eigenthings, num_matvecs=TRACE_PROBES, method="hutchinson", seed=0).estimate
        ],
        "PyHessian": lambda case: [float(np.mean(case.pyhessian.trace(TRACE_PROBES, tol=0)))],
    },
    f"density, {PROBES} x {STEPS}": {
        "lsnn": density_by_lsnn,
        "curvlinops": density_by_curvlinops,
        "hessian-eigenthings": density_by_eigenthings,
        "PyHessian": density_by_pyhessian,
    },
}


def timed(call, *arguments):
    """Return the seconds that a call takes, and what it returns; or None and what it raised."""
    started = time.perf_counter()
    try:
        value = call(*arguments)
    except Exception as error:
        return None, f"fails: {type(error).__name__}"
    return time.perf_counter() - started, value


def times(case, rounds):
    """Return a row for every task and library: median seconds of some rounds in turn."""
    tasks = {name: dict(by_library) for name, by_library in TASKS.items()}
    of_product = {lib: (lambda case, call=call: call()) for lib, call in products(case).items()}
    tasks = {"Hessian-vector product": of_product, **tasks}
    seconds, found = {}, {}
    for number in range(rounds + 1):  # the first one is slow, and not counted
        for task, by_library in tasks.items():
            for library, call in by_library.items():
                duration, value = timed(call, case)
                found[task, library] = value
                if number > 0 and duration is not None:
                    seconds.setdefault((task, library), []).append(duration)
    rows = []
    for (task, library), value in found.items():
        durations = seconds.get((task, library))
        is_value = durations and not task.startswith("Hessian")
        rows.append(
            {
                "task": task,
                "library": library,
                "seconds": statistics.median(durations) if durations else None,
                "slowest": max(durations) if durations else None,
                "found": " ".join(f"{one:.6g}" for one in value) if is_value else "",
                "note": "" if durations else value,
            }
        )
    return rows


def numbers(case):
    """Return what the libraries find of a small network, arrays by name."""
    dense = case.dense()
    ends = eigsh(case.scipy, 2, which="BE", tol=1e-10, return_eigenvectors=False)
    density = spectral_density(case.eigenthings, num_runs=200, lanczos_steps=30, seed=0)
    of_trace = trace(case.eigenthings, num_matvecs=1000, method="hutchinson", seed=0)
    powers = [np.linalg.matrix_power(dense, power) for power in (1, 2, 3)]
    return {
        "curvlinops/eigenvalues": np.linalg.eigvalsh(dense),
        "curvlinops/ends": np.sort(ends),
        "curvlinops/moments": np.array([np.trace(one) for one in powers]) / len(dense),
        "hessian_eigenthings/trace": np.array([of_trace.estimate, of_trace.stderr]),
        "hessian_eigenthings/moments": np.array(
            moments(density.raw_eigenvalues.numpy(), density.raw_weights.numpy())
        ),
    }


def markdown(rows):
    """Return rows of times as a table, with what each takes relative to this project."""
    table = pd.DataFrame(rows)
    seconds = table.pivot(index=["case", "task"], columns="library", values="seconds")
    notes = table.pivot(index=["case", "task"], columns="library", values="note")
    order = dict.fromkeys(zip(table["case"], table["task"], strict=True))
    lines = ["| checkpoint | quantity | " + " | ".join(LIBRARIES) + " |"]
    lines.append("|---" * (2 + len(LIBRARIES)) + "|")
    for key in order:
        own = seconds.loc[key, "lsnn"]
        cells = []
        for library in LIBRARIES:
            value, note = seconds.loc[key, library], notes.loc[key, library]
            if pd.isna(value):
                cells.append(note if isinstance(note, str) and note else "not offered")
            elif library == "lsnn":
                cells.append(f"{value:.3g} s")
            else:
                cells.append(f"{value:.3g} s (x {value / own:.2g})")
        lines.append(f"| {key[0]} | {key[1]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def versions():
    """Return what was compared, as text."""
    names = ["torch", "tensorflow-cpu", *[LIBRARIES[name] for name in list(LIBRARIES)[1:]]]
    found = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return f"Python {platform.python_version()}, {', '.join(found)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["numbers", "times"])
    parser.add_argument("--config", required=True, help="configuration of the study")
    parser.add_argument(
        "--checkpoints", required=True, nargs="+", metavar="FILE", help="of its runs, of seed 1"
    )
    parser.add_argument("--samples", type=int, default=256, help="validation examples")
    parser.add_argument("--rounds", type=int, default=5, help="of which a median is taken")
    parser.add_argument("--output", required=True, help="the npz; or csv and md, without suffix")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    study = read_study(arguments.config)
    rows = []
    for path in arguments.checkpoints:
        arrays, metadata = checkpoints.read(path)
        weights = checkpoints.weights_at(arrays, -1)
        name = f"{metadata['settings']['condition']}, iteration {arrays['iteration'][-1]}"
        if arguments.what == "numbers":
            case = Case(study, weights, arguments.samples, torch.float64)
            content = {**numbers(case), **weights, "inputs": case.inputs, "targets": case.targets}
            np.savez_compressed(arguments.output, versions=np.array(versions()), **content)
            return
        case = Case(study, weights, arguments.samples)
        of_case = times(case, arguments.rounds)
        rows += [{"case": name, **row} for row in of_case]
        print(pd.DataFrame(of_case).to_string(), flush=True)
    pd.DataFrame(rows).to_csv(arguments.output + ".csv", index=False, float_format="%.4g")
    with open(arguments.output + ".md", "w", encoding="utf-8") as stream:
        stream.write(f"{versions()}; one thread, medians of {arguments.rounds} rounds in turn.\n\n")
        stream.write(markdown(rows))


if __name__ == "__main__":
    main()
