"""Leading eigenvalues of an operator that is not symmetric, from its products with vectors."""

from typing import Any, NamedTuple

import numpy as np

from lsnn.curvature.lanczos import FLOOR, GROWTH, Eigenvalue

MOST_PRODUCTS = 150


class ComplexEigenvalue(NamedTuple):
    """An eigenvalue mu of A, and how accurate it is.

    With |v| = 1, |Av - mu v| is how far A is from a matrix that has mu as an exact eigenvalue. How
    far mu may be from an eigenvalue of A itself depends on the condition of that eigenvalue, which
    is always 1 only for normal matrices.
    """

    value: complex
    residual: float  # |Av - mu v| / |mu|
    norm_residual: float  # |Av - mu v| / the largest modulus of a Ritz value
    converged: bool  # residual <= tolerance, or norm_residual <= lsnn.curvature.lanczos.FLOOR
    vector: Any  # v (size,), complex; None where there is no estimate

    def columns(self, name, value):
        """Return the columns of a real number taken from it."""
        return Eigenvalue(value, *self[1:]).columns(name)


UNKNOWN = ComplexEigenvalue(complex(np.nan, np.nan), np.nan, np.nan, False, None)


def leading_eigenvalues(operator, tolerance, start):
    """Return the eigenvalue of largest modulus and that of largest real part.

    Of a conjugate pair, the one with a positive imaginary part is taken. They are the eigenvalues
    of the operator within the Krylov space of the start, in the orthonormal basis of the Arnoldi
    method (Golub and Van Loan, Matrix Computations, 4th ed., section 10.5.1), orthogonalised twice,
    in float64.

    Args:
        operator: A, a ``LinearOperator``.
        tolerance: relative tolerance of the residuals.
        start: vector (size,) that is not 0.

    Returns:
        Two :class:`ComplexEigenvalue`. One that did not reach the tolerance within
        :data:`MOST_PRODUCTS`, or is nan because a product was not finite, has not converged.
    """
    basis = np.empty((0, len(start)))
    inside = np.zeros((MOST_PRODUCTS + 1, MOST_PRODUCTS))  # A within the basis: Hessenberg
    following = start / np.linalg.norm(start)
    for k in range(MOST_PRODUCTS):
        if k == len(basis):
            basis = np.concatenate([basis, np.empty((GROWTH, len(start)))])
        basis[k] = following
        image = operator.matvec(following)
        if not np.all(np.isfinite(image)):
            return [UNKNOWN, UNKNOWN]
        rest = image
        for _ in range(2):
            parts = basis[: k + 1].dot(rest)
            rest = rest - basis[: k + 1].T.dot(parts)
            inside[: k + 1, k] += parts
        length = np.linalg.norm(rest)
        is_whole = length <= 1e-12 * np.linalg.norm(image)  # A does not lead out of the space
        inside[k + 1, k] = 0.0 if is_whole else length
        values, vectors = np.linalg.eig(inside[: k + 1, : k + 1])
        leading = [_first(values, np.abs(values)), _first(values, values.real)]
        residuals = inside[k + 1, k] * np.abs(vectors[-1, leading])
        norm = np.abs(values).max()
        wanted = np.maximum(tolerance * np.abs(values[leading]), FLOOR * norm)
        if is_whole or np.all(residuals <= wanted):
            break
        following = rest / length
    return [
        _eigenvalue(values[i], basis[: k + 1].T.dot(vectors[:, i]), residual, norm, tolerance)
        for i, residual in zip(leading, residuals)
    ]


def _first(values, size):
    """Return the position of the largest; among equals, of the one with largest imaginary part."""
    largest = np.flatnonzero(size >= size.max() * (1.0 - 1e-12 * np.sign(size.max())))
    return largest[np.argmax(values[largest].imag)]


def _eigenvalue(value, vector, length, norm, tolerance):
    residual = length / abs(value) if value != 0.0 else (0.0 if length == 0.0 else np.inf)
    norm_residual = length / norm if norm > 0.0 else 0.0
    converged = bool(residual <= tolerance or norm_residual <= FLOOR)
    return ComplexEigenvalue(
        complex(value), float(residual), float(norm_residual), converged, vector
    )
