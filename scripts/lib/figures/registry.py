"""Every kind of figure that a study can have.

A kind KIND is a function ``draw_KIND(results, figure)`` of one of :data:`MODULES`, which returns
the figure drawn, or None where what it shows is not there, and a macro ``KIND(study, figure)`` of
captions.rst.jinja, its caption. Which figures a study has, ``lsnn.study.outputs.figures_of`` says.
"""

from typing import Any

from matplotlib.figure import Figure as Page

from lib.figures import against_loss, along_training, density, recordings, slices, stability, sweep
from lib.figures.panels import changing_thresholds, thresholds
from lib.figures.results import Results
from lib.pages import TEMPLATES
from lsnn.study.columns import in_words
from lsnn.study.config import Study
from lsnn.study.outputs import Figure
from lsnn.study.settings import sweeps_of
from lsnn.update.settings import split_of

MODULES = (along_training, against_loss, sweep, density, stability, slices, recordings)
_TEMPLATE = TEMPLATES.get_template("captions.rst.jinja")
CAPTIONS: Any = _TEMPLATE.make_module(
    {
        "thresholds": thresholds,
        "changing_thresholds": changing_thresholds,
        "sweeps_of": sweeps_of,
        "in_words": in_words,
        "split_of": split_of,
    }
)


def draw(results: Results, figure: Figure) -> Page | None:
    """Return a figure of a study drawn; None where what it shows is not there."""
    is_of_column = figure.column and figure.kind != "sweep"
    if is_of_column and figure.column.name not in results.trajectories:
        return None
    name = f"draw_{figure.kind}"
    module = next(module for module in MODULES if hasattr(module, name))
    return getattr(module, name)(results, figure)


def caption(study: Study, figure: Figure) -> str:
    """Return the caption of a figure of a study, reStructuredText."""
    return getattr(CAPTIONS, figure.kind)(study, figure)
