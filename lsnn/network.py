"""A recurrent network over time: inputs -> logits and loss."""

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from lsnn.backend import new_session, standard_normal, tf
from lsnn.cell import Cell
from lsnn.connectivity import half_squared_norm, initial_weights, synaptic_delays
from lsnn.neurons import NEURONS, decay, low_pass
from lsnn.scan import scan
from lsnn.tasks import new_task

# Names of the parameters, in the order in which they are always given.
PARAMETERS = ("w_in", "w_rec", "w_out", "b_out")

# Longer sequences are a loop in the graph: it is built in no time, but has no second derivative.
MOST_UNROLLED_STEPS = 100

PER_MS = 1e-3  # from Hz


class State(NamedTuple):
    """State of a network after a step."""

    cell: Any  # :class:`lsnn.cell.CellState`
    trace: Any  # of the readout (batch, units)


class Response(NamedTuple):
    """What a network answers to a batch of inputs."""

    logits: Any  # (n_windows, batch, n_out): readout averaged over each window of the task
    mean_activity: Any  # scalar: output z averaged over batch, units and steps
    rates: Any  # (units): output z averaged over batch and steps
    initial_state: Any  # :class:`State` before the first step: zeros, unless others are fed
    final_state: Any  # :class:`State` after the last step


class Recording(NamedTuple):
    """What goes on in a network step by step."""

    spikes: Any  # output z of the units (steps, batch, units)
    thresholds: Any  # (steps, batch, units)
    outputs: Any  # y of the readout (steps, batch, n_out)


class Network(object):
    """A cell of recurrently connected neurons, and a leaky linear readout.

    With z_t the output of the cell (:class:`lsnn.cell.Cell`):

        s_t = kappa s_{t-1} + (1 - kappa) z_t,        kappa = exp(-dt / tau_out),   s_0 = 0
        y_t = s_t w_out + b_out

    Args:
        settings: :class:`lsnn.config.NetworkSettings`.
        task: what is learned, see :mod:`lsnn.tasks`.
        l2: coefficient of the L2 term of the loss.
        rate_cost, target_rate: of its firing-rate term, in ms^2 and Hz.
    """

    def __init__(self, settings, task, l2, rate_cost=0.0, target_rate=0.0):
        self.settings = settings
        self.neurons = NEURONS[settings.neurons](settings)
        self.kappa = decay(settings.tau_out)
        self.task = task
        self.l2 = l2
        self.rate_cost = rate_cost
        self.target_rate = target_rate
        self.delays = None

    @property
    def shapes(self):
        """Shapes of the parameters by name."""
        n_in, n_units, n_out = self.task.n_in, self.neurons.n_units, self.task.n_out
        shapes = [(n_in, n_units), (n_units, n_units), (n_units, n_out), (n_out,)]
        return OrderedDict(zip(PARAMETERS, shapes))

    @property
    def trained(self):
        """Names of the parameters that are trained: all but the bias where a task has none."""
        return [name for name in PARAMETERS if name != "b_out" or self.task.readout_bias]

    def initial_weights(self, generator):
        """Return the weights before training as float32 arrays by name."""
        sizes = (self.task.n_in, self.neurons.n_units, self.task.n_out)
        return initial_weights(*sizes, variance=self.neurons.weight_variance, generator=generator)

    def draw_delays(self, generator):
        """Give every synapse a delay, where the settings want more than one."""
        if self.settings.n_delays > 1:
            sizes = (self.task.n_in, self.neurons.n_units, self.settings.n_delays)
            self.delays = synaptic_delays(*sizes, generator=generator)

    def variables(self):
        """Return new variables for the weights by name, without values yet."""
        return OrderedDict(
            (name, tf.get_variable(name, shape, tf.float32, tf.zeros_initializer()))
            for name, shape in self.shapes.items()
        )

    def respond(self, weights, inputs, learning_rule=None, noise_seed=0, unrolled=False):
        """Return the :class:`Response` to ``inputs`` (steps, batch, n_in).

        Args:
            weights: tensors by name.
            learning_rule: decides which paths the gradient may take; the exact gradient if None.
            noise_seed: int32 scalar, which the noise in the input current depends on, if any.
            unrolled: whether a second derivative is wanted of however many steps.
        """

        def step(t, carried, x):
            state, activity, rates = carried
            state = self._step(cell, state, x, noise_seed, t)
            z = state.cell.neurons.z
            activity += tf.reduce_mean(z)
            rates += tf.reduce_mean(z, axis=0)
            return (state, activity, rates), (self._output(weights, state),)

        cell = self._cell(weights, learning_rule)
        zero_state = _zero_state(cell, tf.shape(inputs)[1])
        carried = (zero_state, tf.zeros([]), tf.zeros([self.neurons.n_units]))
        n_steps, windows = self.task.n_steps, [self.task.n_windows, self.task.window_steps]
        in_loop = n_steps > MOST_UNROLLED_STEPS and not unrolled
        carried, (outputs,) = scan(step, carried, inputs, n_steps, in_loop, np.prod(windows))
        outputs = tf.reshape(outputs, windows + [-1, self.task.n_out])
        state, activity, rates = carried
        return Response(
            logits=tf.reduce_mean(outputs, axis=1),
            mean_activity=activity / n_steps,
            rates=rates / n_steps,
            initial_state=zero_state,
            final_state=state,
        )

    def record(self, weights, inputs):
        """Return the :class:`Recording` of the network's answer to inputs (steps, batch, n_in)."""

        def step(t, state, x):
            state = self._step(cell, state, x, 0, t)
            neurons = state.cell.neurons
            threshold = self.neurons.threshold_at(neurons.a) + tf.zeros_like(neurons.z)
            return state, Recording(neurons.z, threshold, self._output(weights, state))

        cell = self._cell(weights)
        state = _zero_state(cell, tf.shape(inputs)[1])
        n_steps = self.task.n_steps
        return Recording(*scan(step, state, inputs, n_steps, True, n_steps, n_tensors=3)[1])

    def loss(self, weights, response, targets):
        """Return the loss that is descended: the task's, the L2 and the firing-rate term."""
        loss = self.task.loss(response.logits, targets) + self.l2_loss(weights)
        if self.rate_cost > 0.0:
            excess = response.rates - PER_MS * self.target_rate
            loss += self.rate_cost * tf.reduce_sum(tf.square(excess))
        return loss

    def l2_loss(self, weights):
        """Return the L2 term of the loss, a scalar."""
        return self.l2 * half_squared_norm(weights)

    def _cell(self, weights, learning_rule=None):
        return Cell(self.neurons, weights, self.delays, self.settings.n_delays, learning_rule)

    def _step(self, cell, state, x, noise_seed, t):
        """Return the state after a step."""
        noise = None
        if self.settings.input_noise > 0.0:
            shape = tf.shape(state.trace)
            noise = self.settings.input_noise * standard_normal(shape, [noise_seed, t])
        z, cell_state = cell(x, state.cell, noise=noise)
        trace = z
        if self.kappa > 0.0:
            trace = low_pass(self.kappa, state.trace, z)
        return State(cell_state, trace)

    def _output(self, weights, state):
        return tf.matmul(state.trace, weights["w_out"]) + weights["b_out"]


def _zero_state(cell, batch_size):
    trace = tf.zeros(tf.stack([batch_size, cell.output_size]))
    return State(cell.zero_state(batch_size), trace)


def recorded(network, weights, inputs):
    """Return the :class:`Recording` of a network's answer as arrays.

    Args:
        network: :class:`Network`.
        weights: arrays by name.
        inputs: array (steps, batch, n_in).
    """
    with tf.Graph().as_default() as graph:
        tensors = {name: tf.constant(value) for name, value in weights.items()}
        recording = network.record(tensors, tf.constant(inputs))
    with new_session(graph) as session:
        return session.run(recording)


def network_of(study):
    """Return the :class:`Network` of a study, with its task."""
    return Network(study.network, new_task(study.task, study.data), **study.loss._asdict())
