"""The one update: what training does to the weights, and what `dynamics` differentiates."""

import functools
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Mapping, Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.learning_rules.base import LearningRule
from lsnn.network import Network, Response
from lsnn.update import new_parts
from lsnn.update.settings import TrainingSettings, is_trained, learning_rate_at

Weights = Mapping[str, Tensor]
Respond = Callable[[LearningRule, Weights], Response]


class Update:
    """What an iteration of training does to the weights: w <- w - eta_t d(w).

    With g_hat the gradient that the learning rule gives of the loss, its L2 term included, the
    direction is

        d(w) = g_hat(w') + sum of the parts' terms at w

    and eta_t the learning rate times the parts' factors at iteration t; w' is w, unless a part
    takes the gradient elsewhere (:class:`lsnn.update.base.Part`). Parameters that are not trained
    have no direction. Adam is given d in place of a gradient. Rewiring and Dale's law
    (:mod:`lsnn.rewiring`), which act on the weights after the step, are not part of it.

    Args:
        learning_rule: with its constants.
        network: that is trained.
        training: how.
        start: weights before training, arrays by name.

    Attributes:
        learning_rule, network, training: as given.
        trained: names of the parameters that are trained.
    """

    def __init__(
        self,
        learning_rule: LearningRule,
        network: Network,
        training: TrainingSettings,
        start: Mapping[str, np.ndarray],
    ):
        self.learning_rule = learning_rule
        self.network = network
        self.training = training
        self.trained = [name for name in network.trained if is_trained(name, training.trainable)]
        self._start = start
        self._parts = new_parts(training.parts)

    def learning_rate(self, iteration: int) -> float:
        """Return eta of an iteration, counted from 0."""
        return learning_rate_at(self.training, iteration)

    def of_exact_gradient(self) -> "Update":
        """Return the plain update of the same parameters by the exact gradient."""
        plain = self.training._replace(parts={})
        return Update(LearningRule(), self.network, plain, self._start)

    def direction(
        self, weights: Weights, respond: Respond, targets: Tensor, data_only: bool = False
    ) -> Dict[str, Tensor]:
        """Return d, tensors by name of the trained parameters.

        Each has the shape of its parameter: ``w_in`` (n_in, units), ``w_rec`` (units, units) [pre,
        post], ``w_out`` (units, n_out), ``b_out`` (n_out).

        Args:
            weights: tensors by name, at which the update is taken.
            respond: function of a learning rule and weights that returns the network's response, in
                whose graph the rule takes effect (:func:`responses_to`).
            targets: as the task's placeholders have them.
            data_only: whether the terms are left out that do not depend on the examples: the
                gradient of the L2 term, and the terms of parts. The gradient is taken at the same
                weights w' all the same.
        """

        def gradient_by(rule, at, without_l2=False):
            def gradients_of(rule, terms="all", weights=None):
                if without_l2 and terms == "l2":
                    return OrderedDict()
                terms = "data" if without_l2 else terms
                where = at if weights is None else weights
                return self._gradients(rule, where, respond, targets, terms)

            return rule.gradients(gradients_of, at)

        at = weights
        for part in self._parts:
            at = part.weights(at, self.learning_rule, functools.partial(gradient_by, at=at))
        direction = gradient_by(self.learning_rule, at, without_l2=data_only)
        trained = OrderedDict((name, weights[name]) for name in self.trained)
        for part in self._parts if not data_only else ():
            for name, term in part.terms(trained, self._start).items():
                direction[name] += term
        return direction

    def _gradients(self, rule, weights, respond, targets, terms):
        """Return the gradients of some terms of the loss in the graph of a rule.

        They are tensors by name of the trained parameters that these terms depend on.
        """
        if terms == "l2":
            loss = self.network.l2_loss(weights)
        elif terms == "data":
            loss = self.network.data_loss(respond(rule, weights), targets)
        else:
            loss = self.network.loss(weights, respond(rule, weights), targets)
        gradients = tf.gradients(loss, [weights[name] for name in self.trained])
        pairs = zip(self.trained, gradients)
        return OrderedDict((name, gradient) for name, gradient in pairs if gradient is not None)


def responses_to(
    network: Network, inputs: Tensor, noise_seed: Any = 0, unrolled: bool = False
) -> Respond:
    """Return a function of a learning rule and weights that returns the network's response.

    Each response is built once. All start from the initial state of the first, which can be fed.

    Args:
        network, inputs, noise_seed, unrolled: as for :meth:`lsnn.network.Network.respond`.
    """
    built: List[Tuple[LearningRule, Weights, Response]] = []

    def respond(rule, weights):
        for known_rule, known_weights, response in built:
            if known_rule is rule and known_weights is weights:
                return response
        first = built[0][2].initial_state if built else None
        response = network.respond(weights, inputs, rule, noise_seed, unrolled, first)
        built.append((rule, weights, response))
        return response

    return respond
