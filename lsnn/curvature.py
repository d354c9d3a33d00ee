"""Curvature of the loss at given weights: Hessian-vector products and extreme eigenvalues.

The loss is the true one. Nothing here knows of learning rules: a network and weights are all that
is needed, and there is no argument through which a rule's truncated gradient could enter.
"""

from typing import Any, NamedTuple

import numpy as np

from lsnn.backend import new_session, tf
from lsnn.network import PARAMETERS

MAX_PRODUCTS = 300  # several times what real runs need
ENDS = [-1, 0]  # positions of the largest and the smallest of ascending eigenvalues


class Eigenvalue(NamedTuple):
    """A signed eigenvalue of the Hessian, and what it is worth."""

    value: float
    residual: float  # |Hv - value v| / |value| with |v| = 1; bounds the relative error
    converged: bool  # residual <= tolerance
    vector: Any  # eigenvector (size,), float64, |v| = 1; None where there is no estimate


class Hessian(object):
    """Products of vectors with the Hessian of a network's loss on fixed examples.

    The loss is that of training (the task's plus the L2 term) with its exact gradient. A product is
    exact: the gradient of (gradient . v), Pearlmutter (1994). The graph is built once; weights are
    moved into it.

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
        with tf.Graph().as_default() as graph:
            self._weights = network.variables()
            self._vector = tf.placeholder(tf.float32, [self.size], "vector")
            examples = [
                tf.get_variable("examples_{}".format(i), value.shape, value.dtype, trainable=False)
                for i, value in enumerate([inputs, targets])
            ]
            logits = network.respond(self._weights, examples[0]).logits
            loss = network.task.loss(logits, examples[1]) + network.l2_loss(self._weights)
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

    def product(self, vector):
        """Return the Hessian times a vector (size,) as float64, computed in float32."""
        self.products += 1
        return self._session.run(self._product, {self._vector: vector}).astype(np.float64)


def _flat(tensors):
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)


def extreme_eigenvalues(hessian, tolerance, start):
    """Return the largest and the smallest eigenvalue, signed, by the Lanczos method.

    Both come from one Krylov space, which costs fewer products than one for each. It grows product
    by product, is kept orthogonal as a whole and never restarted, and so stops where it can.

    Args:
        hessian: gives ``size``, at least 2, and ``product(vector)``.
        tolerance: relative tolerance of the eigenvalues.
        start: vector (size,) to start from; near a sum of both eigenvectors it saves products.

    Returns:
        Two :class:`Eigenvalue`, the largest first. One that did not reach the tolerance is a rough
        estimate, or nan if products are not finite; its ``converged`` is False.
    """
    limit = min(MAX_PRODUCTS, hessian.size)
    basis, images = np.empty((2, limit, hessian.size))
    projected = np.empty((limit, limit))  # the Hessian within the basis
    direction = start
    for n in range(1, limit + 1):
        basis[n - 1] = direction / np.linalg.norm(direction)
        images[n - 1] = hessian.product(basis[n - 1])
        projected[n - 1, :n] = projected[:n, n - 1] = basis[:n].dot(images[n - 1])
        if not np.isfinite(projected[n - 1, :n]).all():
            unknown = Eigenvalue(np.nan, np.nan, False, None)
            return unknown, unknown
        values, vectors = np.linalg.eigh(projected[:n, :n])
        direction = _orthogonal(images[n - 1], basis[:n])
        residuals = np.linalg.norm(direction) * np.abs(vectors[-1, ENDS])
        if n > 1 and (residuals <= tolerance * np.abs(values[ENDS])).all():
            break
    largest, smallest = [
        _eigenvalue(weights.dot(basis[:n]), weights.dot(images[:n]), tolerance)
        for weights in vectors.T[ENDS]
    ]
    return largest, smallest


def larger_in_magnitude(largest, smallest):
    """Return that of two :class:`Eigenvalue` which is larger in magnitude."""
    return smallest if abs(smallest.value) > abs(largest.value) else largest


def _orthogonal(vector, basis):
    """Return the part of a vector orthogonal to an orthonormal basis (rows)."""
    for _ in range(2):  # once leaves rounding errors that grow from step to step
        vector = vector - basis.dot(vector).dot(basis)
    return vector


def _eigenvalue(vector, image, tolerance):
    """Return the eigenvalue of a unit vector, with the residual that is really there."""
    value = vector.dot(image)
    residual = np.linalg.norm(image - value * vector) / abs(value)
    return Eigenvalue(float(value), float(residual), bool(residual <= tolerance), vector)
