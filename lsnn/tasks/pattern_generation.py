"""Pattern generation: produce a sum of sinusoids while noisy inputs come in."""

from typing import Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.options import integer, number
from lsnn.randomness import generator
from lsnn.tasks.base import SQUARED_ERROR, Average, DrawnTask, instance_option, mean, tests_option

CYCLES = (1, 2, 3, 5)  # of the sinusoids, in a trial
PATTERN_SD = 0.5  # of the base pattern


class PatternGeneration(DrawnTask):
    """Produce a sum of sinusoids, step by step, from a fixed pattern of inputs in noise.

    The base pattern x_t (n_steps, n_in), normal with standard deviation 0.5, and the target y*_t
    are drawn once, for the task or for the run. A trial is x_t with normal noise on every input
    and step; training has few of them, always the same. The target is the sum of four sinusoids
    with 1, 2, 3 and 5 cycles a trial, with weights from U(0.5, 2) and phases from U(0, 2 pi), less
    its mean, scaled to a maximum of |y*| = 1 (sum of sinusoids: e-prop tutorial of Bellec et al.
    2020, which has one trial and so nothing to generalize to).

    Args:
        data: folder of the data sets; not used, trials are drawn.
        seed: of the run.
        n_train: training trials.
        n_steps, n_inputs: of a trial.
        noise: standard deviation of the noise.
        instance: "fixed" - base pattern and target are the same in every run; "by_seed" - drawn
            from the seed.

    Attributes:
        target: (n_steps) float32.
    """

    options = {
        "n_train": integer("Training trials.", 20, "examples", least=1, most=100000),
        "n_steps": integer("Steps of a trial.", 50, "steps", least=11, most=1000),
        "n_inputs": integer("Inputs.", 20, "inputs", least=1, most=10000),
        "noise": number(
            "Standard deviation of the noise in the inputs; that of their pattern is 0.5.",
            0.5,
            least=0,
            most=100,
        ),
        "instance": instance_option("base pattern and target"),
    }
    options["tests"] = tests_option(options, "noise", default={"noisy_test": {"noise": 0.75}})
    measures = (SQUARED_ERROR,)
    n_out = 1
    n_validation = n_test = 512

    def __init__(
        self,
        data: str,
        seed: int,
        n_train: int,
        n_steps: int,
        n_inputs: int,
        noise: float,
        instance: str,
    ):
        super().__init__(data, seed)
        self.n_steps = self.n_windows = n_steps
        self.n_in = n_inputs
        self.sizes = self.sizes_of(n_train)
        of_instance = self.instance_seed(instance)
        random = generator(of_instance, "pattern_generation", "pattern")
        self._pattern = PATTERN_SD * random.randn(n_steps, 1, n_inputs)
        random = generator(of_instance, "pattern_generation", "target")
        self.target = sum_of_sinusoids(random, n_steps)
        self.draw_all("pattern_generation", noise)

    @classmethod
    def outline(cls, n_train, n_steps, n_inputs, **others):
        sizes = cls.sizes_of(n_train)
        outline = {"n_steps": n_steps, "n_in": n_inputs, "n_out": cls.n_out}
        return dict(outline, sizes=sizes, evaluation_sizes=sizes)

    def placeholders(self) -> Tuple[Tensor, Tensor]:
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (n_steps, batch)."""
        inputs = tf.placeholder(tf.float32, [self.n_steps, None, self.n_in], "inputs")
        return inputs, tf.placeholder(tf.float32, [self.n_steps, None], "targets")

    def draw(
        self, random: np.random.RandomState, size: int, noise: float
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_steps, size, n_in) and targets (n_steps, size), float32."""
        inputs = self._pattern + noise * random.randn(self.n_steps, size, self.n_in)
        return inputs.astype(np.float32), np.repeat(self.target[:, np.newaxis], size, axis=1)

    def loss(self, outputs: Tensor, targets: Tensor, average: Average = mean) -> Tensor:
        """Return the squared error, averaged over steps and batch."""
        return average(tf.square(outputs[:, :, 0] - targets))


def sum_of_sinusoids(random: np.random.RandomState, n_steps: int) -> np.ndarray:
    """Return the target of a trial (n_steps) float32."""
    weights = random.uniform(0.5, 2.0, len(CYCLES))
    phases = random.uniform(0.0, 2.0 * np.pi, len(CYCLES))
    angles = 2.0 * np.pi * np.outer(np.arange(n_steps), CYCLES) / n_steps + phases
    target = np.sin(angles).dot(weights)
    target -= target.mean()
    return (target / np.abs(target).max()).astype(np.float32)
