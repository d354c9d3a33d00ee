"""The three-factor rule with random feedback."""

from lsnn.learning_rules.base import FEEDBACK_SCALE, RANDOM
from lsnn.learning_rules.three_factor import ThreeFactor


class RFLO(ThreeFactor):
    """Random feedback local online learning (Murray 2019), or e-prop with random feedback.

    The three-factor rule with a learning signal that a fixed random matrix B brings back in place
    of w_out, L_t = err_t B^T. The readout itself is trained by its exact gradient.

    Needs: an eligibility trace of its own; the readout's error, over fixed random weights.
    """

    options = {"feedback_scale": FEEDBACK_SCALE}

    def __init__(self, feedback_scale: float = 1.0):
        super().__init__(feedback=RANDOM, feedback_scale=feedback_scale)

    @property
    def label(self):
        scale = self.feedback_scale
        return "RFLO" if scale == 1.0 else f"RFLO, feedback x {scale:g}"
