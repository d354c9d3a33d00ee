"""Files with a flipped bit, cut off, or of an older format, read as the programs read them."""

import random
import shutil

import numpy as np
import pandas as pd
import pytest

import aggregate
import machinery
import plot
import write_tables
from lib.figures.results import read_spectra
from lib.tables import read_recorded_table, read_trajectories
from lsnn import training
from lsnn.errors import DataError, ResultError
from lsnn.network import Network
from lsnn.storage import checkpoints, files
from lsnn.storage.files import read_record, write_record
from lsnn.storage.progress import Progress
from lsnn.study.columns import SUMMARY
from lsnn.study.config import parse_study, read_study
from lsnn.study.outputs import trajectories_columns
from lsnn.tasks import mnist

FLIPS, TRUNCATIONS = 200, 50

STUDY = parse_study({"network": {"n_units": 5}, "conditions": {"bptt": {"iterations": 500}}})
SETTINGS = STUDY.training_settings("bptt", 1)
MADE_FROM = {
    "settings": STUDY.entry_settings("hessian", "w_rec_validation"),
    "checkpoints": "c0ffee",
}
TASK = STUDY.task_class.__new__(STUDY.task_class)  # without data
LEARNING_CURVE = training.learning_curve_names(TASK)
NETWORK = Network(STUDY.network, STUDY.loss, TASK)


def damages(path):
    """Damage a file again and again: 200 times one bit, 50 times its end; mend it in the end."""
    whole = path.read_bytes()
    chance = random.Random(path.name)
    for _ in range(FLIPS):
        position, bit = chance.randrange(len(whole)), 1 << chance.randrange(8)
        with open(path, "r+b") as stream:
            stream.seek(position)
            stream.write(bytes([whole[position] ^ bit]))
        yield f"bit {bit} of byte {position} flipped"
        with open(path, "r+b") as stream:
            stream.seek(position)
            stream.write(whole[position : position + 1])
    for _ in range(TRUNCATIONS):
        length = chance.randrange(len(whole))
        with open(path, "r+b") as stream:
            stream.truncate(length)
        yield f"cut off at {length} of {len(whole)} bytes"
        path.write_bytes(whole)


def refused_or_the_same(path, read, tell):
    """Read a file in every state of damage: an error that names it, or what is read from it whole.

    ``read`` returns a value that can be compared. What it raises beside the errors of this project
    is a bare traceback for a user, and fails the test.
    """
    expected = read()
    refused = harmless = 0
    for damage in damages(path):
        try:
            assert read() == expected, damage
            harmless += 1
        except (ResultError, DataError) as error:
            assert str(path) in str(error), damage
            refused += 1
    assert read() == expected
    assert refused + harmless == FLIPS + TRUNCATIONS
    assert refused > FLIPS / 2
    tell(
        f"{FLIPS} flips and {TRUNCATIONS} truncations of {path.name}",
        f"{refused} refused by name, {harmless} harmless (same content), no wrong number",
    )


def content(arrays):
    return {name: (array.dtype.str, array.tobytes()) for name, array in arrays.items()}


def weights():
    random_numbers = np.random.RandomState(0)
    return {n: random_numbers.randn(*s).astype(np.float32) for n, s in NETWORK.shapes.items()}


def write_progress(folder, job):
    """Write three records with what one of training has, and of the Hessian."""
    progress = Progress(str(folder), job, pytest.fail)
    for iteration in (0, 250, 500):
        measures = {f"measures/{name}": 1 / 3 for name in LEARNING_CURVE}
        memory = {"memory/extremes/start": np.random.RandomState(1).randn(25)}
        record = {"iteration": iteration, "lambda_max_converged": True}
        progress.append({**record, **weights(), **measures, **memory})


def write_checkpoints(path):
    arrays = {name: np.stack([array, array]) for name, array in weights().items()}
    arrays["iteration"] = np.array([0, 250])
    checkpoints.write(str(path), arrays, {"settings": SETTINGS})


def test_checkpoints(tmp_path, tell):
    path = tmp_path / "checkpoints.npz"
    write_checkpoints(path)

    def read():
        arrays, of_run = checkpoints.read_run(str(path), SETTINGS)
        condition, seed = of_run["condition"], of_run["seed"]
        checkpoints.check_shapes(str(path), arrays, NETWORK.shapes)
        return content(arrays), condition, seed

    refused_or_the_same(path, read, tell)


@pytest.mark.parametrize("name", ["0001.npz", "0002.npz", "0003.npz", "job.json"])
def test_progress(tmp_path, tell, name):
    """Read in every state of damage: up to the damage, or set aside, with a line that says so."""
    folder, aside, whole = (tmp_path / name for name in ("progress", "progress.set-aside", "whole"))
    job = {"settings": SETTINGS}
    write_progress(whole, job)
    expected = [content(record) for record in Progress(str(whole), job, pytest.fail).records]
    outcomes = dict.fromkeys(["set aside", "shorter", "harmless"], 0)
    for damage in damages(whole / name):
        for path in (folder, aside):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, folder)
        lines = []
        found = Progress(str(folder), job, lines.append)
        assert [content(record) for record in found.records] == expected[: found.size], damage
        if found.size == len(expected):
            assert not lines
            outcomes["harmless"] += 1
            continue
        (line,) = lines
        assert str(folder) in line, damage
        if aside.exists():
            assert found.size == 0 and not folder.exists() and "set-aside" in line
            outcomes["set aside"] += 1
        else:
            assert found.size == int(name[:4]) - 1
            assert f"record {int(name[:4])} of 3 is damaged" in line, damage
            outcomes["shorter"] += 1
    assert sum(outcomes.values()) == FLIPS + TRUNCATIONS
    assert outcomes["set aside" if name == "job.json" else "shorter"] > FLIPS / 2
    tell(
        f"{FLIPS} flips and {TRUNCATIONS} truncations of {name} of a job's progress",
        ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()),
    )


@pytest.mark.parametrize(
    "name, read",
    [
        ("t10k-images-idx3-ubyte", mnist.read),
        ("t10k-labels-idx1-ubyte", mnist.read),
    ],
)
def test_data(tmp_path, tell, name, read):
    path = tmp_path / name
    shutil.copy(machinery.REPOSITORY / "data" / "mnist" / name, path)
    expected = read(str(path))
    for damage in damages(path):
        with pytest.raises(DataError, match=name):
            pytest.fail(f"read in spite of {damage}: {read(str(path))}")
    assert np.array_equal(read(str(path)), expected)
    tell(f"{FLIPS} flips and {TRUNCATIONS} truncations of {name}", "all refused by name")


@pytest.fixture
def study_folder(tmp_path, monkeypatch):
    """A study with its tables, and the folder of one run in it."""
    monkeypatch.syspath_prepend(str(machinery.REPOSITORY / "tests" / "scripts"))
    import made_up_study

    made_up_study.write_study(tmp_path)
    run(
        monkeypatch,
        aggregate,
        ["--config", tmp_path / "config.yaml", "--runs", tmp_path / "runs", "--output", tmp_path],
    )
    return tmp_path


def run(monkeypatch, script, arguments):
    monkeypatch.setattr("sys.argv", ["script", *map(str, arguments)])
    script.main()


@pytest.mark.parametrize(
    "name",
    [
        "checkpoints.npz",
        "learning_curve.csv",
        "training.json",
        "hessian/w_rec_validation.csv",
        "hessian/w_rec_validation.json",
    ],
)
def test_results_of_a_run(study_folder, tell, name):
    study = read_study(str(study_folder / "config.yaml"))
    folder = study_folder / "runs" / "three_factor" / "seed_2"

    def read():
        columns = trajectories_columns(study)
        found = aggregate.read_run(str(folder), study, "three_factor", 2, columns)
        return found.table.to_csv(), found.metadata

    refused_or_the_same(folder / name, read, tell)


@pytest.mark.parametrize(
    "name", ["trajectories.csv", "summary.csv", "spectra.npz", "metadata.json"]
)
def test_tables_of_a_study(study_folder, tell, name):
    study = read_study(str(study_folder / "config.yaml"))

    def read():
        record = read_record(study_folder / "metadata.json")
        summary = read_recorded_table(study_folder / "summary.csv", SUMMARY, record)
        trajectories = read_trajectories(str(study_folder), study)
        spectra = content(read_spectra(str(study_folder)))
        return summary.to_csv(), trajectories.to_csv(), spectra, record

    refused_or_the_same(study_folder / name, read, tell)


def test_altered_tables_are_neither_drawn_nor_reported(study_folder, monkeypatch, tell):
    """That the programs themselves read in the way that was damaged above."""
    for name in ("trajectories.csv", "summary.csv"):
        path = study_folder / name
        table = pd.read_csv(path)
        table.iloc[0, 2] = 5
        table.to_csv(path, index=False)
    output = study_folder / "output"
    with pytest.raises(ResultError, match="trajectories.csv: altered since it was written"):
        run(monkeypatch, plot, ["--study", study_folder, "--output", output])
    with pytest.raises(ResultError, match="summary.csv: altered since it was written"):
        arguments = [
            part
            for name in ("config.yaml", "summary.csv", "metadata.json")
            for part in ("--" + name.partition(".")[0], study_folder / name)
        ]
        run(monkeypatch, write_tables, [*arguments, "--output", output])
    assert not output.exists()
    tell("a number altered in trajectories.csv and summary.csv", "not drawn, not reported")


def older(monkeypatch, module, name, write):
    """Call ``write`` as an older version of the project would."""
    with monkeypatch.context() as older_version:
        older_version.setattr(module, name, 0)
        write()


def test_results_of_an_older_format_are_refused_with_what_to_do(
    study_folder, tmp_path, monkeypatch, tell
):
    path = tmp_path / "checkpoints.npz"
    older(monkeypatch, checkpoints, "FORMAT_VERSION", lambda: write_checkpoints(path))
    with pytest.raises(ResultError, match="checkpoints.npz: checkpoint format 0.*train again"):
        checkpoints.read_run(str(path), SETTINGS)

    progress = tmp_path / "progress"
    older(monkeypatch, files, "RECORD_VERSION", lambda: write_progress(progress, SETTINGS))
    lines = []
    assert Progress(str(progress), SETTINGS, lines.append).size == 0
    assert "progress.set-aside, starting anew" in lines[0] and "format 0" in lines[0]

    study = read_study(str(study_folder / "config.yaml"))
    folder = study_folder / "runs" / "bptt" / "seed_1"
    record = read_record(folder / "training.json")
    older(
        monkeypatch,
        files,
        "RECORD_VERSION",
        lambda: write_record(folder / "training.json", record),
    )
    with pytest.raises(ResultError, match="training.json: record format 0.*delete it and run"):
        aggregate.read_run(str(folder), study, "bptt", 1, trajectories_columns(study))
    tell(
        "checkpoints, progress and record of an older format",
        "refused or set aside, with what to do",
    )


def test_progress_of_another_configuration_is_set_aside(tmp_path, tell):
    folder = tmp_path / "progress"
    write_progress(folder, SETTINGS)
    other = STUDY._replace(loss=STUDY.loss._replace(l2=0.5))
    lines = []
    assert Progress(str(folder), other.training_settings("bptt", 1), lines.append).size == 0
    assert len(lines) == 1 and "progress of another job" in lines[0]
    with pytest.raises(ResultError, match="loss.l2: 0.01 there, 0.5 wanted"):
        path = tmp_path / "checkpoints.npz"
        write_checkpoints(path)
        checkpoints.read_run(str(path), other.network_settings())
    tell("progress and checkpoints of another configuration", "set aside; refused")
