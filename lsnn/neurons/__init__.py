"""One time step of a population of neurons.

To add a neuron model, write a module here with a class that has the attributes and methods of
:class:`lsnn.neurons.rate.RateNeurons`, and enter it in :data:`NEURONS`. Its ``options``
(:mod:`lsnn.options`) are the keyword arguments that it is made with, after the number of units.
"""

from typing import Any, Dict, Mapping, Type, Union

from lsnn.neurons.alif import ALIF
from lsnn.neurons.lif import LIF
from lsnn.neurons.rate import RateNeurons
from lsnn.options import build

Neurons = Union[RateNeurons, LIF]

NEURONS: Dict[str, Type[Neurons]] = {"rate": RateNeurons, "lif": LIF, "alif": ALIF}


def new_neurons(settings: Mapping[str, Any], n_units: int) -> Neurons:
    """Return a population of ``n_units`` neurons that a ``name`` and options describe."""
    return build(NEURONS, settings, n_units)
