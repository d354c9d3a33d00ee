"""Time curvature beside PyTorch libraries: curvlinops, hessian-eigenthings and PyHessian.

The same network and weights, those of the last checkpoint of a run, are loaded into PyTorch; the
Hessian is that of the loss without its L2 term, by w_rec, on the same examples. How long each
library takes for the same quantity, in turn in this one process on one thread, is written as csv
and as a table in Markdown. README.md has the commands.
"""

import argparse
import functools
import importlib.metadata
import platform
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

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
from lsnn.curvature.hessian import Hessian, hessian_of, sample_of
from lsnn.curvature.quantities import QUANTITIES
from lsnn.network import Network, network_of
from lsnn.options import build
from lsnn.storage import checkpoints
from lsnn.study.config import Study, read_study

SEED = 1
TOLERANCE = 1e-3
PROBES, STEPS, TRACE_PROBES = 8, 40, 64
PACKAGES = {
    "lsnn": "tensorflow-cpu",
    "curvlinops": "curvlinops-for-pytorch",
    "hessian-eigenthings": "hessian-eigenthings",
    "PyHessian": "PyHessian",
}


class RateNetwork(torch.nn.Module):
    """The network of the default study: ReLU units, and a readout of the last step."""

    def __init__(self, weights: dict, dtype: torch.dtype):
        super().__init__()
        for name, value in weights.items():
            tensor = torch.tensor(value, dtype=dtype)
            self.register_parameter(name, torch.nn.Parameter(tensor, name == "w_rec"))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, n_out) of inputs (batch, steps, n_in)."""
        w_rec = self.w_rec * (1 - torch.eye(len(self.w_rec), dtype=self.w_rec.dtype))
        z = torch.zeros(len(inputs), len(w_rec), dtype=w_rec.dtype)
        for x in inputs.unbind(1):
            z = torch.relu(x @ self.w_in + z @ w_rec)
        return z @ self.w_out + self.b_out


class Operators(NamedTuple):
    """The Hessian of one network, weights and examples, in every library."""

    inputs: np.ndarray  # (steps, examples, n_in)
    targets: np.ndarray  # (examples,)
    lsnn: Hessian
    curvlinops: HessianLinearOperator
    eigenthings: HessianOperator
    pyhessian: PyHessian


def operators(
    study: Study, weights: dict, samples: int, dtype: torch.dtype = torch.float32
) -> Operators:
    """Return the operators for weights, arrays by name, on so many validation examples."""
    task = network_of(study.network_settings(), study.data, SEED).task
    network = Network(study.network, study.loss._replace(l2=0.0), task, SEED)
    inputs, targets = sample_of(network, "validation", samples)
    own = hessian_of(network, "w_rec", "validation", samples)
    own.move_to(weights)
    model, loss = RateNetwork(weights, dtype), torch.nn.CrossEntropyLoss()
    x = torch.tensor(np.moveaxis(inputs, 0, 1), dtype=dtype)
    y = torch.tensor(targets, dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyHessian's graph holds a reference to itself
        return Operators(
            inputs,
            targets,
            own,
            HessianLinearOperator(model, loss, [model.w_rec], [(x, y)], check_deterministic=False),
            HessianOperator(
                model, [(x, y)], supervised_loss(loss), param_filter=match_names("w_rec")
            ),
            PyHessian(model, loss, data=(x, y), cuda=False),
        )


def moments(nodes: np.ndarray, weights: np.ndarray) -> list[float]:
    """Return the first three moments of nodes and weights (probes, steps)."""
    nodes = np.where(weights > 0, nodes, 0.0)
    return [float((weights * nodes**power).sum(axis=1).mean()) for power in (1, 2, 3)]


def calls_of(operators: Operators, weights: dict) -> dict[tuple[str, str], Callable[[], Any]]:
    """Return what is timed, by task and library: functions that return the numbers they find."""
    own, curvlinops, eigenthings, pyhessian = operators[2:]
    scipy = curvlinops.to_scipy()
    vector = np.random.RandomState(0).randn(own.size).astype(np.float32)
    tensor = torch.tensor(vector)
    parts = [tensor.reshape(pyhessian.params[0].shape)]

    def quantity(*columns: str, **settings: Any) -> list:
        own.move_to(weights)  # the primal pass is taken at new weights
        point = Point(own, Probes(own, SEED), SEED, 0, {})
        row = build(QUANTITIES, settings).measure(point)[0]
        return [row[column] for column in columns]

    def own_density() -> list[float]:
        columns = ("density_nodes", "density_weights")
        return moments(*quantity(*columns, name="density", probes=PROBES, steps=STEPS))[:1]

    def arpack(k: int, which: str) -> np.ndarray:  # as curvlinops' documentation says
        return eigsh(scipy, k, which=which, tol=TOLERANCE, v0=vector, return_eigenvectors=False)

    def one_end(which: str, steps: int) -> Any:
        options = {"tol": TOLERANCE, "which": which, "seed": 0, "reorthogonalize": True}
        return lanczos(eigenthings, k=1, max_iter=steps, **options)

    # The fewest after which hessian-eigenthings says that it has converged.
    counts = (10, 20, 40, 80)
    steps = {
        which: next((n for n in counts if one_end(which, n).converged.all()), counts[-1])
        for which in ("LA", "SA")
    }

    def ends(*which: str) -> list[float]:
        return [one_end(end, steps[end]).eigenvalues.item() for end in which]

    def smooth_density() -> list[float]:  # on a grid; its quadrature gives no other
        grid, density = lanczos_approximate_spectrum(
            curvlinops, ncv=STEPS, num_repeats=PROBES, num_points=1024
        )
        return [float((grid * density).sum() / density.sum())]

    def eigenthings_density() -> list[float]:
        found = spectral_density(eigenthings, num_runs=PROBES, lanczos_steps=STEPS, seed=0)
        return moments(found.raw_eigenvalues.numpy(), found.raw_weights.numpy())[:1]

    def eigenthings_trace() -> list[float]:
        options = {"num_matvecs": TRACE_PROBES, "method": "hutchinson", "seed": 0}
        return [trace(eigenthings, **options).estimate]

    def pyhessian_product() -> list:
        gradient, parameters = pyhessian.gradsH, pyhessian.params
        return [torch.autograd.grad(gradient, parameters, parts, retain_graph=True)][:0]

    extremes = functools.partial(quantity, "lambda_max", name="extremes", tolerance=TOLERANCE)
    own_trace = functools.partial(quantity, "trace", name="trace", most_probes=TRACE_PROBES)
    calls: dict[str, dict[str, Callable[[], Any]]] = {
        "Hessian-vector product": {
            "lsnn": lambda: own.product(vector)[:0],
            "curvlinops": lambda: (curvlinops @ tensor)[:0],
            "hessian-eigenthings": lambda: eigenthings.matvec(tensor)[:0],
            "PyHessian": pyhessian_product,
        },
        "both ends to 1e-3": {
            "lsnn": lambda: extremes("lambda_min"),
            "curvlinops": lambda: arpack(2, "BE")[::-1],
            "hessian-eigenthings": lambda: ends("LA", "SA"),
        },
        "largest to 1e-3": {
            "lsnn": lambda: extremes(ends="largest"),
            "curvlinops": lambda: arpack(1, "LA"),
            "hessian-eigenthings": lambda: ends("LA"),
            "PyHessian": lambda: pyhessian.eigenvalues(maxIter=200, tol=TOLERANCE)[0],
        },
        f"trace, {TRACE_PROBES} probes": {
            "lsnn": lambda: own_trace(relative_error=1e-9),
            "curvlinops": lambda: [float(hutchinson_trace(curvlinops, TRACE_PROBES))],
            "hessian-eigenthings": eigenthings_trace,
            "PyHessian": lambda: [float(np.mean(pyhessian.trace(TRACE_PROBES, tol=0)))],
        },
        f"density, {PROBES} x {STEPS}": {
            "lsnn": own_density,
            "curvlinops": smooth_density,
            "hessian-eigenthings": eigenthings_density,
        },
    }
    return {
        (task, library): call
        for task, by_library in calls.items()
        for library, call in by_library.items()
    }


def times(calls: dict[tuple[str, str], Callable[[], Any]], rounds: int) -> pd.DataFrame:
    """Return a row for every task and library: median and longest seconds, what was found."""
    rows = []
    for number in range(rounds + 1):
        for (task, library), call in calls.items():
            started = time.perf_counter()
            found = call()
            rows.append((number, task, library, time.perf_counter() - started, found))
    table = pd.DataFrame(rows, columns=["round", "task", "library", "seconds", "found"])
    table["found"] = [" ".join(f"{value:.6g}" for value in found) for found in table["found"]]
    table = table[table["round"] > 0]  # round 0 is slow
    return table.groupby(["task", "library"], sort=False, as_index=False).agg(
        seconds=("seconds", "median"), slowest=("seconds", "max"), found=("found", "last")
    )


def markdown(table: pd.DataFrame) -> str:
    """Return the times in Markdown, and what they are relative to this project's."""
    own = table.groupby(["case", "task"])["seconds"].transform("first")
    ratios = (table["seconds"] / own).map(" (x {:.2g})".format).mask(table["library"] == "lsnn", "")
    cells = table.assign(cells=table["seconds"].map("{:.3g} s".format) + ratios)
    shown = cells.set_index(["case", "task", "library"])["cells"].unstack(sort=False)
    return shown.fillna("not offered").reset_index().to_markdown(index=False)


def versions() -> str:
    """Return what was compared."""
    names = ["torch", *PACKAGES.values()]
    found = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return f"Python {platform.python_version()}, {', '.join(found)}"


def main() -> None:
    """Read the command line, measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="configuration of the study")
    parser.add_argument("--checkpoints", required=True, nargs="+", help="of its runs, of seed 1")
    parser.add_argument("--samples", type=int, default=256, help="validation examples")
    parser.add_argument("--rounds", type=int, default=5, help="of which a median is taken")
    parser.add_argument("--output", required=True, help="csv and md, without suffix")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    study = read_study(arguments.config)
    tables = {}
    for path in arguments.checkpoints:
        arrays, metadata = checkpoints.read(path)
        weights = checkpoints.weights_at(arrays, -1)
        found = operators(study, weights, arguments.samples)
        name = f"{metadata['settings']['condition']}, iteration {arrays['iteration'][-1]}"
        tables[name] = times(calls_of(found, weights), arguments.rounds)
        print(tables[name].to_string(), flush=True)
    table = pd.concat(tables, names=["case"]).reset_index("case")
    table.to_csv(f"{arguments.output}.csv", index=False, float_format="%.4g")
    with open(f"{arguments.output}.md", "w", encoding="utf-8") as stream:
        stream.write("# Curvature, beside other libraries\n\n")
        stream.write(f"{versions()}; one thread, medians of {arguments.rounds} rounds in turn.\n\n")
        stream.write(markdown(table) + "\n")


if __name__ == "__main__":
    main()
