"""Write the generated pages of docs/: configuration and columns, from the declarations in the code,
and findings, from the committed results.
"""

import argparse
import json
import os

import pandas as pd

from lib.claims import CLAIM
from lib.findings import findings_page
from lib.program import run
from lib.statistics import STATISTICS
from lsnn.curvature.quantities import REGISTRIES, columns_of
from lsnn.learning_rules import LEARNING_RULES
from lsnn.neurons import NEURONS
from lsnn.options import default_of, schema_of, section
from lsnn.storage.files import atomic_write
from lsnn.study import columns, outputs
from lsnn.study.checks import allowed
from lsnn.study.config import SCHEMA, SUITE, parse_study
from lsnn.tasks import TASKS
from report_claims import as_markdown

KINDS = {
    "Task": TASKS,
    "Neurons": NEURONS,
    "Learning rule": LEARNING_RULES,
    "Quantity of the Hessian": REGISTRIES["hessian"],
    "Quantity of the rule": REGISTRIES["dynamics"],
    "Statistic of a claim": STATISTICS,
}
GENERATED = "<!-- Written by `make docs` from the declarations in the code. -->"


def configuration_page():
    """Return docs/reference/configuration.md: every key with default, unit, bounds and meaning."""
    lines = [
        "# Configuration",
        "",
        GENERATED,
        "",
        "A key that is left out has its default. What has a name and options, such as a task, can "
        "be written as its name alone; [] stands for the entries of a list.",
    ]
    lines += table_of("A study", SCHEMA)
    lines += table_of("A suite of studies", SUITE)
    lines += table_of("A claim, under a name of its own in a file of claims", CLAIM)
    for kind, registry in KINDS.items():
        for name, one in registry.items():
            if one.options:
                lines += table_of("{} `{}`".format(kind, name), section("", one.options))
    return "\n".join(lines) + "\n"


def table_of(title, schema):
    """Return the lines of a table of the options of a schema."""
    cells = []
    for key, option in rows(schema):
        default = default_of(option)
        cells.append(
            {
                "key": "`{}`".format(key),
                "default": "" if default is None else "`{}`".format(json.dumps(default)),
                "unit": option["unit"],
                "allowed": allowed(option),
                "meaning": option["description"],
            }
        )
    return ["", "## " + title, "", as_markdown(pd.DataFrame(cells))]


def rows(schema, path=""):
    """Yield (key, option) for every option of a schema, depth first."""
    for key, option in schema_of(schema).get("properties", {}).items():
        name = ".".join(filter(None, [path, key]))
        if "properties" not in schema_of(option):
            yield name, option
        yield from rows(option, name)
        yield from rows(option.get("items", {}), name + "[]")
        yield from rows(option.get("additionalProperties") or {}, name + ".NAME")


def columns_page():
    """Return docs/reference/columns.md: every column with its label, unit and meaning."""
    everything = {kind: [{"quantities": list(REGISTRIES[kind])}] for kind in REGISTRIES}
    condition = {"iterations": 1, "checkpoint_every": 1}
    study = parse_study({"conditions": {"bptt": condition}, **everything})
    of_entries = {
        kind: [c for entry in study.entries(kind).values() for c in columns_of(kind, entry)]
        for kind in REGISTRIES
    }
    elsewhere = [*of_entries["hessian"], *of_entries["dynamics"], *outputs.of_weights(study)]
    runs = [c for c in outputs.trajectories_columns(study) if c not in elsewhere]
    lines = [
        "# Columns",
        "",
        GENERATED,
        "",
        "`trajectories.csv` has one row per condition, seed and checkpoint. Its measures are those "
        "of the task, here of the default study; a task with a noisy test has the same of "
        "`noisy_test`. Columns of an entry of `hessian` or `dynamics` have the entry's name before "
        "their own, as in `all_train_lambda_max`, but for `w_rec` on validation examples; where "
        "it was not computed they are empty. An estimate is followed by columns of the same name "
        "with these endings:",
        "",
        "| ending | meaning |",
        "| --- | --- |",
        "| `_se` | standard error over random vectors, not over seeds |",
        "| `_residual` | \\|Hv - lambda v\\| / \\|lambda\\| with \\|v\\| = 1: how far lambda is, "
        "at most, from some eigenvalue. The residual does not show that this is the extreme one |",
        "| `_norm_residual` | the same relative to the spectral norm of H |",
        "| `_converged` | whether the former is within the tolerance, or the latter below 1e-6, "
        "which is what products in float32 can tell. In figures a cross marks those that are not |",
    ]
    lines += table_of_columns("Of every study", runs)
    lines += table_of_columns("Of an entry of `hessian`", of_entries["hessian"])
    lines += table_of_columns("Of an entry of `dynamics`", of_entries["dynamics"])
    lines += table_of_columns("Of the weights", outputs.of_weights(study))
    lines += table_of_columns("summary.csv", columns.SUMMARY)
    lines += table_of_columns("claims.csv", columns.CLAIMS)
    lines += table_of_columns("points.csv", columns.POINTS)
    return "\n".join(lines) + "\n"


def table_of_columns(title, of_table):
    """Return the lines of a table of columns; those that only qualify another are left out."""
    endings = ("_se", "_residual", "_converged")
    cells = [
        {
            "column": "`{}`".format(column.name),
            "kind": column.kind,
            "unit": column.unit if column.label else "",
            "label": column.label,
            "meaning": column.meaning,
        }
        for column in of_table
        if not column.name.endswith(endings)
    ]
    table = pd.DataFrame(cells)
    return ["", "## " + title, "", as_markdown(table.loc[:, (table != "").any()])]


PAGES = {
    "reference/configuration.md": configuration_page,
    "reference/columns.md": columns_page,
    "findings.md": findings_page,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, metavar="DOCS", help="folder of the pages")
    folder = parser.parse_args().output
    for name, page in PAGES.items():
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with atomic_write(os.path.join(folder, name)) as stream:
            stream.write(page().encode())


if __name__ == "__main__":
    run(main)
