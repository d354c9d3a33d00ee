"""Curvature of the loss at given weights: Hessian-vector products.

The loss is the true one. Nothing here knows of learning rules: a network and weights are all that
is needed, and there is no argument through which a rule's truncated gradient could enter.
"""

import functools
from typing import Any, Iterator, List, Sequence, Tuple

import numpy as np

from lsnn.backend import new_session, tf
from lsnn.curvature.eigenvalues import Eigenvalue, Krylov, extreme_eigenvalues
from lsnn.curvature.jacobian import GradientJacobian, flat_tensor
from lsnn.errors import ConfigError
from lsnn.network import Network
from lsnn.randomness import generator

ALL = "all"  # the block of all parameters that are trained


class Hessian(GradientJacobian):
    """Products of vectors with the Hessian of a network's loss on fixed examples.

    The loss is that of training, its regularising terms included, with its exact gradient:

        H v = d/dw (dL/dw . v)

    With all weights 0, every class has p = 1/2, and the Hessian by the bias is diag(p) - p p^T:

    >>> from lsnn.network import network_of
    >>> from lsnn.study.config import parse_study
    >>> values = {"task": "delayed_match", "training": {"batch_size": 8}, "hessian": []}
    >>> study = parse_study(values)
    >>> network = network_of(study.network_settings(), study.data, seed=1)
    >>> hessian = hessian_of(network, "b_out", "train", samples=8)
    >>> hessian.move_to({name: 0 * array for name, array in network.initial_weights().items()})
    >>> hessian.matmat(np.eye(2)).round(6).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]

    Args:
        network: :class:`lsnn.network.Network`.
        inputs, targets: the examples that the loss averages over.
        parameters: names of the parameters to differentiate by, in the order of the vector.
        threads: most threads to compute with.

    Attributes:
        second_sample: function that returns as many other examples, for :meth:`on`.
    """

    def __init__(
        self,
        network: Network,
        inputs: np.ndarray,
        targets: np.ndarray,
        parameters: Sequence[str] = ("w_rec",),
        threads: int = 1,
    ):
        def gradient_of(weights, inputs, targets):
            response = network.respond(weights, inputs, unrolled=True)
            self._loss = network.loss(weights, response, targets)
            gradient = tf.gradients(self._loss, [weights[name] for name in parameters])
            return dict(zip(parameters, gradient))

        super().__init__(network, inputs, targets, parameters, gradient_of, threads)
        self._network, self._threads = network, threads
        self._of_one_example: Any = None  # gradient, placeholders and session, once needed

    def loss(self, offset: np.ndarray) -> float:
        """Return the loss where the weights of the block are moved by an offset (size,)."""
        return float(self._computed(self._loss, self._moved(offset)))

    def loss_and_gradient(self, offset: np.ndarray) -> Tuple[float, np.ndarray]:
        """Return the loss, and its gradient (size,) by the block, as :meth:`loss`."""
        loss, gradient = self._computed([self._loss, self._gradient], self._moved(offset))
        return float(loss), np.asarray(gradient, np.float64)

    def leading(self, k: int = 1) -> List[Eigenvalue]:
        """Return the k largest eigenvalues, falling, with their vectors."""
        return extreme_eigenvalues(Krylov(self), k=k, smallest=False)

    def gradients_by_example(self) -> Iterator[np.ndarray]:
        """Yield the gradient (size,) of the loss of each of the present examples alone.

        The loss is the task's, without its L2 and firing-rate term.
        """
        if self._of_one_example is None:
            self._of_one_example = self._graph_of_one_example()
        gradient, placeholders, session = self._of_one_example
        inputs, targets = self.examples
        feed = {placeholders[name]: array for name, array in self.weights.items()}
        for place in range(inputs.shape[1]):
            example = (inputs[:, place : place + 1], targets[..., place : place + 1])
            feed.update(zip(placeholders["examples"], example))
            yield np.asarray(session.run(gradient, feed), np.float64)

    def _graph_of_one_example(self):
        with tf.Graph().as_default() as graph:
            placeholders = {
                name: tf.placeholder(tf.float32, shape)
                for name, shape in self._network.shapes.items()
            }
            inputs, targets = placeholders["examples"] = self._network.task.placeholders()
            response = self._network.respond(placeholders, inputs)
            loss = self._network.task.loss(response.logits, targets)
            gradient = tf.gradients(loss, [placeholders[name] for name in self.parameters])
            return flat_tensor(gradient), placeholders, new_session(graph, self._threads)

    def _rmatvec(self, vector):  # it is symmetric
        return self._matvec(vector)


def hessian_of(network: Network, block: str, split: str, samples: int, threads: int = 1) -> Hessian:
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


def parameters_of(network: Network, block: str) -> List[str]:
    """Return the names of the parameters of a block: one, or "all" for all that are trained."""
    return network.trained if block == ALL else [block]


def sample_of(
    network: Network, split: str, samples: int, place: int = 0
) -> Tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of a sample of a split; samples at other places share no example.

    Raises:
        ConfigError: there are not enough examples.
    """
    n_examples, end = network.task.sizes[split], (place + 1) * samples
    if samples < 1:
        raise ConfigError(f"samples: {samples}; one or more examples are needed")
    if end > n_examples:
        raise ConfigError(f"samples: {end} examples are needed; split {split} has {n_examples}")
    order = generator(network.seed, "curvature examples").permutation(n_examples)
    return network.task.examples(split, order[end - samples : end])
