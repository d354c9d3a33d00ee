"""Roughly what a run costs, before it is started: time, memory, and the bytes that it leaves.

The time of a run is that of the committed ones (the medians in results/committed/*/metadata.json),
scaled by the products of weights and states that its passes take. It is right to within a factor of
2.5 for nine in ten of them, and of 4 for all (``tests/study/test_costs.py``), on one core of the
machines that computed them. A GPU counts as such a core.
"""

import functools
import itertools
from typing import Iterator, Mapping, NamedTuple, Optional, Tuple

from lsnn.curvature.quantities import REGISTRIES, quantities_of
from lsnn.errors import ResultError
from lsnn.storage.files import read_record
from lsnn.study.config import Study
from lsnn.training import checkpoint_iterations

# Of a forward and backward pass, per step: for each weight and example (of mnist and
# sequential_mnist), and for the step itself (of pattern_generation and delayed_match_2).
SECONDS_PER_WEIGHT = 48e-12
SECONDS_PER_STEP = 30e-6
SLOWDOWN = {"1.12": 2.5}  # than TensorFlow 2
PASSES_PER_PRODUCT = 1.5  # with the Hessian
SECONDS_PER_JOB = 6.0  # of a process, before and after its work: imports, data, graph

MEMORY = 800.0  # MB, of a process and the data
LEAST_MEMORY = 1500.0  # that a job is given
# Of a job that keeps the states of all steps, or has the libraries of a GPU.
MEMORY_OF_STATES = 6000.0
# Of w_rec that a job holds: gradients; a Krylov basis in float64.
COPIES = {"training": 40, "entry": 400}


class Cost(NamedTuple):
    """Roughly what a job costs."""

    seconds: float  # of one core
    size: float  # bytes of its results


def training_cost(study: Study, condition: str) -> Cost:
    """Return the :class:`Cost` of a run of a condition."""
    setup = study.setup(condition)
    outline, n_units = setup.outline, setup.network.n_units
    n_checkpoints = len(checkpoint_iterations(setup.iterations, setup.checkpoint_every))
    n_weights = n_units * (outline["n_in"] + n_units + outline["n_out"]) + outline["n_out"]
    per_pass = functools.partial(_seconds_per_pass, setup, study.tensorflow)
    seconds = setup.iterations * per_pass(setup.training.batch_size)
    # Without the backward pass, which is two thirds of a pass.
    evaluated = [(sum(outline["evaluation_sizes"].values()), outline["n_steps"])]
    for of_test in setup.outlines_of_tests.values():
        evaluated.append((of_test["evaluation_sizes"]["test"], of_test["n_steps"]))
    seconds += n_checkpoints * sum(per_pass(*part) for part in evaluated) / 3.0
    return Cost(SECONDS_PER_JOB + seconds, 4.0 * n_weights * n_checkpoints)


def entry_cost(study: Study, condition: str, kind: str, name: str) -> Cost:
    """Return the :class:`Cost` of an entry of `hessian` or `dynamics` of a run."""
    setup, entry = study.setup(condition), study.entries(kind)[name]
    n_checkpoints = len(checkpoint_iterations(setup.iterations, setup.checkpoint_every))
    n_checkpoints = min(n_checkpoints, entry.get("checkpoints", n_checkpoints))
    quantities = quantities_of(kind, entry).values()
    products = n_checkpoints * sum(quantity.products for quantity in quantities)
    arrays = sum(getattr(quantity, "kept", 0) for quantity in quantities)
    per_pass = _seconds_per_pass(setup, study.tensorflow, entry["samples"])
    seconds = products * PASSES_PER_PRODUCT * per_pass
    return Cost(SECONDS_PER_JOB + seconds, n_checkpoints * (200.0 + 8.0 * arrays))


def memory_of(study: Study, condition: str, job: str) -> float:
    """Return the MB of memory that a job of a run needs at most: "training", or of an "entry"."""
    setup = study.setup(condition)
    least = MEMORY_OF_STATES if study.on_gpu or setup.spiking else LEAST_MEMORY
    weights = 4.0 * setup.network.n_delays * setup.network.n_units**2 / 1e6
    return max(least, MEMORY + COPIES[job] * weights)


def _seconds_per_pass(setup, tensorflow, n_examples, n_steps=None):
    """Return the time of a forward and backward pass over this many examples of so many steps.

    Without a number of steps, these are those of the task.
    """
    outline, network = setup.outline, setup.network
    n_units = network.n_units
    weights = network.n_delays * n_units * (n_units + outline["n_in"]) + n_units * outline["n_out"]
    per_step = SECONDS_PER_STEP + SECONDS_PER_WEIGHT * weights * n_examples
    return (n_steps or outline["n_steps"]) * per_step * SLOWDOWN.get(tensorflow, 1.0)


def estimate(studies: Mapping[str, Study]) -> str:
    """Return what remains to be computed of studies (by name) as text: jobs, time and bytes."""
    lines = ["Training, Hessians and dynamics to be computed, by study, with the time on one core:"]
    for name, study in studies.items():
        jobs = list(_jobs_left(name, study))
        text = f"  {name}: {len(jobs)} jobs"
        if jobs and _is_known(study):
            costs = [
                entry_cost(study, condition, *entry) if entry else training_cost(study, condition)
                for condition, entry in jobs
            ]
            minutes = max(1.0, sum(cost.seconds for cost in costs) / 60.0)
            size = sum(cost.size for cost in costs) / 1e6
            text += f", about {minutes:.0f} min and {size:.1f} MB"
        if jobs:
            kinds = [(condition, "entry" if entry else "training") for condition, entry in jobs]
            memory = max(memory_of(study, *kind) for kind in kinds)
            text += f"; up to {memory / 1e3:.1f} GB of memory per job"
        lines.append(text)
    return "\n".join(lines)


def _is_known(study):
    """Return whether a study's task and quantities tell enough of their sizes."""
    entries = [(kind, entry) for kind in REGISTRIES for entry in getattr(study, kind)]
    quantities = [q for entry in entries for q in quantities_of(*entry).values()]
    needed = {"n_steps", "n_in", "n_out", "evaluation_sizes"}
    outlines = [study.setup(condition).outline for condition in study.conditions]
    is_known = all(needed <= set(outline) for outline in outlines)
    return is_known and all(hasattr(q, "products") for q in quantities)


def _jobs_left(name, study) -> Iterator[Tuple[str, Optional[Tuple[str, str]]]]:
    """Yield condition and entry, its kind and name, of jobs without a record of these settings.

    None in place of the entry: the job is training.
    """
    entries = [(kind, entry) for kind in REGISTRIES for entry in study.entries(kind)]
    for condition, seed in itertools.product(study.conditions, study.seeds):
        run = f"results/{name}/runs/{condition}/seed_{seed}"
        is_trained = _is_done(f"{run}/training.json", study.training_settings(condition, seed))
        if not is_trained:
            yield condition, None
        for kind, entry in entries:
            is_asked = seed in study.seeds_of(study.entries(kind)[entry])
            settings = study.entry_settings(kind, entry, condition)
            if is_asked and not (is_trained and _is_done(f"{run}/{kind}/{entry}.json", settings)):
                yield condition, (kind, entry)


def _is_done(record, settings):
    try:
        return read_record(record).get("settings") == settings
    except ResultError:
        return False
