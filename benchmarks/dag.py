"""Measure what Snakemake itself costs at 10, 100 and 1,000 runs.

A copy of the workflow, in a temporary folder, has jobs that only `touch` their outputs. Prints and
writes as a table: the jobs; seconds of a dry run before them, of all of them, and of a dry run when
all is done; and the milliseconds a job, which is the second less the first, over the jobs.
"""

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SNAKEMAKE = Path(sys.executable).parent / "snakemake"

RUNS = (10, 100, 1000)
COLUMNS = ("runs", "jobs", "dry_run_seconds", "run_seconds", "done_seconds", "ms_per_job")
# A shell command: the directive, and the strings under it.
SHELL = re.compile(r'^( +)shell:\n(?:\1 +".*"\n)+', re.MULTILINE)


def copy_workflow(folder):
    """Make a copy of the workflow whose jobs do nothing but `touch`."""
    for name in ("workflow", "scripts", "lsnn", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name)
    shutil.copy(REPOSITORY / "config.yaml", folder)
    for rules in (folder / "workflow" / "rules").glob("*.smk"):
        text, n = SHELL.subn(r'\1shell:\n\1    "touch {output} {log}"\n', rules.read_text())
        assert n == rules.read_text().count("shell:"), f"{rules}: a command was not replaced"
        rules.write_text(text)
    snakefile = folder / "workflow" / "Snakefile"  # its last part reads what was really computed
    snakefile.write_text(snakefile.read_text().partition("onsuccess:")[0])


def snakemake(folder, runs, *options):
    """Run the copy for so many runs; return its seconds and what it printed."""
    command = [SNAKEMAKE, "--cores", str(os.cpu_count()), "--config", f"seeds={runs // 2}"]
    started = time.perf_counter()
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"snakemake failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started, done.stdout + done.stderr


def measure(runs):
    """Return the columns of one number of runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_workflow(folder)
        dry, printed = snakemake(folder, runs, "--dry-run", "--quiet", "rules")
        jobs = int(re.search(r"^\W*total\W+(\d+)", printed, re.MULTILINE).group(1))
        real, _ = snakemake(folder, runs)
        done, _ = snakemake(folder, runs, "--dry-run", "--quiet", "rules")
    ms = 1000.0 * (real - dry) / jobs
    return dict(zip(COLUMNS, (runs, jobs, dry, real, done, ms), strict=True))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="where the table goes")
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with open(arguments.output, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for runs in RUNS:
            row = measure(runs)
            writer.writerow(row)
            print(
                "{runs} runs, {jobs} jobs: dry run {dry_run_seconds:.1f} s, run {run_seconds:.1f} "
                "s, dry run when done {done_seconds:.1f} s, {ms_per_job:.0f} ms a job".format(
                    **row
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
