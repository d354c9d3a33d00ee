"""Evidence accumulation: on which side were more cues? The question comes after a delay.

The spiking task of the published code of MDGL (Liu et al., PNAS 2021), with sequences held out.
"""

import itertools
from typing import Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.options import choice, integer
from lsnn.randomness import generator
from lsnn.tasks.base import Classification, FiniteTask, tests_option

STEP = 0.001  # seconds
CUE_RATE = 40.0  # Hz; of the inputs of the side of a cue, and of those that ask
BACKGROUND_RATE = 10.0  # Hz

# The groups of inputs, each of GROUP_SIZE; the first two are the sides.
LEFT, RIGHT, RECALL, BACKGROUND = range(4)
N_GROUPS, GROUP_SIZE = 4, 10


class EvidenceAccumulation(Classification, FiniteTask):
    """Cues come left or right, one after another; after a delay, tell which side had more.

    Inputs are Poisson spike trains in four groups of 10: left and right at 40 Hz during the cues of
    that side, recall at 40 Hz in the last steps, background at 10 Hz throughout. The answer is read
    at the last step. There are 2^n_cues sequences of cues, of which training shows a part, drawn
    once for a run, each with its mirror image; its spikes are always new. The others are held out,
    half of them for validation, the rest for the test.

    Args:
        data: folder of the data sets; not used, spikes are drawn.
        seed: of the run.
        n_cues: cues; odd, so that one side has more.
        cue_steps: steps of a cue.
        cue_interval: steps from the start of a cue to that of the next.
        delay: steps from the last interval to the recall.
        recall_steps: steps of the recall.
        n_train: sequences that training shows.

    Attributes:
        sequences: (n, n_cues) of 0 (left) and 1 (right), by split.
    """

    options = {
        "n_cues": choice(
            "Cues; there are 2^n_cues sequences of them.", [3, 5, 7, 9, 11, 13], 7, "cues"
        ),
        "cue_steps": integer("Steps of a cue.", 100, "steps", least=1, most=10000),
        "cue_interval": integer(
            "Steps from the start of a cue to that of the next.", 150, "steps", least=1, most=10000
        ),
        "delay": integer(
            "Steps between the interval of the last cue and the recall.",
            800,
            "steps",
            least=0,
            most=100000,
        ),
        "recall_steps": integer("Steps of the recall.", 150, "steps", least=1, most=10000),
        "n_train": integer(
            "Sequences of cues that training shows, an even number: with each goes its mirror "
            "image. The others are held out.",
            64,
            "sequences",
            multipleOf=2,
            least=2,
            most=8188,
        ),
    }
    options["tests"] = tests_option(options, "cue_steps", "cue_interval", "delay", "recall_steps")
    class_names = ("left", "right")
    n_in = N_GROUPS * GROUP_SIZE
    n_out = 2
    evaluation_batch = 128
    n_evaluated = 128  # examples of each held-out split: its sequences in turn, with new spikes

    def __init__(
        self,
        data: str,
        seed: int,
        n_cues: int,
        cue_steps: int,
        cue_interval: int,
        delay: int,
        recall_steps: int,
        n_train: int,
    ):
        super().__init__(data, seed)
        outline = self.outline(n_cues, cue_steps, cue_interval, delay, recall_steps, n_train)
        self.n_steps, self.sizes = outline["n_steps"], outline["sizes"]
        self._cue_steps, self._recall_steps = cue_steps, recall_steps
        self._starts = cue_interval * np.arange(n_cues)
        left_first = np.array([(0, *rest) for rest in itertools.product((0, 1), repeat=n_cues - 1)])
        random = generator(seed, "evidence_accumulation", "sequences")
        pairs = left_first[random.permutation(len(left_first))]
        n_pairs = n_train // 2
        n_validation = (len(pairs) - n_pairs) // 2
        parts = np.split(pairs, [n_pairs, n_pairs + n_validation])
        self.sequences = {
            split: np.concatenate([part, 1 - part])
            for split, part in zip(("train", "validation", "test"), parts)
        }

    @classmethod
    def outline(cls, n_cues, cue_steps, cue_interval, delay, recall_steps, n_train):
        sizes = {"train": n_train, "validation": cls.n_evaluated, "test": cls.n_evaluated}
        n_steps = n_cues * cue_interval + delay + recall_steps
        outline = {"n_steps": n_steps, "n_in": cls.n_in, "n_out": cls.n_out}
        return dict(outline, sizes=sizes, evaluation_sizes=sizes)

    @classmethod
    def impossible(cls, n_cues, cue_steps, cue_interval, n_train, **others):
        found, most = {}, 2**n_cues - 4
        if cue_steps > cue_interval:
            found["cue_steps"] = f"at most task.cue_interval = {cue_interval}"
        if n_train > most:
            found["n_train"] = f"at most {most}: 4 of the {2**n_cues} sequences are held out"
        return found

    def placeholders(self) -> Tuple[Tensor, Tensor]:
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (batch)."""
        inputs = tf.placeholder(tf.uint8, [self.n_steps, None, self.n_in], "inputs")
        return inputs, tf.placeholder(tf.int32, [None], "targets")

    def examples(self, split: str, indices: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets, as :meth:`batch`, of examples of a split.

        Each example has a generator of its own: it is the same whichever others are asked for.
        """
        sequences = self._sequences_of(split, indices)
        spikes = [
            self._draw_spikes(generator(self.seed, "evidence_accumulation", split, index), sequence)
            for index, sequence in zip(indices, sequences[:, np.newaxis])
        ]
        return np.concatenate(spikes, axis=1), sides(sequences)

    def batch(self, iteration: int, size: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets of the training batch of an iteration.

        Every epoch shows all training sequences, each time with new spikes. A batch depends on
        nothing but the arguments and the seed. Inputs are 0 or 1, uint8 (n_steps, size, n_in);
        targets int32 (size): the side of most cues, 0 left, 1 right.
        """
        sequences = self._sequences_of("train", self._indices(iteration, size))
        random = generator(self.seed, "evidence_accumulation", iteration)
        return self._draw_spikes(random, sequences), sides(sequences)

    def _sequences_of(self, split, indices):
        sequences = self.sequences[split]
        return sequences[np.asarray(indices) % len(sequences)]

    def _draw_spikes(self, random, sequences):
        """Return the spikes (n_steps, size, n_in) uint8 of sequences (size, n_cues)."""
        rates = np.zeros((self.n_steps, len(sequences), N_GROUPS))
        rates[:, :, BACKGROUND] = BACKGROUND_RATE
        rates[-self._recall_steps :, :, RECALL] = CUE_RATE
        for start, cue in zip(self._starts, sequences.T):
            for side in (LEFT, RIGHT):
                rates[start : start + self._cue_steps, cue == side, side] = CUE_RATE
        probabilities = np.repeat(STEP * rates, GROUP_SIZE, axis=2)
        return (random.random_sample(probabilities.shape) < probabilities).astype(np.uint8)


def sides(sequences: np.ndarray) -> np.ndarray:
    """Return the side of most cues of sequences (size, n_cues), int32 (size)."""
    return (sequences.mean(axis=1) > 0.5).astype(np.int32)
