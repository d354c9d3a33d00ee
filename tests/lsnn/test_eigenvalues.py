"""Extreme eigenvalues against spectra that are known."""

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from lsnn.curvature import eigenvalues
from lsnn.curvature.eigenvalues import FLOOR, Krylov, extreme_eigenvalues, mixed_with_random

TOLERANCE = 1e-4


class Symmetric(LinearOperator):
    """A known spectrum, in directions that are those of the axes or random."""

    def __init__(self, values, rotated=True):
        self.values = np.asarray(values, np.float64)
        size = len(self.values)
        super().__init__(np.float64, (size, size))
        random = np.random.RandomState(7).randn(size, size)
        self.vectors = np.linalg.qr(random)[0] if rotated else np.eye(size)
        self.products = 0

    def _matvec(self, vector):
        self.products += 1
        return self.vectors.dot(self.values * self.vectors.T.dot(np.ravel(vector)))


def generator():
    return np.random.RandomState(1)


def found_of(operator, start=None, **options):
    start = np.random.RandomState(2).randn(operator.shape[0]) if start is None else start
    space = Krylov(operator, mixed_with_random(start, generator()))
    return extreme_eigenvalues(space, TOLERANCE, **options)


def random_spectrum(low, high, size=200):
    return np.random.RandomState(3).uniform(low, high, size)


SPECTRA = {
    "indefinite": np.concatenate([random_spectrum(-1.0, 1.0), [-40.0, 300.0]]),
    "negative": -np.concatenate([random_spectrum(1.0, 2.0), [50.0, 0.5]]),
    "clustered": np.concatenate([random_spectrum(0.0, 1.0), 10.0 + 1e-5 * np.arange(5), [-3.0]]),
    "repeated": np.concatenate([random_spectrum(0.0, 1.0), [10.0, 10.0, -5.0, -5.0]]),
    "semidefinite": np.concatenate([random_spectrum(1.0, 20.0), [0.0]]),
    "null space": np.concatenate([np.zeros(100), random_spectrum(1.0, 20.0, 20)]),
    "no gaps": np.linspace(-1.0, 1.0, 60),
    "low rank": np.concatenate([np.zeros(100), [5.0, -2.0]]),
    "identity": np.full(50, 3.0),
    "two": [2.0, -1.0],
    "three": [-2.0, -1.0, -4.0],
    "one": [-7.0],
    "tiny": 1e-12 * np.arange(1.0, 30.0),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("name", sorted(SPECTRA))
def test_both_ends_of_a_spectrum(name, rotated):
    values = np.sort(SPECTRA[name])
    norm = np.abs(values).max()
    operator = Symmetric(values, rotated)
    for eigenvalue, expected in zip(found_of(operator), values[[-1, 0]]):
        assert eigenvalue.converged is True and eigenvalue.products == operator.products
        assert abs(eigenvalue.value - expected) <= max(TOLERANCE * abs(expected), FLOOR * norm)


@pytest.mark.filterwarnings("error")
def test_a_matrix_of_zeros_converges():
    operator = Symmetric(np.zeros(30))
    for eigenvalue in found_of(operator):
        assert eigenvalue[:4] == (0.0, 0.0, 0.0, True)
    assert operator.products == 1


@pytest.mark.filterwarnings("error")
def test_an_eigenvalue_of_zero_converges_by_the_norm():
    smallest = found_of(Symmetric(SPECTRA["semidefinite"]))[1]
    assert smallest.norm_residual <= FLOOR < TOLERANCE < smallest.residual
    assert smallest.converged


@pytest.mark.parametrize("place", [0, 1, -1])
def test_the_largest_is_found_from_a_start_without_any_of_it(place):
    """The start is an eigenvector, of another eigenvalue or of this one: its space is itself."""
    operator = Symmetric(np.concatenate([random_spectrum(-1.0, 1.0), [100.0, 120.0]]))
    start = operator.vectors[:, place - 1]
    both = found_of(operator, start)
    assert both[0].value == pytest.approx(120.0, rel=TOLERANCE)
    assert both[1].value == pytest.approx(operator.values.min(), rel=TOLERANCE)
    (alone,) = found_of(operator, start, smallest=False)
    assert alone.value == pytest.approx(120.0, rel=TOLERANCE)


@pytest.mark.parametrize("name", ["indefinite", "clustered", "no gaps"])
def test_the_largest_alone_takes_no_more_products(name):
    operators = [Symmetric(SPECTRA[name]) for _ in range(2)]
    (alone,) = found_of(operators[0], smallest=False)
    both = found_of(operators[1])
    assert alone.value == pytest.approx(both[0].value, rel=TOLERANCE)
    assert operators[0].products <= operators[1].products


def test_an_eigenvalue_that_did_not_converge_says_so(monkeypatch):
    monkeypatch.setattr(eigenvalues, "MOST_LANCZOS_PRODUCTS", 12)
    operator = Symmetric(np.concatenate([np.linspace(-1.0, 1.0, 500), [10.0]]))
    largest, smallest = found_of(operator)
    assert operator.products == 12
    assert largest.converged and largest.value == pytest.approx(10.0)
    assert smallest.converged is False and smallest.value == pytest.approx(-1.0, rel=0.2)
    assert smallest.residual > TOLERANCE and smallest.norm_residual > FLOOR


@pytest.mark.parametrize("name", sorted(SPECTRA))
def test_residuals_are_those_of_the_vectors(name):
    operator = Symmetric(SPECTRA[name])
    norm = np.abs(operator.values).max()
    for eigenvalue in found_of(operator):
        vector = eigenvalue.vector
        assert np.linalg.norm(vector) == pytest.approx(1.0)
        length = np.linalg.norm(operator.matvec(vector) - eigenvalue.value * vector)
        rounding = 3e-7 * norm  # of images that are kept in float32
        assert eigenvalue.residual * abs(eigenvalue.value) == pytest.approx(length, abs=rounding)
        assert eigenvalue.norm_residual * norm == pytest.approx(length, rel=1e-2, abs=rounding)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_is_reported_where_products_are_not_finite(bad):
    operator = LinearOperator((3, 3), lambda vector: np.full(3, bad), dtype=np.float64)
    for eigenvalue in found_of(operator):
        assert np.isnan(eigenvalue.value) and eigenvalue.converged is False
        assert eigenvalue.vector is None


class Noisy(Symmetric):
    """Products that are rounded to float32, as those of a Hessian are."""

    def _matvec(self, vector):
        return super()._matvec(np.float32(vector)).astype(np.float32)


def test_the_basis_stays_orthogonal_and_no_eigenvalue_comes_twice():
    """Without reorthogonalisation copies of the outliers appear after some twenty products."""
    operator = Noisy(np.concatenate([random_spectrum(0.0, 1.0, 400), [1000.0, 300.0, -200.0]]))
    space = Krylov(operator, np.random.RandomState(2).randn(403))
    for _ in range(150):
        assert space.extend()
    basis = np.array([space.lift(row)[0] for row in np.eye(150)])
    assert np.abs(basis.dot(basis.T) - np.eye(150)).max() < 1e-10
    values = space.ritz()[0]
    outliers = values[np.abs(values) > 2.0]
    assert outliers == pytest.approx([-200.0, 300.0, 1000.0], rel=1e-6)


def test_neither_start_nor_tolerance_need_be_chosen():
    values = SPECTRA["indefinite"]
    largest, smallest = extreme_eigenvalues(Krylov(Symmetric(values)))
    assert [largest.value, smallest.value] == pytest.approx([300.0, -40.0], rel=1e-3)
    assert max(largest.residual, smallest.residual) <= 1e-3
    assert extreme_eigenvalues(Krylov(Symmetric(values)))[0].value == largest.value


def test_the_same_numbers_from_the_same_start():
    operator = Symmetric(SPECTRA["indefinite"])
    first, second = found_of(operator), found_of(operator)
    for one, other in zip(first, second):
        assert one[:4] == other[:4] and np.array_equal(one.vector, other.vector)
