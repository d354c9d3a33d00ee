"""Profile a learning rule: run it on some tasks beside the reference rules, and draw its card.

First at several learning rates, on seeds that decide nothing else; then, at the one at which it
learns best, on fresh seeds, with the Hessian and the rule's own update. Snakemake runs both;
started again, this goes on. What it asks of Snakemake, and the card, are in results/profile/NAME/.
"""

import argparse
import os
import re
import subprocess
import sys

from lib import profile
from lib.program import run
from lsnn.errors import LsnnError
from lsnn.study.config import command_line_values

RESULTS = "results"
DRY_RUN = re.compile(r"-[a-z]*n[a-z]*|--dry-?run")  # also -np


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        allow_abbrev=False,
        usage="%(prog)s NAME [--rule RULE] [--tasks TASK ...] [options of Snakemake]",
        epilog="Options of Snakemake, such as -n or --cores 10, hold for both.",
    )
    parser.add_argument("name", metavar="NAME", help="of the profile, and of its folder")
    parser.add_argument(
        "--rule",
        help="the learning rule as a study has it, rflo or {name: rflo, feedback_scale: 2} "
        "(default: the one that is called NAME)",
    )
    parser.add_argument(
        "--tasks", nargs="+", choices=profile.TASKS, default=profile.TASKS, help="default: all"
    )
    arguments, options = parser.parse_known_args()
    name, is_planned = arguments.name, any(map(DRY_RUN.fullmatch, options))
    rule = command_line_values([f"rule={arguments.rule or name}"])["rule"]
    folder = os.path.join(RESULTS, "profile", name)
    rates = {task: profile.study_of_rates(name, rule, task) for task in arguments.tasks}
    suite = profile.write_suite(folder, "rates", rates)
    snakemake(suite, options, *(f"{RESULTS}/{of['name']}/summary.csv" for of in rates.values()))

    confirmed = {}
    for task, values in rates.items():
        tables = os.path.join(RESULTS, values["name"], "metadata.json")
        if is_planned and not os.path.exists(tables):
            choice = profile.middle_rate(values)
        else:
            choice = profile.chosen_rate(name, task, RESULTS)
        print(f"{task}: {name} {choice.words}", flush=True)
        if choice.condition:
            confirmed[task] = profile.study_to_confirm(name, choice, task)
    if not confirmed:
        raise LsnnError(f"{name}: learns none of these tasks; there is nothing to compare")
    about = {"name": name, "tasks": list(rates)}
    suite = profile.write_suite(folder, "confirm", confirmed, profile=about)
    snakemake(suite, options)
    if not is_planned:
        snakemake(suite, ["--report", f"{folder}/report.html"])
        print(
            f"card: {folder}/card.pdf; numbers: {folder}/profile.csv; report: {folder}/report.html"
        )


def snakemake(suite: str, options: list[str], *targets: str) -> None:
    """Run a suite; where it fails, this program ends as it does."""
    command = [sys.executable, "-I", "-m", "snakemake", *targets, "--configfile", suite, *options]
    status = subprocess.run(command).returncode
    if status:
        sys.exit(status)


if __name__ == "__main__":
    run(main)
