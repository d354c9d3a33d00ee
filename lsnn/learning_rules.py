"""Learning rules: what gradient may pass where.

A rule never changes what the network computes, only which paths the gradient of the loss takes. To
add one, write a subclass of :class:`LearningRule` and enter it in :data:`LEARNING_RULES`.
"""

from lsnn.backend import tf
from lsnn.options import build


class LearningRule(object):
    """The exact gradient; a base for rules that cut some of its paths.

    A rule with options declares them in ``options`` (:mod:`lsnn.options`), and is made with their
    values as keyword arguments.
    """

    options = {}

    @property
    def label(self):
        """What the rule is called in figures and tables, its options included."""
        raise NotImplementedError

    def recurrent_input(self, z):
        """Return the units' output ``z`` (batch, units) as it enters the recurrent input."""
        return z


class BPTT(LearningRule):
    """Backpropagation through time: every path is open."""

    label = "BPTT"


class ThreeFactor(LearningRule):
    """A three-factor rule: no gradient flows back from one unit to another.

    With the recurrent input cut, the gradient is dL/dw_ij = sum_t L_j,t e_ij,t (Bellec et al. 2020,
    eq. 1): the learning signal L of unit j (the readout's error, fed back by w_out) times the
    eligibility trace e, which follows the unit's own membrane, reset and adaptation forward in
    time. This is e-prop with symmetric feedback, or RFLO (Murray 2019) with its random feedback
    replaced by the symmetric one. Backpropagation is only the means to compute the sum; the tests
    check it against traces computed forward in time.
    """

    label = "three-factor"

    def recurrent_input(self, z):
        return tf.stop_gradient(z)


LEARNING_RULES = {"bptt": BPTT, "three_factor": ThreeFactor}


def new_rule(settings):
    """Return the learning rule that a ``name`` and options describe."""
    return build(LEARNING_RULES, settings)
