"""Put the figures of both TensorFlows in one table, as files and on the screen.

Writes results.md, results.csv and comparisons.csv.
"""

import argparse
import json
import os
import re
from pathlib import Path

import pandas as pd

# Patterns of figures, and their targets with TensorFlow 2 and with 1.12: upper bounds, but for the
# speedup.
TARGETS = {
    "bptt ratio": (1.5, 1.8),
    "three_factor ratio": (1.6, 1.8),
    "(rflo|mdgl|truncated_bptt|modprop|step_length) ratio": (1.7, 1.4),
    "product ratio": (1.15, 1.15),
    ".* both ends, products": (28, 28),
    ".* largest, products": (8, 8),
    ".* density": (9, None),
    ".* stability": (3, None),
    "speedup": (2, 2),
}


def text(number: float) -> str:
    """Return a number with three significant digits."""
    return f"{float(f'{number:.3g}'):.6g}"


def verdict(row: pd.Series) -> str:
    """Return the target of a figure in words, and whether its median meets it."""
    for pattern, targets in TARGETS.items():
        target = targets[row["tensorflow"].startswith("1.")]
        if target and re.fullmatch(pattern, row["figure"]):
            at_least = row["figure"] == "speedup"
            met = row["median"] >= target if at_least else row["median"] <= target
            return f"{'≥' if at_least else '≤'} {target}: {'met' if met else 'missed'}"
    return ""


def document(results: list[dict], figures: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Return the whole text of results.md."""
    processors = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    heads = [
        f"- TensorFlow {result['tensorflow']}: {result['seconds']:.0f} s; load average "
        f"{result['load'][0]:.1f} before, {result['load'][1]:.1f} after (this benchmark itself "
        f"makes 1.0); runs followed: {', '.join(result['runs'])}"
        for result in results
    ]
    columns = {}
    for version, group in figures.groupby("tensorflow", sort=False):
        group = group.set_index(["figure", "unit"])
        spread = group["lower"].map(text) + " to " + group["upper"].map(text)
        columns[f"TensorFlow {version}"] = group["median"].map(text) + " (" + spread + ")"
        columns[f"target, {version}"] = group["target"]
    for name in comparisons.select_dtypes("float"):
        shown = "{:.0e}".format if name.endswith("error") else text
        comparisons = comparisons.assign(**{name: comparisons[name].map(shown)})
    return "\n".join(
        [
            "# Speed\n",
            "Written by `make bench`; README.md explains every line. One thread; median "
            "(quartiles).\n",
            f"{os.cpu_count()} x {processors[0] if processors else 'unknown processor'}\n",
            *heads,
            "",
            pd.DataFrame(columns).reset_index().to_markdown(index=False, disable_numparse=True),
            "\n## Against the published method\n",
            comparisons.to_markdown(index=False, disable_numparse=True),
            "",
        ]
    )


def main() -> None:
    """Read the command line, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="+", type=Path, help="files that bench.py wrote")
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")
    arguments = parser.parse_args()
    results = [json.loads(path.read_text()) for path in arguments.figures]
    tables = {}
    for kind in "figures", "comparisons":
        parts = {result["tensorflow"]: pd.DataFrame(result[kind]) for result in results}
        tables[kind] = pd.concat(parts, names=["tensorflow"]).reset_index("tensorflow")
    tables["figures"]["target"] = tables["figures"].apply(verdict, axis=1)
    tables["figures"].to_csv(arguments.output / "results.csv", index=False)
    tables["comparisons"].to_csv(arguments.output / "comparisons.csv", index=False)
    page = document(results, **tables)
    (arguments.output / "results.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
