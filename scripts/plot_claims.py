"""Draw claims.csv and points.csv: the answer, an overview, and a figure of each main claim.

Each is written as svg, pdf and png, with its caption (rst) beside it.
"""

import argparse

from lib.claims import figures_of_claims, read_claims, read_decided, studies_of
from lib.figures.claims import draw_answer, draw_claim, draw_overview
from lib.figures.registry import CAPTIONS
from lib.figures.style import save, use_style
from lib.program import run


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", required=True, metavar="FILE", help="claims (YAML)")
    parser.add_argument("--decided", required=True, help="folder of claims.csv and points.csv")
    parser.add_argument(
        "--studies", nargs="+", required=True, metavar="FOLDER", help="folders of studies' results"
    )
    parser.add_argument("--output", required=True, help="folder of the figures")
    arguments = parser.parse_args()

    claims = read_claims(arguments.claims)
    table, points, _ = read_decided(arguments.decided, arguments.claims)
    studies = studies_of(arguments.studies, points)
    use_style()
    if "answer" in figures_of_claims(claims):
        page = draw_answer(claims, table, points, studies)
        save(page, arguments.output, "answer", CAPTIONS.answer())
    save(draw_overview(claims, table), arguments.output, "overview", CAPTIONS.all_claims())
    for name, claim in claims.items():
        if claim.main:
            page = draw_claim(claim, table, points[points["claim"] == name], studies)
            save(page, arguments.output, name, CAPTIONS.claim(claim))


if __name__ == "__main__":
    run(main)
