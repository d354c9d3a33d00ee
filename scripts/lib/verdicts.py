"""From the numbers of claims to marks and verdicts.

Each number has two tests: whether it differs from the neutral value, and whether it is equal to it
within the margin. The main claims are one family (:func:`lib.estimates.shaffer`), all others
another (:func:`lib.estimates.benjamini_hochberg`). A p-value below 0.05, so adjusted, marks the
number: ``+`` above the neutral value, ``-`` below, ``=`` equal within the margin, both where both
hold, ``?`` where none does.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from lib.claims import Claim
from lib.estimates import (
    ALPHA,
    LEAST_SEEDS,
    Estimate,
    benjamini_hochberg,
    sd_interval,
    seeds_needed,
    shaffer,
)
from lib.gaps import has_no_gap
from lib.statistics import STATISTICS
from lib.statistics.base import Found, Statistic
from lib.statistics.source import NotComputed, Open, Source
from lsnn.errors import ConfigError
from lsnn.options import build

ENOUGH = 2 / 3  # of a condition's runs must have a number
MOST_SEEDS = 200  # more are out of reach
OPEN, NO_GAP, NOT_COMPUTED = "open", "no gap", "not computed"
TOO_FEW = "too few seeds"
MOST_COMBINATIONS = 64  # of conditions whose failed runs are filled in


class ClaimTest(NamedTuple):
    """A claim on a study: the number that decides it, or why there is none."""

    claim: Claim
    study: str
    statistic: Statistic
    source: Source | None
    found: Found | None = None
    verdict: str = ""  # where that is not for the p-values to say
    why: str = ""

    @property
    def p_values(self) -> tuple[float, float]:
        """Those that the number differs, and that it is equal; nan where they decide nothing."""
        if self.found is None or self.verdict:
            return np.nan, np.nan
        return self.found.estimate.p, self.found.estimate.p_equal


def test_of(claim: Claim, study: str, source: Source | None) -> ClaimTest:
    """Return the :class:`ClaimTest` of a claim on a study.

    Raises:
        ConfigError: the claim is impossible.
    """
    statistic = build(STATISTICS, claim.statistics[study])
    test = ClaimTest(claim, study, statistic, source)
    if source is None:
        return test._replace(verdict=NOT_COMPUTED, why="the study has not run")
    try:
        source = source.of_seeds(claim.seeds_in(study, source.study))
        found = statistic.compute(source)
        test = test._replace(source=source, found=found)
        verdict, why = refusal(found, statistic, source)
    except (NotComputed, Open) as error:
        return test._replace(verdict=error.verdict, why=str(error))
    except ConfigError as error:
        raise ConfigError(f"{claim.name}: {error}") from None
    return test._replace(verdict=verdict, why=why)


def refusal(found: Found, statistic: Statistic, source: Source) -> tuple[str, str]:
    """Return the verdict on a number that decides nothing, and why; empty if it can."""
    for condition, runs in found.runs.items():
        if source.does_not_learn(condition):
            return OPEN, f"{condition} does not learn"
        lacking = {
            "failed": runs.failed,
            "do not pass the loss": runs.unreached,
            "lack the number": runs.missing,
        }
        if runs.total - sum(lacking.values()) < ENOUGH * runs.total:
            parts = " and ".join(f"{count} {what}" for what, count in lacking.items() if count)
            return OPEN, f"of {runs.total} runs of {condition} {parts}"
    if has_no_gap(statistic, source, found.runs):
        return NO_GAP, "no rule has a gap beyond what sampling allows"
    if found.estimate.n_parts < statistic.least_n:
        return OPEN, f"{TOO_FEW}: {statistic.least_n} are needed"
    return ("", "") if np.isfinite(found.estimate.low) else (OPEN, "no interval")


def adjusted(tests: Sequence[ClaimTest]) -> np.ndarray:
    """Return the adjusted p-values of tests, an array (tests, 2): differs, equal."""
    p_values = np.array([test.p_values for test in tests]).reshape(-1, 2)
    is_main = np.array([test.claim.main for test in tests], dtype=bool)
    found = np.empty(p_values.shape)
    found[is_main], found[~is_main] = (
        shaffer(p_values[is_main]),
        benjamini_hochberg(p_values[~is_main]),
    )
    return found


def level_of(tests: Sequence[ClaimTest], p_values: np.ndarray, is_main: bool) -> float:
    """Return the level at which the next test of a family would have to be significant.

    Args:
        tests, p_values: all of them, and as :func:`adjusted` returns them.
        is_main: which family.
    """
    there = np.array([test.claim.main == is_main for test in tests])
    rejected = p_values[there] < ALPHA
    if is_main:  # as in shaffer: a claim is done with when all its tests are rejected
        is_done = (rejected | np.isnan(p_values[there])).all(axis=1) & rejected.any(axis=1)
        return ALPHA / max(1, len(rejected) - is_done.sum())
    return ALPHA * min(1.0, (rejected.sum() + 1) / max(1, len(rejected)))


def mark_of(estimate: Estimate, neutral: float, p_values: Iterable[float]) -> str:
    """Return the mark of a number by its adjusted p-values, (differs, equal)."""
    differs, is_equal = (bool(p < ALPHA) for p in p_values)
    side = "+" if estimate.value > neutral else "-"
    return side * differs + "=" * is_equal or "?"


def verdict_of(mark: str, supported_if: str, excludes_margin: bool) -> str:
    """Return what a mark says of a claim.

    Args:
        mark: as :func:`mark_of` returns it.
        supported_if: "above", "below" or "equal".
        excludes_margin: whether the whole interval is outside the margin, without which nothing
            contradicts that two things are equal.
    """
    if mark == "?":
        return OPEN
    wanted = {"above": "+", "below": "-", "equal": "="}[supported_if]
    if wanted in mark:
        return "supported"
    return OPEN if supported_if == "equal" and not excludes_margin else "contradicted"


def is_outside(estimate: Estimate, limits: tuple[float, float] | None) -> bool:
    """Return whether the interval of a number lies wholly outside the margin."""
    return limits is not None and (estimate.high < limits[0] or estimate.low > limits[1])


def margin_of(found: Found, statistic: Statistic) -> tuple[float, float] | None:
    """Return the two ends of the margin around the neutral value; None if there is no margin."""
    if statistic.margin is None:
        return None
    if found.is_ratio:
        return found.neutral / statistic.margin, found.neutral * statistic.margin
    return found.neutral - statistic.margin, found.neutral + statistic.margin


def marks_with_failures(tests: Sequence[ClaimTest], place: int) -> list[str]:
    """Return the other marks of a main claim if its failed runs count, at the extremes.

    They count with the lowest or the highest number of the other runs of their condition, in every
    combination of conditions; of more than 6 conditions, all with the lowest or all the highest.

    Args:
        tests: all of them.
        place: of the claim.
    """
    test = tests[place]
    if test.found is None or test.source is None or test.verdict or not test.claim.main:
        return []
    failed = [name for name, runs in test.found.runs.items() if runs.failed]
    if not failed:
        return []
    marks = []
    several = 2 ** len(failed) <= MOST_COMBINATIONS
    combinations = product(["low", "high"], repeat=len(failed) if several else 1)
    for ends in combinations:
        ends = ends if several else ends * len(failed)
        source = test.source._replace(filled=dict(zip(failed, ends, strict=True)))
        found = test.statistic.compute(source)
        changed = [*tests[:place], test._replace(found=found), *tests[place + 1 :]]
        marks.append(mark_of(found.estimate, found.neutral, adjusted(changed)[place]))
    plain = mark_of(test.found.estimate, test.found.neutral, adjusted(tests)[place])
    return sorted(set(marks) - {plain})


def seeds_text(test: ClaimTest, level: float) -> str:
    """Return in words how many seeds would decide an open number; empty if none would, or unknown.

    They decide if the number is off by the margin, or not at all; or, where its interval is further
    off than the margin, if it is off by the interval's nearer end. As many of them have a number as
    of the present ones.
    """
    if test.found is None or (test.why and not test.why.startswith(TOO_FEW)):
        return ""
    estimate, limits = test.found.estimate, margin_of(test.found, test.statistic)
    if limits is None or not estimate.sd > 0 or estimate.n_parts < LEAST_SEEDS:
        return ""
    to_scale = test.statistic.to_scale(test.found.is_ratio)
    neutral, *ends = map(to_scale, (test.found.neutral, estimate.low, estimate.high))
    margin = to_scale(limits[1]) - neutral
    nearest = max(ends[0] - neutral, neutral - ends[1])
    there = max((runs.total for runs in test.found.runs.values()), default=estimate.n_parts)
    least = test.statistic.least_n

    def needed(sd):
        distance = max(margin, nearest)
        n = seeds_needed(sd, distance, level, least, MOST_SEEDS, nearest <= margin)
        n = n and -(-n * there // estimate.n_parts)
        return n if n and n <= MOST_SEEDS else None

    most_likely = needed(estimate.sd)
    if most_likely is None:
        return "out of reach"
    low, high = map(needed, sd_interval(estimate.sd, estimate.n_parts))
    text = f"{most_likely} ({low} to {high or f'more than {MOST_SEEDS}'})"
    return f"{text}, which it has" if most_likely <= there else text


def on_all(
    tests: Sequence[ClaimTest], marks: Sequence[str], verdicts: Sequence[str]
) -> tuple[str, str, str]:
    """Return the mark, the verdict and the reason of a claim that is tested on several studies.

    Studies in which no rule has a gap count for nothing; at least two others are needed.

    Args:
        tests, marks, verdicts: those of its studies.
    """
    why = ", ".join(
        f"{test.study.replace('_', ' ')} {mark or verdict}"
        for test, mark, verdict in zip(tests, marks, verdicts, strict=True)
    )
    if set(verdicts) in ({NO_GAP}, {NOT_COMPUTED}):
        return "", verdicts[0], why
    pairs = zip(marks, verdicts, strict=True)
    kept = [(set(mark), verdict) for mark, verdict in pairs if verdict != NO_GAP]
    signs, different = [mark for mark, _ in kept], {verdict for _, verdict in kept}
    shared = set.intersection(*signs)
    if len(kept) > 1 and len(different) == 1 and different <= {"supported", "contradicted"}:
        where = "in general" if len(kept) == len(tests) else "where there is a gap"
        return "".join(sign for sign in "+-=" if sign in shared), f"{different.pop()} {where}", why
    return "", "depends on the task" if {"+", "-"} <= set.union(*signs) else OPEN, why
