"""Which jobs a study needs, as a dry run tells, and what its report says of it."""

import re
import subprocess
import sys
import types

import jinja2
import pytest
import yaml
from docutils.core import publish_parts

from conftest import REPOSITORY
from lsnn.config import parse_study, read_study, resolve
from lsnn.outputs import shown_columns

SPIKING = {
    "task": {"name": "store_recall"},
    "network": {"neurons": {"name": "alif", "n_adaptive": 10}},
    "hessian": [],
}


def planned(tmp_path, study):
    """Return the number of jobs of each rule, for a study whose data are not there."""
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({"name": "of_a_test", "data": str(tmp_path / "data"), **study}))
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--configfile", str(path)]
    done = subprocess.run(
        [*command, "--workflow-profile", "none"], capture_output=True, text=True, cwd=REPOSITORY
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    table = printed[printed.index("Job stats:") :].partition("\n\n")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


def test_a_study_with_a_hessian(tmp_path):
    jobs = planned(tmp_path, {})
    assert (jobs["data"], jobs["train"], jobs["hessian"]) == (1, 10, 10)
    assert not {"trial", "plot_raster"} & set(jobs)


def test_an_entry_of_hessian_plans_a_job_a_run(tmp_path):
    entries = [{}, {"block": "all", "split": "train"}]
    jobs = planned(tmp_path, {"hessian": entries})
    assert (jobs["train"], jobs["hessian"], jobs["aggregate"]) == (10, 20, 1)


def test_a_study_without_hessian_plans_no_hessian_jobs(tmp_path):
    jobs = planned(tmp_path, {"hessian": []})
    assert (jobs["data"], jobs["train"], jobs["aggregate"]) == (1, 10, 1)
    assert not {"hessian", "trial", "plot_raster"} & set(jobs)


def test_a_task_that_makes_its_own_data_plans_no_data_job(tmp_path):
    jobs = planned(tmp_path, {"task": {"name": "store_recall"}, "hessian": []})
    assert "data" not in jobs and jobs["train"] == 10


def test_a_study_of_spiking_units_plans_a_trial_a_condition(tmp_path):
    jobs = planned(tmp_path, SPIKING)
    assert (jobs["train"], jobs["trial"], jobs["plot_raster"]) == (10, 2, 2)
    assert not {"data", "hessian"} & set(jobs)


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("studies/*.yaml")), ids=lambda p: p.stem)
def test_a_ready_study_is_possible_and_plans_a_training_a_run(tmp_path, path):
    study = read_study(path)
    jobs = planned(tmp_path, yaml.safe_load(path.read_text()))
    assert jobs["train"] == len(study.conditions) * len(study.seeds)
    assert jobs.get("hessian", 0) == jobs["train"] * len(study.hessian)


def test_the_short_study_of_pixelwise_mnist_is_the_beginning_of_the_long_one():
    long_one, short = (
        read_study(REPOSITORY / f"studies/pixelwise_mnist{suffix}.yaml")
        for suffix in ("", "_short")
    )
    assert short.conditions["bptt"].iterations < long_one.conditions["bptt"].iterations
    same = {"name": long_one.name, "conditions": long_one.conditions}
    assert short._replace(**same) == long_one


CAPTIONS = sorted(path.name for path in (REPOSITORY / "workflow/report").glob("*.rst"))
OF_HESSIAN = {"along_training.rst", "against_loss.rst", "generalization_gap.rst"}


def params_of(name, study):
    """Return the params of the rule that a caption belongs to, as far as captions ask for them."""
    shown = shown_columns(study)
    if name == "trajectories.rst":
        return {"columns": [{"name": column.name, "label": column.axis} for column in shown]}
    if name == "raster.rst":
        return {"is_classification": study.task_class.is_classification}
    told = ("label", "meaning", "threshold")
    return {
        "thresholds": sorted({study.threshold_of(name) for name in study.conditions} - {None}),
        "columns": [{key: getattr(c, key) for key in told} for c in shown if c.figure],
        "measures": [measure.label for measure in study.task_class.measures],
    }


def caption(name, config):
    """Return a caption of the report, as text, for a configuration; complain of flaws in it."""
    study = parse_study(config)
    snakemake = types.SimpleNamespace(
        config=resolve(config),
        wildcards=types.SimpleNamespace(condition=list(study.conditions)[-1]),
        params=params_of(name, study),
    )
    template = (REPOSITORY / "workflow/report" / name).read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    text = environment.from_string(template).render(snakemake=snakemake)
    publish_parts(text, writer="html", settings_overrides={"halt_level": 2})
    return " ".join(text.split())


@pytest.mark.parametrize("name", CAPTIONS)
def test_captions_hold_with_a_hessian(name):
    text = caption(name, {})
    assert len(text) > 80
    assert "stop" not in text


@pytest.mark.parametrize("name", [name for name in CAPTIONS if name not in OF_HESSIAN])
@pytest.mark.parametrize(
    "study",
    [{"hessian": []}, SPIKING, {"network": {"neurons": "lif"}, "hessian": []}],
    ids=["rate", "spiking", "lif"],
)
def test_captions_of_studies_without_hessian_tell_of_none(name, study):
    text = caption(name, study)
    assert len(text) > 80
    for word in ("lambda", "Hessian", "igenvalue", "Lanczos", "products"):
        assert word not in text


@pytest.mark.parametrize(
    "stop, words",
    [
        ({"measure": "accuracy", "above": 0.95}, "whose validation accuracy is above 0.95"),
        ({"measure": "loss", "below": 0.2}, "whose validation loss is below 0.2"),
    ],
)
@pytest.mark.parametrize("name", ["learning_curves.rst", "along_training.rst"])
def test_captions_tell_of_runs_that_stop_early(name, stop, words):
    text = caption(name, {"training": {"stop": stop}})
    assert words in text
    assert "counts with its last value in means" in text


def test_captions_tell_of_every_column_that_is_shown():
    study = {"hessian": [{}, {"block": "all", "split": "train"}]}
    text = caption("trajectories.rst", study)
    names = ["lambda_max", "all_train_lambda_max", "test_accuracy", "generalization_gap_loss"]
    for name in names:
        assert f"``{name}``: " in text
    text = caption("along_training.rst", study)
    for words in ("λ_max*: The larger", "λ_min*: Negative values", "λ_max, all, train*: The"):
        assert words in text


SWEEP = {
    "conditions": {
        "bptt": {},
        "slow": {"learning_rule": "bptt", "training": {"learning_rate": 0.001}},
    },
    "baseline": "slow",
}


@pytest.mark.parametrize("name", CAPTIONS)
def test_captions_hold_for_several_learning_rates(name):
    assert len(caption(name, SWEEP)) > 80


def test_captions_name_conditions_by_their_labels():
    assert "BPTT for 10000 iterations, BPTT, learning rate 0.001 for 10000 iterations." in caption(
        "workflow.rst", SWEEP
    )
    assert "to that of BPTT, learning rate 0.001." in caption("summary.rst", SWEEP)
    assert "that BPTT, learning rate 0.001 trained from seed 1" in caption("raster.rst", SWEEP)


@pytest.mark.parametrize("name", ["along_training.rst", "against_loss.rst"])
def test_captions_tell_of_one_threshold_or_of_one_a_condition_or_of_none(name):
    assert "2 / learning rate = 200." in caption(name, {})
    assert "of the condition of its colour" in caption(name, SWEEP)
    assert "2 / learning rate" not in caption(name, {"training": {"optimiser": "adam"}})
