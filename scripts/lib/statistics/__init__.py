"""The statistics that decide claims, one file each: options, computation and words together."""

from collections import OrderedDict

from lib.statistics.base import Found, Statistic
from lib.statistics.contrast import Contrast
from lib.statistics.correlation import Correlation
from lib.statistics.divergence import Divergence
from lib.statistics.level import Level
from lib.statistics.order import Order
from lib.statistics.source import NotComputed, Source, Undecided, column_named, read_source
from lib.statistics.spread import Spread
from lib.statistics.trend import Trend

STATISTICS = OrderedDict(
    contrast=Contrast,
    level=Level,
    order=Order,
    trend=Trend,
    spread=Spread,
    correlation=Correlation,
    divergence=Divergence,
)

__all__ = [
    "STATISTICS", "Found", "NotComputed", "Source", "Statistic", "Undecided", "column_named",
    "read_source",
]  # fmt: skip
