import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.errors import DataError
from lsnn.network import network_of
from lsnn.options import text
from lsnn.study.config import parse_study
from lsnn.tasks import TASKS
from small import SmallTask


def test_splits_of_mnist(mnist):
    images, labels = mnist.examples("train", np.arange(3))
    assert images.shape == (28, 3, 28) and images.dtype == np.float32
    assert images.min() == 0.0 and images.max() == 1.0
    assert labels.dtype == np.int32
    # The labels of the 5,001st training image and of the first test images, read off the files.
    with open("data/mnist/train-labels-idx1-ubyte", "rb") as stream:
        in_file = np.frombuffer(stream.read()[8:], np.uint8)
    assert (labels == in_file[5000:5003]).all()
    assert (mnist.examples("validation", np.arange(5000))[1] == in_file[:5000]).all()
    for split, size in mnist.sizes.items():
        assert len(mnist.examples(split, slice(None))[1]) == size


def test_every_epoch_shows_every_example_once_in_an_order_of_its_own():
    task = SmallTask()
    n = task.sizes["train"]
    batches = [task.batch(iteration=i, size=n // 2) for i in range(4)]
    first = np.concatenate([batches[0][0], batches[1][0]], axis=1)
    second = np.concatenate([batches[2][0], batches[3][0]], axis=1)
    everything = task.examples("train", np.arange(n))[0]

    def as_set(images):
        return sorted(image.tobytes() for image in images.transpose(1, 0, 2))

    assert as_set(first) == as_set(second) == as_set(everything)
    assert not np.array_equal(first, second)


def test_a_batch_goes_over_the_end_of_an_epoch():
    task = SmallTask()
    inputs = np.concatenate([task.batch(i, 15)[0] for i in range(8)], axis=1)  # 3 epochs
    whole = np.concatenate([task.batch(i, 40)[0] for i in range(3)], axis=1)
    assert np.array_equal(inputs, whole)


def test_batches_depend_on_seed_and_iteration_alone(mnist):
    later_first = [mnist.batch(i, 256) for i in (300, 2)]
    in_order = [mnist.batch(i, 256) for i in (2, 300)]
    assert np.array_equal(later_first[0][0], in_order[1][0])
    assert np.array_equal(later_first[1][1], in_order[0][1])
    assert not np.array_equal(mnist.batch(0, 256)[1], mnist.batch(1, 256)[1])
    assert not np.array_equal(SmallTask(5).batch(0, 20)[1], SmallTask(6).batch(0, 20)[1])


def test_loss_and_accuracy():
    task = SmallTask()
    logits = np.array([[[2.0, 0.0, 0.0, -1.0], [80.0, -90.0, 0.0, 1.0]]], np.float32)
    targets = np.array([0, 1], np.int32)
    with tf.Graph().as_default() as graph:
        loss = task.loss(tf.constant(logits), tf.constant(targets))
        accuracy = task.accuracy(tf.constant(logits), tf.constant(targets))
    found = new_session(graph).run([loss, accuracy])
    by_hand = [np.log(1 + 2 * np.exp(-2.0) + np.exp(-3.0)), 170.0]
    assert found[0] == pytest.approx(np.mean(by_hand), rel=1e-6)
    assert found[1] == 0.5


class OwnFiles(SmallTask):
    """A task that reads two files of the user's, named by options that only it has."""

    options = {"first": text("A file."), "second": text("Another.")}

    def __init__(self, data, seed, first, second):
        super().__init__(seed)

    @classmethod
    def outline(cls, **options):
        return {}

    @classmethod
    def own_files(cls, data, first, second):
        return [data + "/" + first, data + "/" + second]


def test_own_files_of_any_task_that_have_changed_are_named(tmpdir, monkeypatch):
    monkeypatch.setitem(TASKS, "own_files", OwnFiles)
    for name in ("sounds.npy", "words.npy"):
        tmpdir.join(name).write("as planned")
    task = {"name": "own_files", "first": "sounds.npy", "second": "words.npy"}
    values = {"task": task, "data": str(tmpdir), "training": {"batch_size": 4}, "hessian": []}
    settings = parse_study(values).network_settings()
    assert sorted(settings["own_files"]) == ["sounds.npy", "words.npy"]
    assert network_of(settings, str(tmpdir), 1).task.seed == 1
    tmpdir.join("words.npy").write("changed since")
    message = "^task own_files: words.npy: changed since this job was planned; start the workflow"
    with pytest.raises(DataError, match=message):
        network_of(settings, str(tmpdir), 1)
    tmpdir.join("words.npy").remove()
    with pytest.raises(DataError, match="cannot be read: .*words.npy"):
        network_of(settings, str(tmpdir), 1)
