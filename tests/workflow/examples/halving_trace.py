"""An example of a learning rule with a trace of its own."""

from lsnn.backend import tf
from lsnn.learning_rules.own_derivatives import with_derivatives
from lsnn.learning_rules.three_factor import ThreeFactor


class HalvingTrace(ThreeFactor):
    """A three-factor rule whose eligibility trace loses half of its value in every step."""

    options = {}
    label = "halving trace"

    def trace_sizes(self, n_units):
        return (n_units,)

    def next_traces(self, traces, current):
        return (0.5 * traces[0] + 0.5 * current,)

    def output(self, z, slope, traces):
        def own(d):
            return None, d * slope

        return with_derivatives(own, lambda z, trace: tf.identity(z), z, traces[0])
