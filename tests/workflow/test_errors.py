"""What a user gets wrong ends in a message that names it, and in an exit status that is not 0."""

import hashlib
import shutil

import pytest

from conftest import PYTHONS
from lsnn.files import write_record

ENTRY = "w_rec_validation"
TRAIN = ("scripts/train.py", "--config", "config.yaml", "--condition", "bptt")


def refused(done, *parts):
    """Assert that a command failed with a message that has these parts, and no traceback."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    for part in parts:
        assert part in done.stdout, done.stdout


@pytest.mark.parametrize(
    "change, parts",
    [
        ("training: {learning_rate: -0.1}", ["training.learning_rate: -0.1", "a number > 0"]),
        (
            "{baseline: btpt, seeds: 0, training: {learning_rat: 1}}",
            ['baseline: "btpt"', "did you mean bptt?", "seeds: 0", "did you mean learning_rate?"],
        ),
        (
            "{learning_rules: {bptt: {iterations: 300}}, training: {l2: 0.5}}",
            [
                "learning_rules: has moved; write\nconditions:\n  bptt: {iterations: 300}",
                "training.l2: has moved; write\nloss: {l2: 0.5}",
            ],
        ),
        ("seeds: 1\nseeds: 2", ["key seeds is there twice", "line 2"]),
    ],
)
def test_wrong_configuration_is_refused_before_any_job(checkout, tmp_path, change, parts):
    config = tmp_path / "config.yaml"
    config.write_text(change)
    refused(checkout.snakemake("--cores", "1", "--configfile", config), *parts)
    assert not (checkout.folder / "results/sequential_mnist").exists()


WITHOUT_CONDITIONS = {"learning_rule": "bptt", "seed": 1, "schedule": {"iterations": 10000}}
WITHOUT_OPTIONS_OF_NEURONS = {
    "condition": "bptt",
    "seed": 1,
    "network": {"neurons": "rate", "n_units": 128, "tau_m": 0.01},
}
WITH_STOP_ACCURACY = {
    "condition": "bptt",
    "seed": 1,
    "training": {"learning_rate": 0.01, "stop_accuracy": 1.0},
}


@pytest.fixture
def older(checkout, request):
    """Return the training.json of a run of the study "older", with settings of an older version."""
    path = checkout.folder / "results/older/runs/bptt/seed_1/training.json"
    path.parent.mkdir(parents=True)
    write_record(path, {"settings": getattr(request, "param", WITHOUT_CONDITIONS)})
    yield path
    shutil.rmtree(checkout.folder / "results/older")


@pytest.mark.parametrize(
    "older",
    [WITHOUT_CONDITIONS, WITHOUT_OPTIONS_OF_NEURONS, WITH_STOP_ACCURACY],
    ids=["rules", "keys", "stop"],
    indirect=True,
)
def test_results_of_an_older_version_are_refused_and_stay(checkout, older):
    before = older.read_bytes()
    done = checkout.snakemake("--cores", "1", "--config", "name=older")
    refused(done, str(older.relative_to(checkout.folder)), "of an earlier version", "another name")
    files = [path for path in (checkout.folder / "results/older").rglob("*") if path.is_file()]
    assert files == [older] and older.read_bytes() == before


@pytest.mark.parametrize("damaged", [b'{"settings": {"con', b"[]", b"\xff"])
def test_a_damaged_record_does_not_keep_a_study_from_being_planned(checkout, older, damaged):
    """The job that reads it names it, and says what to do."""
    older.write_bytes(damaged)
    done = checkout.snakemake("--dry-run", "--config", "name=older")
    assert done.returncode == 0, done.stdout


def test_altered_data_are_refused_with_both_sums(checkout, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(checkout.folder / "data", data)
    path = data / "mnist/t10k-labels-idx1-ubyte"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    config = tmp_path / "config.yaml"
    config.write_text(f"data: {data}\n")
    done = checkout.run(
        PYTHONS["1.12"], "scripts/train.py", "--config", config, "--condition", "bptt",
        "--seed", "1", "--output", tmp_path / "run",
    )  # fmt: skip
    expected = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    refused(done, str(path), expected, hashlib.sha256(content).hexdigest())
    assert not (tmp_path / "run").exists()


def test_the_wrong_tensorflow_is_refused(checkout, tmp_path):
    done = checkout.run(PYTHONS["2"], *TRAIN, "--seed", "1", "--output", tmp_path)
    refused(done, "asks for TensorFlow 1.12", "has TensorFlow 2.")


def test_a_run_that_the_study_does_not_have_is_refused(checkout, tmp_path):
    done = checkout.run(PYTHONS["1.12"], *TRAIN, "--seed", "77", "--output", tmp_path)
    refused(done, "config.yaml: seeds: has no run with seed 77; there are: [1, 2, 3, 4, 5]")


def test_checkpoints_of_another_network_or_cut_off_are_refused(checkout, demo, tmp_path):
    checkpoints = demo / "runs/bptt/seed_1/checkpoints.npz"
    config = tmp_path / "config.yaml"
    hessian = [PYTHONS["1.12"], "scripts/hessian.py", "--entry", ENTRY, "--output", tmp_path]
    config.write_text("network: {n_units: 64}\n")
    done = checkout.run(*hessian, "--config", config, "--checkpoints", checkpoints)
    refused(done, str(checkpoints), "network.n_units: 128 there, 64 wanted")

    cut_off = tmp_path / "checkpoints.npz"
    cut_off.write_bytes(checkpoints.read_bytes()[:-1000])
    done = checkout.run(*hessian, "--config", demo / "config.yaml", "--checkpoints", cut_off)
    refused(done, str(cut_off), "damaged or not a checkpoint file")
    assert not (tmp_path / f"{ENTRY}.csv").exists()


@pytest.mark.parametrize(
    "written, there", [("hessian: []\n", "none"), ("hessian: [{block: all}]\n", "all_validation")]
)
def test_an_entry_of_hessian_that_a_study_does_not_have_is_refused(
    checkout, demo, tmp_path, written, there
):
    config = tmp_path / "config.yaml"
    config.write_text(written)
    done = checkout.run(
        PYTHONS["1.12"], "scripts/hessian.py", "--config", config, "--entry", ENTRY,
        "--checkpoints", demo / "runs/bptt/seed_1/checkpoints.npz", "--output", tmp_path,
    )  # fmt: skip
    refused(done, str(config), f"hessian: has no entry {ENTRY}; there are: {there}")
    assert not (tmp_path / f"{ENTRY}.csv").exists()


def test_a_failed_job_shows_the_end_of_its_log_and_keeps_what_was_recorded(checkout, tmp_path):
    """A learning rate so large that the loss overflows."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "{name: diverging, seeds: 1, training: {learning_rate: 500},"
        " conditions: {bptt: {iterations: 100, checkpoint_every: 50}}}"
    )
    done = checkout.snakemake("--cores", "1", "--configfile", config)
    refused(done, "the training loss at iteration", "seed 1", "Lower", "training.learning_rate")
    runs = checkout.folder / "results/diverging/runs"
    assert list(runs.glob("*/seed_1/training_state.npz"))
    assert not list(runs.glob("*/seed_1/checkpoints.npz"))
