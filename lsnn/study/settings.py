"""The settings in which the conditions of a study differ, and the sweeps that they make."""

import json
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple

import numpy as np

from lsnn.options import schema_of
from lsnn.storage.files import canonical_json
from lsnn.study.columns import CONDITION_COLUMNS, RUN_KEYS, Column
from lsnn.study.config import CONDITION, SECTIONS, Study, as_mapping
from lsnn.study.sweep import shortened

RULE, START = "learning_rule", "start"
LEAST_RATIO = 10.0  # of two values, for an axis that is logarithmic


class Sweep(NamedTuple):
    """Conditions that differ in a setting, or in several that move together."""

    keys: List[str]  # of the settings
    column: Column  # of the first of them
    lines: List[Dict[Any, str]]  # conditions by value, for each line of conditions alike otherwise

    @property
    def conditions(self) -> List[str]:
        """All conditions on lines."""
        return [condition for line in self.lines for condition in line.values()]


def settings_of(study: Study, condition: str) -> "OrderedDict[str, Any]":
    """Return the settings of a condition's runs by key, their length apart; lists as text."""
    setup = as_mapping(study.setup(condition))
    found: OrderedDict[str, Any] = OrderedDict()

    def add(path, value):
        if isinstance(value, dict):
            for key, part in value.items():
                add(f"{path}.{key}", part)
        else:
            found[path] = json.dumps(value) if isinstance(value, list) else value

    for section in (*SECTIONS, RULE):
        add(section, setup[section])
    add(START, study.conditions[condition].start or {})
    return found


def differing_settings(study: Study) -> "OrderedDict[str, Dict[str, Any]]":
    """Return the settings that have several values: their values by condition, by key.

    What a condition's rule or neurons do not have, has no value. The name of the rule is no
    setting: a study is about rules.
    """
    values: OrderedDict[str, Dict[str, Any]] = OrderedDict()
    for condition in study.conditions:
        for key, value in settings_of(study, condition).items():
            values.setdefault(key, {})[condition] = value
    return OrderedDict(
        (key, of)
        for key, of in values.items()
        if len(set(map(canonical_json, of.values()))) > 1 and key != f"{RULE}.name"
    )


def setting_columns(study: Study) -> "OrderedDict[str, Column]":
    """Return the column of each setting in which conditions differ, by its key."""
    settings = differing_settings(study)
    known = {column.name: column for column in (*CONDITION_COLUMNS, *RUN_KEYS)}
    names = shortened(settings, set(known) - {"learning_rate"})
    found = OrderedDict()
    for key, values in settings.items():
        option = _option_of(study, next(iter(values)), key)
        is_number = all(_is_number(value) for value in values.values())
        found[key] = known.get(names[key]) or Column(
            names[key],
            "estimate" if is_number else "text",
            names[key].replace("_", " "),
            meaning=option.get("description", ""),
            unit=option.get("unit", "1").replace("-", "1"),
            scale=scale_of(values.values()) if is_number else "linear",
        )
    return found


def setting_values(study: Study) -> "OrderedDict[Column, Dict[str, Any]]":
    """Return the values of the columns of settings by condition; of one without it, nan or "-"."""
    settings = differing_settings(study)
    return OrderedDict(
        (
            column,
            {
                name: settings[key].get(name, np.nan)
                if column.kind != "text"
                # "none" and "" are values.
                else str(settings[key].get(name, "-"))
                for name in study.conditions
            },
        )
        for key, column in setting_columns(study).items()
    )


def _option_of(study, condition, key):
    """Return the option that a key of a condition's settings is of."""
    section, *path = key.split(".")
    setup = dict(as_mapping(study.setup(condition)), start=study.conditions[condition].start)
    value, option = setup[section], CONDITION["properties"][section]
    option = SECTIONS.get(section, option)
    for part in path:
        option = schema_of(option, value).get("properties", {}).get(part, {})
        value = value[part]
    return option


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def scale_of(values: Any) -> str:
    """Return the scale on which numbers are spaced evenly: "linear", "log" or, with 0, "symlog".

    >>> [scale_of(values) for values in ([1, 2, 3], [0.001, 0.01, 0.1], [0, 1, 2, 4, 8, 16])]
    ['linear', 'log', 'symlog']
    """
    values = np.unique(np.array(list(values), dtype=float))
    positive = values[values > 0]
    if values[0] < 0 or len(positive) < 2 or positive[-1] < LEAST_RATIO * positive[0]:
        return "linear"
    gaps, ratios = np.diff(positive), np.diff(np.log(positive))
    if gaps.std() / gaps.mean() < ratios.std() / ratios.mean():
        return "linear"
    return "log" if len(positive) == len(values) else "symlog"


def sweeps_of(study: Study) -> "OrderedDict[str, Sweep]":
    """Return what is swept, and over which conditions, by the name of the setting or the axis.

    A sweep is over conditions that differ in a setting alone, or in those of one of the study's
    ``axes``, apart from their length. Of conditions with the same value it has the first; each of
    its lines has at least two values.
    """
    columns, joint = setting_columns(study), {key for keys in study.axes.values() for key in keys}
    axes = [(name, keys) for name, keys in study.axes.items() if keys[0] in columns]
    axes += [(column.name, [key]) for key, column in columns.items() if key not in joint]
    settings = {condition: settings_of(study, condition) for condition in study.conditions}
    found: OrderedDict[str, Sweep] = OrderedDict()
    for name, keys in axes:
        lines: Dict[str, Dict[Any, str]] = OrderedDict()
        for condition, own in settings.items():
            if keys[0] in own:
                others = {key: value for key, value in own.items() if key not in keys}
                line = lines.setdefault(canonical_json(others), OrderedDict())
                line.setdefault(own[keys[0]], condition)
        several = [line for line in lines.values() if len(line) > 1]
        if several:
            found[name] = Sweep(keys, columns[keys[0]], several)
    return found
