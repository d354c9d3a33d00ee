"""Compares a rule's update, and its derivative, with the true gradient and Hessian."""

import functools
from collections import OrderedDict
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np

from lsnn.backend import new_session, tf
from lsnn.curvature.hessian import Hessian, parameters_of, sample_of
from lsnn.curvature.jacobian import GradientJacobian
from lsnn.learning_rules import new_rule
from lsnn.learning_rules.base import LearningRule
from lsnn.network import PARAMETERS, Network
from lsnn.training import TrainingSettings, gradients_by, learning_rate_at

RECURRENT = ("w_in", "w_rec")  # the parameters whose gradient a rule changes


class UpdateJacobian(GradientJacobian):
    """The transpose of M = d g_hat / dw, g_hat being the gradient that a learning rule gives.

    Its eigenvalues are those of M. The L2 term is included; what the rule has drawn for the run is
    held fixed. The rule cuts and replaces paths in g_hat; g_hat itself is differentiated exactly.

    Args:
        learning_rule: :class:`lsnn.learning_rules.base.LearningRule` with its constants.
        network, inputs, targets, parameters, threads: as for :class:`GradientJacobian`.
    """

    def __init__(
        self,
        learning_rule: LearningRule,
        network: Network,
        inputs: np.ndarray,
        targets: np.ndarray,
        parameters: Sequence[str],
        threads: int = 1,
    ):
        def gradient_of(weights, inputs, targets):
            @functools.lru_cache(maxsize=None)
            def respond(rule):
                return network.respond(weights, inputs, rule, unrolled=True)

            return gradients_by(learning_rule, network, weights, respond, targets)

        super().__init__(network, inputs, targets, parameters, gradient_of, threads)


class Dynamics:
    """A learning rule's gradient, its derivative M, and the Hessian, on the same examples.

    What is not asked for is not built.

    Args:
        learning_rule: with its constants.
        network: that it trains.
        training: how it does.
        examples: inputs and targets, as the network's task has them.
        parameters: names of the parameters to differentiate by.
        threads: most threads to compute with.
    """

    def __init__(
        self,
        learning_rule: LearningRule,
        network: Network,
        training: TrainingSettings,
        examples: Sequence[np.ndarray],
        parameters: Sequence[str],
        threads: int = 1,
    ):
        self._rule, self._network, self._training = learning_rule, network, training
        self._examples, self._threads = examples, threads
        self.parameters = parameters
        self._weights: Mapping[str, np.ndarray] = {}
        self._operators: Dict[str, GradientJacobian] = {}
        self._gradients: List[Dict[str, np.ndarray]] = []  # at the weights, once computed
        with tf.Graph().as_default() as graph:
            self._placeholders = network.task.placeholders()
            inputs, targets = self._placeholders
            self._variables = network.variables()

            @functools.lru_cache(maxsize=None)
            def respond(rule):
                return network.respond(self._variables, inputs, rule)

            def gradients(rule, l2):
                return gradients_by(rule, network, self._variables, respond, targets, l2)

            self._exact = gradients(LearningRule(), l2=False)
            self._approximate = gradients(learning_rule, l2=False)
            self._update = gradients(learning_rule, l2=True)
        self._session = new_session(graph, threads)

    @property
    def products(self) -> int:
        """Products with vectors computed so far, of the Hessian and of M."""
        return sum(operator.products for operator in self._operators.values())

    @property
    def hessian(self) -> Hessian:
        """The Hessian; it is made of network and examples alone."""
        return self._operator("hessian", Hessian)

    @property
    def jacobian(self) -> UpdateJacobian:
        """The derivative of the rule's gradient."""
        return self._operator("jacobian", functools.partial(UpdateJacobian, self._rule))

    def _operator(self, name, of_network):
        if name not in self._operators:
            arguments = [*self._examples, self.parameters]
            operator = of_network(self._network, *arguments, threads=self._threads)
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
        """Return the exact gradient and the rule's, without L2 term.

        Each is arrays by name of the parameter, of its shape, float64.
        """
        if not self._gradients:
            feed = dict(zip(self._placeholders, self._examples))
            fetches = [self._exact, self._approximate]
            self._gradients = [_double(found) for found in self._session.run(fetches, feed)]
        return self._gradients

    def update(self, iteration: int) -> Dict[str, np.ndarray]:
        """Return the gradient that training takes at an iteration, on its batch, by name."""
        batch = self._network.task.batch(iteration, self._training.batch_size)
        return _double(self._session.run(self._update, dict(zip(self._placeholders, batch))))

    def learning_rate(self, iteration: int) -> float:
        """Return the step of plain gradient descent at an iteration; nan for another optimiser."""
        if self._training.optimiser != "sgd":
            return np.nan
        return learning_rate_at(self._training, iteration)


def dynamics_of(
    network: Network,
    rule: Mapping[str, Any],
    training: TrainingSettings,
    constants: Mapping[str, np.ndarray],
    entry: Mapping[str, Any],
    threads: int = 1,
) -> Dynamics:
    """Return the :class:`Dynamics` of a run on examples that its seed draws.

    Args:
        network: that was trained.
        rule: settings of the learning rule, its name and options.
        training: how it was.
        constants: what the rule has drawn for the run, arrays by name.
        entry: of the configuration's list ``dynamics``.
        threads: most threads to compute with.

    Raises:
        ConfigError: there are not enough examples, or the rule is not defined for the network.
    """
    learning_rule = new_rule(rule)
    learning_rule.take(constants)
    examples = sample_of(network, entry["split"], entry["samples"])
    parameters = parameters_of(network, entry["block"])
    return Dynamics(learning_rule, network, training, examples, parameters, threads)


def flat(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Return the arrays of some names concatenated into a vector (size,)."""
    return np.concatenate([np.ravel(arrays[name]) for name in names])


def _double(arrays):
    return OrderedDict((name, np.asarray(array, np.float64)) for name, array in arrays.items())
