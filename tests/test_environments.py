"""The environments of conda and of pip are the same."""

import os

import pytest
import yaml

ENVS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "envs")
PLOTTING = {"jsonschema", "matplotlib", "numpy", "pandas", "pyyaml", "scipy", "seaborn"}


def read_requirements(name):
    with open(os.path.join(ENVS, name + ".txt"), encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    return [line for line in lines if not line.startswith(("#", "-r "))]


def read_conda(name):
    """Return the conda packages and the pip pins of an environment."""
    with open(os.path.join(ENVS, name + ".yaml"), encoding="utf-8") as stream:
        environment = yaml.safe_load(stream)
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    *conda, pip = environment["dependencies"]
    return conda, pip["pip"]


@pytest.mark.parametrize(
    "name, conda",
    [("tensorflow-1.12", ["python=3.6", "pip=21.3.1"]), ("tensorflow-2", ["python=3.12", "pip"])],
)
def test_conda_has_the_pins_of_the_requirements(name, conda):
    assert read_conda(name) == (conda, read_requirements(name))


def test_conda_of_the_workflow_has_the_pins_that_plots_need():
    pins = [pin for pin in read_requirements("workflow") if pin.split("==")[0] in PLOTTING]
    assert len(pins) == len(PLOTTING)
    assert read_conda("workflow") == (["python=3.12", "pip"], pins)


@pytest.mark.parametrize("file", sorted(f for f in os.listdir(ENVS) if f.endswith(".txt")))
def test_every_requirement_is_pinned(file):
    requirements = read_requirements(file[: -len(".txt")])
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
