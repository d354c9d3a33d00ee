"""What the rules ask of a machine or a cluster, as a dry run tells."""

import re

import pytest
import yaml

from conftest import REPOSITORY, plan


def resources(tmp_path, tensorflow, *options):
    """Return the resources of train and hessian jobs, by rule, as text by name."""
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump({"name": "of_a_test", "tensorflow": tensorflow, "seeds": 1}))
    arguments = ["--dry-run", "--configfile", study, "--workflow-profile", "none", *options]
    done = plan(*arguments, folder=REPOSITORY)
    assert done.returncode == 0, done.stdout
    jobs = re.findall(
        r"^rule (train|hessian):$.*?^    resources: (.*?)$",
        done.stdout,
        re.MULTILINE | re.DOTALL,
    )
    assert sorted(rule for rule, _ in jobs) == 2 * ["hessian"] + 2 * ["train"]
    return {rule: dict(part.split("=", 1) for part in text.split(", ")) for rule, text in jobs}


@pytest.mark.parametrize("tensorflow, gpus", [("1.12", None), ("1.12-gpu", "1"), ("2-gpu", "1")])
def test_jobs_ask_for_a_gpu_where_tensorflow_computes_on_one(tmp_path, tensorflow, gpus):
    for job in resources(tmp_path, tensorflow, "--cores", "1").values():
        assert job.get("gpu") == gpus
        assert int(job["mem_mb"]) > 0 and int(job["runtime"]) > 0


def test_memory_goes_with_the_network(tmp_path):
    small, large = (
        resources(tmp_path, "2", "--cores", "1", "--config", f"network={{n_units: {n_units}}}")
        for n_units in (128, 3000)
    )
    assert small["train"]["mem_mb"] == small["hessian"]["mem_mb"] == "1500"
    assert 2000 < int(large["train"]["mem_mb"]) < int(large["hessian"]["mem_mb"]) < 20000


def test_the_slurm_profile_takes_what_its_comments_offer(tmp_path):
    text = (REPOSITORY / "slurm/config.yaml").read_text(encoding="utf-8")
    edited = tmp_path / "edited"
    edited.mkdir()
    # What is commented out there is YAML behind "# ": a key, or part of a mapping.
    text = re.sub(r"^( *)# ((?: *[a-z_-]+:)(?: .*)?)$", r"\1\2", text, flags=re.MULTILINE)
    text, conda = re.subn("^software-deployment-method: conda", "# no conda", text, flags=re.M)
    assert conda == 1  # it is offered too; the machine of a test need not have it
    (edited / "config.yaml").write_text(text)

    plain = resources(tmp_path, "2-gpu", "--profile", "slurm")
    changed = resources(tmp_path, "2-gpu", "--profile", str(edited))
    for rule in "train", "hessian":
        assert plain[rule]["nodes"] == "1" and "slurm_account" not in plain[rule]
        assert changed[rule]["slurm_account"] == "my_group"
        assert changed[rule]["slurm_partition"] == "gpu"
        assert changed[rule]["slurm_extra"] == "--mail-type=FAIL"
        assert changed[rule]["gpu_model"] == "a100"
        assert (changed[rule]["runtime"], changed[rule]["mem_mb"]) == ("480", "4000")
