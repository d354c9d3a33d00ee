"""Leading eigenvalues of an operator that is not symmetric, from its products with vectors."""

from typing import Any, NamedTuple

import numpy as np

from lsnn.lanczos import FLOOR, GROWTH, Eigenvalue

MOST_PRODUCTS = 150


class ComplexEigenvalue(NamedTuple):
    """An eigenvalue mu of A, and what it is worth.

    With |v| = 1, |Av - mu v| tells how far from A is a matrix that has it exactly. How far an
    eigenvalue of A itself may be depends on its condition, which is 1 only of normal matrices.
    """

    value: complex
    residual: float  # |Av - mu v| / |mu|
    norm_residual: float  # |Av - mu v| / the largest modulus of a Ritz value
    converged: bool  # residual <= tolerance, or norm_residual <= lsnn.lanczos.FLOOR
    vector: Any  # v (size,), complex; None where there is no estimate

    def columns(self, name, value):
        """Return what :func:`lsnn.columns.eigenvalue_columns` hold of a real value of it."""
        return Eigenvalue(value, *self[1:]).columns(name)


UNKNOWN = ComplexEigenvalue(complex(np.nan, np.nan), np.nan, np.nan, False, None)


def leading_eigenvalues(operator, tolerance, start):
    """Return the eigenvalue of largest modulus and that of largest real part.

    Of a conjugate pair it is the one with a positive imaginary part. They are those of the operator
    in the Krylov space of the start, whose orthonormal basis is the Arnoldi method's (Golub and Van
    Loan, Matrix Computations, 4th ed., section 10.5.1), orthogonalised twice, in float64.

    Args:
        operator: A, a ``LinearOperator``.
        tolerance: relative tolerance of the residuals.
        start: vector (size,) that is not 0.

    Returns:
        Two :class:`ComplexEigenvalue`. One that did not reach the tolerance in
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
    """Return the place of the largest; of those as large the one of largest imaginary part."""
    largest = np.flatnonzero(size >= size.max() * (1.0 - 1e-12 * np.sign(size.max())))
    return largest[np.argmax(values[largest].imag)]


def _eigenvalue(value, vector, length, norm, tolerance):
    residual = length / abs(value) if value != 0.0 else (0.0 if length == 0.0 else np.inf)
    norm_residual = length / norm if norm > 0.0 else 0.0
    converged = bool(residual <= tolerance or norm_residual <= FLOOR)
    return ComplexEigenvalue(
        complex(value), float(residual), float(norm_residual), converged, vector
    )
