"""Nodes that fail, and a controller that is away: the study ends with the same bytes."""

import os
import subprocess

import pytest

from cluster import NODES, SECONDS_TO_NOTICE, wait_until
from conftest import RUNS, jobs_of_run, tables_of


def test_nodes_that_lose_power_or_contact_or_are_drained(checkout, slurm, local):
    runs = dead, cut_off, drained = RUNS[:3]
    checkout.on_slurm(slurm, *tables_of(runs))
    programs = checkout.suspended_in_mid_run(runs)

    def job(run):
        (found,) = jobs_of_run(slurm.jobs(checkout.folder), "train", *run)
        return found

    node = {run: slurm.nodes[job(run)["NodeList"]] for run in runs}
    assert {node.name for node in node.values()} == set(NODES)
    node[dead].cut_power()
    wait_until(lambda: not programs[dead].is_running(), 30, "all on it ends")
    (slurmd,) = node[cut_off].processes("slurmd")
    slurmd.kill()
    slurm.run("scontrol", "update", f"nodename={node[drained].name}", "state=drain", "reason=test")
    slurm.run("scontrol", "requeue", job(drained)["JobId"])
    unseen = {node[dead].name, node[cut_off].name}
    seconds = 4 * SECONDS_TO_NOTICE
    wait_until(lambda: set(slurm.states("down")) == unseen, seconds, "it is noticed")
    assert programs[cut_off].is_running()  # and nobody can end it

    slurm.boot(node[dead])
    wait_until(lambda: node[dead].name in slurm.states("idle"), 60, "a node comes back")
    slurm.do_not_wait()
    waiting = f"waiting for {node[cut_off].name} pid"
    wait_until(lambda: waiting in checkout.log("train", *cut_off), 300, "a second copy waits")
    assert job(cut_off)["NodeList"] == node[dead].name
    programs[cut_off].resume()
    slurm.run("scontrol", "update", f"nodename={node[drained].name}", "state=resume")
    checkout.finish()
    assert checkout.results(runs).items() <= local.items()

    submitted = slurm.jobs(checkout.folder)
    for run in runs:
        first, *again = jobs_of_run(submitted, "train", *run)
        assert first["Restarts"] == "1"
        # A job whose node fails may fail, too, before Slurm puts it back into the queue, and
        # Snakemake tries again. The copy that was cut off fails at its end, and may delete the
        # results that the second copy has found complete: they are then written anew.
        assert not again or run != drained
        words = "already complete" if run == cut_off and not again else "going on "
        assert words in checkout.log("train", *run)


def test_a_node_without_the_interpreter_says_so_and_can_be_left_out(checkout, slurm, local):
    runs = RUNS[:3]  # one a node
    node = slurm.nodes["n2"]
    folder = os.path.dirname(os.path.realpath(f"{checkout.environment}/bin/python"))
    node.run("mount", "-t", "tmpfs", "none", folder)
    try:
        assert checkout.on_slurm(slurm, "--retries", "0", *tables_of(runs)).wait(300) != 0
        assert "error: on n2 there is no " in checkout.printed()
        checkout.on_slurm(slurm, "--slurm-exclude-failed-nodes", "n2", *tables_of(runs))
        checkout.finish()
    finally:
        node.run("umount", folder)
    assert checkout.results(runs).items() <= local.items()


def test_a_controller_that_is_away_for_a_minute_without_accounting(checkout, slurm, local):
    """Snakemake asks sacct, in vain, and then waits for jobs that have ended."""
    runs = RUNS[::2]
    targets = tables_of(runs)
    checkout.on_slurm(slurm, *targets)
    programs = checkout.suspended_in_mid_run(runs)
    with slurm.without_controller(60):
        for program in programs.values():
            program.resume()
    wait_until(lambda: not slurm.run("squeue", "--noheader"), 300, "no job is left")
    said = "Falling back to 'sacct' for status queries"
    assert checkout.printed().splitlines()[-1].startswith(said)
    with pytest.raises(subprocess.TimeoutExpired):
        checkout.process.wait(20)

    checkout.kill()
    checkout.unlock()
    checkout.on_slurm(slurm, *targets)
    checkout.finish()
    assert checkout.results(runs).items() <= local.items()
    assert len(slurm.jobs(checkout.folder)) == 2 * len(runs)  # nothing is computed twice
