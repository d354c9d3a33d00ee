"""Sequences of one's own: files, splits, trials of unlike length, and what is refused."""

import os
import re

import numpy as np
import pytest

from lsnn.backend import new_session, tf
from lsnn.errors import ConfigError, DataError
from lsnn.learning_rules import new_rule
from lsnn.network import Network, network_of
from lsnn.study.config import parse_study
from lsnn.tasks import new_task, task_class
from lsnn.tasks.own_data import stratified
from small import NETWORKS, SPIKING_NETWORKS, loss_settings, relative_error

RANDOM = np.random.RandomState(0)
N, STEPS, CHANNELS = 30, 6, 2
X = RANDOM.randn(N, STEPS, CHANNELS)
LENGTHS = RANDOM.randint(2, STEPS + 1, N)
CLASSES, VALUES = np.repeat([3, 5, 9], N // 3), RANDOM.randn(N, STEPS, 2)


def task_of(tmpdir, arrays, name="own.npz", seed=1, **options):
    if arrays:
        np.savez(str(tmpdir.join(name)), **arrays)
    return new_task(dict(options, name="sequences", file=name), str(tmpdir), seed)


def everything(task, split):
    return task.examples(split, np.arange(task.sizes[split]))


def test_classes_are_read_and_split_in_their_shares(tmpdir):
    task = task_of(tmpdir, {"x": X, "y": CLASSES})
    assert (task.n_steps, task.n_in, task.n_out) == (STEPS, CHANNELS, 3)
    assert task.class_names == ("3", "5", "9")
    assert task.sizes == {"train": 24, "validation": 3, "test": 3} == task.evaluation_sizes
    seen = []
    for split in task.sizes:
        inputs, targets = everything(task, split)
        assert inputs.dtype == np.float32 and targets.dtype == np.int32
        assert np.bincount(targets).tolist() == 3 * [task.sizes[split] // 3]
        for trial, target in zip(inputs.transpose(1, 0, 2), targets):
            (place,) = np.flatnonzero([np.allclose(trial, one) for one in X])
            assert CLASSES[place] == [3, 5, 9][target]
            seen.append(place)
    assert sorted(seen) == list(range(N))
    again = task_of(tmpdir, {"x": X, "y": CLASSES}, seed=2)  # the same in all runs
    assert np.array_equal(everything(again, "train")[0], everything(task, "train")[0])
    few = task_of(tmpdir, None, n_train=6)
    assert np.bincount(everything(few, "train")[1]).tolist() == [2, 2, 2]
    assert not task.remarks and not task.is_padded


def test_the_file_can_have_the_splits(tmpdir):
    split = np.array(["train", "test", "validation"] * 10)
    task = task_of(tmpdir, {"x": X, "y": CLASSES.astype(str), "split": split})
    assert task.sizes == {"train": 10, "validation": 10, "test": 10}
    for number, name in enumerate(["train", "test", "validation"]):
        inputs, _ = everything(task, name)
        expected = X[number::3].astype(np.float32)
        assert np.array_equal(np.sort(inputs[-1, :, 0]), np.sort(expected[:, -1, 0]))


def test_channels_may_be_called_anything_and_steps_be_written_with_a_point(tmpdir):
    text = "\ufefftrial, step, x_pos, y_pos, y\n"
    for trial in range(6):
        text += "".join(f"{trial},{step}.0,{trial},{10 * step},{trial % 2}\n" for step in range(3))
    tmpdir.join("own.csv").write_binary(text.encode())
    task = task_of(tmpdir, None, "own.csv")
    assert (task.n_steps, task.n_in, task.n_out) == (3, 2, 2)
    assert everything(task, "train")[0][:, 0, 1].tolist() == [0, 10, 20]
    both = text.replace(", y\n", ", y_1\n").replace("x_pos", "y")
    tmpdir.join("both.csv").write_binary(both.encode())
    with pytest.raises(DataError, match="has a column y beside y_1; one or the other is needed"):
        task_of(tmpdir, None, "both.csv", targets="values")


def test_more_examples_than_the_file_has_are_refused_before_anything_runs(tmpdir):
    np.savez(str(tmpdir.join("own.npz")), x=X, y=CLASSES)
    values = {"data": str(tmpdir), "task": {"name": "sequences", "file": "own.npz"}}
    wanted = [{"split": "train", "samples": 24}, {"samples": 4}]
    with pytest.raises(ConfigError, match="hessian.1.samples: 4 .* at most the 3 examples of spl"):
        parse_study(dict(values, hessian=wanted)).data_files()
    study = parse_study(dict(values, hessian=wanted[:1]))
    assert study.data_files() == [str(tmpdir.join("own.npz"))]
    few = dict(values["task"], n_train=23)
    with pytest.raises(ConfigError, match="hessian.0.samples: 24 .* at most the 23 examples of "):
        parse_study(dict(values, task=few, hessian=wanted[:1])).data_files()


def test_a_split_without_a_class_is_remarked_on(tmpdir):
    split = np.repeat(["train", "validation", "test"], 10)
    split[[10, 20]], split[25] = "train", "validation"
    task = task_of(tmpdir, {"x": X, "y": CLASSES, "split": split})
    assert task.remarks == [
        "split validation has no example of class 3",
        "split test has no example of class 3, 5",
    ]


def csv_of(tmpdir, of_values):
    """Write the trials, each of its length, as a csv."""
    lines = ["trial,step,left,right," + ("y_1,y_2" if of_values else "y")]
    for trial in range(N):
        for step in range(LENGTHS[trial]):
            wanted = VALUES[trial, step] if of_values else [f"class {CLASSES[trial]}"]
            numbers = [f"t{trial}", step + 1, *X[trial, step], *wanted]
            lines.append(",".join(str(number) for number in numbers))
    tmpdir.join("own.csv").write("\n".join(lines) + "\n")


@pytest.mark.parametrize("targets", ["classes", "values"])
def test_a_csv_has_the_same_as_an_npz(tmpdir, targets):
    csv_of(tmpdir, targets == "values")
    wanted = {"classes": CLASSES, "values": VALUES}[targets]
    arrays = {"x": X, "y": wanted, "lengths": LENGTHS}
    first = task_of(tmpdir, arrays, targets=targets)
    second = task_of(tmpdir, None, "own.csv", targets=targets)
    for split in first.splits:
        for one, two in zip(everything(first, split), everything(second, split)):
            assert np.allclose(one, two, equal_nan=True)
    if targets == "classes":
        assert second.class_names == ("class 3", "class 5", "class 9")


def test_measures_follow_from_the_targets():
    of_classes, of_values = (
        parse_study({"task": {"name": "sequences", "targets": targets}, "hessian": []})
        for targets in ("classes", "values")
    )
    assert [measure.name for measure in of_classes.measures] == ["loss", "accuracy"]
    assert [measure.label for measure in of_values.measures] == ["mean squared error"]
    assert of_classes.task_class.is_classification and not of_values.task_class.is_classification
    with pytest.raises(ConfigError, match="conditions.rflo.task: asks for other measures"):
        parse_study(
            {
                "task": "sequences",
                "hessian": [],
                "conditions": {"rflo": {"task": {"targets": "values"}}, "bptt": {}},
            }
        )


def loss_and_gradients(network, weights, inputs, targets, rule):
    with tf.Graph().as_default() as graph:
        tensors = {name: tf.constant(value) for name, value in weights.items()}
        examples = [tf.constant(part) for part in (inputs, targets)]
        response = network.respond(tensors, examples[0], new_rule({"name": rule}))
        loss = network.loss(tensors, response, examples[1])
        gradients = tf.gradients(loss, list(tensors.values()))
        with new_session(graph) as session:
            return session.run([loss, gradients])


@pytest.mark.slow_on("1.12")
@pytest.mark.parametrize(
    "neurons, targets",
    [
        (NETWORKS["leaky"], "classes"),
        (SPIKING_NETWORKS["alif"], "values"),
        pytest.param(NETWORKS["adaptive"], "values", marks=pytest.mark.slow),
        pytest.param(SPIKING_NETWORKS["alif"], "classes", marks=pytest.mark.slow),
    ],
)
def test_loss_and_gradient_are_those_of_each_trial_at_its_own_length(tmpdir, neurons, targets):
    """Whatever the padding, and whatever the file has after the end of a trial."""
    wanted = {"classes": CLASSES, "values": VALUES}[targets]
    x = 3 * np.where(np.arange(STEPS)[:, None] < LENGTHS[:, None, None], X, 1e6)
    task = task_of(tmpdir, {"x": x, "y": wanted, "lengths": LENGTHS}, targets=targets)
    network = Network(neurons, loss_settings(), task, seed=3)
    weights = network.initial_weights()
    weights["b_out"] = np.linspace(-0.5, 0.5, task.n_out).astype(np.float32)
    inputs, of_batch = task.examples("train", np.arange(8))
    starts = np.argmax((inputs != 0).any(axis=2), axis=0)
    assert len(set(starts)) > 2
    for rule in ("bptt", "three_factor"):
        loss, gradients = loss_and_gradients(network, weights, inputs, of_batch, rule)
        alone = []
        for place, start in enumerate(starts):
            own = task_of(
                tmpdir,
                {"x": X[:, start:], "y": wanted if targets == "classes" else VALUES[:, start:]},
                f"{start}.npz",
                targets=targets,
            )
            shorter = Network(neurons, loss_settings(), own, seed=3)
            target = of_batch[..., place : place + 1]
            target = target[start:] if targets == "values" else target
            trial = inputs[start:, place : place + 1]
            alone.append(loss_and_gradients(shorter, weights, trial, target, rule))
        losses, by_trial = zip(*alone)
        assert loss == pytest.approx(np.mean(losses), rel=1e-5)
        for number, gradient in enumerate(gradients):
            mean = np.mean([one[number] for one in by_trial], axis=0)
            assert relative_error(gradient, mean) < 1e-4
    assert np.any(gradients[0] != 0)


@pytest.mark.parametrize(
    "network, loss, key",
    [
        ({"neurons": {"name": "lif", "input_noise": 0.1}}, {}, "network.neurons.input_noise: 0.1"),
        ({}, {"rate_cost": 1.0}, "loss.rate_cost: 1.0"),
    ],
)
def test_steps_before_a_trial_that_would_count_are_refused(tmpdir, network, loss, key):
    np.savez(str(tmpdir.join("own.npz")), x=X, y=CLASSES, lengths=LENGTHS)
    study = parse_study(
        {
            "data": str(tmpdir),
            "task": {"name": "sequences", "file": "own.npz"},
            "network": network,
            "loss": loss,
            "hessian": [],
        }
    )
    with pytest.raises(ConfigError, match=key + ".*where trials differ in length"):
        network_of(study.network_settings(), str(tmpdir), 1)


def changed(array, place, value):
    array = np.array(array, float)
    array[place] = value
    return array


WRONG = [
    ({"x": X}, {}, "has no y"),
    ({"x": X[0], "y": CLASSES}, {}, r"x has shape \(6, 2\); \(trials, steps, channels\)"),
    ({"x": changed(X, (4, 3, 1), np.nan), "y": CLASSES}, {}, "x of trial 4, step 3, column 1 is"),
    (
        {"x": X, "y": changed(VALUES, (4, 3, 1), np.inf)},
        {"targets": "values"},
        "y of trial 4, step 3, column 1 is",
    ),
    ({"x": X[:1], "y": CLASSES[:1]}, {}, "y: all trials are of class 3; two are needed"),
    ({"x": X[:2], "y": np.arange(2)}, {}, "has 2 trials; a split into three parts needs more"),
    ({"x": X, "y": CLASSES[:-1]}, {}, r"y has shape \(29,\); \(trials\) is needed with task.targ"),
    ({"x": X, "y": VALUES}, {}, "; for this y set task.targets: values"),
    ({"x": X, "y": CLASSES}, {"targets": "values"}, "; for this y set task.targets: classes"),
    ({"x": X, "y": CLASSES + 0.5}, {}, "y: 3.5 is no class; classes are whole numbers or texts"),
    ({"x": X, "y": CLASSES, "lengths": LENGTHS + STEPS}, {}, "lengths: trial 0 has .* 1 to 6"),
    ({"x": X, "y": CLASSES, "lengths": LENGTHS[1:]}, {}, "lengths needs a whole number for each"),
    ({"x": X, "y": CLASSES, "split": N * ["train"]}, {}, "split: no trial is validation"),
    ({"x": X, "y": CLASSES, "split": N * ["dev"]}, {}, "split: dev is none of train, validation"),
    ({"x": X, "y": CLASSES, "split": ["test"]}, {}, r"split has shape \(1,\); one is needed for"),
    (
        {"x": X[:12], "y": CLASSES[:12], "split": 10 * ["train"] + ["validation", "test"]},
        {},
        "split train has no example of class 5; give more trials of it, or a split",
    ),
    ({"x": X, "y": CLASSES}, {"n_train": 2}, "split train has no example of class .*; take more"),
    ({"x": X, "y": CLASSES}, {"n_train": 25}, "has 24 training trials; take fewer"),
]


@pytest.mark.parametrize("arrays, options, message", WRONG, ids=lambda value: str(value)[-40:])
def test_what_no_task_can_be_made_of_is_refused_before_anything_runs(
    tmpdir, arrays, options, message
):
    np.savez(str(tmpdir.join("own.npz")), **arrays)
    task = dict(options, name="sequences", file="own.npz")
    study = parse_study({"data": str(tmpdir), "task": task, "hessian": []})
    with pytest.raises(DataError, match=r"task\..*own.npz.*" + message):
        study.data_files()


HEAD = "trial,step,a,y\n"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "has no rows with the columns trial and step; its columns are: none"),
        ("trial;step\n1;2\n", "has no rows with .*; its columns are: trial;step"),
        (HEAD + "1,0,0.5,1\n1,2,0.5,1\n", "line 3: step 2 of trial 1 is not step 1; every"),
        (HEAD + "1,0,0.5,1\n2,1,0.5,1\n", "line 3: step 1 of trial 2 is not step 0; every"),
        (HEAD + "1,0,0.5,1\n1,1,,1\n", 'line 3: a: "" is not a number'),
        (HEAD + "1,0,nan,1\n", 'line 2: a: "nan" is not a number'),
        (HEAD + "1,inf,0.5,1\n", 'line 2: step: "inf" is not a number'),
        (HEAD + "1,0,0.5,1\n1,1,0.5\n", "line 3: has not one cell for each of 4 columns"),
        (HEAD + "1,0,0.5,1,2\n", "line 2: has not one cell for each of 4 columns"),
        (HEAD + "1,0,0.5,\n", 'trial 1: y is ""; one is needed'),
        ("," + HEAD + "0,1,0,0.5,1\n", "has a column without a name, or two of one name"),
        ("trial,step,a,a,y\n1,0,2,3,1\n", "has a column without a name, or two of one name"),
        (HEAD + "1,0,0.5,nan\n2,0,1,b\n3,0,1,b\n", "y of trial 0 is missing"),
        ("trial,step,a,y_1\n1,0,2,3\n", "has no y"),
        (HEAD + "1,0,0.5,1\n1,1,0.5,2\n", 'trial 1: y is "1" and "2"; one is needed'),
        (HEAD + "1,first,0.5,1\n", 'line 2: step: "first" is not a number'),
    ],
)
def test_a_csv_that_is_no_table_of_trials_is_refused(tmpdir, text, message):
    tmpdir.join("own.csv").write(text)
    with pytest.raises(DataError, match="own.csv: " + message):
        task_of(tmpdir, None, "own.csv")


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "task.file: .*own.npz: No such file or directory; give the path of yours"),
        (b"PK no zip", "own.npz: "),
        (b"text", "own.npz: "),
    ],
)
def test_a_file_that_is_not_there_or_damaged_is_refused(tmpdir, content, message):
    if content is not None:
        tmpdir.join("own.npz").write_binary(content)
    with pytest.raises(DataError, match=message):
        task_of(tmpdir, None)


def test_a_truncated_file_is_refused(tmpdir):
    np.savez(str(tmpdir.join("own.npz")), x=X, y=CLASSES)
    content = tmpdir.join("own.npz").read_binary()
    for size in (len(content) - 1, len(content) // 2, 100):
        tmpdir.join("own.npz").write_binary(content[:size])
        with pytest.raises(DataError, match="own.npz: "):
            task_of(tmpdir, None)


def test_the_class_of_the_task_is_that_of_its_targets():
    assert task_class({"name": "sequences"}).__name__ == "Sequences"
    assert task_class({"name": "sequences", "targets": "values"}).__name__ == "SequencesOfValues"


def test_any_stretch_of_a_stratified_permutation_has_the_classes_in_their_shares():
    classes = np.repeat([0, 1, 2], [20, 100, 280])
    order = stratified(classes)
    assert sorted(order) == list(range(400))
    for start in range(0, 400, 40):
        found = np.bincount(classes[order[start : start + 40]], minlength=3)
        assert np.abs(found - [2, 10, 28]).max() <= 1


def test_the_file_that_the_page_makes_is_a_task(tmpdir, monkeypatch):
    page = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "how-to", "own_sequences.md")
    with open(page, encoding="utf-8") as stream:
        (program,) = re.findall(r"```python\n(.*?)```", stream.read(), re.S)
    assert len(program.splitlines()) <= 20
    monkeypatch.chdir(tmpdir.mkdir("data").dirpath())
    exec(compile(program, page, "exec"), {})
    task = new_task({"name": "sequences", "file": "trials.npz"}, "data", 1)
    assert task.class_names == ("falling", "rising") and task.is_padded
    assert task.sizes == {"train": 160, "validation": 20, "test": 20}
