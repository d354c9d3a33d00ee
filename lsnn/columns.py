"""Columns of the tables, each declared once.

From a declaration follow the check of what is read, what the summary says of the column, labels,
units and scales in figures and in the report, and its figure along training.
"""

from collections import OrderedDict
from typing import Any, NamedTuple, Tuple

from lsnn.tasks.base import NOISY_TEST

SPLIT_NAMES = {
    "train": "training",
    "validation": "validation",
    "test": "test",
    NOISY_TEST: "noisy test",
}


class Column(NamedTuple):
    """A column of a table: what its cells hold, and how it is told of."""

    name: str
    kind: str  # "text", "integer", "flag", "number", or "estimate", a number that may be missing
    label: str = ""  # in figures and tables; of a column that is shown nowhere empty
    meaning: str = ""  # in the report, a sentence or two
    unit: str = "1"  # "1": dimensionless
    scale: str = "linear"  # of an axis: "linear", "log", or "symlog", which shows negative values
    limits: Tuple[Any, Any] = (None, None)  # of a linear axis
    # What the summary has of it: "final", at the end of training; "mean", over training;
    # "compared", conditions against the baseline, at equal fraction of training and at equal
    # training loss, as a ratio of what has a logarithmic scale, else as a difference.
    summary: Tuple[str, ...] = ()
    figure: str = ""  # name of its figure along training, if it has one
    threshold: bool = False  # whether 2 / learning rate is drawn beside it
    where: str = ""  # the column that has values where this one was asked for; empty: everywhere

    @property
    def axis(self):
        """Label with unit."""
        return self.label if self.unit == "1" else "{} ({})".format(self.label, self.unit)


RUN_KEYS = (
    Column("condition", "text"),
    Column("seed", "integer"),
    Column("iteration", "integer"),
)
FRACTION = Column("fraction", "number", "fraction of training")  # of the condition's iterations
DIVERGED = Column("diverged", "flag")  # whether the loss of the run was not finite after its rows
# What trajectories.csv says of the condition of a row.
OF_CONDITION = (
    Column("condition", "text"),
    Column("learning_rule", "text"),  # its name, without options
    Column("learning_rate", "number", "learning rate", scale="log"),
)
SUMMARY = (
    Column("quantity", "text"),
    Column("condition", "text"),  # or "condition / baseline"
    Column("mean", "estimate"),
    Column("ci_low", "estimate"),
    Column("ci_high", "estimate"),
    Column("n", "integer"),  # seeds, or pairs of runs of one seed
    Column("n_diverged", "integer"),  # that are left out
    Column("n_unconverged", "integer"),
    Column("n_levels", "estimate"),  # of training loss, where runs are compared at equal loss
    Column("sign_p", "estimate"),  # of ratios
)

# What claims.csv tells of a claim on a study, or on all that it is tested on.
CLAIMS = (
    Column("claim", "text"),
    Column("study", "text"),  # "all"
    Column("statistic", "text"),  # in words
    Column("value", "estimate"),
    Column("ci_low", "estimate"),
    Column("ci_high", "estimate"),
    Column("neutral", "estimate"),  # the value that the statistic is tested against
    Column("p", "estimate"),
    Column("p_adjusted", "estimate"),  # for the number of claims
    Column("n", "integer"),  # seeds, pairs or runs
    Column("n_diverged", "integer"),  # that are left out
    Column("n_unconverged", "integer"),
    Column("verdict", "text"),
    Column("why", "text"),
)
# The numbers of runs that claims are decided by.
POINTS = (
    Column("claim", "text"),
    Column("study", "text"),
    Column("condition", "text"),
    Column("seed", "integer"),
    Column("x", "estimate"),
    Column("y", "estimate"),
)


def eigenvalue_columns(name, label, **shown):
    """Return the columns of an eigenvalue: the value, and what it is worth."""
    return (
        Column(name, "estimate", label, **shown),
        Column(name + "_residual", "estimate"),  # |Hv - lambda v| / |lambda|
        Column(name + "_norm_residual", "estimate"),  # |Hv - lambda v| / |H|
        Column(name + "_converged", "flag"),
    )


def of_measure(measure, split):
    """Return the column of a task's measure on a split."""
    return Column(
        "{}_{}".format(split, measure.name),
        "number",
        "{} {}".format(SPLIT_NAMES[split], measure.label),
        unit=measure.unit,
        scale="log" if measure.limits == (0.0, None) else "linear",
        limits=measure.limits,
        summary=("final",),
    )


def of_gap(measure, split="test"):
    """Return the column of a measure's difference between training examples and those of a split.

    It is positive where the measure is worse on the latter.
    """
    unseen, prefix = SPLIT_NAMES[split], "" if split == "test" else "noisy_"
    order = (unseen, "training") if measure.larger_is_worse else ("training", unseen)
    return Column(
        "{}generalization_gap_{}".format(prefix, measure.name),
        "number",
        "{} \N{MINUS SIGN} {} {}".format(order[0], order[1], measure.label),
        unit=measure.unit,
        summary=("final", "mean", "compared"),
    )


def of_learning_curve(measures, splits):
    """Return the columns of learning_curve.csv, of the measures of a task and its splits."""
    return (
        RUN_KEYS
        + (FRACTION,)
        + tuple(of_measure(one, split) for split in splits for one in measures)
        + (
            Column("l2_loss", "number", "L2 term of the loss"),
            Column("mean_activity", "number", "mean activity"),
        )
    )


def of_gaps(measures, splits):
    """Return the columns of the generalization gaps by measure and split of unseen examples."""
    unseen = [split for split in splits if split in ("test", NOISY_TEST)]
    return OrderedDict(
        ((measure.name, split), of_gap(measure, split)) for split in unseen for measure in measures
    )
