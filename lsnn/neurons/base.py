"""What neuron models have in common. The time step dt is 1 ms."""

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.options import integer, number

DT = 1.0  # ms

TAU_M = (
    "Membrane time constant. The membrane keeps exp(-dt / tau_m) of its value from step to step, "
    "which is 0 in float32 below 0.0115 ms."
)
THRESHOLD = "Threshold of a unit without adaptation."
ADAPTATION = {
    "n_adaptive": integer(
        "How many of the units, the last ones, have an adaptive threshold.", 0, "units"
    ),
    "tau_adaptation": number("Time constant of the adaptive threshold.", 30.0, "ms", above=0),
    "beta": number("Strength of the adaptation of the adaptive units.", 1.8, least=0),
}


def decay(tau: float) -> float:
    """Return exp(-dt / tau), what a trace of time constant ``tau`` (ms) keeps from step to step.

    A value below the smallest normal float32 is 0, as TensorFlow's arithmetic has it.
    """
    kept = np.exp(-DT / tau)
    return float(kept) if kept >= np.finfo(np.float32).tiny else 0.0


def low_pass(kept: float, before: Tensor, now: Tensor) -> Tensor:
    """Return kept before + (1 - kept) now.

    The gradient is written out, because TensorFlow's own, for a number times a tensor, keeps the
    tensor of every step of a loop.
    """

    @tf.custom_gradient
    def filtered(before, now):
        def gradient(d):
            return kept * d, (1.0 - kept) * d

        return kept * before + (1.0 - kept) * now, gradient

    return filtered(before, now)


def adaptation_strengths(n_units: int, n_adaptive: int, beta: float) -> np.ndarray:
    """Return the strength of adaptation of every unit (units,): beta of the last ones, else 0."""
    strengths = np.zeros(n_units, np.float32)
    strengths[n_units - n_adaptive :] = beta
    return strengths
