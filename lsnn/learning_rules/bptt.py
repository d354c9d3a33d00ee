"""Backpropagation through time."""

from lsnn.learning_rules.base import LearningRule


class BPTT(LearningRule):
    """Backpropagation through time: every path is open.

    Needs: the future; all units' errors, each over the weights of its own synapses.
    """

    label = "BPTT"
