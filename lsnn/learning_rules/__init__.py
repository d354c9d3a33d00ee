"""Learning rules: what gradient may pass where.

To add one, write a module here with a subclass of
:class:`lsnn.learning_rules.base.LearningRule`, and enter it in :data:`LEARNING_RULES`.
"""

from lsnn.learning_rules.bptt import BPTT
from lsnn.learning_rules.three_factor import ThreeFactor
from lsnn.options import build

LEARNING_RULES = {"bptt": BPTT, "three_factor": ThreeFactor}


def new_rule(settings):
    """Return the learning rule that a ``name`` and options describe."""
    return build(LEARNING_RULES, settings)
