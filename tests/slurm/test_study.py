"""The study on Slurm is the study, and every fault leaves the same bytes."""

import os
import re
import shlex
import signal
import time

from cluster import NODES, wait_until
from conftest import REPOSITORY, RUNS, jobs_of_run, tables_of


def watch(checkout, slurm):
    """Follow a study to its end; return its jobs as they ran, and the most that ran at a time."""
    jobs, most = {}, []
    while checkout.process.poll() is None:
        running = [job for job in slurm.jobs(checkout.folder) if job["JobState"] == "RUNNING"]
        jobs.update((job["JobId"], job) for job in running)
        most = max(most, running, key=len)
        time.sleep(0.5)
    return list(jobs.values()), most


def test_from_start_to_figures(checkout, slurm, local):
    checkout.on_slurm(slurm)
    job = checkout.in_mid_run("train", "bptt", 1)
    assert job.environ()["CUDA_VISIBLE_DEVICES"] in list("01")
    with open(os.path.join(REPOSITORY, "docs/how-to/run_on_a_cluster.md")) as stream:
        (command,) = re.findall("^squeue .*$", stream.read(), re.MULTILINE)
    assert "train" in slurm.run(*shlex.split(command))
    jobs, at_a_time = watch(checkout, slurm)
    checkout.finish()
    python = os.path.realpath(f"{checkout.environment}/bin/python")
    assert f"note: every machine that runs jobs must have {python}" in checkout.printed()
    assert checkout.results() == local
    assert os.path.exists(checkout.path("results/slurm/figures/leading_eigenvalue.pdf"))

    assert len(jobs) == 2 * len(RUNS)
    for stage in "train", "hessian":
        for run in RUNS:
            (job,) = jobs_of_run(jobs, stage, *run)
            assert job["JobName"].startswith("lsnn_")
            assert (job["NumCPUs"], job["MinMemoryNode"]) == ("1", "6000M")
            assert job["TimeLimit"] == "04:00:00"
            assert job["TresPerJob"] == "gres:gpu:1"
    assert len(at_a_time) == len(RUNS)
    assert {job["NodeList"] for job in at_a_time} == set(NODES)
    assert len({(job["NodeList"], job["GRES"]) for job in at_a_time}) == len(RUNS)  # no GPU has two


def test_jobs_that_are_cancelled_killed_or_out_of_time_come_back_with_more(checkout, slurm, local):
    runs = cancelled, killed, late = RUNS[:3]
    checkout.on_slurm(slurm, *tables_of(runs))
    programs = checkout.suspended_in_mid_run(runs)
    numbers = {
        run: jobs_of_run(slurm.jobs(checkout.folder), "train", *run)[0]["JobId"] for run in runs
    }
    programs[cancelled].resume()
    slurm.run("scancel", numbers[cancelled])
    programs[killed].kill()
    slurm.run("scontrol", "update", f"jobid={numbers[late]}", "TimeLimit=1")  # stays suspended
    checkout.in_mid_run("hessian", *cancelled).kill()
    checkout.finish()
    assert checkout.results(runs).items() <= local.items()

    jobs = slurm.jobs(checkout.folder)
    for stage, run, end in [
        ("train", cancelled, "CANCELLED"),
        ("train", killed, "FAILED"),
        ("train", late, "TIMEOUT"),
        ("hessian", cancelled, "FAILED"),
    ]:
        first, second = jobs_of_run(jobs, stage, *run)
        assert (first["JobState"], second["JobState"]) == (end, "COMPLETED")
        assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("6000M", "12000M")
        assert second["TimeLimit"] == "08:00:00"
        assert "going on " in checkout.log(stage, *run)
    assert len(jobs) == 2 * len(runs) + 4


def test_after_snakemake_is_killed_no_run_has_two_writers(checkout, slurm, local):
    """One of the jobs that it leaves behind still runs when it is started again, one is done."""
    runs = running, done = RUNS[0], RUNS[3]
    targets = tables_of(runs)
    checkout.on_slurm(slurm, *targets)
    programs = checkout.suspended_in_mid_run(runs)
    checkout.kill()
    programs[done].resume()

    def state(run):
        return jobs_of_run(slurm.jobs(checkout.folder), "train", *run)[0]["JobState"]

    assert state(running) == "RUNNING"
    wait_until(lambda: state(done) == "COMPLETED", 300, "an orphan is done")
    assert checkout.process.returncode == -signal.SIGKILL

    assert checkout.on_slurm(slurm, *targets).wait(300) != 0
    assert "--unlock" in checkout.printed()
    checkout.unlock()
    checkout.on_slurm(slurm, *targets)
    wait_until(lambda: len(checkout.program("train", *running)) == 2, 300, "a second copy")
    wait_until(lambda: "waiting for" in checkout.log("train", *running), 300, "it waits")
    programs[running].resume()
    checkout.finish()
    assert checkout.results(runs).items() <= local.items()
    log = checkout.log("train", *running)
    assert log.startswith("training bptt, seed 1") and "already complete" in log
    jobs = slurm.jobs(checkout.folder)
    assert len(jobs_of_run(jobs, "train", *running)) == 2
    assert len(jobs_of_run(jobs, "train", *done)) == 1  # its results are taken as they are
