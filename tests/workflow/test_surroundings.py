"""Where the study lies, and what else is set in the user's session, changes nothing."""

import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import DEMO, REPOSITORY, SWEEP, new_checkout

SNAKEMAKE = Path(sys.executable).parent / "snakemake"


@pytest.mark.slow
def test_a_foreign_session_changes_nothing(tmp_path):
    """What clusters, notebooks and containers set; in a folder with letters that ASCII lacks."""
    folder = tmp_path / "tüst it's"
    folder.mkdir()
    new_checkout(folder)
    study = {**SWEEP, "name": "elsewhere", "conditions": {"bptt": SWEEP["conditions"]["bptt"]}}
    del study["baseline"]
    (folder / "mine.yaml").write_text(yaml.safe_dump(study))
    (folder / "matplotlibrc").write_text("axes.facecolor: red\n")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in ("matplotlib", "scipy", "threadpoolctl", "tensorflow"):
        (foreign / f"{name}.py").write_text("raise RuntimeError('a module of PYTHONPATH')")
    session = {
        "LC_ALL": "C",
        "PYTHONPATH": str(foreign),
        "PYTHONSAFEPATH": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "2", "--configfile", "mine.yaml"],
        cwd=folder, env={**os.environ, **session}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = folder / "results/elsewhere"
    (folder / "matplotlibrc").unlink()
    subprocess.run(
        [sys.executable, "-E", "scripts/plot.py", "--study", results,
         "--output", tmp_path / "again"],
        cwd=folder, check=True, capture_output=True, env={**os.environ, "PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    figures = sorted(path.name for path in (tmp_path / "again").iterdir())
    assert figures
    for name in figures:
        again = (tmp_path / "again" / name).read_bytes()
        assert (results / "figures" / name).read_bytes() == again, name


def test_what_is_set_for_tensorflow_and_linear_algebra_does_not_reach_a_job(tmp_path):
    log, program = tmp_path / "log", tmp_path / "program.py"
    program.write_text("import os; print(sorted(os.environ))")
    gone = ["TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "OPENBLAS_CORETYPE", "MKL_CBWR"]
    stays = ["OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "HOME"]
    subprocess.run(
        ["bash", REPOSITORY / "workflow/job.sh", log, sys.executable, program],
        env={**os.environ, **dict.fromkeys([*gone, *stays], "1")}, check=True,
    )  # fmt: skip
    found = set(ast.literal_eval(log.read_text()))
    assert found.isdisjoint(gone) and found.issuperset(stays)


def job(log, python, text, tmp_path):
    """Start job.sh with a program of some text."""
    program = tmp_path / f"{log.stem}.py"
    program.write_text(text)
    return subprocess.Popen(["bash", REPOSITORY / "workflow/job.sh", log, python, program])


def test_a_second_copy_of_a_job_leaves_the_log_of_the_first_one(tmp_path):
    log, go = tmp_path / "log", tmp_path / "go"
    log.write_text("of the time before\n")
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    first = job(log, sys.executable, f"print('first', flush=True)\n{wait}print('end')", tmp_path)
    while log.read_text() != "first\n":
        time.sleep(0.01)
    log.unlink()  # as Snakemake does
    assert job(log, sys.executable, "print('second')", tmp_path).wait() == 0
    go.touch()
    assert first.wait() == 0
    assert log.read_text() == "first\nsecond\nend\n"
    assert job(log, sys.executable, "print('later')", tmp_path).wait() == 0
    assert log.read_text() == "later\n"


def test_a_machine_without_the_interpreter_says_so_in_the_log(tmp_path):
    log = tmp_path / "log"
    assert job(log, "/nowhere/python", "", tmp_path).wait() == 127
    assert log.read_text().startswith(f"error: on {os.uname().nodename} there is no /nowhere/pyth")


def test_a_folder_that_snakemake_takes_for_a_pattern_is_refused_by_name(tmp_path):
    folder = tmp_path / "a{b}c"
    folder.mkdir()
    done = new_checkout(folder).plan("-n")
    assert done.returncode != 0
    assert f"{folder}: a folder of this name cannot be worked in" in done.stdout


def test_what_the_python_of_snakemake_lacks_is_said(checkout):
    """As where Snakemake is the user's own."""
    lacking = "import sys; sys.modules['scipy'] = None; from snakemake.cli import main; main()"
    done = checkout.run(sys.executable, "-c", lacking, "-n")
    assert done.returncode != 0
    assert "scipy" in done.stdout and "pip install -r envs/workflow.txt" in done.stdout


def test_a_folder_of_another_name_for_results(checkout, tmp_path):
    """`--directory`, and a Snakefile named from where it is called."""
    (tmp_path / "work here").mkdir()
    called = os.path.relpath(checkout.folder, tmp_path)
    done = subprocess.run(
        [SNAKEMAKE, "-n", "-s", f"{called}/workflow/Snakefile", "--directory", "work here",
         "--configfile", checkout.folder / "studies/demo.yaml"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "demo: 8 jobs" in done.stderr


def test_results_of_the_future_are_refused_with_both_times(checkout, demo):
    """They would have what depends on them redone at every start, for ever."""
    record = demo / "runs/bptt/seed_1/training.json"
    dated = record.stat().st_mtime_ns
    os.utime(record, (time.time() + 3600, time.time() + 3600))
    done = checkout.snakemake("--cores", "1", *DEMO)
    os.utime(record, ns=(dated, dated))
    assert done.returncode != 0
    assert "seed_1/training.json: dated" in done.stdout and "touch {} +" in done.stdout


def test_to_delete_all_output_leaves_data_and_environments(checkout, demo):
    done = checkout.plan("--delete-all-output", "--dry-run", *DEMO)
    assert done.returncode == 0, done.stdout
    deleted = re.findall(r"Would delete (.*)", done.stdout)
    assert deleted and all(path.startswith("results/demo/") for path in deleted)


@pytest.mark.slow
def test_no_timers_pile_up(checkout, demo):
    """Snakemake starts one with every job that ends, unless jobs have no limit in time."""
    refused = (
        "import threading; threading.Timer = 'a timer'; from snakemake.cli import main; main()"
    )
    jobs = ("--cores", "1", "--until", "write_tables", "--forcerun", "write_tables", *DEMO)
    done = checkout.run(sys.executable, "-c", refused, *jobs)
    assert done.returncode == 0, done.stdout
    asked = checkout.run(sys.executable, "-c", refused, "--max-jobs-per-timespan", "7/1s", *jobs)
    assert asked.returncode != 0 and "'str' object is not callable" in asked.stdout


@pytest.mark.slow
def test_what_is_said_at_the_end_is_there(checkout, demo):
    """Also by `make demo`, whose output in a file tells of every job and of what came out."""
    figure = demo / "figures/learning_curves.svg"
    content = figure.read_bytes()
    figure.unlink()
    tables = checkout.snakemake("--cores", "1", "--until", "write_tables", *DEMO)
    assert "logs of the jobs, as they run: results/demo/logs\n" in tables.stdout
    assert "demo: results in results/demo/" in tables.stdout
    (checkout.folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    made = checkout.run("make", "--no-print-directory", "demo", "CORES=2")
    (checkout.folder / ".venv").unlink()
    assert made.returncode == 0, made.stdout
    assert figure.read_bytes() == content
    assert "demo: results in results/demo/" in made.stdout
    lines = made.stdout.partition("95 % intervals:\n")[2].splitlines()
    numbers = r"largest eigenvalue λₘₐₓ \S+;{} training cross entropy \(nats\) \S+; test accuracy "
    assert re.match("  BPTT: " + numbers.format(""), lines[0])
    ratios = r" ratio to BPTT (\S+);(?: ratio to BPTT at equal training loss [^;]+;)?"
    told = re.match("  three-factor: " + numbers.format(ratios), lines[1])
    summary = pd.read_csv(demo / "summary.csv").set_index(["quantity", "condition"])["mean"]
    ratio = summary["lambda_max_ratio_final", "three_factor / bptt"]
    assert float(told[1]) == pytest.approx(ratio, rel=5e-3)
    assert "Finished jobid: 0 (Rule: all)" in made.stdout
    assert lines[-1] == "report: results/demo/report.html"


def test_nothing_is_said_of_tables_of_another_configuration(checkout, demo, tmp_path):
    (tmp_path / "change.yaml").write_text("baseline: three_factor")
    jobs = ("--until", "train", "--forcerun", "train")  # each finds its run complete
    done = checkout.snakemake("--cores", "2", *jobs, *DEMO, tmp_path / "change.yaml")
    assert done.returncode == 0, done.stdout
    assert "finished runs are kept" in done.stdout
    assert "results in" not in done.stdout and "largest eigenvalue" not in done.stdout
