import os

import numpy as np
import pytest

from lsnn.errors import ResultError
from lsnn.storage import checkpoints
from lsnn.study.config import parse_study
from small import small_network


@pytest.fixture
def path(tmpdir):
    return os.path.join(str(tmpdir), "checkpoints.npz")


@pytest.fixture
def arrays():
    _, weights = small_network()
    stacked = {name: np.stack([w, 2 * w]) for name, w in weights.items()}
    return dict(stacked, iteration=np.array([0, 5]))


def test_what_was_written_is_read_and_is_plain_npz(path, arrays):
    checkpoints.write(path, arrays, {"settings": {"seed": 3}})
    found, metadata = checkpoints.read(path)
    assert metadata == {"settings": {"seed": 3}, "format_version": checkpoints.FORMAT_VERSION}
    with np.load(path) as plain:
        for name, array in arrays.items():
            assert np.array_equal(found[name], array)
            assert np.array_equal(plain[name], array)
    second = checkpoints.weights_at(found, 1)
    assert np.array_equal(second["w_rec"], 2 * checkpoints.weights_at(found, 0)["w_rec"])


def test_the_same_content_gives_the_same_bytes(path, arrays):
    checkpoints.write(path, arrays, {"a": 1, "b": 2})
    checkpoints.write(path + "2", arrays, {"b": 2, "a": 1})
    with open(path, "rb") as one, open(path + "2", "rb") as two:
        assert one.read() == two.read()


def test_a_file_with_any_byte_altered_or_cut_off_is_refused_or_harmless(path, arrays):
    checkpoints.write(path, arrays, {"settings": {}})
    with open(path, "rb") as stream:
        content = stream.read()
    random = np.random.RandomState(0)
    refused = 0
    for trial in range(250):
        damaged = bytearray(content)
        if trial < 200:
            damaged[random.randint(len(damaged))] ^= 1 << random.randint(8)
        else:
            del damaged[random.randint(len(damaged)) :]
        with open(path, "wb") as stream:
            stream.write(damaged)
        try:
            found, metadata = checkpoints.read(path)
        except ResultError as error:
            assert path in str(error)
            refused += 1
        else:
            assert metadata["settings"] == {}
            assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    assert refused > 200


def test_files_that_are_not_checkpoints_are_refused(path, arrays):
    with pytest.raises(ResultError, match="no such file"):
        checkpoints.read(path)
    np.savez(path, **arrays)
    with pytest.raises(ResultError, match="not a checkpoint file"):
        checkpoints.read(path)
    incomplete = {name: array for name, array in arrays.items() if name != "w_rec"}
    checkpoints.write(path, incomplete, {})
    with pytest.raises(ResultError, match="has no array w_rec"):
        checkpoints.read(path)


def test_another_format_version_is_refused_with_what_to_do(path, arrays, monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT_VERSION", 0)
    checkpoints.write(path, arrays, {})
    monkeypatch.undo()
    with pytest.raises(ResultError, match="format 0, this version of lsnn reads format 1.*again"):
        checkpoints.read(path)


def test_weights_of_another_network_are_refused(path, arrays):
    network, _ = small_network()
    checkpoints.check_shapes(path, arrays, network.shapes)
    arrays["w_in"] = arrays["w_in"][:, :, :-1]
    with pytest.raises(ResultError, match=r"w_in has shape \(2, 3, 8\).*need \(2, 3, 9\)"):
        checkpoints.check_shapes(path, arrays, network.shapes)


def test_a_run_is_read_by_a_study_of_the_same_task_network_and_loss(path, arrays):
    values = {"network": {"n_units": 9}, "conditions": {"quick": {"learning_rule": "bptt"}}}
    study = parse_study(values)
    checkpoints.write(path, arrays, {"settings": study.training_settings("quick", 3)})
    training = parse_study(dict(values, training={"learning_rate": 0.5}, tensorflow="2"))
    for same in (study, training):
        found, of_run = checkpoints.read_run(path, same.training_settings("quick", 4))
        condition, seed = of_run["condition"], of_run["seed"]
        assert (condition, seed) == ("quick", 3)
        assert np.array_equal(found["w_rec"], arrays["w_rec"])
    for part, changes, line in [
        ("loss", {"l2": 0.5}, r"loss\.l2: 0\.01 there, 0\.5 wanted"),
        ("network", {"n_units": 8}, r"network\.n_units: 9 there, 8 wanted"),
        (
            "network",
            {"neurons": {"tau_m": 3.0}},
            r"network\.neurons\.tau_m: 0\.01 there, 3\.0 wanted",
        ),
        (
            "task",
            {"name": "store_recall"},
            r'task\.name: "sequential_mnist" there, "store_recall" wanted',
        ),
    ]:
        other = parse_study(dict(values, **{part: dict(values.get(part, {}), **changes)}))
        with pytest.raises(ResultError, match=line):
            checkpoints.read_run(path, other.training_settings("quick", 3))
