"""Delayed match to sample: is the pattern after a delay the one that was shown before it?"""

from typing import Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.options import integer, number
from lsnn.randomness import generator
from lsnn.tasks.base import Classification, DrawnTask, instance_option, tests_option

SAMPLE_STEPS = TEST_STEPS = 4


class DelayedMatch(Classification, DrawnTask):
    """Tell from noisy inputs whether the pattern after a delay is the one before it.

    A pattern is a vector of 8 normal inputs, drawn once, for the task or for the run. A trial shows
    one for 4 steps, nothing for the delay, and one for 4 steps: with probability 1/2 the same, else
    another, all equally likely. Normal noise is on every input and step, the delay included. The
    answer is read at the last step. Training has few trials, always the same.

    Args:
        data: folder of the data sets; not used, trials are drawn.
        seed: of the run.
        n_train: training trials.
        n_patterns: patterns.
        delay: steps between sample and test.
        noise: standard deviation of the noise.
        instance: "fixed" - patterns are the same in every run; "by_seed" - drawn from the seed.

    Attributes:
        patterns: (n_patterns, n_in).
    """

    options = {
        "n_train": integer("Training trials.", 48, "examples", least=1, most=100000),
        "n_patterns": integer("Patterns.", 2, "patterns", least=2, most=1000),
        "delay": integer("Steps between sample and test.", 12, "steps", least=0, most=1000),
        "noise": number(
            "Standard deviation of the noise in the inputs; over all patterns, an input of a "
            "pattern has 1.",
            1.2,
            least=0,
            most=100,
        ),
        "instance": instance_option("patterns"),
    }
    options["tests"] = tests_option(
        options, "delay", "noise", default={"noisy_test": {"noise": 1.8}}
    )
    class_names = ("no match", "match")
    n_in = 8
    n_out = 2
    n_test = 2000

    def __init__(
        self,
        data: str,
        seed: int,
        n_train: int,
        n_patterns: int,
        delay: int,
        noise: float,
        instance: str,
    ):
        super().__init__(data, seed)
        self.n_steps = SAMPLE_STEPS + delay + TEST_STEPS
        self.sizes = self.sizes_of(n_train)
        random = generator(self.instance_seed(instance), "delayed_match", "patterns")
        self.patterns = random.randn(n_patterns, self.n_in)
        self.draw_all("delayed_match", noise)

    @classmethod
    def outline(cls, n_train, delay, **others):
        sizes = cls.sizes_of(n_train)
        n_steps = SAMPLE_STEPS + delay + TEST_STEPS
        outline = {"n_steps": n_steps, "n_in": cls.n_in, "n_out": cls.n_out}
        return dict(outline, sizes=sizes, evaluation_sizes=sizes)

    def placeholders(self) -> Tuple[Tensor, Tensor]:
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (batch)."""
        inputs = tf.placeholder(tf.float32, [self.n_steps, None, self.n_in], "inputs")
        return inputs, tf.placeholder(tf.int32, [None], "targets")

    def draw(
        self, random: np.random.RandomState, size: int, noise: float
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_steps, size, n_in) float32 and targets (size) int32, 1 a match."""
        n_patterns = len(self.patterns)
        targets = random.randint(2, size=size)
        sample = random.randint(n_patterns, size=size)
        other = (sample + 1 + random.randint(n_patterns - 1, size=size)) % n_patterns
        test = np.where(targets == 1, sample, other)
        inputs = noise * random.randn(self.n_steps, size, self.n_in)
        inputs[:SAMPLE_STEPS] += self.patterns[sample]
        inputs[-TEST_STEPS:] += self.patterns[test]
        return inputs.astype(np.float32), targets.astype(np.int32)
