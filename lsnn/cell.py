"""One time step of a recurrent network: input and recurrent synapses, and the neurons."""

from typing import Any, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from lsnn.backend import Tensor, flatten, pack, tf
from lsnn.connectivity import by_delay, without_autapses
from lsnn.learning_rules.base import LearningRule


class CellState(NamedTuple):
    """State of a cell after a step."""

    neurons: Any  # state of the neurons; its ``z`` (batch, units) is their output
    underway: Tuple[Tensor, ...]  # what arrives after 1, 2, .. further steps, each (batch, units)
    relayed: Tuple[Tensor, ...]  # zeros in their place, through which a rule relays an error
    traces: Tuple[Tensor, ...]  # what a rule keeps along the steps, each (batch, size)


class Cell:
    """Recurrently connected neurons, from step to step.

    With G the learning rule's view of the recurrent input, which is the identity in value:

        I_t = x_t w_in + G(z_{t-1}) offdiag(w_rec)

    (the rule may also replace the derivatives of the product). A synapse of delay d has x_{t-d} and
    z_{t-1-d} in place of x_t and z_{t-1}.

    A rule can have copies of the state, all with the same value, through which it sends different
    errors; they are stacked along the batch. A cell's output is that of the first copy.

    It can be called as TensorFlow's own recurrent cells are, and so be used in their place:
    ``tf.nn.dynamic_rnn(cell, inputs, dtype=tf.float32)`` on TensorFlow 1.12.

    Args:
        neurons: a model of :data:`lsnn.neurons.NEURONS`.
        weights: tensors by name; ``w_in`` (n_in, units) and ``w_rec`` (units, units) are used.
        delays: arrays of steps by name, of the weights' shapes; no delays if None.
        n_delays: the delays are 0 .. n_delays - 1.
        learning_rule: decides which paths the gradient may take; the exact gradient if None.
    """

    def __init__(
        self,
        neurons: Any,
        weights: Mapping[str, Tensor],
        delays: Optional[Mapping[str, np.ndarray]] = None,
        n_delays: int = 1,
        learning_rule: Optional[LearningRule] = None,
    ):
        self.neurons = neurons
        self.n_delays = n_delays
        self._rule = learning_rule or LearningRule()
        self._w_in = weights["w_in"]
        self._w_rec = w_rec = without_autapses(weights["w_rec"])
        self._w_back = w_back = self._rule.backward_weights(w_rec)
        if delays is not None:
            self._w_in = by_delay(self._w_in, delays["w_in"], n_delays)
            self._w_rec = by_delay(w_rec, delays["w_rec"], n_delays)
            self._w_back = self._w_rec
            if w_back is not w_rec:
                self._w_back = by_delay(w_back, delays["w_rec"], n_delays)
        # An error is relayed to the first step at which a current can show in the output.
        self._n_relayed = n_delays - 1 + neurons.latency if self._rule.relays else 0
        self._trace_sizes = self._rule.trace_sizes(neurons.n_units)

    @property
    def output_size(self) -> int:
        """Number of units."""
        return self.neurons.n_units

    @property
    def state_size(self) -> CellState:
        """Size of every part of the state, in its structure."""
        n_units = self.neurons.n_units
        sizes = [n_units] * len(self.neurons.state_type._fields)
        underway, relayed = (n_units,) * (self.n_delays - 1), (n_units,) * self._n_relayed
        return CellState(self.neurons.state_type(*sizes), underway, relayed, self._trace_sizes)

    def zero_state(self, batch_size: Tensor, dtype: Any = None) -> CellState:
        """Return the state before the first step, one copy."""
        shape = tf.stack([batch_size, self.neurons.n_units])
        underway = tuple(tf.zeros(shape) for _ in range(self.n_delays - 1))
        relayed = tuple(tf.zeros(shape) for _ in range(self._n_relayed))
        traces = tuple(tf.zeros(tf.stack([batch_size, size])) for size in self._trace_sizes)
        return CellState(self.neurons.zero_state(batch_size), underway, relayed, traces)

    def __call__(
        self,
        inputs: Tensor,
        state: CellState,
        scope: Any = None,
        noise: Optional[Tensor] = None,
        step: Any = None,
    ) -> Tuple[Tensor, CellState]:
        """Return the output (batch, units) as the readout sees it, and the state after a step.

        Args:
            inputs: x_t (batch, n_in); numbers of any type.
            state: after the step before.
            scope: ignored, like the dtype of :meth:`zero_state`; TensorFlow passes both.
            noise: current that is added (batch, units), if any.
            step: number of the step, for learning rules that ask for it.
        """
        distance = self.neurons.distance(state.neurons)
        z = self._rule.recurrent_input(state.neurons.z, distance, step)
        recurrent = self._rule.recurrent_product(z, self._w_rec, self._w_back)
        feedforward = tf.matmul(tf.cast(inputs, tf.float32), self._w_in)
        currents = self._copied(feedforward) + recurrent
        currents, underway = _arriving(self._by_delay(currents), state.underway)
        if noise is not None:
            currents = currents + self._copied(noise)
        neurons, traces = self.neurons.step(state.neurons, currents), ()
        if self._trace_sizes:
            traces = self._rule.next_traces(state.traces, currents)
            # The output reads the membrane of this step or, with latency, of the one before.
            read = state.traces if self.neurons.latency else traces
            slope = self.neurons.slope(state.neurons, neurons)
            neurons = neurons._replace(z=self._rule.output(neurons.z, slope, read))
        output, relayed = self._first(neurons.z), ()
        if self._rule.relays:
            sent = self._by_delay(self._rule.relayed(state.neurons.z, self._w_back))
            sent = [tf.zeros_like(sent[0])] * self.neurons.latency + sent
            arrived, relayed = _arriving(sent, state.relayed)
            output = output + self.neurons.gain(state.neurons, neurons) * arrived
        return output, CellState(neurons, underway, relayed, traces)

    def copied(self, state: CellState) -> CellState:
        """Return a state in as many copies as the learning rule has."""
        return pack(state, [self._copied(part) for part in flatten(state)])

    def first_copy(self, state: CellState) -> CellState:
        """Return the first copy of a state."""
        return pack(state, [self._first(part) for part in flatten(state)])

    def _copied(self, tensor):
        copies = self._rule.copies
        return tensor if copies == 1 else tf.tile(tensor, [copies, 1])

    def _first(self, tensor):
        copies = self._rule.copies
        return tensor if copies == 1 else tf.split(tensor, copies)[0]

    def _by_delay(self, currents):
        return [currents] if self.n_delays == 1 else tf.split(currents, self.n_delays, axis=1)


def _arriving(sent, underway):
    """Return the current that arrives now, and those that arrive after 1, 2, .. further steps.

    Args:
        sent: list of what is sent now, by delay.
        underway: what was sent before, by time of arrival.
    """
    ahead = [now + later for now, later in zip(sent, underway)] + sent[len(underway) :]
    return ahead[0], tuple(ahead[1:])
