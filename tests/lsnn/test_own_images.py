"""Sequential MNIST with few images, with noise at the test, and with images of one's own."""

import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

from lsnn.curvature.hessian import hessian_of
from lsnn.errors import ConfigError, DataError
from lsnn.network import network_of
from lsnn.randomness import generator
from lsnn.study.config import parse_study
from lsnn.tasks import new_task
from lsnn.tasks.mnist import FILES
from lsnn.tasks.own_data import stratified

pytestmark = pytest.mark.slow_on("2")

RANDOM = np.random.RandomState(0)
IMAGES, LABELS = RANDOM.randint(0, 256, (48, 7, 5)), np.arange(48) % 3
TEST_IMAGES, TEST_LABELS = RANDOM.randint(0, 256, (10, 7, 5)), np.arange(10) % 3


def idx(array):
    """Return an array as a file in the idx format."""
    array = np.asarray(array, np.uint8)
    head = struct.pack(">4B", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def own(tmpdir, compressed=(), **changed):
    """Write images of one's own, some files compressed; return the configuration of a study."""
    arrays = [IMAGES, LABELS, TEST_IMAGES, TEST_LABELS]
    folder = tmpdir.join("own").ensure(dir=True)
    for name, array in zip(FILES, arrays):
        content = changed.get(name.partition("-idx")[0].replace("-", "_"), idx(array))
        if name in compressed:
            name, content = name + ".gz", gzip.compress(content)
        folder.join(name).write_binary(content)
    return {
        "data": str(tmpdir),
        "task": {"name": "sequential_mnist", "images": "own"},
        "training": {"batch_size": 16},
        "hessian": [{"samples": 4}],
        "conditions": {"bptt": {"iterations": 2, "checkpoint_every": 1}},
    }


def task_in(tmpdir, **options):
    return new_task(dict(options, name="sequential_mnist", images="own"), str(tmpdir), 1)


@pytest.mark.parametrize("compressed", [(), tuple(FILES), list(FILES)[1:3]])
def test_images_of_any_size_and_number_of_classes_are_read(tmpdir, compressed):
    own(tmpdir, compressed)
    task = task_in(tmpdir)
    assert (task.n_steps, task.n_in, task.n_out) == (7, 5, 3)
    assert task.sizes == {"train": 44, "validation": 4, "test": 10} == task.evaluation_sizes
    order = stratified(LABELS)
    for split, images, labels in [
        ("validation", IMAGES[order[:4]], LABELS[order[:4]]),
        ("train", IMAGES[order[4:]], LABELS[order[4:]]),
        ("test", TEST_IMAGES, TEST_LABELS),
    ]:
        inputs, targets = task.examples(split, np.arange(len(labels)))
        expected = (images / 255.0).transpose(1, 0, 2)
        assert inputs == pytest.approx(expected, abs=1e-7) and inputs.dtype == np.float32
        assert np.array_equal(targets, labels)


def test_images_sorted_by_class_are_split_with_the_classes_in_their_shares(tmpdir):
    places = np.argsort(LABELS, kind="mergesort")
    files = {"train_images": idx(IMAGES[places]), "train_labels": idx(LABELS[places])}
    own(tmpdir, **files)
    task = task_in(tmpdir, n_train=12)
    assert np.bincount(task.examples("train", np.arange(12))[1]).tolist() == [4, 4, 4]
    assert np.bincount(task.examples("validation", np.arange(4))[1]).min() == 1
    assert not task.remarks


def test_what_is_odd_about_images_is_remarked_on(tmpdir):
    few = np.where(np.arange(48) < 47, 0, 1)
    own(
        tmpdir, train_images=idx(IMAGES > 127), train_labels=idx(few), t10k_labels=idx(np.zeros(10))
    )
    remarks = task_in(tmpdir).remarks
    lacking = [remark for remark in remarks if remark.endswith("has no example of class 1")]
    assert {remark.split()[1] for remark in lacking} >= {"test"} and len(lacking) == 2
    assert remarks[-1] == "all pixels are 0 or 1 of 255, as good as black"


def test_a_study_of_ones_own_images_knows_them_by_their_content(tmpdir):
    study = parse_study(own(tmpdir, compressed=list(FILES)[:1]))
    settings = study.training_settings("bptt", 1)
    paths = [os.path.join(str(tmpdir), "own", name) for name in FILES]
    paths[0] += ".gz"
    assert study.data_files() == paths
    expected = {}
    for path in paths:
        with open(path, "rb") as stream:
            expected[os.path.basename(path)] = hashlib.sha256(stream.read()).hexdigest()
    for of_job in (
        settings,
        study.entry_settings("hessian", "w_rec_validation"),
        study.examples_settings(),
    ):
        assert of_job["own_files"] == expected
    network = network_of(settings, str(tmpdir), 1)
    assert network.shapes["w_in"] == (5, 128) and network.shapes["w_out"] == (128, 3)
    # Other images are another task, and are not taken for those that the job was planned with.
    own(tmpdir, compressed=list(FILES)[:1], train_labels=idx((LABELS + 1) % 3))
    os.utime(paths[1], (1, 1))
    changed = study.training_settings("bptt", 1)
    assert changed["own_files"] != expected and len(changed["own_files"]) == 4
    message = (
        "sequential_mnist: .*train-labels-idx1-ubyte: changed since this job was planned; start"
    )
    with pytest.raises(DataError, match=message):
        network_of(settings, str(tmpdir), 1)
    assert "own_files" not in parse_study({}).training_settings("bptt", 1)


def test_more_examples_than_there_are_are_refused_when_they_are_known(tmpdir):
    settings = parse_study(own(tmpdir)).network_settings()
    network = network_of(settings, str(tmpdir), 1)
    with pytest.raises(ConfigError, match="samples: 5 examples are needed; split validation has 4"):
        hessian_of(network, "w_rec", "validation", 5)
    with pytest.raises(DataError, match="has 44 training images .* fewer than task.n_train = 45"):
        task_in(tmpdir, n_train=45)
    assert task_in(tmpdir, n_train=44).sizes["train"] == 44


@pytest.mark.parametrize(
    "file, content, message",
    [
        ("train_images", b"", "not an idx file"),
        ("train_images", b"PNG and so on", "not an idx file"),
        ("train_images", idx(IMAGES)[:-1], "damaged: its header says 1680 bytes, it has 1679"),
        ("train_images", idx(LABELS), "has shape .48,.; images .n, rows, columns. are needed"),
        ("train_labels", idx(IMAGES), "has shape .48, 7, 5.; labels .n. are needed"),
        ("train_labels", idx(LABELS[:-1]), "has 47 labels of 48 images"),
        ("t10k_images", idx(TEST_IMAGES[:, :6]), "images are 6 x 5, those for training 7 x 5"),
        ("t10k_labels", idx(TEST_LABELS + 1), "label 3 is not among those for training, .* most 2"),
        ("t10k_labels", idx(TEST_LABELS[:0]), "has shape .0,.; labels"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_by_name(tmpdir, file, content, message):
    own(tmpdir, **{file: content})
    name = file.replace("_", "-")
    with pytest.raises(DataError, match=f"own/{name}-idx.*: {message}"):
        task_in(tmpdir)


def test_a_damaged_compressed_file_is_refused_by_name(tmpdir):
    own(tmpdir, compressed=list(FILES))
    path = tmpdir.join("own", "train-labels-idx1-ubyte.gz")
    path.write_binary(path.read_binary()[:-9])
    with pytest.raises(DataError, match="train-labels-idx1-ubyte.gz: cannot be read"):
        task_in(tmpdir)


def test_too_few_images_are_refused(tmpdir):
    own(tmpdir, train_images=idx(IMAGES[:11]), train_labels=idx(LABELS[:11]))
    with pytest.raises(DataError, match="has 11 images; at least 12 are needed"):
        task_in(tmpdir)


FIRST = "train-images-idx3-ubyte"


@pytest.mark.parametrize("change", ["renamed", "no folder", "twice", "mnist", "link to mnist"])
def test_a_folder_that_does_not_serve_is_refused_by_name(tmpdir, change):
    values = own(tmpdir)
    name = "t10k-images-idx3-ubyte"
    if change == "renamed":
        tmpdir.join("own", name).rename(tmpdir.join("own", "images"))
        others = "images, t10k-labels-idx1-ubyte, train-images-idx3-ubyte, train-labels-idx1-ubyte"
        message = f"has neither {name} nor {name}.gz but {others}; one of them is needed"
    elif change == "no folder":
        tmpdir.join("own").remove()
        message = f"has neither {FIRST} nor {FIRST}.gz but no file; one of them is needed"
    elif change == "twice":
        tmpdir.join("own", name + ".gz").write_binary(b"")
        message = f"has both {name} and {name}.gz; one of them is needed"
    else:
        message = "is the folder of MNIST, .*; put your own into another one"
        os.rename(str(tmpdir.join("own")), str(tmpdir.join("mnist")))
        if change == "mnist":
            values["task"]["images"] = "./mnist"
        else:
            os.symlink(str(tmpdir.join("mnist")), str(tmpdir.join("own")))
    study = parse_study(values)
    for attempt in (study.data_files, lambda: study.training_settings("bptt", 1)):
        with pytest.raises(DataError, match="^task.images: .*: " + message):
            attempt()


def test_a_file_that_cannot_be_read_is_told_before_a_job_starts(tmpdir, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", path)

    study = parse_study(own(tmpdir))
    monkeypatch.setattr("lsnn.tasks.sha256_of_file", refused)
    with pytest.raises(DataError, match="cannot be read: .*Permission denied.*own/train-images"):
        study.network_settings()


# MNIST itself.


def mnist(**options):
    return new_task(dict(options, name="sequential_mnist"), "data", 1)


def test_few_training_images_are_the_first_ones():
    few, all_of_them = mnist(n_train=100), mnist()
    assert few.sizes == {"train": 100, "validation": 5000, "test": 10000}
    assert few.evaluation_sizes["train"] == 100
    assert all_of_them.sizes == {"train": 55000, "validation": 5000, "test": 10000}
    assert all_of_them.evaluation_sizes == {"train": 5000, "validation": 5000, "test": 10000}
    for split, n in (("train", 100), ("validation", 5000), ("test", 10000)):
        expected = all_of_them.examples(split, np.arange(n))
        for one, two in zip(few.examples(split, np.arange(n)), expected):
            assert np.array_equal(one, two)


def test_the_noisy_test_has_the_images_of_the_test_with_clipped_noise():
    task = mnist(tests={"noisy_test": {"test_noise": 0.2}})
    indices = np.arange(2000)
    clean, labels = task.examples("test", indices)
    noisy, same_labels = task.tests["noisy_test"].examples("test", indices)
    assert np.array_equal(labels, same_labels)
    assert noisy.dtype == np.float32 and noisy.min() == 0.0 and noisy.max() == 1.0
    middle = (clean > 0.45) & (clean < 0.55)
    noise = (noisy - clean)[middle]
    assert noise.std() == pytest.approx(0.2, rel=0.03) and abs(noise.mean()) < 0.01
    black = noisy[clean == 0.0]
    assert np.mean(black == 0.0) == pytest.approx(0.5, abs=0.01)
    assert black.mean() == pytest.approx(0.2 / np.sqrt(2 * np.pi), rel=0.02)
    drawn = generator(1, "sequential_mnist", "noisy_test").normal(0.0, 0.2, (28, 10000, 28))
    by_hand = np.clip(np.rint(255.0 * clean.astype(np.float64)) / 255.0 + drawn[:, :2000], 0.0, 1.0)
    assert np.array_equal(noisy, by_hand.astype(np.float32))
    assert np.array_equal(mnist(test_noise=0.2).examples("test", indices)[0], noisy)
    other = new_task({"name": "sequential_mnist", "test_noise": 0.2}, "data", 2)
    assert not np.array_equal(other.examples("test", indices)[0], noisy)
