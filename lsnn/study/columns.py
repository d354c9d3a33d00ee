"""Columns of the tables, each declared once.

A declaration determines how what is read is checked, what the summary says of the column, its
label, unit and scale in figures and in the report, and its figure along training.
"""

import re
from collections import OrderedDict
from typing import Any, Dict, Iterable, NamedTuple, Sequence, Tuple

from lsnn.tasks.base import SPLITS, Measure


class Column(NamedTuple):
    """A column of a table: what its cells hold, and how it is presented."""

    name: str
    # "text", "note" (text that may be empty), "integer", "flag", "number", or "estimate", a number
    # that may be missing
    kind: str
    label: str = ""  # in figures and tables; empty if the column is shown nowhere
    meaning: str = ""  # in the report, a sentence or two
    unit: str = "1"  # "1": dimensionless
    scale: str = "linear"  # of an axis: "linear", "log", or "symlog", which shows negative values
    limits: Tuple[Any, Any] = (None, None)  # of a linear axis
    # What the summary says of it: "final", at the end of training; "mean", over training;
    # "compared", conditions against the baseline, at equal fraction of training and at equal
    # training loss, as a ratio if the scale is logarithmic, else as a difference.
    summary: Tuple[str, ...] = ()
    figure: str = ""  # name of its figure along training, if it has one
    threshold: bool = False  # whether 2 / learning rate is drawn beside it
    is_shifted_by_l2: bool = False  # whether the L2 term adds to it, as to a Hessian's eigenvalue
    where: str = ""  # a column that has values wherever this one was asked for; empty: everywhere

    @property
    def is_share(self) -> bool:
        """Whether its values are shares, such as an accuracy."""
        return self.limits == (0.0, 1.0)

    @property
    def axis(self) -> str:
        """Label with unit."""
        return self.label if self.unit == "1" else f"{self.label} ({self.unit})"


_CONDITION = Column("condition", "text", meaning="Name of the run's condition.")
_SEED = Column("seed", "integer", meaning="Seed of the run.")
ITERATION = Column(
    "iteration",
    "integer",
    "iteration",
    meaning="Iterations trained so far; 0: the initial state.",
    scale="symlog",
)
RUN_KEYS = (_CONDITION, _SEED, ITERATION)
FRACTION = Column(
    "fraction",
    "number",
    "fraction of training",
    meaning="Of the condition's iterations, 0 to 1. A run that stopped early ends below 1; in mean "
    "curves it keeps its last value.",
)
DIVERGED = Column(
    "diverged", "flag", meaning="Whether the run's loss was no longer finite after its last row."
)
CHANCE_LOSS = Column(
    "chance_loss",
    "estimate",
    meaning="Training loss of the best constant answer, without the L2 term: the logarithm of the "
    "number of classes, taken for equally frequent, or the variance of the targets.",
)
# What trajectories.csv says of the condition of a row.
CONDITION_COLUMNS = (
    _CONDITION,
    Column("learning_rule", "text", meaning="Name of its learning rule, without options."),
    Column(
        "learning_rate",
        "number",
        "learning rate",
        meaning="At the iteration.",
        scale="log",
    ),
)
_INTERVAL = (
    Column("ci_low", "estimate", meaning="Lower end of its 95 % interval."),
    Column("ci_high", "estimate", meaning="Upper end of its 95 % interval."),
)
_N_FAILED = Column("n_failed", "integer", meaning="Those left out because a run failed.")
_N_UNCONVERGED = Column(
    "n_unconverged", "integer", meaning="Eigenvalues in it that had not converged."
)
SUMMARY = (
    Column(
        "quantity",
        "text",
        meaning="A column of trajectories.csv and how it is summarised: at the end of training "
        "(_final), averaged over training (_mean), compared between conditions (_ratio_, "
        "_difference_).",
    ),
    Column("condition", "text", meaning="A condition, or two, as in three_factor / bptt."),
    Column(
        "mean",
        "estimate",
        meaning="Over seeds; geometric where the column's axis is logarithmic. Of standard "
        "deviations (_spread_ratio_), their ratio; its interval is the jackknife's.",
    ),
    *_INTERVAL,
    Column("n", "integer", meaning="Seeds, or pairs of runs of one seed, that went into it."),
    _N_FAILED,
    _N_UNCONVERGED,
    Column("loss", "estimate", meaning="At equal training loss: the loss."),
    Column(
        "sign_p", "estimate", meaning="Of ratios: p-value of the exact sign test, for information."
    ),
)

# What claims.csv tells of a claim on a study, or on all that it is tested on.
_CLAIM = Column("claim", "text", meaning="Name of the claim.")
CLAIMS = (
    _CLAIM,
    Column("study", "text", meaning="A study; all: the verdict on a claim with several."),
    Column("statistic", "text", meaning="What decides it, in words."),
    Column("value", "estimate", meaning="The statistic."),
    *_INTERVAL,
    Column("neutral", "estimate", meaning="The value that it is tested against."),
    Column("margin_low", "estimate", meaning="Lower end of what is equal to that."),
    Column("margin_high", "estimate", meaning="Upper end of what is equal to that."),
    Column("family", "text", meaning="main or secondary: the p-values it is adjusted with."),
    Column("p", "estimate", meaning="p-value of the neutral value."),
    Column("p_adjusted", "estimate", meaning="The same, adjusted for the family."),
    Column("p_equal", "estimate", meaning="p-value of a value outside the margin."),
    Column("p_equal_adjusted", "estimate", meaning="The same, adjusted for the family."),
    Column("n", "integer", meaning="Seeds, pairs or runs that went into it."),
    _N_FAILED,
    Column(
        "n_unreached", "integer", meaning="Those left out because a run does not pass the loss."
    ),
    Column("n_missing", "integer", meaning="Those left out because a number is missing."),
    _N_UNCONVERGED,
    Column("iterations", "note", meaning="At which a condition passes the loss (median)."),
    Column("seeds", "text", meaning="Those that the claim names; exploratory: it names none."),
    Column(
        "mark",
        "note",
        meaning="+ above the neutral value, - below, = equal within the margin, ? open.",
    ),
    Column(
        "if_failures_count",
        "note",
        meaning="Of main claims: other marks where failed runs count with extremes of the others.",
    ),
    Column("seeds_needed", "note", meaning="Of open ones: seeds that would decide."),
    Column(
        "verdict",
        "text",
        meaning="supported, contradicted, open, no gap, or not computed; of all studies also in "
        "general, or depends on the task.",
    ),
    Column("why", "note", meaning="Why it is open or not computed; of all studies, the marks."),
)
# The numbers of the runs that decide claims.
POINTS = (
    _CLAIM,
    Column("study", "text", meaning="The study."),
    _CONDITION,
    _SEED,
    Column("x", "estimate", meaning="What the statistic is taken over, if anything."),
    Column("y", "estimate", meaning="The number of the run or pair."),
)

# A learning rule beside others, on several tasks.
PROFILE = (
    Column("task", "text", meaning="The task."),
    Column("quantity", "text", meaning="What is compared."),
    Column("words", "text", meaning="The same in words, with the loss that it is compared at."),
    Column("scale", "text", meaning="log: compared by ratios; linear: by differences."),
    _CONDITION,
    Column("learns", "flag", meaning="Whether it learns the task."),
    Column("value", "estimate", meaning="The number, a mean over seeds; geometric of positive."),
    *_INTERVAL,
    Column("n", "integer", meaning="Seeds that have one."),
    _N_FAILED,
    Column("mark", "note", meaning="Of the rule against this one: +, -, =, or ? if it is open."),
    Column("why", "note", meaning="Why it is open, where its interval is not what leaves it so."),
)
# What training costs by a learning rule, and by BPTT.
COSTS = (
    _CONDITION,
    Column("ms_per_iteration", "number", meaning="Time of an iteration, a median.", unit="ms"),
    Column("products", "integer", meaning="Matrix products in an iteration."),
    Column("memory", "estimate", meaning="Of a process that trains; of the rule alone.", unit="MB"),
)


def eigenvalue_columns(name: str, label: str, **shown: Any) -> Tuple[Column, ...]:
    """Return the columns of an eigenvalue: the value, and how accurate it is."""
    return (
        Column(name, "estimate", label, **shown),
        Column(name + "_residual", "estimate"),  # |Hv - lambda v| / |lambda|
        Column(name + "_norm_residual", "estimate"),  # |Hv - lambda v| / |H|
        Column(name + "_converged", "flag"),
    )


def in_words(split: str) -> str:
    """Return the name of a split in words: "noisy_test" -> "noisy test"."""
    return "training" if split == "train" else split.replace("_", " ")


def _kind_on(split):
    """Return the kind of a column on a split: on a further test a number may be missing."""
    return "number" if split in SPLITS else "estimate"


def measure_column(measure: Measure, split: str) -> Column:
    """Return the column of a task's measure on a split."""
    return Column(
        f"{split}_{measure.name}",
        _kind_on(split),
        f"{in_words(split)} {measure.label}",
        unit=measure.unit,
        scale="log" if measure.limits == (0.0, None) else "linear",
        limits=measure.limits,
        summary=("final",),
    )


def standard_error_column(measure: Measure, split: str) -> Column:
    """Return the column of the standard error of a measure on a split, over its examples."""
    return Column(
        f"{split}_{measure.name}_se",
        "estimate",
        meaning=f"Standard error of {split}_{measure.name}, over the examples of the split.",
        unit=measure.unit,
    )


def gap_column(measure: Measure, split: str = "test") -> Column:
    """Return the column of a measure's difference between training examples and those of a split.

    It is positive where the measure is worse on the latter. Its name begins with that of the split
    without a final ``test``.
    """
    unseen, prefix = in_words(split), re.sub(r"(^|_)test_\Z", r"\1", split + "_")
    first, second = (unseen, "training") if measure.larger_is_worse else ("training", unseen)
    return Column(
        f"{prefix}generalization_gap_{measure.name}",
        _kind_on(split),
        f"{first} \N{MINUS SIGN} {second} {measure.label}",
        unit=measure.unit,
        summary=("final", "mean", "compared"),
    )


def learning_curve_columns(
    measures: Sequence[Measure], splits: Sequence[str]
) -> Tuple[Column, ...]:
    """Return the columns of learning_curve.csv, of the measures of a task and its splits."""
    return (
        *RUN_KEYS,
        FRACTION,
        *(
            column(measure, split)
            for split in splits
            for measure in measures
            for column in (measure_column, standard_error_column)
        ),
        Column("l2_loss", "number", "L2 term of the loss"),
        Column(
            "mean_activity",
            "number",
            "mean activity",
            meaning="Output of a unit, averaged over units, steps and validation examples.",
        ),
    )


def gap_columns(
    measures: Sequence[Measure], splits: Sequence[str]
) -> "OrderedDict[Tuple[str, str], Column]":
    """Return the columns of the generalization gaps by measure and split of unseen examples."""
    return OrderedDict(
        ((measure.name, split), gap_column(measure, split))
        for split in splits
        if split not in ("train", "validation")
        for measure in measures
    )


def clashing_tests(measures: Sequence[Measure], tests: Iterable[str]) -> Dict[str, str]:
    """Return the further tests that would have a column that there is already, with its name.

    Args:
        measures: those of the task.
        tests: names of the splits.
    """

    def names_of(split):
        kinds = (measure_column, standard_error_column)
        own = [column(measure, split) for measure in measures for column in kinds]
        return {column.name for column in [*own, *gap_columns(measures, [split]).values()]}

    of_no_split = [*CONDITION_COLUMNS, DIVERGED, *learning_curve_columns(measures, ())]
    taken = {column.name for column in of_no_split}.union(*map(names_of, SPLITS))
    clashing = {}
    for test in tests:
        found = taken.intersection(names_of(test))
        if found:
            clashing[test] = min(found)
        taken.update(names_of(test))
    return clashing
