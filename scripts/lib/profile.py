"""The yardstick: a learning rule beside reference rules, on tasks that a laptop does.

A task TASK has two committed studies of the reference rules, which are their conditions:
choose_rate_TASK says at which learning rate each learns best, and confirm_TASK has each at that
rate, on other seeds. A rule is given the same: first some of those rates, then its best one.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

from lib.choices import rates_compared
from lib.claims import Claim
from lib.committed import COMMITTED, REPOSITORY, CommittedStudy
from lib.estimates import mean_estimate
from lib.failures import with_failures
from lib.numbers import COMMON_LOSS, from_scale, log_or_nan, loss_level, runs_in
from lib.pages import write_text
from lib.statistics.base import values_of
from lib.statistics.source import Source, read_source
from lib.tables import read_table
from lib.verdicts import adjusted, mark_of, test_of
from lsnn.errors import ConfigError, ResultError
from lsnn.storage.files import differences, read_record
from lsnn.study.columns import COSTS, PROFILE
from lsnn.study.config import Study, as_mapping, parse_study, read_values

TASKS = ("delayed_match_4", "pattern_generation")
RATES, CONFIRM = "choose_rate", "confirm"  # kinds of studies
N_RATES, N_SEEDS = 5, 20
AGAINST = ("bptt", "three_factor")  # what a rule is tested against


def study_name(name: str, kind: str, task: str) -> str:
    """Return the name of one of the studies of a rule's profile."""
    return f"profile_{name}_{kind}_{task}"


def values_in(kind: str, task: str) -> dict[str, Any]:
    """Return the values of a study of the reference rules."""
    return read_values(os.path.join(REPOSITORY, "studies", f"{kind}_{task}.yaml"))


def study_of_rates(name: str, rule: Any, task: str) -> dict[str, Any]:
    """Return the values of the study in which a rule is given several learning rates.

    They are neighbours in the study of the reference rules, around the median of their best ones.

    Args:
        name: of the profile.
        rule: the learning rule, as a study names it: a name, or a mapping with options.
        task: one of :data:`TASKS`.

    Raises:
        ConfigError: the name is a reference rule's.
    """
    values = values_in(RATES, task)
    if name in values["conditions"]:
        raise ConfigError(
            f"{name}: is a reference rule, which is on every card; choose another name"
        )
    committed = CommittedStudy(f"{RATES}_{task}")
    rates = rates_compared(committed.trajectories, committed.study)
    best = rates["learning_rate"][rates["is_best"]].quantile(interpolation="lower")
    ((axis, settings),) = values["sweep"].items()
    middle = [setting["training.learning_rate"] for setting in settings].index(best)
    first = min(max(middle - N_RATES // 2, 0), len(settings) - N_RATES)
    return {
        **values,
        "name": study_name(name, RATES, task),
        "conditions": {name: {"learning_rule": rule}},
        "sweep": {axis: settings[first : first + N_RATES]},
    }


class Choice(NamedTuple):
    """The learning rate at which a rule learns a task best, or why there is none."""

    study: Study  # of its learning rates
    condition: str  # there; empty if there is none
    words: str


def middle_rate(values: dict[str, Any]) -> Choice:
    """Return a :class:`Choice` to plan with, before the study of learning rates has run."""
    study = parse_study(values)
    words = "is planned at the middle one of the learning rates"
    return Choice(study, list(study.conditions)[N_RATES // 2], words)


def chosen_rate(name: str, task: str, results: str) -> Choice:
    """Return the :class:`Choice` for a rule, from the results in a folder.

    Raises:
        ResultError: they are missing or damaged.
    """
    folder = os.path.join(results, study_name(name, RATES, task))
    if not os.path.isdir(folder):
        raise ResultError(f"{folder}: no such folder; `make profile RULE={name}` computes it")
    source = read_source(folder)
    rates = rates_compared(source.trajectories, source.study)
    tried = sorted(rates["learning_rate"])
    if not rates["is_best"].any():
        failed = (rates["n_failed"] > 0) & rates["learns"]
        why = "has failed runs wherever it learns" if failed.any() else "does not learn"
        return Choice(source.study, "", f"{why}, at learning rates {tried[0]:g} to {tried[-1]:g}")
    best = rates[rates["is_best"]].iloc[0]
    words = f"learns best at learning rate {best['learning_rate']:g}"
    if best["learning_rate"] in (tried[0], tried[-1]):
        words += ", the {} tried".format(
            "smallest" if best["learning_rate"] == tried[0] else "largest"
        )
    return Choice(source.study, best["condition"], words)


def study_to_confirm(name: str, choice: Choice, task: str) -> dict[str, Any]:
    """Return the values of the study in which a rule has the learning rate chosen."""
    values, setup = values_in(CONFIRM, task), choice.study.setup(choice.condition)
    return {
        **values,
        "name": study_name(name, CONFIRM, task),
        "conditions": {
            name: {
                "learning_rule": setup.learning_rule,
                "training": {"learning_rate": setup.training.learning_rate},
                "iterations": setup.iterations,
                "checkpoint_every": setup.checkpoint_every,
            }
        },
        "seeds": list(parse_study(values).seeds[:N_SEEDS]),
        "hessian": [entry for entry in values["hessian"] if entry["block"] == "all"],
    }


def write_suite(folder: str, kind: str, studies: dict[str, dict], **more: Any) -> str:
    """Write a suite of studies, by task, into a folder; return its path."""
    paths = []
    for task, values in studies.items():
        parse_study(values)  # complains of what is impossible
        paths.append(os.path.join(folder, f"{kind}_{task}.yaml"))
        write_text(paths[-1], yaml.safe_dump(values, sort_keys=False))
    path = os.path.join(folder, f"{kind}.yaml")
    write_text(path, yaml.safe_dump({"studies": paths, **more}, sort_keys=False))
    return path


class Quantity(NamedTuple):
    """A number of a run that is compared, and in which unit it is the same."""

    name: str
    words: str
    column: str  # of trajectories.csv, or an expression
    at: str
    scale: str
    margin: float
    loss: float | None = None

    def options(self, condition: str, baseline: str) -> dict[str, Any]:
        """Return the options of the statistic that compares two conditions by it."""
        own = {key: getattr(self, key) for key in ("column", "at", "scale", "margin", "loss")}
        return {"name": "contrast", "condition": condition, "baseline": baseline, **own}


def quantities_on(source: Source) -> list[Quantity]:
    """Return what is compared on a task, at losses that the rules in :data:`AGAINST` alone tell."""
    loss, measure = source.study.measures[0], source.study.measures[-1]
    unit = "" if loss.unit == "1" else f" ({loss.unit})"
    runs = runs_in(source.trajectories)
    succeeded = [[run for run in runs[name].values() if run is not None] for name in AGAINST]
    level, half = loss_level(succeeded), loss_half_way(succeeded[0])
    noise = [f"test_{measure.name}", f"noisy_test_{measure.name}"]
    noise = noise[::-1] if measure.larger_is_worse else noise
    of_measure: dict[str, Any] = {
        "scale": "linear",
        "margin": 0.0025 if measure.larger_is_worse else 0.01,
    }
    sharpness: dict[str, Any] = {"column": "all_train_lambda_max", "scale": "log", "margin": 1.25}
    at_level: dict[str, Any] = {"at": COMMON_LOSS, "loss": level}
    gap = f"generalization_gap_{measure.name}"
    return [
        Quantity("late_loss", f"late training loss{unit}", "train_loss", "late", "log", 1.25),
        Quantity("iterations", f"iterations to loss {half:.2g}, BPTT's at half of its training",
                 "iteration", COMMON_LOSS, "log", 1.25, half),
        Quantity("sharpness", f"sharpness at loss {level:.2g}", **sharpness, **at_level),
        Quantity("late_sharpness", "late sharpness", at="late", **sharpness),
        Quantity("stability", "learning rate x |μ| of its own update, the largest",
                 "all_train_eta_mu", "largest", "log", 1.5),
        Quantity("gap", f"gap at loss {level:.2g}, {measure.label}", gap,
                 **of_measure, **at_level),
        Quantity("noise", f"what noise on test inputs costs, {measure.label}", " - ".join(noise),
                 "late", **of_measure),
    ]  # fmt: skip


def loss_half_way(runs: list[pd.DataFrame]) -> float:
    """Return the training loss of runs at half of their training, their geometric mean."""
    logs = [np.interp(0.5, run["fraction"], log_or_nan(run["train_loss"])) for run in runs]
    return float(np.exp(np.mean(logs)))


def references_on(task: str) -> Source:
    """Return the committed runs of the reference rules on a task, of the seeds of profiles."""
    source = read_source(os.path.join(COMMITTED, f"{CONFIRM}_{task}"))
    return source.of_seeds(source.study.seeds[:N_SEEDS])


class Profile(NamedTuple):
    """What is known of a rule."""

    name: str
    rule: dict[str, Any]  # its name and options
    choices: dict[str, Choice]  # by task
    sources: dict[str, Source]  # by task that it learns: its runs, beside those of reference rules
    costs: dict[str, pd.DataFrame]  # likewise: costs.csv
    codes: tuple[str, str]  # hashes of the code that trained it, and the first reference rule


def read_profile(name: str, tasks: Sequence[str], results: str) -> Profile:
    """Return the :class:`Profile` of a rule, from the results in a folder.

    Raises:
        ResultError: results are missing or damaged; or they are not of the same settings as those
            of the reference rules, or of other code than the learning rate was chosen with.
    """
    choices = {task: chosen_rate(name, task, results) for task in tasks}
    learnt = [task for task in tasks if choices[task].condition]
    if not learnt:
        raise ResultError(f"{name}: learns none of its tasks; there is nothing to compare")
    sources, costs, codes = {}, {}, {}
    for task in learnt:
        folders = [os.path.join(results, study_name(name, kind, task)) for kind in (RATES, CONFIRM)]
        before, now = (code_of(folder) for folder in folders)
        if before != now:
            raise ResultError(
                f"{folders[1]}: by other code ({now:.12}) than its learning rate was chosen with "
                f"({before:.12}); profile the rule again"
            )
        references = references_on(task)
        sources[task] = beside_references(name, references, folders[1])
        costs[task] = read_table(os.path.join(folders[1], "costs.csv"), COSTS)
        codes[task] = now, code_of(os.path.join(COMMITTED, f"{CONFIRM}_{task}"))
    rule = sources[learnt[0]].study.conditions[name].learning_rule
    return Profile(name, rule, choices, sources, costs, codes[learnt[0]])


def code_of(folder: str) -> str:
    """Return the hash of the code that trained the first run of a study."""
    record = read_record(os.path.join(folder, "metadata.json"))
    return record["runs"][0]["code"]["training"]


def beside_references(name: str, references: Source, folder: str) -> Source:
    """Return the runs of a rule, whose results are in a folder, beside those of reference rules.

    Raises:
        ResultError: they are not of the same task, network, loss, dynamics and seeds.
    """
    own, others = read_source(folder), references.study
    parts = ("task", "network", "loss", "dynamics", "seeds")
    found, wanted = (
        {part: as_mapping(study)[part] for part in parts} for study in (own.study, others)
    )
    different = differences(found, wanted)
    if different:
        raise ResultError(
            f"{folder}: not as the reference rules: {'; '.join(different)}; profile the rule again"
        )
    conditions = {**others.conditions, name: own.study.conditions[name]}
    rows = pd.concat([references.trajectories, own.trajectories], ignore_index=True)
    return Source(others._replace(conditions=conditions), with_failures(rows))


def compared(found: Profile) -> pd.DataFrame:
    """Return profile.csv: the numbers of all rules, and the marks of one against two others.

    The marks of all tasks and quantities are one family (:mod:`lib.verdicts`).
    """
    name, tests, numbers = found.name, [], []
    for task, source in found.sources.items():
        for quantity in quantities_on(source):
            about = {"task": task, "quantity": quantity.name, "words": quantity.words}
            for condition in source.study.conditions:
                number = number_on(source, quantity, condition)
                own = {"scale": quantity.scale, "condition": condition, "mark": "", "why": ""}
                numbers.append({**about, **own, **number})
            for other in AGAINST:
                statistics = {task: quantity.options(name, other)}
                claim = Claim(quantity.name, quantity.words, "", "own", "equal", True, statistics)
                tests.append((other, test_of(claim, task, source)))
    table = pd.DataFrame(numbers).set_index(["task", "quantity", "condition"])
    adjusted_ps = adjusted([test for _, test in tests])
    for (other, test), p_values in zip(tests, adjusted_ps, strict=True):
        mark, why = "?", test.why
        if test.found and not test.verdict:
            mark = mark_of(test.found.estimate, test.found.neutral, p_values)
            why = "neither a difference nor equality is shown" if mark == "?" else why
        table.loc[(test.study, test.claim.name, other), ["mark", "why"]] = mark, why
    return table.reset_index()[[column.name for column in PROFILE]]


def number_on(source: Source, quantity: Quantity, condition: str) -> dict[str, Any]:
    """Return the number of a rule on a task, its interval, and how many runs have one."""
    runs = values_of(
        source, [condition], quantity.column, quantity.at, quantity.scale, quantity.loss
    )
    found = mean_estimate(runs.runs["y"].dropna())
    found = found.rescaled(lambda x: float(from_scale(x, runs.column)))
    return {
        "value": found.value,
        "ci_low": found.low,
        "ci_high": found.high,
        "n": found.n,
        "n_failed": int(runs.runs["failed"].sum()),
        "learns": not source.does_not_learn(condition),
    }
