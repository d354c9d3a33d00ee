"""Store and recall: a bit that is shown with `store` is asked for at the next `recall`.

The working-memory task of Bellec et al. (NeurIPS 2018), whose inputs are spikes.
"""

from typing import Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.options import integer, number
from lsnn.randomness import generator
from lsnn.tasks.base import Average, Task, WithClasses, is_right, mean, tests_option

STEP = 0.001  # seconds
NO_RECALL = -1  # target of a symbol that asks for nothing

# The four groups of inputs; the first two are the values, by bit.
STORE, RECALL = 2, 3
N_GROUPS = 4

# How far a sequence has come. A cue is `store` while nothing is stored, else `recall`.
NEVER_STORED, JUST_STORED, STORED, RECALLED, INVALID = range(5)
AFTER_A_CUE = np.array([JUST_STORED, INVALID, RECALLED, JUST_STORED, INVALID])
AFTER_A_VALUE = np.array([NEVER_STORED, STORED, STORED, RECALLED, INVALID])


class StoreRecall(WithClasses, Task):
    """Sequences of symbols, each a bit, or a bit with `store`, or `recall` without a bit.

    A sequence begins with nothing stored. While nothing is stored a symbol is `store` with the
    probability of a cue, and afterwards `recall` with the same probability. A sequence is valid if
    something is stored in it, if what is stored is recalled, and if the symbol after each `store`
    is a value. All bits are independent and fair: in the paper the value after `store` is the
    stored bit, or with probability 1/2 its inverse, which is the same. So only the bit that is
    shown with `store` tells what is to be recalled.

    A symbol is shown by the groups of inputs (value 0, value 1, store, recall) that are active:
    their inputs are Poisson spike trains, those of the others are silent. The output is the mean
    over the steps of a symbol.

    Training never shows a sequence twice, and none of the examples: those of the split "train" are
    as new to a network as the others.

    Args:
        data: folder of the data sets; not used, sequences are drawn.
        seed: of the run.
        n_symbols: symbols in a sequence.
        symbol_steps: steps (ms) for which a symbol is shown.
        group_size: inputs in each of the four groups.
        input_rate: rate of the inputs of an active group, in Hz; at most one spike a step.
        cue_probability: probability that a symbol is a cue.
    """

    options = {
        "n_symbols": integer("Symbols in a sequence.", 12, "symbols", least=3, most=1000),
        "symbol_steps": integer(
            "Steps for which a symbol is shown.", 200, "steps", least=1, most=10000
        ),
        "group_size": integer(
            "Inputs in each of the four groups (value 0, value 1, store, recall).",
            25,
            "inputs",
            least=1,
            most=10000,
        ),
        "input_rate": number(
            "Firing rate of the inputs of an active group; the others are silent.",
            50.0,
            "Hz",
            above=0,
            most=1000,
        ),
        "cue_probability": number(
            "Probability that a symbol is `store` while nothing is stored, and `recall` "
            "afterwards, before sequences that are not valid are sorted out. With 1 none is valid.",
            1.0 / 7.0,
            least=1.0e-6,
            most=None,
            exclusiveMaximum=1,
        ),
    }
    options["tests"] = tests_option(
        options, "n_symbols", "symbol_steps", "input_rate", "cue_probability"
    )
    n_out = 2
    readout_bias = False
    carries_state = True
    evaluation_batch = 128
    sizes = {"train": 1000000, "validation": 5000, "test": 5000}
    evaluation_sizes = {"train": 128, "validation": 512, "test": 512}

    def __init__(
        self,
        data: str,
        seed: int,
        n_symbols: int,
        symbol_steps: int,
        group_size: int,
        input_rate: float,
        cue_probability: float,
    ):
        super().__init__(data, seed)
        self.group_size = group_size
        self.input_rate = input_rate
        self.n_windows = n_symbols
        self.window_steps = symbol_steps
        outline = self.outline(n_symbols, symbol_steps, group_size)
        self.n_steps, self.n_in = outline["n_steps"], outline["n_in"]
        self._cue_probabilities = cue_probabilities(n_symbols, cue_probability)

    @classmethod
    def outline(cls, n_symbols, symbol_steps, group_size, **others):
        return {
            "n_steps": n_symbols * symbol_steps,
            "n_in": N_GROUPS * group_size,
            "n_out": cls.n_out,
            "sizes": cls.sizes,
            "evaluation_sizes": cls.evaluation_sizes,
        }

    def placeholders(self) -> Tuple[Tensor, Tensor]:
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (n_symbols, batch)."""
        inputs = tf.placeholder(tf.uint8, [self.n_steps, None, self.n_in], "inputs")
        return inputs, tf.placeholder(tf.int32, [self.n_windows, None], "targets")

    def examples(self, split: str, indices: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets, as :meth:`batch`, of examples of a split.

        Each example has a generator of its own: it is the same in every run, whichever others are
        asked for.
        """
        drawn = [self._draw(generator(0, "store_recall", split, index), 1) for index in indices]
        inputs, targets = zip(*drawn)
        return np.concatenate(inputs, axis=1), np.concatenate(targets, axis=1)

    def batch(self, iteration: int, size: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets of the training batch of an iteration.

        A batch depends on nothing but the arguments and the seed. Inputs are 0 or 1, uint8
        (n_steps, size, n_in); targets int32 (n_symbols, size): the stored bit at `recall`, else
        NO_RECALL.
        """
        return self._draw(generator(self.seed, "store_recall", iteration), size)

    def _draw(self, random, size):
        active, targets = self._draw_symbols(random, size)
        return self._draw_spikes(random, active), targets

    def _draw_symbols(self, random, size):
        """Return which groups are active, bool (n_symbols, size, 4), and the targets."""
        active = np.zeros((self.n_windows, size, N_GROUPS), bool)
        targets = np.zeros((self.n_windows, size), np.int32)
        states = np.full(size, NEVER_STORED)
        stored = np.zeros(size, np.int32)
        for symbol, probabilities in enumerate(self._cue_probabilities):
            cue = random.random_sample(size) < probabilities[states]
            bit = (random.random_sample(size) < 0.5).astype(np.int32)
            states = np.where(cue, AFTER_A_CUE[states], AFTER_A_VALUE[states])
            store = states == JUST_STORED
            recall = cue & (states == RECALLED)
            stored = np.where(store, bit, stored)
            active[symbol, :, 0] = ~recall & (bit == 0)
            active[symbol, :, 1] = ~recall & (bit == 1)
            active[symbol, :, STORE] = store
            active[symbol, :, RECALL] = recall
            targets[symbol] = np.where(recall, stored, NO_RECALL)
        return active, targets

    def _draw_spikes(self, random, active):
        """Return the spikes (n_steps, size, n_in) uint8 of groups that are active or not."""
        n_symbols, size, _ = active.shape
        probability = self.input_rate * STEP
        spikes = np.zeros((n_symbols, self.window_steps, size, N_GROUPS, self.group_size), np.uint8)
        for symbol in range(n_symbols):
            # Most groups are silent: nothing is drawn for them.
            sequences, groups = np.nonzero(active[symbol])
            shape = (self.window_steps, len(sequences), self.group_size)
            spikes[symbol][:, sequences, groups] = random.random_sample(shape) < probability
        return spikes.reshape(self.n_steps, size, self.n_in)

    def loss(self, logits: Tensor, targets: Tensor, average: Average = mean) -> Tensor:
        """Return the loss, cross entropy (nats) or another, averaged over all recalls of the batch.

        The logits are (n_symbols, batch, 2).
        """
        asked = self._asked(targets)
        return average(self.terms_of_loss(logits, targets, axis=2), asked)

    def accuracy(self, logits: Tensor, targets: Tensor, average: Average = mean) -> Tensor:
        """Return the fraction of the batch's recalls whose larger logit is the stored bit's.

        The recall error of the paper is 1 - accuracy.
        """
        asked = self._asked(targets)
        return average(is_right(logits, targets, axis=2), asked)

    @staticmethod
    def _asked(targets):
        """Return 1 where there is a recall, else 0, as float32 (n_symbols, batch)."""
        return tf.cast(tf.not_equal(targets, NO_RECALL), tf.float32)


def cue_probabilities(n_symbols: int, cue_probability: float) -> np.ndarray:
    """Return the probability of a cue by symbol and state (n_symbols, 5), given a valid sequence.

    The paper draws a symbol as cue with ``cue_probability`` and draws sequences again until one is
    valid. Long sequences and rare cues can take forever that way. By Bayes' rule,

        P(cue | state, valid) = P(cue) P(valid | state after a cue) / P(valid | state),

    valid sequences are drawn at once, each as often as by drawing again.
    """
    # Of a state: how probable it is that a sequence in it will be valid. At the end of a sequence
    # all that was stored has to be recalled.
    valid = np.zeros(5)
    valid[RECALLED] = 1.0
    from_last_to_first = []
    for _ in range(n_symbols):
        by_a_cue = cue_probability * valid[AFTER_A_CUE]
        by_a_value = (1.0 - cue_probability) * valid[AFTER_A_VALUE]
        valid = by_a_cue + by_a_value
        possible = np.where(valid > 0.0, valid, 1.0)  # never a cue in states that are never reached
        from_last_to_first.append(by_a_cue / possible)
        valid /= valid.max()  # only ratios count; in long sequences they alone do not underflow
    return np.array(from_last_to_first[::-1])
