"""Disks that fill up while a program writes: a small file system in memory, which needs root."""

import math
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lsnn.training import checkpoint_iterations
from machinery import LOCK, PROGRESS, RECORD, REPOSITORY, RESULTS, STUDY, Run, last_iteration

pytestmark = pytest.mark.long

PAGE = 4096  # what the file system gives out
PAGES = 256
N_CHECKPOINTS = len(checkpoint_iterations(**STUDY["conditions"]["bptt"]))


class Disk:
    """A small disk that can be filled up to a number of free pages."""

    def __init__(self, folder):
        self.folder = folder
        self.filling = folder / "filling"

    def leave_free(self, pages):
        self.filling.unlink(missing_ok=True)
        with pytest.raises(OSError), open(self.filling, "wb", buffering=0) as stream:
            while True:
                stream.write(bytes(PAGE))
        with open(self.filling, "r+b") as stream:
            stream.truncate(self.filling.stat().st_size - pages * PAGE)

    def clear(self):
        self.filling.unlink()


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={PAGES * PAGE}", "tmpfs", folder],
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.fail(f"no small disk to fill up: run as root, who may mount. {mounted.stderr}")
    yield Disk(folder)
    subprocess.run(["umount", folder], check=True)


def pages(content):
    return math.ceil(len(content) / PAGE)


def fails(process, path):
    """Assert that a program stops because it cannot write this file, and says so in one line."""
    assert process.wait() == 1, process.text()
    last = process.text().splitlines()[-1]
    assert last == (
        f"error: {path}: cannot be written: No space left on device; a file that was there before "
        "is unchanged"
    )
    assert "Traceback" not in process.text()


@pytest.mark.parametrize("tensorflow", ["2", "1.12"])
def test_progress_of_training(undisturbed, disk, tmp_path, tell, tensorflow):
    """Room for a few checkpoints: they are kept as they were, and used when there is room."""
    whole = undisturbed(tensorflow, "train")
    run = Run(tmp_path, tensorflow, output=disk.folder)
    disk.leave_free(2 + pages(whole.results("train")["checkpoints.npz"]) // 2)  # lock, job.json
    process = run.start("train")
    process.wait()
    kept = len(run.kept("train"))
    fails(process, run.path(PROGRESS["train"]) / f"{kept + 1:04d}.npz")
    told = last_iteration(process.text())
    assert 1 <= kept < N_CHECKPOINTS
    assert run.temporaries() == []
    disk.clear()
    assert f"going on from iteration {told} kept in" in run.finish("train")
    assert run.results("train") == whole.results("train")
    tell(
        f"disk full while train (TensorFlow {tensorflow}) writes its progress",
        f"clear error; {kept} checkpoints intact, went on from them",
    )


def test_results_of_training(undisturbed, disk, tmp_path, tell):
    """No room for one result after the other; what stood there before is as it was."""
    whole = undisturbed("2", "train")
    results = whole.results("train")
    first = Run(tmp_path, "2")
    first.path("learning_curve.csv").mkdir(parents=True)  # it fails at its end, keeps its progress
    assert first.start("train").wait() == 1
    kept = first.kept("train")
    assert len(kept) == N_CHECKPOINTS

    run = Run(tmp_path, "2", output=disk.folder)
    older = {name: b"older" for name in [*RESULTS["train"], RECORD["train"]]}
    free = {
        "checkpoints.npz": pages(results["checkpoints.npz"]) - 1,
        # An older file's page is freed when the new one takes its place.
        "learning_curve.csv": pages(results["checkpoints.npz"]),
        "training.json": pages(results["checkpoints.npz"]),
    }
    for name, room in free.items():
        for file, content in older.items():
            run.path(file).write_bytes(content)
        if name != "checkpoints.npz":
            run.path("checkpoints.npz").unlink()
        if name == "training.json":
            room += pages(results["learning_curve.csv"])
            run.path("learning_curve.csv").unlink()
        folder = run.path(PROGRESS["train"])
        shutil.copytree(first.path(PROGRESS["train"]), folder, dirs_exist_ok=True)
        run.path(LOCK["train"]).write_bytes(b"has its page")
        disk.leave_free(room)
        fails(run.start("train"), run.path(name))
        assert run.path(name).read_bytes() == b"older"
        assert run.kept("train") == kept
        assert run.temporaries() == []
    disk.clear()
    run.finish("train")
    assert run.results("train") == results
    tell(
        f"disk full while train writes {', '.join(free)}",
        "clear error each, the older file and the progress intact, finished from it",
    )


def test_hessian(undisturbed, disk, tmp_path, tell):
    whole = undisturbed("2", "hessian")
    run = Run(tmp_path, "2", output=disk.folder)
    for name, content in whole.results("train").items():
        run.path(name).write_bytes(content)
    table, arrays = map(run.path, RESULTS["hessian"])
    table.parent.mkdir()
    table.write_bytes(b"older")
    run.path(LOCK["hessian"]).write_bytes(b"has its page")
    folder = run.path(PROGRESS["hessian"])
    disk.leave_free(0)
    fails(run.start("hessian"), folder / "job.json")
    assert run.kept("hessian") == {}

    disk.leave_free(4)
    process = run.start("hessian")
    process.wait()
    kept = len(run.kept("hessian"))
    fails(process, folder / f"{kept + 1:04d}.npz")
    assert 1 <= kept < N_CHECKPOINTS

    # With all rows in the progress, the arrays are what has no room.
    disk.clear()
    table.unlink()
    table.mkdir()
    assert run.start("hessian").wait() == 1
    assert len(run.kept("hessian")) == N_CHECKPOINTS
    table.rmdir()
    for path in (table, arrays):
        path.write_bytes(b"older")
    disk.leave_free(0)
    fails(run.start("hessian"), arrays)
    assert table.read_bytes() == arrays.read_bytes() == b"older"
    disk.clear()
    run.finish("hessian")
    assert run.results("hessian") == whole.results("hessian")
    assert run.temporaries() == []
    tell(
        "disk full while curvature writes its progress and its arrays",
        f"clear error each, older results and {kept} checkpoints intact, finished",
    )


FILES_OF_A_STUDY = [
    "config.yaml",
    "trajectories.csv",
    "summary.csv",
    "spectra.npz",
    "metadata.json",
]


@pytest.mark.parametrize("name", FILES_OF_A_STUDY)
def test_tables_of_a_study(disk, tmp_path, monkeypatch, tell, name):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tests" / "scripts"))
    import made_up_study

    made_up_study.write_study(tmp_path)

    def aggregate(output):
        return subprocess.run(
            [
                sys.executable,
                REPOSITORY / "scripts" / "aggregate.py",
                "--output",
                output,
                "--config",
                tmp_path / "config.yaml",
                "--runs",
                tmp_path / "runs",
            ],
            capture_output=True,
            text=True,
        )

    whole = tmp_path / "whole"
    assert aggregate(whole).returncode == 0
    written = FILES_OF_A_STUDY[: FILES_OF_A_STUDY.index(name)]
    (disk.folder / name).write_bytes(b"older")
    disk.leave_free(sum(pages((whole / file).read_bytes()) for file in written))
    done = aggregate(disk.folder)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {disk.folder / name}: cannot be written: No space left on device; a file that was "
        "there before is unchanged\n"
    )
    assert (disk.folder / name).read_bytes() == b"older"
    disk.clear()
    assert aggregate(disk.folder).returncode == 0
    for file in FILES_OF_A_STUDY[:-1]:
        assert (disk.folder / file).read_bytes() == (whole / file).read_bytes()
    assert sorted(path.name for path in disk.folder.iterdir()) == sorted(FILES_OF_A_STUDY)
    tell(f"disk full while aggregate writes {name}", "clear error, older file intact, then written")


def test_the_small_disk_is_really_full(disk):
    """That the tests above can fail."""
    disk.leave_free(2)
    (disk.folder / "fits").write_bytes(bytes(2 * PAGE))
    with pytest.raises(OSError):
        (disk.folder / "more").write_bytes(b"1")
    assert np.sum([path.stat().st_size for path in disk.folder.iterdir()]) == PAGES * PAGE
