"""Learning rules: what gradient may pass where.

To add one, write a module here with a subclass of
:class:`lsnn.learning_rules.base.LearningRule`, and enter it in :data:`LEARNING_RULES`.
"""

from typing import Any, Dict, Mapping, Type

from lsnn.learning_rules.base import LearningRule
from lsnn.learning_rules.bptt import BPTT
from lsnn.learning_rules.leaky_trace import LeakyTrace
from lsnn.learning_rules.mdgl import MDGL
from lsnn.learning_rules.modprop import ModProp
from lsnn.learning_rules.rflo import RFLO
from lsnn.learning_rules.step_length import PAIRED, StepLength
from lsnn.learning_rules.three_factor import ThreeFactor
from lsnn.learning_rules.truncated_bptt import TruncatedBPTT
from lsnn.options import build

LEARNING_RULES: Dict[str, Type[LearningRule]] = {
    "bptt": BPTT,
    "three_factor": ThreeFactor,
    "truncated_bptt": TruncatedBPTT,
    "rflo": RFLO,
    "mdgl": MDGL,
    "modprop": ModProp,
    "step_length": StepLength,
    "leaky_trace": LeakyTrace,
}
# Any two of the others can be paired.
PAIRED.update((name, rule) for name, rule in LEARNING_RULES.items() if rule is not StepLength)


def new_rule(settings: Mapping[str, Any]) -> LearningRule:
    """Return the learning rule that a ``name`` and options describe."""
    return build(LEARNING_RULES, settings)
