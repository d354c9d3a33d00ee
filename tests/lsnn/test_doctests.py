"""The examples in docstrings, run on this TensorFlow."""

import doctest
import importlib

import pytest

WITH_EXAMPLES = [
    "curvature.eigenvalues",
    "curvature.hessian",
    "curvature.quantities.alignment",
    "curvature.quantities.density",
    "curvature.quantities.trace",
    "curvature.weights",
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_give_what_they_say(name):
    found = doctest.testmod(importlib.import_module("lsnn." + name))
    assert found.attempted > 0 and found.failed == 0
