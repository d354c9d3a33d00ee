"""Claims about studies, as a file declares them, and the tables of their verdicts."""

import os
from collections import OrderedDict
from typing import Any, NamedTuple

import pandas as pd

from lib.statistics import STATISTICS
from lib.tables import read_table
from lsnn.errors import ConfigError, ResultError
from lsnn.options import NAME, choice, impossible, meanings, named, section, text
from lsnn.study.checks import as_lines, check
from lsnn.study.columns import CLAIMS, POINTS
from lsnn.study.config import COMMITTED, read_values

VERDICTS = ("supported", "contradicted", "undecided", "not computed")
EQUAL = (2 / 3, 3 / 2)  # between which a ratio is taken for 1
ALL = "all"  # in place of a study: all that a claim is tested on

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
    statistics: dict[str, dict[str, Any]]  # name and options of the statistic, by study


def read_claims(path: str) -> dict[str, Claim]:
    """Read a file of claims, by name in their order.

    Raises:
        ConfigError: it cannot be read, or one line for every unknown key and impossible value.
    """
    values = read_values(path)
    try:
        return parse_claims(values)
    except ConfigError as error:
        raise ConfigError(f"claims {path}:\n{error}") from None


def read_claims_of(path: str, studies: dict[str, Any]) -> tuple[str, dict[str, Claim]]:
    """Return the name of the claims of a suite, which names their folder, and the claims.

    Args:
        path: their file.
        studies: those of the suite, by name.

    Raises:
        ConfigError: as :func:`read_claims`, or a study has that name.
    """
    name = os.path.splitext(os.path.basename(path))[0]
    if name in studies or name == COMMITTED:
        what = f"a file of another name; results/{name} is taken"
        raise ConfigError(f"claims: {impossible(path, what)}")
    return name, read_claims(path)


def parse_claims(values: dict) -> dict[str, Claim]:
    """Return the claims that a mapping describes; as :func:`read_claims`."""
    if not isinstance(values, dict) or not values:
        raise ConfigError(f"the claims: {impossible(values, 'a mapping with at least one key')}")
    problems, claims = {}, {}
    for name, of_claim in values.items():
        for line in check(_NAME, name)[0].values():
            problems[str(name)] = line
        if name in RESERVED_NAMES:
            problems[name] = impossible(name, "any other name")
        found, claims[name] = _claim(name, of_claim)
        problems.update((f"{name}.{key}".rstrip("."), line) for key, line in found.items())
    if problems:
        raise ConfigError(as_lines(problems))
    return claims


def _claim(name, values):
    """Return problems by key, and the :class:`Claim`; None if there are any."""
    if not isinstance(values, dict):
        return {"": impossible(values, "a mapping")}, None
    problems, filled = check(CLAIM, values)
    for key in ("claim", "source", "statistic", "studies"):
        if not values.get(key):
            problems.setdefault(key, "is missing")
    if problems:
        return problems, None
    shared, studies, statistics = filled.pop("statistic"), filled.pop("studies"), {}
    for study, own in studies.items():
        found, statistics[study] = _statistic({**shared, **own})
        where = f"studies.{study}" if own else "statistic"
        problems.update((f"{where}.{key}", line) for key, line in found.items())
    return problems, Claim(name=name, statistics=statistics, **filled)


def _statistic(values):
    """Return problems by key, and the statistic's name and options, with defaults."""
    problems, statistic = check(STATISTIC, values)
    name = statistic.get("name")
    if name in STATISTICS:
        for key in STATISTICS[name].required:
            if key not in values:
                problems.setdefault(key, f"is missing; {name} needs it")
    return problems, statistic


_NAME = text("The name of a claim.", **NAME)


def number_of_tests(claims: dict[str, Claim]) -> int:
    """Return how many p-values decide claims: one a study, but for claims that two are equal."""
    return sum(len(of.statistics) for of in claims.values() if of.supported_if != "equal")


def read_decided(folder: str, claims: dict[str, Claim]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables claims.csv and points.csv in a folder.

    Raises:
        ResultError: one is missing or damaged, or of other claims than ``claims``.
    """
    path = os.path.join(folder, "claims.csv")
    table = read_table(path, CLAIMS)
    points = read_table(os.path.join(folder, "points.csv"), POINTS, may_be_empty=True)
    others = sorted(set(table["claim"]) ^ set(claims))
    if others:
        raise ResultError(
            f"{path}: decided for other claims ({', '.join(others)} in one of them only); run "
            "scripts/decide_claims.py again"
        )
    return table, points


def study_folders(folders: list[str]) -> list[str]:
    """Return those of some folders that hold the results of a study.

    Raises:
        ConfigError: one is not there.
    """
    missing = [folder for folder in folders if not os.path.isdir(folder)]
    if missing:
        raise ConfigError(f"--studies {', '.join(missing)}: no such folder")
    return [folder for folder in folders if os.path.exists(os.path.join(folder, "config.yaml"))]
