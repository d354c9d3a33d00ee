"""Results of other code are kept if all that is computed again is the same to the bit."""

from pathlib import Path

import numpy as np
import pytest

from lib import adoption, jobs
from lsnn.storage import checkpoints, records
from lsnn.storage.files import read_record, sha256_of_file, write_record, write_table

SETTINGS = {"seed": 1, "iterations": 500, "code_hash": "new"}
FOUND = {**SETTINGS, "code_hash": "old"}
COLUMNS = ("iteration", "fraction", "loss")
ITERATIONS = [0, 200, 300, 400]
COMPARED = "the first 300 iterations"


def write(files, n, length, settings=SETTINGS, losses=(2.0, np.nan, 0.1, 1.0), **changes):
    """Write the results of n checkpoints of a job of some length."""
    weights = {name: np.full((n, 2), np.nan, np.float32) for name in ("w_in", "w_rec", "w_out")}
    arrays = {**weights, "b_out": np.arange(n), "iteration": ITERATIONS[:n]}
    arrays.update({"rule/feedback": np.ones(5), "memory/state_0": np.full(2, length), **changes})
    arrays = {name: array for name, array in arrays.items() if array is not None}
    checkpoints.write(files.arrays, arrays, {"settings": settings})
    rows = [
        {"iteration": at, "fraction": at / length, "loss": loss}
        for at, loss in zip(ITERATIONS[:n], losses, strict=False)
    ]
    write_table(files.table, COLUMNS, rows)
    outputs = {path.rpartition("/")[2]: sha256_of_file(path) for path in files.results}
    write_record(files.record, {"settings": settings, "outputs": outputs})


@pytest.fixture
def files(tmp_path):
    """Finished results of other code."""
    found = jobs.files_of_run(str(tmp_path / "run"))
    write(found, 4, 500, FOUND)
    return found


def adopt(files, settings=SETTINGS, **again):
    found = read_record(files.record)
    return adoption.adopt(
        found, files, settings, COMPARED, lambda beginning: write(beginning, 3, 300, **again)
    )


def test_results_with_the_same_beginning_are_kept_as_they_are(files, capsys):
    before = [Path(path).read_bytes() for path in files.results]
    assert adopt(files)
    assert [Path(path).read_bytes() for path in files.results] == before
    record = records.intact_record(files.record, files.results)
    assert record["settings"] == SETTINGS
    assert record["adopted"] == {"code_hash": "old", "compared": COMPARED}
    assert "of other code (old)" in capsys.readouterr().out


def test_kept_again_they_are_still_those_of_the_code_that_computed_them(files):
    assert adopt(files) and adopt(files, {**SETTINGS, "code_hash": "newer"})
    record = read_record(files.record)
    assert record["settings"]["code_hash"] == "newer"
    assert record["adopted"]["code_hash"] == "old"


@pytest.mark.parametrize(
    "again, told",
    [
        ({"losses": (2.0, np.nan, np.nextafter(0.1, 1))}, "loss 0.1000"),
        ({"losses": (2.0, 1.0, 0.1)}, "loss 1.0 at iteration 200, nan there"),
        ({"b_out": np.arange(3) + 1}, "array b_out"),
        ({"b_out": np.arange(3.0)}, "array b_out"),
        ({"rule/feedback": np.zeros(5)}, "array rule/feedback"),
        ({"rule/feedback": None}, "array rule/feedback of one of them alone"),
        ({"density": np.zeros((3, 2))}, "array density of one of them alone"),
    ],
)
def test_a_single_other_bit_is_told_and_nothing_kept(files, again, told, capsys):
    record = read_record(files.record)
    assert not adopt(files, **again)
    assert f"not kept, as the present code gives other numbers: {told}" in capsys.readouterr().out
    assert read_record(files.record) == record


def test_results_of_other_settings_are_not_even_compared(files, capsys):
    assert not adopt(files, {**SETTINGS, "seed": 2})
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "iterations, again", [([0, 200, 300, 400], 300), ([0, 299], 299), ([0], 1), ([0, 1, 700], 1)]
)
def test_a_run_is_trained_again_to_its_last_checkpoint_up_to_300(tmp_path, iterations, again):
    found = jobs.files_of_run(str(tmp_path))
    weights = dict.fromkeys(("w_in", "w_rec", "w_out", "b_out"), np.zeros(len(iterations)))
    checkpoints.write(found.arrays, {"iteration": iterations, **weights}, {})
    assert adoption.iterations_again(found) == again
