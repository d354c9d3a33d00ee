"""Measure the library's speed with one TensorFlow, on one thread, at the default study's sizes.

Everything is measured in this one process, but for the start and the memory of a job, which are
those of scripts/train.py and scripts/curvature.py. What is compared is measured in turn, round by
round. Writes a JSON mapping with the figures by name; README.md explains them.
"""

import argparse
import functools
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(sys.path[0], "scripts"))

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

import floor
from lsnn import backend
from lsnn.curvature.along_run import Point, Probes, chosen
from lsnn.curvature.hessian import hessian_of
from lsnn.curvature.quantities import DYNAMICS, QUANTITIES
from lsnn.curvature.rule_update import dynamics_of
from lsnn.learning_rules import BPTT, new_rule
from lsnn.network import network_of
from lsnn.options import build
from lsnn.storage import checkpoints
from lsnn.study.config import parse_study, read_study
from lsnn.training import Trainer, checkpoint_iterations, constants_of, start_of_run

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RUNS = os.path.join("results", "sequential_mnist", "runs")  # of the default study, if it was run
SEED = 1
ENTRY = "w_rec_validation"  # of the default study's `hessian`

ROUNDS = 30
CALLS_PER_ROUND = 3
ROUNDS_OF_PASSES = 7  # of what takes a second
ROUNDS_OF_LONG_ONES = 5  # of what takes ten
EVALUATION_PRODUCTS = 20  # parts of the evaluation set in the floor of an evaluation pass
SHORTER = 10  # a run that stands in for the study's has as many times fewer iterations
FEW_CHECKPOINTS, MORE_CHECKPOINTS = 2, 12  # of jobs that show whether memory grows

ENDS = ("both", "largest")  # last, so that its row is the one that is compared
# The rules that are timed: settings, and the products that they need.
RULES = OrderedDict(
    [
        ("bptt", ({"name": "bptt"}, floor.bptt)),
        ("three_factor", ({"name": "three_factor"}, floor.three_factor)),
        ("rflo", ({"name": "rflo"}, floor.three_factor)),
        ("mdgl", ({"name": "mdgl"}, functools.partial(floor.truncated, hops=1))),
        (
            "truncated_bptt",
            ({"name": "truncated_bptt", "hops": 4}, functools.partial(floor.truncated, hops=4)),
        ),
        ("modprop", ({"name": "modprop"}, floor.bptt)),
        ("step_length", ({"name": "step_length"}, floor.step_length)),
    ]
)

SOME_CHECKPOINTS = 10  # at which further quantities are measured

EARLY = 14  # place of the checkpoint at the first multiple of the spacing, bptt's

PUBLISHED_STEPS = 500
PUBLISHED_TOLERANCE = 1e-6
EXACT_TOLERANCE = 1e-5  # of the residual; the error of the eigenvalue is far smaller


def log(line):
    """Print a line at once."""
    print(line, flush=True)


def spread(values):
    """Return median, quartiles, mean and number of values."""
    lower, median, upper = (float(value) for value in np.percentile(values, [25, 50, 75]))
    mean, n = float(np.mean(values)), len(values)
    return {"median": median, "lower": lower, "upper": upper, "mean": mean, "n": n}


def in_turn(calls, rounds=ROUNDS, calls_per_round=CALLS_PER_ROUND):
    """Return the ms of every call by name: arrays (rounds), each value a median within a round."""
    times = {name: [] for name in calls}
    for call in calls.values():
        call()  # the first one is slow
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(np.median([_milliseconds(call) for _ in range(calls_per_round)]))
    return {name: np.array(values) for name, values in times.items()}


def _milliseconds(call):
    started = time.perf_counter()
    call()
    return 1000.0 * (time.perf_counter() - started)


def measure_training(study, network):
    """Return the figures of training iterations and of an evaluation pass."""
    figures = {}
    for rule, (settings, products) in RULES.items():
        figures.update(measure_iterations(rule, settings, products, study, network))
    trainer = Trainer(network, BPTT(), study.training, network.initial_weights())
    part = sum(network.task.evaluation_sizes.values()) // EVALUATION_PRODUCTS
    calls = {"floor": floor.Floor(floor.forward, network, part), "pass": trainer.evaluate}
    times = in_turn(calls, ROUNDS_OF_PASSES, 1)
    floors = EVALUATION_PRODUCTS * times["floor"]
    figures["evaluation floor"] = spread(floors)
    figures["evaluation pass"] = spread(times["pass"])
    figures["evaluation ratio"] = spread(times["pass"] / floors)
    return figures


def measure_iterations(name, settings, products, study, network):
    """Return the figures of training iterations by a rule, and of the products that they need."""
    batch, iterations = study.training.batch_size, itertools.count()
    weights, rule = network.initial_weights(), new_rule(settings)
    rule.take(rule.draw(weights, None, np.random.RandomState(SEED)))
    trainer = Trainer(network, rule, study.training, weights)
    times = in_turn(
        {
            "floor": floor.Floor(products, network, batch),
            "batch": lambda: network.task.batch(next(iterations), batch),
            "iteration": lambda: trainer.step(*network.task.batch(next(iterations), batch)),
        }
    )
    figures = {"{} {}".format(name, part): spread(values) for part, values in times.items()}
    figures[name + " ratio"] = spread(times["iteration"] / times["floor"])
    return figures


def measure_units_with_memory(study):
    """Return the figures of truncated BPTT where errors of different paths go side by side."""
    network = network_of(study.network_settings(), study.data, SEED)
    settings, _ = RULES["truncated_bptt"]
    products = functools.partial(floor.by_hops, hops=settings["hops"])
    return measure_iterations("truncated_bptt with memory", settings, products, study, network)


def measure_long_sequences(study):
    """Return the figures of iterations of pixel-wise MNIST, after the first, which is slow."""
    network = network_of(study.training_settings("bptt", SEED), study.data, SEED)
    weights, rewiring = start_of_run(network)
    trainer = Trainer(network, BPTT(), study.training, weights, rewiring=rewiring)
    batch, iterations = study.training.batch_size, itertools.count()
    calls = {
        "floor": floor.Floor(floor.delayed_step, network, batch),
        "iteration": lambda: trainer.step(*network.task.batch(next(iterations), batch)),
    }
    times = in_turn(calls, rounds=ROUNDS_OF_LONG_ONES, calls_per_round=1)
    floors = network.task.n_steps * times["floor"]
    return {
        "pixel-wise floor": spread(1e-3 * floors),
        "pixel-wise iteration": spread(1e-3 * times["iteration"]),
        "pixel-wise ratio": spread(times["iteration"] / floors),
    }


def measure_products(network, hessian, samples):
    """Return the figures of Hessian-vector products and gradients, over so many examples."""
    vector = np.random.RandomState(SEED).randn(hessian.size)
    times = in_turn(
        {
            "product floor": floor.Floor(floor.hessian_product, network, samples),
            "product": lambda: hessian.product(vector),
            "gradient": hessian.gradient,
        }
    )
    figures = {name: spread(times[name]) for name in times}
    figures["product ratio"] = spread(times["product"] / times["product floor"])
    figures["product to gradient"] = spread(times["product"] / times["gradient"])
    return figures


def follow(hessian, arrays):
    """Compute a run's eigenvalues as scripts/curvature.py does, and compare at three checkpoints.

    Returns:
        Seconds and products of every checkpoint, for both ends and for the largest alone, mappings
        by ends, and a mapping for each comparison.
    """
    iterations = [int(iteration) for iteration in arrays["iteration"]]
    last = len(iterations) - 1
    compared = {EARLY: "early", last // 2: "middle", last: "late"}
    extremes = {ends: build(QUANTITIES, {"name": "extremes", "ends": ends}) for ends in ENDS}
    memories = {ends: {} for ends in ENDS}
    seconds, products = {ends: [] for ends in ENDS}, {ends: [] for ends in ENDS}
    comparisons = []
    for i, iteration in enumerate(iterations):
        for ends in ENDS:
            started, before = time.perf_counter(), hessian.products
            hessian.move_to(checkpoints.weights_at(arrays, i))
            point = point_of(hessian, iteration, memories[ends])
            row, memories[ends] = extremes[ends].measure(point)
            seconds[ends].append(time.perf_counter() - started)
            products[ends].append(hessian.products - before)
        if i in compared:
            comparison = {"when": compared[i], "iteration": iteration}
            of_largest = seconds["largest"][-1], products["largest"][-1]
            near = memories["largest"]["start"]
            comparison.update(compare(hessian, *of_largest, row["lambda_max"], near))
            comparisons.append(comparison)
    return seconds, products, comparisons


def point_of(operator, iteration, memory):
    """Return the point of a run at which an operator is."""
    return Point(operator, Probes(operator, SEED), SEED, iteration, memory)


def measure_quantities(study, network, rule, arrays, entry):
    """Return the figures of further quantities, at some checkpoints of a run.

    Of alignment they are without its two gradients, which stand by themselves; of the others with
    the move to a checkpoint's weights.
    """
    condition = study.conditions[rule]
    sizes = {key: entry[key] for key in ("block", "split", "samples")}
    hessian = hessian_of(network, **sizes)
    constants = constants_of(arrays)
    dynamics = dynamics_of(network, condition.learning_rule, study.training, constants, sizes)
    operators = {"density": hessian, "stability": dynamics, "alignment": dynamics}
    quantities = {**QUANTITIES, **DYNAMICS}
    schedule = checkpoint_iterations(condition.iterations, condition.checkpoint_every)
    seconds = {name: [] for name in [*operators, "gradients"]}
    memories = {name: {} for name in operators}
    for i in chosen(arrays["iteration"], schedule, SOME_CHECKPOINTS):
        weights = checkpoints.weights_at(arrays, i)
        for name, operator in operators.items():
            started = time.perf_counter()
            operator.move_to(weights)
            if name == "alignment":
                started = time.perf_counter()
                operator.gradients()
                seconds["gradients"].append(time.perf_counter() - started)
                started = time.perf_counter()
            point = point_of(operator, int(arrays["iteration"][i]), memories[name])
            _, memories[name] = build(quantities, {"name": name}).measure(point)
            seconds[name].append(time.perf_counter() - started)
    figures = {f"{rule} {name}": spread(seconds[name]) for name in ("density", "stability")}
    for name in ("alignment", "gradients"):
        figures[f"{rule} {name}"] = spread(1000.0 * np.array(seconds[name]))
    return figures


def compare(hessian, seconds, products, value, near):
    """Return time and error of the largest eigenvalue alone, and of the published method."""
    started = time.perf_counter()
    published, steps = published_method(hessian)
    published_seconds = time.perf_counter() - started
    exact = exact_eigenvalue(hessian, near)
    return {
        "lambda_max": exact,
        "seconds": seconds,
        "products": products,
        "error": abs(value / exact - 1.0),
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


def exact_eigenvalue(hessian, near):
    """Return the largest eigenvalue, from a vector near its eigenvector."""
    operator = LinearOperator((hessian.size, hessian.size), hessian.product, dtype=np.float64)
    return float(eigsh(operator, 1, which="LA", ncv=20, tol=EXACT_TOLERANCE, v0=near)[0][0])


class Jobs(object):
    """Runs jobs of a study that has the defaults but for what is named.

    Args:
        folder: where their files go.
        tensorflow: as the configuration names it.
        data: folder of the data sets.
    """

    def __init__(self, folder, tensorflow, data):
        self.folder = folder
        self.values = {"tensorflow": tensorflow, "data": data}

    def train(self, rule, iterations, checkpoint_every):
        """Train; return the checkpoint file, and what :meth:`_run` returns."""
        schedule = {"iterations": iterations, "checkpoint_every": checkpoint_every}
        output = tempfile.mkdtemp(dir=self.folder)  # where no job was before
        arguments = ["--condition", rule, "--seed", str(SEED), "--output", output]
        measured = self._run("train.py", arguments, conditions={rule: schedule})
        return os.path.join(output, "checkpoints.npz"), measured

    def hessian(self, source, n_checkpoints):
        """Compute the eigenvalues of the first checkpoints of a file; return as :meth:`_run`."""
        arrays, metadata = checkpoints.read(source)
        first = os.path.join(self.folder, "first.npz")
        checkpoints.write(first, {k: v[:n_checkpoints] for k, v in arrays.items()}, metadata)
        output = tempfile.mkdtemp(dir=self.folder)
        arguments = ["--kind", "hessian", "--entry", ENTRY, "--checkpoints", first]
        return self._run("curvature.py", arguments + ["--output", output])

    def _run(self, script, arguments, **values):
        """Return seconds until the line of the first checkpoint, and peak memory in MiB."""
        config = os.path.join(self.folder, "config.yaml")
        with open(config, "w") as stream:
            json.dump(dict(self.values, **values), stream)  # JSON is YAML
        program = os.path.join(REPOSITORY, "scripts", script)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, program, "--config", config] + arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
        )
        lines, first = [], None
        for line in process.stdout:
            lines.append(line)
            if first is None and line.startswith("iteration "):
                first = time.perf_counter() - started
        _, process.returncode, usage = os.wait4(process.pid, 0)
        if process.returncode:
            raise RuntimeError("{} failed:\n{}".format(script, "".join(lines)))
        return first, usage.ru_maxrss / 1024.0  # Linux counts in KiB


def measure_jobs(name, run):
    """Return figures of a kind of job; ``run(n)`` runs one with n checkpoints."""
    few = [run(FEW_CHECKPOINTS) for _ in range(2)]
    more = run(MORE_CHECKPOINTS)
    growth = [(more[1] - memory) / (MORE_CHECKPOINTS - FEW_CHECKPOINTS) for _, memory in few]
    return {
        name + " start": spread([start for start, _ in few + [more]]),
        name + " memory": spread([memory for _, memory in few + [more]]),
        name + " memory per checkpoint": spread(growth),
    }


def checkpoint_file(rule, study, jobs):
    """Return the checkpoints of the study's first run of a rule, or else of a shorter one."""
    path = os.path.join(REPOSITORY, RUNS, rule, "seed_{}".format(SEED), "checkpoints.npz")
    if os.path.exists(path) and is_of_study(path, rule, study):
        return path
    log("no default study in {}: training a shorter run by {}".format(RUNS, rule))
    whole = study.conditions[rule]
    return jobs.train(rule, whole.iterations // SHORTER, whole.checkpoint_every // SHORTER)[0]


def is_of_study(path, rule, study):
    """Return whether checkpoints are those of the study's first run, by whatever TensorFlow."""
    found = checkpoints.read(path)[1]["settings"]
    of_no_account = {"tensorflow": None, "code_hash": None}
    return dict(found, **of_no_account) == dict(
        study.training_settings(rule, SEED), **of_no_account
    )


def projections(study, figures):
    """Return minutes of the whole study on 1, 2 and 10 cores, from the figures."""
    chains = []
    for rule, condition in study.conditions.items():
        at = checkpoint_iterations(condition.iterations, condition.checkpoint_every)
        passes = len(at) - 1  # behind the first checkpoint
        train = figures["training job start"]["median"]
        train += 1e-3 * condition.iterations * figures[rule + " iteration"]["median"]
        train += 1e-3 * passes * figures["evaluation pass"]["median"]
        hessian = figures["curvature job start"]["median"]
        hessian += passes * figures[rule + " both ends"]["mean"]
        chains += [[train, hessian]] * len(study.seeds)
    return {
        "study, cores: {}".format(cores): spread([list_schedule(chains, cores) / 60.0])
        for cores in (1, 2, 10)
    }


def list_schedule(chains, cores):
    """Return when the last job ends, if a free core takes the job with most work left behind it.

    Args:
        chains: lists of durations; the jobs of a chain follow one another.
        cores: each runs one job at a time.
    """
    waiting = [(0.0, list(chain)) for chain in chains]  # when its first job can start; jobs left
    free = [0.0] * cores
    while waiting:
        core = min(range(cores), key=lambda i: free[i])
        now = max(free[core], min(ready for ready, _ in waiting))
        chosen = max((w for w in waiting if w[0] <= now), key=lambda w: sum(w[1]))
        waiting.remove(chosen)
        free[core] = now + chosen[1][0]
        if chosen[1][1:]:
            waiting.append((free[core], chosen[1][1:]))
    return max(free)


def measure_all(study, network, folder):
    """Return all figures, the comparisons with the published method, and the runs they are of."""
    jobs = Jobs(folder, study.tensorflow, study.data)
    sources = {rule: checkpoint_file(rule, study, jobs) for rule in study.conditions}
    # First, while this process is smaller than a job: to Linux the peak memory of a process counts
    # that of the one which started it.
    figures = measure_jobs("training job", lambda n: jobs.train("bptt", n - 1, 1)[1])
    source = sources["bptt"]
    figures.update(measure_jobs("curvature job", lambda n: jobs.hessian(source, n)))
    log("jobs measured")
    figures.update(measure_training(study, network))
    adaptive = read_study(os.path.join(REPOSITORY, "studies", "adaptive_rate.yaml"))
    figures.update(measure_units_with_memory(adaptive._replace(data=study.data)))
    log("training measured")
    (entry,) = study.hessian
    hessian = hessian_of(network, entry["block"], entry["split"], entry["samples"])
    hessian.move_to(network.initial_weights())
    figures.update(measure_products(network, hessian, entry["samples"]))
    log("Hessian-vector products measured")
    long_one = read_study(os.path.join(REPOSITORY, "studies", "pixelwise_mnist.yaml"))
    figures.update(measure_long_sequences(long_one._replace(data=study.data)))
    log("pixel-wise MNIST measured")
    comparisons, runs = [], []
    for rule, source in sources.items():
        arrays = checkpoints.read_run(source, study.network_settings())[0]
        seconds, products, compared = follow(hessian, arrays)
        for ends, name in zip(ENDS, ("both ends", "largest")):
            figures["{} {}".format(rule, name)] = spread(seconds[ends])
            figures["{} {}, products".format(rule, name)] = spread(products[ends])
        comparisons += [dict(comparison, learning_rule=rule) for comparison in compared]
        runs.append("{} of {} iterations".format(rule, arrays["iteration"][-1]))
        log("followed a run: " + runs[-1])
        figures.update(measure_quantities(study, network, rule, arrays, entry))
    for name in ("speedup", "speedup_to_cap"):
        figures[name] = spread([comparison[name] for comparison in comparisons])
    figures.update(projections(study, figures))
    return {"figures": figures, "comparisons": comparisons, "runs": runs}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="data", help="folder of the data sets (default data)")
    parser.add_argument("--output", required=True, metavar="FILE", help="where the figures go")
    arguments = parser.parse_args()

    started, load = time.time(), os.getloadavg()[0]
    version = backend.tf.VERSION
    log("TensorFlow {}; load average {:.1f}".format(version, load))
    data = os.path.abspath(arguments.data)
    tensorflow = "1.12" if version.startswith("1.12.") else "2"
    study = parse_study({"tensorflow": tensorflow, "data": data})
    network = network_of(study.network_settings(), study.data, SEED)
    with tempfile.TemporaryDirectory() as folder:
        result = measure_all(study, network, folder)
    result["tensorflow"] = version
    result["load"] = [load, os.getloadavg()[0]]
    result["seconds"] = time.time() - started
    with open(arguments.output, "w") as stream:
        json.dump(result, stream, indent=2, sort_keys=True)
    log("measured in {:.0f} s; load average {:.1f}".format(result["seconds"], result["load"][1]))


if __name__ == "__main__":
    main()
