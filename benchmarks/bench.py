"""Measure the library's speed with one TensorFlow, on one thread, at the default study's sizes.

A computation and its floor are measured in turn, round by round. Writes a JSON mapping; README.md
explains the figures in it.
"""

import argparse
import functools
import itertools
import json
import os
import time
from typing import Any, Callable, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

import floor
from lsnn import backend
from lsnn.curvature.along_run import Point, Probes, chosen
from lsnn.curvature.hessian import hessian_of
from lsnn.curvature.quantities import DYNAMICS, QUANTITIES
from lsnn.curvature.rule_update import dynamics_of
from lsnn.learning_rules import new_rule
from lsnn.network import network_of
from lsnn.options import build
from lsnn.storage import checkpoints
from lsnn.study.config import parse_study, read_study
from lsnn.training import Trainer, constants_of, start_of_run

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEED = 1

BPTT = {"name": "bptt"}
FOUR_HOPS = {"name": "truncated_bptt", "hops": 4}
ALIF, PIXELS = "adaptive_rate.yaml", "pixelwise_mnist.yaml"
# What trains: its name, study (the default one if empty), rule, floor, and rounds.
TRAINING = (
    ("bptt", "", BPTT, floor.bptt, 30),
    ("three_factor", "", {"name": "three_factor"}, floor.three_factor, 30),
    ("rflo", "", {"name": "rflo"}, floor.three_factor, 30),
    ("mdgl", "", {"name": "mdgl"}, functools.partial(floor.truncated, hops=1), 30),
    ("truncated_bptt", "", FOUR_HOPS, functools.partial(floor.truncated, hops=4), 30),
    ("modprop", "", {"name": "modprop"}, floor.bptt, 30),
    ("step_length", "", {"name": "step_length"}, floor.step_length, 30),
    ("truncated_bptt with memory", ALIF, FOUR_HOPS,
     functools.partial(floor.by_hops, hops=4), 30),
    ("pixel-wise", PIXELS, BPTT, floor.delayed_step, 5),
)  # fmt: skip
EVALUATION_PARTS = 20  # of the evaluation sets, in the floor of an evaluation pass

# What is followed along a run: its name, quantity, and how many checkpoints (all if None).
QUANTITIES_ALONG = (
    ("both ends", {"name": "extremes"}, None),
    ("largest", {"name": "extremes", "ends": "largest"}, None),
    ("density", {"name": "density"}, 10),
    ("stability", {"name": "stability"}, 10),
    ("alignment", {"name": "alignment"}, 10),
)
EARLY = 14  # place of the checkpoint at the first multiple of the spacing, in a run by BPTT
PUBLISHED_STEPS, PUBLISHED_TOLERANCE = 500, 1e-6
EXACT_TOLERANCE = 1e-5  # of the residual; the error of the eigenvalue is far smaller


class Case(NamedTuple):
    """A computation beside its floor."""

    name: str
    part: str  # what the computation is called
    products: Callable[[floor.Arrays], list]
    network: Any
    batch: int
    call: Callable[[], Any]
    floors: int = 1  # that make the computation
    rounds: int = 30


def log(line):
    """Print a line at once."""
    print(line, flush=True)


def figure(name, unit, values):
    """Return the median and the quartiles of values, by name."""
    lower, median, upper = (float(value) for value in np.percentile(values, [25, 50, 75]))
    return {"figure": name, "unit": unit, "median": median, "lower": lower, "upper": upper,
            "n": len(values)}  # fmt: skip


def seconds_of(call):
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def training_cases(default):
    """Yield the cases of training iterations, and of an evaluation pass."""
    for name, file, settings, products, rounds in TRAINING:
        study = read_study(os.path.join(REPOSITORY, "studies", file)) if file else default
        network = network_of(study.training_settings("bptt", SEED), default.data, SEED)
        weights, rewiring = start_of_run(network)
        rule = new_rule(settings)
        rule.take(rule.draw(weights, None, np.random.RandomState(SEED)))
        trainer = Trainer(network, rule, study.training, weights, rewiring=rewiring)
        batch, numbers = study.training.batch_size, itertools.count()

        def iteration(network=network, trainer=trainer, batch=batch, numbers=numbers):
            trainer.step(*network.task.batch(next(numbers), batch))

        floors = network.task.n_steps if products is floor.delayed_step else 1
        yield Case(name, "iteration", products, network, batch, iteration, floors, rounds)
        if name == "bptt":
            part = sum(network.task.evaluation_sizes.values()) // EVALUATION_PARTS
            yield Case("evaluation", "pass", floor.forward, network, part, trainer.evaluate,
                       EVALUATION_PARTS, 7)  # fmt: skip


def beside_floor(case, rounds=None):
    """Return the figures of a case: a round is the median of three calls."""
    calls = {case.name + " floor": floor.Floor(case.products, case.network, case.batch),
             f"{case.name} {case.part}".strip(): case.call}  # fmt: skip
    seconds = {name: [] for name in calls}
    for call in calls.values():
        call()  # the first one is slow
    for _ in range(rounds or case.rounds):
        for name, call in calls.items():
            seconds[name].append(np.median([seconds_of(call) for _ in range(3)]))
    floors, own = (1e3 * np.array(values) for values in seconds.values())
    names = list(calls)
    return [
        figure(names[0], "ms", case.floors * floors),
        figure(names[1], "ms", own),
        figure(case.name + " ratio", "x", own / floors / case.floors),
    ]


def along_run(operator, quantity, arrays, places):
    """Yield the seconds, products, row and memory of a quantity at checkpoints of a run."""
    memory = {}
    for place in places:
        before, started = operator.products, time.perf_counter()
        operator.move_to(checkpoints.weights_at(arrays, place))
        iteration = int(arrays["iteration"][place])
        point = Point(operator, Probes(operator, SEED), SEED, iteration, memory)
        row, memory = quantity.measure(point)
        yield time.perf_counter() - started, operator.products - before, row, memory


def follow(study, network, rule, arrays):
    """Return the figures along a run by a rule, and comparisons with the published method."""
    (entry,) = study.hessian
    sizes = {key: entry[key] for key in ("block", "split", "samples")}
    learning_rule, iterations = study.conditions[rule].learning_rule, arrays["iteration"]
    hessian = hessian_of(network, **sizes)
    dynamics = dynamics_of(network, learning_rule, study.training, constants_of(arrays), sizes)
    last = len(iterations) - 1
    compared = {EARLY: "early", last // 2: "middle", last: "late"}
    figures, comparisons = [], []
    for name, settings, count in QUANTITIES_ALONG:
        operator = hessian if settings["name"] in QUANTITIES else dynamics
        quantity = build({**QUANTITIES, **DYNAMICS}, settings)
        places = chosen(iterations, iterations, count)
        seconds, products = [], []
        for place, found in zip(places, along_run(operator, quantity, arrays, places)):
            seconds.append(found[0])
            products.append(found[1])
            if name == "largest" and place in compared:
                where = (rule, compared[place], int(iterations[place]))
                at = dict(zip(("learning_rule", "when", "iteration"), where))
                comparisons.append({**at, **compare(hessian, *found)})
        figures.append(figure(f"{rule} {name}", "s", seconds))
        if settings["name"] == "extremes":
            figures.append(figure(f"{rule} {name}, products", "products", products))
    return figures, comparisons


def compare(hessian, seconds, products, row, memory):
    """Return time and error of the largest eigenvalue alone, and of the published method."""
    started = time.perf_counter()
    published, steps = published_method(hessian)
    published_seconds = time.perf_counter() - started
    operator = LinearOperator((hessian.size, hessian.size), hessian.product, dtype=np.float64)
    options = {"which": "LA", "ncv": 20, "tol": EXACT_TOLERANCE, "v0": memory["start"]}
    exact = float(eigsh(operator, 1, **options)[0][0])
    return {
        "lambda_max": exact,
        "seconds": seconds,
        "products": products,
        "error": abs(row["lambda_max"] / exact - 1.0),
        "published_seconds": published_seconds,
        "published_products": steps,
        "published_error": abs(published / abs(exact) - 1.0),
        "speedup": published_seconds / seconds,
        "speedup_to_cap": PUBLISHED_STEPS * published_seconds / steps / seconds,
    }


def published_method(hessian):
    """Return |Hv| after power iteration in float32 from a random vector, and the steps it took."""
    vector = np.random.RandomState(SEED).randn(hessian.size).astype(np.float32)
    vector /= np.linalg.norm(vector)
    step, estimate, change = 0, 0.0, np.inf
    while step < PUBLISHED_STEPS and change >= PUBLISHED_TOLERANCE:
        image = hessian.product(vector).astype(np.float32)
        before, estimate = estimate, np.linalg.norm(image)
        vector, change = image / estimate, abs(estimate - before)
        step += 1
    return float(estimate), step


def measure(study, files, rounds):
    """Return the figures, the comparisons with the published method, and the runs followed."""
    figures = []
    for case in training_cases(study):
        figures += beside_floor(case, rounds)
        log(f"measured {case.name}")
    network = network_of(study.network_settings(), study.data, SEED)
    (entry,) = study.hessian
    hessian = hessian_of(network, entry["block"], entry["split"], entry["samples"])
    hessian.move_to(network.initial_weights())
    vector = np.random.RandomState(SEED).randn(hessian.size)
    floor_of_product = (floor.hessian_product, network, entry["samples"])
    figures += beside_floor(
        Case("product", "", *floor_of_product, lambda: hessian.product(vector)), rounds
    )
    figures.append(
        figure("gradient", "ms", [1e3 * seconds_of(hessian.gradient) for _ in range(90)])
    )
    comparisons, runs = [], []
    for file in files:
        arrays, settings = checkpoints.read_run(file, study.network_settings())
        rule = settings["condition"]
        runs.append(f"{rule} of {arrays['iteration'][-1]} iterations")
        found, compared = follow(study, network, rule, arrays)
        figures += found
        comparisons += compared
        log("followed " + runs[-1])
    for name in ("speedup", "speedup_to_cap"):
        figures.append(figure(name, "x", [comparison[name] for comparison in comparisons]))
    return {"figures": figures, "comparisons": comparisons, "runs": runs}


def main():
    """Read the command line, measure, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="data", help="folder of the data sets (default data)")
    parser.add_argument("--checkpoints", required=True, nargs="+", help="of runs to follow")
    parser.add_argument("--rounds", type=int, help="fewer, to see whether everything runs")
    parser.add_argument("--output", required=True, metavar="FILE", help="where the figures go")
    arguments = parser.parse_args()

    started, load = time.time(), os.getloadavg()[0]
    version = backend.tf.VERSION
    log(f"TensorFlow {version}; load average {load:.1f}")
    tensorflow = "1.12" if version.startswith("1.12.") else "2"
    study = parse_study({"tensorflow": tensorflow, "data": os.path.abspath(arguments.data)})
    result = measure(study, arguments.checkpoints, arguments.rounds)
    result.update(tensorflow=version, load=[load, os.getloadavg()[0]])
    result["seconds"] = time.time() - started
    with open(arguments.output, "w") as stream:
        json.dump(result, stream, indent=2)
    log("measured in {seconds:.0f} s; load average {load[1]:.1f}".format(**result))


if __name__ == "__main__":
    main()
