"""A real Slurm of three nodes, and checkouts from which the study is run on it or locally."""

import contextlib
import fcntl
import os
import pickle
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from cluster import Cluster, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
STUDY = "tests/slurm/study.yaml"
RESULTS = "results/slurm"
TABLE = f"{RESULTS}/trajectories.csv"
ENTRY = "w_rec_validation"
SCRIPTS = {"train": "train.py", "hessian": "curvature.py"}
OUTPUT = {"train": "", "hessian": "/hessian"}  # in the folder of a run
RUNS = [(condition, seed) for condition in ("bptt", "three_factor") for seed in (1, 2)]
PACKAGES = "slurmctld slurmd slurm-client munge slurmdbd mariadb-server iproute2"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged", "slurmdbd", "mariadbd", "ip")


def folder_of(condition, seed):
    """Return the folder of a run."""
    return f"{RESULTS}/runs/{condition}/seed_{seed}"


def tables_of(runs):
    """Return the last results of runs: targets, in place of the whole study."""
    return [f"{folder_of(*run)}/hessian/{ENTRY}.csv" for run in runs]


def pytest_sessionstart(session):
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        why = f"missing: {', '.join(missing)}" if missing else "this is not root"
        pytest.exit(
            "the tests on Slurm start one themselves, as root, from Debian's packages; "
            f"{why}. Install: apt-get install --no-install-recommends {PACKAGES}",
            returncode=1,
        )


def jobs_of_run(jobs, stage, condition, seed):
    """Return those of some jobs on Slurm that are of a stage of a run."""
    of_stage = {"train": "", "hessian": f"_{ENTRY}"}[stage]
    comment = f"rule_{stage}_wildcards_slurm_{condition}_{seed}{of_stage}"
    return [job for job in jobs if job["Comment"] == comment]


class Checkout:
    """A copy of the repository, whose studies leave nothing in the repository itself."""

    def __init__(self, folder):
        self.environment = os.path.join(REPOSITORY, ".environments", "tensorflow-1.12")
        finished = os.path.join(self.environment, "environment.json")
        assert os.path.exists(finished), "run make test-slurm"
        self.folder = str(folder)
        left_out = shutil.ignore_patterns(".*", "data", "results", "__pycache__")
        shutil.copytree(REPOSITORY, folder, ignore=left_out)
        os.symlink(os.path.join(REPOSITORY, "data"), self.path("data"))
        os.mkdir(self.path(".environments"))
        os.symlink(self.environment, self.path(".environments/tensorflow-1.12-gpu"))
        # So that the workflow does not find it older than its requirements, and build it anew.
        date = os.path.getmtime(finished)
        os.utime(self.path("envs/tensorflow-1.12-gpu.txt"), (date, date))
        self.home = self.folder + "-home"
        os.mkdir(self.home)
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def snakemake(self, *options, machine=None):
        """Start snakemake, here or on a machine; it prints into the file snakemake.out."""
        environment = dict(os.environ, HOME=self.home)
        environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        command = ["snakemake", *options, "--configfile", STUDY]
        with open(self.path("snakemake.out"), "ab") as output:
            self.process = subprocess.Popen(
                machine.there(*command, folder=self.folder) if machine else command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def on_slurm(self, slurm, *options):
        """Start the study on Slurm; finished jobs are noticed sooner than the profile has it."""
        often = ["--slurm-init-seconds-before-status-checks", "1"]
        return self.snakemake("--profile", "slurm", *often, *options, machine=slurm.controller)

    def kill(self):
        """Kill snakemake, and what it runs itself; its jobs on Slurm stay."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def unlock(self):
        assert self.snakemake("--unlock", "--cores", "1").wait(120) == 0, self.printed()

    def printed(self):
        with open(self.path("snakemake.out"), encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def finish(self, seconds=600):
        """Wait for snakemake, which must succeed."""
        assert self.process.wait(seconds) == 0, self.printed()

    def end(self):
        """End what is left of snakemake, and of the jobs of a node that went down, at once."""
        if self.process and self.process.poll() is None:
            self.kill()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # ended meanwhile
                if process.cwd() == self.folder:
                    process.kill()

    def results(self, runs=None):
        """Return the bytes of results that do not depend on when and how they were made.

        Args:
            runs: of which they are; if left out, of the study.
        """
        names = [] if runs else [TABLE]
        for run in runs or RUNS:
            for name in ("checkpoints.npz", "learning_curve.csv", f"hessian/{ENTRY}.csv"):
                names.append(f"{folder_of(*run)}/{name}")
        contents = {}
        for name in names:
            with open(self.path(name), "rb") as stream:
                contents[name] = stream.read()
        return contents

    def log(self, stage, condition, seed):
        """Return what a job has logged; Snakemake deletes the log before the job starts."""
        of_stage = {"train": ".log", "hessian": f"/{ENTRY}.log"}[stage]
        name = f"{RESULTS}/logs/{stage}/{condition}/seed_{seed}{of_stage}"
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    def program(self, stage, condition, seed):
        """Return the processes of a job's script; there should not be two."""
        found = []
        of_run = folder_of(condition, seed) + OUTPUT[stage]
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # ended meanwhile
                arguments = process.cmdline()
                if (
                    arguments[1:4] == ["-E", "-s", f"scripts/{SCRIPTS[stage]}"]
                    and of_run in arguments
                ) and process.cwd() == self.folder:
                    found.append(process)
        return found

    def program_in_mid_run(self, stage, condition, seed):
        """Return the process of a job's script in a list; before it has something to lose, none."""
        folder = {"train": "progress", "hessian": f"hessian/{ENTRY}.progress"}[stage]
        begun = os.path.exists(self.path(f"{folder_of(condition, seed)}/{folder}/0001.npz"))
        return self.program(stage, condition, seed) if begun else []

    def in_mid_run(self, stage, *run):
        """Wait until a job has something to lose, and return the process of its script."""
        (process,) = wait_until(
            lambda: self.program_in_mid_run(stage, *run), 300, f"{stage} of {run} in mid-run"
        )
        return process

    def suspended_in_mid_run(self, runs):
        """Suspend the training of runs, each as soon as it has something to lose.

        Returns:
            The process of each run's script.
        """
        programs = {}

        def all_are():
            for run in set(runs) - set(programs):
                for process in self.program_in_mid_run("train", *run):
                    process.suspend()
                    programs[run] = process
            return len(programs) == len(runs)

        wait_until(all_are, 300, f"training of {runs} in mid-run")
        return programs


@pytest.fixture
def new_checkout(tmp_path):
    """Called with a name: a new checkout."""
    with contextlib.ExitStack() as stack:

        def new(name):
            checkout = Checkout(tmp_path / name)
            stack.callback(checkout.end)
            return checkout

        yield new


@pytest.fixture
def checkout(new_checkout):
    return new_checkout("checkout")


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """The results of the study, run locally, by one of the processes that test at a time."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    kept = common / "local.pickle"
    with open(kept.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            checkout = Checkout(tmp_path_factory.mktemp("local") / "checkout")
            try:
                checkout.snakemake(TABLE, "--cores", "2")
                checkout.finish()
                kept.write_bytes(pickle.dumps(checkout.results()))
            finally:
                checkout.end()
    return pickle.loads(kept.read_bytes())


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory):
    """The cluster; it keeps accounts in modules with ACCOUNTING."""
    accounting = getattr(request.module, "ACCOUNTING", False)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"), accounting)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def slurm(cluster):
    """The cluster, with all of its nodes; a test leaves no job in it."""
    cluster.boot_what_is_down()
    cluster.wait_for_nodes()
    yield cluster
    cluster.run("scancel", "--user=root")
    wait_until(lambda: not cluster.run("squeue", "--noheader"), 60, "no job is left")
