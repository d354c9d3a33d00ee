"""The workflow as `snakedeploy` deploys it, from a repository that stands for one on GitHub."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import REPOSITORY, new_checkout
from lsnn.storage.files import read_record

STUDY = {
    "name": "deployed",
    "tensorflow": "2",
    "seeds": 1,
    "network": {"n_units": 8},
    "conditions": {"bptt": {"iterations": 4, "checkpoint_every": 2}},
    "hessian": [{"samples": 16}],
}
ADDRESS = "https://github.com/someone/curvature"
PROGRAMS = Path(sys.executable).parent


@pytest.mark.slow
def test_a_deployed_workflow_runs_from_what_its_version_has(tmp_path):
    repository, deployed = tmp_path / "repository", tmp_path / "deployed"
    repository.mkdir()
    new_checkout(repository)
    (repository / ".environments").unlink()
    environment = {
        **os.environ,
        "GIT_CONFIG_COUNT": "3",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
        "GIT_CONFIG_KEY_1": "user.name",
        "GIT_CONFIG_VALUE_1": "someone",
        "GIT_CONFIG_KEY_2": "user.email",
        "GIT_CONFIG_VALUE_2": "someone@example.org",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),  # where Snakemake keeps repositories
    }

    def run(folder, *command):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run(repository, "git", "init", "--quiet")
    run(repository, "git", "add", ".")
    run(repository, "git", "commit", "--quiet", "--message", "a version")
    run(repository, "git", "tag", "v1")
    snakedeploy = [PROGRAMS / "snakedeploy", "deploy-workflow", ADDRESS, deployed, "--tag", "v1"]
    run(tmp_path, *snakedeploy)
    written = deployed / "config/config.yaml"
    assert written.read_text() == (REPOSITORY / "config.yaml").read_text()

    written.write_text(yaml.safe_dump({**STUDY, "data": str(repository / "data")}))
    snakemake = [PROGRAMS / "snakemake", "--cores", "2"]
    run(deployed, *snakemake, "--dry-run")
    # The environment that is there, made later than the requirements, which Snakemake has just got.
    made = deployed / ".environments/tensorflow-2"
    made.mkdir(parents=True)
    for path in (REPOSITORY / ".environments/tensorflow-2").iterdir():
        if path.name == "environment.json":
            shutil.copy(path, made)
        else:
            (made / path.name).symlink_to(path)

    printed = run(deployed, *snakemake)
    assert "rule train:" in printed and "rule environment:" not in printed
    commit = run(repository, "git", "rev-parse", "HEAD").strip()
    metadata = read_record(deployed / "results/deployed/metadata.json")
    assert metadata["runs"][0]["training_environment"]["commit"] == commit
    assert "Nothing to be done" in run(deployed, *snakemake, "--dry-run")
