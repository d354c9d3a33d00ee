"""What tasks with data of one's own have in common: splits, and what is worth knowing of them."""

from typing import List, Mapping, Sequence

import numpy as np


def stratified(classes: np.ndarray) -> np.ndarray:
    """Return a permutation of examples in which the classes are spread evenly, always the same.

    Any stretch of it has every class in its share, as far as whole examples allow.

    >>> stratified(np.repeat([0, 1], [2, 4])).shape
    (6,)
    >>> classes = np.repeat([0, 1], [200, 400])[stratified(np.repeat([0, 1], [200, 400]))]
    >>> [int((classes[start : start + 60] == 0).sum()) for start in range(0, 600, 60)]
    [20, 20, 20, 20, 20, 20, 20, 20, 20, 20]

    Args:
        classes: of the examples (n,); numbers or texts.
    """
    random = np.random.RandomState(0)
    order = random.permutation(len(classes))
    place = np.empty(len(classes))
    for one in np.unique(classes):
        of_class = order[classes[order] == one]
        place[of_class] = (np.arange(len(of_class)) + random.rand()) / len(of_class)
    return np.argsort(place, kind="mergesort")  # a stable sort


def missing_classes(classes: Mapping[str, np.ndarray], names: Sequence[str]) -> List[str]:
    """Return a sentence for every split that lacks classes which there are.

    Args:
        classes: numbers of the classes of the examples, by split.
        names: of the classes, by number.
    """
    remarks = []
    for split, found in classes.items():
        missing = sorted(set(range(len(names))) - set(np.unique(found).tolist()))
        if missing:
            shown = ", ".join(names[number] for number in missing)
            remarks.append(f"split {split} has no example of class {shown}")
    return remarks
