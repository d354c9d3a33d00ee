"""The same profile where Slurm keeps accounts, with account and partition edited in."""

import yaml

from cluster import NODES
from conftest import RUNS, tables_of

RUN = "results/slurm/runs/bptt/seed_1/"
ACCOUNTING = True  # of the cluster


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


def accounts(slurm, checkout, fields):
    """Return what is in the accounts of the jobs that were submitted from a folder."""
    options = ["--allocations", "--noheader", "--parsable2", f"--format=WorkDir,{fields}"]
    lines = [line.split("|") for line in slurm.run("sacct", *options).splitlines()]
    return [values for folder, *values in lines if folder == checkout.folder]


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

    checkout.on_slurm(slurm, "results/slurm/trajectories.csv", "results/two/trajectories.csv")
    checkout.finish()
    for name in "checkpoints.npz", "learning_curve.csv", "hessian/w_rec_validation.csv":
        with open(checkout.path(RUN + name), "rb") as stream:
            assert stream.read() == local[RUN + name]
    jobs = accounts(slurm, checkout, "Account,Partition,State,AllocTRES%60")
    assert len(jobs) == 2 * 2  # training and Hessian of two studies
    for account, partition, state, resources in jobs:
        assert (account, partition, state) == ("lab", "other", "COMPLETED")
        assert "gres/gpu=1" in resources and "cpu=1" in resources and "mem=6000M" in resources


def test_a_controller_that_is_away_for_a_minute(new_checkout, slurm, local):
    """While two folders compute; with accounting Snakemake goes on by itself."""
    runs_of = {new_checkout("first"): RUNS[:2], new_checkout("second"): RUNS[2:]}
    for checkout, runs in runs_of.items():
        checkout.on_slurm(slurm, *tables_of(runs))
    programs = [checkout.suspended_in_mid_run(runs) for checkout, runs in runs_of.items()]
    with slurm.without_controller(60):
        for of_checkout in programs:
            for program in of_checkout.values():
                program.resume()
    nodes = set()
    for checkout, runs in runs_of.items():
        checkout.finish()
        assert checkout.results(runs).items() <= local.items()
        nodes.update(node for (node,) in accounts(slurm, checkout, "NodeList"))
    assert nodes == set(NODES)
