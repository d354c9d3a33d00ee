"""Put the figures of both TensorFlows in one table, as files and on the screen.

Writes results.md, results.csv and comparisons.csv.
"""

import argparse
import csv
import glob
import json
import os
import platform

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

LINES = [  # name of the figure, unit, digits, target with TensorFlow 2, and with 1.12
    ("bptt floor", "ms", 2, None, None),
    ("bptt iteration", "ms", 2, None, None),
    ("bptt batch", "ms", 2, None, None),
    ("bptt ratio", "x", 2, 1.5, 1.8),
    ("three_factor floor", "ms", 2, None, None),
    ("three_factor iteration", "ms", 2, None, None),
    ("three_factor ratio", "x", 2, 1.6, 1.8),
    ("rflo iteration", "ms", 2, None, None),
    ("rflo ratio", "x", 2, 1.7, 1.4),
    ("mdgl iteration", "ms", 2, None, None),
    ("mdgl ratio", "x", 2, 1.7, 1.4),
    ("truncated_bptt iteration", "ms", 2, None, None),
    ("truncated_bptt ratio", "x", 2, 1.7, 1.4),
    ("modprop iteration", "ms", 2, None, None),
    ("modprop ratio", "x", 2, 1.7, 1.4),
    ("step_length iteration", "ms", 2, None, None),
    ("step_length ratio", "x", 2, 1.7, 1.4),
    ("truncated_bptt with memory iteration", "ms", 2, None, None),
    ("truncated_bptt with memory ratio", "x", 2, None, None),
    ("pixel-wise floor", "s", 2, None, None),
    ("pixel-wise iteration", "s", 2, None, None),
    ("pixel-wise ratio", "x", 2, None, None),
    ("evaluation floor", "ms", 0, None, None),
    ("evaluation pass", "ms", 0, None, None),
    ("evaluation ratio", "x", 2, None, None),
    ("gradient", "ms", 2, None, None),
    ("product floor", "ms", 2, None, None),
    ("product", "ms", 2, None, None),
    ("product ratio", "x", 2, 1.15, 1.15),
    ("product to gradient", "x", 2, None, None),
    ("bptt both ends, products", "products", 0, 28, 28),
    ("bptt both ends", "s", 2, None, None),
    ("bptt largest, products", "products", 0, 8, 8),
    ("bptt largest", "s", 2, None, None),
    ("three_factor both ends, products", "products", 0, 28, 28),
    ("three_factor both ends", "s", 2, None, None),
    ("three_factor largest, products", "products", 0, 8, 8),
    ("three_factor largest", "s", 2, None, None),
    ("bptt density", "s", 2, 9, None),
    ("three_factor density", "s", 2, 9, None),
    ("bptt stability", "s", 2, 3, None),
    ("three_factor stability", "s", 2, 3, None),
    ("bptt gradients", "ms", 2, None, None),
    ("bptt alignment", "ms", 2, 10, None),
    ("three_factor gradients", "ms", 2, None, None),
    ("three_factor alignment", "ms", 2, 10, None),
    ("speedup", "x", 2, 2, 2),
    ("speedup_to_cap", "x", 1, None, None),
    ("training job start", "s", 1, None, None),
    ("curvature job start", "s", 1, None, None),
    ("training job memory", "MiB", 0, 1024, 1024),
    ("training job memory per checkpoint", "MiB", 1, None, None),
    ("curvature job memory", "MiB", 0, 1024, 1024),
    ("curvature job memory per checkpoint", "MiB", 1, None, None),
    ("study, cores: 1", "min", 1, None, None),
    ("study, cores: 2", "min", 1, None, None),
    ("study, cores: 10", "min", 1, None, None),
]
AT_LEAST = {"speedup"}  # the other targets are upper bounds
COMPARISON = (
    "learning_rule",
    "when",
    "iteration",
    "lambda_max",
    "seconds",
    "products",
    "error",
    "published_seconds",
    "published_products",
    "published_error",
    "speedup",
    "speedup_to_cap",
)


def read(path):
    """Return the figures of one TensorFlow."""
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def verdict(name, value, target):
    """Return the target in words, and whether a median meets it."""
    if target is None:
        return ""
    sign, met = ("≥", value >= target) if name in AT_LEAST else ("≤", value <= target)
    return f"{sign} {target}: {'met' if met else 'missed'}"


def figure_rows(results):
    """Return a mapping for every figure of every TensorFlow."""
    return [
        {
            "tensorflow": result["tensorflow"],
            "figure": name,
            "unit": unit,
            **{key: result["figures"][name][key] for key in ("median", "lower", "upper", "n")},
            "target": verdict(
                name, result["figures"][name]["median"], older if is_1(result) else newer
            ),
        }
        for result in results
        for name, unit, _, newer, older in LINES
    ]


def is_1(result):
    """Return whether the figures are those of TensorFlow 1."""
    return result["tensorflow"].startswith("1.")


def figure_table(results):
    """Return the lines of the table of figures, a column a TensorFlow."""
    versions = [f"TensorFlow {result['tensorflow']} | target" for result in results]
    lines = [f"| figure | unit | {' | '.join(versions)} |"]
    lines.append("|---|---|" + "---|---|" * len(results))
    for name, unit, digits, newer, older in LINES:
        cells = []
        for result in results:
            figure = result["figures"][name]
            text = f"{figure['median']:.{digits}f}"
            if figure["n"] > 1:
                text += f" ({figure['lower']:.{digits}f} to {figure['upper']:.{digits}f})"
            cells += [text, verdict(name, figure["median"], older if is_1(result) else newer)]
        lines.append(f"| {name} | {unit} | {' | '.join(cells)} |")
    return lines


def shares(figures):
    """Return where the time goes: {what: {part: share}}."""
    ms = {name: figure["median"] for name, figure in figures.items()}
    found = {}
    for rule in ("bptt", "three_factor"):
        found[f"{rule} iteration"] = {
            "unavoidable products": ms[f"{rule} floor"] / ms[f"{rule} iteration"],
            "assembly of the batch": ms[f"{rule} batch"] / ms[f"{rule} iteration"],
        }
    found["product"] = {"unavoidable products": ms["product floor"] / ms["product"]}
    for rule in ("bptt", "three_factor"):
        seconds = 1e-3 * ms["product"] * figures[f"{rule} both ends, products"]["mean"]
        share = seconds / figures[f"{rule} both ends"]["mean"]
        found[f"{rule} both ends"] = {"Hessian-vector products": share}
    return found


def share_table(results):
    """Return the lines of the table that says where the time goes, a column a TensorFlow."""
    of_results = [shares(result["figures"]) for result in results]
    versions = " | ".join(f"TensorFlow {result['tensorflow']}" for result in results)
    lines = [f"| of | part | {versions} |", "|---|---|" + "---|" * len(results)]
    for what, parts in of_results[0].items():
        for part in parts:
            cells = [f"{100 * found[what][part]:.0f} %" for found in of_results]
            lines.append(f"| {what} | {part} | {' | '.join(cells)} |")
        rest = [f"{100 * (1 - sum(found[what].values())):.0f} %" for found in of_results]
        lines.append(f"| {what} | the rest | {' | '.join(rest)} |")
    return lines


def comparison_table(result):
    """Return the lines of the table that compares this project's method with the published one."""
    lines = [
        "| rule | iteration | largest eigenvalue | time, s | products | rel. error "
        "| published: time, s | products | rel. error | times faster | than with all 500 steps |",
        "|---" * 11 + "|",
    ]
    for row in result["comparisons"]:
        lines.append(
            "| {learning_rule} | {iteration} ({when}) | {lambda_max:.1f} | {seconds:.2f} | "
            "{products} | {error:.0e} | {published_seconds:.2f} | {published_products} | "
            "{published_error:.0e} | {speedup:.2f} | {speedup_to_cap:.1f} |".format(**row)
        )
    return lines


def measured_study():
    """Return lines about the measured cost of the default study, as far as it is here."""
    lines = []
    for folder in ("sequential_mnist", "committed/sequential_mnist*"):
        for path in sorted(glob.glob(os.path.join(REPOSITORY, "results", folder, "metadata.json"))):
            record = read(path)
            if not record["study"]["hessian"]:
                continue
            totals = record["totals"]
            minutes = (totals["training_wall_seconds"] + totals["hessian_wall_seconds"]) / 60.0
            costs = "; ".join(
                f"{rule} {costs['ms_per_iteration']:.1f} ms an iteration, "
                f"{costs['products_per_checkpoint']:.0f} products a checkpoint of "
                f"{1000.0 * costs['seconds_per_product']:.1f} ms"
                for rule, costs in record["medians"].items()
            )
            lines.append(
                f"- {os.path.relpath(path, REPOSITORY)}, TensorFlow {record['study']['tensorflow']}"
                f": {minutes:.0f} minutes of work in all; medians: {costs}"
            )
    return lines


def processor():
    """Return the name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            names = [line.split(":")[1].strip() for line in stream if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or "unknown processor"


def document(results):
    """Return the whole text of results.md."""
    lines = [
        "# Speed",
        "",
        "Written by `make bench`; README.md explains every line. One thread; median (quartiles).",
        "",
        f"{os.cpu_count()} x {processor()}",
        "",
    ]
    for result in results:
        before, after = result["load"]
        lines.append(
            f"- TensorFlow {result['tensorflow']}: {result['seconds']:.0f} s; load average "
            f"{before:.1f} before, {after:.1f} after (this benchmark itself makes 1.0); "
            f"runs followed: {', '.join(result['runs'])}"
        )
    lines += ["", *figure_table(results)]
    lines += ["", "## Where the time goes", "", *share_table(results)]
    for result in results:
        heading = f"## Against the published method, TensorFlow {result['tensorflow']}"
        lines += ["", heading, "", *comparison_table(result)]
    studies = measured_study()
    if studies:
        lines += ["", "## Measured studies", "", *studies]
    return "\n".join(lines) + "\n"


def write_rows(path, columns, rows):
    """Write mappings as CSV."""
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="+", help="files that bench.py wrote")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where the tables go")
    arguments = parser.parse_args()
    results = [read(path) for path in arguments.figures]
    rows = figure_rows(results)
    write_rows(os.path.join(arguments.output, "results.csv"), list(rows[0]), rows)
    comparisons = [
        {"tensorflow": result["tensorflow"], **row}
        for result in results
        for row in result["comparisons"]
    ]
    columns = ("tensorflow", *COMPARISON)
    write_rows(os.path.join(arguments.output, "comparisons.csv"), columns, comparisons)
    text = document(results)
    with open(os.path.join(arguments.output, "results.md"), "w", encoding="utf-8") as stream:
        stream.write(text)
    print(text)


if __name__ == "__main__":
    main()
