"""The unavoidable matrix products of each algorithm, alone, as TensorFlow graphs.

A graph computes the products of the default network with the shapes, the transpositions and the
shared weights that the algorithm needs, and nothing else. TensorFlow drops products whose values
nobody uses and computes equal ones once; so every product has an input of its own, or that of a
chain the product before, and one element of each result goes into the sum that is fetched. Square
weights are orthogonal: a chain of 28 products neither overflows nor sinks into slow denormal
numbers.

An algorithm is a function of :class:`Sizes` that returns a list of :class:`Product`.
"""

from typing import Any, Callable, List, NamedTuple, Optional, Tuple

import numpy as np

from lsnn.backend import new_session, tf
from lsnn.network import Network


class Sizes(NamedTuple):
    """Sizes of a network, and of a batch."""

    n_in: int
    n_units: int
    n_out: int
    n_steps: int
    n_delays: int
    batch: int


class Product(NamedTuple):
    """A matrix product."""

    left: Tuple[int, int]  # shape of the first matrix
    right: Optional[Tuple[int, int]] = None  # of the second one; None: the recurrent weights
    transpose_a: bool = False
    transpose_b: bool = False
    chain: int = 1  # how many times in a row the second matrix is multiplied


class Floor:
    """Computes the products of one algorithm once, whenever it is called."""

    def __init__(self, algorithm: Callable[[Sizes], List[Product]], network: Network, batch: int):
        task, (n_in, n_units) = network.task, network.shapes["w_in"]
        sizes = Sizes(n_in, n_units, task.n_out, task.n_steps, network.settings.n_delays, batch)
        random = np.random.RandomState(1)

        def variable(matrix: np.ndarray) -> Any:
            return tf.Variable(matrix.astype(np.float32), trainable=False)

        with tf.Graph().as_default() as graph:
            weights = variable(np.linalg.qr(random.randn(n_units, n_units))[0])
            results = []
            for left, right, transpose_a, transpose_b, chain in algorithm(sizes):
                result = variable(random.randn(*left))
                factor = variable(random.randn(*right)) if right else weights
                for _ in range(chain):
                    result = tf.matmul(result, factor, transpose_a, transpose_b)
                results.append(result[0, 0])
            self._sum = tf.add_n(results)
            self._session = new_session(graph)
            self._session.run(tf.global_variables_initializer())

    def __call__(self) -> None:
        self._session.run(self._sum)


def forward(s: Sizes) -> List[Product]:
    """The forward pass: 28 states, the input currents of all steps, the logits."""
    currents = Product((s.n_steps * s.batch, s.n_in), (s.n_in, s.n_units))
    logits = Product((s.batch, s.n_units), (s.n_units, s.n_out))
    return [Product((s.batch, s.n_units), chain=s.n_steps), currents, logits]


def bptt(s: Sizes) -> List[Product]:
    """The forward pass, and the gradient through all steps.

    28 errors sent back through the states, 28 products for the gradient of w_rec, one for that of
    w_in over all steps, and two for the readout.
    """
    back = Product((s.batch, s.n_units), transpose_b=True, chain=s.n_steps)
    of_inputs = _gradient(s.n_steps * s.batch, s.n_in, s.n_units)
    of_weights = s.n_steps * [_gradient(s.batch, s.n_units, s.n_units)]
    return [*forward(s), *_readout(s), back, of_inputs, *of_weights]


def truncated(s: Sizes, hops: int) -> List[Product]:
    """The forward pass, and the gradient through the last ``hops`` recurrent synapses.

    Without leak (alpha = 0) and readout trace (kappa = 0) the learning signal reaches the last step
    alone, and goes back from there: an error for each of the last ``hops`` + 1 steps.
    """
    back = Product((s.batch, s.n_units), transpose_b=True, chain=hops)
    return [*forward(s), *_readout(s), back, *_gradients(s, hops + 1)]


def three_factor(s: Sizes) -> List[Product]:
    """The forward pass, and the gradient through no recurrent synapse."""
    return truncated(s, hops=0)


def by_hops(s: Sizes, hops: int) -> List[Product]:
    """The forward pass, and errors that have gone back 0 to ``hops`` synapses, side by side.

    Of units with memory: in every step all but the last go back by w_rec, and their sum gives the
    gradient of w_rec and w_in.
    """
    back = Product((hops * s.batch, s.n_units), transpose_b=True, chain=s.n_steps)
    return [*forward(s), *_readout(s), back, *_gradients(s, s.n_steps)]


def step_length(s: Sizes) -> List[Product]:
    """Those of BPTT, and of the three-factor rule what does not belong to the forward pass."""
    return [*bptt(s), *_readout(s), *_gradients(s, 1)]


def delayed_step(s: Sizes) -> List[Product]:
    """One step of BPTT where synapses have delays: weights (n_pre, n_delays n_post).

    Forward x w_in and z w_rec; back d w_rec^T; for the weights x^T d and z^T d.
    """
    arriving = s.n_delays * s.n_units
    currents = [Product((s.batch, n), (n, arriving)) for n in (s.n_in, s.n_units)]
    back = Product((s.batch, arriving), (s.n_units, arriving), transpose_b=True)
    return [*currents, back, *(_gradient(s.batch, n, arriving) for n in (s.n_in, s.n_units))]


def hessian_product(s: Sizes) -> List[Product]:
    """Six products a step, the states z and errors d of the primal pass being given.

    With weights W, direction V, and a prime for derivatives along V: z' W, z V, d' W^T, d V^T,
    z^T d', z'^T d.
    """
    through = [
        Product((s.batch, s.n_units), transpose_b=is_back, chain=s.n_steps)
        for is_back in (False, True)
    ]
    return 2 * [*through, *s.n_steps * [_gradient(s.batch, s.n_units, s.n_units)]]


def _readout(s):
    """Return the error that the readout sends back, and the gradient of the readout's weights."""
    error = Product((s.batch, s.n_out), (s.n_units, s.n_out), transpose_b=True)
    return [error, _gradient(s.batch, s.n_units, s.n_out)]


def _gradients(s, n_steps):
    """Return the products in the gradients of w_rec and w_in, a pair for each of some steps."""
    return n_steps * [_gradient(s.batch, n, s.n_units) for n in (s.n_units, s.n_in)]


def _gradient(rows, n_before, n_after):
    return Product((rows, n_before), (rows, n_after), transpose_a=True)
