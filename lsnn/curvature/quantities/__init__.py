"""Quantities along training: of the Hessian, and of what a learning rule itself does.

To add one, write a module here with a class like
:class:`lsnn.curvature.quantities.trace.Trace`, and enter it in :data:`QUANTITIES` if it is one of
the Hessian, which knows no learning rule, or in :data:`DYNAMICS` if it is one of the rule. Its
``options`` (:mod:`lsnn.options`) are the keyword arguments that it is made with; ``measure`` gets a
:class:`lsnn.curvature.along_run.Point` and returns two mappings: its columns by name, and arrays by
name to remember, which it finds in ``memory`` of the next point. Tables, summary, figures and
report follow from ``columns`` (:class:`lsnn.study.columns.Column`). It may also have

- ``uses``: names of quantities whose products it uses where they are computed, too; they are
  computed before it;
- ``arrays``: names of what ``measure`` returns besides its columns, arrays of one shape at all
  points, with ``kept`` numbers together;
- ``requires``: values, by key of the study or of the entry, without which it is not defined;
- ``figures`` of its own, kinds in scripts/lib/figures/registry.py;
- ``products``: roughly how many matrix-vector products it takes, from which a dry run estimates the
  time.
"""

import json
from collections import OrderedDict
from typing import Any, Iterator, List, Mapping, Tuple, Type

from lsnn.curvature.hessian import ALL
from lsnn.curvature.quantities.adaptive import Adaptive
from lsnn.curvature.quantities.alignment import Alignment
from lsnn.curvature.quantities.balanced import Balanced
from lsnn.curvature.quantities.batch_sharpness import BatchSharpness
from lsnn.curvature.quantities.curvature import Curvature
from lsnn.curvature.quantities.density import Density
from lsnn.curvature.quantities.empirical_fisher_trace import EmpiricalFisherTrace
from lsnn.curvature.quantities.extremes import Extremes
from lsnn.curvature.quantities.nearby import Nearby
from lsnn.curvature.quantities.second_sample import SecondSample
from lsnn.curvature.quantities.slice import Slice
from lsnn.curvature.quantities.stability import Stability
from lsnn.curvature.quantities.trace import Trace
from lsnn.network import PARAMETERS
from lsnn.options import (
    NAME,
    Registry,
    build,
    choice,
    impossible,
    integer,
    list_of,
    meanings,
    named,
    text,
)
from lsnn.study.columns import Column
from lsnn.tasks.base import SPLITS, Task
from lsnn.update.settings import SGD, is_trained, not_plain_descent

QUANTITIES: Registry = {
    "density": Density,
    "trace": Trace,
    "extremes": Extremes,
    "second_sample": SecondSample,
    "nearby": Nearby,
    "adaptive": Adaptive,
    "balanced": Balanced,
    "empirical_fisher_trace": EmpiricalFisherTrace,
}
DYNAMICS: Registry = {
    "alignment": Alignment,
    "curvature": Curvature,
    "stability": Stability,
    "batch_sharpness": BatchSharpness,
    "slice": Slice,
}

# What an entry of one list of the configuration or of the other can compute.
REGISTRIES = {"hessian": QUANTITIES, "dynamics": DYNAMICS}


def options_of_entry(kind: str, default: str) -> "OrderedDict[str, Any]":
    """Return the options of an entry of the list ``hessian`` or ``dynamics``.

    Args:
        kind: which of the two.
        default: name of the quantity that is computed where none is named.
    """
    registry = REGISTRIES[kind]
    return OrderedDict(
        name=text(
            "What its files are called, and what the names of its columns and figures begin with; "
            "if left out, its block and split.",
            **NAME,
        ),
        block=choice(
            "Parameters to differentiate by, with all their entries, absent synapses included; all "
            "- all that the task's network has. Those that `training.trainable` leaves out have no "
            "dynamics.",
            (*PARAMETERS, ALL),
            "w_rec",
        ),
        split=choice("Part of the data whose loss is differentiated.", SPLITS, "validation"),
        samples=integer(
            "Examples of the split, drawn once per seed, over which the loss is averaged.",
            256,
            "examples",
            least=1,
        ),
        checkpoints=integer(
            "At how many checkpoints of a run: the first, the last, and between them those nearest "
            "to equal parts of the iterations; if left out, all.",
            None,
            "checkpoints",
            least=2,
        ),
        seeds=integer(
            "For the runs of how many of the study's seeds, the first ones; if left out, all.",
            None,
            "seeds",
            least=1,
        ),
        quantities=list_of(
            "What is computed, from the same operator.",
            named("A quantity: " + meanings(registry), registry),
            [{"name": default}],
        ),
    )


def entry_contradictions(
    kind: str,
    place: int,
    entry: Mapping[str, Any],
    task: Type[Task],
    sizes: Mapping[str, int],
    spiking: bool,
    run: Mapping[str, Any],
) -> Iterator[Tuple[str, ...]]:
    """Yield a tuple for every value that others make impossible: key, line, and their keys.

    Args:
        kind, place, entry: an entry, and where it stands.
        task: class of the study's task.
        sizes: examples of each split, as far as they are known.
        spiking: whether the units emit spikes.
        run: settings of the run.
    """
    path = f"{kind}.{place}."
    training = run["training"]
    names = [quantity["name"] for quantity in entry["quantities"]]
    if len(set(names)) < len(names):
        yield path + "quantities", impossible(names, "a list of quantities, each once")
    if kind == "dynamics" and spiking and set(names) != {"alignment"}:
        what = "alignment alone for spiking units: their pseudo-gradient has no derivative"
        yield path + "quantities", impossible(names, what), "network.neurons"
    for name, quantity in quantities_of(kind, entry).items():
        for key, wanted in getattr(quantity, "requires", {}).items():
            is_own = key in entry
            value = entry[key] if is_own else _value_at(run, key)
            if value not in (wanted, None):
                line = impossible(value, f"{json.dumps(wanted)}, with {name} as in {path[:-1]}")
                yield path + key if is_own else key, line, path + "quantities"
    block, trainable = entry["block"], training["trainable"]
    if kind == "dynamics" and block != ALL and not is_trained(block, trainable):
        what = f"a list with {block}, the block of {path[:-1]}, or another block there"
        yield "training.trainable", impossible(trainable, what), path + "block"
    for key in not_plain_descent(training["optimiser"], training["parts"]):
        if "stability" in names:
            name = key.rpartition(".")[2]
            other = "no such part" if name in training["parts"] else f'"{SGD}"'
            value = training["parts"].get(name, training["optimiser"])
            what = (
                f"{other}, or {path[:-1]} without stability: no derivative of the update is known"
            )
            yield key, impossible(value, what), path + "quantities"
    if block == "b_out" and not task.readout_bias:
        yield path + "block", '"b_out": the task has no readout bias; choose another block', "task"
    for line in impossible_samples(entry, sizes):
        yield path + "samples", line, "task"


def impossible_samples(entry: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[str]:
    """Yield a line if an entry asks for more examples of its split than there are.

    Args:
        entry: of ``hessian`` or ``dynamics``.
        sizes: examples of each split, as far as they are known.
    """
    samples, split = entry["samples"], entry["split"]
    most = sizes.get(split, 2 * samples)
    if samples > most:
        yield impossible(samples, f"at most the {most} examples of split {split}")
    elif 2 * samples > most and "second_sample" in [q["name"] for q in entry["quantities"]]:
        what = "at most half of the examples of the split, for a second sample"
        yield impossible(samples, what)


def _value_at(run, key):
    """Return the value of settings at a key with dots; None where there is none."""
    for part in key.split("."):
        run = run.get(part) if run else None
    return run


def name_of(entry: Mapping[str, Any]) -> str:
    """Return the name of an entry, which is unique in its list."""
    return entry.get("name", "{block}_{split}".format(**entry))


def quantities_of(kind: str, entry: Mapping[str, Any]) -> "OrderedDict[str, Any]":
    """Return the quantities of an entry by name, each after the ones it uses."""
    registry = REGISTRIES[kind]
    settings = {quantity["name"]: quantity for quantity in entry["quantities"]}
    found = OrderedDict()

    def add(name):
        if name in settings and name not in found:
            for used in getattr(registry[name], "uses", ()):
                add(used)
            found[name] = build(registry, settings[name])

    for name in registry:
        add(name)
    return found


def arrays_of(kind: str, entry: Mapping[str, Any]) -> List[str]:
    """Return the names of the arrays that an entry keeps."""
    quantities = quantities_of(kind, entry).values()
    return [name for quantity in quantities for name in getattr(quantity, "arrays", ())]


def columns_of_table(kind: str, entry: Mapping[str, Any]) -> List[Column]:
    """Return the columns of the table of an entry, after the keys of a row."""
    quantities = quantities_of(kind, entry).values()
    columns = [column for quantity in quantities for column in quantity.columns]
    products = "Matrix-vector products spent on the checkpoint."
    return [*columns, Column(PRODUCTS[kind], "integer", meaning=products)]


# Column of the matrix-vector products that all quantities together have taken.
PRODUCTS = {"hessian": "products", "dynamics": "dynamics_products"}


def columns_of(kind: str, entry: Mapping[str, Any]) -> List[Column]:
    """Return the columns of an entry in the table of all runs.

    Those of the published study's operator, w_rec on validation examples, keep their names; the
    names of the others begin with that of their entry.
    """
    prefix, entry_label = prefix_of(entry), entry.get("name", "{block}, {split}".format(**entry))
    is_everywhere = "checkpoints" not in entry and "seeds" not in entry
    where = "" if is_everywhere else prefix + PRODUCTS[kind]
    return [
        column._replace(
            name=prefix + column.name,
            kind=column.kind if is_everywhere or column.kind == "flag" else "estimate",
            label=column.label and column.label + (", " + entry_label if prefix else ""),
            figure=column.figure and prefix + column.figure,
            where=where,
        )
        for column in columns_of_table(kind, entry)
    ]


def prefix_of(entry: Mapping[str, Any]) -> str:
    """Return what the names of an entry's columns and figures begin with."""
    is_published = (entry["block"], entry["split"]) == ("w_rec", "validation")
    return "" if is_published and "name" not in entry else name_of(entry) + "_"
