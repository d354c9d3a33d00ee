"""Backpropagation through time, cut after a number of recurrent synapses."""

from typing import Any

from lsnn.backend import Tensor, tf
from lsnn.learning_rules.base import FEEDBACK, LearningRule
from lsnn.learning_rules.own_derivatives import closed, with_derivatives
from lsnn.learning_rules.three_factor import ThreeFactor
from lsnn.options import integer


class TruncatedBPTT(LearningRule):
    """Truncated BPTT: the gradient goes along paths with at most `hops` recurrent synapses.

    A unit's own memory - membrane, reset, adaptation - is never cut. With 0 synapses it is the
    three-factor rule, with one fewer than there are steps, BPTT.

    Where units have no memory, and the loss sees the last step alone, a path has as many synapses
    as steps, and the recurrent input is closed before the last steps. Else the errors of paths with
    0, 1, .. synapses go back side by side, in copies of the state.

    Needs: the future, and units' errors over the weights of their synapses, as far as its hops.
    """

    options = dict(
        hops=integer("Largest number of recurrent synapses on a path.", 1, "synapses", most=100000),
        **FEEDBACK,
    )

    def __init__(self, hops: int = 1, **choices: Any):
        super().__init__(**choices)
        self.hops = hops

    @property
    def label(self) -> str:
        unit = "hop" if self.hops == 1 else "hops"
        return self.with_choices(f"BPTT, {self.hops} {unit}")

    def for_network(self, network: Any) -> LearningRule:
        super().for_network(network)
        n_steps = network.task.n_steps
        choices: Any = {"feedback": self.feedback, "feedback_scale": self.feedback_scale}
        if self.hops == 0:
            rule: LearningRule = ThreeFactor(**choices)
        elif self.hops >= n_steps - 1:
            rule = LearningRule(**choices)
        elif network.is_memoryless and network.loss_is_of_last_step:
            rule = _Window(n_steps - self.hops, **choices)
        else:
            rule = _Copies(self.hops + 1, **choices)
        rule.take(self.constants)
        return rule

    def recurrent_input(self, z: Tensor, distance: Tensor, step: Any) -> Tensor:
        raise NotImplementedError("its form depends on the network: see for_network")


class _Window(LearningRule):
    """The recurrent input is closed before a step, and open from there on."""

    def __init__(self, first: int, **choices: Any):
        super().__init__(**choices)
        self.first = first

    def recurrent_input(self, z: Tensor, distance: Tensor, step: Any) -> Tensor:
        if isinstance(step, int):
            return z if step >= self.first else closed(z)
        is_open = tf.cast(step >= self.first, tf.float32)
        return with_derivatives(lambda d: is_open * d, tf.identity, z)


class _Copies(LearningRule):
    """Errors side by side, in copies of the state that all have one value.

    The loss sees the first copy, and a copy's recurrent input comes, as the gradient sees it, from
    the copy behind it; that of the last passes none. So the m-th copy behind the first has the
    errors that have gone back m synapses. The product is computed once, and so is the gradient with
    respect to w_rec.
    """

    def __init__(self, copies: int, **choices: Any):
        super().__init__(**choices)
        self.copies = copies

    def recurrent_product(self, z: Tensor, w_rec: Tensor, w_back: Tensor) -> Tensor:
        first = tf.split(z, self.copies)[0]

        def product(z, w_rec):
            return tf.tile(tf.matmul(tf.split(z, self.copies)[0], w_rec), [self.copies, 1])

        def own(d):
            parts = tf.split(d, self.copies)
            back = tf.matmul(tf.concat(parts[:-1], axis=0), w_back, transpose_b=True)
            back = tf.concat([tf.zeros_like(first), back], axis=0)
            return back, tf.matmul(first, tf.add_n(parts), transpose_a=True)

        return with_derivatives(own, product, z, w_rec)
