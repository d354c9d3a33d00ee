"""One time step of a recurrent network: input and recurrent synapses, and the neurons."""

from typing import Any, NamedTuple

from lsnn.backend import tf
from lsnn.connectivity import by_delay, without_autapses
from lsnn.learning_rules.base import LearningRule


class CellState(NamedTuple):
    """State of a cell after a step."""

    neurons: Any  # state of the neurons; its ``z`` (batch, units) is their output
    underway: Any  # currents that arrive after 1, 2, .. further steps, each (batch, units)


class Cell(object):
    """Recurrently connected neurons, from step to step.

    With G the learning rule's view of the recurrent input, which is the identity in value:

        I_t = x_t w_in + G(z_{t-1}) offdiag(w_rec)

    (the rule may also replace the derivatives of the product). A synapse of delay d has x_{t-d} and
    z_{t-1-d} in place of x_t and z_{t-1}.

    It can be called as TensorFlow's own recurrent cells are, and so be used in their place:
    ``tf.nn.dynamic_rnn(cell, inputs, dtype=tf.float32)`` on TensorFlow 1.12.

    Args:
        neurons: a model of :data:`lsnn.neurons.NEURONS`.
        weights: tensors by name; ``w_in`` (n_in, units) and ``w_rec`` (units, units) are used.
        delays: arrays of steps by name, of the weights' shapes; no delays if None.
        n_delays: the delays are 0 .. n_delays - 1.
        learning_rule: decides which paths the gradient may take; the exact gradient if None.
    """

    def __init__(self, neurons, weights, delays=None, n_delays=1, learning_rule=None):
        self.neurons = neurons
        self.n_delays = n_delays
        self._rule = learning_rule or LearningRule()
        self._w_in = weights["w_in"]
        self._w_rec = without_autapses(weights["w_rec"])
        if n_delays > 1:
            self._w_in = by_delay(self._w_in, delays["w_in"], n_delays)
            self._w_rec = by_delay(self._w_rec, delays["w_rec"], n_delays)

    @property
    def output_size(self):
        """Number of units."""
        return self.neurons.n_units

    @property
    def state_size(self):
        """Size of every part of the state, in its structure."""
        n_units = self.neurons.n_units
        sizes = [n_units] * len(self.neurons.state_type._fields)
        return CellState(self.neurons.state_type(*sizes), (n_units,) * (self.n_delays - 1))

    def zero_state(self, batch_size, dtype=None):
        """Return the state before the first step."""
        shape = tf.stack([batch_size, self.neurons.n_units])
        underway = tuple(tf.zeros(shape) for _ in range(self.n_delays - 1))
        return CellState(self.neurons.zero_state(batch_size), underway)

    def __call__(self, inputs, state, scope=None, noise=None, step=None):
        """Return the output (batch, units) of a step and the state after it.

        Args:
            inputs: x_t (batch, n_in); numbers of any type.
            state: :class:`CellState` after the step before.
            scope: of no effect, like the dtype of :meth:`zero_state`; TensorFlow gives both.
            noise: current that is added (batch, units), if any.
            step: number of the step, for learning rules that ask for it.
        """
        distance = self.neurons.distance(state.neurons)
        z = self._rule.recurrent_input(state.neurons.z, distance, step)
        recurrent = self._rule.recurrent_product(z, self._w_rec)
        currents = tf.matmul(tf.cast(inputs, tf.float32), self._w_in) + recurrent
        underway = ()
        if self.n_delays > 1:
            arriving = tf.split(currents, self.n_delays, axis=1)
            ahead = [now + later for now, later in zip(arriving, state.underway)]
            currents, underway = ahead[0], tuple(ahead[1:] + arriving[-1:])
        if noise is not None:
            currents = currents + noise
        neurons = self.neurons.step(state.neurons, currents)
        return neurons.z, CellState(neurons, underway)
