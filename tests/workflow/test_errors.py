"""What a user gets wrong ends in a message that names it, and in an exit status that is not 0."""

import hashlib
import shutil

import pytest

from conftest import PYTHONS

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
        ("seeds: 1\nseeds: 2", ["key seeds appears twice", "line 2"]),
    ],
)
def test_wrong_configuration_is_refused_before_any_job(checkout, tmp_path, change, parts):
    config = tmp_path / "config.yaml"
    config.write_text(change)
    refused(checkout.plan("--cores", "1", "--configfile", config), *parts)
    assert not (checkout.folder / "results/sequential_mnist").exists()


def test_values_of_the_command_line_are_those_of_a_file(checkout):
    given = ["tensorflow=2", "seeds=[1,2,7]", "name=2024", "hessian=[]", "loss={l2: 0.0}"]
    done = checkout.plan("--dry-run", "--config", *given)
    assert done.returncode == 0, done.stdout
    assert "2024: 6 jobs" in done.stdout
    refused(checkout.plan("--dry-run", "--config", "seeds=["), 'seeds: "["', "a whole number")


@pytest.mark.parametrize("damaged", [b'{"settings": {"con', b"[]", b"\xff", b"{}"])
def test_a_damaged_record_does_not_keep_a_study_from_being_planned(checkout, damaged):
    """The job that reads it names it, and says what to do."""
    record = checkout.folder / "results/damaged/runs/bptt/seed_1/training.json"
    record.parent.mkdir(parents=True)
    record.write_bytes(damaged)
    done = checkout.plan("--dry-run", "--config", "name=damaged")
    shutil.rmtree(checkout.folder / "results/damaged")
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
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["train.lock"]


def test_own_files_under_the_names_of_mnist_are_left_as_they_are(checkout, tmp_path):
    own = {"train-images-idx3-ubyte": b"mine", "train-labels-idx1-ubyte": b"mine, too"}
    (tmp_path / "data/mnist").mkdir(parents=True)
    for name, content in own.items():
        (tmp_path / "data/mnist" / name).write_bytes(content)
    config = tmp_path / "config.yaml"
    config.write_text(f"name: own\ndata: {tmp_path}/data\n")
    done = checkout.snakemake("--cores", "1", "--configfile", config)
    refused(done, *own, "if it is yours, move it", "option of the task")
    found = {path.name: path.read_bytes() for path in (tmp_path / "data/mnist").iterdir()}
    assert found == own


def test_the_wrong_tensorflow_is_refused(checkout, tmp_path):
    done = checkout.run(PYTHONS["2"], *TRAIN, "--seed", "1", "--output", tmp_path)
    refused(done, "asks for TensorFlow 1.12", "has TensorFlow 2.")


def test_a_run_that_the_study_does_not_have_is_refused(checkout, tmp_path):
    done = checkout.run(PYTHONS["1.12"], *TRAIN, "--seed", "77", "--output", tmp_path)
    refused(done, "config.yaml: seeds: has no run with seed 77; there are: [1, 2, 3, 4, 5]")


def test_checkpoints_of_another_network_or_cut_off_are_refused(checkout, demo, tmp_path):
    checkpoints = demo / "runs/bptt/seed_1/checkpoints.npz"
    config = tmp_path / "config.yaml"
    hessian = [PYTHONS["1.12"], "scripts/curvature.py", "--kind", "hessian"]
    hessian += ["--entry", ENTRY, "--output", tmp_path]
    config.write_text("network: {n_units: 64}\n")
    done = checkout.run(*hessian, "--config", config, "--checkpoints", checkpoints)
    refused(done, str(checkpoints), "network.n_units: 128 there, 64 wanted")

    cut_off = tmp_path / "checkpoints.npz"
    cut_off.write_bytes(checkpoints.read_bytes()[:-1000])
    done = checkout.run(*hessian, "--config", demo / "config.yaml", "--checkpoints", cut_off)
    refused(done, str(cut_off), "damaged, or not an npz file")
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
        PYTHONS["1.12"], "scripts/curvature.py", "--kind", "hessian", "--config", config,
        "--entry", ENTRY,
        "--checkpoints", demo / "runs/bptt/seed_1/checkpoints.npz", "--output", tmp_path,
    )  # fmt: skip
    refused(done, str(config), f"hessian: has no entry {ENTRY}; there are: {there}")
    assert not (tmp_path / f"{ENTRY}.csv").exists()


def test_a_failed_job_shows_the_end_of_its_log_and_keeps_what_was_recorded(checkout, tmp_path):
    """The first seed finds its file of results to be a folder; the other one is finished."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "{name: failing, seeds: 2, hessian: [], network: {n_units: 8},"
        " task: {name: pattern_generation, n_train: 8, n_steps: 11}, training: {batch_size: 8},"
        " conditions: {bptt: {iterations: 4, checkpoint_every: 2}}}"
    )
    runs = checkout.folder / "results/failing/runs/bptt"
    (runs / "seed_1/learning_curve.csv").mkdir(parents=True)
    only = ["--keep-going", "--until", "train"]
    done = checkout.snakemake("--cores", "1", *only, "--configfile", config)
    refused(done, "learning_curve.csv: cannot be written")
    assert (runs / "seed_1/progress/0001.npz").exists()
    assert (runs / "seed_2/training.json").exists()
