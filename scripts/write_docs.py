"""Write the generated pages of docs/, each from the template beside it (*.md.jinja).

They tell of the declarations in the code, and of the committed results.
"""

import argparse
import json
import re
from pathlib import Path

from lib.claims import CLAIM
from lib.committed import CommittedStudy, decided
from lib.pages import DOCS, options, render, write_text
from lib.program import run
from lib.scoreboard import scoreboard
from lib.statistics import STATISTICS
from lsnn.curvature.hessian import ALL
from lsnn.curvature.quantities import REGISTRIES, columns_of_table
from lsnn.learning_rules import LEARNING_RULES
from lsnn.neurons import NEURONS
from lsnn.options import Registry, Schema, default_of, schema_of, section
from lsnn.study import columns, outputs
from lsnn.study.checks import allowed
from lsnn.study.columns import Column
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


def schemas() -> dict[str, Schema]:
    """Return the schema of everything that has options, by its heading."""
    found = {
        "A study": SCHEMA,
        "A suite of studies": SUITE,
        "A claim, under a name of its own in a file of claims": CLAIM,
    }
    for kind, registry in REGISTERED.items():
        for name, member in registry.items():
            if member.options:
                found[f"{kind} `{name}`"] = section("", member.options)
    return found


def columns_of_tables() -> dict[str, list[Column]]:
    """Return the columns of each table by its heading, without residuals and other qualifiers."""
    # Some quantities are of all parameters alone, and of a loss without L2.
    everything = {
        kind: [{"block": ALL, "quantities": list(REGISTRIES[kind])}] for kind in REGISTRIES
    }
    condition = {"iterations": 1, "checkpoint_every": 1}
    plain = {"conditions": {"bptt": condition}}
    study = parse_study({**plain, "loss": {"l2": 0}, **everything})
    hessian, dynamics = (columns_of_table(k, *study.entries(k).values()) for k in REGISTRIES)
    elsewhere = [*outputs.entry_columns(study), *outputs.weight_columns(study)]
    tables = {
        "Of every study": [c for c in outputs.trajectories_columns(study) if c not in elsewhere],
        "Of an entry of `hessian`": hessian,
        "Of an entry of `dynamics`": dynamics,
        "Of the weights": outputs.weight_columns(parse_study(plain)),
        "summary.csv": columns.SUMMARY,
        "claims.csv": columns.CLAIMS,
        "points.csv": columns.POINTS,
        "profile.csv": columns.PROFILE,
        "costs.csv": columns.COSTS,
    }
    return {
        heading: [column for column in listed if not column.name.endswith(QUALIFYING)]
        for heading, listed in tables.items()
    }


TELLS_OF = {
    "study": CommittedStudy,
    "decided": decided,
    "scoreboard": scoreboard,
    "schemas": schemas,
    "columns_of_tables": columns_of_tables,
    "options": options,
    "schema_of": schema_of,
    "default_of": default_of,
    "allowed": allowed,
    "as_code": lambda words: re.sub(r"matching (\S+)", r"matching `\1`", words),
    "dumps": json.dumps,
}


def generated_pages() -> dict[str, str]:
    """Return the generated pages, by their path in docs/."""
    templates = [path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md.jinja"))]
    names = [template.removesuffix(".jinja") for template in templates]
    return {name: render(name, **TELLS_OF) for name in names}


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, metavar="DOCS", help="folder of the pages")
    folder = Path(parser.parse_args().output)
    for name, text in generated_pages().items():
        write_text(folder / name, text)


if __name__ == "__main__":
    run(main)
