"""How much the loss rises near the weights."""

from typing import Any, Callable, Dict, Tuple

import numpy as np

from lsnn.curvature.along_run import Memory, Point
from lsnn.options import integer, number
from lsnn.randomness import generator
from lsnn.study.columns import Column

STARTS = 3  # of the ascent: along the gradient, then at random
STEPS = 20  # of each ascent


class Nearby:
    """How much the loss rises at a distance from the weights: on average, and at worst.

    The average is over random directions (with its standard error). The worst rise within the
    distance (Keskar et al. 2017; Foret et al. 2021) is sought by projected ascent from three
    starts; it is a lower bound of the true one.
    """

    options = {
        "radius": number("Distance from the weights of the block.", 0.1, above=0),
        "directions": integer("Random directions.", 20, "directions", least=2, most=10000),
    }

    def __init__(self, radius: float, directions: int):
        self._radius, self._directions = radius, directions
        self.columns = (
            Column(
                "rise_mean",
                "estimate",
                "mean rise of the loss nearby",
                meaning=f"The mean over random directions, at a distance of {radius:g}.",
                scale="log",
                summary=("final", "mean"),
                figure="rise_mean",
            ),
            Column("rise_mean_se", "estimate"),  # standard error over directions
            Column(
                "rise_worst",
                "estimate",
                "largest rise of the loss nearby",
                meaning=f"The largest that was found within a distance of {radius:g}.",
                scale="log",
                summary=("final", "mean", "compared"),
                figure="rise_worst",
            ),
        )
        self.products = STARTS * STEPS + directions // 3

    def measure(self, point: Point) -> Tuple[Dict[str, Any], Memory]:
        """Return the columns at a point by name, and what is remembered for the next one."""
        hessian = point.operator
        random = generator(point.seed, "nearby")  # the same at all points: a smooth curve
        here, gradient = hessian.loss_and_gradient(np.zeros(hessian.size))
        directions = random.randn(self._directions, hessian.size)
        rises = [hessian.loss(of_length(v, self._radius)) - here for v in directions]
        starts = [gradient, *random.randn(STARTS - 1, hessian.size)]
        worst = max(highest(hessian.loss_and_gradient, v, self._radius) for v in starts)
        row = {
            "rise_mean": np.mean(rises),
            "rise_mean_se": np.std(rises, ddof=1) / np.sqrt(len(rises)),
            "rise_worst": worst - here,
        }
        return row, {}


def highest(
    loss_and_gradient: Callable[[np.ndarray], Tuple[float, np.ndarray]],
    start: np.ndarray,
    radius: float,
) -> float:
    """Return the highest loss that is met on an ascent of :data:`STEPS` steps within a ball.

    Every step has the length of the radius and is followed by the projection onto the ball.

    >>> slope, curvature = np.array([0.0, 1.0]), np.array([1.0, 4.0])
    >>> def of(v):
    ...     return slope.dot(v) + v.dot(curvature * v) / 2, slope + curvature * v
    >>> float(round(highest(of, np.array([1.0, 0.1]), radius=2.0), 6))  # 1 x 2 + 4 x 2^2 / 2
    10.0

    Args:
        loss_and_gradient: function of a vector (size,), seen from the centre of the ball.
        start: direction (size,) of the point on the sphere where it starts; not 0.
        radius: of the ball.
    """
    place = of_length(start, radius)
    found, gradient = loss_and_gradient(place)
    for _ in range(STEPS):
        place = place + of_length(gradient, radius)
        if np.linalg.norm(place) > radius:
            place = of_length(place, radius)
        loss, gradient = loss_and_gradient(place)
        found = max(found, loss)
    return found


def of_length(vector: np.ndarray, length: float) -> np.ndarray:
    """Return a vector (size,) scaled to a length; one of zeros as it is."""
    norm = np.linalg.norm(vector)
    return vector * (length / norm) if norm > 0.0 else vector
