"""Entries of the list ``hessian`` of a configuration: names, columns, and what is found."""

import numpy as np
import pytest

from lsnn.curvature.along_run import Point, Probes
from lsnn.curvature.hessian import hessian_of
from lsnn.curvature.quantities import (
    QUANTITIES,
    columns_of,
    columns_of_table,
    name_of,
)
from lsnn.options import build
from lsnn.study.config import parse_study
from small import small_network

pytestmark = pytest.mark.slow_on("1.12")

EXTREMES = [
    name + suffix
    for name in ("lambda_max", "lambda_min", "lambda_abs_max")
    for suffix in ("", "_residual", "_norm_residual", "_converged")
]


def entry(**values):
    """Return an entry with its defaults."""
    return parse_study({"hessian": [values]}).hessian[0]


def at(hessian, memory=None, seed=3):
    """Return the point at which an operator is."""
    return Point(hessian, Probes(hessian, seed), seed, 0, memory or {})


def names(columns):
    return [column.name for column in columns]


def test_an_entry_is_named_by_block_and_split():
    assert name_of(entry()) == "w_rec_validation"
    assert name_of(entry(block="all", split="train", samples=10)) == "all_train"


def test_columns_of_the_published_operator_keep_their_names():
    for one in (entry(), entry(samples=10)):
        assert names(columns_of("hessian", one)) == [*EXTREMES, "products"]
        assert columns_of("hessian", one) == columns_of_table("hessian", one)


@pytest.mark.parametrize("values", [{"block": "w_in"}, {"split": "test"}, {"block": "all"}])
def test_columns_of_another_entry_tell_block_and_split(values):
    one = entry(**values)
    own_table = names(columns_of_table("hessian", one))
    assert own_table == [*EXTREMES, "products"]  # without the entry's name
    prefix = name_of(one) + "_"
    assert names(columns_of("hessian", one)) == [prefix + name for name in (*EXTREMES, "products")]
    for plain, column in zip(columns_of("hessian", entry()), columns_of("hessian", one)):
        assert bool(column.label) == bool(plain.label)
        assert bool(column.figure) == bool(plain.figure)
        if plain.label:
            ending = ", {block}, {split}".format(**one)
            assert column.label == plain.label + ending
        if plain.figure:
            assert column.figure == prefix + plain.figure
        same = {"name": "", "label": "", "figure": ""}
        assert column._replace(**same) == plain._replace(**same)


def test_no_two_entries_share_a_column():
    entries = [entry(block=b, split=s) for b in ("w_rec", "all") for s in ("validation", "train")]
    columns = [name for one in entries for name in names(columns_of("hessian", one))]
    assert len(set(columns)) == len(columns) == 4 * len(columns_of("hessian", entry()))


@pytest.fixture
def hessian():
    network, weights = small_network()
    found = hessian_of(network, "w_rec", "validation", 20)
    found.move_to(weights)
    return found


def test_extremes_are_those_of_the_dense_matrix(hessian):
    spectrum = np.linalg.eigvalsh([hessian.product(column) for column in np.eye(hessian.size)])
    extremes = build(QUANTITIES, {"name": "extremes", "tolerance": 1e-3})
    row, _ = extremes.measure(at(hessian))
    assert sorted(row) == sorted(EXTREMES)
    expected = {"lambda_max": spectrum[-1], "lambda_min": spectrum[0]}
    expected["lambda_abs_max"] = max(spectrum[[0, -1]], key=abs)
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-3)
        assert row[name + "_converged"] is True and 0.0 <= row[name + "_residual"] <= 1e-3


def test_extremes_start_from_the_vectors_of_the_checkpoint_before(hessian):
    extremes = build(QUANTITIES, {"name": "extremes", "tolerance": 1e-3})
    first, memory = extremes.measure(at(hessian))
    assert list(memory) == ["start"] and memory["start"].shape == (hessian.size,)
    # |v + w|^2 = 2 and H(v + w) = max v + min w for orthogonal unit vectors v and w.
    start = memory["start"]
    assert start.dot(start) == pytest.approx(2.0, rel=1e-3)
    image = hessian.product(start)
    both = first["lambda_max"] + first["lambda_min"]
    product = first["lambda_max"] * first["lambda_min"]
    residual = hessian.product(image) - both * image + product * start
    assert np.linalg.norm(residual) < 1e-2 * np.linalg.norm(hessian.product(image))

    def measured_from(memory):
        before = hessian.products
        again, remembered = extremes.measure(at(hessian, memory))
        assert again["lambda_max"] == pytest.approx(first["lambda_max"], rel=1e-3)
        return hessian.products - before, remembered["start"]

    of_before = start.copy()
    anew, _ = measured_from({})
    going_on, next_start = measured_from(memory)
    assert going_on <= anew
    # What a point remembers is its own: the next one makes another.
    assert not np.array_equal(next_start, start) and np.array_equal(start, of_before)


def test_extremes_of_one_seed_are_the_same(hessian):
    extremes = build(QUANTITIES, {"name": "extremes"})
    rows, memories = zip(*(extremes.measure(at(hessian)) for _ in range(2)))
    assert rows[0] == rows[1]
    assert np.array_equal(memories[0]["start"], memories[1]["start"])


def test_the_largest_alone(hessian):
    expected, _ = build(QUANTITIES, {"name": "extremes"}).measure(at(hessian))
    extremes = build(QUANTITIES, {"name": "extremes", "ends": "largest"})
    assert names(extremes.columns) == EXTREMES[:4]
    before = hessian.products
    row, memory = extremes.measure(at(hessian))
    assert list(row) == EXTREMES[:4]
    assert row["lambda_max"] == pytest.approx(expected["lambda_max"], rel=1e-3)
    assert memory["start"].dot(memory["start"]) == pytest.approx(1.0)
    anew = hessian.products - before
    extremes.measure(at(hessian, memory))
    assert hessian.products - before - anew < anew


def test_a_run_goes_on_behind_a_checkpoint_at_which_nothing_is_finite(hessian):
    extremes = build(QUANTITIES, {"name": "extremes"})
    _network, weights = small_network()
    _, before = extremes.measure(at(hessian))
    hessian.move_to({name: np.full_like(array, 1e30) for name, array in weights.items()})
    row, memory = extremes.measure(at(hessian, before))
    assert np.isnan(row["lambda_max"]) and row["lambda_max_converged"] is False
    assert np.array_equal(memory["start"], before["start"])
    hessian.move_to(weights)
    assert extremes.measure(at(hessian, memory))[0]["lambda_max_converged"]
