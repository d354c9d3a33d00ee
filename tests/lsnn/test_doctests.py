"""The examples in docstrings, run on this TensorFlow."""

import doctest
import importlib

import pytest

WITH_EXAMPLES = [
    "curvature.eigenvalues",
    "curvature.hessian",
    "curvature.quantities.balanced",
    "curvature.quantities.alignment",
    "curvature.quantities.batch_sharpness",
    "curvature.quantities.density",
    "curvature.quantities.nearby",
    "curvature.quantities.trace",
    "curvature.weights",
    "tasks.own_data",
    "tasks.sequence_file",
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_give_what_they_say(name):
    found = doctest.testmod(importlib.import_module("lsnn." + name))
    assert found.attempted > 0 and found.failed == 0
