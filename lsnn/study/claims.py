"""Claims about studies, as a file declares them: what is said, by whom, and what decides it."""

import os
from collections import OrderedDict
from typing import Any, Dict, NamedTuple, Tuple

from lsnn.errors import ConfigError
from lsnn.options import (
    NAME,
    choice,
    impossible,
    list_of,
    meanings,
    named,
    number,
    section,
    text,
)
from lsnn.study.checks import check
from lsnn.study.config import COMMITTED, read_values

_COLUMN = (
    "A column of trajectories.csv, or an expression of columns as pandas evaluates it. A column of "
    "an entry can be named without the entry's name, if the study has only one such entry."
)
_CONDITION = "A condition of the study."
_BASELINE = "What it is compared with; if left out, the study's baseline."
_AT = choice(
    "final - the final state; mean - the mean over training, at equal fractions; "
    "at_lowest_common_loss - at the lowest training loss that all runs reach; over_common_losses - "
    "the mean over the training losses that all runs pass through.",
    ["final", "mean", "at_lowest_common_loss", "over_common_losses"],
    "final",
)
_STATE = choice(
    "final - the final state; mean - the mean over training, at equal fractions.",
    ["final", "mean"],
    "final",
)
_SCALE = choice(
    "log - ratios and geometric means; linear - differences and means; if left out, that of the "
    "column's axis; for an expression, linear.",
    ["linear", "log"],
    None,
)


def _conditions(description, least=2):
    return list_of(description, text(_CONDITION, minLength=1), None, least)


class Contrast(object):
    """A condition against another, paired by seed: a difference, or a ratio of positive numbers."""

    required = ("column", "condition")
    options = OrderedDict(
        column=text(_COLUMN, minLength=1),
        condition=text(_CONDITION, minLength=1),
        baseline=text(_BASELINE, minLength=1),
        at=_AT,
        scale=_SCALE,
    )


class Level(object):
    """A condition's mean over seeds against a number: a difference, or a ratio to it."""

    required = ("column", "condition", "against")
    options = OrderedDict(
        column=text(_COLUMN, minLength=1),
        condition=text(_CONDITION, minLength=1),
        against=number("The number to compare with.", None, "the column's", least=-1000000),
        at=_STATE,
        scale=_SCALE,
    )


class Order(object):
    """Conditions in rising order: the weakest of the differences or ratios of neighbours."""

    required = ("column", "conditions")
    options = OrderedDict(
        column=text(_COLUMN, minLength=1),
        conditions=_conditions("Conditions, in the order in which the column rises."),
        at=_AT,
        scale=_SCALE,
    )


class Trend(object):
    """The slope of a column over conditions, fitted to each seed: a rise, or a factor, per unit."""

    required = ("column",)
    options = OrderedDict(
        column=text(_COLUMN, minLength=1),
        conditions=_conditions("Conditions; all if left out."),
        over=text(
            "What it rises with, a column or expression; if left out, the conditions' place in the "
            "list.",
            minLength=1,
        ),
        at=_STATE,
        over_at=choice("`at` of `over`; the same if left out.", ["final", "mean"], None),
        scale=_SCALE,
    )


class Spread(object):
    """The ratio of the standard deviations over seeds of two conditions, at the final states."""

    required = ("column", "condition")
    options = OrderedDict(
        column=text(_COLUMN, minLength=1),
        condition=text(_CONDITION, minLength=1),
        baseline=text(_BASELINE, minLength=1),
    )


class Correlation(object):
    """The rank correlation of two columns over runs, of all conditions or within them."""

    required = ("column", "over")
    options = OrderedDict(
        column=text(_COLUMN, minLength=1),
        over=text("The other column, or an expression.", minLength=1),
        conditions=_conditions("Conditions; all if left out.", least=1),
        within=choice(
            "none - runs of all conditions are ranked together; condition - within their "
            "condition, so that differences between conditions do not count.",
            ["none", "condition"],
            "none",
        ),
        given=text("A third column, whose contribution to both is removed.", minLength=1),
        at=_STATE,
    )


class Divergence(object):
    """The share of a condition's runs that diverged."""

    required = ("condition",)
    options = OrderedDict(
        condition=text(_CONDITION, minLength=1),
        against=number("The share that it is compared with.", 1.0 / 3.0, "1", least=0, most=1),
    )


STATISTICS = OrderedDict(
    contrast=Contrast,
    level=Level,
    order=Order,
    trend=Trend,
    spread=Spread,
    correlation=Correlation,
    divergence=Divergence,
)
STATISTIC = named("What decides it: " + meanings(STATISTICS), STATISTICS)
CLAIM = section(
    "A claim.",
    OrderedDict(
        claim=text("What is said, in a sentence.", minLength=1),
        source=text("Who says so, and where.", minLength=1),
        text=choice(
            "seen - the source's text was at hand; remembered - it was not; own - the claim is "
            "made here for the first time.",
            ["seen", "remembered", "own"],
            "own",
        ),
        statistic={"type": "object", "description": STATISTIC["description"], "unit": "-"},
        supported_if=choice(
            "The side of the neutral value (0; for ratios 1; or the number given) on which the "
            "statistic has to lie; on the other side the claim is contradicted. equal - a ratio "
            "within 2/3 and 3/2.",
            ["above", "below", "equal"],
            "above",
        ),
        main={
            "type": "boolean",
            "description": "Whether it is one of the main claims: these are in the short table, "
            "and each has a figure of the runs that decide it.",
            "unit": "-",
            "default": False,
        },
        studies={
            "type": "object",
            "description": "The studies that it is tested on, by name, each with the options of "
            "the statistic that replace those above there.",
            "unit": "-",
            "minProperties": 1,
            "additionalProperties": {"type": "object"},
        },
    ),
)


# Names next to the folders of claims, and that of the figure of all claims.
RESERVED_NAMES = ("benchmarks", "figures", "logs", "overview")


class Claim(NamedTuple):
    """A claim, and what decides it in each study."""

    name: str
    claim: str
    source: str
    text: str  # "seen", "remembered" or "own"
    supported_if: str
    main: bool
    statistics: Dict[str, Dict[str, Any]]  # name and options of the statistic, by study


def read_claims(path: str) -> Dict[str, Claim]:
    """Read a file of claims, by name in their order.

    Raises:
        ConfigError: it cannot be read, or one line for every unknown key and impossible value.
    """
    values = read_values(path)
    try:
        return parse_claims(values)
    except ConfigError as error:
        raise ConfigError("claims {}:\n{}".format(path, error)) from None


def read_claims_of(suite: dict, studies: Dict[str, Any]) -> Tuple[str, Dict[str, Claim]]:
    """Return the name of the claims of a suite, which names their folder, and the claims.

    Args:
        suite: what its configuration file holds; if it names no file of claims, there are none.
        studies: those of the suite, by name.

    Raises:
        ConfigError: as :func:`read_claims`, or a study has that name.
    """
    if "claims" not in suite:
        return "claims", {}
    name = os.path.splitext(os.path.basename(suite["claims"]))[0]
    if name in studies or name == COMMITTED:
        what = "a file of another name; results/{} is taken".format(name)
        raise ConfigError("claims: " + impossible(suite["claims"], what))
    return name, read_claims(suite["claims"])


def parse_claims(values: dict) -> Dict[str, Claim]:
    """Return the claims that a mapping describes; as :func:`read_claims`."""
    if not isinstance(values, dict) or not values:
        raise ConfigError("the claims: " + impossible(values, "a mapping with at least one key"))
    problems, claims = {}, OrderedDict()
    for name, of_claim in values.items():
        for line in check(_NAME, name)[0].values():
            problems[str(name)] = line
        if name in RESERVED_NAMES:
            problems[name] = impossible(name, "any other name")
        found, claims[name] = _claim(name, of_claim)
        problems.update(
            ("{}.{}".format(name, key).rstrip("."), line) for key, line in found.items()
        )
    if problems:
        raise ConfigError("\n".join(": ".join(line) for line in sorted(problems.items())))
    return claims


def _claim(name, values):
    """Return problems by key, and the :class:`Claim`; None if there are any."""
    if not isinstance(values, dict):
        return {"": impossible(values, "a mapping")}, None
    problems, one = check(CLAIM, values)
    for key in ("claim", "source", "statistic", "studies"):
        if not values.get(key):
            problems.setdefault(key, "is missing")
    if problems:
        return problems, None
    statistics = OrderedDict()
    for study, own in one["studies"].items():
        found, statistics[study] = _statistic(dict(one["statistic"], **own))
        where = "studies.{}".format(study) if own else "statistic"
        problems.update(("{}.{}".format(where, key), line) for key, line in found.items())
    given = {key: one[key] for key in ("claim", "source", "text", "supported_if", "main")}
    return problems, Claim(name=name, statistics=statistics, **given)


def _statistic(values):
    """Return problems by key, and the statistic's name and options, with defaults."""
    problems, statistic = check(STATISTIC, values)
    if statistic.get("name") in STATISTICS:
        for key in STATISTICS[statistic["name"]].required:
            if key not in values:
                problems.setdefault(key, "is missing; {} needs it".format(statistic["name"]))
    return problems, statistic


_NAME = text("The name of a claim.", **NAME)
