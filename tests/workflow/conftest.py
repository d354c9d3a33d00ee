"""A checkout of its own for the tests that run the real `snakemake`, and the demo run in it."""

import contextlib
import csv
import fcntl
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from snakemake.cli import main as snakemake_main

from lsnn.study.config import read_values, studies_of

REPOSITORY = Path(__file__).parents[2]
PYTHONS = {tf: REPOSITORY / f".environments/tensorflow-{tf}/bin/python" for tf in ("1.12", "2")}


def ready_studies():
    """Return the studies of config.yaml and of the files in studies/, those of suites once."""
    paths = [REPOSITORY / "config.yaml", *sorted(REPOSITORY.glob("studies/*.yaml"))]
    with contextlib.chdir(REPOSITORY):  # a suite names its files from there
        found = [studies_of(read_values(str(path))) for path in paths]
    return list({name: study for studies in found for name, study in studies.items()}.values())


def plan(*arguments, folder):
    """Plan with snakemake in a folder, in this process; return its status and what it printed.

    For what runs no job. The Snakefile is the folder's own; the library is that of the tests.
    """
    printed, path, given = io.StringIO(), list(sys.path), list(sys.argv)
    sys.argv[1:] = [str(argument) for argument in arguments]
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        pytest.raises(SystemExit) as ended,
    ):
        snakemake_main()
    sys.path[:], sys.argv[:] = path, given
    return subprocess.CompletedProcess(arguments, ended.value.code, printed.getvalue())


class Checkout:
    """A copy of the working tree, with the data and the TensorFlow environments beside it."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *command):
        """Run a command here; return its status and what it printed."""
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "300"},
        )

    def snakemake(self, *arguments):
        """Run snakemake here; return its status and what it printed."""
        return self.run(Path(sys.executable).parent / "snakemake", *arguments)

    def plan(self, *arguments):
        """Return what :func:`plan` does here."""
        return plan(*arguments, folder=self.folder)

    def planned(self, *arguments):
        """Return the output files that snakemake would make now, without the study's folder."""
        done = self.plan("--summary", *arguments)
        assert done.returncode == 0, done.stdout
        table = done.stdout[done.stdout.index("output_file\t") :]
        rows = csv.DictReader(table.splitlines(), delimiter="\t")
        return {
            row["output_file"].split("/", 2)[2]
            for row in rows
            if row["plan"] == "update pending" and row["output_file"].startswith("results/")
        }


def new_checkout(folder):
    """Return a :class:`Checkout` without results in an empty folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    folder.mkdir(exist_ok=True)
    for name in filter(lambda name: (REPOSITORY / name).exists(), listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # With its date: requirements newer than an environment have it built anew.
        shutil.copy2(REPOSITORY / name, folder / name)
    shutil.copy2(folder / "tests/workflow/demo.yaml", folder / "studies")  # a smaller one
    shutil.copytree(REPOSITORY / "data", folder / "data")
    (folder / ".environments").symlink_to(REPOSITORY / ".environments")
    return Checkout(folder)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    return new_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def results_of(checkout, tmp_path_factory):
    """Return a function that puts the results of a configuration into the checkout.

    Of the processes that test at the same time, one runs it, in a checkout without anything else.
    """
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent

    def results(configuration, write_configuration=lambda folder: None):
        folder = common / Path(configuration).stem
        with open(f"{folder}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                made = new_checkout(folder)
                write_configuration(folder)
                done = made.snakemake("--cores", "2", "--configfile", configuration)
                assert done.returncode == 0, done.stdout
        for part in ("results", ".snakemake/metadata"):
            shutil.copytree(folder / part, checkout.folder / part, dirs_exist_ok=True)
        return checkout.folder / "results"

    return results


DEMO = ("--configfile", "studies/demo.yaml")


@pytest.fixture(scope="session")
def demo(results_of):
    """Return the folder of the demo's results."""
    return results_of("studies/demo.yaml") / "demo"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return a real headless browser."""
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if not all(programs):
        if os.environ.get("CI"):
            pytest.fail("chromium and chromedriver must be installed where CI runs")
        pytest.skip("chromium and chromedriver are not installed; CI looks at pages with them")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for argument in [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update",
        "--window-size=1400,1000", f"--user-data-dir={tmp_path_factory.mktemp('browser')}",
    ]:  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(programs[1]))
    yield driver
    driver.quit()


LENGTH = {"iterations": 6, "checkpoint_every": 3}
SWEEP = {
    "name": "sweep",
    "task": {"name": "delayed_match", "delay": 2},
    "network": {"n_units": 8},
    "training": {"batch_size": 16},
    "conditions": {
        "slow": {"learning_rule": "bptt", "training": {"learning_rate": 0.001}, **LENGTH},
        "bptt": LENGTH,
        "three_factor": LENGTH,
        "small": {"learning_rule": "bptt", "network": {"n_units": 6}, **LENGTH},
        "after": {"learning_rule": "three_factor", "start": {"condition": "slow"}, **LENGTH},
    },
    "baseline": "bptt",
    "seeds": 1,
    "hessian": [{"samples": 32}],
}
NEURONS = {
    "name": "alif",
    "n_adaptive": 5,
    "tau_m": 20,
    "threshold": 0.01,
    "tau_adaptation": 200,
    "refractory_steps": 3,
}
# Half of the answers of an untrained network are right: this one stops at once, or nearly so.
STOP = {"measure": "accuracy", "above": 0.4}
SPIKING = {
    "name": "spiking",
    "task": {"name": "store_recall", "n_symbols": 4, "symbol_steps": 40, "group_size": 5},
    "network": {"neurons": NEURONS, "n_units": 12, "tau_out": 20, "n_delays": 3},
    "training": {"optimiser": "adam", "batch_size": 8, "stop": STOP},
    "loss": {"l2": 0.0},
    "conditions": {
        "bptt": {"iterations": 4, "checkpoint_every": 2},
        "three_factor": {"iterations": 4, "checkpoint_every": 2},
    },
    "seeds": [2, 1],
    "hessian": [],
}


SHARPER = {"name": "contrast", "column": "lambda_max", "condition": "three_factor"}
ANSWERS = {"name": "contrast", "column": "test_accuracy", "condition": "three_factor"}
CLAIMS = {
    "sharper": {"statistic": SHARPER, "studies": {"sweep": {}, "missing": {}}, "main": True},
    "right": {"statistic": ANSWERS, "studies": {"spiking": {}}},
}


def write_suite(folder):
    """Write a suite of both studies, and claims, into a checkout."""
    for study in SWEEP, SPIKING:
        text = yaml.safe_dump({**study, "tensorflow": "2"}, sort_keys=False)
        (folder / f"studies/{study['name']}.yaml").write_text(text)
    files = ["studies/sweep.yaml", "studies/spiking.yaml"]
    # TensorFlow: that of the suite, not those of its studies.
    suite = {"studies": files, "tensorflow": "1.12", "claims": "studies/told.yaml"}
    claims = {name: {"claim": f"It is {name}.", "source": "x", **c} for name, c in CLAIMS.items()}
    (folder / "studies/told.yaml").write_text(yaml.safe_dump(claims, sort_keys=False))
    (folder / "studies/suite.yaml").write_text(yaml.safe_dump(suite))


@pytest.fixture(scope="session")
def suite(checkout):
    """Return the configuration of the suite, relative to the checkout."""
    write_suite(checkout.folder)
    return "studies/suite.yaml"


@pytest.fixture(scope="session")
def suite_planned(checkout, suite):
    """Return what a dry run says of the suite before anything is there."""
    done = checkout.plan("--dry-run", "--configfile", suite)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def suite_results(results_of, suite, suite_planned):
    """Return the folder of all results, those of the suite among them."""
    return results_of(suite, write_suite)
