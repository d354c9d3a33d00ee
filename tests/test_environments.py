"""The environments of conda and of pip are the same, and all that they have is pinned."""

import re

import pytest

from lock_environments import ENVS, environments, read_pins


def read_requirements(name):
    return read_pins(ENVS / f"{name}.txt")


def read_lock(name):
    """Return the pins of a file that uv wrote, each with the number of its hashes."""
    text = (ENVS / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return {line.partition(" --hash")[0].strip(): line.count("--hash=sha256:") for line in lines}


@pytest.mark.parametrize("path", sorted(environments()), ids=lambda path: path.name)
def test_files_for_conda_are_those_that_the_pins_make(path):
    assert path.read_text() == environments()[path], "make lock"


def test_there_is_no_other_file_for_conda():
    assert set(ENVS.glob("*.yaml")) == set(environments())


@pytest.mark.parametrize("name", ["workflow", "development"])
def test_a_lock_has_what_was_asked_for_and_a_hash_of_everything(name):
    lock = read_lock(name)
    assert set(read_pins(ENVS / f"{name}.in")) <= set(lock), "make lock"
    assert min(lock.values()) > 0
    assert all(re.match(r"[\w.-]+==[\w.]+( ;|$)", pin) for pin in lock)


def test_the_lock_of_development_has_that_of_the_workflow():
    assert read_lock("workflow").items() <= read_lock("development").items(), "make lock"


def test_a_lock_names_no_place_to_get_packages_from():
    for name in "workflow", "development":
        assert "//" not in (ENVS / f"{name}.txt").read_text()


def without_gpu(name):
    """Return the requirements of a GPU environment as they would be without its GPU."""
    pins = [pin.replace("tensorflow-gpu==", "tensorflow==") for pin in read_requirements(name)]
    return {pin for pin in pins if not pin.startswith("nvidia-")}


def test_a_gpu_environment_differs_from_the_other_by_its_tensorflow_and_cuda():
    assert without_gpu("tensorflow-1.12-gpu") == set(read_requirements("tensorflow-1.12"))
    others = [pin for pin in read_requirements("tensorflow-2") if not pin.startswith("tensorflow")]
    assert without_gpu("tensorflow-2-gpu") == {*others, "tensorflow==2.21.0"}
    assert "nvidia-cublas-cu12" in " ".join(read_requirements("tensorflow-2-gpu"))


@pytest.mark.parametrize(
    "path", [*ENVS.glob("*.in"), *ENVS.glob("tensorflow-*.txt")], ids=lambda path: path.name
)
def test_every_requirement_is_pinned(path):
    requirements = read_pins(path)
    assert requirements
    for requirement in requirements:
        name, separator, version = requirement.partition(";")[0].partition("==")
        assert separator and name and version and "*" not in version, requirement


def test_both_tensorflow_environments_are_the_announced_ones():
    assert "tensorflow==1.12.0" in read_requirements("tensorflow-1.12")
    versions = {
        pin.partition(";")[0].partition("==")[2]
        for pin in read_requirements("tensorflow-2")
        if pin.startswith("tensorflow")
    }
    assert versions == {"2.21.0"}
