"""Curvature of the loss at given weights: Hessian-vector products.

The loss is the true one. Nothing here knows of learning rules: a network and weights are all that
is needed, and there is no argument through which a rule's truncated gradient could enter.
"""

from collections import OrderedDict

import numpy as np
from scipy.sparse.linalg import LinearOperator

from lsnn.backend import new_session, tf
from lsnn.errors import ConfigError
from lsnn.journal import memory_of, with_memory
from lsnn.kept import Kept
from lsnn.network import PARAMETERS
from lsnn.randomness import generator

ALL = "all"  # the block of all parameters that are trained


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
            product = _flat(tf.gradients(slope, by))
            initialise = tf.global_variables_initializer()
        self._session = new_session(graph, threads)
        self._session.run(initialise)
        for variable, value in zip(examples, [inputs, targets]):
            variable.load(value, self._session)
        self._product = Kept(product, self._vector, self._session)
        self.products = 0  # computed so far

    def move_to(self, weights):
        """Take the Hessian at these weights, arrays by name, from now on."""
        for name in PARAMETERS:
            self._weights[name].load(weights[name], self._session)
        self._product.keep()

    def gradient(self):
        """Return the gradient of the loss (size,), float64."""
        return self._session.run(self._gradient).astype(np.float64)

    def _matvec(self, vector):
        return self.product(np.ravel(vector))

    _rmatvec = _matvec  # it is symmetric

    def product(self, vector):
        """Return the Hessian times a vector (size,) as float64, computed in float32."""
        self.products += 1
        return self._session.run(self._product.tensor, {self._vector: vector}).astype(np.float64)


def hessian_of(network, block, split, samples, threads=1):
    """Return the :class:`Hessian` of a network's loss on the examples that its seed draws.

    Args:
        network: :class:`lsnn.network.Network`.
        block: name of the parameter to differentiate by, or "all" for all that are trained.
        split, samples: part of the data, and how many of its examples.
        threads: most threads to compute with.

    Raises:
        ConfigError: there are not so many.
    """
    n_examples = network.task.sizes[split]
    if samples > n_examples:
        raise ConfigError(
            "hessian: {} samples; split {} has {} examples".format(samples, split, n_examples)
        )
    order = generator(network.seed, "curvature examples").permutation(n_examples)
    examples = network.task.examples(split, order[:samples])
    parameters = network.trained if block == ALL else [block]
    return Hessian(network, *examples, parameters, threads)


def follow(hessian, quantities, checkpoints, seed, journal, log):
    """Compute quantities at every checkpoint of a run, going on behind those in ``journal``.

    Args:
        hessian: :class:`Hessian`.
        quantities: members of :data:`lsnn.quantities.QUANTITIES`, made with their options.
        checkpoints: arrays of a checkpoint file by name.
        seed: of the run.
        journal: :class:`lsnn.journal.Journal`; gets a record a checkpoint, with the columns of the
            quantities, ``iteration``, and ``products``, the Hessian-vector products of all.
        log: called with the record of a checkpoint.
    """
    memory = memory_of(journal.last)
    for i in range(journal.size, len(checkpoints["iteration"])):
        hessian.move_to({name: checkpoints[name][i] for name in PARAMETERS})
        before = hessian.products
        record = OrderedDict(iteration=np.int64(checkpoints["iteration"][i]))
        for quantity in quantities:
            record.update(quantity.measure(hessian, seed, memory))
        record["products"] = hessian.products - before
        log(record)
        journal.append(with_memory(record, memory))


def _flat(tensors):
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
