"""Draw the card of a learning rule: its numbers beside those of the reference rules.

Writes profile.csv, and the card as svg, pdf and png, with its caption (rst) beside it.
"""

import argparse
import os

from lib import profile
from lib.figures.card import draw_card
from lib.figures.registry import CAPTIONS
from lib.figures.style import save, use_style
from lib.program import run
from lib.tables import write_table


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", metavar="NAME", help="the profile's")
    parser.add_argument(
        "--tasks", nargs="+", choices=profile.TASKS, default=profile.TASKS, help="default: all"
    )
    parser.add_argument("--results", required=True, help="folder of the studies' folders")
    parser.add_argument("--output", required=True, help="folder of the card")
    arguments = parser.parse_args()

    found = profile.read_profile(arguments.name, arguments.tasks, arguments.results)
    table = profile.compared(found)
    write_table(os.path.join(arguments.output, "profile.csv"), table, digits=12)
    use_style()
    save(draw_card(found, table), arguments.output, "card", CAPTIONS.card(found))


if __name__ == "__main__":
    run(main)
