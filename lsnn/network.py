"""A recurrent network unrolled over time: inputs -> logits and loss."""

from collections import OrderedDict
from typing import Any, NamedTuple

from lsnn.backend import tf
from lsnn.connectivity import half_squared_norm, initial_weights, without_autapses
from lsnn.learning_rules import LearningRule
from lsnn.neurons import NEURONS, decay

# Names of the parameters, in the order in which they are always given.
PARAMETERS = ("w_in", "w_rec", "w_out", "b_out")


class Response(NamedTuple):
    """What a network answers to a batch of inputs."""

    logits: Any  # (batch, n_out), at the last step
    mean_activity: Any  # scalar: output z averaged over batch, units and steps


class Network(object):
    """Input weights, recurrently connected neurons, and a leaky linear readout.

    With G the learning rule's view of the recurrent input, which is the identity in value:

        I_t = x_t w_in + G(z_{t-1}) offdiag(w_rec)
        s_t = kappa s_{t-1} + (1 - kappa) z_t,        kappa = exp(-dt / tau_out),   s_0 = 0
        y_T = s_T w_out + b_out

    Args:
        settings: :class:`lsnn.config.NetworkSettings`.
        task: gives the sizes ``n_in``, ``n_steps`` and ``n_out``, and the loss.
        l2: coefficient of the L2 term of the loss.
    """

    def __init__(self, settings, task, l2):
        self.neurons = NEURONS[settings.neurons](settings)
        self.kappa = decay(settings.tau_out)
        self.task = task
        self.l2 = l2

    @property
    def shapes(self):
        """Shapes of the parameters by name."""
        n_in, n_units, n_out = self.task.n_in, self.neurons.n_units, self.task.n_out
        shapes = [(n_in, n_units), (n_units, n_units), (n_units, n_out), (n_out,)]
        return OrderedDict(zip(PARAMETERS, shapes))

    def initial_weights(self, generator):
        """Return the weights before training as float32 arrays by name."""
        return initial_weights(self.task.n_in, self.neurons.n_units, self.task.n_out, generator)

    def variables(self):
        """Return new variables for the weights by name, without values yet."""
        return OrderedDict(
            (name, tf.get_variable(name, shape, tf.float32, tf.zeros_initializer()))
            for name, shape in self.shapes.items()
        )

    def respond(self, weights, inputs, learning_rule=None):
        """Unroll the network over ``inputs`` (steps, batch, n_in) and return its :class:`Response`.

        Args:
            weights: tensors by name.
            learning_rule: decides which paths the gradient may take; the exact gradient if None.
        """
        rule = learning_rule or LearningRule()
        w_rec = without_autapses(weights["w_rec"])
        state = self.neurons.zero_state(tf.shape(inputs)[1])
        trace = state.z
        activity = []
        for current in self._input_currents(weights["w_in"], inputs):
            recurrent = tf.matmul(rule.recurrent_input(state.z), w_rec)
            state = self.neurons.step(state, current + recurrent)
            trace = self._low_pass(trace, state.z)
            activity.append(tf.reduce_mean(state.z))
        logits = tf.matmul(trace, weights["w_out"]) + weights["b_out"]
        return Response(logits=logits, mean_activity=tf.add_n(activity) / float(len(activity)))

    def l2_loss(self, weights):
        """Return the L2 term of the loss, a scalar."""
        return self.l2 * half_squared_norm(weights)

    def _input_currents(self, w_in, inputs):
        """Return x_t w_in for every step t: a product a step, so that each has its own gradient.

        A rule that cuts the gradient at all but some steps then saves those of the others.
        """
        return [tf.matmul(x, w_in) for x in tf.unstack(inputs, self.task.n_steps)]

    def _low_pass(self, trace, z):
        if self.kappa == 0.0:
            return z
        return self.kappa * trace + (1.0 - self.kappa) * z
