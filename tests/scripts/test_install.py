"""The library lsnn, installed by pip, works where there is no checkout."""

import email
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

import lsnn

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TENSORFLOWS = ("tensorflow-1.12", "tensorflow-2")
NEEDED = {"jsonschema", "numpy", "pyyaml", "scipy", "threadpoolctl"}

PROGRAM = """
import lsnn, lsnn.tasks
from lsnn.study.config import parse_study
print(lsnn.__file__)
print(parse_study({}).name)
print(*sorted(lsnn.tasks.TASKS))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the repository without what git ignores: a build leaves files beside the source."""
    copy = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    for name in filter(lambda name: os.path.exists(os.path.join(REPOSITORY, name)), listed):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.join(REPOSITORY, name), copy / name)
    return str(copy)


@pytest.fixture(scope="module", params=TENSORFLOWS)
def installed(request, source, tmp_path_factory):
    """A Python, and a folder in which pip has installed lsnn alone, built with that Python.

    What it needs is borrowed from the TensorFlow environment, so that nothing is downloaded.
    """
    python = os.path.join(REPOSITORY, ".environments", request.param, "bin", "python")
    folder = str(tmp_path_factory.mktemp("checkout_of_another") / "site-packages")
    uv = [os.path.join(os.path.dirname(sys.executable), "uv"), "pip", "install", "--quiet"]
    options = ["--python", python, "--target", folder, "--no-deps", "--no-build-isolation"]
    subprocess.run([*uv, *options, "--no-cache", source], check=True)
    return python, folder


def metadata(folder):
    """Return the metadata of the installed package."""
    path = os.path.join(folder, f"lsnn_curvature-{lsnn.__version__}.dist-info", "METADATA")
    with open(path, encoding="utf-8") as stream:
        return email.message_from_file(stream)


@pytest.mark.slow
def test_the_library_works_outside_the_checkout(installed, tmp_path):
    python, folder = installed
    environment = dict(os.environ, PYTHONPATH=folder)
    result = subprocess.run(
        [python, "-c", PROGRAM],
        cwd=str(tmp_path), env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    file, name, tasks = result.stdout.splitlines()
    assert file == os.path.join(folder, "lsnn", "__init__.py")
    assert name == "sequential_mnist"
    assert "sequential_mnist" in tasks.split()


@pytest.mark.slow
def test_its_commit_is_not_that_of_the_checkout_around_it(installed):
    python, folder = installed
    around = os.path.dirname(folder)
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "--quiet"], cwd=around, check=True)
    commit = ["git", *author, "commit", "--quiet", "--allow-empty", "--message", "another"]
    subprocess.run(commit, cwd=around, check=True)
    program = "import os, lsnn, lsnn.storage.records as p; "
    program += "print(os.path.dirname(lsnn.__file__), p._commit()['commit'])"
    environment = dict(os.environ, PYTHONPATH=folder)
    result = subprocess.run(
        [python, "-c", program],
        cwd=around, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert result.stdout.split() == [os.path.join(folder, "lsnn"), "None"]


@pytest.mark.slow
def test_nothing_but_the_library_is_installed(installed):
    _, folder = installed
    packages = {name for name in os.listdir(folder) if not name.endswith(".dist-info")}
    assert packages - {".lock"} == {"lsnn"}  # the lock is uv's


@pytest.mark.slow
def test_the_package_says_what_it_needs_but_tensorflow(installed):
    _, folder = installed
    found = metadata(folder)
    assert found["Requires-Python"] == ">=3.6"
    lines = found.get_all("Requires-Dist")
    extra = {line for line in lines if "extra ==" in line}  # for lsnn.load_study and its like
    assert [re.split(r"[ ;]", line)[0] for line in extra] == ["pandas"]
    needed = {re.match(r"[\w-]+", line).group().lower() for line in set(lines) - extra}
    assert needed == NEEDED


@pytest.mark.parametrize("name", TENSORFLOWS)
def test_what_it_needs_is_in_every_tensorflow_environment(name):
    with open(os.path.join(REPOSITORY, "envs", name + ".txt"), encoding="utf-8") as stream:
        pinned = {line.partition("==")[0] for line in stream}
    assert pinned >= NEEDED


def test_citation_and_changelog_have_this_version():
    with open(os.path.join(REPOSITORY, "CITATION.cff"), encoding="utf-8") as stream:
        citation = yaml.safe_load(stream)
    assert citation["version"] == lsnn.__version__
    with open(os.path.join(REPOSITORY, "CHANGELOG.md"), encoding="utf-8") as stream:
        released = "## [{version}] - {date-released}".format(**citation)
        assert released in stream.read().splitlines()
