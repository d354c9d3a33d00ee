"""Quantities along a run: computed at one checkpoint after another."""

from collections import OrderedDict
from typing import Any, Dict, NamedTuple

import numpy as np

from lsnn.curvature.lanczos import Krylov
from lsnn.network import PARAMETERS
from lsnn.randomness import generator
from lsnn.storage.progress import under, without_prefix

# Names of arrays that the next checkpoint needs from this one begin with this.
MEMORY = "memory/"


class Point(NamedTuple):
    """Where on a run a quantity is computed, and from what."""

    operator: Any  # a Hessian, or Dynamics of a rule's update, moved there
    probes: Any  # :class:`Probes` of it
    seed: int  # of the run
    iteration: int
    memory: Dict[str, Any]  # the quantity's own arrays of the previous checkpoint; is modified


class Probes(object):
    """Random vectors, and what is known of an operator from its products with them.

    The entries of a vector are 1 and -1 with equal probability (Rademacher). They are the same at
    all points of a run, so that a curve over them is smooth.

    Args:
        operator: symmetric.
        seed: of the run.
    """

    def __init__(self, operator, seed):
        self._operator = operator
        self._seed = seed
        self._forms = {}
        self.first = None  # the first :class:`lsnn.curvature.lanczos.Krylov`, if there is one

    def vector(self, number):
        """Return a probe (size,)."""
        random = generator(self._seed, "probe", number)
        return 2.0 * random.randint(0, 2, self._operator.shape[0]) - 1.0

    def space(self, number, steps):
        """Return the Krylov space of a probe after this many products, or fewer if it is whole.

        It is None if a product was not finite.
        """
        space = Krylov(self._operator, self.vector(number))
        while space.size < steps and not space.is_whole:
            if not space.extend():
                return None
        if number == 0:
            self.first = space
        self._forms[number] = space.rayleigh_quotient * self._operator.shape[0]
        return space

    def quadratic_form(self, number):
        """Return v^T H v of a probe v, whose expectation is the trace of H."""
        if number not in self._forms:
            vector = self.vector(number)
            self._forms[number] = vector.dot(self._operator.matvec(vector))
        return self._forms[number]


def chosen(iterations, schedule, count=None):
    """Return the positions of the checkpoints at which quantities are computed, a list.

    Args:
        iterations: array of the iterations at which a run has checkpoints.
        schedule: list of those at which it would have them if it had gone on to its end.
        count: how many of the schedule: the first, the last, and those nearest to equal parts
            between them; all if None. The last checkpoint of a run that ended early is always one.
    """
    if count is None:
        return list(range(len(iterations)))
    schedule = np.array(schedule)
    wanted = np.linspace(schedule[0], schedule[-1], count)
    at = {int(schedule[np.argmin(np.abs(schedule - one))]) for one in wanted}
    last = len(iterations) - 1
    return [i for i, iteration in enumerate(iterations) if iteration in at or i == last]


def follow(operator, quantities, checkpoints, places, seed, progress, log):
    """Compute quantities at checkpoints of a run, going on after those in ``progress``.

    Args:
        operator: what they are computed from; has a method ``move_to(weights)``, and counts
            ``products``.
        quantities: by name, members of :mod:`lsnn.curvature.quantities` made with their options.
        checkpoints: arrays of a checkpoint file by name.
        places: positions of the checkpoints in them.
        seed: of the run.
        progress: :class:`lsnn.storage.progress.Progress`; gets one record per checkpoint, with
            what the quantities return, ``iteration``, and ``products``, the number of products
            with vectors for all.
        log: called with the record of a checkpoint.
    """
    memories = {name: {} for name in quantities}
    for path, array in without_prefix(MEMORY, progress.last or {}).items():
        name, _, key = path.partition("/")
        memories[name][key] = array
    for i in places[progress.size :]:
        operator.move_to({name: checkpoints[name][i] for name in PARAMETERS})
        before, probes = operator.products, Probes(operator, seed)
        record = OrderedDict(iteration=np.int64(checkpoints["iteration"][i]))
        for name, quantity in quantities.items():
            point = Point(operator, probes, seed, int(record["iteration"]), memories[name])
            record.update(quantity.measure(point))
        record["products"] = operator.products - before
        log(record)
        memory = {n + "/" + key: a for n, own in memories.items() for key, a in own.items()}
        progress.append(dict(record, **under(MEMORY, memory)))
