"""Where the study lies, and what else is set in the user's session, changes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import SWEEP, new_checkout

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
        [sys.executable, "scripts/plot.py", "--config", results / "config.yaml",
         "--trajectories", results / "trajectories.csv", "--output", tmp_path / "again"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    figures = sorted(path.name for path in (tmp_path / "again").iterdir())
    assert figures
    for name in figures:
        again = (tmp_path / "again" / name).read_bytes()
        assert (results / "figures" / name).read_bytes() == again, name


def test_a_folder_that_snakemake_takes_for_a_pattern_is_refused_by_name(tmp_path):
    folder = tmp_path / "a{b}c"
    folder.mkdir()
    done = new_checkout(folder).snakemake("-n")
    assert done.returncode != 0
    assert f"{folder}: a folder of this name cannot be worked in" in done.stdout


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
