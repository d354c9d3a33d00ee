"""What a learning rule may change: the gradient's way through a step of the network."""

from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.errors import ConfigError
from lsnn.learning_rules.own_derivatives import with_derivatives
from lsnn.options import choice, number

CELL, TYPE = "cell", "type"
SYMMETRIC, RANDOM, SIGNS = "symmetric", "random", "signs"

FEEDBACK_SCALE = number(
    "Size of a feedback other than w_out, relative to the root mean square of w_out before "
    "training. The step of w_in and w_rec is proportional to it.",
    1.0,
    above=0,
)
FEEDBACKS = {
    SYMMETRIC: "w_out",
    RANDOM: "a normal matrix, drawn for the run and never trained",
    SIGNS: "the present signs of w_out, all of one size (Liao et al. 2016)",
}


def feedback_options(*kinds: str) -> Dict[str, Any]:
    """Return the options of a rule that has a choice of these kinds of feedback."""
    meaning = "; ".join(f"{kind} - {FEEDBACKS[kind]}" for kind in kinds)
    what = f"What brings the readout's error back to the units: {meaning}."
    feedback = choice(what, list(kinds), SYMMETRIC)
    return {"feedback": feedback, "feedback_scale": FEEDBACK_SCALE}


FEEDBACK = feedback_options(SYMMETRIC, RANDOM, SIGNS)
WEIGHTS = {
    "weights": choice(
        "Which recurrent weights bring an error back from unit to unit: cell - w_rec; type - its "
        "means over the synapses from one type of unit to another, excitatory and inhibitory.",
        [CELL, TYPE],
        CELL,
    )
}


class LearningRule:
    """The exact gradient; a base for rules that cut, replace or combine some of its paths.

    A rule is made of a few choices, each a method here: what the recurrent input passes
    (:meth:`recurrent_input`, ``copies``, ``relays``), which weights carry it back
    (:meth:`backward_weights`), what feeds the readout's error back (:meth:`readout`), what a unit's
    own memory passes (:meth:`output`, with traces that the rule keeps), and how the update's
    gradient is made of those of one or two rules (:meth:`gradients`).

    A rule never changes what a network computes: :meth:`recurrent_input`, :meth:`readout`,
    :meth:`recurrent_product` and :meth:`output` return the same value as in this class, to the bit,
    whatever gradient they let pass. Derivatives are replaced by
    :func:`lsnn.learning_rules.own_derivatives.with_derivatives`, so that the derivative of a rule's
    gradient is exact.

    A rule with options declares them in ``options`` (:mod:`lsnn.options`), and is made with their
    values as keyword arguments.

    Attributes:
        constants: what :meth:`draw` has drawn for the run, arrays by name.
        copies: how many copies of the units' state there are, all of the same value, for paths
            that are told apart by the number of their synapses.
        relays: whether the readout's error also goes one synapse back; such a rule has the method
            ``relayed`` of :class:`lsnn.learning_rules.mdgl.MDGL`.
    """

    options: Dict[str, Any] = {}
    constants: Mapping[str, np.ndarray] = {}
    copies = 1
    relays = False
    weights, feedback, feedback_scale = CELL, SYMMETRIC, 1.0

    def __init__(self, weights: str = CELL, feedback: str = SYMMETRIC, feedback_scale: float = 1.0):
        self.weights = weights
        self.feedback = feedback
        self.feedback_scale = feedback_scale

    @property
    def label(self) -> str:
        """What the rule is called in figures and tables, its options included."""
        raise NotImplementedError

    def with_choices(self, label: str) -> str:
        """Return a label, and the choices of weights and feedback that are not the usual ones."""
        parts = [label]
        if self.weights == TYPE:
            parts.append("type weights")
        if self.feedback != SYMMETRIC:
            parts.append({RANDOM: "random feedback", SIGNS: "sign feedback"}[self.feedback])
        if self.feedback_scale != 1.0:
            parts.append(f"feedback x {self.feedback_scale:g}")
        return ", ".join(parts)

    def undefined(self, spiking: bool, dales_law: bool) -> Dict[str, str]:
        """Return why the rule is not defined for a network, by option ("name": at all).

        Args:
            spiking: whether the units emit spikes.
            dales_law: whether the weights of a unit have one sign.
        """
        reasons = {}
        if self.weights == TYPE and not dales_law:
            reasons["weights"] = (
                '"cell", or a fraction of excitatory units in network.excitatory: without Dale\'s '
                "law units have no types, and means over all synapses are near 0"
            )
        if self.feedback == SIGNS and dales_law:
            reasons["feedback"] = (
                "another feedback under Dale's law: all weights of a unit have one sign, and the "
                "errors of the classes add up to 0"
            )
        if self.feedback == SYMMETRIC and self.feedback_scale != 1.0:
            reasons["feedback_scale"] = "1, or feedback: random or signs, which it is the size of"
        return reasons

    def for_network(self, network: Any) -> "LearningRule":
        """Return the rule as it is for a :class:`lsnn.network.Network`.

        Raises:
            ConfigError: it is not defined for it.
        """
        for option, what in self.undefined(network.neurons.spiking, network.dales_law).items():
            raise ConfigError(f"learning rule {self.label}: {option}: must be {what}")
        return self

    def draw(
        self,
        weights: Mapping[str, np.ndarray],
        signs: Optional[np.ndarray],
        generator: np.random.RandomState,
    ) -> Dict[str, np.ndarray]:
        """Return what the rule draws for a run, arrays by name.

        Args:
            weights: those before training, arrays by name.
            signs: 1 of excitatory units and -1 of inhibitory ones (units); None without types.
            generator: the run's, for this purpose.
        """
        constants, w_out = {}, weights["w_out"]
        size = self.feedback_scale * (w_out.astype(float) ** 2).mean() ** 0.5
        if self.feedback == RANDOM:
            constants["feedback"] = (size * generator.randn(*w_out.shape)).astype("float32")
        if self.feedback == SIGNS:
            constants["feedback_size"] = np.float32(size)
        if self.weights == TYPE:
            assert signs is not None, "weights of types are defined where units have types"
            constants["signs"] = signs.astype("float32")
        return constants

    def take(self, constants: Mapping[str, np.ndarray]) -> None:
        """Take what has been drawn, :attr:`constants`."""
        self.constants = constants

    def relayed(self, z: Tensor, w_back: Tensor) -> Tensor:
        """Return what :attr:`relays` passes to other units a step later, 0 but for its gradient."""
        raise NotImplementedError

    def recurrent_input(self, z: Tensor, distance: Tensor, step: Any) -> Tensor:
        """Return the units' output as it enters the recurrent product.

        Args:
            z: output of the step before (batch, units).
            distance: from the membrane to the threshold after that step (batch, units), in units of
                the neuron model's ``distance``.
            step: number of this step, from 0: an integer, or a tensor in a loop.
        """
        return z

    def backward_weights(self, w_rec: Tensor) -> Tensor:
        """Return what carries an error back from unit to unit in place of w_rec.

        Args:
            w_rec: the present weights (units, units) [pre, post], without their diagonal.

        Returns:
            A tensor (units, units) made of them. No gradient of w_rec comes from it.
        """
        if self.weights == TYPE:
            return type_means(w_rec, self.constants["signs"])
        return w_rec

    def recurrent_product(self, z: Tensor, w_rec: Tensor, w_back: Tensor) -> Tensor:
        """Return the recurrent input z w_rec (batch, units).

        Where there are delays, it is (batch, n_delays units), side by side for each delay.

        Args:
            z: what :meth:`recurrent_input` has returned (batch, units).
            w_rec, w_back: recurrent weights, and what :meth:`backward_weights` has made of them.
        """
        if w_back is w_rec:
            return tf.matmul(z, w_rec)

        def own(d):
            return tf.matmul(d, w_back, transpose_b=True), tf.matmul(z, d, transpose_a=True)

        return with_derivatives(own, tf.matmul, z, w_rec)

    def readout(self, trace: Tensor, w_out: Tensor) -> Tensor:
        """Return the readout without its bias, trace (batch, units) times w_out (units, n_out)."""
        if self.feedback == SYMMETRIC:
            return tf.matmul(trace, w_out)

        if self.feedback == SIGNS:
            feedback = self.constants["feedback_size"] * tf.sign(w_out)
        else:
            feedback = self.constants["feedback"]

        def own(d):
            back = tf.matmul(d, feedback, transpose_b=True)
            return back, tf.matmul(trace, d, transpose_a=True)

        return with_derivatives(own, tf.matmul, trace, w_out)

    def trace_sizes(self, n_units: int) -> Tuple[int, ...]:
        """Return the sizes of the traces that the rule keeps along the steps; none as a rule.

        Each is a tensor (batch, size), 0 before the first step. A rule that keeps some has the
        method :meth:`next_traces`.
        """
        return ()

    def next_traces(self, traces: Tuple[Tensor, ...], current: Tensor) -> Tuple[Tensor, ...]:
        """Return the traces after a step.

        Args:
            traces: those before it.
            current: the units' input current in it (batch, units).
        """
        raise NotImplementedError

    def output(self, z: Tensor, slope: Tensor, traces: Tuple[Tensor, ...]) -> Tensor:
        """Return the units' output of a step, if the rule keeps traces.

        Args:
            z: the output (batch, units), whose gradient goes to the units' own memory.
            slope: derivative of z with respect to the membrane that it reads (batch, units).
            traces: those after the step of that membrane.
        """
        return z

    @property
    def loss_rule(self) -> "LearningRule":
        """The rule in whose graph the loss is computed; one, if :meth:`gradients` asks two."""
        return self

    def gradients(
        self, gradients_of: Callable[..., Dict[str, Tensor]], weights: Mapping[str, Tensor]
    ) -> Dict[str, Tensor]:
        """Return the gradient of which the update is made, tensors by name of the parameter.

        Args:
            gradients_of: function of a learning rule that returns its gradients, tensors by name
                of the trained parameters that have one, each of its parameter's shape: of the whole
                loss, with ``terms="l2"`` of the L2 term alone, and with ``terms="data"`` of what
                depends on the examples; at ``weights`` or, with ``weights=`` others, at those.
            weights: tensors by name of all parameters, at which the gradient is wanted.
        """
        return gradients_of(self)


def type_means(w_rec: Tensor, signs: np.ndarray, existing: bool = True) -> Tensor:
    """Return w_rec with the mean of its block, from type to type, in place of every weight.

    Args:
        w_rec: (units, units), [pre, post]; a synapse of weight 0 does not exist.
        signs: array (units,): the type of every unit, 1 or -1.
        existing: whether the mean is over the synapses that exist, and replaces them alone; else it
            is over all pairs of units, and replaces all.
    """
    membership = (signs[:, None] == [1.0, -1.0]).astype("float32")

    def sums(matrix):
        return tf.matmul(membership, tf.matmul(matrix, membership), transpose_a=True)

    exist = tf.cast(tf.not_equal(w_rec, 0.0), tf.float32) if existing else tf.ones_like(w_rec)
    means = sums(w_rec) / tf.maximum(sums(exist), 1.0)
    return exist * tf.matmul(membership, tf.matmul(means, membership, transpose_b=True))
