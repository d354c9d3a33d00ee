"""How figures look, and how they are written: alike everywhere, whatever a user's settings are.

Imported before matplotlib, which would take its backend from the user's environment.
"""

import io
import os

os.environ["MPLBACKEND"] = "agg"

import matplotlib
import seaborn as sns

from lsnn.errors import ResultError
from lsnn.files import atomic_write

STYLE = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # text that can be edited
    "svg.fonttype": "path",  # the same look where the font is missing
    "svg.hashsalt": "lsnn",  # the same file for the same data
}
# Without a date, the same data give the same file.
METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def use_style():
    """Draw from now on in the style of this project, and with no setting of a matplotlibrc."""
    matplotlib.rcdefaults()
    sns.set_theme(context="paper", style="ticks", rc=STYLE)


def save(figure, folder, name):
    """Write a figure as svg, pdf and png (300 dpi).

    Raises:
        ResultError: the name is that of no file in the folder.
    """
    if name != os.path.basename(name):
        raise ResultError(
            f"{name}: no name of a figure; what it was made from is not this project's"
        )
    for suffix, metadata in METADATA.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=300, metadata=metadata)
        with atomic_write(os.path.join(folder, f"{name}.{suffix}")) as stream:
            stream.write(buffer.getvalue())
