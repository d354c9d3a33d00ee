"""Multidigraph learning: one synapse further than the three-factor rule."""

from lsnn.backend import Tensor, tf
from lsnn.learning_rules.base import FEEDBACK, WEIGHTS
from lsnn.learning_rules.own_derivatives import with_derivatives
from lsnn.learning_rules.three_factor import ThreeFactor


class MDGL(ThreeFactor):
    """Multidigraph learning (Liu et al. 2021): what a unit did to its targets counts as well.

    The learning signal L_p,t of unit p gains, from every unit j that it sends to,

        gamma_p,t = sum_j W_pj g_j,t' L_j,t'

    with t' the first step at which the current of p's output at t can change the output of j, and
    g_j,t' the derivative of that output with respect to that current: for rate units t' = t + 1 and
    g = (1 - alpha) 1[z_t' > 0], for spiking ones, whose spike reads the membrane of the step
    before, t' = t + 2 and g = (1 - alpha) psi_t' / A_t'; and the delay of the synapse is added to
    t'. What j's own membrane keeps of that current is left out, so that with leak this is less than
    all paths of one synapse (:class:`lsnn.learning_rules.truncated_bptt.TruncatedBPTT`).

    Needs: an eligibility trace of its own; the readout's error at the unit, and at the units that
    it sends to, over the weights of these synapses or their means by type.
    """

    options = dict(WEIGHTS, **FEEDBACK)
    relays = True

    @property
    def label(self):
        return self.with_choices("MDGL")

    def relayed(self, z: Tensor, w_back: Tensor) -> Tensor:
        """Return zeros in the place of z w_back, which pass the gradient d to z as d w_back^T."""

        def own(d):
            return tf.matmul(d, w_back, transpose_b=True)

        def zeros(z):
            return tf.zeros([tf.shape(z)[0], w_back.shape.as_list()[1]])

        return with_derivatives(own, zeros, z)
