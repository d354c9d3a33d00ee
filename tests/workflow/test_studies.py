"""Which jobs a study needs, as a dry run tells, and what its report says of it."""

import re
import types
from pathlib import Path

import jinja2
import pytest
import yaml
from docutils.core import publish_parts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from conftest import DEMO, REPOSITORY, plan, ready_studies
from lsnn.options import NAME
from lsnn.study.config import as_mapping, parse_study, read_study
from lsnn.study.outputs import about_study, shown_columns

SPIKING = {
    "task": {"name": "store_recall"},
    "network": {"neurons": {"name": "alif", "n_adaptive": 10}},
    "hessian": [],
}
NAMES = some.from_regex(NAME["pattern"]).filter(lambda name: len(name) <= NAME["maxLength"])
ANY = list(HealthCheck)


def planned(tmp_path, study):
    """Return the number of jobs of each rule, for a study whose data are not there."""
    path = tmp_path / "study.yaml"
    own = {} if "studies" in study else {"name": "of_a_test"}
    path.write_text(yaml.safe_dump({"data": str(tmp_path / "data"), **own, **study}))
    arguments = ["--dry-run", "--configfile", path, "--workflow-profile", "none"]
    done = plan(*arguments, folder=REPOSITORY)
    printed = done.stdout
    assert done.returncode == 0, printed
    table = printed[printed.index("Job stats:") :].partition("\n\n")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


def test_a_study_with_a_hessian(tmp_path):
    jobs = planned(tmp_path, {})
    assert (jobs["data"], jobs["train"], jobs["hessian"]) == (1, 10, 10)
    assert "trial" not in jobs


def test_an_entry_of_hessian_plans_a_job_a_run(tmp_path):
    entries = [{}, {"block": "all", "split": "train"}]
    jobs = planned(tmp_path, {"hessian": entries})
    assert (jobs["train"], jobs["hessian"], jobs["aggregate"]) == (10, 20, 1)


def test_a_study_without_hessian_plans_no_hessian_jobs(tmp_path):
    jobs = planned(tmp_path, {"hessian": []})
    assert (jobs["data"], jobs["train"], jobs["aggregate"]) == (1, 10, 1)
    assert not {"hessian", "trial"} & set(jobs)


@pytest.mark.slow
@settings(
    max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=ANY
)
@given(some.lists(NAMES, min_size=100, max_size=100, unique_by=str.lower))
def test_conditions_of_any_names_are_planned(tmp_path, names):
    conditions = {
        name: {"learning_rule": "bptt", "iterations": 2, "checkpoint_every": 1} for name in names
    }
    for number, condition in enumerate(conditions.values()):
        condition["label"] = str(number)
    assert planned(tmp_path, {"conditions": conditions, "seeds": 1})["train"] == len(names)


def test_a_task_that_makes_its_own_data_plans_no_data_job(tmp_path):
    jobs = planned(tmp_path, {"task": {"name": "store_recall"}, "hessian": []})
    assert "data" not in jobs and jobs["train"] == 10


def test_a_study_of_spiking_units_plans_a_trial_a_condition(tmp_path):
    jobs = planned(tmp_path, SPIKING)
    assert (jobs["train"], jobs["trial"], jobs["plot"]) == (10, 2, 1)
    assert not {"data", "hessian"} & set(jobs)


def test_the_ready_studies_are_possible_and_plan_a_training_a_run(tmp_path):
    studies = [study._replace(seeds=study.seeds[:2]) for study in ready_studies()]
    paths = [str(tmp_path / f"{study.name}.yaml") for study in studies]
    for path, study in zip(paths, studies, strict=True):
        Path(path).write_text(yaml.safe_dump(as_mapping(study), sort_keys=False))
    runs = [len(study.conditions) * len(study.seeds) for study in studies]
    jobs = planned(tmp_path, {"studies": paths})
    assert jobs["train"] == sum(runs)
    for kind in ("hessian", "dynamics"):
        wanted = [
            len(study.conditions) * len(study.seeds_of(entry))
            for study in studies
            for entry in getattr(study, kind)
        ]
        assert jobs[kind] == sum(wanted) > 0


@pytest.mark.slow
def test_a_study_of_many_conditions_reaches_its_jobs_as_a_file(checkout):
    """As an argument it would be longer than Linux allows one to be: 128 KiB."""
    names = [f"a_condition_whose_name_is_not_the_shortest_{place}" for place in range(800)]
    conditions = {name: {"learning_rule": "bptt", "label": name} for name in names}
    study = {"name": "many", "seeds": 1, "hessian": [], "conditions": conditions}
    path = checkout.folder / "studies/many.yaml"
    path.write_text(yaml.safe_dump(study))
    done = checkout.snakemake("--cores", "1", "results/many/study.yaml", "--configfile", path)
    assert done.returncode == 0, done.stdout
    written = checkout.folder / "results/many/study.yaml"
    assert written.stat().st_size > 128 * 1024
    assert read_study(written) == parse_study(study)
    planned = checkout.plan("--dry-run", "--printshellcmds", "--forceall", *DEMO).stdout
    [aggregate] = re.findall("Shell command: (.* scripts/aggregate.py .*)", planned)
    assert " --config results/demo/study.yaml --runs results/demo/runs " in aggregate


def test_the_short_study_of_pixelwise_mnist_is_the_beginning_of_the_long_one():
    long_one, short = (
        read_study(REPOSITORY / f"studies/pixelwise_mnist{suffix}.yaml")
        for suffix in ("", "_short")
    )
    assert short.conditions["bptt"].iterations < long_one.conditions["bptt"].iterations
    same = {"name": long_one.name, "conditions": long_one.conditions}
    assert short._replace(**same) == long_one


CAPTIONS = sorted(path.stem for path in (REPOSITORY / "workflow/report").glob("*.rst"))


def rendered(file, studies, shown=(), changes=()):
    """Return a caption of the report as text; complain of flaws in it.

    On the first page stand the files ``shown``, of each study, and the lines ``changes``.
    """
    there = {"shown": shown, "changes": changes, "slices": shown[2:]}
    abouts = [{**about_study(study), **there} for study in studies]
    config = {
        "report": lambda: {"studies": abouts, "claims": []},
        "computed": {study.name: study for study in studies}.get,
        "shown_columns": shown_columns,
    }
    wildcards = types.SimpleNamespace(study=studies[0].name)
    snakemake = types.SimpleNamespace(config=config, wildcards=wildcards)
    template = (REPOSITORY / f"workflow/report/{file}.rst").read_text(encoding="utf-8")
    # As Snakemake makes it, but for what is undefined.
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text = environment.from_string(template).render(snakemake=snakemake)
    text += "\n\n.. _Figures: x\n.. _Tables: x\n" if shown else ""
    publish_parts(text, writer="html", settings_overrides={"halt_level": 2})
    text = " ".join(text.split())
    assert not re.search(r"[.,;)][A-Z]|[,;)][a-z]{2}", text), text  # sentences that touch
    return text


def caption(name, *configs):
    """Return a caption of studies."""
    studies = [parse_study(config) for config in configs]
    return rendered(name, studies)


@pytest.mark.parametrize("name", CAPTIONS)
def test_captions_hold_with_a_hessian(name):
    text = caption(name, {})
    assert len(text) > 80
    assert "stop" not in text


@pytest.mark.parametrize("name", CAPTIONS)
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


def test_the_report_of_a_suite_tells_of_every_study():
    text = caption("workflow", {"name": "one"}, {"name": "two", **SPIKING})
    assert (
        "**Study** *one*: a network of 128 recurrent units (model ``rate``) was trained by" in text
    )
    assert (
        "**Study** *two*: a network of 128 recurrent units (model ``alif``, 10 of them with an "
        "adaptive threshold) was" in text
    )


def test_the_first_page_shows_what_is_there(tmp_path):
    figure, table = tmp_path / "figure.svg", tmp_path / "headline.csv"
    figure.write_text("<svg></svg>")
    table.write_text('condition,"gap, test − training"\nBPTT,"−1.00 [−2.00, 0.130]"\n')
    picture = tmp_path / "slice.svg"
    picture.write_text("<svg></svg>")
    shown = [str(figure), str(table), str(picture)]
    for configs in [[{}], [{"name": "one"}, {"name": "two", **SPIKING}]]:
        studies = [parse_study(config) for config in configs]
        text = rendered("workflow", studies, shown)
        assert [text.count(path) for path in shown] == [len(configs)] * 3
        assert "Figures_" in text
    assert "What came out" not in rendered("workflow", studies)


def test_the_first_page_says_where_results_are_of_another_configuration():
    text = rendered("workflow", [parse_study({})], changes=["seeds: 2 there, 4 wanted"])
    assert "are of another configuration" in text and "``seeds: 2 there, 4 wanted``" in text
    assert "another configuration" not in caption("workflow", {})


def test_the_glossary_tells_of_every_rule_once():
    rules = ["bptt", "three_factor", {"name": "truncated_bptt", "hops": 2}]
    conditions = {f"c{place}": {"learning_rule": rule} for place, rule in enumerate(rules)}
    text = caption("workflow", {"conditions": conditions}, {"name": "two"})
    assert text.count("every path is open.") == text.count("from one unit to another.") == 1
    assert "BPTT, 2 hops Truncated BPTT: the gradient goes along paths" in text
    for term in ("Equal training loss", "Generalization gap", "95 % interval", "Diverged"):
        assert term in text
    assert "2 / learning rate" in text and "λ" not in text
    assert "2 / learning rate" not in caption("workflow", {"training": {"optimiser": "adam"}})


def test_captions_tell_of_every_column_that_is_shown():
    study = {"hessian": [{}, {"block": "all", "split": "train"}]}
    text = caption("trajectories", study)
    names = ["lambda_max", "all_train_lambda_max", "test_accuracy", "generalization_gap_loss"]
    for name in names:
        assert f"``{name}``: " in text


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
    assert "BPTT for 10000 iterations; BPTT, learning rate 0.001 for 10000 iterations." in caption(
        "workflow", SWEEP
    )
    assert "to that of BPTT, learning rate 0.001." in caption("summary", SWEEP)
    own = {**SWEEP["conditions"], "three_factor": {"baseline": "bptt"}}
    study = {**SWEEP, "conditions": own}
    assert "to its baseline, at the same setting." in caption("summary", study)
