"""Backpropagation through time."""

from lsnn.learning_rules.base import LearningRule


class BPTT(LearningRule):
    """Backpropagation through time: every path is open."""

    label = "BPTT"
