"""A three-factor rule: learning signal times eligibility trace."""

from typing import Any

from lsnn.backend import Tensor
from lsnn.learning_rules.base import SIGNS, SYMMETRIC, LearningRule, feedback_options
from lsnn.learning_rules.own_derivatives import closed


class ThreeFactor(LearningRule):
    """A three-factor rule: no gradient flows back from one unit to another.

    With the recurrent input cut, the gradient is dL/dw_ij = sum_t L_j,t e_ij,t (Bellec et al. 2020,
    eq. 1): the learning signal L of unit j (the readout's error, fed back by w_out) times the
    eligibility trace e, which follows the unit's own membrane, reset and adaptation forward in
    time. This is e-prop with symmetric feedback, or RFLO (Murray 2019) with its random feedback
    replaced by the symmetric one. Backpropagation is only the means to compute the sum; the tests
    check it against traces computed forward in time.

    Needs: an eligibility trace of its own; the readout's error, over the readout's weights.
    """

    options = feedback_options(SYMMETRIC, SIGNS)

    @property
    def label(self) -> str:
        return self.with_choices("three-factor")

    def recurrent_input(self, z: Tensor, distance: Tensor, step: Any) -> Tensor:
        return closed(z)
