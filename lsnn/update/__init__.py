"""What an iteration of training does to the weights, and the parts that it can be made of.

To add a part, write a module here with a subclass of :class:`lsnn.update.base.Part`, and enter it
in :data:`PARTS`.
"""

from typing import Any, Dict, List, Mapping, Type

from lsnn.options import build
from lsnn.update.base import Part
from lsnn.update.cosine import Cosine
from lsnn.update.pull import Pull
from lsnn.update.ramp import Ramp
from lsnn.update.sam import SAM
from lsnn.update.step_decay import StepDecay

PARTS: Dict[str, Type[Part]] = {
    "step_decay": StepDecay,
    "cosine": Cosine,
    "ramp": Ramp,
    "sam": SAM,
    "pull": Pull,
}


def new_parts(settings: Mapping[str, Mapping[str, Any]]) -> List[Part]:
    """Return the parts of training that their options, by name, describe, in order of names.

    The order is the same whatever that of the settings, as it decides the last bits of sums.

    Raises:
        ConfigError: there is no part of a name, or it has no such option.
    """
    return [build(PARTS, dict(settings[name], name=name)) for name in sorted(settings)]
