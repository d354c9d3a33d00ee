"""Write the generated pages of docs/, each from the template beside it (*.md.jinja).

They tell of the declarations in the code, and of the committed results.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lib.claims import CLAIM
from lib.committed import CommittedStudy
from lib.pages import DOCS, markdown_table, options, render, write_text
from lib.program import run
from lib.statistics import STATISTICS
from lsnn.curvature.quantities import REGISTRIES, columns_of
from lsnn.learning_rules import LEARNING_RULES
from lsnn.neurons import NEURONS
from lsnn.options import Registry, default_of, schema_of, section
from lsnn.study import columns, outputs
from lsnn.study.checks import allowed
from lsnn.study.config import SCHEMA, SUITE, parse_study
from lsnn.tasks import TASKS

REGISTERED: dict[str, Registry] = {
    "Task": TASKS,
    "Neurons": NEURONS,
    "Learning rule": LEARNING_RULES,
    "Quantity of the Hessian": REGISTRIES["hessian"],
    "Quantity of the rule": REGISTRIES["dynamics"],
    "Statistic of a claim": STATISTICS,
}
QUALIFYING = ("_se", "_residual", "_converged")  # endings of columns that qualify another


def configuration_tables() -> dict[str, str]:
    """Return a table of every key with default, unit, bounds and meaning, by its heading."""
    tables = {
        "A study": SCHEMA,
        "A suite of studies": SUITE,
        "A claim, under a name of its own in a file of claims": CLAIM,
    }
    for kind, registry in REGISTERED.items():
        for name, member in registry.items():
            if member.options:
                tables[f"{kind} `{name}`"] = section("", member.options)
    return {heading: options_table(schema) for heading, schema in tables.items()}


def options_table(schema: dict) -> str:
    """Return a table of the options of a schema."""
    rows = [
        {
            "key": f"`{key}`",
            "default": "" if default_of(option) is None else f"`{json.dumps(default_of(option))}`",
            "unit": option["unit"],
            "allowed": allowed(option),
            "meaning": option["description"],
        }
        for key, option, _ in options(schema)
        if key and not key.endswith(("[]", ".NAME")) and "properties" not in schema_of(option)
    ]
    return markdown_table(pd.DataFrame(rows))


def columns_tables() -> dict[str, str]:
    """Return a table of every column with its label, unit and meaning, by its heading."""
    everything = {kind: [{"quantities": list(REGISTRIES[kind])}] for kind in REGISTRIES}
    condition = {"iterations": 1, "checkpoint_every": 1}
    study = parse_study({"conditions": {"bptt": condition}, **everything})
    hessian, dynamics = (
        [column for entry in study.entries(kind).values() for column in columns_of(kind, entry)]
        for kind in ("hessian", "dynamics")
    )
    weights = outputs.weight_columns(study)
    elsewhere = [*hessian, *dynamics, *weights]
    tables = {
        "Of every study": [c for c in outputs.trajectories_columns(study) if c not in elsewhere],
        "Of an entry of `hessian`": hessian,
        "Of an entry of `dynamics`": dynamics,
        "Of the weights": weights,
        "summary.csv": columns.SUMMARY,
        "claims.csv": columns.CLAIMS,
        "points.csv": columns.POINTS,
    }
    return {heading: columns_table(listed) for heading, listed in tables.items()}


def columns_table(listed: Sequence[columns.Column]) -> str:
    """Return a table of columns, without those that qualify another."""
    rows = [
        {
            "column": f"`{column.name}`",
            "kind": column.kind,
            "unit": column.unit if column.label else "",
            "label": column.label,
            "meaning": column.meaning,
        }
        for column in listed
        if not column.name.endswith(QUALIFYING)
    ]
    table = pd.DataFrame(rows)
    return markdown_table(table.loc[:, (table != "").any()])


def generated_pages() -> dict[str, str]:
    """Return the generated pages, by their path in docs/."""
    tables = {
        "study": CommittedStudy,
        "configuration_tables": configuration_tables,
        "columns_tables": columns_tables,
    }
    templates = [path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md.jinja"))]
    names = [template.removesuffix(".jinja") for template in templates]
    return {name: render(name, **tables) for name in names}


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, metavar="DOCS", help="folder of the pages")
    folder = Path(parser.parse_args().output)
    for name, text in generated_pages().items():
        write_text(folder / name, text)


if __name__ == "__main__":
    run(main)
