"""What a dry run says of time and memory, against what the committed studies took."""

import re
from collections import defaultdict
from pathlib import Path
from statistics import median

import pytest

from lsnn.storage.files import read_record
from lsnn.study import costs
from lsnn.study.config import parse_study
from lsnn.training import checkpoint_iterations

REPOSITORY = Path(__file__).parents[2]
COMMITTED = sorted((REPOSITORY / "results/committed").glob("*/metadata.json"))


def errors_of_estimates(path):
    """By how much the estimate of each stage of a committed study is wrong, as a factor.

    Against the median of a condition's runs that trained to their end: a run that was suspended, or
    had the machine to itself, tells nothing of the others.
    """
    metadata = read_record(path)
    study = parse_study(metadata["study"])
    found, expected = defaultdict(list), defaultdict(list)
    for run in metadata["runs"]:
        name, condition = run["condition"], study.conditions[run["condition"]]
        at = checkpoint_iterations(condition.iterations, condition.checkpoint_every)
        part = (run["checkpoints"] - 1) / (len(at) - 1)
        found["training", name].append(run["training_wall_seconds"] / part)
        expected["training", name].append(costs.training_cost(study, name).seconds)
        for kind in ("hessian", "dynamics"):
            asked = [
                costs.entry_cost(study, name, kind, entry_name).seconds
                for entry_name, entry in study.entries(kind).items()
                if run["seed"] in study.seeds_of(entry)
            ]
            if asked:
                found[kind, name].append(run[f"{kind}_wall_seconds"])
                expected[kind, name].append(sum(asked))
    ratios = []
    for stage in sorted({stage for stage, _ in found}):
        of_stage = [key for key in found if key[0] == stage]
        ratios.append(
            sum(median(expected[key]) for key in of_stage)
            / sum(median(found[key]) for key in of_stage)
        )
    return [max(ratio, 1 / ratio) for ratio in ratios]


def test_estimates_are_rarely_wrong_by_more_than_a_factor_of_two_and_a_half():
    """The committed studies were computed on several machines, some of which did other things."""
    errors = sorted(error for path in COMMITTED for error in errors_of_estimates(path))
    assert len(errors) > 30
    assert errors[len(errors) * 9 // 10] < 2.5 and errors[-1] < 4


def test_many_short_jobs_take_the_time_of_their_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = {"iterations": 2, "checkpoint_every": 1}
    study = parse_study({"conditions": {"bptt": short, "three_factor": short}, "seeds": 10})
    minutes = re.search(r"many: 40 jobs, about (\d+) min", costs.estimate({"many": study}))
    assert int(minutes[1]) >= 40 * costs.SECONDS_PER_JOB / 60


def test_where_sizes_are_not_known_the_jobs_are_counted_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        for split in ("train", "t10k"):
            (tmp_path / "own").mkdir(exist_ok=True)
            (tmp_path / f"own/{split}-{name}").write_bytes(b"")
    study = parse_study({"task": {"name": "sequential_mnist", "images": "own"}, "data": "."})
    assert costs.estimate({"own": study}).splitlines()[1] == (
        "  own: 20 jobs; up to 1.5 GB of memory per job"
    )


@pytest.mark.parametrize(
    "changes, training, entry",
    [
        ({}, 1500, 1500),
        ({"tensorflow": "2-gpu"}, 6000, 6000),
        ({"network": {"neurons": "lif"}, "hessian": []}, 6000, 6000),
        ({"network": {"n_units": 2000}}, 1500, 7200),
        ({"network": {"n_units": 2000, "n_delays": 10}}, 7200, 64800),
    ],
)
def test_memory_is_that_of_states_or_weights(changes, training, entry):
    study = parse_study(changes)
    assert costs.memory_of(study, "bptt", "training") == pytest.approx(training)
    assert costs.memory_of(study, "bptt", "entry") == pytest.approx(entry)
    of_one = {"bptt": {"network": changes.get("network", {})}, "three_factor": {}}
    study = parse_study({**changes, "network": {}, "conditions": of_one})
    assert costs.memory_of(study, "bptt", "entry") == pytest.approx(entry)
    least = 6000 if study.on_gpu else 1500
    assert costs.memory_of(study, "three_factor", "entry") == pytest.approx(least)
