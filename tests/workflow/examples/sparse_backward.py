"""An example of a learning rule that draws something for the run."""

from lsnn.backend import tf
from lsnn.learning_rules.base import LearningRule
from lsnn.learning_rules.own_derivatives import with_derivatives
from lsnn.options import number


class SparseBackward(LearningRule):
    """Errors go from unit to unit by way of a random part of the units."""

    options = {"part": number("Part of the units that pass errors on.", 0.5, least=0, most=1)}
    label = "sparse backward"

    def __init__(self, part):
        self.part = part

    def draw(self, weights, signs, generator):
        n_units = len(weights["w_rec"])
        return {"passes": (generator.rand(n_units) < self.part).astype("float32")}

    def recurrent_input(self, z, distance, step):
        passes = self.constants["passes"]
        return with_derivatives(lambda d: passes * d, tf.identity, z)
