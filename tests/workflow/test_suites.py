"""Several studies as one workflow, two at a time, and the workflow as a module of another."""

import contextlib
import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from conftest import PYTHONS, REPOSITORY, SPIKING, SWEEP
from lsnn.storage.files import read_record
from lsnn.study import costs
from lsnn.study.config import parse_study, read_study

# Another study, of a training or two alone.
OTHER = {
    "tensorflow": "2",
    "seeds": 1,
    "network": {"n_units": 8},
    "conditions": {"bptt": {"iterations": 4, "checkpoint_every": 2}},
    "hessian": [{"samples": 16}],
}
# Of a task that makes its own data, which takes less time than to read the images.
QUICK = {
    "task": {"name": "pattern_generation", "n_train": 8, "n_steps": 11},
    "training": {"batch_size": 8},
    "hessian": [],
}


def test_a_dry_run_says_how_many_jobs_how_long_and_how_many_bytes(suite_planned):
    jobs = dict(re.findall(r"^ *([a-z_ ]+?) +(\d+) *$", suite_planned, re.M))
    told = {name: int(jobs[name]) for name in ("train", "hessian", "trial", "aggregate")}
    assert told == {"train": 5 + 4, "hessian": 5, "trial": 2, "aggregate": 2}
    assert "sweep: 10 jobs, about 1 min and 0.0 MB" in suite_planned
    assert "spiking: 4 jobs, about 1 min and 0.0 MB" in suite_planned


def test_a_dry_run_tells_what_is_left(checkout, suite, suite_results):
    done = checkout.plan("--dry-run", "--configfile", suite)
    assert "sweep: 0 jobs\n" in done.stdout and "spiking: 0 jobs\n" in done.stdout
    changed = yaml.safe_load((suite_results / "sweep/config.yaml").read_text())
    for change, jobs in [
        ({"seeds": [1, 2]}, 10),
        ({"hessian": [{**changed["hessian"][0], "samples": 16}]}, 5),
        ({"loss": {**changed["loss"], "l2": 0.5}}, 10),
    ]:
        study = parse_study({**changed, **change})
        with contextlib.chdir(checkout.folder):
            assert f"sweep: {jobs} jobs, about" in costs.estimate({"sweep": study})


def test_every_study_of_a_suite_has_its_results_with_what_the_suite_says_for_all(suite_results):
    for study in SWEEP, SPIKING:
        expected = parse_study({**study, "tensorflow": "1.12"})
        folder = suite_results / study["name"]
        assert parse_study(read_record(folder / "metadata.json")["study"]) == expected
        assert read_study(folder / "config.yaml") == expected
        assert list(expected.conditions) == list(study["conditions"])  # in their order


def test_the_suite_has_one_report(checkout, suite, suite_results, tmp_path):
    done = checkout.snakemake("--configfile", suite, "--report", tmp_path / "report.html")
    assert done.returncode == 0, done.stdout
    text = (tmp_path / "report.html").read_text()
    for part in (
        "of 8 recurrent units",
        "of 12 recurrent units",
        "learning rate sweep",
        "The final states against the learning rate",
        "BPTT, learning rate 0.001 for",
        "learning rate, of the condition of its colour",
        "raster BPTT",
        "raster three-factor",
        "trained from seed",
    ):
        assert part in text, part
    categories = json.loads(re.search(r"var categories = (\{.*?\});?\n", text)[1])
    assert "It is sharper. (x)" in text
    claims = categories.pop("Claims")
    assert claims and {name: sorted(one) for name, one in categories.items()} == {
        "Figures": ["spiking", "sweep"],
        "Tables": ["spiking", "sweep"],
    }


def test_a_study_of_a_suite_is_done_when_it_is_asked_for_alone(checkout, suite, suite_results):
    assert checkout.planned("--configfile", suite) == set()
    alone = suite_results / "sweep/config.yaml"
    assert checkout.planned("--configfile", alone) == set()


def test_a_suite_decides_its_claims(suite_results):
    table = pd.read_csv(suite_results / "told/claims.csv")
    assert table[["claim", "study", "verdict", "n"]].to_numpy().tolist() == [
        ["sharper", "sweep", "open", 1],
        ["sharper", "missing", "not computed", 0],
        ["sharper", "all", "open", 0],
        ["right", "spiking", "open", 2],
    ]
    figures = {path.name for path in (suite_results / "told/figures").glob("*.svg")}
    assert figures == {"overview.svg", "sharper.svg"}


def test_one_claim_needs_its_studies_alone(checkout, suite, suite_results):
    target = "results/told/right/claims.csv"
    arguments = ["--dry-run", "--forceall", target, "--configfile", suite]
    planned = checkout.plan(*arguments).stdout
    jobs = dict(re.findall(r"^ *([a-z_ ]+?) +(\d+) *$", planned, re.M))
    assert (jobs["train"], jobs["aggregate"], jobs["decide_claim"]) == ("4", "1", "1")
    assert "hessian" not in jobs  # of the other study
    done = checkout.snakemake("--cores", "1", target, "--configfile", suite)
    assert done.returncode == 0, done.stdout
    assert pd.read_csv(checkout.folder / target)["claim"].tolist() == ["right"]


@pytest.mark.slow
def test_two_studies_run_in_one_checkout_at_the_same_time(checkout):
    processes = []
    for name in "first", "second":
        path = checkout.folder / f"studies/{name}.yaml"
        path.write_text(yaml.safe_dump({**OTHER, **QUICK, "name": name}))
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--until", "train"]
        processes.append(
            subprocess.Popen(
                [*command, "--configfile", path],
                cwd=checkout.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    for process in processes:
        printed, _ = process.communicate(timeout=120)
        assert process.returncode == 0, printed
    for name in "first", "second":
        run = checkout.folder / "results" / name / "runs/bptt/seed_1"
        assert (run / "training.json").exists()


@pytest.mark.slow
def test_the_workflow_is_a_module_of_another(checkout, tmp_path):
    study = {**OTHER, "name": "of_a_module", "data": str(checkout.folder / "data")}
    (tmp_path / ".environments").symlink_to(REPOSITORY / ".environments")
    results = "results/of_a_module/"
    targets = [results + "trajectories.csv", results + "figures/learning_curves.svg"]
    (tmp_path / "Snakefile").write_text(
        f"""
module curvature:
    snakefile: {str(checkout.folder / "workflow/Snakefile")!r}
    config: {study!r}

use rule * from curvature as curvature_*

rule mine:
    default_target: True
    input: {targets!r}
    output: "mine.csv"
    shell: "cp {{input[0]}} {{output}}"
"""
    )

    def snakemake(*arguments):
        command = [sys.executable, "-m", "snakemake", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    printed = snakemake("--cores", "2")
    for rule in ("curvature_aggregate", "curvature_plot"):  # no jobs for a cluster
        assert f"localrule {rule}:" in printed
    assert pd.read_csv(tmp_path / "mine.csv")["lambda_max"].notna().all()
    # A module that is moved computes nothing anew.
    shutil.copytree(checkout.folder, tmp_path / "moved", symlinks=True)
    snakefile = (tmp_path / "Snakefile").read_text()
    moved = snakefile.replace(str(checkout.folder / "workflow"), str(tmp_path / "moved/workflow"))
    assert moved != snakefile
    (tmp_path / "Snakefile").write_text(moved)
    assert "Nothing to be done" in snakemake("--dry-run")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"sedes": 1}, "sedes: unknown key (did you mean seeds?)"),
        ({"studies": ["studies/nowhere.yaml"]}, "studies/nowhere.yaml: cannot be"),
        ({"claims": "nowhere.yaml"}, "nowhere.yaml: cannot be read"),
        ({"claims": "studies/sweep.yaml"}, "results/sweep is taken"),
        (
            {"studies": ["studies/sweep.yaml", "studies/./sweep.yaml"]},
            'name: "sweep" is the name of studies/sweep.yaml, too',
        ),
    ],
)
def test_an_impossible_suite_is_refused_before_any_job(checkout, suite, tmp_path, change, message):
    written = {**yaml.safe_load((checkout.folder / suite).read_text()), **change}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(written))
    done = checkout.plan("--cores", "1", "--configfile", tmp_path / "suite.yaml")
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert message in done.stdout


OF_RUN = ["--checkpoints", "checkpoints.npz"]
HESSIAN, TRIAL, EXAMPLES = (["--kind", kind] for kind in ("hessian", "trial", "examples"))


@pytest.mark.parametrize(
    "program, arguments, message",
    [
        ("train", ["--settings", "{"], "invalid loads value: '{'"),
        ("train", ["--settings", "{}"], "--settings needs --data\n"),
        ("train", ["--config", "config.yaml", "--seed", "1"], "needs --condition and --seed"),
        ("train", [], "one of the arguments --config --settings is required"),
        ("curvature", [*HESSIAN, "--config", "config.yaml", *OF_RUN], "--config needs --entry"),
        ("record", [*TRIAL, "--settings", "{}"], "--kind trial needs --checkpoints"),
        ("record", [*EXAMPLES, "--settings", "{}", *OF_RUN], "and --kind examples none"),
    ],
)
def test_what_a_program_lacks_is_told(checkout, tmp_path, program, arguments, message):
    output = tmp_path / "output"
    done = checkout.run(sys.executable, f"scripts/{program}.py", "--output", output, *arguments)
    assert done.returncode == 2 and "Traceback" not in done.stdout
    assert message in done.stdout
    assert not output.exists()


def test_a_job_needs_neither_yaml_nor_a_schema(checkout):
    program = "import sys; sys.modules['yaml'] = sys.modules['jsonschema'] = None\n"
    program += "sys.path.insert(0, 'scripts')\nimport train, curvature, record"
    done = checkout.run(PYTHONS["1.12"], "-c", program)
    assert done.returncode == 0, done.stdout


def test_the_size_of_checkpoints_is_that_of_their_files(demo):
    size = (demo / "runs/bptt/seed_1/checkpoints.npz").stat().st_size
    study = read_study(demo / "config.yaml")
    assert costs.training_cost(study, "bptt").size == pytest.approx(size, rel=0.05)
