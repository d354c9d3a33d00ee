"""Real jobs of a miniature study, started, disturbed, and compared with undisturbed ones."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
SECONDS = 120  # longer than anything here takes on a slow machine
SPACING = 200
STUDY = {
    "name": "faults",
    "task": {"name": "delayed_match", "delay": 2},
    "network": {"n_units": 16},
    "training": {"batch_size": 32},
    "conditions": {"bptt": {"iterations": 8 * SPACING, "checkpoint_every": SPACING}},
    "seeds": 1,
    "hessian": [{"samples": 500}],
}
ENTRY = "w_rec_validation"
# Files of a run by job, in its folder.
RESULTS = {
    "train": ["checkpoints.npz", "learning_curve.csv"],
    "hessian": [f"hessian/{ENTRY}.csv", f"hessian/{ENTRY}.npz"],
}
RECORD = {"train": "training.json", "hessian": f"hessian/{ENTRY}.json"}
PROGRESS = {"train": "progress", "hessian": f"hessian/{ENTRY}.progress"}
LOCK = {"train": "train.lock", "hessian": f"hessian/{ENTRY}.lock"}


def python_of(tensorflow):
    """Return the Python of a TensorFlow environment of this checkout."""
    python = REPOSITORY / ".environments" / f"tensorflow-{tensorflow}" / "bin" / "python"
    assert python.exists(), f"{python} is missing: `make faults` builds it"
    return str(python)


def heed_signals():
    """Restore signals that a shell makes a process ignore: it does so after `&` and with nohup."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Process:
    """A program with its own log and its own process group."""

    def __init__(self, command, log, cwd):
        self.log = log
        with open(log, "wb") as stream:
            self.popen = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=heed_signals,
            )
        self.pid = self.popen.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def runs(self):
        return self.popen.poll() is None

    def wait(self):
        """Return the exit status as a shell tells it: 128 + the signal's number for a signal."""
        status = self.popen.wait(SECONDS)
        return status if status >= 0 else 128 - status

    def finish(self):
        """Wait for the program, which must succeed; return what it printed."""
        assert self.wait() == 0, self.text()
        return self.text()

    def send(self, number):
        """Send a signal to the program alone."""
        self.popen.send_signal(number)

    def send_to_group(self, number):
        """Send a signal to the program and all that it started, as a terminal does."""
        os.killpg(self.pid, number)


def wait_until(condition, what, process=None):
    """Wait for a condition; fail if the process ends before."""
    started = time.monotonic()
    while not condition():
        ended = process is not None and not process.runs()
        if (ended and not condition()) or time.monotonic() > started + SECONDS:
            raise AssertionError(f"never seen: {what}\n{process.text() if process else ''}")
        time.sleep(0.005)


class Run:
    """The folder of one run: its configuration, its results, and the logs of its processes."""

    def __init__(self, folder, tensorflow="2", output=None):
        self.folder = Path(folder)
        self.output = Path(output or folder / "run")
        self.tensorflow = tensorflow
        self.config = self.folder / "config.yaml"
        self.config.write_text(yaml.safe_dump(dict(STUDY, tensorflow=tensorflow)))
        self.processes = 0
        self.seconds = {}

    def path(self, name):
        return self.output / name

    def start(self, job):
        """Start train or hessian."""
        checkpoints = ["--checkpoints", str(self.path("checkpoints.npz"))]
        options = {
            "train": ["train.py", "--condition", "bptt", "--seed", "1"],
            "hessian": ["curvature.py", "--kind", "hessian", "--entry", ENTRY, *checkpoints],
        }[job]
        output = self.path(RECORD[job]).parent
        program, *options = options
        command = [python_of(self.tensorflow), str(REPOSITORY / "scripts" / program)]
        command += ["--config", str(self.config), "--output", str(output), *options]
        self.processes += 1
        return Process(command, self.folder / f"{job}_{self.processes}.log", self.folder)

    def start_and_wait_for_the_lock(self, job):
        """Start a job, and return it when imports are behind it and its work begins."""
        process = self.start(job)
        wait_until(lambda: self.holder(job) == process.pid, "the lock of the run", process)
        return process

    def holder(self, job):
        """Return the process id that stands in the lock of a job."""
        with contextlib.suppress(FileNotFoundError):
            found = re.fullmatch(r"(\S+) pid (\d+)\n", self.path(LOCK[job]).read_text())
            assert found is None or found[1] == socket.gethostname()
            return int(found[2]) if found else None

    def finish(self, job):
        """Run a job to its end; return its log, and keep the seconds that its work took."""
        process = self.start_and_wait_for_the_lock(job)
        started = time.monotonic()
        wait_until(lambda: "\ndone in " in process.text(), "the end of the work", process)
        self.seconds[job] = time.monotonic() - started
        return process.finish()

    def kept(self, job):
        """Return the bytes of the records that the progress of a job has, by name."""
        folder = self.path(PROGRESS[job])
        return {path.name: path.read_bytes() for path in sorted(folder.glob("[0-9]*.npz"))}

    def results(self, job):
        """Return the bytes of the results by name."""
        return {name: self.path(name).read_bytes() for name in RESULTS[job]}

    def files(self):
        """Return the names of all files, with the folder of those that are in one."""
        paths = (path for path in self.output.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.output).as_posix() for path in paths)

    def temporaries(self):
        return [name for name in self.files() if Path(name).name.startswith(".")]

    def delete_results(self, job):
        """Delete what Snakemake deletes when a job has failed."""
        for name in RESULTS[job] + [RECORD[job]]:
            self.path(name).unlink()

    def start_anew(self, job):
        """Delete all that a job has left."""
        self.delete_results(job)
        shutil.rmtree(self.path(PROGRESS[job]), ignore_errors=True)


def files_of(job):
    """Return the names of the files that a finished job leaves, and no others, but its progress."""
    return sorted([*RESULTS[job], RECORD[job], LOCK[job]])


def last_iteration(text):
    """Return the iteration of the last checkpoint that a log of train tells of, or None."""
    found = re.findall(r"^iteration (\d+)/", text, re.MULTILINE)
    return int(found[-1]) if found else None


def name_of(number):
    return signal.Signals(number).name
