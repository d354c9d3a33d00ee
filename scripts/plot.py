"""Draw the figures of a study, each as svg, pdf and png, and write its caption beside it (rst).

Thin lines are runs; thick lines and bands are the mean over seeds and its 95 % t interval, computed
as in summary.csv: on a logarithmic axis the mean is geometric, and for fewer than 3 runs there is
no band. A run that stopped early keeps its weights: in means its last value is carried forward. A
cross marks an eigenvalue that did not converge. A ring marks the end of a run that failed, which
is left out of means; axes are those of the other runs.
"""

import argparse

from lib.figures.registry import caption, draw
from lib.figures.results import read_results
from lib.figures.style import save, use_style
from lib.program import run
from lsnn.errors import ConfigError
from lsnn.study.outputs import figures_of


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--study", required=True, metavar="FOLDER",
        help="results of a study: config.yaml, trajectories.csv and, where there are any, "
        "spectra.npz, examples.npz and trials/",
    )  # fmt: skip
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder of the figures")
    parser.add_argument("--figure", metavar="NAME", help="the figure to draw (default: all)")
    arguments = parser.parse_args()

    results = read_results(arguments.study)
    figures = {figure.name: figure for figure in figures_of(results.study)}
    names = [arguments.figure] if arguments.figure else list(figures)
    if names[0] not in figures:
        raise ConfigError(
            f"--figure {names[0]}: study {results.study.name} has no such figure; it has: "
            f"{', '.join(figures)}"
        )
    use_style()
    for name in names:
        page = draw(results, figures[name])
        if page is None:
            print(f"no figure {name}: {arguments.study} lacks what it shows")
        else:
            save(page, arguments.output, name, caption(results.study, figures[name]))


if __name__ == "__main__":
    run(main)
