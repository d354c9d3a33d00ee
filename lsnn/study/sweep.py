"""A grid over settings: every condition of a study at every point of it."""

import copy
import json
import re
from collections import OrderedDict
from itertools import product
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple

from lsnn.options import Schema

MOST_CONDITIONS = 200

_AXES: Schema = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"type": "string"},
    "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {}},
}
SWEEP: Schema = {
    "description": "A grid: KEY: [VALUE, ...] for each key of a condition, such as "
    "network.neurons.tau_m, that every condition is crossed with. Keys that move together are one "
    "axis, NAME: [{KEY: VALUE, ...}, ...], of which figures show the first. A list of such "
    f"mappings is one grid, too. At most {MOST_CONDITIONS} conditions.",
    "unit": "-",
    "anyOf": [_AXES, {"type": "array", "minItems": 1, "items": _AXES}],
}


class Axis(NamedTuple):
    """An axis of the grid."""

    name: str
    points: List[Dict[str, Any]]  # values by key
    is_joint: bool  # whether its keys move together under a name of their own

    @property
    def keys(self) -> List[str]:
        """The keys that it sets; figures show the first."""
        return list(self.points[0])


class Grid(NamedTuple):
    """Conditions at every point of a grid."""

    conditions: Dict[str, Any]
    origins: Dict[str, str]  # the condition that each is made from
    axes: Dict[str, List[str]]  # keys that move together, by the name of their axis
    lengths: Dict[str, List[str]]  # in words, where they are swept by themselves
    twice: List[str]  # names that two conditions would have


def axes_of(sweep: Any) -> List[Axis]:
    """Return the axes that a value that fits :data:`SWEEP` describes."""
    axes = []
    for part in [sweep] if isinstance(sweep, dict) else sweep:
        for name, values in part.items():
            is_joint = "." not in name and all(
                value and isinstance(value, dict) for value in values
            )
            points = values if is_joint else [{name: value} for value in values]
            axes.append(Axis(name, points, is_joint))
    return axes


def sweep_contradictions(axes: Iterable[Axis], n_conditions: int) -> "OrderedDict[str, str]":
    """Return what makes a grid over conditions impossible: a line by key."""
    problems: Dict[str, str] = OrderedDict()
    seen: Dict[str, str] = {}
    for axis in axes:
        n_conditions *= len(axis.points)
        for point in axis.points:
            if set(point) != set(axis.keys):
                own, first = (", ".join(map(str, keys)) for keys in (point, axis.keys))
                line = f"a point sets {own}, the first one {first}"
                problems[f"sweep.{axis.name}"] = line + "; let all set the same keys"
        for key in axis.keys:
            if not isinstance(key, str):
                line = f"{key} is no key of a condition; name one, such as training.learning_rate"
                problems[f"sweep.{axis.name}"] = line
                continue
            other = seen.setdefault(key, axis.name)
            if other != axis.name:
                problems[f"sweep.{axis.name}"] = f"{key} is swept by {other}, too; keep one of them"
            if key.split(".")[0] in ("label", "baseline", ""):
                problems[f"sweep.{axis.name}"] = f"{key} is no setting of a run; leave it out"
    if n_conditions > MOST_CONDITIONS:
        line = f"makes {n_conditions} conditions; at most {MOST_CONDITIONS} are possible"
        problems["sweep"] = line + ", so take fewer values, or several studies"
    return OrderedDict(problems)


def grid_of(axes: List[Axis], conditions: Mapping[str, Any], baseline: Any) -> Grid:
    """Return conditions, as they are configured, at every point of a grid.

    What each starts from, and is compared with, is at the same point. Names and labels are made of
    condition, keys and values.

    Args:
        axes: of the grid.
        conditions: by name; a condition that is no mapping is left as it is.
        baseline: name of the condition that the others are compared with.
    """
    words = [axis.name if axis.is_joint else name for axis, name in zip(axes, short_names(axes))]

    def name_at(name, point):
        values = [_as_name(values[axis.keys[0]]) for axis, values in zip(axes, point)]
        return "_".join([name, *(f"{word}_{value}" for word, value in zip(words, values))])

    joint = {axis.name: axis.keys for axis in axes if axis.is_joint}
    found = Grid(OrderedDict(), {}, joint, {}, [])
    for name, condition in conditions.items():
        for point in product(*[axis.points for axis in axes]):
            swept = name_at(name, point)
            found.twice.extend([swept] if swept in found.origins else [])
            found.origins[swept] = name
            found.conditions[swept] = at = copy.deepcopy(condition)
            if not isinstance(at, dict):
                continue
            for key, value in (pair for values in point for pair in values.items()):
                _put(at, key.split("."), copy.deepcopy(value))
            own, start = at.get("baseline", baseline), at.get("start")
            if isinstance(own, str):
                at["baseline"] = name_at(own, point)
            if isinstance(start, dict) and isinstance(start.get("condition"), str):
                start["condition"] = name_at(start["condition"], point)
            shown = [(axis.keys[0], word, values) for axis, word, values in zip(axes, words, point)]
            if isinstance(at.get("label"), str):
                values_in_words = [in_words(word, values[key]) for key, word, values in shown]
                at["label"] = ", ".join([at["label"], *values_in_words])
            found.lengths[swept] = [in_words(w, of[key]) for key, w, of in shown if "." not in key]
    return found


def as_written(problems: Mapping[str, str], grid: Grid, axes: List[Axis]) -> Dict[str, str]:
    """Return problems, lines by key, with keys as they were written for those of the grid."""
    found: Dict[str, str] = {}
    # The name of one may begin with another's and a point.
    origins = sorted(grid.origins.items(), key=lambda names: -len(names[0]))
    for key, line in problems.items():
        for name, origin in origins:
            path = f"conditions.{name}"
            if key == path or key.startswith(path + "."):
                rest = key[len(path) + 1 :]
                swept = [axis for axis in axes if any(_holds(key, rest) for key in axis.keys)]
                if swept:
                    joint = "".join(f"{axis.name}." for axis in swept if axis.is_joint)
                    key, line = f"sweep.{joint}{rest}", f"{line} (condition {origin})"
                else:
                    key = ".".join(filter(None, ["conditions", origin, rest]))
                break
        found.setdefault(key, line)
    return found


def _holds(key, path):
    return (path + ".").startswith(key + ".")


def short_names(axes: List[Axis]) -> List[str]:
    """Return what axes are called in the names of conditions: the ends of their keys."""
    return list(shortened([axis.keys[0] for axis in axes]).values())


def shortened(keys: Iterable[str], taken: Iterable[str] = ()) -> "OrderedDict[str, str]":
    """Return a name for each key: its last part or, where that is not unique, more of them.

    >>> list(shortened(["network.neurons.tau_m", "task.noise", "network.noise"]).values())
    ['tau_m', 'task_noise', 'network_noise']
    """
    keys, taken = list(dict.fromkeys(keys)), set(taken)
    names = OrderedDict()
    for key in keys:
        parts = key.split(".")
        for n_parts in range(1, len(parts) + 1):
            end = parts[-n_parts:]
            others = [other for other in keys if other.split(".")[-n_parts:] == end]
            if len(others) == 1 and "_".join(end) not in taken:
                break
        names[key] = "_".join(end)
    return names


def in_words(name: str, value: Any) -> str:
    """Return a setting and its value in words: ("tau_m", 5.0) -> "tau m 5"."""
    if isinstance(value, dict):
        value = " ".join(in_words(*pair) for pair in value.items())
    elif isinstance(value, list):
        value = " ".join(map(str, value))
    elif isinstance(value, float):
        value = f"{value:g}"
    return f"{name.replace('_', ' ')} {value}"


def _as_name(value):
    """Return a value as a part of a name."""
    text = value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, float):
        text = f"{value:g}"
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_").replace("+", "")


def _put(values, path, value):
    """Put a value at a path into a mapping, in which a name may stand for itself with options."""
    *parents, last = path
    for key in parents:
        part = values.setdefault(key, {})
        if not isinstance(part, dict):
            part = values[key] = {"name": part}
        values = part
    values[last] = value
