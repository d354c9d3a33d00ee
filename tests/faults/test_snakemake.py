"""Kills and signals to the real `snakemake`, two of them at once, a changed configuration."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
import yaml

from lsnn.storage.files import read_record
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
        self.configure()
        self.results = folder / "results" / "faults"
        self.run = self.results / "runs" / "bptt" / "seed_1"
        self.processes = 0

    def configure(self, **changes):
        """Write the configuration of the study, with changes."""
        study = {**STUDY, "tensorflow": "2", "data": "data", **changes}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(study))

    def own(self, name):
        """Have a copy of the sources of this name in place of the link."""
        (self.folder / name).unlink()
        shutil.copytree(REPOSITORY / name, self.folder / name)

    def edit(self, path, old, new):
        """Change the text of a file."""
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new))

    def identities(self):
        """Return the inodes of all files that runs leave for good, by path."""
        paths = [p for suffix in ("npz", "csv", "json") for p in self.results.rglob(f"*.{suffix}")]
        return {path: path.stat().st_ino for path in paths if "runs" in path.parts}

    def start(self, *arguments):
        """Start snakemake; what it makes is all up to the tables, without the figures."""
        self.processes += 1
        command = [os.path.join(os.path.dirname(sys.executable), "snakemake"), *arguments]
        if not arguments:
            command += ["--cores", "2", *(f"results/faults/{name}" for name in TABLES)]
        return Process(command, self.folder / f"snakemake_{self.processes}.log", self.folder)

    def finish(self, *arguments):
        return self.start(*arguments).finish()

    def aggregate(self):
        """Run aggregate by hand, into a folder of its own, to its end."""
        return subprocess.run(
            [
                sys.executable,
                "scripts/aggregate.py",
                "--config",
                "config.yaml",
                "--runs",
                self.results / "runs",
                "--output",
                self.folder / "by_hand",
            ],
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

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
        waiting = f"pid {pid}, which writes here"
        wait_until(lambda: waiting in checkout.log("train"), "the second copy waiting", second)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert second.wait() == 0, second.text()
    assert "already complete" in checkout.log("train")
    assert checkout.tables() == undisturbed_tables
    tell(
        "SIGKILL of snakemake while train runs on; --unlock, again",
        "locked until --unlock; the second copy waited, then already complete; same bytes",
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


def test_a_closed_terminal(checkout, undisturbed_tables, tell):
    """SIGHUP, which Snakemake does not handle."""
    first, pid = checkout.start_and_wait_for_a_checkpoint()
    first.send_to_group(signal.SIGHUP)
    wait_until(lambda: not is_alive(pid), "the job's end")
    assert first.wait() == 128 + signal.SIGHUP
    assert "stopped by SIGHUP" in checkout.log("train")
    assert not [*checkout.run.rglob(".*")]
    assert_is_locked(checkout)
    checkout.finish()
    assert checkout.tables() == undisturbed_tables
    tell("a closed terminal (SIGHUP)", "the job stopped; a lock; --unlock, again: same bytes")


def test_a_job_that_was_killed_says_so(checkout, undisturbed_tables, tell):
    """As the system kills one for memory: it has no time for a word."""
    first, pid = checkout.start_and_wait_for_a_checkpoint()
    os.kill(pid, signal.SIGKILL)
    assert first.wait() == 1
    assert "error: killed (SIGKILL)" in checkout.log("train")
    assert "error: killed (SIGKILL)" in first.text()  # show-failed-logs
    checkout.finish()
    assert checkout.tables() == undisturbed_tables
    tell("SIGKILL of a job alone", "log and screen say so; again: went on, same bytes")


def test_a_job_that_is_cancelled_when_it_is_done(checkout, undisturbed_tables, tell):
    """It has failed, so Snakemake deletes its results."""
    first, pid = checkout.start_and_wait_for_a_checkpoint()
    of_snakemake = psutil.Process(first.pid)
    shells = [p for p in psutil.Process(pid).parents() if of_snakemake in p.parents()]
    for shell in shells:
        shell.suspend()
    wait_until(lambda: "\ndone in " in checkout.log("train"), "the end of the work", first)
    assert (checkout.run / RECORD["train"]).exists()
    for shell in shells:
        shell.kill()
    assert first.wait() != 0
    assert not [name for name in RESULTS["train"] if (checkout.run / name).exists()]
    checkout.finish()
    text = checkout.log("train")
    assert "going on from iteration " in text and last_iteration(text) is None
    assert checkout.tables() == undisturbed_tables
    assert not [*checkout.results.rglob("*progress")]  # its results are in the tables
    tell("train killed between «done» and its end", "written anew from its progress: same bytes")


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
    by_hand = checkout.aggregate()
    assert by_hand.returncode == 1
    assert re.fullmatch(
        rf"error: \S+{RECORD['hessian']}: of another configuration: hessian.samples: 500 there, "
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


ALL = ("--cores", "2")
TWO_RULES = {rule: {"iterations": 20, "checkpoint_every": 10} for rule in ("bptt", "three_factor")}


def jobs_of(text):
    """Return how many jobs of each rule Snakemake said it would run."""
    stats = text[text.find("Job stats") :]
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", stats, re.M)}


RULES = ("train", "hessian", "examples", "aggregate", "plot", "write_tables")
RULES += ("all",)


def test_finished_runs_are_kept_whatever_snakemake_believes(checkout, tmp_path, tell):
    checkout.configure(conditions=TWO_RULES)
    checkout.finish(*ALL)
    before = checkout.identities()
    assert len(before) == 2 * 6

    # The environment has another folder, and a record that is younger than the results.
    shutil.rmtree(checkout.folder / ".snakemake")
    name = ".environments/tensorflow-2"
    real = (checkout.folder / name).resolve()
    (checkout.folder / ".environments").unlink()
    (checkout.folder / name).mkdir(parents=True)
    for path in real.iterdir():
        (checkout.folder / name / path.name).symlink_to(path)
    (checkout.folder / name / "environment.json").unlink()
    shutil.copyfile(real / "environment.json", checkout.folder / name / "environment.json")
    for arguments in ([], ["--forcerun", "train"], ["--forceall", "--allowed-rules", *RULES]):
        assert jobs_of(checkout.finish(*ALL, *arguments))["train"] == 2
        assert checkout.identities() == before
        for job in ("train", "hessian"):
            assert "already complete" in checkout.log(job)

    contents = {path: path.read_bytes() for path in before}
    (tmp_path / "other").mkdir()
    other = Checkout(tmp_path / "other")
    other.configure(conditions=TWO_RULES)
    shutil.copytree(checkout.results, other.results)
    of_copy = other.identities()
    other.finish(*ALL)
    assert other.identities() == of_copy
    for path, content in contents.items():
        copy = other.results / path.relative_to(checkout.results)
        assert copy.read_bytes() == content
    tell(
        "no .snakemake, another environment, --forcerun, --forceall, another checkout",
        "all runs kept: the same inodes",
    )


@pytest.mark.parametrize("name", ["checkpoints.npz", "learning_curve.csv", RESULTS["hessian"][0]])
def test_a_deleted_file_is_how_a_run_is_computed_anew(checkout, tell, name):
    checkout.configure(conditions=TWO_RULES)
    assert "delete its folder, or a file in it" in checkout.finish(*ALL)
    contents = {path: path.read_bytes() for path in checkout.run.rglob("*.*") if path.is_file()}
    (checkout.run / name).unlink()
    is_of_training = "hessian" not in name
    assert jobs_of(checkout.finish(*ALL)).get("train", 0) == is_of_training
    for path, content in contents.items():
        if path.suffix in (".npz", ".csv"):
            assert path.read_bytes() == content
    tell(f"{name} deleted where the final tables stand", "that run alone anew, same bytes")


def test_a_changed_rule_trains_its_runs_anew_and_no_others(checkout, tell):
    rule = "lsnn/learning_rules/three_factor.py"
    checkout.own("lsnn")
    checkout.own("scripts")
    checkout.configure(conditions=TWO_RULES)
    checkout.finish(*ALL)
    bptt = {path: inode for path, inode in checkout.identities().items() if "bptt" in path.parts}

    checkout.edit(rule, "options =", "# A comment.\n    options =")
    assert jobs_of(checkout.finish(*ALL)) == {}
    checkout.edit("scripts/lib/figures/style.mplstyle", "font.size: 8", "font.size: 9")
    assert jobs_of(checkout.finish(*ALL)) == {"plot": 1, "all": 1, "total": 2}

    checkout.edit(rule, "return closed(z)", "return z")
    checkout.configure(conditions=TWO_RULES, seeds=2)
    text = checkout.finish(*ALL)
    assert jobs_of(text)["train"] == 3  # the old seed of the rule, and the new one of both
    assert "other code" not in text
    now = checkout.identities()
    assert {path: now[path] for path in bptt} == bptt
    run = checkout.results / "runs/three_factor/seed_1"
    [aside] = run.glob("set-aside/*/training.json")
    settings = [read_record(path)["settings"] for path in (aside, run / "training.json")]
    assert settings[0]["code_hash"] != settings[1]["code_hash"]

    # Kept on demand, and then told of.
    checkout.edit(rule, "return z", "return closed(z)")
    checkout.configure(conditions=TWO_RULES, seeds=3)
    text = " ".join(checkout.finish(*ALL, "--rerun-triggers", "mtime").split())
    warning = "three_factor: training by other code"
    assert warning in text
    metadata = read_record(checkout.results / "metadata.json")
    [told] = [line for line in metadata["warnings"] if line.startswith(warning)]
    assert told.endswith("seed 1, seed 2")
    assert warning in (checkout.results / "report/run.html").read_text()
    tell(
        "a rule that cuts no gradient any more, and a seed more",
        "the rule's runs anew, the old set aside, bptt's kept; with --rerun-triggers mtime told of",
    )


def test_more_iterations_continue_a_run(checkout, undisturbed_tables, tell):
    half = {"bptt": dict(STUDY["conditions"]["bptt"], iterations=4 * SPACING)}
    checkout.configure(conditions=half)
    checkout.finish()
    checkout.configure()
    checkout.finish()
    assert f"going on from iteration {4 * SPACING} kept in" in checkout.log("train")
    assert checkout.tables() == undisturbed_tables
    tell("twice the iterations for a finished run", "went on from its end; same bytes")


def test_an_older_file_that_a_failed_job_leaves_is_refused(checkout, tell):
    of_images = {"conditions": TWO_RULES, "task": {"name": "sequential_mnist"}}
    checkout.configure(**of_images, training={})
    checkout.finish(*ALL)
    before = (checkout.run / "checkpoints.npz").read_bytes()
    checkout.configure(**of_images, training={"learning_rate": 0.02}, data="nowhere")
    (checkout.folder / "nowhere").write_text("no folder")
    assert checkout.start(*ALL).wait() != 0
    assert (checkout.run / "checkpoints.npz").read_bytes() == before
    done = checkout.aggregate()
    assert done.returncode == 1
    assert "training.learning_rate: 0.01 there, 0.02 wanted" in done.stderr
    tell("a job that fails after a change", "its older file is there, and aggregate refuses it")


@pytest.mark.parametrize("arguments", [[], ["--keep-going"]], ids=["plain", "keep-going"])
def test_a_run_that_diverges_is_a_result_beside_the_others(checkout, tell, arguments):
    fast = {"learning_rule": "bptt", "training": {"learning_rate": 500.0}}
    checkout.configure(conditions={**TWO_RULES, "fast": {**TWO_RULES["bptt"], **fast}})
    text = " ".join(checkout.finish(*ALL, *arguments).split())
    assert "fast: diverged, and left out of means: seed 1 (at iteration" in text
    assert len([*checkout.results.glob("figures/*.svg")]) == 9
    rows = pd.read_csv(checkout.results / "trajectories.csv").groupby("condition")["diverged"]
    assert rows.all().to_dict() == {"bptt": False, "three_factor": False, "fast": True}
    summary = pd.read_csv(checkout.results / "summary.csv")
    summary = summary[summary["quantity"] == "lambda_max_final"].set_index("condition")
    assert summary["n_failed"].to_dict() == {"bptt": 0, "three_factor": 0, "fast": 1}
    tell("a run that diverges" + "".join(arguments), "marked everywhere, all else is there")
