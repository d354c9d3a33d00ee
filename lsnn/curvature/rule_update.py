"""Compares training's update, and its derivative, with the true gradient and Hessian."""

from collections import OrderedDict
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Sequence

import numpy as np

from lsnn.backend import new_session, tf
from lsnn.curvature.hessian import Hessian, parameters_of, sample_of
from lsnn.curvature.jacobian import GradientJacobian
from lsnn.errors import ConfigError
from lsnn.learning_rules import new_rule
from lsnn.network import PARAMETERS, Network
from lsnn.update.settings import TrainingSettings, not_plain_descent
from lsnn.update.update import Update, responses_to

RECURRENT = ("w_in", "w_rec")  # the parameters whose gradient a rule changes


class UpdateJacobian(GradientJacobian):
    """The transpose of M = dd/dw, d being the direction of training's update.

    Its eigenvalues are those of M. What does not depend on the examples is included, such as the L2
    term and a pull; what the rule has drawn for the run is held fixed. The rule cuts and replaces
    paths in d; d itself is differentiated exactly.

    Args:
        update: :class:`lsnn.update.update.Update`, whose derivative is known.
        inputs, targets, parameters, threads: as for :class:`GradientJacobian`.

    Raises:
        ConfigError: it is not known.
    """

    def __init__(
        self,
        update: Update,
        inputs: np.ndarray,
        targets: np.ndarray,
        parameters: Sequence[str],
        threads: int = 1,
    ):
        for key in not_plain_descent(update.training.optimiser, update.training.parts):
            raise ConfigError(f"{key}: no derivative of the update is known with it")

        def gradient_of(weights, inputs, targets):
            respond = responses_to(update.network, inputs, unrolled=True)
            return update.direction(weights, respond, targets)

        super().__init__(update.network, inputs, targets, parameters, gradient_of, threads)


class Dynamics:
    """The direction of training's update, its derivative M, and the Hessian, on the same examples.

    What is not asked for is not built.

    Args:
        update: what training does.
        examples: inputs and targets, as the network's task has them.
        parameters: names of the parameters to differentiate by; all are trained.
        threads: most threads to compute with.
    """

    def __init__(
        self,
        update: Update,
        examples: Sequence[np.ndarray],
        parameters: Sequence[str],
        threads: int = 1,
    ):
        self._update = update
        self._examples, self._threads = examples, threads
        self.parameters = parameters
        self._weights: Mapping[str, np.ndarray] = {}
        self._operators: Dict[str, GradientJacobian] = {}
        self._gradients: List[Dict[str, np.ndarray]] = []  # at the weights, once computed
        network = update.network
        with tf.Graph().as_default() as graph:
            self._placeholders = network.task.placeholders()
            inputs, targets = self._placeholders
            self._variables = network.variables()
            respond = responses_to(network, inputs)

            def direction(update, data_only):
                return update.direction(self._variables, respond, targets, data_only)

            self._exact = direction(update.of_exact_gradient(), data_only=True)
            self._approximate = direction(update, data_only=True)
            self._direction = direction(update, data_only=False)
        self._session = new_session(graph, threads)

    @property
    def products(self) -> int:
        """Products with vectors computed so far, of the Hessian and of M."""
        return sum(operator.products for operator in self._operators.values())

    @property
    def hessian(self) -> Hessian:
        """The Hessian; it is made of network and examples alone."""
        return self._operator("hessian", Hessian, self._update.network, self._examples)

    @property
    def jacobian(self) -> UpdateJacobian:
        """The derivative of the update's direction."""
        return self._operator("jacobian", UpdateJacobian, self._update, self._examples)

    @contextmanager
    def hessian_of_batch(self, iteration: int) -> Iterator[Hessian]:
        """In this context there is the Hessian of the loss on the batch of an iteration."""
        batch = self._batch(iteration)
        hessian = self._operator("hessian of a batch", Hessian, self._update.network, batch)
        with hessian.on(batch):
            yield hessian

    def _operator(self, name, kind, source, examples):
        if name not in self._operators:
            operator = kind(source, *examples, self.parameters, threads=self._threads)
            operator.move_to(self._weights)
            self._operators[name] = operator
        return self._operators[name]

    def move_to(self, weights: Mapping[str, np.ndarray]) -> None:
        """Use these weights, arrays by name, from now on."""
        self._weights, self._gradients = weights, []
        for name in PARAMETERS:
            self._variables[name].load(weights[name], self._session)
        for operator in self._operators.values():
            operator.move_to(weights)

    def gradients(self) -> List[Dict[str, np.ndarray]]:
        """Return the exact gradient, and the direction, without what the examples do not change.

        Each is arrays by name of the trained parameters, of their shapes, float64.
        """
        if not self._gradients:
            feed = dict(zip(self._placeholders, self._examples))
            fetches = [self._exact, self._approximate]
            self._gradients = [_double(found) for found in self._session.run(fetches, feed)]
        return self._gradients

    def update(self, iteration: int) -> Dict[str, np.ndarray]:
        """Return the direction that training takes at an iteration, on its batch, by name."""
        feed = dict(zip(self._placeholders, self._batch(iteration)))
        return _double(self._session.run(self._direction, feed))

    def _batch(self, iteration):
        return self._update.network.task.batch(iteration, self._update.training.batch_size)

    def learning_rate(self, iteration: int) -> float:
        """Return the learning rate of an iteration."""
        return self._update.learning_rate(iteration)


def dynamics_of(
    network: Network,
    rule: Mapping[str, Any],
    training: TrainingSettings,
    constants: Mapping[str, np.ndarray],
    start: Mapping[str, np.ndarray],
    entry: Mapping[str, Any],
    threads: int = 1,
) -> Dynamics:
    """Return the :class:`Dynamics` of a run on examples that its seed draws.

    Args:
        network: that was trained.
        rule: settings of the learning rule, its name and options.
        training: how it was.
        constants: what the rule has drawn for the run, arrays by name.
        start: weights before training, arrays by name.
        entry: of the configuration's list ``dynamics``.
        threads: most threads to compute with.

    Raises:
        ConfigError: there are not enough examples, or the rule is not defined for the network.
    """
    learning_rule = new_rule(rule)
    learning_rule.take(constants)
    update = Update(learning_rule, network, training, start)
    examples = sample_of(network, entry["split"], entry["samples"])
    block = parameters_of(network, entry["block"])
    trained = [name for name in block if name in update.trained]
    return Dynamics(update, examples, trained, threads)


def _double(arrays):
    return OrderedDict((name, np.asarray(array, np.float64)) for name, array in arrays.items())
