"""Learning rules: what gradient may pass where.

A rule never changes what the network computes, only which paths the gradient of the loss takes. To
add one, write a subclass of :class:`LearningRule` and enter it in :data:`LEARNING_RULES`.
"""

from lsnn.backend import tf


class LearningRule(object):
    """The exact gradient; a base for rules that cut some of its paths."""

    def recurrent_input(self, z):
        """Return the units' output ``z`` (batch, units) as it enters the recurrent input."""
        return z


class BPTT(LearningRule):
    """Backpropagation through time: every path is open."""


class ThreeFactor(LearningRule):
    """A three-factor rule: no gradient flows back from one unit to another.

    With the recurrent input cut, the gradient is dL/dw_ij = sum_t L_j,t e_ij,t (Bellec et al. 2020,
    eq. 1): the learning signal L of unit j (the readout's error, fed back by w_out) times the
    eligibility trace e, which follows the unit's own membrane, reset and adaptation forward in
    time. This is e-prop with symmetric feedback, or RFLO (Murray 2019) with its random feedback
    replaced by the symmetric one. Backpropagation is only the means to compute the sum; the tests
    check it against traces computed forward in time.
    """

    def recurrent_input(self, z):
        return tf.stop_gradient(z)


LEARNING_RULES = {"bptt": BPTT, "three_factor": ThreeFactor}
