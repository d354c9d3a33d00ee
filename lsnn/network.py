"""A recurrent network over time: inputs -> logits and loss."""

from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np

from lsnn.backend import Tensor, new_session, standard_normal, tf
from lsnn.cell import Cell, CellState
from lsnn.connectivity import half_squared_norm, initial_weights, synaptic_delays
from lsnn.errors import ConfigError, DataError
from lsnn.learning_rules.base import LearningRule
from lsnn.neurons import NEURONS, new_neurons
from lsnn.neurons.base import decay, low_pass
from lsnn.options import choice, impossible, integer, meanings, named, number, section
from lsnn.randomness import generator
from lsnn.rewiring import REWIRING
from lsnn.scan import scan
from lsnn.tasks import hashes_of_own_files, new_task
from lsnn.tasks.base import LOSS_KINDS, OWN_LOSS, Task

FREE_SIGNS = "none"  # network.excitatory without Dale's law

NETWORK = OrderedDict(
    neurons=named("Neuron model: " + meanings(NEURONS), NEURONS, "rate"),
    n_units=integer("Number N of recurrent units.", 128, "units", least=2, most=100000),
    tau_out=number("Time constant of the readout trace.", 0.01, "ms", above=0),
    n_delays=integer(
        "How many synaptic delays there are: each input and recurrent synapse has one of 0 to "
        "`n_delays` - 1 steps, drawn uniformly, besides the one step that a spike always takes "
        "from unit to unit.",
        1,
        "steps",
        least=1,
        most=1000,
    ),
    excitatory={
        "description": "Dale's law: fraction of the inputs and of the units whose outgoing weights "
        'are all positive, those of the others being negative; "none" - signs are free.',
        "unit": "1",
        "anyOf": [{"enum": [FREE_SIGNS]}, {"type": "number", "minimum": 0, "maximum": 1}],
        "default": FREE_SIGNS,
    },
    rewiring=section("Which synapses exist.", REWIRING),
)

LOSS = OrderedDict(
    kind=choice(
        "The task's term: task - the task's own, softmax cross entropy for classes, the mean "
        "squared error for pattern generation; squared_error - for classes sum_k (y_k - e_k)^2, "
        "y_k being the output for class k as it is (no softmax; averaged over the window that the "
        "task reads), e_k 1 for the target class and 0 for the others, averaged over the batch "
        "and over all answers that are asked for. Tasks without classes keep their own.",
        LOSS_KINDS,
        OWN_LOSS,
    ),
    l2=number(
        "Coefficient of the L2 term l2 / 2 (|w_in|^2 + |w_rec|^2 + |w_out|^2).", 0.01, least=0
    ),
    rate_cost=number(
        "Coefficient c of the firing-rate term c sum_j (r_j - target_rate)^2, r_j being the mean "
        "output of unit j over batch and steps, in 1 / ms.",
        0.0,
        "ms^2",
        least=0,
    ),
    target_rate=number("Firing rate that the firing-rate term pulls towards.", 10.0, "Hz", least=0),
)


def network_contradictions(network: Mapping[str, Any]) -> Iterator[Tuple[str, ...]]:
    """Yield a tuple for every value that others make impossible: key, line, and their keys."""
    n_units, n_adaptive = network["n_units"], network["neurons"].get("n_adaptive", 0)
    if n_adaptive > n_units:
        line = impossible(n_adaptive, f"at most network.n_units = {n_units}")
        yield "network.neurons.n_adaptive", line, "network.n_units"
    connectivity = "network.rewiring.connectivity"
    for key in ("l1", "temperature"):
        value = network["rewiring"][key]
        if value != 0.0 and network["rewiring"]["connectivity"] == 1.0:
            what = f"0, since only rewired weights have it ({connectivity} below 1)"
            yield "network.rewiring." + key, impossible(value, what), connectivity


class NetworkSettings(NamedTuple):
    """Section ``network`` of a study; its fields are the options :data:`NETWORK`."""

    neurons: Dict[str, Any]
    n_units: int
    tau_out: float
    n_delays: int
    excitatory: Union[str, float]
    rewiring: Dict[str, Any]


class LossSettings(NamedTuple):
    """Section ``loss`` of a study; its fields are the options :data:`LOSS`."""

    kind: str
    l2: float
    rate_cost: float
    target_rate: float


# Names of the parameters, in the order in which they are always given.
PARAMETERS = ("w_in", "w_rec", "w_out", "b_out")

# Longer sequences are a loop in the graph: it is built in no time, but has no second derivative.
MOST_UNROLLED_STEPS = 100

PER_MS = 1e-3  # from Hz


class State(NamedTuple):
    """State of a network after a step."""

    cell: CellState
    trace: Tensor  # of the readout (batch, units)


class Response(NamedTuple):
    """What a network answers to a batch of inputs."""

    logits: Tensor  # (n_windows, batch, n_out): readout averaged over each window of the task
    mean_activity: Tensor  # scalar: output z averaged over batch, units and steps
    rates: Tensor  # (units,): output z averaged over batch and steps
    initial_state: State  # before the first step: zeros, unless others are fed
    final_state: State  # after the last step


class Recording(NamedTuple):
    """What goes on in a network step by step."""

    spikes: Tensor  # output z of the units (steps, batch, units)
    thresholds: Tensor  # (steps, batch, units)
    outputs: Tensor  # y of the readout (steps, batch, n_out)


class Network:
    """A cell of recurrently connected neurons, and a leaky linear readout.

    With z_t the output of the cell (:class:`lsnn.cell.Cell`):

        s_t = kappa s_{t-1} + (1 - kappa) z_t,        kappa = exp(-dt / tau_out),   s_0 = 0
        y_t = s_t w_out + b_out

    Args:
        settings: of units and synapses.
        loss: settings of its terms.
        task: what is learned; of the kind of loss that ``loss`` asks for.
        seed: of the run; initial weights and synaptic delays are drawn from it.

    Attributes:
        delays: of the synapses in steps, arrays by name; None where there are none.
    """

    def __init__(self, settings: NetworkSettings, loss: LossSettings, task: Task, seed: int = 0):
        self.settings = settings
        self.neurons = new_neurons(settings.neurons, settings.n_units)
        self.kappa = decay(settings.tau_out)
        self.task = task.with_loss(loss.kind)
        self.seed = seed
        self.terms = loss
        self.delays: Optional[Dict[str, np.ndarray]] = None
        if task.is_padded:
            self._require_rest()
        if settings.n_delays > 1:
            sizes = (task.n_in, settings.n_units, settings.n_delays)
            self.delays = synaptic_delays(*sizes, generator=generator(seed, "delays"))

    def _require_rest(self):
        """Refuse settings with which the steps before a shorter trial would count.

        Raises:
            ConfigError: names the key.
        """
        for key, value in [
            ("network.neurons.input_noise", self.neurons.input_noise),
            ("loss.rate_cost", self.terms.rate_cost),
        ]:
            if value > 0.0:
                what = "0 where trials differ in length, so that the steps before do not count"
                raise ConfigError(f"{key}: {impossible(value, what)}")

    def for_task(self, task: Task) -> "Network":
        """Return the same network for another task with as many inputs and outputs."""
        return Network(self.settings, self.terms, task, self.seed)

    @property
    def shapes(self) -> "OrderedDict[str, Tuple[int, ...]]":
        """Shapes of the parameters by name."""
        n_in, n_units, n_out = self.task.n_in, self.neurons.n_units, self.task.n_out
        shapes = [(n_in, n_units), (n_units, n_units), (n_units, n_out), (n_out,)]
        return OrderedDict(zip(PARAMETERS, shapes))

    @property
    def dales_law(self) -> bool:
        """Whether the weights of a unit all have one sign."""
        return self.settings.excitatory != FREE_SIGNS

    @property
    def is_memoryless(self) -> bool:
        """Whether a unit's output depends on the last input current alone, without delay."""
        return not self.neurons.has_memory and self.settings.n_delays == 1

    @property
    def loss_is_of_last_step(self) -> bool:
        """Whether the loss depends on the units' last output alone."""
        n_read = self.task.n_windows * self.task.window_steps
        return n_read == 1 and self.kappa == 0.0 and self.terms.rate_cost == 0.0

    @property
    def trained(self) -> List[str]:
        """Names of the parameters that can be trained: not the bias where a task has none."""
        return [name for name in PARAMETERS if name != "b_out" or self.task.readout_bias]

    def initial_weights(self) -> "OrderedDict[str, np.ndarray]":
        """Return the weights before training as float32 arrays by name."""
        return initial_weights(
            self.task.n_in,
            self.neurons.n_units,
            self.task.n_out,
            variance=self.neurons.weight_variance,
            generator=generator(self.seed, "weights"),
        )

    def variables(self) -> "OrderedDict[str, Tensor]":
        """Return new variables for the weights by name, without values yet."""
        return OrderedDict(
            (name, tf.get_variable(name, shape, tf.float32, tf.zeros_initializer()))
            for name, shape in self.shapes.items()
        )

    def respond(
        self,
        weights: Mapping[str, Tensor],
        inputs: Tensor,
        learning_rule: Optional[LearningRule] = None,
        noise_seed: Any = 0,
        unrolled: bool = False,
        initial_state: Optional[State] = None,
    ) -> Response:
        """Return the :class:`Response` to ``inputs`` (steps, batch, n_in).

        Args:
            weights: tensors by name.
            learning_rule: decides which paths the gradient may take; the exact gradient if None.
            noise_seed: int32 scalar, which the noise in the input current depends on, if any.
            unrolled: whether a second derivative is wanted, whatever the number of steps.
            initial_state: that of another response, under any rule, to start from; new zeros if
                None.
        """

        def step(t, carried, x):
            state, activity, rates = carried
            state = self._step(cell, state, x, noise_seed, t)
            z = cell.first_copy(state.cell.neurons.z)
            activity += tf.reduce_mean(z)
            rates += tf.reduce_mean(z, axis=0)
            return (state, activity, rates), (self._output(weights, state, rule),)

        rule = (learning_rule or LearningRule()).for_network(self)
        cell = self._cell(weights, rule)
        zero_state = _zero_state(cell, tf.shape(inputs)[1])
        if initial_state is not None:  # but for what the rule itself carries along
            neurons, underway = initial_state.cell.neurons, initial_state.cell.underway
            own = zero_state.cell._replace(neurons=neurons, underway=underway)
            zero_state = State(own, initial_state.trace)
        state = zero_state._replace(cell=cell.copied(zero_state.cell))
        carried = (state, tf.zeros([]), tf.zeros([self.neurons.n_units]))
        n_steps, windows = self.task.n_steps, [self.task.n_windows, self.task.window_steps]
        in_loop = n_steps > MOST_UNROLLED_STEPS and not unrolled
        carried, (outputs,) = scan(step, carried, inputs, n_steps, in_loop, int(np.prod(windows)))
        outputs = tf.reshape(outputs, [*windows, -1, self.task.n_out])
        state, activity, rates = carried
        return Response(
            logits=tf.reduce_mean(outputs, axis=1),
            mean_activity=activity / n_steps,
            rates=rates / n_steps,
            initial_state=zero_state,
            final_state=state._replace(cell=cell.first_copy(state.cell)),
        )

    def record(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Recording:
        """Return the :class:`Recording` of the network's answer to inputs (steps, batch, n_in)."""

        def step(t, state, x):
            state = self._step(cell, state, x, 0, t)
            neurons = state.cell.neurons
            threshold = self.neurons.threshold_at(neurons.a) + tf.zeros_like(neurons.z)
            return state, Recording(neurons.z, threshold, self._output(weights, state, exact))

        exact = LearningRule()
        cell = self._cell(weights, exact)
        state = _zero_state(cell, tf.shape(inputs)[1])
        n_steps = self.task.n_steps
        return Recording(*scan(step, state, inputs, n_steps, True, n_steps, n_tensors=3)[1])

    def loss(self, weights: Mapping[str, Tensor], response: Response, targets: Tensor) -> Tensor:
        """Return the loss that is descended: the task's, the L2 and the firing-rate term."""
        loss = self.task.loss(response.logits, targets) + self.l2_loss(weights)
        return self._with_rate_term(loss, response)

    def data_loss(self, response: Response, targets: Tensor) -> Tensor:
        """Return the loss without its L2 term: what depends on the examples."""
        return self._with_rate_term(self.task.loss(response.logits, targets), response)

    def _with_rate_term(self, loss, response):
        if self.terms.rate_cost > 0.0:
            excess = response.rates - PER_MS * self.terms.target_rate
            loss += self.terms.rate_cost * tf.reduce_sum(tf.square(excess))
        return loss

    def l2_loss(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the L2 term of the loss, a scalar."""
        return self.terms.l2 * half_squared_norm(weights)

    def _cell(self, weights, learning_rule):
        return Cell(self.neurons, weights, self.delays, self.settings.n_delays, learning_rule)

    def _step(self, cell, state, x, noise_seed, t):
        """Return the state after a step."""
        noise = None
        if self.neurons.input_noise > 0.0:
            shape = tf.shape(state.trace)
            noise = self.neurons.input_noise * standard_normal(shape, [noise_seed, t])
        z, cell_state = cell(x, state.cell, noise=noise, step=t)
        trace = z
        if self.kappa > 0.0:
            trace = low_pass(self.kappa, state.trace, z)
        return State(cell_state, trace)

    def _output(self, weights, state, rule):
        return rule.readout(state.trace, weights["w_out"]) + weights["b_out"]


def _zero_state(cell, batch_size):
    trace = tf.zeros(tf.stack([batch_size, cell.output_size]))
    return State(cell.zero_state(batch_size), trace)


def recorded(network: Network, weights: Mapping[str, np.ndarray], inputs: np.ndarray) -> Recording:
    """Return the :class:`Recording` of a network's answer as arrays.

    Args:
        network: with units that have a threshold.
        weights: arrays by name.
        inputs: array (steps, batch, n_in).
    """
    with tf.Graph().as_default() as graph:
        tensors = {name: tf.constant(value) for name, value in weights.items()}
        recording = network.record(tensors, tf.constant(inputs))
    with new_session(graph) as session:
        return session.run(recording)


def network_of(settings: Mapping[str, Any], data: str, seed: int) -> Network:
    """Return the :class:`Network` of a run, with its task.

    Args:
        settings: mapping with ``task``, ``network`` and ``loss``, as a job is given them.
        data: folder of the data sets.
        seed: of the run.

    Raises:
        DataError: data are missing or damaged, or the user's own files among them are not those
            that the settings name.
    """
    found, planned = hashes_of_own_files(settings["task"], data), settings.get("own_files", {})
    changed = sorted(name for name in {**planned, **found} if found.get(name) != planned.get(name))
    if changed:
        raise DataError(
            f"task {settings['task']['name']}: {', '.join(changed)}: changed since this job was "
            "planned; start the workflow again"
        )
    return Network(
        NetworkSettings(**settings["network"]),
        LossSettings(**settings["loss"]),
        new_task(settings["task"], data, seed),
        seed,
    )
