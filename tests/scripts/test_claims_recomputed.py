"""Every row of claims.csv, computed once more from the committed tables, with code of its own.

A number is a distance from its neutral value, up to the end: of ratios a difference of logarithms,
of correlations Fisher's z.
"""

import csv
import functools
import glob
import gzip
import math
import os
import re
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
import yaml
from scipy.stats import binomtest, t

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def each_of(claims):
    """Return claims by name; one with a ``for_each`` is replaced by the claims that it makes."""
    found = {}
    for name, claim in claims.items():
        for key, own in claim.get("for_each", {"": {}}).items():
            options = {option: value for option, value in own.items() if option != "words"}
            of_each = {**claim, "statistic": {**claim["statistic"], **options}}
            found[f"{name}_{key}".rstrip("_")] = of_each
    return found


with open(os.path.join(REPOSITORY, "claims.yaml")) as stream:
    CLAIMS = each_of(yaml.safe_load(stream))
NUMBERS = ["value", "ci_low", "ci_high", "n", "p", "p_equal", "p_adjusted", "p_equal_adjusted"]
LOGARITHMIC = {"lambda_max", "lambda_max_scale_free", "all_train_lambda_max", "eta_mu"}
LOGARITHMIC |= {"part_of_bound", "whole_eta_hessian", "train_loss", "test_loss", "noisy_test_loss"}
LOGARITHMIC |= {"all_train_eta_mu", "all_train_trace", "all_train_rise_worst"}
LOGARITHMIC |= {"all_train_adaptive_max", "all_train_balanced_max", "w_rec_train_lambda_max"}
OF_ALL = "all_train_dynamics_products"
# Columns that are computed at some checkpoints of some seeds: where the other one has a number.
ASKED_FOR = dict.fromkeys(["cosine", "eta_mu", "part_of_bound"], "dynamics_products")
ASKED_FOR["whole_eta_hessian"] = "whole_dynamics_products"
ASKED_FOR["w_rec_train_lambda_max"] = "w_rec_train_products"
ASKED_FOR |= dict.fromkeys(["all_train_eta_mu", "all_train_batch_sharpness"], OF_ALL)
CLASSES = {"sequential_mnist": 10, "delayed_match": 2}  # by task; the others have wanted values
SHARING = ["sequential_mnist"]  # tasks of which all seeds have the same examples
Z = 1.959963984540054  # quantile 0.975 of the normal distribution
TIE = 9  # decimals, of their range, in which numbers agree that differ by rounding alone


class NotComputed(Exception):
    pass


# n: seeds, pairs or runs; n_parts: how many independent ones.
Estimate = namedtuple(
    "Estimate", "value low high p p_equal n n_parts", defaults=[*5 * [math.nan], 0, 0]
)


# Tables, and which runs failed.


class Study:
    """The cells of a table, by column; its rows, by condition and seed; and what failed."""

    def __init__(self, name, seeds):
        folder = os.path.join(REPOSITORY, "results", "committed", name)
        if not os.path.isdir(folder):
            raise NotComputed
        with open(os.path.join(folder, "config.yaml")) as stream:
            self.config = yaml.safe_load(stream)
        [path] = glob.glob(os.path.join(folder, "trajectories.csv*"))
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", newline="") as stream:
            header, *rows = csv.reader(stream)
        self.cells = dict(zip(header, zip(*rows, strict=True), strict=True))
        self.seeds = self.config["seeds"]
        if seeds:
            first, last = map(int, seeds.split("-"))
            self.seeds = range(first, last + 1)
        if not set(self.seeds) <= set(self.config["seeds"]):
            raise NotComputed
        self.rows, self.failed, self.learns = {}, set(), {}
        for row, key in enumerate(zip(self.cells["condition"], self.cells["seed"], strict=True)):
            self.rows.setdefault((key[0], int(key[1])), []).append(row)
        for condition in self.config["conditions"]:
            late = numbers(self, [condition], "train_loss", {"at": "late"})[:, 0]
            late[[self.diverged(condition, seed) for seed in self.seeds]] = np.inf
            late -= np.log([self.chance(condition, seed) for seed in self.seeds])
            median = np.median(late)
            self.learns[condition] = median <= math.log(0.9)
            limit = median / 2 if self.learns[condition] else np.finfo(float).max
            failed = zip(self.seeds, late > limit, strict=True)
            self.failed.update((condition, seed) for seed, has_failed in failed if has_failed)

    def diverged(self, condition, seed):
        return any(self.cells["diverged"][row] == "True" for row in self.rows[condition, seed])

    def chance(self, condition, seed):
        """Return the training loss of the best constant answer."""
        if "chance_loss" in self.cells:
            return column(self, "chance_loss")[self.rows[condition, seed][0]]
        if self.config["task"]["name"] in CLASSES:
            return math.log(CLASSES[self.config["task"]["name"]])
        # The only thing that is not computed anew: the task draws its wanted values.
        from lsnn.study.config import parse_study
        from lsnn.study.outputs import chance_loss

        return chance_loss(parse_study(self.config), condition, seed)

    def baseline(self, condition):
        return self.config["conditions"][condition].get("baseline", self.config["baseline"])


study_of = functools.cache(Study)


def cells_of(study, name):
    """Return the cells of a column, whose name may lack that of its entry."""
    found = [name] if name in study.cells else [of for of in study.cells if of.endswith(f"_{name}")]
    if len(found) != 1:
        raise NotComputed
    return study.cells[found[0]]


def names_in(expression):
    return set(re.findall(r"\b[A-Za-z_]\w*", expression)) - {"log10"}


@functools.cache
def column(study, expression):
    """Return the numbers of an expression of columns, by row."""
    cells = {name: cells_of(study, name) for name in names_in(expression)}
    floats = {name: np.array([float(cell or "nan") for cell in cells[name]]) for name in cells}
    return eval(expression, {"log10": np.log10}, floats)


def rows_of(study, condition, seed, expression):
    """Return the rows of a run for which all columns of an expression were asked."""
    flags = [cells_of(study, ASKED_FOR[of]) for of in names_in(expression) if of in ASKED_FOR]
    rows = study.rows.get((condition, seed), [])
    return [row for row in rows if all(cells[row] not in ("", "nan") for cells in flags)]


# The number of a run.


def number(study, rows, values, options):
    """Return what a run's rows amount to where a claim takes its number."""
    at, values = options.get("at", "final"), values[rows]
    if at == "common_loss":
        return at_loss(np.log(column(study, "train_loss")[rows]), math.log(options["loss"]), values)
    if at == "final":
        return values[-1]
    if at == "late":
        fractions = column(study, "fraction")[rows]
        return values[fractions >= 0.75 * fractions[-1] - 1e-9].mean()
    later = column(study, "iteration")[rows]
    values, later = values[later > 0], later[later > 0]
    mean = np.trapezoid(values, later) / (later[-1] - later[0])
    return {"mean": mean, "largest": values.max()}[at]


def at_loss(losses, level, values):
    """Return the value where a loss first crosses a level, between checkpoints that are later."""
    reached = np.flatnonzero(losses <= level + 1e-12)
    after = reached[0] if len(reached) else 0
    if after and losses[after] >= level - 1e-12:
        return values[after]
    if after < 2:
        return math.nan
    part = (losses[after - 1] - level) / (losses[after - 1] - losses[after])
    return values[after - 1] + part * (values[after] - values[after - 1])


def is_log(options, expression):
    return options.get("scale", "log" if expression in LOGARITHMIC else "linear") == "log"


def numbers(study, conditions, expression, options, **others):
    """Return the numbers of runs, seeds x conditions; nan where there is none."""
    options, values = {**options, **others}, column(study, expression)
    if is_log(options, expression):
        values = np.log(np.where(values > 0, values, np.nan))
    table = np.full((len(study.seeds), len(conditions)), np.nan)
    for i, seed in enumerate(study.seeds):
        for j, condition in enumerate(conditions):
            rows = rows_of(study, condition, seed, expression)
            if rows and (condition, seed) not in study.failed:
                table[i, j] = number(study, rows, values, options)
    return table


# Estimates.


def mean_estimate(values, margin):
    """Return the t interval of a mean, its t test, and two one-sided ones of the margin."""
    values = values[np.isfinite(values)]
    n = len(values)
    if n < 3:
        return Estimate(values.mean() if n else math.nan, n=n, n_parts=n)
    mean, error = values.mean(), values.std(ddof=1) / math.sqrt(n)
    half = t.ppf(0.975, n - 1) * error
    p_equal = max(t.sf((margin + mean) / error, n - 1), t.sf((margin - mean) / error, n - 1))
    p = 2 * t.sf(abs(mean) / error, n - 1)
    return Estimate(mean, mean - half, mean + half, p, p_equal, n, n)


def jackknife(statistic, parts, margin):
    """Return the estimate of a function of the parts that are kept: by pseudo-values around it."""
    n, value = len(parts), statistic(parts)
    without = np.array([statistic(np.delete(parts, place)) for place in range(n)])
    if not np.isfinite(without).all():
        return Estimate(value, n=n, n_parts=n)
    centred = value - (n - 1) * (without - without.mean())
    return mean_estimate(centred, margin)._replace(value=value)


def slopes(x, y):
    whole = np.isfinite(x + y).all(axis=1)
    return np.array([np.polyfit(*pair, 1)[0] for pair in zip(x[whole], y[whole], strict=True)])


def ranks_in(values, groups):
    """Return ranks within groups, shared by ties, less the mean of the group."""
    values = np.round(values / np.ptp(values), TIE)
    is_same = groups[:, None] == groups
    return (is_same * np.sign(values[:, None] - values)).sum(axis=1) / 2


def rank_correlation(columns, groups):
    """Return that of the first two columns, given the third if there is one."""
    r = np.corrcoef([ranks_in(values, groups) for values in columns])
    if len(r) == 2:
        return r[0, 1]
    unexplained = (1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)
    return (r[0, 1] - r[0, 2] * r[1, 2]) / math.sqrt(unexplained)


# Statistics: the estimate, and the conditions it is about, in groups that count together.


def pair_of(study, options):
    name = options["condition"]
    return [options.get("baseline", study.baseline(name)), name]


def contrast(study, options, margin):
    pair = pair_of(study, options)
    baseline, own = numbers(study, pair, options["column"], options).T
    return mean_estimate(own - baseline, margin), [[name] for name in pair]


def level(study, options, margin):
    values = numbers(study, [options["condition"]], options["column"], options)[:, 0]
    return mean_estimate(values - neutral_of(options), margin), [[options["condition"]]]


def order(study, options, margin):
    """The surest fall between neighbours; if all rise, the least sure rise."""
    values = numbers(study, options["conditions"], options["column"], options)
    estimates = [mean_estimate(step, math.nan) for step in np.diff(values).T]
    weakest = min(estimates, key=lambda of: (of.value >= 0, of.p if of.value < 0 else -of.p))
    p = min(1.0, weakest.p * len(estimates)) if weakest.value < 0 else weakest.p
    weakest = weakest._replace(p=p, n_parts=min(of.n_parts for of in estimates))
    return weakest, [[name] for name in options["conditions"]]


def trend(study, options, margin):
    names, over = options["conditions"], {"at": options.get("over_at", options.get("at", "final"))}
    y = numbers(study, names, options["column"], options)
    x = np.zeros(y.shape) + np.arange(len(names))
    if "over" in options:
        x = numbers(study, names, options["over"], options, scale="linear", **over)
    return mean_estimate(slopes(x, y), margin), [[name] for name in names]


def interaction(study, options, margin):
    pairs = [[study.baseline(name), name] for name in options["conditions"]]
    baselines, own = (
        numbers(study, names, options["column"], options) for names in zip(*pairs, strict=True)
    )
    x = np.zeros(own.shape) + np.arange(len(pairs))
    if "over" in options:
        over = {"at": "final", "scale": "linear"}
        x = numbers(study, options["conditions"], options["over"], options, **over)
    return mean_estimate(slopes(x, own - baselines) - neutral_of(options), margin), pairs


def spread(study, options, margin):
    pair = pair_of(study, options)
    values = numbers(study, pair, options["column"], options, scale="linear")
    values = values[np.isfinite(values).all(axis=1)]

    def log_ratio(kept):
        baseline, own = values[kept].std(axis=0, ddof=1)
        return math.log(own / baseline)

    return jackknife(log_ratio, np.arange(len(values)), margin), [[name] for name in pair]


def correlation(study, options, margin):
    names, within = options["conditions"], options.get("within", "none")
    expressions = [options[key] for key in ("column", "over", "given") if key in options]
    columns = np.array([numbers(study, names, of, options).ravel() for of in expressions])
    there = np.isfinite(columns).all(axis=0)
    columns, rules = columns[:, there], np.tile(range(len(names)), len(study.seeds))[there]
    seeds = np.repeat(study.seeds, len(names))[there]

    def fisher_z(kept):
        of_kept = np.isin(seeds, kept)
        left, groups = columns[:, of_kept], rules[of_kept] * (within == "condition")
        if within == "condition_and_seed":  # without the additive effects of both
            factors = [(of[of_kept, None] == np.unique(of[of_kept])) for of in (rules, seeds)]
            design = np.hstack(factors).astype(float)
            left = left - left @ design @ np.linalg.pinv(design)
        return math.atanh(rank_correlation(left, groups))

    found = jackknife(fisher_z, np.unique(seeds), margin)
    return found._replace(n=len(seeds)), [[name] for name in names]


def divergence(study, options, margin):
    diverged = [study.diverged(options["condition"], seed) for seed in study.seeds]
    n, against = len(diverged), neutral_of(options)
    test = binomtest(sum(diverged), n, against)
    ends = np.array([sum(diverged) / n, *test.proportion_ci(0.95)]) - against
    return Estimate(*ends, test.pvalue, n=n, n_parts=n), []


FUNCTIONS = [contrast, level, order, trend, interaction, spread, correlation, divergence]
STATISTICS = {function.__name__: function for function in FUNCTIONS}


def scale_of(options):
    """Return the functions from numbers to the scale of distances, and back."""
    name = options["name"]
    if name == "correlation":
        return math.atanh, math.tanh
    is_ratio = name == "spread" or (name != "divergence" and is_log(options, options["column"]))
    return (math.log, math.exp) if is_ratio else (float, float)


def neutral_of(options):
    """Return the neutral value on the scale of distances."""
    against = options.get("against", 1 / 3 if options["name"] == "divergence" else None)
    return 0.0 if against is None else scale_of(options)[0](against)


def margin_of(options):
    """Return the margin on the scale of distances; nan if there is none."""
    return scale_of(options)[0](options.get("margin", math.nan))


# Verdicts.


def state(study, options, group, seed):
    """Return what of a seed is in a group of conditions: absent, failed, unreached or there."""
    expressions = [options[key] for key in ("column", "over", "given") if key in options]
    rows = [rows_of(study, name, seed, of) for name in group for of in expressions]
    if not all(rows):
        return "absent"
    if any((name, seed) in study.failed for name in group):
        return "failed"
    of_rows = [number(study, run, column(study, "iteration"), options) for run in rows]
    return "unreached" if np.isnan(of_rows).any() else "there"


def refusal(study, options, estimate, groups):
    """Return the verdict on a number that decides nothing; empty if it can."""
    table = [[state(study, options, group, seed) for group in groups] for seed in study.seeds]
    if options["name"] != "correlation":  # of whole seeds
        table = [states for states in table if "absent" not in states]
    for place, group in enumerate(groups):
        states = [row[place] for row in table if row[place] != "absent"]
        is_too_few = 3 * states.count("there") < 2 * len(states)
        if is_too_few or not all(study.learns[name] for name in group):
            return "open"
    gap = re.fullmatch(r"(noisy_|)generalization_gap_(\w+)", options.get("column", ""))
    is_of_gap = gap and options["name"] not in ("level", "spread", "correlation", "divergence")
    names = [name for group in groups for name in group]
    if is_of_gap and not any(has_gap(study, options, name, *gap.groups()) for name in names):
        return "no gap"
    least = 20 if options["name"] == "spread" else 12
    return "" if estimate.n_parts >= least and math.isfinite(estimate.low) else "open"


def has_gap(study, options, condition, test, measure):
    """Return whether a condition's mean gap is beyond what seeds and shared examples allow."""
    variance = sampling_variance(study, f"{test}test", measure)
    gaps = numbers(study, [condition], options["column"], options)
    gaps = gaps[np.isfinite(gaps)]
    n = len(gaps)
    of_sampling = np.nanmean(numbers(study, [condition], variance, options)) if variance else 0.0
    error = math.sqrt(gaps.var(ddof=1) / n + of_sampling)
    return gaps.mean() > t.ppf(0.975, n - 1) * error


def sampling_variance(study, test, measure):
    """Return the expression of that of a gap; empty if every seed has examples of its own."""
    if study.config["task"]["name"] not in SHARING:
        return ""
    if measure == "loss":
        return f"train_loss_se ** 2 + {test}_loss_se ** 2"
    sizes = {"train": min(5000, study.config["task"].get("n_train", 5000)), test: 10000}
    return " + ".join(  # Wilson's
        f"({of}_accuracy * (1 - {of}_accuracy) / {n} + {(Z / n) ** 2 / 4}) / {(1 + Z**2 / n) ** 2}"
        for of, n in sizes.items()
    )


def adjusted(p, is_main):
    """Return the p-values of a family, (claims, 2), after Shaffer or Benjamini and Hochberg."""
    places = np.argsort(p, axis=None)[: np.isfinite(p).sum()]
    claims, rising = places // 2, p.ravel()[places]
    if is_main:  # times the claims that are not done with, as those without a test never are
        n_never = np.isnan(p).all(axis=1).sum()
        left = [n_never + len(set(claims[rank:])) for rank in range(len(claims))]
        rising = np.maximum.accumulate(np.minimum(rising * left, 1.0))
    else:  # claims are counted, not tests
        factors = len(p) / np.arange(1, len(rising) + 1)
        rising = np.minimum.accumulate(np.minimum(rising * factors, 1.0)[::-1])[::-1]
    found = np.full(p.size, np.nan)
    found[places] = rising
    return found.reshape(p.shape)


def mark_and_verdict(estimate, p_values, margin, supported_if):
    """Return what adjusted p-values say of a number."""
    differs, is_equal = (bool(p < 0.05) for p in p_values)
    side = "+" if estimate.low + estimate.high > 0 else "-"
    mark = side * differs + "=" * is_equal or "?"
    if {"above": "+", "below": "-", "equal": "="}[supported_if] in mark:
        return mark, "supported"
    is_outside = estimate.low > margin or estimate.high < -margin
    is_open = mark == "?" or (supported_if == "equal" and not is_outside)
    return mark, "open" if is_open else "contradicted"


def on_all(rows):
    """Return mark and verdict of a claim from those on its studies."""
    for verdict in ("no gap", "not computed"):
        if all(row["verdict"] == verdict for row in rows):
            return "", verdict
    rows = [row for row in rows if row["verdict"] != "no gap"]
    marks, verdicts = [row["mark"] for row in rows], {row["verdict"] for row in rows}
    shared = "".join(sign for sign in "+-=" if all(sign in mark for mark in marks))
    if shared and len(verdicts) == 1 and verdicts != {"open"}:
        return shared, f"{verdicts.pop()} in general"
    return "", "depends on the task" if {"+", "-"} <= set("".join(marks)) else "open"


# All rows.


def options_of(claims):
    """Return the options of every claim on every study."""
    return [
        {**claim["statistic"], **own, "claim": name, "study": study}
        for name, claim in claims.items()
        for study, own in claim["studies"].items()
    ]


def computed(options):
    """Return the estimate of a claim on a study, and the verdict if it decides nothing."""
    estimate = Estimate()
    try:
        study = study_of(options["study"], options.get("seeds"))
        options.setdefault("conditions", list(study.config["conditions"]))
        estimate, groups = STATISTICS[options["name"]](study, options, margin_of(options))
        return estimate, refusal(study, options, estimate, groups)
    except NotComputed:
        return estimate, "not computed"


def recomputed(claims):
    """Return the rows of claims.csv, by claim and study."""
    tests, rows = options_of(claims), {}
    found = [computed(options) for options in tests]
    p = np.array([(np.nan, np.nan) if verdict else (of.p, of.p_equal) for of, verdict in found])
    is_main = np.array([claims[options["claim"]].get("main", False) for options in tests])
    for family in (True, False):
        p[is_main == family] = adjusted(p[is_main == family], family)
    for options, (of, verdict), p_values in zip(tests, found, p, strict=True):
        supported_if = claims[options["claim"]].get("supported_if", "above")
        mark = "?" if verdict == "open" else ""
        if not verdict:
            mark, verdict = mark_and_verdict(of, p_values, margin_of(options), supported_if)
        ends = [scale_of(options)[1](neutral_of(options) + end) for end in of[:3]]
        cells = zip(NUMBERS, [*ends, of.n, of.p, of.p_equal, *p_values], strict=True)
        rows[options["claim"], options["study"]] = dict(cells, mark=mark, verdict=verdict)
    for name, claim in claims.items():
        if len(claim["studies"]) > 1:
            mark, verdict = on_all([rows[name, study] for study in claim["studies"]])
            rows[name, "all"] = {"n": 0, "mark": mark, "verdict": verdict}
    return rows


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The rows of claims.csv by claim and study, as the program has them and as computed here."""
    folder = tmp_path_factory.mktemp("decided")
    studies = sorted(glob.glob(os.path.join("results", "committed", "*"), root_dir=REPOSITORY))
    command = [sys.executable, "scripts/decide_claims.py", "--claims", "claims.yaml"]
    command += ["--studies", *studies, "--output", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    with open(folder / "claims.csv", newline="") as stream:
        decided = {(row["claim"], row["study"]): row for row in csv.DictReader(stream)}
    return decided, recomputed(CLAIMS)


def differences(decided, here):
    """Yield in words where two versions of a row differ."""
    for key in NUMBERS:
        cell, expected = float(decided[key] or "nan"), here.get(key, math.nan)
        if cell != pytest.approx(expected, rel=1e-9, abs=0, nan_ok=True):
            yield f"{decided['claim']}, {decided['study']}: {key} {cell}, here {expected}"
    for key in ("mark", "verdict"):
        if decided[key] != here[key]:
            yield f"{decided['claim']}, {decided['study']}: {key} {decided[key]}, here {here[key]}"


def test_there_is_a_row_of_every_claim_and_study(both):
    decided, here = both
    assert set(decided) == set(here)


@pytest.mark.parametrize("kind", [*STATISTICS, "all"])
def test_rows_are_those_of_an_independent_computation(both, kind):
    decided, here = both
    kinds = {(of["claim"], of["study"]): of["name"] for of in options_of(CLAIMS)}
    keys = [key for key in here if kinds.get(key, "all") == kind]
    assert keys
    different = [line for key in keys for line in differences(decided[key], here[key])]
    assert not different, "\n".join(different)
