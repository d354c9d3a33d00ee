"""Write the tables of the report: as html pages summary, configuration and run, and headline.csv.

The latter, the study in a few numbers, is on the first page of the report, and is printed when the
workflow is done.
"""

import argparse
import os
from typing import Any

import pandas as pd

from lib.pages import digits, duration, label_of, options, summary_text, with_symbols, write_page
from lib.program import run
from lib.summary import Quantity, comparisons_of, quantities_of
from lib.tables import read_recorded_table, write_table
from lsnn.curvature.quantities import REGISTRIES
from lsnn.errors import ResultError
from lsnn.storage.files import read_record
from lsnn.study.columns import SUMMARY
from lsnn.study.config import SCHEMA, Study, as_mapping, read_study
from lsnn.study.outputs import compared_columns, gap_columns, headline_columns


def summary_tables(summary: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Return what the page of summary.csv shows: one column per condition, then the ratios."""
    texts = texts_of(summary, study)
    comparisons = [
        (comparison, table_of(texts, comparison.quantities, study))
        for comparison in comparisons_of(study)
    ]
    quantities = table_of(texts, quantities_of(study), study)
    return {"quantities": quantities, "comparisons": comparisons, "study": study}


def texts_of(summary: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return summary.csv as texts: a row per quantity, a column per condition or two of them."""
    texts = [summary_text(row, len(study.seeds)) for row in summary.itertuples()]
    cells = summary.assign(text=texts).pivot(index="quantity", columns="condition", values="text")
    return cells[summary["condition"].unique()]


def table_of(texts: pd.DataFrame, quantities: list[Quantity], study: Study) -> pd.DataFrame:
    """Return the rows of some quantities, with the columns that they have, by their labels."""
    labels = {quantity.name: quantity.label for quantity in quantities}
    rows = texts.loc[[name for name in labels if name in texts.index]]
    rows = rows.dropna(axis="columns", how="all").fillna("")
    return rows.rename(index=labels, columns=lambda names: label_of(names, study)).reset_index()


def headline(summary: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the final states in a few numbers: one row per condition."""
    texts = texts_of(summary, study).fillna("")

    def cells(quantity: str, conditions: list[str]) -> list[str]:
        return texts.reindex(index=[quantity], columns=conditions, fill_value="").to_numpy()[0]

    labels = {name: condition.label for name, condition in study.conditions.items()}
    table = pd.DataFrame({"condition": labels.values()})
    for column in headline_columns(study):
        is_gap = column in gap_columns(study).values()
        title = f"gap, {column.axis}" if is_gap else column.axis
        table[with_symbols(title)] = cells(f"{column.name}_final", list(labels))
        if column in compared_columns(study) and len(labels) > 1:
            pairs = [f"{name} / {of.baseline}" for name, of in study.conditions.items()]
            baselines = {of.baseline for of in study.conditions.values()}
            ratio = f"ratio to {labels[study.baseline] if len(baselines) == 1 else 'its baseline'}"
            table[ratio] = cells(f"{column.name}_ratio_final", pairs)
            at_loss = f"{ratio} at equal training loss"
            table[at_loss] = cells(f"{column.name}_ratio_common_loss", pairs)
    return table


def configuration(study: Study) -> pd.DataFrame:
    """Return every key of the configuration with its value, unit and meaning."""
    rows = []
    for path, option, value in options(SCHEMA, as_mapping(study)):
        values = value if isinstance(value, list) else [value]
        if value in ([], {}):
            values = ["none"]
        elif isinstance(values[0], dict):
            continue  # what it holds has rows of its own
        unit = option.get("unit", "-").replace("-", "1")
        meaning = option.get("description", "")
        rows.append([path, ", ".join(map(str, values)), "" if unit == "1" else unit, meaning])
    return pd.DataFrame(rows, columns=["key", "value", "unit", "meaning"])


def costs(metadata: dict[str, Any], labels: dict[str, str]) -> pd.DataFrame:
    """Return what each run cost, and the medians of each condition."""
    rows = [
        costs_of(entry, f"{labels[entry['condition']]}, seed {entry['seed']}")
        for entry in metadata["runs"]
    ]
    medians = metadata["medians"]
    rows += [costs_of(medians[name], f"{label}, median") for name, label in labels.items()]
    return pd.DataFrame(rows).fillna("")


def costs_of(entry: dict[str, Any], name: str) -> dict[str, str]:
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


def milliseconds(value: float | None, factor: int = 1) -> str:
    """Return a time in ms; nothing where a job found its work done already, and measured none."""
    return "" if value is None else digits(factor * value)


def environments(metadata: dict[str, Any], labels: dict[str, str]) -> pd.DataFrame:
    """Return the different environments, a row each, headed by what ran in it."""
    rows = []
    for entry in metadata["runs"]:
        run = f"{labels[entry['condition']]} {entry['seed']}"
        rows.append({"stage": "training", "run": run, **entry["training_environment"]})
        for kind in REGISTRIES:
            for name, environment in entry.get(f"{kind}_environments", {}).items():
                rows.append({"stage": f"{kind} {name}", "run": run, **environment})
    runs = pd.DataFrame(rows, dtype=object).fillna("")
    used = runs.groupby(list(runs.columns.drop("run")), sort=False)["run"].agg(", ".join)
    table = used.reset_index()
    table.insert(0, "used for", table.pop("stage") + ": " + table.pop("run"))
    aggregation = {"used for": "aggregation", **metadata["aggregation_environment"]}
    return pd.DataFrame([*table.to_dict("records"), aggregation], dtype=object).fillna("")


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="configuration of the study")
    parser.add_argument("--summary", required=True, help="summary.csv of the study")
    parser.add_argument("--metadata", required=True, help="metadata.json of the study")
    parser.add_argument("--output", required=True, help="folder of the pages and the table")
    arguments = parser.parse_args()

    study, folder = read_study(arguments.config), arguments.output
    metadata = read_record(arguments.metadata)
    summary = read_recorded_table(arguments.summary, SUMMARY, metadata)
    if metadata.get("study") != as_mapping(study):
        raise ResultError(
            f"{arguments.metadata}: of another configuration than {arguments.config}; run "
            "scripts/aggregate.py again"
        )
    labels = {name: condition.label for name, condition in study.conditions.items()}
    write_page(folder, "summary.html", **summary_tables(summary, study))
    write_page(folder, "configuration.html", keys=configuration(study))
    tables = {"costs": costs(metadata, labels), "environments": environments(metadata, labels)}
    write_page(folder, "run.html", metadata=metadata, **tables)
    write_table(os.path.join(folder, "headline.csv"), headline(summary, study))


if __name__ == "__main__":
    run(main)
