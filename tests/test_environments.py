"""The environments of conda and of pip are the same."""

import os

import pytest
import yaml

ENVS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "envs")
PLOTTING = {
    "jsonschema",
    "matplotlib",
    "numpy",
    "pandas",
    "pyyaml",
    "scipy",
    "seaborn",
    "threadpoolctl",
}


def read_requirements(name):
    with open(os.path.join(ENVS, name + ".txt"), encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    return [line for line in lines if not line.startswith(("#", "-r "))]


def read_conda(name, channels=("conda-forge", "nodefaults")):
    """Return the conda packages and the pip pins of an environment."""
    with open(os.path.join(ENVS, name + ".yaml"), encoding="utf-8") as stream:
        environment = yaml.safe_load(stream)
    assert environment["channels"] == list(channels)
    *conda, pip = environment["dependencies"]
    return conda, pip["pip"]


@pytest.mark.parametrize(
    "name, conda",
    [
        ("tensorflow-1.12", ["python=3.6", "pip=21.3.1"]),
        ("tensorflow-2", ["python=3.12", "pip"]),
        ("tensorflow-2-gpu", ["python=3.12", "pip"]),
    ],
)
def test_conda_has_the_pins_of_the_requirements(name, conda):
    assert read_conda(name) == (conda, read_requirements(name))


def test_conda_brings_cuda_9_for_tensorflow_1():
    conda = ["python=3.6", "pip=21.2", "cudatoolkit=9.0", "cudnn=7"]
    name = "tensorflow-1.12-gpu"
    assert read_conda(name, channels=["defaults"]) == (conda, read_requirements(name))


def without_gpu(name):
    """Return the requirements of a GPU environment as they would be without its GPU."""
    pins = [pin.replace("tensorflow-gpu==", "tensorflow==") for pin in read_requirements(name)]
    return {pin for pin in pins if not pin.startswith("nvidia-")}


def test_a_gpu_environment_differs_from_the_other_by_its_tensorflow_and_cuda():
    assert without_gpu("tensorflow-1.12-gpu") == set(read_requirements("tensorflow-1.12"))
    others = [pin for pin in read_requirements("tensorflow-2") if not pin.startswith("tensorflow")]
    assert without_gpu("tensorflow-2-gpu") == {*others, "tensorflow==2.21.0"}
    assert "nvidia-cublas-cu12" in " ".join(read_requirements("tensorflow-2-gpu"))


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
