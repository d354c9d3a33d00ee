"""What train.py and curvature.py do about results that are there, where there is no TensorFlow."""

import contextlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import made_up_study
import train
from lib import jobs
from lsnn.curvature.quantities import columns_of_table
from lsnn.errors import ResultError
from lsnn.storage import checkpoints, records
from lsnn.storage.files import read_record, sha256_of_file, write_record, write_table
from lsnn.study.columns import RUN_KEYS
from lsnn.study.outputs import learning_curve_columns

STUDY = made_up_study.STUDY
SETTINGS = STUDY.training_settings("bptt", 1)
ENTRY = "w_rec_validation"


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"iterations": 101}, True),
        ({}, False),
        ({"iterations": 99}, False),
        ({"iterations": 200, "checkpoint_every": 40}, False),
        ({"iterations": 200, "seed": 2}, False),
        ({"iterations": 200, "code_hash": "0123456789abcdef"}, False),
        ({"iterations": 200, "training": {}}, False),
        ({"iterations": 200, "more": None}, False),
    ],
)
def test_a_run_is_longer_if_nothing_but_its_iterations_is_more(change, expected):
    wanted = {**SETTINGS, **change}
    assert train.is_longer(wanted, SETTINGS) is expected
    assert STUDY.training_settings("bptt", 1) == SETTINGS


@pytest.mark.parametrize("at, place", [("final", -1), ({"train_loss": 0.6}, 2)])
def test_a_run_starts_from_the_end_of_another_or_where_its_loss_was_as_low(tmp_path, at, place):
    made_up_study.write_run(str(tmp_path), STUDY, "bptt", 1)
    path = str(tmp_path / "checkpoints.npz")
    arrays, _ = checkpoints.read(path)
    checkpoints.write(path, arrays, {"settings": SETTINGS})
    settings = {**SETTINGS, "condition": "on", "start": {"condition": "bptt", "at": at}}
    start = train.start_of(settings, path)
    weights = checkpoints.weights_at(arrays, place)
    assert all((start.weights[name] == weights[name]).all() for name in weights)
    assert start.origin == {
        "condition": "bptt",
        "iteration": arrays["iteration"][place],
        "sha256": checkpoints.sha256_of_weights(weights),
    }
    for change, message in [
        ({"seed": 2}, "of bptt, seed 1, not of bptt, seed 2, which this run starts from"),
        (
            {"start": {"condition": "bptt", "at": {"train_loss": 0.01}}},
            "its training loss is never below 0.0625, and on starts from it at 0.01; choose",
        ),
    ]:
        with pytest.raises(ResultError, match=message):
            train.start_of({**settings, **change}, path)
    os.remove(tmp_path / "learning_curve.csv")
    settings["start"] = {"condition": "bptt", "at": {"train_loss": 0.6}}
    with pytest.raises(FileNotFoundError, match="learning_curve.csv"):  # ends in one line
        train.start_of(settings, path)


def test_a_learning_curve_that_is_read_is_written_again_to_the_bit(tmp_path):
    rows = made_up_study.learning_curve("bptt", 1)
    numbers = [0.1 + 0.2, 1e-300, float("nan"), float("inf"), float(np.float32(2.1)), 1 / 3]
    for row, number in zip(rows, numbers, strict=True):
        row["train_loss"] = number
    names = made_up_study.names_of(learning_curve_columns(STUDY))
    path, again = tmp_path / "one.csv", tmp_path / "again.csv"
    write_table(path, names, rows)
    found = jobs.read_rows(path)
    assert [float(row["train_loss"]) for row in found] == pytest.approx(numbers, 0, 0, nan_ok=True)
    write_table(again, names, found)
    assert again.read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a configuration, and a finished run of it and what is computed of its Hessian.

    Left over from before they were finished is the progress of both jobs.
    """
    folder = tmp_path_factory.mktemp("finished")
    made_up_study.write_config(folder / "config.yaml", made_up_study.CONFIG)
    weights = {name: np.zeros((1, 1)) for name in ("w_in", "w_rec", "w_out", "b_out")}
    run = folder / "run"
    checkpoints.write(run / "checkpoints.npz", {"iteration": [0], **weights}, {})
    columns = learning_curve_columns(STUDY)
    rows = made_up_study.learning_curve("bptt", 1)
    made_up_study.write_rows(run / "learning_curve.csv", columns, rows)
    outputs = ["checkpoints.npz", "learning_curve.csv"]
    hashes = {name: sha256_of_file(run / name) for name in outputs}
    write_record(run / "training.json", {"settings": SETTINGS, "outputs": hashes})
    table = run / "hessian" / f"{ENTRY}.csv"
    columns = [*RUN_KEYS, *columns_of_table("hessian", STUDY.entries("hessian")[ENTRY])]
    made_up_study.write_rows(table, columns, made_up_study.eigenvalues("bptt", 1))
    arrays = table.with_suffix(".npz")
    checkpoints.write(arrays, {"iteration": [0]}, {})
    write_record(
        table.with_suffix(".json"),
        {
            "settings": STUDY.entry_settings("hessian", ENTRY),
            "outputs": {path.name: sha256_of_file(path) for path in (table, arrays)},
            "checkpoints": {"sha256": hashes["checkpoints.npz"]},
        },
    )
    for progress in (run / "progress", table.with_suffix(".progress")):
        progress.mkdir()
        (progress / "0001.npz").write_bytes(b"unfinished")
    # In place of a TensorFlow, should this Python have one.
    (folder / "tensorflow.py").write_text("raise ImportError('there is none')\n")
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "folder")


PROGRAMS = {
    "train": ["train.py", "--condition", "bptt", "--seed", "1", "--output", "run"],
    "hessian": [
        "curvature.py",
        "--kind",
        "hessian",
        "--entry",
        ENTRY,
        "--checkpoints",
        "run/checkpoints.npz",
        "--output",
        "run/hessian",
    ],
}


def start(job, folder):
    program, *arguments = PROGRAMS[job]
    script = os.path.join(made_up_study.REPOSITORY, "scripts", program)
    return subprocess.run(
        [sys.executable, script, "--config", "config.yaml", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def contents(folder):
    """The bytes of all results, and of what was set aside."""
    files = [path for path in folder.glob("run/**/*") if path.is_file()]
    return {path: path.read_bytes() for path in files if path.suffix != ".lock"}


@pytest.mark.parametrize(
    "program, message",
    [
        (
            "train",
            "already complete: run/checkpoints.npz, run/learning_curve.csv; delete one to compute "
            "it anew\n",
        ),
        (
            "hessian",
            f"already complete: run/hessian/{ENTRY}.npz, run/hessian/{ENTRY}.csv; delete one to "
            "compute it anew\n",
        ),
    ],
    ids=PROGRAMS,
)
def test_complete_results_are_found_without_tensorflow(folder, program, message):
    before = contents(folder)
    done = start(program, folder)
    assert (done.returncode, done.stdout) == (0, message)
    assert contents(folder) == before  # the progress, too: a copy that fails may delete the results


def test_a_job_of_the_hessian_is_told_no_learning_rule(folder):
    """Whoever names one in its settings, by mistake, is refused."""
    settings = STUDY.entry_settings("hessian", ENTRY)
    assert not {"learning_rule", "training", "condition"} & set(settings)
    told = {**settings, "learning_rule": SETTINGS["learning_rule"]}
    arguments = [argument for argument in PROGRAMS["hessian"] if argument not in ("--entry", ENTRY)]
    script = os.path.join(made_up_study.REPOSITORY, "scripts", arguments.pop(0))
    arguments += ["--data", "data", "--settings", json.dumps(told)]
    done = subprocess.run(
        [sys.executable, script, *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 2 and "--kind hessian is told no learning rule" in done.stderr


@pytest.mark.parametrize("replaced", range(4))
def test_results_that_are_set_aside_are_never_lost(folder, monkeypatch, replaced):
    """Killed after any number of files, a job leaves them so that its next start completes it."""
    run = folder / "run"
    names = ["checkpoints.npz", "learning_curve.csv", "training.json"]
    record, results = str(run / names[2]), [str(run / name) for name in names[:2]]
    before = {name: (run / name).read_bytes() for name in names}
    replace, moved = os.replace, []

    def killed(source, target):
        if len(moved) == replaced:
            raise KeyboardInterrupt
        moved.append(source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt) if replaced < 3 else contextlib.nullcontext():
        records.set_aside(record, results, print)
    monkeypatch.undo()
    if replaced == 3:
        assert records.intact_record(record, results) is None
    records.set_aside(record, results, print)  # of the next start, before it writes anything
    [aside] = (run / "set-aside").iterdir()
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == before
    assert not [name for name in names if (run / name).exists()]


def alter_settings(path, **changes):
    record = read_record(path)
    write_record(path, {**record, "settings": {**record["settings"], **changes}})


def alter_bytes(path):
    path.write_bytes(path.read_bytes() + b"\n")


RECORD = f"hessian/{ENTRY}.json"


@pytest.mark.parametrize(
    "program, name, change, goes_on",
    [
        ("train", "training.json", lambda path: alter_settings(path, iterations=60), True),
        ("train", "training.json", lambda path: alter_settings(path, code_hash="0" * 64), False),
        ("train", "learning_curve.csv", alter_bytes, False),
        ("train", "checkpoints.npz", os.unlink, False),
        ("hessian", RECORD, lambda path: alter_settings(path, code_hash="0" * 64), False),
        ("hessian", "checkpoints.npz", alter_bytes, False),
    ],
    ids=["shorter", "code", "altered", "missing", "hessian code", "other checkpoints"],
)
def test_other_results_are_computed_anew_and_stay_until_then(
    folder, program, name, change, goes_on
):
    change(folder / "run" / name)
    before = contents(folder)
    done = start(program, folder)
    assert done.returncode == 1
    *lines, error = done.stdout.splitlines()
    assert lines == (["the run here goes on: more iterations are wanted"] if goes_on else [])
    assert "cannot import TensorFlow (there is none)" in error
    assert contents(folder) == before
