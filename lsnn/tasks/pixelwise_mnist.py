"""Pixel-wise sequential MNIST: an image is fed one pixel per step, and classified after a cue.

The task on which Bellec et al. (NeurIPS 2018) show that spiking networks with adaptation remember.
"""

from typing import Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.options import choice, integer, number
from lsnn.randomness import generator
from lsnn.tasks.base import tests_option
from lsnn.tasks.sequential_mnist import SequentialMnist


class PixelwiseMnist(SequentialMnist):
    """Pixels row by row, each for ``repeat`` steps, then 56 steps in which the cue is 1.

    Splits, order of batches, loss and accuracy are those of row-wise MNIST. The output is read
    as its mean over the last 28 steps.

    Args:
        data: folder of the data sets.
        seed: of the run.
        encoding: "analog" - inputs are [pixel, cue], the pixel in [0, 1];
            "threshold" - inputs are 0 or 1, see :meth:`_crossings`.
        n_inputs: inputs of the threshold encoding, the cue included. An even number, because there
            are n_inputs / 2 thresholds: each has a unit for onset and one for offset, except the
            highest, which is 1 and has one unit alone; with the cue this makes n_inputs. Not used
            by the analog encoding.
        repeat: steps for which a pixel is shown.
        downsample: 2 - pixels are the means of 2 x 2 of the image's, 1 - they are the image's.
        test_noise: standard deviation of normal noise on the pixels of test images (if downsampled,
            on the means), which are then clipped to [0, 1].

    Raises:
        DataError: a file is missing, incomplete or altered.
    """

    options = {
        "encoding": choice(
            "analog - one input, pixel / 255; threshold - each step, the inputs whose threshold "
            "the pixel crosses, from below or from above, are 1.",
            ["analog", "threshold"],
            "threshold",
        ),
        "n_inputs": integer(
            "Inputs of the threshold encoding, an even number, the cue included: there are half as "
            "many thresholds, each with an input for crossing from below and one for crossing from "
            "above, except the highest, which has one alone. Analog always has two inputs, pixel "
            "and cue.",
            80,
            "inputs",
            multipleOf=2,
            least=4,
            most=1000,
        ),
        "repeat": integer("Steps for which each pixel is shown.", 1, "steps", least=1, most=100),
        "downsample": choice(
            "2 - pixels are the means of 2 x 2 of the image's, 1 - they are the image's.",
            [1, 2],
            1,
            "pixels",
        ),
        "test_noise": number(
            "Standard deviation of the noise that is added to the pixels of test images (to the "
            "means, if downsampled), which are then clipped to [0, 1].",
            0.0,
            least=0,
            most=10,
        ),
    }
    options["tests"] = tests_option(options, "repeat", "test_noise")
    cue_steps = 56
    window_steps = 28
    # A sequence of 840 steps costs 30 times as much as one of 28, in time and in memory.
    evaluation_batch = 250
    most_evaluated = {"train": 500, "validation": 1000, "test": 1000}

    def __init__(
        self,
        data: str,
        seed: int,
        encoding: str,
        n_inputs: int,
        repeat: int,
        downsample: int,
        test_noise: float,
    ):
        super().__init__(data, seed)
        self.encoding = encoding
        self.repeat = repeat
        self.downsample = downsample
        self.test_noise = test_noise
        outline = self.outline(encoding, n_inputs, repeat, downsample)
        self.n_steps, self.n_in = outline["n_steps"], outline["n_in"]
        self.n_pixels = (28 // downsample) ** 2
        # In float32, as pixels are, so that a pixel that equals a threshold is seen to do so.
        self.thresholds = np.linspace(0.0, 1.0, n_inputs // 2).astype(np.float32)

    @classmethod
    def outline(cls, encoding, n_inputs, repeat, downsample, **others):
        return dict(
            super().outline(),
            n_steps=(28 // downsample) ** 2 * repeat + cls.cue_steps,
            n_in=n_inputs if encoding == "threshold" else 2,
        )

    def placeholders(self) -> Tuple[Tensor, Tensor]:
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (batch)."""
        dtype = tf.uint8 if self.encoding == "threshold" else tf.float32
        inputs = tf.placeholder(dtype, [self.n_steps, None, self.n_in], "inputs")
        return inputs, tf.placeholder(tf.int32, [None], "targets")

    def examples(self, split: str, indices: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_steps, n, n_in) and targets (n) int32 of a split.

        Inputs are float32 in [0, 1] if analog, uint8 0 or 1 if threshold crossings. The noise on a
        test image is always the same.
        """
        images, labels = self._splits[split]
        pixels = self._pixels(images[:, indices])
        if split == "test" and self.test_noise > 0.0:
            pixels = self._with_noise(pixels, np.arange(len(labels))[indices])
        shown = np.repeat(pixels, self.repeat, axis=0)
        units = self._crossings(shown) if self.encoding == "threshold" else shown[:, :, np.newaxis]
        inputs = np.zeros((self.n_steps, shown.shape[1], self.n_in), units.dtype)
        inputs[: len(shown), :, :-1] = units
        inputs[len(shown) :, :, -1] = 1  # the cue
        return inputs, labels[indices].astype(np.int32)

    def _pixels(self, rows):
        """Return pixels (n_pixels, n) float32 in [0, 1] of uint8 images (28 rows, n, 28)."""
        n = rows.shape[1]
        size = self.downsample
        blocks = rows.transpose(0, 2, 1).reshape(28 // size, size, 28 // size, size, n)
        sums = blocks.sum(axis=(1, 3), dtype=np.float32)
        return sums.reshape(self.n_pixels, n) / np.float32(255 * size * size)

    def _with_noise(self, pixels, indices):
        """Return the pixels of test images with noise, which depends on the image's index alone."""
        noise = [
            generator(0, "pixelwise_mnist", "test_noise", index).normal(
                0.0, self.test_noise, self.n_pixels
            )
            for index in indices
        ]
        return np.clip(pixels + np.transpose(noise), 0.0, 1.0).astype(np.float32)

    def _crossings(self, shown):
        """Return 0 or 1 (steps, n, n_in - 1) uint8: which thresholds pixels (steps, n) cross.

        A pixel is above a threshold if it is at least as large. For the thresholds below 1, in
        rising order, first come the onset units, which are 1 in the step in which the pixel is
        above and the pixel of the step before was not, then the offset units, which are 1 in the
        step in which it is the other way round. The unit of threshold 1 comes last, and is 1 as
        long as the pixel is 1. Before the first step the pixel counts as 0, the black of the
        margin of every image; so the two units of threshold 0 are always 0, as in the published
        code, which shows a crossing one step earlier: with the pixel before it.
        """
        above = shown[:, :, np.newaxis] >= self.thresholds[:-1]
        black = np.zeros_like(shown[:1, :, np.newaxis]) >= self.thresholds[:-1]
        before = np.concatenate([black, above[:-1]])
        full = shown[:, :, np.newaxis] == self.thresholds[-1]
        return np.concatenate([above & ~before, before & ~above, full], axis=2).astype(np.uint8)
