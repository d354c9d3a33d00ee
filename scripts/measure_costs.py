"""Measure what an iteration of training costs by a learning rule and, beside it, by BPTT.

Writes a row for each (csv): the time of an iteration on one thread, the median of several, taken in
turn; how many matrix products TensorFlow computes in it; and, of the rule, the memory of a process.
"""

import argparse
import resource
import time
from typing import Any, Dict, Mapping

import numpy as np

from lib import jobs
from lib.program import run
from lsnn.backend import tf
from lsnn.learning_rules import new_rule
from lsnn.network import network_of
from lsnn.randomness import generator
from lsnn.storage.files import write_table
from lsnn.study.columns import COSTS
from lsnn.study.config import read_study
from lsnn.training import Trainer, start_of_run

WARM_UP, ROUNDS = 10, 50
BPTT = {"name": "bptt"}


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, metavar="FILE", help="a study (YAML)")
    parser.add_argument("--condition", required=True, help="its condition with the learning rule")
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--output", required=True, metavar="FILE", help="the table (csv)")
    arguments = parser.parse_args()
    study = read_study(arguments.config)
    settings = study.training_settings(arguments.condition, study.seeds[0])
    rules = {arguments.condition: settings["learning_rule"], "bptt": BPTT}
    trainers = {}
    memory: Dict[str, Any] = {}
    for name, rule in rules.items():
        trainers[name] = trainer_of(dict(settings, learning_rule=rule), arguments.data, study)
        for _ in range(WARM_UP):
            iterate(trainers[name])
        memory[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    memory["bptt"] = ""  # has the rule's in it
    times: Dict[str, Any] = {name: [] for name in trainers}
    for _ in range(ROUNDS):
        for name, trainer in trainers.items():
            started = time.perf_counter()
            iterate(trainer)
            times[name].append(1e3 * (time.perf_counter() - started))
    rows = [
        {
            "condition": name,
            "ms_per_iteration": float(np.median(times[name])),
            "products": products_of(trainer),
            "memory": memory[name],
        }
        for name, trainer in trainers.items()
    ]
    for row in rows:
        jobs.log("{condition}: {ms_per_iteration:.3g} ms, {products} products".format(**row))
    write_table(arguments.output, [column.name for column in COSTS], rows)


def trainer_of(settings: Mapping[str, Any], data: str, study: Any) -> Trainer:
    """Return what trains the network of a run by its learning rule."""
    network = network_of(settings, data, settings["seed"])
    weights, rewiring = start_of_run(network)
    rule = new_rule(settings["learning_rule"]).for_network(network)
    rule.take(rule.draw(weights, None, generator(settings["seed"], "learning rule")))
    training = study.setup(settings["condition"]).training
    return Trainer(network, rule, training, weights, rewiring=rewiring)


def iterate(trainer: Trainer) -> None:
    """Train for an iteration."""
    trainer.step(*trainer.task.batch(trainer.iteration, trainer.training.batch_size))


def products_of(trainer: Trainer) -> int:
    """Return how many matrix products TensorFlow computes in an iteration."""
    inputs, targets = trainer.task.batch(0, trainer.training.batch_size)
    traced = tf.RunMetadata()
    trainer.session.run(
        [trainer.loss, trainer.descend],
        {trainer.inputs: inputs, trainer.targets: targets},
        options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE),
        run_metadata=traced,
    )
    # A label reads "NAME = OPERATION(INPUTS)"; products have several operations, as _MklMatMul.
    labels = [
        node.timeline_label for device in traced.step_stats.dev_stats for node in device.node_stats
    ]
    return sum("MatMul" in label.partition("=")[2].partition("(")[0] for label in labels)


if __name__ == "__main__":
    run(main)
