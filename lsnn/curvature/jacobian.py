"""Products of vectors with the derivative of a gradient with respect to the weights."""

from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np
from scipy.sparse.linalg import LinearOperator

from lsnn.backend import Tensor, new_session, tf
from lsnn.learning_rules.own_derivatives import true_derivatives
from lsnn.network import PARAMETERS, Network


class GradientJacobian(LinearOperator):
    """The transpose of M = dg/dw, the derivative of a gradient g on fixed examples.

    A product is exact: M^T v is the gradient of g . v (Pearlmutter 1994). The graph is built once;
    weights w are moved into it (:meth:`move_to`), and before that there is neither a gradient nor a
    product (RuntimeError). For the exact gradient of a loss, M is its Hessian, and symmetric.

    Args:
        network: whose weights they are.
        inputs, targets: the examples, as the network's task has them.
        parameters: names of the parameters to differentiate by, in the order of the vector.
        gradient_of: function of weights (tensors by name), inputs and targets that returns g,
            tensors by name of the parameter, each of its shape.
        threads: most threads to compute with.

    Attributes:
        parameters: their names, as given.
        weights: arrays by name at which the derivative is taken; none before the first are given.
        examples: the present ones, inputs and targets.
        products: how many products were computed so far.
    """

    def __init__(
        self,
        network: Network,
        inputs: np.ndarray,
        targets: np.ndarray,
        parameters: Sequence[str],
        gradient_of: Callable[[Mapping[str, Tensor], Tensor, Tensor], Mapping[str, Tensor]],
        threads: int = 1,
    ):
        self.parameters = parameters
        self.weights: Mapping[str, np.ndarray] = {}
        shapes = [network.shapes[name] for name in parameters]
        self._sizes = [int(np.prod(shape)) for shape in shapes]
        self.size = sum(self._sizes)
        super().__init__(np.float64, (self.size, self.size))
        self._own_examples = [inputs, targets]
        with tf.Graph().as_default() as graph:
            self._variables = network.variables()
            self._vector = tf.placeholder(tf.float32, [self.size], "vector")
            self._examples = [
                tf.get_variable(f"examples_{i}", value.shape, value.dtype, trainable=False)
                for i, value in enumerate(self._own_examples)
            ]
            by_name = gradient_of(self._variables, *self._examples)
            gradient = [by_name[name] for name in parameters]
            directions = [
                tf.reshape(part, shape)
                for part, shape in zip(tf.split(self._vector, self._sizes), shapes)
            ]
            slope = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(gradient, directions)])
            self._gradient = flat_tensor(gradient)
            with true_derivatives():
                product = flat_tensor(
                    tf.gradients(slope, [self._variables[name] for name in parameters])
                )
            initialise = tf.global_variables_initializer()
        self._session = new_session(graph, threads)
        self._session.run(initialise)
        self._load(self._own_examples)
        self._product = Cached(product, self._vector, self._session)
        self.products = 0

    def move_to(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take the derivative at these weights, arrays by name, from now on."""
        for name in PARAMETERS:
            self._variables[name].load(weights[name], self._session)
        self.weights = weights
        self._product.refresh()

    @contextmanager
    def on(self, examples: Sequence[np.ndarray]) -> Iterator[None]:
        """In this context the gradient is that on as many other examples, (inputs, targets)."""
        self._load(examples)
        self._product.refresh()
        try:
            yield
        finally:
            self._load(self._own_examples)
            self._product.refresh()

    def _load(self, examples):
        self.examples = examples
        for variable, value in zip(self._examples, examples):
            variable.load(value, self._session)

    def gradient(self) -> np.ndarray:
        """Return g (size,), float64."""
        return np.asarray(self._computed(self._gradient), np.float64)

    def product(self, vector: np.ndarray) -> np.ndarray:
        """Return M^T times a vector (size,) as float64, computed in float32."""
        self.products += 1
        product = self._computed(self._product.tensor, {self._vector: vector})
        return np.asarray(product, np.float64)

    def _computed(self, tensors, values=None):
        if not self.weights:
            raise RuntimeError("move_to(weights) comes first: it says at which weights to compute")
        return self._session.run(tensors, values)

    def _moved(self, offset):
        """Return the block's variables with their weights moved by an offset (size,)."""
        parts = np.split(offset, np.cumsum(self._sizes)[:-1])
        return {
            self._variables[name]: self.weights[name] + part.reshape(self.weights[name].shape)
            for name, part in zip(self.parameters, parts)
        }

    def _matvec(self, vector):
        return self.product(np.ravel(vector))


def flat_tensor(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors as one vector (size,)."""
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)


class Cached:
    """A tensor, with everything cached that does not depend on one placeholder.

    The rest of what it is made of is computed once and kept in variables, so that, in products with
    a Hessian, all vectors share the forward and backward pass at the weights.

    Args:
        tensor: what is wanted, in the default graph.
        placeholder: what it depends on.
        session: of this graph, in which all else that the tensor depends on has a value.

    Attributes:
        tensor: the same as a function of the placeholder alone.
    """

    def __init__(self, tensor: Tensor, placeholder: Tensor, session: Any):
        self._session = session
        graph = session.graph
        border = _border(tensor, placeholder)
        values = session.run(border)
        with graph.as_default():
            cache = [
                tf.get_variable(f"cached_{i}", value.shape, value.dtype, trainable=False)
                for i, value in enumerate(values)
            ]
            self._refresh = tf.group(*(tf.assign(*pair) for pair in zip(cache, border)))
            inputs = {part.name: variable for part, variable in zip(border, cache)}
            inputs[placeholder.name] = placeholder
            (self.tensor,) = tf.import_graph_def(
                graph.as_graph_def(), inputs, [tensor.name], name="anew"
            )

    def refresh(self) -> None:
        """Compute anew what is cached."""
        self._session.run(self._refresh)


def _border(tensor, placeholder):
    """Return what ``tensor`` combines with ``placeholder`` but that does not depend on it.

    These are the tensors, except constants, that enter an operation which depends on it. One that
    waits for another (a control input, as in TensorFlow's gradient of a square) depends on it, too.
    """
    operations = tensor.graph.get_operations()  # each after those it is made of
    needed, depends = {tensor.op}, {placeholder.op}
    for op in reversed(operations):
        if op in needed:
            needed.update(part.op for part in op.inputs)
    for op in operations:
        if any(part.op in depends for part in op.inputs) or depends.intersection(op.control_inputs):
            depends.add(op)
    border = {
        entering.name: entering
        for op in needed & depends
        for entering in op.inputs
        if entering.op not in depends and entering.op.type != "Const"
    }
    return [border[name] for name in sorted(border)]
