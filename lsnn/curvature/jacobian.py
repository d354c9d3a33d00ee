"""Products of vectors with the derivative of a gradient with respect to the weights."""

from contextlib import contextmanager

import numpy as np
from scipy.sparse.linalg import LinearOperator

from lsnn.backend import new_session, tf
from lsnn.curvature.kept import Kept
from lsnn.learning_rules.own_derivatives import true_derivatives
from lsnn.network import PARAMETERS


class GradientJacobian(LinearOperator):
    """The transpose of M = dg/dw, the derivative of a gradient g on fixed examples.

    A product is exact: M^T v is the gradient of g . v (Pearlmutter 1994). The graph is built once;
    weights w are moved into it (:meth:`move_to`), and before that there is neither a gradient nor a
    product (RuntimeError). For the exact gradient of a loss, M is its Hessian, and symmetric.

    Args:
        network: :class:`lsnn.network.Network`.
        inputs, targets: the examples.
        parameters: names of the parameters to differentiate by, in the order of the vector.
        gradient_of: function of weights (tensors by name), inputs and targets that returns g,
            tensors by name of the parameter.
        threads: most threads to compute with.
    """

    def __init__(self, network, inputs, targets, parameters, gradient_of, threads=1):
        shapes = [network.shapes[name] for name in parameters]
        sizes = [int(np.prod(shape)) for shape in shapes]
        self.size = sum(sizes)
        super(GradientJacobian, self).__init__(np.float64, (self.size, self.size))
        self._own_examples = [inputs, targets]
        with tf.Graph().as_default() as graph:
            self._weights = network.variables()
            self._vector = tf.placeholder(tf.float32, [self.size], "vector")
            self._examples = [
                tf.get_variable("examples_{}".format(i), value.shape, value.dtype, trainable=False)
                for i, value in enumerate(self._own_examples)
            ]
            by_name = gradient_of(self._weights, *self._examples)
            gradient = [by_name[name] for name in parameters]
            directions = [
                tf.reshape(part, shape)
                for part, shape in zip(tf.split(self._vector, sizes), shapes)
            ]
            slope = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(gradient, directions)])
            self._gradient = _flat(gradient)
            with true_derivatives():
                product = _flat(tf.gradients(slope, [self._weights[name] for name in parameters]))
            initialise = tf.global_variables_initializer()
        self._session = new_session(graph, threads)
        self._session.run(initialise)
        self._load(self._own_examples)
        self._product = Kept(product, self._vector, self._session)
        self._has_weights = False
        self.products = 0  # computed so far

    def move_to(self, weights):
        """Take the derivative at these weights, arrays by name, from now on."""
        for name in PARAMETERS:
            self._weights[name].load(weights[name], self._session)
        self._has_weights = True
        self._product.keep()

    @contextmanager
    def on(self, examples):
        """In this context the gradient is that on as many other examples, (inputs, targets)."""
        self._load(examples)
        self._product.keep()
        try:
            yield
        finally:
            self._load(self._own_examples)
            self._product.keep()

    def _load(self, examples):
        for variable, value in zip(self._examples, examples):
            variable.load(value, self._session)

    def gradient(self):
        """Return g (size,), float64."""
        return self._computed(self._gradient)

    def product(self, vector):
        """Return M^T times a vector (size,) as float64, computed in float32."""
        self.products += 1
        return self._computed(self._product.tensor, {self._vector: vector})

    def _computed(self, tensor, values=None):
        if not self._has_weights:
            raise RuntimeError("move_to(weights) comes first: it says at which weights to compute")
        return self._session.run(tensor, values).astype(np.float64)

    def _matvec(self, vector):
        return self.product(np.ravel(vector))


def _flat(tensors):
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
