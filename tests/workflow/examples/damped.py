"""An example of a learning rule with an option."""

from lsnn.backend import tf
from lsnn.learning_rules.base import LearningRule
from lsnn.learning_rules.own_derivatives import with_derivatives
from lsnn.options import number


class Damped(LearningRule):
    """Backpropagation through time whose gradient fades from unit to unit.

    Needs: the future; all units' errors, each over the weights of its own synapses.
    """

    options = {"kept": number("Part of the gradient that a synapse leaves.", 0.5, least=0, most=1)}

    def __init__(self, kept):
        self.kept = kept

    @property
    def label(self):
        return f"damped to {self.kept:g}"

    def recurrent_input(self, z, distance, step):
        return with_derivatives(lambda d: self.kept * d, tf.identity, z)
