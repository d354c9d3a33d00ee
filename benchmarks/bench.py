"""Measure the library's speed with one TensorFlow, on one thread, at the default study's sizes.

A computation and its floor are measured in turn, round by round. Writes a JSON mapping; README.md
explains the figures in it.
"""

import argparse
import functools
import json
import os
import time
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
from scipy.sparse.linalg import eigsh

import floor
from lsnn import backend
from lsnn.curvature.along_run import Memory, Point, Probes, chosen
from lsnn.curvature.hessian import Hessian, hessian_of
from lsnn.curvature.quantities import DYNAMICS, QUANTITIES
from lsnn.curvature.rule_update import dynamics_of
from lsnn.learning_rules import new_rule
from lsnn.network import Network, network_of
from lsnn.options import build
from lsnn.storage import checkpoints
from lsnn.study.config import Study, parse_study, read_study
from lsnn.training import Trainer, constants_of, start_of_run

STUDIES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "studies")
SEED = 1

BPTT, FOUR_HOPS = {"name": "bptt"}, {"name": "truncated_bptt", "hops": 4}
# What trains: its name, study (the default one if empty), rule, floor (computed so many times for
# an iteration), and rounds.
TRAINING = (
    ("bptt", "", BPTT, floor.bptt, 1, 30),
    ("three_factor", "", {"name": "three_factor"}, floor.three_factor, 1, 30),
    ("rflo", "", {"name": "rflo"}, floor.three_factor, 1, 30),
    ("mdgl", "", {"name": "mdgl"}, functools.partial(floor.truncated, hops=1), 1, 30),
    ("truncated_bptt", "", FOUR_HOPS, functools.partial(floor.truncated, hops=4), 1, 30),
    ("modprop", "", {"name": "modprop"}, floor.bptt, 1, 30),
    ("step_length", "", {"name": "step_length"}, floor.step_length, 1, 30),
    ("truncated_bptt with memory", "adaptive_rate.yaml", FOUR_HOPS,
     functools.partial(floor.by_hops, hops=4), 1, 30),
    ("pixel-wise", "pixelwise_mnist.yaml", BPTT, floor.delayed_step, 840, 5),
)  # fmt: skip
EVALUATION_PARTS = 20  # of the evaluation sets, in the floor of an evaluation pass

# What is followed along a run: its name, quantity, and how many checkpoints (all if None).
QUANTITIES_ALONG = (
    ("both ends", {"name": "extremes"}, None),
    ("largest", {"name": "extremes", "ends": "largest"}, None),
    ("density", {"name": "density"}, 10),
    ("stability", {"name": "stability"}, 10),
    ("alignment", {"name": "alignment"}, 10),
    ("nearby", {"name": "nearby"}, 5),
    ("adaptive", {"name": "adaptive"}, 5),
    ("empirical_fisher_trace", {"name": "empirical_fisher_trace"}, 5),
    ("batch_sharpness", {"name": "batch_sharpness"}, 5),
    ("slice", {"name": "slice"}, 5),
)
EARLY = 14  # place of the checkpoint at the first multiple of the spacing, in a run by BPTT
PUBLISHED_STEPS, PUBLISHED_TOLERANCE = 500, 1e-6
EXACT_TOLERANCE = 1e-5  # of the residual; the error of the eigenvalue is far smaller


class Case(NamedTuple):
    """A computation beside its floor."""

    name: str
    part: str  # what the computation is called
    call: Callable[[], Any]
    floor: floor.Floor
    floors: int = 1  # that make the computation
    rounds: int = 30


def figure(name: str, unit: str, values: Sequence[float]) -> Dict[str, Any]:
    """Return the median and the quartiles of values, by name."""
    lower, median, upper = np.percentile(values, [25, 50, 75]).tolist()
    return {"figure": name, "unit": unit, "median": median, "lower": lower, "upper": upper,
            "n": len(values)}  # fmt: skip


def seconds_of(call: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def iterate(trainer: Trainer) -> None:
    """Train for an iteration, on the batch that is next."""
    trainer.step(*trainer.task.batch(trainer.iteration, trainer.training.batch_size))


def trainer_of(study: Study, data: str, rule: Mapping[str, Any]) -> Tuple[Network, Trainer]:
    """Return the network of a study, and what trains it by a rule."""
    network = network_of(study.training_settings("bptt", SEED), data, SEED)
    weights, rewiring = start_of_run(network)
    learning_rule = new_rule(rule)
    learning_rule.take(learning_rule.draw(weights, None, np.random.RandomState(SEED)))
    return network, Trainer(network, learning_rule, study.training, weights, rewiring=rewiring)


def cases(default: Study) -> Iterator[Case]:
    """Yield training iterations, and an evaluation pass."""
    for name, file, rule, algorithm, floors, rounds in TRAINING:
        study = read_study(os.path.join(STUDIES, file)) if file else default
        network, trainer = trainer_of(study, default.data, rule)
        its_floor = floor.Floor(algorithm, network, study.training.batch_size)
        iteration = functools.partial(iterate, trainer)
        yield Case(name, "iteration", iteration, its_floor, floors, rounds)
    network, trainer = trainer_of(default, default.data, BPTT)
    part = sum(network.task.evaluation_sizes.values()) // EVALUATION_PARTS
    its_floor = floor.Floor(floor.forward, network, part)
    yield Case("evaluation", "pass", trainer.evaluate, its_floor, EVALUATION_PARTS, 7)


def beside_floor(case: Case) -> List[Dict[str, Any]]:
    """Return the figures of a case: a round is the median of three calls."""
    calls = (case.floor, case.call)
    for call in calls:
        call()  # the first one is slow
    rounds = [
        [1e3 * np.median([seconds_of(call) for _ in range(3)]) for call in calls]
        for _ in range(case.rounds)
    ]
    floors, own = np.transpose(rounds) * [[case.floors], [1]]
    print("measured", case.name, flush=True)
    return [
        figure(case.name + " floor", "ms", floors),
        figure(f"{case.name} {case.part}".strip(), "ms", own),
        figure(case.name + " ratio", "x", own / floors),
    ]


def follow(
    study: Study, hessian: Hessian, network: Network, rule: str, arrays: Mapping[str, np.ndarray]
) -> Tuple[List[Dict[str, Any]], List[Dict[str, Any]]]:
    """Return the figures along a run by a rule, and comparisons with the published method."""
    learning_rule, iterations = study.conditions[rule].learning_rule, arrays["iteration"].tolist()
    constants, start = constants_of(arrays), checkpoints.weights_at(arrays, 0)
    dynamics = dynamics_of(
        network, learning_rule, study.training, constants, start, study.hessian[0]
    )
    last = len(iterations) - 1
    compared = {EARLY: "early", last // 2: "middle", last: "late"}
    figures, comparisons = [], []
    for name, settings, count in QUANTITIES_ALONG:
        operator = hessian if settings["name"] in QUANTITIES else dynamics
        quantity = build({**QUANTITIES, **DYNAMICS}, settings)
        memory: Memory = {}
        all_seconds, all_products = [], []
        for place in chosen(iterations, iterations, count):
            before, started = operator.products, time.perf_counter()
            operator.move_to(checkpoints.weights_at(arrays, place))
            point = Point(operator, Probes(operator, SEED), SEED, iterations[place], memory)
            row, memory = quantity.measure(point)
            seconds, products = time.perf_counter() - started, operator.products - before
            all_seconds.append(seconds)
            all_products.append(products)
            if name == "largest" and place in compared:
                found = compare(hessian, memory["start"], row["lambda_max"], seconds, products)
                at = {"when": compared[place], "iteration": iterations[place]}
                comparisons.append({"learning_rule": rule, **at, **found})
        figures.append(figure(f"{rule} {name}", "s", all_seconds))
        if settings["name"] == "extremes":
            figures.append(figure(f"{rule} {name}, products", "products", all_products))
    return figures, comparisons


def compare(
    hessian: Hessian, start: np.ndarray, found: float, seconds: float, products: int
) -> Dict[str, float]:
    """Return time and error of the largest eigenvalue alone, and of the published method.

    Args:
        hessian: at the weights of a checkpoint.
        start: for ARPACK, which computes the eigenvalue that is taken for exact.
        found: the eigenvalue, which took ``seconds`` and ``products``.
    """
    started = time.perf_counter()
    published, steps = published_method(hessian)
    published_seconds = time.perf_counter() - started
    exact = float(eigsh(hessian, 1, which="LA", ncv=20, tol=EXACT_TOLERANCE, v0=start)[0][0])
    return {
        "lambda_max": exact,
        "seconds": seconds,
        "products": products,
        "error": abs(found / exact - 1.0),
        "published_seconds": published_seconds,
        "published_products": steps,
        "published_error": abs(published / abs(exact) - 1.0),
        "speedup": published_seconds / seconds,
        "speedup_to_cap": PUBLISHED_STEPS * published_seconds / steps / seconds,
    }


def published_method(hessian: Hessian) -> Tuple[float, int]:
    """Return |Hv| after power iteration in float32 from a random vector, and the steps it took."""
    vector = np.random.RandomState(SEED).randn(hessian.size).astype(np.float32)
    vector /= np.linalg.norm(vector)
    step, estimate, change = 0, 0.0, np.inf
    while step < PUBLISHED_STEPS and change >= PUBLISHED_TOLERANCE:
        image = hessian.product(vector).astype(np.float32)
        before, estimate = estimate, float(np.linalg.norm(image))
        vector, change = image / estimate, abs(estimate - before)
        step += 1
    return estimate, step


def measure(study: Study, files: Sequence[str]) -> Dict[str, Any]:
    """Return the figures, the comparisons with the published method, and the runs followed."""
    figures = [line for case in cases(study) for line in beside_floor(case)]
    network = network_of(study.network_settings(), study.data, SEED)
    (entry,) = study.hessian
    hessian = hessian_of(network, entry["block"], entry["split"], entry["samples"])
    hessian.move_to(network.initial_weights())
    product = functools.partial(hessian.product, np.random.RandomState(SEED).randn(hessian.size))
    its_floor = floor.Floor(floor.hessian_product, network, entry["samples"])
    figures += beside_floor(Case("product", "", product, its_floor))
    figures.append(
        figure("gradient", "ms", [1e3 * seconds_of(hessian.gradient) for _ in range(90)])
    )
    comparisons, runs = [], []
    for file in files:
        arrays, settings = checkpoints.read_run(file, study.network_settings())
        rule = settings["condition"]
        runs.append(f"{rule} of {arrays['iteration'][-1]} iterations")
        found, compared = follow(study, hessian, network, rule, arrays)
        figures += found
        comparisons += compared
        print("followed", runs[-1], flush=True)
    for name in ("speedup", "speedup_to_cap"):
        figures.append(figure(name, "x", [comparison[name] for comparison in comparisons]))
    return {"figures": figures, "comparisons": comparisons, "runs": runs}


def main() -> None:
    """Read the command line, measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", required=True, nargs="+", help="of runs to follow")
    parser.add_argument("--output", required=True, metavar="FILE", help="where the figures go")
    arguments = parser.parse_args()

    started, load, version = time.time(), os.getloadavg()[0], backend.tf.VERSION
    tensorflow = "1.12" if version.startswith("1.12.") else "2"
    result = measure(parse_study({"tensorflow": tensorflow}), arguments.checkpoints)
    result.update(tensorflow=version, load=[load, os.getloadavg()[0]])
    result["seconds"] = time.time() - started
    with open(arguments.output, "w") as stream:
        json.dump(result, stream, indent=2)


if __name__ == "__main__":
    main()
