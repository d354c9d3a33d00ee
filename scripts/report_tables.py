"""Write the tables of the report: as html pages summary, configuration and run, and headline.csv.

The latter, the study in a few numbers, is on the first page of the report, and is printed when the
workflow is done.
"""

import argparse
import html
import os
from decimal import Decimal

import numpy as np
import pandas as pd

from lib.estimates import LEAST_SEEDS
from lib.program import run
from lib.summary import comparisons_of, quantities_of
from lib.tables import read_recorded_table, write_table
from lsnn.curvature.quantities import REGISTRIES
from lsnn.errors import ResultError
from lsnn.options import schema_of
from lsnn.storage.files import atomic_write, read_record
from lsnn.study.columns import SUMMARY
from lsnn.study.config import SCHEMA, as_mapping, read_study
from lsnn.study.outputs import compared_columns, headline_columns, of_gaps

LONG_TEXT = 40  # characters from which a cell gets room for longer lines

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.4 sans-serif; margin: 1.5em; }}
h1 {{ font-size: 1.3em; }}
h2 {{ font-size: 1.1em; margin-top: 1.6em; }}
p {{ max-width: 50em; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ padding: 0.3em 0.8em; text-align: left; vertical-align: top; }}
thead th {{ border-bottom: 2px solid; }}
tbody th {{ font-weight: normal; }}
tbody tr {{ border-bottom: 1px solid #8888; }}
@media (max-width: 700px) {{
  tbody th {{ min-width: 7em; overflow-wrap: anywhere; }}
  td.text {{ min-width: 18em; }}
}}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def summary_page(summary, study):
    """Return the page of summary.csv: one column per condition, then the ratios."""
    n_seeds = len(study.seeds)
    unconverged = ", and how many of the eigenvalues had not converged"
    body = [
        "<p>Mean over seeds, geometric where the axis is logarithmic; in brackets its "
        f"95 % t interval, if there are {LEAST_SEEDS} seeds. Each condition has "
        f"{counted(n_seeds, 'seed')}; a cell says where fewer went into a number, how many "
        f"diverged{unconverged if study.hessian else ''}.</p>",
        table_of(summary, quantities_of(study), study),
    ]
    for comparison in comparisons_of(study):
        names = [quantity.name for quantity in comparison.quantities]
        if summary["quantity"].isin(names).any():
            body.append(f"<h2>{html.escape(comparison.title)}</h2>")
            if comparison.has_levels:
                body.append(
                    "<p>Paired by seed; mean over seeds, geometric for ratios, in brackets its "
                    "95 % t interval. At equal loss a cell says over how many training losses, "
                    "which every run brackets by two checkpoints after the initial state.</p>"
                )
            body.append(table_of(summary, comparison.quantities, study))
    return page("Summary", body)


def table_of(summary, quantities, study):
    """Return the rows of some quantities as an html table with one column per condition."""
    labels = {quantity.name: quantity.label for quantity in quantities}
    rows = summary[summary["quantity"].isin(labels)]
    cells = pd.DataFrame(
        {
            "quantity": rows["quantity"].map(labels),
            "condition": [label_of(names, study) for names in rows["condition"]],
            "text": [summary_text(row, len(study.seeds)) for row in rows.itertuples()],
        }
    )
    table = cells.pivot(index="quantity", columns="condition", values="text")
    return as_html(table.loc[cells["quantity"].unique(), cells["condition"].unique()])


def headline(summary, study):
    """Return the final states in a few numbers as a data frame: one row per condition."""
    texts = {
        (row.quantity, row.condition): summary_text(row, len(study.seeds))
        for row in summary.itertuples()
    }
    labels = {name: condition.label for name, condition in study.conditions.items()}
    gaps, compared = of_gaps(study).values(), compared_columns(study)
    table = pd.DataFrame(index=pd.Index(labels.values(), name="condition"))
    for column in headline_columns(study):
        title = f"gap, {column.axis}" if column in gaps else column.axis
        table[title] = [texts.get((f"{column.name}_final", name), "") for name in labels]
        if column in compared and len(labels) > 1:
            ratios = [
                texts.get((f"{column.name}_ratio_final", f"{name} / {study.baseline}"), "")
                for name in labels
            ]
            table[f"ratio to {labels[study.baseline]}"] = ratios
    return table


def label_of(names, study):
    """Return the label of a condition, or of two with a sign between them."""
    signs = {"/": "/", "-": "\N{MINUS SIGN}"}
    parts = [signs.get(part) or study.conditions[part].label for part in names.split(" ")]
    return " ".join(parts)


def summary_text(row, n_seeds):
    """Return a row of the summary as one line."""
    text = digits(row.mean)
    if not np.isnan(row.ci_low):
        text += f" [{digits(row.ci_low)}, {digits(row.ci_high)}]"
    notes = [f"{row.n} of {counted(n_seeds, 'seed')}"] if row.n < n_seeds else []
    notes += [f"{row.n_diverged} diverged"] if row.n_diverged else []
    notes += [f"{row.n_unconverged} not converged"] if row.n_unconverged else []
    if pd.notna(row.n_levels):
        n_levels = int(row.n_levels)
        notes.append(counted(n_levels, "loss", "losses") if n_levels else "no common loss")
    return text + (f" ({', '.join(notes)})" if notes else "")


def configuration_page(study):
    """Return the page of the configuration: every key, its value, unit and meaning."""
    rows = list(configuration_rows(as_mapping(study), SCHEMA, ""))
    table = pd.DataFrame(rows, columns=["key", "value", "unit", "meaning"]).set_index("key")
    return page("Configuration", [as_html(table)])


def configuration_rows(value, schema, path):
    """Yield (key, value, unit, meaning) for every leaf of the configuration."""
    schema = schema_of(schema, value)
    if value in ([], {}):
        yield path, "none", "", schema.get("description", "")
        return
    if isinstance(value, list) and isinstance(value[0], dict):
        for place, part in enumerate(value):
            yield from configuration_rows(part, schema["items"], f"{path}.{place}")
        return
    if not isinstance(value, dict):
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        unit = schema.get("unit", "-")
        yield path, text, "" if unit in ("1", "-") else unit, schema.get("description", "")
        return
    for key, part in value.items():
        of_key = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
        yield from configuration_rows(part, of_key or {}, f"{path}.{key}".lstrip("."))


def run_page(metadata, study):
    """Return the page of what the runs cost and what they ran on."""
    labels = {name: condition.label for name, condition in study.conditions.items()}
    runs = metadata["runs"]
    medians = metadata["medians"]
    costs = [costs_of(one, f"{labels[one['condition']]}, seed {one['seed']}") for one in runs]
    costs += [costs_of(medians[name], f"{labels[name]}, median") for name in study.conditions]
    totals = metadata["totals"]
    work = f"{duration(totals['training_wall_seconds'])} of training"
    if has_hessian(metadata):
        work += (
            f" and {duration(totals['hessian_wall_seconds'])} of Hessians "
            f"({totals['products']} Hessian-vector products)"
        )
    if "dynamics_wall_seconds" in totals:
        work += f" and {duration(totals['dynamics_wall_seconds'])} of the rules' dynamics"
    body = [
        f"<p>{counted(totals['runs'], 'run')}, in sum {work}. Runs can share a machine and run "
        "side by side: these are sums of wall time, not the time that the study took.</p>",
        *[f"<p>{html.escape(line)}.</p>" for line in metadata.get("warnings", [])],
        as_html(pd.DataFrame(costs).set_index("run").fillna("")),
        "<h2>Environments</h2>",
        as_html(environments(metadata, labels)),
    ]
    return page("Runs", body)


def has_hessian(metadata):
    """Tell whether something was computed of the Hessian in the study of a metadata.json."""
    return bool(metadata["study"]["hessian"])


def costs_of(entry, name):
    """Return a row of the table of costs."""
    row = {
        "run": name,
        "training": duration(entry["training_wall_seconds"]),
        "ms per iteration": milliseconds(entry["ms_per_iteration"]),
    }
    if "hessian_wall_seconds" in entry:
        row["hessian"] = duration(entry["hessian_wall_seconds"])
        row["ms per product"] = milliseconds(entry["seconds_per_product"], 1000)
        row["products per checkpoint"] = digits(entry["products_per_checkpoint"])
    if entry.get("dynamics_wall_seconds") is not None:
        row["dynamics"] = duration(entry["dynamics_wall_seconds"])
    return row


def milliseconds(value, factor=1):
    """Return a time in ms; nothing where a job found its work done already, and measured none."""
    return "" if value is None else digits(factor * value)


def environments(metadata, labels):
    """Return a table of the different environments, one row each, headed by what ran in it."""
    used = {}
    for one in metadata["runs"]:
        stages = {"training": one["training_environment"]}
        for kind in REGISTRIES:
            for entry, environment in one.get(f"{kind}_environments", {}).items():
                stages[f"{kind} {entry}"] = environment
        for stage, environment in stages.items():
            name = f"{labels[one['condition']]} {one['seed']}"
            used.setdefault((stage, tuple(sorted(environment.items()))), []).append(name)
    rows = [
        {"used for": f"{stage}: {', '.join(names)}", **dict(environment)}
        for (stage, environment), names in used.items()
    ]
    rows.append({"used for": "aggregation", **metadata["aggregation_environment"]})
    return pd.DataFrame(rows, dtype=object).fillna("").set_index("used for")


def digits(value):
    """Return a number with three significant digits and a true minus: -0.1296 -> "-0.130"."""
    if np.isnan(value):
        return "none"
    text = f"{value:.2e}" if value else "0"
    if 1e-4 <= abs(value) < 1e6:
        text = format(Decimal(text), "f")
    return text.replace("-", "\N{MINUS SIGN}")


def duration(seconds):
    """Return a time in the largest unit that fits: 5400 -> "1.5 h"."""
    for size, unit in [(3600, "h"), (60, "min")]:
        if seconds >= size:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds)} s"


def counted(number, noun, nouns=None):
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"


def as_html(table):
    """Return a data frame as an html table whose first column is its index."""
    header = [table.index.name, *table.columns]
    lines = ["<table>", "<thead><tr>", *(cell("th", name) for name in header), "</tr></thead>"]
    lines.append("<tbody>")
    for name, values in zip(table.index, table.itertuples(index=False), strict=True):
        lines += ["<tr>", cell("th", name), *(cell("td", value) for value in values), "</tr>"]
    return "\n".join([*lines, "</tbody>", "</table>"])


def cell(tag, value):
    kind = ' class="text"' if len(str(value)) > LONG_TEXT else ""
    return f"<{tag}{kind}>{html.escape(str(value))}</{tag}>"


def page(title, body):
    return PAGE.format(title=title, body="\n".join(body))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="configuration of the study")
    parser.add_argument("--summary", required=True, help="summary.csv of the study")
    parser.add_argument("--metadata", required=True, help="metadata.json of the study")
    parser.add_argument("--output", required=True, help="folder of the pages and the table")
    arguments = parser.parse_args()

    study = read_study(arguments.config)
    metadata = read_record(arguments.metadata)
    summary = read_recorded_table(arguments.summary, SUMMARY, metadata)
    if metadata.get("study") != as_mapping(study):
        raise ResultError(
            f"{arguments.metadata}: of another configuration than {arguments.config}; run "
            "scripts/aggregate.py again"
        )
    pages = {
        "summary": summary_page(summary, study),
        "configuration": configuration_page(study),
        "run": run_page(metadata, study),
    }
    for name, text in pages.items():
        with atomic_write(os.path.join(arguments.output, f"{name}.html")) as stream:
            stream.write(text.encode())
    table = headline(summary, study).reset_index()
    write_table(os.path.join(arguments.output, "headline.csv"), table, missing="")


if __name__ == "__main__":
    run(main)
