"""Curvature of the loss at given weights: Hessian-vector products.

The loss is the true one. Nothing here knows of learning rules: a network and weights are all that
is needed, and there is no argument through which a rule's truncated gradient could enter.
"""

import functools

from lsnn.backend import tf
from lsnn.curvature.jacobian import GradientJacobian
from lsnn.errors import ConfigError
from lsnn.randomness import generator

ALL = "all"  # the block of all parameters that are trained


class Hessian(GradientJacobian):
    """Products of vectors with the Hessian of a network's loss on fixed examples.

    The loss is that of training, its regularising terms included, with its exact gradient.

    Args:
        network: :class:`lsnn.network.Network`.
        inputs, targets: the examples that the loss averages over.
        parameters: names of the parameters to differentiate by, in the order of the vector.
        threads: most threads to compute with.

    Attributes:
        second_sample: function that returns as many other examples, for :meth:`on`.
    """

    def __init__(self, network, inputs, targets, parameters=("w_rec",), threads=1):
        def gradient_of(weights, inputs, targets):
            response = network.respond(weights, inputs, unrolled=True)
            loss = network.loss(weights, response, targets)
            return dict(zip(parameters, tf.gradients(loss, [weights[name] for name in parameters])))

        super(Hessian, self).__init__(network, inputs, targets, parameters, gradient_of, threads)

    def _rmatvec(self, vector):  # it is symmetric
        return self._matvec(vector)


def hessian_of(network, block, split, samples, threads=1):
    """Return the :class:`Hessian` of a network's loss on the examples that its seed draws.

    Args:
        network: :class:`lsnn.network.Network`.
        block: name of the parameter to differentiate by, or "all" for all that are trained.
        split, samples: part of the data, and how many of its examples.
        threads: most threads to compute with.

    Raises:
        ConfigError: there are not that many.
    """
    examples, parameters = sample_of(network, split, samples), parameters_of(network, block)
    hessian = Hessian(network, *examples, parameters=parameters, threads=threads)
    hessian.second_sample = functools.partial(sample_of, network, split, samples, place=1)
    return hessian


def parameters_of(network, block):
    """Return the names of the parameters of a block: one, or "all" for all that are trained."""
    return network.trained if block == ALL else [block]


def sample_of(network, split, samples, place=0):
    """Return a sample of the examples of a split; those at other places are disjoint from it.

    Raises:
        ConfigError: there are not enough examples.
    """
    n_examples, end = network.task.sizes[split], (place + 1) * samples
    if end > n_examples:
        raise ConfigError(
            "samples: {} examples are needed; split {} has {}".format(end, split, n_examples)
        )
    order = generator(network.seed, "curvature examples").permutation(n_examples)
    return network.task.examples(split, order[end - samples : end])
