"""Extreme eigenvalues of a symmetric operator, from its products with vectors."""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh_tridiagonal

# Products are computed in float32: a residual below this fraction of the spectral norm tells no
# more.
FLOOR = 1.0e-6
MOST_PRODUCTS = 400
USUAL_TOLERANCE = 1.0e-3  # relative
# Length of the random part of a start, relative to the rest: no eigenvector is orthogonal to it.
RANDOM_PART = 0.3
GROWTH = 32  # how many vectors to make room for at a time


class Eigenvalue(NamedTuple):
    """A signed eigenvalue of H, and how accurate it is.

    With |v| = 1, |Hv - value v| bounds the distance from the value to some eigenvalue. That this is
    the extreme one is what the Lanczos method tends towards, not what a residual can tell.
    """

    value: float
    residual: float  # |Hv - value v| / |value|
    norm_residual: float  # |Hv - value v| / |H|; |H| is the largest Ritz value in magnitude
    converged: bool  # residual <= tolerance, or norm_residual <= FLOOR
    vector: Any  # v (size,), float64; None where there is no estimate

    def columns(self, name):
        """Return the values of :func:`lsnn.study.columns.eigenvalue_columns` by name."""
        return {
            name: self.value,
            name + "_residual": self.residual,
            name + "_norm_residual": self.norm_residual,
            name + "_converged": self.converged,
        }


UNKNOWN = Eigenvalue(np.nan, np.nan, np.nan, False, None)


class Krylov(object):
    """The space of start, H start, H^2 start, ... with an orthonormal basis, and H within it.

    In the basis of the Lanczos method (Golub and Van Loan, Matrix Computations, 4th ed., section
    10.1), here with full reorthogonalisation in float64, H is tridiagonal. Its eigenvalues there,
    the Ritz values, tend to extreme eigenvalues of H as the space grows.

    Args:
        operator: H, a symmetric ``LinearOperator``.
        start: vector (size,) that is not 0; if None, normal random numbers, always the same.
    """

    def __init__(self, operator, start=None):
        if start is None:
            start = np.random.RandomState(0).randn(operator.shape[0])
        self._operator = operator
        self._basis = np.empty((0, len(start)))
        self._images = np.empty((0, len(start)), np.float32)  # H times the basis
        self._diagonal, self._off_diagonal = [], []
        self._next = start / np.linalg.norm(start)

    @property
    def size(self):
        """Number of vectors in the basis, and so of products taken."""
        return len(self._diagonal)

    @property
    def is_whole(self):
        """Whether H does not lead out of the space."""
        return self.size > 0 and self._off_diagonal[-1] == 0.0

    @property
    def rayleigh_quotient(self):
        """v^T H v of the start v, of length 1."""
        return self._diagonal[0]

    def extend(self):
        """Take one product and one more vector into the basis; return False if it is not finite."""
        k, vector = len(self._diagonal), self._next
        if k == len(self._basis):
            self._basis = _with_room(self._basis)
            self._images = _with_room(self._images)
        image = self._operator.matvec(vector)
        if not np.all(np.isfinite(image)):
            return False
        self._basis[k], self._images[k] = vector, image
        self._diagonal.append(vector.dot(image))
        rest = image - self._diagonal[k] * vector
        if k > 0:
            rest -= self._off_diagonal[k - 1] * self._basis[k - 1]
        basis = self._basis[: k + 1]
        rest -= basis.T.dot(basis.dot(rest))
        length = np.linalg.norm(rest)
        if length <= 1e-12 * np.linalg.norm(image):
            length = 0.0
        self._off_diagonal.append(length)
        self._next = rest / length if length > 0.0 else rest
        return True

    def ritz(self):
        """Return the Ritz values, ascending, their vectors in the basis, and |Hv - value v|."""
        values, vectors = eigh_tridiagonal(self._diagonal, self._off_diagonal[:-1])
        return values, vectors, self._off_diagonal[-1] * np.abs(vectors[-1])

    def lift(self, coordinates):
        """Return a vector of the space, given in the basis, and its product with H."""
        k = len(coordinates)
        return self._basis[:k].T.dot(coordinates), self._images[:k].T.dot(coordinates)


def _with_room(rows):
    return np.concatenate([rows, np.empty((GROWTH,) + rows.shape[1:], rows.dtype)])


def mixed_with_random(start, generator):
    """Return a vector with a random part of relative length :data:`RANDOM_PART` added."""
    random = generator.randn(len(start))
    random *= RANDOM_PART * np.linalg.norm(start) / np.linalg.norm(random)
    return start + random


def extreme_eigenvalues(space, tolerance=USUAL_TOLERANCE, k=1, smallest=True):
    """Return the k largest and the k smallest eigenvalues, signed, from one Krylov space.

    Args:
        space: :class:`Krylov`, which is extended as far as it needs to be; best begun with a sum of
            vectors near the eigenvectors, :func:`mixed_with_random`.
        tolerance: relative tolerance of the eigenvalues.
        k: how many at either end.
        smallest: whether those are wanted too; without them fewer products suffice.

    Returns:
        A list of :class:`Eigenvalue`, the k largest first, falling, then the k smallest, rising.
        One that did not reach the tolerance within :data:`MOST_PRODUCTS`, or is nan because a
        product was not finite or the space is smaller, has not converged.
    """
    ends = [-1 - i for i in range(k)] + (list(range(k)) if smallest else [])
    if space.size == 0 and not space.extend():
        return [UNKNOWN] * len(ends)
    while True:
        values, vectors, residuals = space.ritz()
        norm = np.abs(values).max()
        is_good = residuals <= np.maximum(tolerance * np.abs(values), FLOOR * norm)
        if space.is_whole or space.size >= MOST_PRODUCTS:
            break
        if space.size >= k and np.all(is_good[ends]):
            break
        if not space.extend():
            return [UNKNOWN] * len(ends)
    return [
        _eigenvalue(space.lift(vectors[:, end]), norm, tolerance)
        if -space.size <= end < space.size
        else UNKNOWN
        for end in ends
    ]


def _eigenvalue(pair, norm, tolerance):
    """Return the eigenvalue of a unit vector, with its actual residual."""
    vector, image = pair
    value = float(vector.dot(image))
    length = float(np.linalg.norm(image - value * vector))
    residual, norm_residual = _ratio(length, abs(value)), _ratio(length, norm)
    converged = residual <= tolerance or norm_residual <= FLOOR
    return Eigenvalue(value, residual, norm_residual, converged, vector)


def _ratio(length, size):
    if size > 0.0:
        return length / float(size)
    return np.inf if length > 0.0 else 0.0
