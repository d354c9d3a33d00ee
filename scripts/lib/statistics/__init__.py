"""The statistics that decide claims, one file each: options, computation and words together."""

from lib.statistics.base import Statistic
from lib.statistics.contrast import Contrast
from lib.statistics.correlation import Correlation
from lib.statistics.divergence import Divergence
from lib.statistics.interaction import Interaction
from lib.statistics.level import Level
from lib.statistics.order import Order
from lib.statistics.quotient import Quotient
from lib.statistics.spread import Spread
from lib.statistics.trend import Trend

STATISTICS: dict[str, type[Statistic]] = {
    "contrast": Contrast,
    "level": Level,
    "order": Order,
    "trend": Trend,
    "interaction": Interaction,
    "quotient": Quotient,
    "spread": Spread,
    "correlation": Correlation,
    "divergence": Divergence,
}
