"""Quantities of the Hessian along training.

To add one, write a module here with a class like :class:`lsnn.quantities.extremes.Extremes`, and
enter it in :data:`QUANTITIES`. Its ``options`` (:mod:`lsnn.options`) are the keyword arguments that
it is made with; from its ``columns`` (:class:`lsnn.columns.Column`) follow tables, summary, figures
and report, and from ``products``, about how many Hessian-vector products it takes at a checkpoint,
if it says so, the time that a dry run tells.
"""

from collections import OrderedDict

from lsnn.columns import Column
from lsnn.hessian import ALL
from lsnn.network import PARAMETERS
from lsnn.options import build, choice, integer, list_of, meanings, named
from lsnn.quantities.extremes import Extremes
from lsnn.tasks.base import SPLITS

QUANTITIES = {"extremes": Extremes}

# An entry of the configuration's list ``hessian``: an operator, and what is computed of it.
HESSIAN = OrderedDict(
    block=choice(
        "Parameters by which the loss is differentiated, with all their entries, absent synapses "
        "included; all - those that are trained.",
        PARAMETERS + (ALL,),
        "w_rec",
    ),
    split=choice("Part of the data whose loss is differentiated.", SPLITS, "validation"),
    samples=integer(
        "Examples of the split, drawn once a seed, over which the loss is averaged.",
        256,
        "examples",
        least=1,
    ),
    quantities=list_of(
        "What is computed, from the same operator.",
        named("A quantity: " + meanings(QUANTITIES), QUANTITIES),
        [{"name": "extremes"}],
    ),
)


def name_of(entry):
    """Return the name of an entry, of which there is one a block and split."""
    return "{block}_{split}".format(**entry)


def quantities_of(entry):
    """Return what an entry computes, a list of quantities made with their options."""
    return [build(QUANTITIES, settings) for settings in entry["quantities"]]


def columns_of_table(entry):
    """Return the columns of the table of an entry, behind the keys of a row."""
    columns = tuple(column for one in quantities_of(entry) for column in one.columns)
    return columns + (Column("products", "integer"),)  # Hessian-vector products, of all together


def columns_of(entry):
    """Return the columns of an entry in the table of all runs.

    Those of the published study's operator, w_rec on validation examples, keep their names; the
    names of the others begin with that of their entry.
    """
    if (entry["block"], entry["split"]) == ("w_rec", "validation"):
        return columns_of_table(entry)
    prefix = name_of(entry) + "_"
    return tuple(
        column._replace(
            name=prefix + column.name,
            label=column.label and "{label}, {block}, {split}".format(label=column.label, **entry),
            figure=column.figure and prefix + column.figure,
        )
        for column in columns_of_table(entry)
    )
