"""Write the tables of the report: as html pages summary, configuration and run, and headline.csv.

The latter, the study in a few numbers, is on the first page of the report, and is printed when the
workflow is done.
"""

import argparse
import os

import pandas as pd

from lib.estimates import LEAST_SEEDS
from lib.pages import counted, digits, duration, html_page, label_of, options, summary_text
from lib.program import run
from lib.summary import comparisons_of, quantities_of
from lib.tables import read_recorded_table, write_table
from lsnn.curvature.quantities import REGISTRIES
from lsnn.errors import ResultError
from lsnn.storage.files import atomic_write, read_record
from lsnn.study.columns import SUMMARY
from lsnn.study.config import SCHEMA, Study, as_mapping, read_study
from lsnn.study.outputs import compared_columns, gap_columns, headline_columns


def summary_page(summary: pd.DataFrame, study: Study) -> str:
    """Return the page of summary.csv: one column per condition, then the ratios."""
    unconverged = ", and how many of the eigenvalues had not converged" if study.hessian else ""
    words = (
        "Mean over seeds, geometric where the axis is logarithmic; in brackets its "
        f"95 % t interval, if there are {LEAST_SEEDS} seeds. Each condition has "
        f"{counted(len(study.seeds), 'seed')}; a cell says where fewer went into a number, how "
        f"many diverged{unconverged}."
    )
    parts = [("p", words), ("table", table_of(summary, quantities_of(study), study))]
    for comparison in comparisons_of(study):
        names = [quantity.name for quantity in comparison.quantities]
        if summary["quantity"].isin(names).any():
            parts.append(("h2", comparison.title))
            if comparison.has_levels:
                words = (
                    "Paired by seed; mean over seeds, geometric for ratios, in brackets its "
                    "95 % t interval. At equal loss a cell says over how many training losses, "
                    "which every run brackets by two checkpoints after the initial state."
                )
                parts.append(("p", words))
            parts.append(("table", table_of(summary, comparison.quantities, study)))
    return html_page("Summary", parts)


def table_of(summary, quantities, study):
    """Return the rows of some quantities as a data frame with one column per condition."""
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
    return table.loc[cells["quantity"].unique(), cells["condition"].unique()]


def headline(summary, study):
    """Return the final states in a few numbers as a data frame: one row per condition."""
    texts = {
        (row.quantity, row.condition): summary_text(row, len(study.seeds))
        for row in summary.itertuples()
    }
    labels = {name: condition.label for name, condition in study.conditions.items()}
    gaps, compared = gap_columns(study).values(), compared_columns(study)
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


def configuration_page(study: Study) -> str:
    """Return the page of the configuration: every key, its value, unit and meaning."""
    rows = []
    for path, option, value in options(SCHEMA, as_mapping(study)):
        texts = value if isinstance(value, list) else [value]
        if value in ([], {}):
            texts = ["none"]
        elif isinstance(texts[0], dict):
            continue  # what it holds has rows of its own
        unit = option.get("unit", "-").replace("-", "1")
        meaning = option.get("description", "")
        rows.append([path, ", ".join(map(str, texts)), "" if unit == "1" else unit, meaning])
    table = pd.DataFrame(rows, columns=["key", "value", "unit", "meaning"]).set_index("key")
    return html_page("Configuration", [("table", table)])


def run_page(metadata: dict, study: Study) -> str:
    """Return the page of what the runs cost and what they ran on."""
    labels = {name: condition.label for name, condition in study.conditions.items()}
    runs = metadata["runs"]
    medians = metadata["medians"]
    costs = [
        costs_of(entry, f"{labels[entry['condition']]}, seed {entry['seed']}") for entry in runs
    ]
    costs += [costs_of(medians[name], f"{labels[name]}, median") for name in study.conditions]
    totals = metadata["totals"]
    work = f"{duration(totals['training_wall_seconds'])} of training"
    if metadata["study"]["hessian"]:
        work += (
            f" and {duration(totals['hessian_wall_seconds'])} of Hessians "
            f"({totals['products']} Hessian-vector products)"
        )
    if "dynamics_wall_seconds" in totals:
        work += f" and {duration(totals['dynamics_wall_seconds'])} of the rules' dynamics"
    words = (
        f"{counted(totals['runs'], 'run')}, in sum {work}. Runs can share a machine and run "
        "side by side: these are sums of wall time, not the time that the study took."
    )
    parts = [
        ("p", words),
        *(("p", f"{line}.") for line in metadata.get("warnings", [])),
        ("table", pd.DataFrame(costs).set_index("run").fillna("")),
        ("h2", "Environments"),
        ("table", environments(metadata, labels)),
    ]
    return html_page("Runs", parts)


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
    for entry in metadata["runs"]:
        stages = {"training": entry["training_environment"]}
        for kind in REGISTRIES:
            for measured, environment in entry.get(f"{kind}_environments", {}).items():
                stages[f"{kind} {measured}"] = environment
        for stage, environment in stages.items():
            name = f"{labels[entry['condition']]} {entry['seed']}"
            used.setdefault((stage, tuple(sorted(environment.items()))), []).append(name)
    rows = [
        {"used for": f"{stage}: {', '.join(names)}", **dict(environment)}
        for (stage, environment), names in used.items()
    ]
    rows.append({"used for": "aggregation", **metadata["aggregation_environment"]})
    return pd.DataFrame(rows, dtype=object).fillna("").set_index("used for")


def main() -> None:
    """Do what the command line asks for."""
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
