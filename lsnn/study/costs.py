"""Roughly what a run costs, before it is started: time, memory, and the bytes that it leaves.

A rough model: time grows with the products of matrices, with the states of the units and, for long
sequences, with the steps of the loop in the graph. Its constants are those of one core of the
machines that computed the committed studies, for which it is right to within a factor of three
(``tests/workflow/test_suites.py``). A GPU counts as such a core.
"""

import os
from typing import NamedTuple

from lsnn.curvature.quantities import REGISTRIES, quantities_of
from lsnn.errors import ResultError
from lsnn.network import MOST_UNROLLED_STEPS
from lsnn.storage.files import read_record
from lsnn.training import checkpoint_iterations

FLOPS = 140e9  # of products of matrices, per second
SECONDS_PER_STATE = 1.5e-9  # of a unit without memory, per step and example of the batch
SECONDS_PER_ADAPTIVE_STATE = 11e-9  # of one with membrane and threshold
SECONDS_PER_LOOP_STEP = 0.15e-3
SLOWDOWN = {"1.12": 2.0}  # than TensorFlow 2
SECONDS_PER_START = 4.0  # of a process: imports, data, graph
SECONDS_PER_GRAPH_STEP = 0.05  # of a step along the sequence in a graph that is differentiated
GRAPHS = {"hessian": 1, "dynamics": 3}  # how many of these a job has
MEMORY = 800.0  # MB, of a process and the data
LEAST_MEMORY = 1500.0  # that a job is given
MEMORY_OF_STATES = (
    6000.0  # of one whose states of all steps are kept, or that has a GPU's libraries
)
COPIES = {
    "training": 40,
    "entry": 400,
}  # of w_rec that a job holds: gradients; a Krylov basis in float64
ITERATIONS_PER_PRODUCT = 1.4  # time of a Hessian-vector product over as many examples


class Cost(NamedTuple):
    """Roughly what a job costs."""

    seconds: float  # of one core
    size: float  # bytes of its results


def of_training(study, condition):
    """Return the :class:`Cost` of a run of a condition; None if it is not known."""
    outline = _outline(study)
    if outline is None:
        return None
    one = study.conditions[condition]
    n_checkpoints = len(checkpoint_iterations(one.iterations, one.checkpoint_every))
    evaluated = sum(outline["evaluation_sizes"].values())
    batch = study.training_of(condition).batch_size
    n_units = study.network.n_units
    n_weights = n_units * (outline["n_in"] + n_units + outline["n_out"]) + outline["n_out"]
    seconds = one.iterations * _seconds_per_iteration(study, outline, batch)
    # Without the backward pass, which is two thirds of an iteration.
    seconds += n_checkpoints * _seconds_per_iteration(study, outline, evaluated) / 3.0
    return Cost(SECONDS_PER_START + seconds, 4.0 * n_weights * n_checkpoints)


def of_entry(study, condition, kind, entry):
    """Return the :class:`Cost` of an entry of `hessian` or `dynamics` of a run; None: not known."""
    outline = _outline(study)
    if outline is None:
        return None
    one, settings = study.conditions[condition], study.entries(kind)[entry]
    n_checkpoints = len(checkpoint_iterations(one.iterations, one.checkpoint_every))
    n_checkpoints = min(n_checkpoints, settings.get("checkpoints", n_checkpoints))
    quantities = quantities_of(kind, settings).values()
    arrays = sum(getattr(quantity, "kept", 0) for quantity in quantities)
    if not all(hasattr(quantity, "products") for quantity in quantities):
        return None
    products = sum(quantity.products for quantity in quantities)
    per_product = ITERATIONS_PER_PRODUCT * _seconds_per_iteration(
        study, outline, settings["samples"]
    )
    seconds = SECONDS_PER_START + GRAPHS[kind] * outline["n_steps"] * SECONDS_PER_GRAPH_STEP
    seconds += n_checkpoints * products * per_product
    return Cost(seconds, n_checkpoints * (200.0 + 8.0 * arrays))


def memory_of(study, job):
    """Return the MB of memory that a job of a study needs at most: "training", or of an "entry"."""
    least = MEMORY_OF_STATES if study.on_gpu or study.spiking else LEAST_MEMORY
    weights = 4.0 * study.network.n_delays * study.network.n_units**2 / 1e6
    return max(least, MEMORY + COPIES[job] * weights)


def _outline(study):
    """Return what the study's task tells of its sizes, if that is enough."""
    outline = study.outline
    needed = ("n_steps", "n_in", "n_out", "evaluation_sizes")
    return outline if all(name in outline for name in needed) else None


def _seconds_per_iteration(study, outline, n_examples):
    """Return the time of a forward and backward pass over this many examples."""
    network, n_steps = study.network, outline["n_steps"]
    n_units = network.n_units
    weights = network.n_delays * n_units * (n_units + outline["n_in"]) + n_units * outline["n_out"]
    adaptive = study.spiking or network.neurons.get("n_adaptive")
    per_state = SECONDS_PER_ADAPTIVE_STATE if adaptive else SECONDS_PER_STATE
    # A multiplication and an addition, in the forward and twice in the backward pass.
    seconds = n_steps * n_examples * (6.0 * weights / FLOPS + n_units * per_state)
    if n_steps > MOST_UNROLLED_STEPS:
        seconds += n_steps * SECONDS_PER_LOOP_STEP
    return seconds * SLOWDOWN.get(study.tensorflow, 1.0)


def estimate(studies):
    """Return what remains to be computed of studies (by name) as text: jobs, time and bytes."""
    lines = ["Training, Hessians and dynamics to be computed, by study, with the time on one core:"]
    for name, study in studies.items():
        left = list(_jobs_left(name, study))
        text = "  {}: {} jobs".format(name, len(left))
        if left and all(left):
            minutes = sum(cost.seconds for cost in left) / 60.0
            size = sum(cost.size for cost in left) / 1e6
            text += ", about {:.0f} min and {:.1f} MB".format(max(minutes, 1.0), size)
        if left:
            jobs = ["training"] + ["entry"] * bool(study.hessian or study.dynamics)
            memory = max(memory_of(study, job) for job in jobs) / 1e3
            text += "; up to {:.1f} GB of memory per job".format(memory)
        lines.append(text)
    return "\n".join(lines)


def _jobs_left(name, study):
    """Yield the cost of every job of a study that has not left a record of these settings."""
    for condition in study.conditions:
        training = of_training(study, condition)
        entries = [(kind, entry) for kind in REGISTRIES for entry in study.entries(kind)]
        costs = {one: of_entry(study, condition, *one) for one in entries}
        for seed in study.seeds:
            run = os.path.join("results", name, "runs", condition, "seed_{}".format(seed))
            record = os.path.join(run, "training.json")
            is_trained = _is_done(record, study.training_settings(condition, seed))
            if not is_trained:
                yield training
            for (kind, entry), cost in costs.items():
                if seed not in study.seeds_of(study.entries(kind)[entry]):
                    continue
                record = os.path.join(run, kind, entry + ".json")
                settings = study.entry_settings(kind, entry, condition)
                if not (is_trained and _is_done(record, settings)):
                    yield cost


def _is_done(record, settings):
    try:
        return read_record(record).get("settings") == settings
    except ResultError:
        return False
