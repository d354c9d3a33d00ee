"""A study whose results decide claims, and the columns that a claim can name."""

import contextlib
import os
import re
import tokenize
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from lib.failures import with_failures
from lib.numbers import asked_for
from lib.tables import read_trajectories
from lsnn.errors import ConfigError
from lsnn.study.checks import suggestion
from lsnn.study.columns import Column
from lsnn.study.config import Study, read_study
from lsnn.study.outputs import trajectories_columns

# What pandas raises where it cannot read an expression, and where it cannot compute it.
NOT_READ = (NameError, NotImplementedError, SyntaxError, tokenize.TokenError)
NOT_COMPUTABLE = (ArithmeticError, AttributeError, KeyError, TypeError, ValueError)
# In an expression: `a name in backquotes`, or a bare one that is no function.
NAME = re.compile(r"`[^`]+`|\b[A-Za-z_]\w*\b(?!\s*\()")


class NotComputed(Exception):
    """What a claim needs is not there."""

    verdict = "not computed"


class Open(Exception):
    """What a claim needs is there, but decides nothing."""

    verdict = "open"


class Source(NamedTuple):
    """A study, and the table of its runs, which tells which have failed (:mod:`lib.failures`)."""

    study: Study
    trajectories: pd.DataFrame
    # By condition: whether its failed runs count as its lowest number ("low") or highest ("high").
    filled: dict[str, str] = {}

    def of_seeds(self, seeds: Sequence[int]) -> "Source":
        """Return the part with some seeds; which runs have failed is told by these alone.

        Raises:
            NotComputed: the study has not all of them.
        """
        missing = sorted(set(seeds) - set(self.study.seeds))
        if missing:
            raise NotComputed(f"the study has no seed {', '.join(map(str, missing))}")
        if set(seeds) == set(self.study.seeds):
            return self
        study = self.study._replace(seeds=tuple(seeds))
        rows = self.trajectories[self.trajectories["seed"].isin(seeds)]
        return Source(study, with_failures(rows))

    def does_not_learn(self, condition: str) -> bool:
        """Return whether a condition does not learn."""
        rows = self.trajectories
        return not rows["learns"][rows["condition"] == condition].all()

    def baseline_of(self, condition: str) -> str:
        """Return what a condition is compared with; of an unknown one, the study's baseline."""
        known = self.study.conditions
        return known[condition].baseline if condition in known else self.study.baseline


def read_source(folder: str) -> Source:
    """Return the :class:`Source` in the folder of a study's results."""
    study = read_study(os.path.join(folder, "config.yaml"))
    return Source(study, with_failures(read_trajectories(folder, study)))


def column_named(name: str, study: Study) -> Column:
    """Return the column that a study has under a name.

    The name of its entry can be left out, if only one entry has such a column; backquotes around
    the name count for nothing.

    Raises:
        NotComputed: the study has no such column, or several.
    """
    name = name.strip("` ")
    known = {column.name: column for column in trajectories_columns(study)}
    of_entries = [full for full in known if full.endswith(f"_{name}")]
    if name in known or len(of_entries) == 1:
        return known[name if name in known else of_entries[0]]
    several = f"; it could be {', '.join(of_entries)}" if of_entries else ""
    raise NotComputed(f"no column {name}{several or suggestion(name, known)}")


def column_of(
    source: Source, expression: str, scale: str | None = None
) -> tuple[pd.DataFrame, Column]:
    """Return the rows of a source that an expression of columns was asked for at, and its column.

    Args:
        expression: a column's name, or what pandas evaluates. In the latter, a name that has other
            characters than letters, digits and underscores stands in backquotes.
        scale: of the column that is returned; if None, that of the named one, else linear.

    Raises:
        NotComputed: as :func:`column_named`, or the table lacks one.
        ConfigError: pandas cannot evaluate it, or it is not a number.
    """
    used, text = _resolved(expression, source.study)
    table = source.trajectories
    missing = [column.name for column in used if column.name not in table]
    if missing:
        raise NotComputed(f"no column {', '.join(missing)}; it was added after the study was run")
    for column in used:
        table = asked_for(table, column)
    if text is None:
        (column,) = used
        scale = scale or ("log" if column.scale == "log" else "linear")
        values, column = table[column.name], column._replace(scale=scale)
    else:
        try:
            values = table.eval(text)
        except (*NOT_READ, *NOT_COMPUTABLE) as error:
            raise ConfigError(f"{expression}: cannot be evaluated: {error}") from None
        column = Column(expression, "estimate", expression, scale=scale or "linear")
        flags = [f"{of.name}_converged" for of in used if f"{of.name}_converged" in table]
        table = table.assign(**{expression: values})
        if flags:
            table[f"{expression}_converged"] = table[flags].all(axis=1)
    if not pd.api.types.is_numeric_dtype(table[column.name]):
        raise ConfigError(f"{expression}: is not a number; name a column of numbers")
    return table, column


def _resolved(expression, study):
    """Return the columns in an expression, and it with their full names; None if it is a name."""
    with contextlib.suppress(NotComputed):
        return [column_named(expression, study)], None
    used = []

    def full_name(match):
        used.append(column_named(match.group(), study))
        return f"`{used[-1].name}`"

    return used, NAME.sub(full_name, expression)
