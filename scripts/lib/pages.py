"""What pages and their tables are made of: in HTML for the report, in Markdown for the docs."""

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from lib.estimates import LEAST_SEEDS
from lsnn.options import Schema, schema_of
from lsnn.storage.files import PathLike, atomic_write
from lsnn.study.config import Study

DOCS = Path(__file__).parents[2] / "docs"
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader([Path(__file__).parent / "templates", DOCS]),
    undefined=jinja2.StrictUndefined,
    autoescape=jinja2.select_autoescape(["html.jinja"]),
    keep_trailing_newline=True,
    trim_blocks=True,
)


def render(name: str, **content: Any) -> str:
    """Return the page of the template ``name``.jinja, with what it is to show."""
    return TEMPLATES.get_template(f"{name}.jinja").render(content)


def write_page(folder: str, name: str, **content: Any) -> None:
    """Write a page, as :func:`render`, under its name into a folder."""
    write_text(os.path.join(folder, name), with_symbols(render(name, **content)))


def with_symbols(text: str) -> str:
    """Return a text with λ_max and λ_min as they are printed.

    >>> with_symbols("λ_max - λ_min")
    'λₘₐₓ - λₘᵢₙ'
    """
    return text.replace("λ_max", "λₘₐₓ").replace("λ_min", "λₘᵢₙ")


def write_text(path: PathLike, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_write(path) as stream:
        stream.write(text.encode())


def with_code(text: object) -> Markup:
    """Return a text in HTML, with what stands between backquotes as code."""
    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def markdown_table(table: pd.DataFrame) -> str:
    """Return a data frame, without its index, as the lines of a Markdown table."""
    lines = [list(table), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def digits(value: float) -> str:
    """Return a number with three significant digits and a true minus: -0.1296 -> "-0.130"."""
    if np.isnan(value):
        return "none"
    text = f"{value:.2e}" if value else "0"
    if 1e-4 <= abs(value) < 1e6:
        text = format(Decimal(text), "f")
    return text.replace("-", "\N{MINUS SIGN}")


def with_interval(value: float, low: float, high: float) -> str:
    """Return a number with its interval, if it has one."""
    return digits(value) + ("" if np.isnan(low) else f" [{digits(low)}, {digits(high)}]")


def estimate_text(row: Any) -> str:
    """Return the number of a row of claims.csv with its interval; empty if there is none."""
    return "" if np.isnan(row.value) else with_interval(row.value, row.ci_low, row.ci_high)


def mark_text(mark: str) -> str:
    """Return a mark of claims.csv with a true minus."""
    return mark.replace("-", "\N{MINUS SIGN}")


def columns_of(claims: dict[str, Any]) -> dict[str, str]:
    """Return the column of each study of the claims that are tested on several.

    A study whose name ends with another's, as rate_mnist_1000 does, is about the same task, and
    stands in the other's column, unless a claim is tested on both.
    """
    several = [claim.statistics for claim in claims.values() if len(claim.statistics) > 1]
    studies = dict.fromkeys(chain.from_iterable(several))
    found: dict[str, str] = {}
    for study in sorted(studies, key=len):
        beside = {found.get(other) for of in several if study in of for other in of}
        ends = [of for of in found.values() if study.endswith(f"_{of}") and of not in beside]
        found[study] = ends[0] if ends else study
    return {study: found[study] for study in studies}


def label_of(names: str, study: Study) -> str:
    """Return the label of a condition, or of two with a sign between them."""
    signs = {"/": "/", "-": "\N{MINUS SIGN}"}
    parts = [signs.get(part) or study.conditions[part].label for part in names.split(" ")]
    return " ".join(parts)


def summary_text(row: Any, n_seeds: int) -> str:
    """Return a row of the summary as one line."""
    text = with_interval(row.mean, row.ci_low, row.ci_high)
    notes = [f"{row.n} of {counted(n_seeds, 'seed')}"] if row.n < n_seeds else []
    notes += [f"{row.n_failed} failed"] if row.n_failed else []
    notes += [f"{row.n_unconverged} not converged"] if row.n_unconverged else []
    notes += [f"at loss {digits(row.loss)}"] if pd.notna(row.loss) else []
    return text + (f" ({', '.join(notes)})" if notes else "")


def duration(seconds: float) -> str:
    """Return a time in the largest unit that fits: 5400 -> "1.50 h"."""
    for size, unit in [(3600, "h"), (60, "min")]:
        if seconds >= size:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds)} s"


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun: (1, "seed") -> "1 seed"."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"


def options(schema: Schema, value: Any = None, path: str = "") -> Iterator[tuple[str, Schema, Any]]:
    """Yield (path, option, value) for an option and for all that it holds, depth first.

    Without a value, which has to fit the option, these are all that values can hold: the entries
    of a list are called [], the keys that are the user's NAME. What repeats the options of another
    is not entered.
    """
    yield path, schema, value
    own = schema_of(schema, value)
    known, others = own.get("properties", {}), own.get("additionalProperties") or {}
    parts: list[tuple[str, Schema, Any]] = []
    if isinstance(value, dict):
        parts = [(f".{key}", known.get(key, others), part) for key, part in value.items()]
    elif isinstance(value, list) and "properties" in schema_of(schema.get("items", {})):
        parts = [(f".{place}", schema["items"], part) for place, part in enumerate(value)]
    elif value is None and "is_partial" not in schema:
        parts = [(f".{key}", option, None) for key, option in known.items()]
        parts += [("[]", schema["items"], None)] if "items" in schema else []
        parts += [(".NAME", others, None)] if others else []
    for name, option, part in parts:
        yield from options(option, part, (path + name).lstrip("."))


TEMPLATES.filters["with_code"] = with_code
TEMPLATES.globals.update(LEAST_SEEDS=LEAST_SEEDS, counted=counted, duration=duration)
