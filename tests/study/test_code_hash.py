"""The hash of the code: what changes it, and what does not."""

import functools
import os
import shutil
import subprocess
import sys
from collections import OrderedDict

import pytest

from lsnn.curvature.quantities import QUANTITIES, REGISTRIES
from lsnn.curvature.quantities.extremes import Extremes
from lsnn.errors import LsnnError
from lsnn.storage.code_hash import _lines, require_code_hash
from lsnn.study.config import parse_study
from lsnn.update import PARTS

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# Prints the hashes of the jobs of a study that has one of everything, a line each.
PROGRAM = """
from lsnn.study.config import parse_study
from lsnn.update import PARTS
for neurons, hessian in [("rate", [{}]), ("lif", []), ("alif", [])]:
    study = parse_study({
        "network": {"neurons": neurons}, "hessian": hessian, "dynamics": [{}],
        "conditions": {rule: {"iterations": 250} for rule in ("bptt", "three_factor")},
    })
    for rule in study.conditions:
        print("train", neurons, rule, study.training_settings(rule, 1)["code_hash"])
        settings = study.entry_settings("dynamics", "w_rec_validation", rule)
        print("dynamics", neurons, rule, settings["code_hash"])
    for entry in study.entries("hessian"):
        print("hessian", neurons, entry, study.entry_settings("hessian", entry)["code_hash"])
"""


def hashes(folder, python=sys.executable):
    """Return the hashes by job, as the library in a folder has them."""
    output = subprocess.check_output([python, "-c", PROGRAM], cwd=str(folder))
    return dict(line.rsplit(None, 1) for line in output.decode().splitlines())


@functools.lru_cache(maxsize=None)
def hashes_here():
    return hashes(REPOSITORY)


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
    before, after = hashes_here(), hashes(copy)
    assert sorted(before) == sorted(after)
    return sorted(job for job in before if before[job] != after[job])


def test_there_is_one_hash_a_kind_of_job():
    found = hashes_here()
    assert len(found) == 13 and len(set(found.values())) == 13


def test_it_is_the_same_on_every_python_of_the_project():
    pythons = [os.path.join(REPOSITORY, ".venv/bin/python")]
    for version in ("1.12", "2"):
        folder = f".environments/tensorflow-{version}"
        pythons.append(os.path.join(REPOSITORY, folder, "bin/python"))
    for python in pythons:
        assert hashes(REPOSITORY, python) == hashes_here()


def test_words_do_not_count(copy):
    for file, old, new in [
        ("learning_rules/three_factor.py", "options =", "# A comment.\n    options ="),
        ("learning_rules/three_factor.py", "A three-factor rule: no", "A rule: no"),
        ("training.py", '"""Take one step', '"""Do one step'),
        ("training.py", "self.iteration += 1", "self.iteration  +=  1  # one more"),
        ("storage/files.py", "RECORD_VERSION = 1", "RECORD_VERSION = 2"),
        ("study/config.py", "The study as typed", "A study as typed"),
    ]:
        edit(copy, file, old, new)
    assert changed(copy) == []


def test_of_a_module_its_tokens_count_alone(tmpdir):
    """On every Python: what is one string to the older ones is several tokens since 3.12."""
    path = tmpdir.join("module.py")
    path.write(
        '"""A docstring."""\nx = f"a{1!r:>{10}} {{}} {f\'b{2}\'}" f"c"  "d"\n\n'
        "def f(a,\n      b):\n  # A comment.\n  r'One more.'\n\n  return (a\n    + b)\n"
        'y = f"""l\n  {x}\n"""\n'
    )
    assert "\n".join(_lines(str(path))).splitlines() == [
        'x = f"a{1!r:>{10}} {{}} {f\'b{2}\'}" f"c" "d"',
        "def f ( a , b ) :",
        "INDENT",
        "return ( a + b )",
        "DEDENT",
        'y = f"""l',
        "  {x}",
        '"""',
    ]


RULES = ("bptt", "three_factor")
TRAINING = [f"train {n} {r}" for n in ("rate", "lif", "alif") for r in RULES]
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
        ("training.py", "self.iteration += 1", "self.iteration += 2", TRAINING),
        ("update/update.py", "direction[name] += term", "pass", DYNAMICS + TRAINING),
        ("update/pull.py", "weight - start", "weight + start", []),
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
        ("curvature/quantities/extremes.py", "sum(vectors, ", "sum(2 * vectors, ", HESSIAN),
        ("curvature/quantities/alignment.py", "length**2", "length**3", DYNAMICS),
        ("curvature/quantities/stability.py", "2.0 / (eta", "3.0 / (eta", []),
        ("curvature/eigenvalues.py", "FLOOR = 1.0e-6", "FLOOR = 1.0e-7", DYNAMICS + HESSIAN),
        ("tasks/store_recall.py", "import numpy as np\n", "import numpy as np\n\nUNUSED = 1\n", []),
    ],
)
def test_a_number_changes_the_jobs_that_depend_on_it(copy, file, old, new, jobs):
    edit(copy, file, old, new)
    assert changed(copy) == sorted(jobs)


def test_a_new_member_changes_no_hash_of_the_others(copy):
    for package, member, registry in [
        ("learning_rules", "BPTT", "LEARNING_RULES"),
        ("tasks", "SequentialMnist", "TASKS"),
        ("neurons", "RateNeurons", "NEURONS"),
        ("curvature/quantities", "Extremes", "QUANTITIES"),
        ("curvature/quantities", "Alignment", "DYNAMICS"),
        ("update", "Pull", "PARTS"),
    ]:
        here, module = copy.join("lsnn", package), "lsnn." + package.replace("/", ".")
        here.join(f"new_{registry}.py").write(
            f"from {module} import {member}\n\n\nclass NewOne({member}):\n    'A new one.'\n"
        )
        text = here.join("__init__.py").read_text("utf-8")
        text += f"\nfrom {module} import new_{registry}\n"
        text += f"\n{registry}['new_one'] = new_{registry}.NewOne\n"
        here.join("__init__.py").write_text(text, "utf-8")
    assert changed(copy) == []


def test_the_parts_of_training_count_that_a_condition_has():
    parts = [{}, *({name: {}} for name in PARTS)]
    studies = [parse_study({"training": {"parts": one}, "dynamics": [{}]}) for one in parts]
    of_runs = {study.training_settings("bptt", 1)["code_hash"] for study in studies}
    names = ("dynamics", "w_rec_validation", "bptt")
    of_entries = {study.entry_settings(*names)["code_hash"] for study in studies}
    assert len(of_runs) == len(of_entries) == len(parts)


def test_the_order_counts_in_which_quantities_are_computed(monkeypatch):
    """One uses the products of another: its numbers are others where it comes first."""
    study = parse_study({"hessian": [{"quantities": ["density", "extremes"]}]})

    def hash_of_entry():
        return study.entry_settings("hessian", "w_rec_validation")["code_hash"]

    before = hash_of_entry()
    monkeypatch.setattr(Extremes, "uses", ())
    order = list(QUANTITIES.items())[::-1]
    monkeypatch.setitem(REGISTRIES, "hessian", OrderedDict(order))
    assert hash_of_entry() != before


def test_a_job_that_finds_other_code_than_it_was_planned_with_is_refused():
    settings = parse_study({}).training_settings("bptt", 1)
    require_code_hash(settings)
    with pytest.raises(LsnnError, match="has changed since this job was planned.* start the workf"):
        require_code_hash(dict(settings, code_hash="0" * 64))
