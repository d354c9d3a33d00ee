"""Kills and signals to the real `snakemake`, two of them at once, a changed configuration."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml

from lsnn.files import read_record
from machinery import (
    ENTRY,
    LOCK,
    RECORD,
    REPOSITORY,
    RESULTS,
    SPACING,
    STUDY,
    Process,
    last_iteration,
    name_of,
    wait_until,
)

pytestmark = pytest.mark.long

TABLES = ["trajectories.csv", "summary.csv"]


class Checkout:
    """A folder that looks like a checkout: sources, data and environments are links."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("workflow", "scripts", "lsnn", "envs", "data", ".environments"):
            (folder / name).symlink_to(REPOSITORY / name)
        study = dict(STUDY, tensorflow="2", data="data")
        (folder / "config.yaml").write_text(yaml.safe_dump(study))
        self.results = folder / "results" / "faults"
        self.run = self.results / "runs" / "bptt" / "seed_1"
        self.processes = 0

    def start(self, *arguments):
        """Start snakemake; what it makes is all up to the tables, without the figures."""
        self.processes += 1
        command = [os.path.join(os.path.dirname(sys.executable), "snakemake"), *arguments]
        if not arguments:
            command += ["--cores", "2", *(f"results/faults/{name}" for name in TABLES)]
        return Process(command, self.folder / f"snakemake_{self.processes}.log", self.folder)

    def finish(self, *arguments):
        process = self.start(*arguments)
        assert process.wait() == 0, process.text()
        return process.text()

    def log(self, job):
        name = {"train": "seed_1.log", "hessian": f"seed_1/{ENTRY}.log"}[job]
        path = self.results / "logs" / job / "bptt" / name
        return path.read_text(errors="replace") if path.exists() else ""

    def start_and_wait_for_a_checkpoint(self):
        """Start snakemake; return it and the process id of train in the middle of its work."""
        process = self.start()
        wait_until(lambda: (last_iteration(self.log("train")) or 0) > 0, "a checkpoint", process)
        return process, int((self.run / LOCK["train"]).read_text().split()[2])

    def tables(self):
        """Return the bytes of all tables and checkpoints by name."""
        paths = [self.results / name for name in TABLES]
        paths += [self.run / name for names in RESULTS.values() for name in names]
        return {path.name: path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def undisturbed_tables(tmp_path_factory):
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"))
    checkout.finish()
    return checkout.tables()


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def assert_is_locked(checkout):
    """Assert that snakemake is refused with its own remedy, and apply that."""
    refused = checkout.start()
    assert refused.wait() != 0
    assert "LockException" in refused.text() and "--unlock" in refused.text()
    checkout.finish("--unlock")


def test_sigkill_of_snakemake_and_the_job_finishes_on_its_own(checkout, undisturbed_tables, tell):
    """Snakemake is started again while its first job still runs: the second copy must wait."""
    first, pid = checkout.start_and_wait_for_a_checkpoint()
    os.kill(pid, signal.SIGSTOP)  # for as long as the second snakemake needs to come to the job
    try:
        first.send(signal.SIGKILL)
        first.wait()
        assert is_alive(pid)
        assert_is_locked(checkout)
        second = checkout.start()
        waiting = f"pid {pid}, which writes this run"
        wait_until(lambda: waiting in checkout.log("train"), "the second copy waiting", second)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert second.wait() == 0, second.text()
    assert "complete already" in checkout.log("train")
    assert checkout.tables() == undisturbed_tables
    tell(
        "SIGKILL of snakemake while train runs on; --unlock, again",
        "locked until --unlock; the second copy waited, then complete already; same bytes",
    )


def test_sigkill_of_snakemake_and_its_jobs(checkout, undisturbed_tables, tell):
    first, pid = checkout.start_and_wait_for_a_checkpoint()
    first.send_to_group(signal.SIGKILL)
    first.wait()
    wait_until(lambda: not is_alive(pid), "the job's end")
    far = last_iteration(checkout.log("train"))
    assert_is_locked(checkout)
    checkout.finish()
    begun = int(re.search(r"going on from iteration (\d+)", checkout.log("train"))[1])
    assert far <= begun <= far + SPACING
    assert checkout.tables() == undisturbed_tables
    tell(
        "SIGKILL of snakemake and its jobs; --unlock, again",
        f"went on from iteration {begun} (the log told of {far}); same bytes",
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_snakemake_and_its_jobs(checkout, undisturbed_tables, tell, number):
    """As Ctrl-C in a terminal, and as a batch system ends a job that snakemake itself runs in."""
    first, pid = checkout.start_and_wait_for_a_checkpoint()
    far = last_iteration(checkout.log("train"))
    first.send_to_group(number)
    sent = time.monotonic()
    wait_until(lambda: not is_alive(pid), "the job's end")
    job_seconds = time.monotonic() - sent
    status = first.wait()
    seconds = time.monotonic() - sent
    assert status != 0 and job_seconds < 5 and seconds < 15
    assert f"stopped by {name_of(number)}" in checkout.log("train")
    assert not [*checkout.run.rglob(".*")]
    checkout.finish()
    begun = int(re.search(r"going on from iteration (\d+)", checkout.log("train"))[1])
    assert far <= begun
    assert checkout.tables() == undisturbed_tables
    tell(
        f"{name_of(number)} to snakemake and its jobs",
        f"job stopped in {job_seconds:.1f} s, snakemake in {seconds:.1f} s with exit status "
        f"{status}; started again without --unlock: went on, same bytes",
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_snakemake_alone(checkout, undisturbed_tables, tell, number):
    first, pid = checkout.start_and_wait_for_a_checkpoint()
    first.send(number)
    sent = time.monotonic()
    status = first.wait()
    seconds = time.monotonic() - sent
    assert status != 0
    assert not (checkout.results / "trajectories.csv").exists()
    left = "the job went on" if is_alive(pid) else "the job was over"
    text = checkout.log("train")
    checkout.finish()
    assert checkout.tables() == undisturbed_tables
    tell(
        f"{name_of(number)} to snakemake alone",
        f"ended after {seconds:.1f} s with exit status {status}; {left} "
        f"({'done' if 'done in' in text else 'not done'}); started again: same bytes",
    )


def test_two_snakemakes_in_one_folder(checkout, undisturbed_tables, tell):
    first, _ = checkout.start_and_wait_for_a_checkpoint()
    second = checkout.start()
    assert second.wait() != 0
    assert "LockException" in second.text()
    assert first.runs()
    assert first.wait() == 0, first.text()
    assert checkout.tables() == undisturbed_tables
    tell("two snakemakes in one folder", "the second refused by the lock, the first finished")


def test_results_of_a_changed_configuration(checkout, undisturbed_tables, tell):
    """Aggregated by hand they are refused; Snakemake runs again what the change concerns."""
    checkout.finish()
    trajectories = checkout.results / "trajectories.csv"
    changed = dict(STUDY, tensorflow="2", data="data", hessian=[{"samples": 100}])
    (checkout.folder / "config.yaml").write_text(yaml.safe_dump(changed))
    by_hand = subprocess.run(
        [sys.executable, "scripts/aggregate.py", "--config", "config.yaml"]
        + ["--runs", checkout.results / "runs", "--output", checkout.folder / "by_hand"],
        cwd=checkout.folder,
        capture_output=True,
        text=True,
    )
    assert by_hand.returncode == 1
    assert re.fullmatch(
        rf"error: \S+{RECORD['hessian']}: of another configuration: hessian.samples: 2000 there, "
        r"100 wanted. .*\n",
        by_hand.stderr,
    )
    assert not (checkout.folder / "by_hand").exists()

    before = (checkout.run / "training.json").read_bytes()
    checkout.finish()
    assert (checkout.run / "training.json").read_bytes() == before
    settings = read_record(checkout.run / RECORD["hessian"])["settings"]
    assert settings["hessian"]["samples"] == 100
    assert trajectories.read_bytes() != undisturbed_tables["trajectories.csv"]
    tell("a changed hessian.0.samples", "aggregate refused; snakemake ran hessian alone again")


def test_a_damaged_checkpoint_file_stops_the_study_with_its_name(checkout, tell):
    checkout.finish()
    path = checkout.run / "checkpoints.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (checkout.run / RESULTS["hessian"][0]).unlink()
    process = checkout.start()
    assert process.wait() != 0
    assert str(path.relative_to(checkout.folder)) in checkout.log("hessian")
    assert checkout.log("hessian").count("error: ") == 1
    assert "Traceback" not in checkout.log("hessian")
    path.unlink()  # what the message says to do
    checkout.finish()
    tell("a damaged checkpoints.npz in a study", "hessian refused it by name; deleted, made again")


def test_old_locks_and_half_written_files_do_not_stop_anyone(checkout, undisturbed_tables):
    checkout.run.mkdir(parents=True)
    (checkout.run / "train.lock").write_text("elsewhere pid 1\n")
    (checkout.run / ".checkpoints.npz.abcd1234").write_bytes(b"half")
    checkout.finish()
    assert checkout.tables() == undisturbed_tables
    assert not [*checkout.run.rglob(".*")]
