"""Leading eigenvalues of an operator, from its products with vectors.

:func:`extreme_eigenvalues` finds both ends of the spectrum of a symmetric operator, by Lanczos'
method; :func:`leading_eigenvalues` finds the largest in modulus and in real part of any operator,
by Arnoldi's.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator

from lsnn.errors import ConfigError

# Products are computed in float32: a residual below this fraction of the spectral norm tells no
# more.
FLOOR = 1.0e-6
MOST_LANCZOS_PRODUCTS = 400  # in one Krylov space
MOST_ARNOLDI_PRODUCTS = 150
USUAL_TOLERANCE = 1.0e-3  # relative
# Length of the random part of a start, relative to the rest: no eigenvector is orthogonal to it.
RANDOM_PART = 0.3
GROWTH = 32  # how many vectors to make room for at a time


class Eigenvalue(NamedTuple):
    """An eigenvalue of A, signed or complex, and how accurate it is.

    With |v| = 1, |Av - value v| says how far A is from a matrix that has this eigenvalue exactly.
    For a symmetric A it also bounds the distance from the value to some eigenvalue of A; otherwise
    that distance depends on the condition of the eigenvalue. No residual proves that the eigenvalue
    is the extreme one: that is what the methods tend towards.
    """

    value: Any  # float if A is symmetric, else complex
    residual: float  # |Av - value v| / |value|
    norm_residual: float  # |Av - value v| / |A|; |A| is the largest modulus of a Ritz value
    converged: bool  # residual <= tolerance, or norm_residual <= FLOOR
    vector: Optional[np.ndarray]  # v (size,); None where there is no estimate
    products: int = 0  # that the space took in which it was found

    def columns(self, name: str, value: Optional[float] = None) -> Dict[str, Any]:
        """Return the values of :func:`lsnn.study.columns.eigenvalue_columns` by name.

        Args:
            name: of the first column.
            value: a real number made of the eigenvalue; the eigenvalue itself if None.
        """
        return {
            name: self.value if value is None else value,
            name + "_residual": self.residual,
            name + "_norm_residual": self.norm_residual,
            name + "_converged": self.converged,
        }


UNKNOWN = Eigenvalue(np.nan, np.nan, np.nan, False, None)


class Krylov:
    """The space of start, H start, H^2 start, ... with an orthonormal basis, and H within it.

    In the basis of the Lanczos method (Golub and Van Loan, Matrix Computations, 4th ed., section
    10.1), here with full reorthogonalisation in float64, H is tridiagonal. Its eigenvalues there,
    the Ritz values, tend to extreme eigenvalues of H as the space grows.

    >>> from scipy.sparse.linalg import aslinearoperator
    >>> space = Krylov(aslinearoperator(np.diag([1.0, 2.0, 4.0])))
    >>> while not space.is_whole:
    ...     _ = space.extend()
    >>> space.ritz()[0].round(6).tolist()
    [1.0, 2.0, 4.0]

    Args:
        operator: H (size, size), symmetric.
        start: vector (size,) that is not 0; if None, normal random numbers, always the same.
        without: orthonormal vectors (n, size), nearly eigenvectors, which the space is kept
            orthogonal to.
    """

    def __init__(
        self,
        operator: LinearOperator,
        start: Optional[np.ndarray] = None,
        without: Sequence[np.ndarray] = (),
    ):
        if start is None:
            start = np.random.RandomState(len(without)).randn(operator.shape[0])
        self.operator = operator
        self._without = np.array(without)
        for _ in range(2):
            start = self._apart(start)
        self._basis = np.empty((0, len(start)))
        self._images = np.empty((0, len(start)), np.float32)  # H times the basis
        self._diagonal: List[float] = []
        self._off_diagonal: List[float] = []
        self._next = start / np.linalg.norm(start)

    @property
    def size(self) -> int:
        """Number of vectors in the basis, and so of products taken."""
        return len(self._diagonal)

    @property
    def is_whole(self) -> bool:
        """Whether H does not lead out of the space."""
        return self.size > 0 and self._off_diagonal[-1] == 0.0

    @property
    def rayleigh_quotient(self) -> float:
        """v^T H v of the start v, of length 1."""
        return self._diagonal[0]

    def extend(self) -> bool:
        """Take one product and one more vector into the basis; return False if it is not finite."""
        k, vector = len(self._diagonal), self._next
        if k == len(self._basis):
            self._basis = _with_room(self._basis)
            self._images = _with_room(self._images)
        image = self.operator.matvec(vector)
        if not np.all(np.isfinite(image)):
            return False
        self._basis[k], self._images[k] = vector, image
        self._diagonal.append(vector.dot(image))
        rest = image - self._diagonal[k] * vector
        if k > 0:
            rest -= self._off_diagonal[k - 1] * self._basis[k - 1]
        basis = self._basis[: k + 1]
        rest = self._apart(rest - basis.T.dot(basis.dot(rest)))
        length = float(np.linalg.norm(rest))
        if length <= 1e-12 * np.linalg.norm(image):
            length = 0.0
        self._off_diagonal.append(length)
        self._next = rest / length if length > 0.0 else rest
        return True

    def ritz(self) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return Ritz values, their vectors in the basis, and their residuals.

        Returns:
            values (k,), ascending, k being :attr:`size`; vectors, the columns of a matrix (k, k);
            |Hv - value v| of each (k,).
        """
        values, vectors = eigh_tridiagonal(self._diagonal, self._off_diagonal[:-1])
        return values, vectors, self._off_diagonal[-1] * np.abs(vectors[-1])

    def lift(self, coordinates: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return a vector (size,), given in the basis (k,), and its product with H (size,)."""
        k = len(coordinates)
        return self._basis[:k].T.dot(coordinates), self._images[:k].T.dot(coordinates)

    def _apart(self, vector):
        """Return a vector without what it has of the vectors that the space is orthogonal to."""
        if not len(self._without):
            return vector
        return vector - self._without.T.dot(self._without.dot(vector))


def _with_room(rows):
    return np.concatenate([rows, np.empty((GROWTH, *rows.shape[1:]), rows.dtype)])


def mixed_with_random(start: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
    """Return a vector (size,) with a random part of relative length :data:`RANDOM_PART` added."""
    random = generator.randn(len(start))
    random *= RANDOM_PART * np.linalg.norm(start) / np.linalg.norm(random)
    return start + random


def largest_from(
    operator: LinearOperator,
    start: Optional[np.ndarray],
    random: np.random.RandomState,
    tolerance: float = USUAL_TOLERANCE,
) -> Tuple["Eigenvalue", np.ndarray]:
    """Return the largest eigenvalue of a symmetric operator, and what to start from near by.

    Args:
        operator: (size, size).
        start: vector (size,) near the eigenvector, such as that at the checkpoint before; None - it
            is drawn.
        random: generator, from which as much is drawn either way.
        tolerance: relative tolerance.

    Returns:
        The eigenvalue, and its eigenvector (size,) or, if that is not known, the start.
    """
    drawn = random.randn(operator.shape[0])
    start = drawn if start is None else start
    space = Krylov(operator, mixed_with_random(start, random))
    (largest,) = extreme_eigenvalues(space, tolerance, smallest=False)
    return largest, start if largest.vector is None else largest.vector


def extreme_eigenvalues(
    space: Krylov, tolerance: float = USUAL_TOLERANCE, k: int = 1, smallest: bool = True
) -> List[Eigenvalue]:
    """Return the k largest and the k smallest eigenvalues of a symmetric operator, signed.

    A Krylov space has one vector of every eigenspace. For k > 1 more spaces are searched, each
    orthogonal to the vectors found before, until one has nothing further out, so that an eigenvalue
    of multiplicity m is returned m times.

    >>> from scipy.sparse.linalg import aslinearoperator
    >>> operator = aslinearoperator(np.diag([5.0, 1.0] + [0.0] * 48))
    >>> found = extreme_eigenvalues(Krylov(operator), k=2)
    >>> [abs(round(eigenvalue.value, 6)) for eigenvalue in found]
    [5.0, 1.0, 0.0, 0.0]

    Args:
        space: a Krylov space, which is extended as far as needed; best begun with a sum of vectors
            near the eigenvectors, :func:`mixed_with_random`.
        tolerance: relative tolerance of the eigenvalues.
        k: how many at either end.
        smallest: whether those are wanted too; without them fewer products suffice.

    Returns:
        The k largest, falling, then the k smallest, rising. One that did not reach the tolerance
        within :data:`MOST_LANCZOS_PRODUCTS`, or is nan because a product was not finite, has not
        converged.

    Raises:
        ConfigError: there are not k eigenvalues.
    """
    size, n_ends = space.operator.shape[0], 2 if smallest else 1
    if not 1 <= k <= size:
        raise ConfigError(f"k: {k} eigenvalues at an end are asked for; 1 to {size} are possible")
    found = _search(space, tolerance, k, smallest)
    while k > 1 and found and len(found) < size:
        others = Krylov(space.operator, without=[eigenvalue.vector for eigenvalue in found])
        norm = max(abs(eigenvalue.value) for eigenvalue in found)
        more = _search(others, tolerance, 1, smallest, norm)
        if more and not _is_further_out(more, found, tolerance, k, smallest, norm):
            break
        found = sorted(found + more, key=lambda eigenvalue: eigenvalue.value) if more else []
    if not found:
        return [UNKNOWN] * (n_ends * k)
    return found[::-1][:k] + (found[:k] if smallest else [])


def _search(space, tolerance, k, smallest, known_norm=0.0):
    """Return the k Ritz values at either end of one space, rising, or all if there are fewer.

    There are none if a product was not finite. ``known_norm`` is at most |H|.
    """
    ends = [-1 - i for i in range(k)] + (list(range(k)) if smallest else [])
    if space.size == 0 and not space.extend():
        return []
    while True:
        values, vectors, residuals = space.ritz()
        norm = max(known_norm, np.abs(values).max())
        is_good = residuals <= np.maximum(tolerance * np.abs(values), FLOOR * norm)
        if space.is_whole or space.size >= MOST_LANCZOS_PRODUCTS:
            break
        if space.size >= k and np.all(is_good[ends]):
            break
        if not space.extend():
            return []
    places = sorted({end % space.size for end in ends if -space.size <= end < space.size})
    found = []
    for vector, image in (space.lift(vectors[:, place]) for place in places):
        value = float(vector.dot(image))
        length = float(np.linalg.norm(image - value * vector))
        found.append(_eigenvalue(value, length, norm, tolerance, vector, space.size))
    return found


def _is_further_out(more, found, tolerance, k, smallest, norm):
    """Tell whether one of more eigenvalues belongs to the k at an end of those found (rising)."""
    if len(found) < k:
        return True
    low, high = found[k - 1].value, found[-k].value
    low -= max(tolerance * abs(low), FLOOR * norm)
    high += max(tolerance * abs(high), FLOOR * norm)
    return more[-1].value > high or (smallest and more[0].value < low)


def leading_eigenvalues(
    operator: LinearOperator, tolerance: float, start: np.ndarray
) -> List[Eigenvalue]:
    """Return the eigenvalue of largest modulus and that of largest real part of any operator.

    Of a conjugate pair, the one with a positive imaginary part is taken. They are the eigenvalues
    of the operator within the Krylov space of the start, in the orthonormal basis of the Arnoldi
    method (Golub and Van Loan, Matrix Computations, 4th ed., section 10.5.1), orthogonalised twice,
    in float64.

    >>> from scipy.sparse.linalg import aslinearoperator
    >>> matrix = np.array([[0.0, -3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 2.0]])  # 3i, -3i, 2
    >>> pair = leading_eigenvalues(aslinearoperator(matrix), 1e-6, np.ones(3))
    >>> [(abs(round(mu.value.real, 6)), abs(round(mu.value.imag, 6))) for mu in pair]
    [(0.0, 3.0), (2.0, 0.0)]

    Args:
        operator: A (size, size).
        tolerance: relative tolerance of the residuals.
        start: vector (size,) that is not 0.

    Returns:
        Two eigenvalues, complex. One that did not reach the tolerance within
        :data:`MOST_ARNOLDI_PRODUCTS`, or is nan because a product was not finite, has not
        converged.
    """
    basis = np.empty((0, len(start)))
    inside = np.zeros((MOST_ARNOLDI_PRODUCTS + 1, MOST_ARNOLDI_PRODUCTS))  # A there: Hessenberg
    following = start / np.linalg.norm(start)
    for k in range(MOST_ARNOLDI_PRODUCTS):
        if k == len(basis):
            basis = _with_room(basis)
        basis[k] = following
        image = operator.matvec(following)
        if not np.all(np.isfinite(image)):
            return [UNKNOWN._replace(value=complex(np.nan, np.nan))] * 2
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
        _eigenvalue(
            complex(values[place]),
            float(residual),
            norm,
            tolerance,
            basis[: k + 1].T.dot(vectors[:, place]),
            k + 1,
        )
        for place, residual in zip(leading, residuals)
    ]


def _first(values, size):
    """Return the position of the largest; among equals, of the one with largest imaginary part."""
    largest = np.flatnonzero(size >= size.max() * (1.0 - 1e-12 * np.sign(size.max())))
    return largest[np.argmax(values[largest].imag)]


def _eigenvalue(value, length, norm, tolerance, vector, products):
    """Return the eigenvalue of a unit vector, ``length`` being that of its residual."""
    residual, norm_residual = _ratio(length, abs(value)), _ratio(length, norm)
    converged = residual <= tolerance or norm_residual <= FLOOR
    return Eigenvalue(value, residual, norm_residual, converged, vector, products)


def _ratio(length, size):
    if size > 0.0:
        return length / float(size)
    return np.inf if length > 0.0 else 0.0
