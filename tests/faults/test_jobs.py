"""Kills and signals to train and hessian, and two of them at one run."""

import random
import re
import signal
import time

import pytest

from machinery import SPACING, Run, files_of, last_iteration, name_of, wait_until

LONG = pytest.mark.long


@pytest.fixture
def run_of(undisturbed, tmp_path):
    """Called with a job and a TensorFlow: a run that waits for this job, what it must give, and in
    about how many seconds."""

    def new(job, tensorflow):
        whole = undisturbed(tensorflow, job)
        run = Run(tmp_path, tensorflow)
        run.output.mkdir()
        if job == "hessian":
            for name, content in whole.results("train").items():
                run.path(name).write_bytes(content)
        return run, whole.results(job), whole.seconds[job]

    return new


def kept(job, text):
    """Return how far the work was that a process went on from; 0 where it started anew."""
    assert "set aside" not in text and "set-aside" not in text
    if job == "train":
        found = re.search(r"^going on from iteration (\d+) kept in", text, re.MULTILINE)
    else:
        found = re.search(r"^going on after the (\d+) checkpoints kept in", text, re.MULTILINE)
    return int(found[1]) if found else 0


def done(job, text, before):
    """Return how far the work of a process is at least, by its log; it went on from ``before``."""
    if job == "train":
        return max(before, last_iteration(text) or 0)
    told = len(re.findall(r"^iteration \d+ ", text, re.MULTILINE))
    # A Hessian job tells of a checkpoint just before it keeps it.
    return before + told - (told > 0 and "\ndone in " not in text)


@pytest.mark.parametrize(
    "job, tensorflow, kills",
    [
        ("train", "2", 2),
        pytest.param("train", "2", 20, marks=LONG),
        pytest.param("hessian", "2", 10, marks=LONG),
        pytest.param("train", "1.12", 3, marks=LONG),
        pytest.param("hessian", "1.12", 3, marks=LONG),
    ],
)
def test_sigkill_at_random_moments(run_of, tell, job, tensorflow, kills):
    run, expected, seconds = run_of(job, tensorflow)
    spacing = SPACING if job == "train" else 1
    moments = random.Random(f"{job} {tensorflow}")
    killed = finished = far = temporaries = 0
    status = None
    while killed < kills or status != 0:  # the last one is left to finish
        process = run.start_and_wait_for_the_lock(job)
        if killed < kills:
            time.sleep(moments.uniform(0, seconds))
            process.send(signal.SIGKILL)
        status = process.wait()
        text = process.text()
        assert "Traceback" not in text
        if status == 0:
            assert run.results(job) == expected
            assert run.temporaries() == []
        else:
            assert status == 128 + signal.SIGKILL
            killed += 1
            temporaries += len(run.temporaries())
        if "iteration" in text:
            # That much is kept, and perhaps one checkpoint more.
            begun = kept(job, text)
            assert far <= begun <= far + spacing
            far = done(job, text, begun)
        if status == 0:
            finished += 1
            far = 0
            if killed < kills:
                run.start_anew(job)
    tell(
        f"SIGKILL of {job} (TensorFlow {tensorflow}) at {kills} random moments",
        f"{finished} results, the undisturbed bytes; never more lost than the work since "
        f"the last checkpoint; {temporaries} half-written files, none left in the end",
    )


@pytest.mark.parametrize(
    "job, tensorflow, number, times",
    [
        ("train", "2", signal.SIGTERM, 1),
        pytest.param("train", "2", signal.SIGTERM, 4, marks=LONG),
        pytest.param("train", "2", signal.SIGINT, 3, marks=LONG),
        pytest.param("hessian", "2", signal.SIGTERM, 3, marks=LONG),
        pytest.param("hessian", "2", signal.SIGINT, 2, marks=LONG),
        pytest.param("train", "1.12", signal.SIGTERM, 2, marks=LONG),
        pytest.param("hessian", "1.12", signal.SIGTERM, 2, marks=LONG),
    ],
)
def test_a_signal_stops_a_job_at_once(run_of, tell, job, tensorflow, number, times):
    run, expected, seconds = run_of(job, tensorflow)
    moments = random.Random(f"{job} {tensorflow} {number}")
    stopped, slowest, far = 0, 0.0, 0
    while stopped < times:
        process = run.start_and_wait_for_the_lock(job)
        time.sleep(moments.uniform(0, 0.8 * seconds))
        process.send(number)
        sent = time.monotonic()
        status = process.wait()
        seconds_to_stop = time.monotonic() - sent
        text = process.text()
        if "\ndone in " in text:  # the work that was left took less time than the moment
            assert run.results(job) == expected
            run.start_anew(job)
            far = 0
            continue
        slowest = max(slowest, seconds_to_stop)
        assert status == 128 + number
        assert text.endswith(f"stopped by {name_of(number)}\n") and "Traceback" not in text
        assert run.temporaries() == []
        if "iteration" in text:
            assert kept(job, text) >= far
            far = done(job, text, kept(job, text))
        stopped += 1
    text = run.finish(job)
    assert kept(job, text) >= far
    assert run.results(job) == expected
    assert slowest < 5
    tell(
        f"{name_of(number)} to {job} (TensorFlow {tensorflow}), {times} times",
        f"stopped within {slowest:.2f} s with exit status {128 + number}, no half-written file; "
        "went on to the same bytes",
    )


@pytest.mark.parametrize("job", ["train", pytest.param("hessian", marks=LONG)])
def test_a_second_copy_waits_and_then_finds_the_results_complete(run_of, tell, job):
    run, expected, _ = run_of(job, "2")
    first = run.start_and_wait_for_the_lock(job)
    first.send(signal.SIGSTOP)
    second = run.start(job)
    waiting = f"pid {first.pid}, which writes here"
    wait_until(lambda: waiting in second.text(), "the second one waiting", second)
    first.send(signal.SIGCONT)
    assert first.wait() == 0
    written = [run.path(name).stat().st_mtime_ns for name in expected]
    assert second.wait() == 0
    assert "already complete: " in second.text()
    assert run.results(job) == expected
    assert [run.path(name).stat().st_mtime_ns for name in expected] == written
    assert set(run.files()) >= set(files_of(job)) and run.temporaries() == []
    tell(f"two copies of {job} at one run", 'the second waited, then said "already complete"')


@LONG
def test_a_second_copy_goes_on_where_the_first_was_killed(run_of, tell):
    run, expected, _ = run_of("train", "2")
    first = run.start_and_wait_for_the_lock("train")
    wait_until(lambda: last_iteration(first.text()) is not None, "a checkpoint", first)
    first.send(signal.SIGSTOP)
    far = last_iteration(first.text())
    second = run.start("train")
    wait_until(lambda: "waiting for" in second.text(), "the second one waiting", second)
    first.send(signal.SIGKILL)
    assert second.wait() == 0
    assert far <= kept("train", second.text()) <= far + SPACING
    assert run.results("train") == expected
    assert [name for name in run.files() if "progress" not in name] == files_of("train")
    tell("two copies of train, the first killed", "the second went on from its last checkpoint")


@pytest.mark.parametrize("job", ["train", pytest.param("hessian", marks=pytest.mark.slow)])
def test_finished_results_that_are_deleted_are_not_computed_again(run_of, tell, job):
    """A job that is cancelled at its very end has failed for Snakemake, which deletes them."""
    run, expected, seconds = run_of(job, "2")
    text = run.finish(job)
    # A second copy that sees them complete leaves the progress: the first may fail yet.
    assert "already complete: " in run.start(job).finish()
    run.delete_results(job)
    again = run.finish(job)
    assert kept(job, again) == done(job, text, 0) and "\niteration" not in again
    assert run.results(job) == expected
    tell(
        f"the results of {job} deleted when they are finished",
        f"written anew in {run.seconds[job]:.1f} s, in place of {seconds:.1f} s; the same bytes",
    )
