"""Curvature of the loss at given weights: Hessian-vector products and extreme eigenvalues.

The loss is the true one. Nothing here knows of learning rules: a network and weights are all that
is needed, and there is no argument through which a rule's truncated gradient could enter.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from lsnn.backend import new_session, tf
from lsnn.network import PARAMETERS
from lsnn.randomness import generator

ALL = "all"  # the block of all parameters that are trained

LANCZOS_VECTORS = 36  # size of ARPACK's Krylov space: along real runs it seldom has to restart
MAX_RESTARTS = 100
ROUGH_TOLERANCE = 0.1  # of the estimate that is made where the wanted tolerance was not reached


class Eigenvalue(NamedTuple):
    """A signed eigenvalue of the Hessian, and what it is worth."""

    value: float
    residual: float  # |Hv - value v| / |value| with |v| = 1; bounds the relative error
    converged: bool  # residual <= tolerance
    vector: Any  # eigenvector (size,), float64, |v| = 1; None where there is no estimate


class Hessian(LinearOperator):
    """Products of vectors with the Hessian of a network's loss on fixed examples.

    The loss is that of training, its regularising terms included, with its exact gradient. A
    product is exact: the gradient of (gradient . v), Pearlmutter (1994). The graph is built once;
    weights are moved into it.

    Args:
        network: :class:`lsnn.network.Network`.
        inputs, targets: the examples that the loss averages over.
        parameters: names of the parameters to differentiate by, in the order of the vector.
        threads: most threads to compute with.
    """

    def __init__(self, network, inputs, targets, parameters=("w_rec",), threads=1):
        shapes = [network.shapes[name] for name in parameters]
        sizes = [int(np.prod(shape)) for shape in shapes]
        self.size = sum(sizes)
        super(Hessian, self).__init__(np.float64, (self.size, self.size))
        with tf.Graph().as_default() as graph:
            self._weights = network.variables()
            self._vector = tf.placeholder(tf.float32, [self.size], "vector")
            examples = [
                tf.get_variable("examples_{}".format(i), value.shape, value.dtype, trainable=False)
                for i, value in enumerate([inputs, targets])
            ]
            response = network.respond(self._weights, examples[0], unrolled=True)
            loss = network.loss(self._weights, response, examples[1])
            by = [self._weights[name] for name in parameters]
            gradient = tf.gradients(loss, by)
            directions = [
                tf.reshape(part, shape)
                for part, shape in zip(tf.split(self._vector, sizes), shapes)
            ]
            slope = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(gradient, directions)])
            self._gradient = _flat(gradient)
            self._product = _flat(tf.gradients(slope, by))
        self._session = new_session(graph, threads)
        for variable, value in zip(examples, [inputs, targets]):
            variable.load(value, self._session)
        self.products = 0  # computed so far

    def move_to(self, weights):
        """Take the Hessian at these weights, arrays by name, from now on."""
        for name in PARAMETERS:
            self._weights[name].load(weights[name], self._session)

    def gradient(self):
        """Return the gradient of the loss (size,), float64."""
        return self._session.run(self._gradient).astype(np.float64)

    def _matvec(self, vector):
        return self.product(np.ravel(vector))

    _rmatvec = _matvec  # it is symmetric

    def product(self, vector):
        """Return the Hessian times a vector (size,) as float64, computed in float32."""
        self.products += 1
        return self._session.run(self._product, {self._vector: vector}).astype(np.float64)


def hessian_of(network, block, split, samples, threads=1):
    """Return the :class:`Hessian` of a network's loss on the examples that its seed draws.

    Args:
        network: :class:`lsnn.network.Network`.
        block: name of the parameter to differentiate by, or "all" for all that are trained.
        split, samples: part of the data, and how many of its examples.
        threads: most threads to compute with.
    """
    order = generator(network.seed, "curvature examples").permutation(network.task.sizes[split])
    examples = network.task.examples(split, order[:samples])
    parameters = network.trained if block == ALL else [block]
    return Hessian(network, *examples, parameters, threads)


def _flat(tensors):
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)


def extreme_eigenvalues(hessian, tolerance, start):
    """Return the largest and the smallest eigenvalue, signed, by ARPACK's restarted Lanczos.

    Both come from one Krylov space, which costs fewer products than one for each.

    Args:
        hessian: symmetric ``LinearOperator`` of size at least 3.
        tolerance: relative tolerance of the eigenvalues.
        start: vector (size,) to start from; near a sum of both eigenvectors it saves products.

    Returns:
        Two :class:`Eigenvalue`, the largest first. One that did not reach the tolerance is a rough
        estimate, or nan if not even that was to be had; its ``converged`` is False.
    """
    vectors = _arpack(hessian, tolerance, start)
    if len(vectors) < 2:
        rough = _arpack(hessian, ROUGH_TOLERANCE, start)
        if len(rough) < 2:
            unknown = Eigenvalue(np.nan, np.nan, False, None)
            return unknown, unknown
        vectors = np.concatenate([vectors, rough])
    # Of two estimates of one end the outer one is the better.
    pairs = sorted(
        (_rayleigh(hessian, vector, tolerance) for vector in vectors), key=lambda pair: pair.value
    )
    return pairs[-1], pairs[0]


def larger_in_magnitude(largest, smallest):
    """Return that of two :class:`Eigenvalue` which is larger in magnitude."""
    return smallest if abs(smallest.value) > abs(largest.value) else largest


def _arpack(hessian, tolerance, start):
    """Return the eigenvectors (n, size) that ARPACK finds: of both ends, or of fewer."""
    try:
        return eigsh(
            hessian,
            k=2,
            which="BE",  # one from each end of the spectrum
            ncv=min(LANCZOS_VECTORS, hessian.shape[0]),
            tol=tolerance,
            v0=start,
            maxiter=MAX_RESTARTS,
        )[1].T
    except ArpackNoConvergence as error:
        return error.eigenvectors.T
    except ArpackError:  # nothing to converge to, as in a Hessian of zeros
        return np.empty((0, hessian.shape[0]))


def _rayleigh(hessian, vector, tolerance):
    """Return the eigenvalue of a unit vector, with the residual that is really there."""
    image = hessian.matvec(vector)
    value = vector.dot(image)
    residual = np.linalg.norm(image - value * vector) / abs(value)
    return Eigenvalue(float(value), float(residual), bool(residual <= tolerance), vector)
