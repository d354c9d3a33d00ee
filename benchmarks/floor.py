"""The unavoidable matrix products of each algorithm, alone, as TensorFlow graphs.

A graph computes the products of the default network with the shapes, the transpositions and the
shared weights that the algorithm needs, and nothing else. TensorFlow drops products whose values
nobody uses and computes equal ones once; so every product has an input of its own and, where it
feeds no other product, one element of it goes into the sum that is fetched. Square weights are
orthogonal: a chain of 28 products neither overflows nor sinks into slow denormal numbers.
"""

import numpy as np

from lsnn.backend import new_session, tf


class Floor:
    """Computes the products of one algorithm once, whenever it is called.

    Args:
        products: function of an :class:`Arrays` that returns the products which feed no other.
        network: :class:`lsnn.network.Network`.
        batch: examples in a batch.
    """

    def __init__(self, products, network, batch):
        with tf.Graph().as_default() as graph:
            used = [product[0, 0] for product in products(Arrays(network, batch))]
            self._sum = tf.add_n(used)
            self._session = new_session(graph)
            self._session.run(tf.global_variables_initializer())

    def __call__(self):
        self._session.run(self._sum)


class Arrays:
    """New variables of random content, in the shapes of a network and a batch."""

    def __init__(self, network, batch):
        self.n_in, self.n_units = network.shapes["w_in"]
        self.n_out = network.task.n_out
        self.n_steps = network.task.n_steps
        self.n_delays = network.settings.n_delays
        self.batch = batch
        self._generator = np.random.RandomState(1)

    def matrix(self, *shape):
        """Return a matrix."""
        return self._variable(self._generator.randn(*shape))

    def state(self):
        """Return a matrix (batch, units)."""
        return self.matrix(self.batch, self.n_units)

    def weights(self):
        """Return an orthogonal matrix (units, units)."""
        square = self._generator.randn(self.n_units, self.n_units)
        return self._variable(np.linalg.qr(square)[0])

    def _variable(self, value):
        return tf.Variable(value.astype(np.float32), trainable=False)


def forward(arrays):
    """The forward pass: 28 states, the input currents of all steps, the logits."""
    return _forward(arrays, arrays.weights())[1]


def bptt(arrays):
    """The forward pass, and the gradient through all steps.

    28 errors sent back through the states, 28 products for the gradient of w_rec, one for that of
    w_in over all steps, and two for the readout.
    """
    w_rec = arrays.weights()
    states, used = _forward(arrays, w_rec)
    error, of_readout = _readout_gradient(arrays, states[-1])
    errors = _chain(error, w_rec, arrays.n_steps, transpose_b=True)
    inputs = arrays.matrix(arrays.n_steps * arrays.batch, arrays.n_in)
    of_inputs = arrays.matrix(arrays.n_steps * arrays.batch, arrays.n_units)
    used += [of_readout, tf.matmul(inputs, of_inputs, transpose_a=True)]
    return used + _gradients(states, errors)


def three_factor(arrays):
    """The forward pass, and the truncated gradient.

    Without leak (alpha = 0) and readout trace (kappa = 0) the learning signal reaches the last step
    alone: one product each for the gradients of w_rec and of w_in, and two for the readout.
    """
    states, used = _forward(arrays, arrays.weights())
    error, of_readout = _readout_gradient(arrays, states[-1])
    inputs = arrays.matrix(arrays.batch, arrays.n_in)
    return [*used, of_readout, *_gradients([states[-2], inputs], [error, error])]


def truncated(arrays, hops):
    """The forward pass, and the gradient through the last ``hops`` recurrent synapses.

    Without leak and readout trace, as above: an error for each of the last ``hops`` + 1 steps.
    """
    w_rec = arrays.weights()
    states, used = _forward(arrays, w_rec)
    error, of_readout = _readout_gradient(arrays, states[-1])
    errors = [error, *_chain(error, w_rec, hops, transpose_b=True)]
    inputs = [arrays.matrix(arrays.batch, arrays.n_in) for _ in errors]
    return [*used, of_readout, *_gradients(states + inputs, 2 * errors)]


def by_hops(arrays, hops):
    """The forward pass, and errors that have gone back 0 to ``hops`` synapses, side by side.

    Of units with memory: in every step all but the last go back by w_rec, and their sum gives the
    gradient of w_rec and w_in.
    """
    w_rec = arrays.weights()
    states, used = _forward(arrays, w_rec)
    errors, of_readout = _readout_gradient(arrays, states[-1])
    back = _chain(arrays.matrix(hops * arrays.batch, arrays.n_units), w_rec, arrays.n_steps,
                  transpose_b=True)  # fmt: skip
    inputs = [arrays.matrix(arrays.batch, arrays.n_in) for _ in states]
    sums = [arrays.state() for _ in states]
    return [*used, errors, of_readout, back[-1], *_gradients(states + inputs, 2 * sums)]


def step_length(arrays):
    """Those of BPTT, and of the three-factor rule what does not belong to the forward pass."""
    error, of_readout = _readout_gradient(arrays, arrays.state())
    inputs = arrays.matrix(arrays.batch, arrays.n_in)
    return [*bptt(arrays), of_readout, *_gradients([arrays.state(), inputs], [error, error])]


def delayed_step(arrays):
    """One step of BPTT where synapses have delays: weights (n_pre, n_delays n_post).

    Forward x w_in and z w_rec; back d w_rec^T; for the weights x^T d and z^T d.
    """
    arriving = arrays.n_delays * arrays.n_units
    inputs, state = arrays.matrix(arrays.batch, arrays.n_in), arrays.state()
    error = arrays.matrix(arrays.batch, arriving)
    w_in, w_rec = arrays.matrix(arrays.n_in, arriving), arrays.matrix(arrays.n_units, arriving)
    currents = [tf.matmul(inputs, w_in), tf.matmul(state, w_rec)]
    back = tf.matmul(error, w_rec, transpose_b=True)
    return [*currents, back, *_gradients([inputs, state], [error, error])]


def hessian_product(arrays):
    """Six products a step, the states z and errors d of the primal pass being given.

    With weights W, direction V, and a prime for derivatives along V: z' W, z V, d' W^T, d V^T,
    z^T d', z'^T d.
    """
    weights, direction = arrays.weights(), arrays.weights()
    states = [arrays.state() for _ in range(arrays.n_steps)]
    errors = [arrays.state() for _ in range(arrays.n_steps)]
    along_states = _chain(arrays.state(), weights, arrays.n_steps)
    along_errors = _chain(arrays.state(), weights, arrays.n_steps, transpose_b=True)
    by_direction = [
        _chain(arrays.state(), direction, arrays.n_steps)[-1],
        _chain(arrays.state(), direction, arrays.n_steps, transpose_b=True)[-1],
    ]
    return by_direction + _gradients(states, along_errors) + _gradients(along_states, errors)


def _forward(arrays, w_rec):
    """Return the states of a forward pass, and those of its products that feed no other."""
    inputs = arrays.matrix(arrays.n_steps * arrays.batch, arrays.n_in)
    currents = tf.matmul(inputs, arrays.matrix(arrays.n_in, arrays.n_units))
    states = _chain(arrays.state(), w_rec, arrays.n_steps)
    logits = tf.matmul(states[-1], arrays.matrix(arrays.n_units, arrays.n_out))
    return states, [currents, logits]


def _readout_gradient(arrays, state):
    """Return the error that the readout sends back, and the gradient of the readout's weights."""
    error = arrays.matrix(arrays.batch, arrays.n_out)
    w_out = arrays.matrix(arrays.n_units, arrays.n_out)
    return tf.matmul(error, w_out, transpose_b=True), tf.matmul(state, error, transpose_a=True)


def _gradients(inputs, errors):
    """Return the products of inputs (batch, m) and errors (batch, n) in a weight's gradient."""
    return [tf.matmul(a, b, transpose_a=True) for a, b in zip(inputs, errors)]


def _chain(start, weights, length, **transpose):
    """Return start W, start W W and so on, up to ``length`` factors."""
    products = [start]
    for _ in range(length):
        products.append(tf.matmul(products[-1], weights, **transpose))
    return products[1:]
