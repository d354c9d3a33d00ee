"""Put the figures of both TensorFlows in one table, as files and on the screen.

Writes results.md, results.csv and comparisons.csv.
"""

import argparse
import json
import os
import re
from pathlib import Path

import pandas as pd


def text(number: float) -> str:
    """Return a number with three significant digits."""
    return f"{float(f'{number:.3g}'):.6g}"


def document(results: list[dict], figures: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Return the whole text of results.md."""
    processors = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    heads = [
        f"- TensorFlow {result['tensorflow']}: {result['seconds']:.0f} s; load average "
        f"{result['load'][0]:.1f} before, {result['load'][1]:.1f} after (this benchmark itself "
        f"makes 1.0); runs followed: {', '.join(result['runs'])}"
        for result in results
    ]
    numbers = figures[["median", "lower", "upper"]].map(text)
    cells = numbers["median"] + " (" + numbers["lower"] + " to " + numbers["upper"] + ")"
    by_version = figures.assign(cells=cells, tensorflow="TensorFlow " + figures["tensorflow"])
    table = by_version.set_index(["figure", "unit", "tensorflow"])["cells"].unstack(sort=False)
    errors = comparisons.filter(like="error").map("{:.0e}".format)
    shown = comparisons.select_dtypes("float").map(text)
    return "\n".join(
        [
            "# Speed\n",
            "Written by `make bench`; README.md explains every line. One thread; median "
            "(quartiles).\n",
            f"{os.cpu_count()} x {processors[0] if processors else 'unknown processor'}\n",
            *heads,
            "",
            table.reset_index().to_markdown(index=False, disable_numparse=True),
            "\n## Against the published method\n",
            comparisons.assign(**{**shown, **errors}).to_markdown(
                index=False, disable_numparse=True
            ),
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
    for kind, name in {"figures": "results.csv", "comparisons": "comparisons.csv"}.items():
        parts = {result["tensorflow"]: pd.DataFrame(result[kind]) for result in results}
        tables[kind] = pd.concat(parts, names=["tensorflow"]).reset_index("tensorflow")
        tables[kind].to_csv(arguments.output / name, index=False)
    page = document(results, **tables)
    (arguments.output / "results.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
