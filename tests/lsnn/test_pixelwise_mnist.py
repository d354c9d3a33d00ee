"""Pixel-wise MNIST against loops over pixels, written from the description of the encoding."""

import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.tasks import new_task

pytestmark = pytest.mark.slow_on("2")

PUBLISHED = {
    "name": "pixelwise_mnist",
    "encoding": "threshold",
    "n_inputs": 80,
    "repeat": 1,
    "downsample": 1,
    "test_noise": 0.0,
}
CUE_STEPS = 56


def pixelwise(**options):
    return new_task(dict(PUBLISHED, **options), "data", seed=5)


@pytest.fixture(scope="module")
def images():
    """The first training images as in the file: 0 to 255, (3, 784)."""
    with open("data/mnist/train-images-idx3-ubyte", "rb") as stream:
        # The first 5,000 are those of validation.
        in_file = np.frombuffer(stream.read()[16:], np.uint8).reshape(-1, 784)
    return in_file[5000:5003].astype(int)


def loop_over_crossings(pixels, n_inputs):
    """Return the threshold crossings of pixels 0 to 255 as lists of 0 and 1, in whole numbers."""
    highest = n_inputs // 2 - 1  # threshold i is i / highest
    rows, previous = [], 0
    for pixel in pixels:
        onset, offset = [], []
        for i in range(highest):
            is_above = int(pixel) * highest >= 255 * i
            was_above = int(previous) * highest >= 255 * i
            onset.append(int(is_above and not was_above))
            offset.append(int(was_above and not is_above))
        rows.append(onset + offset + [int(pixel == 255)])
        previous = pixel
    return rows


@pytest.mark.parametrize(
    "options, n_steps, n_in, dtype",
    [
        ({}, 784 + 56, 80, np.uint8),
        ({"n_inputs": 16}, 784 + 56, 16, np.uint8),
        ({"encoding": "analog"}, 784 + 56, 2, np.float32),
        ({"repeat": 3}, 3 * 784 + 56, 80, np.uint8),
        ({"downsample": 2}, 196 + 56, 80, np.uint8),
        ({"encoding": "analog", "downsample": 2, "repeat": 2}, 2 * 196 + 56, 2, np.float32),
    ],
)
def test_sizes_and_placeholders(options, n_steps, n_in, dtype):
    task = pixelwise(**options)
    assert (task.n_steps, task.n_in, task.n_windows, task.window_steps) == (n_steps, n_in, 1, 28)
    inputs, targets = task.examples("validation", np.array([7, 2]))
    assert inputs.shape == (n_steps, 2, n_in) and inputs.dtype == dtype
    assert targets.shape == (2,) and targets.dtype == np.int32
    with tf.Graph().as_default() as graph:
        placeholders = task.placeholders()
        fed = [tf.identity(placeholder) for placeholder in placeholders]
    found = new_session(graph).run(fed, dict(zip(placeholders, (inputs, targets))))
    assert (found[0] == inputs).all() and (found[1] == targets).all()


def test_the_sets_of_the_learning_curve_are_smaller_than_those_of_row_wise_mnist(mnist):
    task = pixelwise()
    assert task.sizes == mnist.sizes
    assert task.evaluation_sizes == {"train": 500, "validation": 1000, "test": 1000}
    assert all(size % task.evaluation_batch == 0 for size in task.evaluation_sizes.values())


def test_analog_inputs_are_pixels_row_by_row_and_then_the_cue(images):
    inputs, _ = pixelwise(encoding="analog").examples("train", np.arange(3))
    assert np.array_equal(inputs[:784, :, 0], (images.T / 255.0).astype(np.float32))
    assert (inputs[784:, :, 0] == 0.0).all()
    assert (inputs[:784, :, 1] == 0.0).all() and (inputs[784:, :, 1] == 1.0).all()


@pytest.mark.parametrize("n_inputs", [4, 10, 80])
def test_crossings_of_images(images, n_inputs):
    inputs, _ = pixelwise(n_inputs=n_inputs).examples("train", np.arange(3))
    for i in range(3):
        wanted = np.array(loop_over_crossings(images[i], n_inputs))
        assert np.array_equal(inputs[:784, i, :-1], wanted)
    assert inputs[:784].any()


# With these numbers of thresholds, one less divides 255, so that grey values equal thresholds.
@pytest.mark.parametrize("n_inputs", [12, 36, 104, 172, 512])
def test_every_grey_value_is_compared_exactly_with_every_threshold(n_inputs):
    task = pixelwise(n_inputs=n_inputs)
    up_and_down = np.concatenate([np.arange(256), np.arange(256)[::-1], np.zeros(272, int)])
    image = up_and_down.astype(np.uint8).reshape(28, 1, 28)
    task._splits["train"] = (image, np.zeros(1, np.uint8))
    inputs, _ = task.examples("train", np.arange(1))
    assert np.array_equal(inputs[:784, 0, :-1], loop_over_crossings(up_and_down, n_inputs))


@pytest.mark.parametrize("test_noise", [0.0, 0.2])
def test_crossings_tell_every_pixel_to_within_a_threshold(test_noise):
    indices = np.arange(20)
    pixels = pixelwise(encoding="analog", test_noise=test_noise).examples("test", indices)[0]
    pixels = pixels[:784, :, 0]
    crossings = pixelwise(test_noise=test_noise).examples("test", indices)[0][:784].astype(int)
    onset, offset, full = crossings[:, :, :39], crossings[:, :, 39:78], crossings[:, :, 78]
    # Every pixel is at or above threshold 0 from the start.
    n_below = 1 + np.cumsum((onset - offset).sum(axis=2), axis=0)
    assert (pixels >= (n_below - 1) / 39.0 - 1e-6).all()
    assert (pixels <= n_below / 39.0 + 1e-6).all()
    assert np.array_equal(full, pixels == 1.0) and full.any()


@pytest.mark.parametrize("encoding", ["analog", "threshold"])
def test_the_cue_is_on_alone_in_the_last_56_steps(encoding):
    inputs, _ = pixelwise(encoding=encoding, repeat=2, downsample=2).examples("test", np.arange(9))
    assert (inputs[-CUE_STEPS:, :, -1] == 1).all() and not inputs[:-CUE_STEPS, :, -1].any()
    assert not inputs[-CUE_STEPS:, :, :-1].any()


def test_repeated_pixels(images):
    analog, _ = pixelwise(encoding="analog", repeat=3).examples("train", np.arange(3))
    crossings, _ = pixelwise(repeat=3).examples("train", np.arange(3))
    for i in range(3):
        shown = [pixel for pixel in images[i] for _ in range(3)]
        assert analog[:-CUE_STEPS, i, 0] == pytest.approx(np.array(shown) / 255.0, abs=1e-7)
        assert np.array_equal(crossings[:-CUE_STEPS, i, :-1], loop_over_crossings(shown, 80))


def test_downsampled_pixels_are_means_of_2_by_2(images):
    inputs, _ = pixelwise(encoding="analog", downsample=2).examples("train", np.arange(3))
    for i in range(3):
        image = images[i].reshape(28, 28)
        step = 0
        for row in range(0, 28, 2):
            for column in range(0, 28, 2):
                mean = image[row : row + 2, column : column + 2].mean() / 255.0
                assert inputs[step, i, 0] == pytest.approx(mean, abs=1e-7)
                step += 1
        assert step == 196 and (inputs[step:, i, 0] == 0.0).all()


def test_a_downsampled_white_square_is_exactly_1():
    task = pixelwise(downsample=2)
    task._splits["train"] = (np.full((28, 1, 28), 255, np.uint8), np.zeros(1, np.uint8))
    inputs, _ = task.examples("train", np.arange(1))
    assert (inputs[:196, 0, -2] == 1).all()


@pytest.mark.parametrize("downsample", [1, 2])
def test_noise_is_normal_and_clipped_and_on_test_images_alone(downsample):
    options = {"encoding": "analog", "downsample": downsample}
    clean, noisy = pixelwise(**options), pixelwise(test_noise=0.05, **options)
    indices = np.arange(300)
    for split in ("train", "validation"):
        for found, wanted in zip(noisy.examples(split, indices), clean.examples(split, indices)):
            assert np.array_equal(found, wanted)
    without, labels = clean.examples("test", indices)
    with_noise, labels_with_noise = noisy.examples("test", indices)
    assert np.array_equal(labels, labels_with_noise)
    assert np.array_equal(without[-CUE_STEPS:], with_noise[-CUE_STEPS:])
    assert with_noise.dtype == np.float32 and with_noise.min() == 0.0 and with_noise.max() == 1.0
    # Pixels that are more than five standard deviations from both bounds are not clipped.
    inside = (without > 0.26) & (without < 0.74)
    noise = (with_noise - without)[inside].astype(np.float64)
    assert noise.size > 2000
    assert abs(noise.mean()) < 5 * 0.05 / np.sqrt(noise.size)
    assert abs(noise.std() - 0.05) < 5 * 0.05 / np.sqrt(2 * noise.size)


def test_noise_belongs_to_the_image():
    task = pixelwise(encoding="analog", test_noise=0.2)
    together, _ = task.examples("test", np.array([3, 9, 4]))
    alone, _ = pixelwise(encoding="analog", test_noise=0.2).examples("test", np.array([9]))
    assert np.array_equal(together[:, 1:2], alone)
    noise = together - pixelwise(encoding="analog").examples("test", np.array([3, 9, 4]))[0]
    assert not np.array_equal(noise[:, 0], noise[:, 1])


def test_batches_are_those_of_row_wise_mnist(mnist):
    task = pixelwise(encoding="analog")
    for iteration in (300, 2):
        rows, labels = mnist.batch(iteration, 256)
        inputs, targets = task.batch(iteration, 256)
        assert np.array_equal(targets, labels)
        assert np.array_equal(inputs[:784, :, 0], rows.transpose(0, 2, 1).reshape(784, 256))
