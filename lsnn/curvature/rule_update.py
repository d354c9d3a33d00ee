"""What a learning rule's own update does at given weights, beside the true gradient."""

import functools
from collections import OrderedDict

import numpy as np

from lsnn.backend import new_session, tf
from lsnn.curvature.hessian import Hessian, parameters_of, sample_of
from lsnn.curvature.jacobian import GradientJacobian
from lsnn.gradients import gradients_by
from lsnn.learning_rules import new_rule
from lsnn.learning_rules.base import LearningRule
from lsnn.network import PARAMETERS
from lsnn.training import learning_rate_at

RECURRENT = ("w_in", "w_rec")  # the parameters whose gradient a rule changes


class UpdateJacobian(GradientJacobian):
    """The transpose of M = d g_hat / dw, g_hat being the gradient that a learning rule gives.

    Its eigenvalues are those of M. The L2 term is included; what the rule has drawn for the run is
    held fixed. The rule cuts and replaces paths in g_hat; g_hat itself is differentiated exactly.

    Args:
        learning_rule: :class:`lsnn.learning_rules.base.LearningRule` with its constants.
        network, inputs, targets, parameters, threads: as for :class:`GradientJacobian`.
    """

    def __init__(self, learning_rule, network, inputs, targets, parameters, threads=1):
        def gradient_of(weights, inputs, targets):
            @functools.lru_cache(maxsize=None)
            def respond(rule):
                return network.respond(weights, inputs, rule, unrolled=True)

            return gradients_by(learning_rule, network, weights, respond, targets)

        super(UpdateJacobian, self).__init__(
            network, inputs, targets, parameters, gradient_of, threads
        )


class Dynamics(object):
    """A learning rule's gradient, its derivative M, and the Hessian, on the same examples.

    What is not asked for is not built.

    Args:
        learning_rule: :class:`lsnn.learning_rules.base.LearningRule` with its constants.
        network: :class:`lsnn.network.Network`.
        training: :class:`lsnn.training.TrainingSettings`.
        examples: inputs and targets.
        parameters: names of the parameters to differentiate by.
        threads: most threads to compute with.
    """

    def __init__(self, learning_rule, network, training, examples, parameters, threads=1):
        self._rule, self._network, self._training = learning_rule, network, training
        self._examples, self._threads = examples, threads
        self.parameters = parameters
        self._weights, self._operators, self._gradients = None, {}, None
        with tf.Graph().as_default() as graph:
            self._placeholders = network.task.placeholders()
            inputs, targets = self._placeholders
            self._variables = network.variables()

            @functools.lru_cache(maxsize=None)
            def respond(rule):
                return network.respond(self._variables, inputs, rule)

            def of(rule, l2):
                return gradients_by(rule, network, self._variables, respond, targets, l2)

            self._exact, self._approximate = of(LearningRule(), False), of(learning_rule, False)
            self._update = of(learning_rule, True)
        self._session = new_session(graph, threads)

    @property
    def products(self):
        """Products with vectors computed so far, of the Hessian and of M."""
        return sum(operator.products for operator in self._operators.values())

    @property
    def hessian(self):
        """The :class:`lsnn.curvature.hessian.Hessian`; it is made of network and examples alone."""
        return self._operator("hessian", Hessian)

    @property
    def jacobian(self):
        """The :class:`UpdateJacobian`."""
        return self._operator("jacobian", functools.partial(UpdateJacobian, self._rule))

    def _operator(self, name, of_network):
        if name not in self._operators:
            arguments = list(self._examples) + [self.parameters]
            operator = of_network(self._network, *arguments, threads=self._threads)
            operator.move_to(self._weights)
            self._operators[name] = operator
        return self._operators[name]

    def move_to(self, weights):
        """Use these weights, arrays by name, from now on."""
        self._weights, self._gradients = weights, None
        for name in PARAMETERS:
            self._variables[name].load(weights[name], self._session)
        for operator in self._operators.values():
            operator.move_to(weights)

    def gradients(self):
        """Return the exact gradient and the rule's, without L2 term, each as arrays by name."""
        if self._gradients is None:
            feed = dict(zip(self._placeholders, self._examples))
            fetches = [self._exact, self._approximate]
            self._gradients = [_double(one) for one in self._session.run(fetches, feed)]
        return self._gradients

    def update(self, iteration):
        """Return the gradient that training takes at an iteration, on its batch, by name."""
        batch = self._network.task.batch(iteration, self._training.batch_size)
        return _double(self._session.run(self._update, dict(zip(self._placeholders, batch))))

    def learning_rate(self, iteration):
        """Return the step of plain gradient descent at an iteration; nan for another optimiser."""
        if self._training.optimiser != "sgd":
            return np.nan
        return learning_rate_at(self._training, iteration)


def dynamics_of(network, rule, training, constants, entry, threads=1):
    """Return the :class:`Dynamics` of a run on examples that its seed draws.

    Args:
        network: :class:`lsnn.network.Network`.
        rule: settings of the learning rule, its name and options.
        training: :class:`lsnn.training.TrainingSettings`.
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


def flat(arrays, names):
    """Return the arrays of some names concatenated into a vector."""
    return np.concatenate([np.ravel(arrays[name]) for name in names])


def _double(arrays):
    return OrderedDict((name, np.asarray(array, np.float64)) for name, array in arrays.items())
