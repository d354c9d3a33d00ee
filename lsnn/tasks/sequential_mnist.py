"""Row-wise sequential MNIST: a 28 x 28 image is fed one row per step, and classified at the end."""

import os
from typing import Dict, Tuple

import numpy as np

from lsnn.backend import Tensor, tf
from lsnn.errors import DataError
from lsnn.options import FOLDER, integer, number, text
from lsnn.randomness import generator
from lsnn.tasks import idx, mnist
from lsnn.tasks.base import Classification, FiniteTask, tests_option
from lsnn.tasks.own_data import missing_classes, stratified

VALIDATION = 12  # one training image of so many is kept for validation
SIZES = {"train": 55000, "validation": 5000, "test": 10000}  # of MNIST


class SequentialMnist(Classification, FiniteTask):
    """MNIST, or images of one's own, with a twelfth of the training images for validation.

    Of MNIST these are the first; images of one's own are shuffled before, always alike, so that
    every class is spread evenly (:func:`lsnn.tasks.own_data.stratified`).

    Args:
        data: folder of the data sets; the four MNIST files are in ``<data>/mnist``.
        seed: of the run.
        images: folder of images of one's own, four files named like those of MNIST; None - MNIST.
        n_train: training images, the first after those for validation; None - all.
        test_noise: standard deviation of normal noise on the pixels of test images, which are then
            clipped to [0, 1]; it is drawn from the seed.

    Raises:
        DataError: a file is missing, incomplete or altered, or the files do not belong together.
    """

    options = {
        "images": text(
            "Folder of images of your own, of any size and number of classes, absolute or relative "
            "to the folder of the data sets; if left out, MNIST. It has four files named like "
            "those of MNIST, in the same format (idx), compressed (.gz) or not, which are never "
            "written.",
            **FOLDER,
        ),
        "n_train": integer(
            "Training images, the first ones; if left out, all.", None, "examples", least=1
        ),
        "test_noise": number(
            "Standard deviation of the noise that is added to the pixels of test images, which are "
            "then clipped to [0, 1].",
            0.0,
            least=0,
            most=10,
        ),
    }
    options["tests"] = tests_option(options, "test_noise")
    data_files = tuple("mnist/" + name for name in mnist.FILES)
    n_steps = 28
    n_in = 28
    n_out = 10
    # Images of each split that the learning curve is measured on, at most.
    most_evaluated = {"train": 5000, "validation": 5000, "test": 10000}
    shares_examples = True
    evaluation_sizes: Dict[str, int] = {}  # the instance's

    def __init__(self, data, seed, images=None, n_train=None, test_noise=0.0):
        super().__init__(data, seed)
        if images is None:
            files = [os.path.join(data, name) for name in self.data_files]
            arrays = [mnist.read(path) for path in files]
        else:
            files = self.own_files(data, images)
            arrays = [idx.read(path) for path in files]
            _check(files, arrays)
            _, self.n_steps, self.n_in = arrays[0].shape
            self.n_out = int(arrays[1].max()) + 1
            order = stratified(arrays[1])
            arrays = [arrays[0][order], arrays[1][order], *arrays[2:]]
        train, labels, test, test_labels = arrays
        train, test = (np.ascontiguousarray(images.transpose(1, 0, 2)) for images in (train, test))
        n_validation = len(labels) // VALIDATION
        n_left = len(labels) - n_validation
        if n_train is not None and n_train > n_left:
            raise DataError(
                f"{files[0]}: has {n_left} training images after those for validation, fewer than "
                f"task.n_train = {n_train}"
            )
        used = slice(n_validation, n_validation + n_train if n_train else None)
        if test_noise > 0.0:
            random = generator(seed, "sequential_mnist", "noisy_test")
            noise = random.normal(0.0, test_noise, test.shape)
            test = np.clip(test / 255.0 + noise, 0.0, 1.0).astype(np.float32)
        self._splits = {
            "train": (train[:, used], labels[used]),
            "validation": (train[:, :n_validation], labels[:n_validation]),
            "test": (test, test_labels),
        }
        self.sizes = {split: len(labels) for split, (_, labels) in self._splits.items()}
        self.evaluation_sizes = self._evaluated(self.sizes)
        if images is not None:
            classes = {split: labels for split, (_, labels) in self._splits.items()}
            self.remarks = missing_classes(classes, [str(number) for number in range(self.n_out)])
            if train.max() <= 1:
                self.remarks.append("all pixels are 0 or 1 of 255, as good as black")

    @classmethod
    def outline(cls, images=None, n_train=None, **others):
        if images is not None:
            return {}
        sizes = dict(SIZES, train=n_train or SIZES["train"])
        outline = {"n_steps": cls.n_steps, "n_in": cls.n_in, "n_out": cls.n_out}
        return dict(outline, sizes=sizes, evaluation_sizes=cls._evaluated(sizes))

    @classmethod
    def _evaluated(cls, sizes):
        return {split: min(cls.most_evaluated[split], size) for split, size in sizes.items()}

    @classmethod
    def impossible(cls, images=None, n_train=None, **others):
        if images is None and n_train is not None and n_train > SIZES["train"]:
            return {"n_train": f"at most the {SIZES['train']} of MNIST"}
        return {}

    @classmethod
    def own_files(cls, data, images=None, **others):
        if images is None:
            return []
        folder, of_mnist = os.path.join(data, images), os.path.join(data, "mnist")
        if os.path.realpath(folder) == os.path.realpath(of_mnist):
            raise DataError(
                f"task.images: {folder}: is the folder of MNIST, which is filled with the files of "
                "MNIST; put your own into another one"
            )
        found = []
        for name in mnist.FILES:
            paths = [os.path.join(folder, name + suffix) for suffix in ("", ".gz")]
            there = [path for path in paths if os.path.isfile(path)]
            if len(there) != 1:
                has = f"both {name} and" if there else f"neither {name} nor"
                others = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
                but = f" but {', '.join(others[:5]) or 'no file'}" if not there else ""
                raise DataError(
                    f"task.images: {folder}: has {has} {name}.gz{but}; one of them is needed"
                )
            found += there
        return found

    def placeholders(self) -> Tuple[Tensor, Tensor]:
        """Return placeholders for inputs (n_steps, batch, n_in) and targets (batch)."""
        inputs = tf.placeholder(tf.float32, [self.n_steps, None, self.n_in], "inputs")
        return inputs, tf.placeholder(tf.int32, [None], "targets")

    def examples(self, split: str, indices: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return inputs (steps, n, n_in) float32 in [0, 1] and targets (n) int32 of a split."""
        images, labels = self._splits[split]
        images = images[:, indices]
        if images.dtype == np.uint8:
            images = images / np.float32(255)
        return images, labels[indices].astype(np.int32)


def _check(files, arrays):
    """Refuse arrays that are not training images and labels, and test images and labels.

    Raises:
        DataError: names the file, and what is wrong with it.
    """
    train, labels, test, test_labels = arrays
    for path, array, n_dimensions in zip(files, arrays, (3, 1, 3, 1)):
        if array.ndim != n_dimensions or array.size == 0:
            what = "images (n, rows, columns)" if n_dimensions == 3 else "labels (n)"
            raise DataError(f"{path}: has shape {array.shape}; {what} are needed")
    for path, images, image_labels in ((files[1], train, labels), (files[3], test, test_labels)):
        if len(images) != len(image_labels):
            raise DataError(f"{path}: has {len(image_labels)} labels of {len(images)} images")
    if train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"{files[2]}: images are {test.shape[1]} x {test.shape[2]}, those for training "
            f"{train.shape[1]} x {train.shape[2]}"
        )
    if test_labels.max() > labels.max():
        raise DataError(
            f"{files[3]}: label {test_labels.max()} is not among those for training, which are at "
            f"most {labels.max()}"
        )
    if len(labels) < VALIDATION:
        raise DataError(
            f"{files[0]}: has {len(labels)} images; at least {VALIDATION} are needed, one of "
            f"{VALIDATION} being kept for validation"
        )
