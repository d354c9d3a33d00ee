"""Measure what Snakemake itself costs at 10, 100 and 1,000 runs.

A copy of the workflow, in a temporary folder, has jobs that only `touch` their outputs. Prints and
writes as a table: the jobs; seconds of a dry run before them, of all of them, and of a dry run when
all is done; and the milliseconds a job, which is the second less the first, over the jobs.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
SHELL = re.compile(r"^( +)shell:\n(?:\1 +.*\n)+", re.MULTILINE)  # the directive, what is under it


def copy_workflow(folder: Path) -> None:
    """Make a copy of the workflow whose jobs do nothing but `touch`."""
    for name in ("workflow", "scripts", "lsnn", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name)
    shutil.copy(REPOSITORY / "config.yaml", folder)
    for rules in (folder / "workflow" / "rules").glob("*.smk"):
        text = SHELL.sub(r'\1shell:\n\1    "touch {output} {log}"\n', rules.read_text())
        rules.write_text(text)
    snakefile = folder / "workflow" / "Snakefile"  # its last part reads what was really computed
    snakefile.write_text(snakefile.read_text().partition("onsuccess:")[0])


def snakemake(folder: Path, runs: int, *options: str) -> tuple[float, str]:
    """Run the copy for so many runs; return its seconds and what it printed."""
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--config"]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, f"seeds={runs // 2}", *options], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"snakemake failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started, done.stdout + done.stderr


def measure(runs: int) -> dict[str, float]:
    """Return the columns of one number of runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_workflow(folder)
        dry, printed = snakemake(folder, runs, "--dry-run", "--quiet", "rules")
        (jobs,) = map(int, re.findall(r"^\W*total\W+(\d+)", printed, re.MULTILINE))
        real, _ = snakemake(folder, runs)
        done, _ = snakemake(folder, runs, "--dry-run", "--quiet", "rules")
    seconds = {"dry_run_seconds": dry, "run_seconds": real, "done_seconds": done}
    return {"runs": runs, "jobs": jobs, **seconds, "ms_per_job": 1000.0 * (real - dry) / jobs}


def main() -> None:
    """Read the command line, measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, metavar="FILE", help="where the table goes")
    arguments = parser.parse_args()
    table = pd.DataFrame([measure(runs) for runs in (10, 100, 1000)])
    table.to_csv(arguments.output, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
