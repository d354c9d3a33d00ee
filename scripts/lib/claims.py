"""Claims about studies, as a file declares them, and the tables of their verdicts."""

import os
import subprocess
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from lib.numbers import COMMON_LOSS
from lib.statistics import STATISTICS
from lib.tables import read_table
from lsnn.errors import ConfigError, ResultError
from lsnn.options import NAME, choice, impossible, meanings, named, section, text
from lsnn.storage.files import read_record, sha256_of_file, write_record
from lsnn.study.checks import as_lines, check, other_name, same_but_for_case
from lsnn.study.columns import CLAIMS, POINTS
from lsnn.study.config import (
    COMMITTED,
    SEEDS_BETWEEN,
    Study,
    read_study,
    read_values,
    seeds_between,
)

ANSWER_PARTS = ("rate", "sharpness", "gap")
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
            "statistic has to lie; on the other side the claim is contradicted. equal - within the "
            "margin.",
            ["above", "below", "equal"],
            "above",
        ),
        main={
            "type": "boolean",
            "description": "Whether it is one of the main claims: their p-values are adjusted "
            "together, for no other claim; they are in the short table, and each has a figure of "
            "the runs that decide it.",
            "unit": "-",
            "default": False,
        },
        answer=choice(
            "Its part in the figure `answer`, if it has one: rate - its runs are drawn against "
            "their learning rate; sharpness, gap - its numbers are where each study stands on one "
            "of two axes.",
            [*ANSWER_PARTS, None],
            None,
        ),
        studies={
            "type": "object",
            "description": "The studies that it is tested on, by name, each with the options of "
            "the statistic that replace those above there.",
            "unit": "-",
            "minProperties": 1,
            "additionalProperties": {"type": "object"},
        },
        for_each={
            "type": "object",
            "description": "Several claims in one: by name, the options of the statistic that "
            "differ. Each is a claim of its own, called as this one, an underscore, and the name.",
            "unit": "-",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "properties": {"words": text("What stands for {each} in the sentence.")},
            },
        },
    ),
)


# Names next to the folders of claims, and that of the figure of all claims.
RESERVED_NAMES = ("answer", "benchmarks", "figures", "logs", "overview")


class Claim(NamedTuple):
    """A claim, and what decides it in each study."""

    name: str
    claim: str
    source: str
    text: str  # "seen", "remembered" or "own"
    supported_if: str
    main: bool
    statistics: dict[str, dict[str, Any]]  # name and options of the statistic, by study
    answer: str | None = None  # one of ANSWER_PARTS

    def seeds_in(self, study: str, there: Study) -> Sequence[int]:
        """Return the seeds that decide it on a study, which is given too; all if it names none."""
        seeds = self.statistics[study].get("seeds")
        return seeds_between(seeds) if seeds else there.seeds


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
        if isinstance(of_claim, dict) and "for_each" in of_claim:
            sentence = str(of_claim.get("claim"))
            if "{each}" not in sentence:
                problems[f"{name}.claim"] = impossible(
                    sentence, "a sentence with {each}, as there is for_each"
                )
    values = dict(one for item in values.items() for one in _each(*item))
    for name, of_claim in values.items():
        for line in check(_NAME, name)[0].values():
            problems[str(name)] = line
        if name in RESERVED_NAMES:
            problems[name] = impossible(name, "any other name")
        found, claims[name] = _claim(name, of_claim)
        problems.update((f"{name}.{key}".rstrip("."), line) for key, line in found.items())
    for name, other in same_but_for_case(map(str, values)).items():
        problems.setdefault(name, impossible(name, other_name(other)))
    if not problems:
        problems = _places_taken(claims.values())
    if problems:
        raise ConfigError(as_lines(problems))
    return claims


def _each(name, values):
    """Yield the name and values of a claim, or of every claim that its ``for_each`` makes."""
    keys = {"claim", "statistic", "for_each"}
    if not isinstance(values, dict) or not keys <= set(values) or check(CLAIM, values)[0]:
        yield name, values
        return
    shared = {key: value for key, value in values.items() if key != "for_each"}
    for key, own in values["for_each"].items():
        words = own.get("words", str(key).replace("_", " "))
        options = {option: value for option, value in own.items() if option != "words"}
        yield (
            f"{name}_{key}",
            {
                **shared,
                "claim": values["claim"].replace("{each}", words),
                "statistic": {**values["statistic"], **options},
            },
        )


def _places_taken(claims):
    """Return problems by key: claims that stand where another does in the figure of the answer."""
    problems, owners = {}, {}
    for claim in claims:
        for study in claim.statistics if claim.answer in ("sharpness", "gap") else ():
            owner = owners.setdefault((claim.answer, study), claim.name)
            if owner != claim.name:
                what = f"another one: {owner} has it on {study}"
                problems[f"{claim.name}.answer"] = impossible(claim.answer, what)
    return problems


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
    del filled["for_each"]  # made several claims already
    for study, own in studies.items():
        found, statistics[study] = _statistic({**shared, **own})
        found = found or dict(_contradictions(statistics[study], filled))
        where = f"studies.{study}" if own else "statistic"
        problems.update((f"{where}.{key}", line) for key, line in found.items())
        if study == ALL:
            problems[f"studies.{study}"] = impossible(study, "any other name")
    return problems, Claim(name=name, statistics=statistics, **filled)


def _contradictions(statistic, claim):
    """Yield (key, line) for what does not fit together in a statistic and the rest of its claim."""
    has_margin = "margin" in STATISTICS[statistic["name"]].options
    if statistic.get("seeds") and not seeds_between(statistic["seeds"]):
        yield "seeds", impossible(statistic["seeds"], SEEDS_BETWEEN)
    if statistic.get("loss") is not None and statistic.get("at") != COMMON_LOSS:
        yield "loss", impossible(statistic["loss"], f"none without at: {COMMON_LOSS}")
    if statistic.get("margin") is None:
        if claim["supported_if"] == "equal":
            what = "is missing" if has_margin else f"is missing, and {statistic['name']} has none"
            yield "margin", f"{what}; supported_if: equal needs it"
        elif claim.get("answer") in ("sharpness", "gap"):
            yield "margin", f"is missing; answer: {claim['answer']} needs it"
    if claim["main"] and statistic["name"] == "correlation":
        yield "name", impossible("correlation", "another one in a claim with main: true")
    wanted = {"rate": "trend"}.get(claim.get("answer"), "contrast")
    if claim.get("answer") and statistic["name"] != wanted:
        yield "name", impossible(statistic["name"], f"{wanted}, with answer: {claim['answer']}")


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


def figures_of_claims(claims: dict[str, Claim]) -> list[str]:
    """Return the names of the figures of claims."""
    answer = ["answer"] if any(claim.answer for claim in claims.values()) else []
    return [*answer, "overview", *(name for name, claim in claims.items() if claim.main)]


def number_of_main(claims: dict[str, Claim]) -> int:
    """Return how many numbers decide the main claims."""
    return sum(len(claim.statistics) for claim in claims.values() if claim.main)


def commit_of(path: str) -> str:
    """Return the commit that a file of claims is from, in words."""
    folder, name = os.path.split(os.path.abspath(path))

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", folder, *arguments, "--", name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    try:
        commit, changed = git("log", "-1", "--format=%h of %cs"), git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return "of no commit"
    if not commit:
        return "of no commit"
    return f"of commit {commit}" + (", with later changes" if changed else "")


class Decided(NamedTuple):
    """What was decided of claims."""

    table: pd.DataFrame  # claims.csv
    points: pd.DataFrame  # points.csv
    commit: str  # of the file of claims, in words


def read_decided(folder: str, path: str) -> Decided:
    """Return what was decided, in a folder, of the claims in a file.

    Raises:
        ResultError: something is missing or damaged, or of other claims than are in the file now.
    """
    record = read_record(os.path.join(folder, "decided.json"))
    if record.get("claims") != sha256_of_file(path):
        raise ResultError(
            f"{folder}: decided for other claims than {path} has now; run scripts/decide_claims.py "
            "again"
        )
    table = read_table(os.path.join(folder, "claims.csv"), CLAIMS)
    points = read_table(os.path.join(folder, "points.csv"), POINTS, may_be_empty=True)
    return Decided(table, points, record["commit"])


def write_decided(folder: str, path: str) -> None:
    """Write of which claims, the file at ``path``, the tables in a folder tell."""
    record = {"claims": sha256_of_file(path), "commit": commit_of(path)}
    write_record(os.path.join(folder, "decided.json"), record)


def study_folders(folders: list[str]) -> list[str]:
    """Return those of some folders that hold the results of a study.

    Raises:
        ConfigError: one is not there.
    """
    missing = [folder for folder in folders if not os.path.isdir(folder)]
    if missing:
        raise ConfigError(f"--studies {', '.join(missing)}: no such folder")
    return [folder for folder in folders if os.path.exists(os.path.join(folder, "config.yaml"))]


def studies_of(folders: list[str], points: pd.DataFrame) -> dict[str, Study]:
    """Return the studies whose results are in some folders, by name.

    Args:
        folders: of which others than a study's are passed over.
        points: the runs that claims are decided by, whose studies must be there.

    Raises:
        ConfigError: a folder, or one of those studies, is missing.
    """
    configs = [os.path.join(folder, "config.yaml") for folder in study_folders(folders)]
    studies = {study.name: study for study in map(read_study, configs)}
    missing = sorted(set(points["study"]) - set(studies))
    if missing:
        raise ConfigError(
            f"--studies: the claims are decided by {', '.join(missing)}, too; name its folder"
        )
    return studies
