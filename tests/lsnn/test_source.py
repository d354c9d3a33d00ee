"""The hash of the source: what changes it, and what does not."""

import os
import shutil
import subprocess
import sys

import pytest

from lsnn.errors import LsnnError
from lsnn.storage.code_hash import require_source
from lsnn.study.config import parse_study

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# Prints the hashes of the jobs of a study that has one of everything, a line each.
PROGRAM = """
from lsnn.study.config import parse_study
for neurons, hessian in [("rate", [{}]), ("lif", []), ("alif", [])]:
    study = parse_study({
        "network": {"neurons": neurons}, "hessian": hessian, "dynamics": [{}],
        "conditions": {rule: {"iterations": 250} for rule in ("bptt", "three_factor")},
    })
    for rule in study.conditions:
        print("train", neurons, rule, study.training_settings(rule, 1)["source"])
        settings = study.entry_settings("dynamics", "w_rec_validation", rule)
        print("dynamics", neurons, rule, settings["source"])
    for entry in study.entries("hessian"):
        print("hessian", neurons, entry, study.entry_settings("hessian", entry)["source"])
"""


def hashes(folder, python=sys.executable):
    """Return the hashes by job, as the library in a folder has them."""
    output = subprocess.check_output([python, "-c", PROGRAM], cwd=str(folder))
    return dict(line.rsplit(None, 1) for line in output.decode().splitlines())


@pytest.fixture
def copy(tmpdir):
    """A copy of the library, of which a test may edit files."""
    shutil.copytree(os.path.join(REPOSITORY, "lsnn"), str(tmpdir.join("lsnn")))
    return tmpdir


def edit(copy, file, old, new):
    path = copy.join("lsnn", file)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def changed(copy):
    """Return the jobs whose hash differs from that of the library here."""
    before, after = hashes(REPOSITORY), hashes(copy)
    assert sorted(before) == sorted(after)
    return sorted(job for job in before if before[job] != after[job])


def test_there_is_one_hash_a_kind_of_job():
    found = hashes(REPOSITORY)
    assert len(found) == 13 and len(set(found.values())) == 13


def test_it_is_the_same_on_every_python_of_the_project():
    pythons = [os.path.join(REPOSITORY, ".venv/bin/python")]
    for version in ("1.12", "2"):
        folder = ".environments/tensorflow-{}".format(version)
        pythons.append(os.path.join(REPOSITORY, folder, "bin/python"))
    for python in pythons:
        assert hashes(REPOSITORY, python) == hashes(REPOSITORY)


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("learning_rules/three_factor.py", "label =", "# A comment.\n    label ="),
        ("learning_rules/three_factor.py", "A three-factor rule: no", "A rule: no"),
        ("training.py", '"""Take one step', '"""Do one step'),
        ("training.py", "def _rewire(self, learning_rate):", "def _rewire(self,\n learning_rate):"),
        ("training.py", '"Step size of the optimiser."', '"The step size."'),
        ("tasks/base.py", '"cross entropy", "nats"', '"cross-entropy", "nat"'),
        ("quantities/extremes.py", '"largest eigenvalue λ_max"', '"sharpness"'),
        ("mnist.py", "raise DataError(", "raise DataError(1, "),
        ("files.py", "RECORD_VERSION = 1", "RECORD_VERSION = 2"),
        ("config.py", "The study as typed", "A study as typed"),
    ],
)
def test_words_do_not_count(copy, file, old, new):
    edit(copy, file, old, new)
    assert changed(copy) == []


RULES = ("bptt", "three_factor")
TRAINING = ["train {} {}".format(n, r) for n in ("rate", "lif", "alif") for r in RULES]
DYNAMICS = [job.replace("train", "dynamics") for job in TRAINING]
HESSIAN = ["hessian rate w_rec_validation"]
ALL = DYNAMICS + HESSIAN + TRAINING


@pytest.mark.parametrize(
    "file, old, new, jobs",
    [
        (
            "learning_rules/three_factor.py",
            "closed(z)",
            "z",
            [j for j in ALL if "three" in j],
        ),
        ("training.py", "self.iteration += 1", "self.iteration += 2", DYNAMICS + TRAINING),
        (
            "neurons/rate.py",
            "weight_variance = 2.0",
            "weight_variance = 2.5",
            [j for j in ALL if "rate" in j],
        ),
        (
            "neurons/alif.py",
            "low_pass(self.rho",
            "low_pass(0.5 * self.rho",
            [j for j in ALL if "alif" in j],
        ),
        ("tasks/sequential_mnist.py", "np.float32(255)", "np.float32(256)", ALL),
        ("randomness.py", '"<u4"', '">u4"', ALL),
        ("quantities/extremes.py", "sum(vectors)", "sum(2 * vectors)", HESSIAN),
        ("quantities/alignment.py", "length**2", "length**3", DYNAMICS),
        ("quantities/stability.py", "2.0 / (eta", "3.0 / (eta", []),
        ("curvature/eigenvalues.py", "FLOOR = 1.0e-6", "FLOOR = 1.0e-7", DYNAMICS + HESSIAN),
        ("tasks/store_recall.py", "import numpy as np\n", "import numpy as np\n\nUNUSED = 1\n", []),
    ],
)
def test_a_number_changes_the_jobs_that_depend_on_it(copy, file, old, new, jobs):
    edit(copy, file, old, new)
    assert changed(copy) == sorted(jobs)


@pytest.mark.parametrize(
    "package, member, registry",
    [
        ("learning_rules", "BPTT", "LEARNING_RULES"),
        ("tasks", "SequentialMnist", "TASKS"),
        ("neurons", "RateNeurons", "NEURONS"),
        ("quantities", "Extremes", "QUANTITIES"),
        ("quantities", "Alignment", "DYNAMICS"),
    ],
)
def test_a_new_member_changes_no_hash_of_the_others(copy, package, member, registry):
    here = copy.join("lsnn", package)
    here.join("new_one.py").write(
        "from lsnn.{0} import {1}\n\n\nclass NewOne({1}):\n    '''A new one.'''\n".format(
            package, member
        )
    )
    text = here.join("__init__.py").read_text("utf-8")
    text += "\nfrom lsnn.{} import new_one\n\n{}['new_one'] = new_one.NewOne\n".format(
        package, registry
    )
    here.join("__init__.py").write_text(text, "utf-8")
    assert changed(copy) == []


def test_a_job_that_finds_another_source_than_it_was_planned_with_is_refused():
    settings = parse_study({}).training_settings("bptt", 1)
    require_source(settings)
    with pytest.raises(LsnnError, match="has changed since this job was planned.* start the workf"):
        require_source(dict(settings, source="0" * 64))
