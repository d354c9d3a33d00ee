"""How figures look, and how they are written: alike everywhere, whatever a user's settings are."""

import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.scale import SymmetricalLogScale
from matplotlib.ticker import (
    LogFormatterMathtext,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from numpy.typing import ArrayLike

from lib.pages import with_symbols, write_text
from lsnn.storage.files import atomic_write

# Widths in inches: one column of a journal, 89 mm, one and a half, 137 mm, and two, 183 mm.
COLUMN, COLUMN_AND_LEGEND, PAGE = 3.5, 5.4, 7.2

STYLE = matplotlib.rc_params_from_file(
    Path(__file__).with_suffix(".mplstyle"), use_default_template=False
)
BLUE, _, GREEN, RED, *_ = sns.color_palette("colorblind")
# Without a date, the same data give the same file.
METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def literal(text: str) -> str:
    """Return a text that is drawn letter by letter.

    To matplotlib $ is an end of a formula, and a legend leaves out what begins with _.
    """
    return re.sub(r"^_", " _", text).replace("$", r"\$")


def use_style() -> None:
    """Draw from now on in the style of this project, and with no setting of a matplotlibrc."""
    matplotlib.rcdefaults()
    sns.set_theme(context="paper", style="ticks", rc=STYLE)


def linear_width(values: ArrayLike) -> float:
    """Return the size up to which an axis is linear that shows values of both signs, and 0.

    It is a power of ten of which most values, other than 0, are well above.
    """
    sizes = np.abs(np.asarray(values, dtype=float))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return 10.0 ** np.floor(np.log10(np.quantile(sizes, 0.1))) if len(sizes) else 1.0


def make_logarithmic_both_ways(axis: XAxis | YAxis, width: float) -> None:
    """Make an axis logarithmic on either side of 0, and linear up to a size near it."""
    scale = SymmetricalLogScale(axis, linthresh=width, linscale=0.3)
    axis.axes.set(**{f"{axis.axis_name}scale": scale})
    axis.axes.autoscale_view()
    low, high = sorted(axis.get_view_interval())
    largest = max(abs(low), abs(high), width)
    decades = np.log10([width, largest])
    sizes = 10.0 ** np.arange(np.ceil(decades[0]), decades[1] + 0.01)
    is_short = len(sizes) < 2  # too short for powers of ten alone
    if is_short:
        finer = np.outer(10.0 ** np.arange(np.floor(decades[0]), decades[1] + 0.01), [1, 2, 5])
        finer = finer[(finer >= width) & (finer <= largest)][-3:]
        sizes = finer if len(finer) else np.array([width])
    most = 3 if axis.axis_name == "x" else 4  # side by side labels take more room
    sizes = sizes[:: -(-len(sizes) // most)]
    ticks = np.concatenate([-sizes[::-1], [0], sizes])
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    are_plain = is_short or is_usual(min(width, 1), largest)
    labels = [f"{tick:g}" if are_plain or tick == 0 else power_of_ten(tick) for tick in ticks]
    axis.set_ticks(ticks, [label.replace("-", "\N{MINUS SIGN}") for label in labels])
    axis.set_minor_locator(NullLocator())


def power_of_ten(value: float) -> str:
    """Return 0.001 as the power of ten that it is."""
    sign = "-" if value < 0 else ""
    return f"${sign}10^{{{round(np.log10(abs(value)))}}}$"


def make_logarithmic(axis: XAxis | YAxis) -> None:
    """Make an axis logarithmic, with three to seven labels of ticks on any range."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogTicks())
    axis.set_major_formatter(LogLabels(minor_thresholds=(np.inf, np.inf)))
    axis.set_minor_formatter(NullFormatter())


def is_usual(low: float, high: float) -> bool:
    """Tell whether an axis is labelled with plain numbers, which take less room than powers."""
    return low >= 1e-3 and high <= 1e4


class LogTicks(LogLocator):
    """Ticks at powers of ten, between them too where these are few, and at even steps in one."""

    def tick_values(self, low: float, high: float) -> Sequence[float]:
        """Return where ticks are on an axis from ``low`` to ``high``."""
        low, high = sorted((low, high))
        decades = np.log10(high / low)
        if decades < 0.8:
            return MaxNLocator(2, steps=[1, 2, 5, 10]).tick_values(low, high)
        powers = np.floor(np.log10(high)) - np.ceil(np.log10(low)) + 1
        if decades < 2 or (powers < 3 and is_usual(low, high)):
            return LogLocator(subs=(1, 2, 5) if decades < 1.2 else (1, 3)).tick_values(low, high)
        return LogLocator(numticks=5).tick_values(low, high)


class LogLabels(LogFormatterMathtext):
    """Plain numbers where all on an axis are of usual size, else powers of ten, or so many."""

    def __call__(self, value, position=None):
        if is_usual(*sorted(self.axis.get_view_interval())):
            return f"{value:g}"
        exponent = np.floor(np.log10(value) + 1e-9) if value > 0 else 0.0
        factor = value / 10**exponent
        if value > 0 and abs(factor - 1) > 1e-6:
            return rf"${factor:g}\times10^{{{exponent:g}}}$"
        return super().__call__(value, position)


def save(figure: Figure, folder: str, name: str, caption: str) -> None:
    """Write a figure as svg, pdf and png, laid out once, and its caption as rst; close it."""
    figure.set_dpi(STYLE["savefig.dpi"])
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # it has done its work, for all formats
    for suffix, metadata in METADATA.items():
        with atomic_write(os.path.join(folder, f"{name}.{suffix}")) as stream:
            figure.savefig(stream, format=suffix, metadata=metadata)
    # Snakemake takes a caption for a template, in which braces could begin an expression.
    text = re.sub(r"\{(?=[{%#])", "{ ", with_symbols(" ".join(caption.split())))
    text = textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)
    write_text(os.path.join(folder, f"{name}.rst"), f"{text}\n")
    plt.close(figure)
