"""Every kind of figure that a study can have, and the module that draws it.

For a kind KIND the module has a function ``draw_KIND(results, figure)``, which returns the figure
drawn, or None where what it shows is not there; captions.rst.jinja has a macro ``KIND(study,
figure)``, its caption. Which figures a study has, ``lsnn.study.outputs.figures_of`` says.
"""

from typing import Any

from matplotlib.figure import Figure as Page

from lib.figures import against_loss, along_training, density, recordings, stability, sweep
from lib.figures.panels import thresholds
from lib.figures.results import Results
from lib.pages import TEMPLATES
from lsnn.study.config import Study
from lsnn.study.outputs import Figure

MODULES = {
    "learning_curves": along_training,
    "along_training": along_training,
    "against_loss": against_loss,
    "gaps": against_loss,
    "gap_against": against_loss,
    "sweep": sweep,
    "density": density,
    "density_lines": density,
    "stability": stability,
    "examples": recordings,
    "raster": recordings,
}
_TEMPLATE = TEMPLATES.get_template("captions.rst.jinja")
CAPTIONS: Any = _TEMPLATE.make_module({"thresholds": thresholds})


def draw(results: Results, figure: Figure) -> Page | None:
    """Return a figure of a study drawn; None where what it shows is not there."""
    if figure.column and figure.kind != "sweep" and figure.column.name not in results.trajectories:
        return None
    return getattr(MODULES[figure.kind], f"draw_{figure.kind}")(results, figure)


def caption(study: Study, figure: Figure) -> str:
    """Return the caption of a figure of a study, reStructuredText."""
    return getattr(CAPTIONS, figure.kind)(study, figure)
