"""Where the results of the demo are."""

import os

import pytest


@pytest.fixture(scope="session")
def demo():
    """The folder of the demo's results in this checkout."""
    folder = "results/demo"
    assert os.path.exists(f"{folder}/metadata.json"), "make demo"
    return folder
