"""Quantities along a run: computed at one checkpoint after another."""

from collections import OrderedDict
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
from scipy.sparse.linalg import LinearOperator

from lsnn.curvature.eigenvalues import Krylov
from lsnn.errors import LsnnError
from lsnn.network import PARAMETERS
from lsnn.randomness import generator
from lsnn.storage.progress import Progress, under, without_prefix

Memory = Mapping[str, np.ndarray]  # what a quantity remembers from one checkpoint to the next


class Point(NamedTuple):
    """A checkpoint of a run, as a quantity sees it."""

    # lsnn.curvature.hessian.Hessian, or lsnn.curvature.rule_update.Dynamics, at its weights.
    operator: Any
    probes: "Probes"  # of the operator, shared by all quantities
    seed: int  # of the run
    iteration: int  # of the checkpoint
    # What the quantity returned to remember at the previous checkpoint, arrays by name; at the
    # first one nothing.
    memory: Memory


class Probes:
    """Random vectors, and what is known of an operator from its products with them.

    The entries of a vector are 1 and -1 with equal probability (Rademacher). They are the same at
    all points of a run, so that a curve over them is smooth.

    Args:
        operator: symmetric (size, size).
        seed: of the run.

    Attributes:
        first: the Krylov space of the first probe, if a quantity has asked for it.
    """

    def __init__(self, operator: LinearOperator, seed: int):
        self._operator = operator
        self._seed = seed
        self._forms: Dict[int, float] = {}
        self.first: Optional[Krylov] = None

    def vector(self, number: int) -> np.ndarray:
        """Return a probe (size,)."""
        random = generator(self._seed, "probe", number)
        return 2.0 * random.randint(0, 2, self._operator.shape[0]) - 1.0

    def space(self, number: int, steps: int) -> Optional[Krylov]:
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

    def quadratic_form(self, number: int) -> float:
        """Return v^T H v of a probe v, whose expectation is the trace of H."""
        if number not in self._forms:
            vector = self.vector(number)
            self._forms[number] = vector.dot(self._operator.matvec(vector))
        return self._forms[number]


def chosen(
    iterations: Sequence[int], schedule: Sequence[int], count: Optional[int] = None
) -> List[int]:
    """Return the positions of the checkpoints at which quantities are computed, a list.

    Args:
        iterations: array of the iterations at which a run has checkpoints.
        schedule: list of those at which it would have them if it had gone on to its end.
        count: how many of the schedule: the first, the last, and those nearest to equal parts
            between them; all if None. The last checkpoint of a run that ended early is always one.
    """
    if count is None:
        return list(range(len(iterations)))
    wanted = np.linspace(schedule[0], schedule[-1], count)
    nearest = [int(np.argmin(np.abs(np.array(schedule) - iteration))) for iteration in wanted]
    at = {schedule[place] for place in nearest}
    last = len(iterations) - 1
    return [i for i, iteration in enumerate(iterations) if iteration in at or i == last]


def measure_along(
    operator: Any,
    quantities: Mapping[str, Any],
    checkpoints: Mapping[str, np.ndarray],
    places: Sequence[int],
    seed: int,
    progress: Progress,
    log: Callable[[Dict[str, Any]], None],
) -> None:
    """Compute quantities at checkpoints of a run, going on after those in ``progress``.

    Args:
        operator: what they are computed from; has a method ``move_to(weights)``, and counts
            ``products``.
        quantities: by name, members of :mod:`lsnn.curvature.quantities` made with their options.
        checkpoints: arrays of a checkpoint file by name.
        places: positions of the checkpoints in them.
        seed: of the run.
        progress: gets one record per checkpoint, with what the quantities return, ``iteration``,
            ``products``, the number of products with vectors for all, and what the quantities
            remember.
        log: called with what the quantities return, by name, at each checkpoint.
    """
    last = progress.last or {}
    memories = {name: without_prefix(_memory(name), last) for name in quantities}
    for place in places[progress.size :]:
        operator.move_to({name: checkpoints[name][place] for name in PARAMETERS})
        before, probes = operator.products, Probes(operator, seed)
        iteration = checkpoints["iteration"][place]
        record = OrderedDict(iteration=np.int64(iteration))
        for name, quantity in quantities.items():
            point = Point(operator, probes, seed, int(iteration), memories[name])
            row, memories[name] = quantity.measure(point)
            _require_columns(name, quantity, row)
            record.update(row)
        record["products"] = operator.products - before
        log(record)
        for name, memory in memories.items():
            record.update(under(_memory(name), memory))
        progress.append(record)


def _require_columns(name, quantity, row):
    """Refuse what a quantity returns if it is not what it declares.

    Raises:
        LsnnError: names what is missing or not declared.
    """
    declared = {column.name for column in quantity.columns} | set(getattr(quantity, "arrays", ()))
    different = sorted(declared.symmetric_difference(row))
    if different:
        raise LsnnError(
            f"quantity {name}: what it measures is not what its columns and arrays declare; "
            f"on one side alone: {', '.join(different)}"
        )


def _memory(name):
    """Return what the names begin with of the arrays that a quantity remembers."""
    return f"memory/{name}/"
