"""The same profile where Slurm keeps accounts, with account and partition edited in."""

import pytest
import yaml

from conftest import Slurm

RUN = "results/slurm/runs/bptt/seed_1/"


@pytest.fixture(scope="module")
def slurm_daemons(tmp_path_factory):
    """The cluster with job accounting."""
    slurm = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        slurm.start("accounting")
        yield slurm
    finally:
        slurm.stop()


def edit(path, replacements):
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    for old, new in replacements:
        assert text.count(old) == 1
        text = text.replace(old, new)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def write(path, values):
    with open(path, "w", encoding="utf-8") as stream:
        yaml.safe_dump(values, stream)


def test_a_suite_with_accounting(checkout, slurm, local):
    edit(
        checkout.path("slurm/config.yaml"),
        [
            ("# slurm_partition: gpu ", "slurm_partition: other "),
            ("# slurm_account: my_group ", "slurm_account: lab "),
        ],
    )
    with open(checkout.path("tests/slurm/study.yaml"), encoding="utf-8") as stream:
        one_run = yaml.safe_load(stream)
    one_run["seeds"] = [1]
    del one_run["conditions"]["three_factor"]
    write(checkout.path("studies/one.yaml"), one_run)
    short = {"bptt": {"iterations": 2, "checkpoint_every": 1}}
    write(checkout.path("studies/two.yaml"), {**one_run, "name": "two", "conditions": short})
    suite = {"studies": ["studies/one.yaml", "studies/two.yaml"]}
    write(checkout.path("tests/slurm/study.yaml"), suite)

    checkout.on_slurm("results/slurm/trajectories.csv", "results/two/trajectories.csv")
    checkout.finish()
    for name in "checkpoints.npz", "learning_curve.csv", "hessian/w_rec_validation.csv":
        with open(checkout.path(RUN + name), "rb") as stream:
            assert stream.read() == local[RUN + name]
    fields = "Account,Partition,State,ReqMem,AllocTRES%60"
    lines = slurm.run("sacct", "-X", "--noheader", "--parsable2", f"--format={fields}").splitlines()
    assert len(lines) == 2 * 2  # training and Hessian of two studies
    for line in lines:
        account, partition, state, _memory, resources = line.split("|")
        assert (account, partition, state) == ("lab", "other", "COMPLETED")
        assert "gres/gpu=1" in resources and "cpu=1" in resources and "mem=6000M" in resources
