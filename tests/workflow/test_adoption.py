"""After an upgrade, finished results are kept where the new code begins with the same numbers."""

import pytest
import yaml

from conftest import new_checkout
from lsnn.storage.files import read_record

STUDY = {
    "name": "kept",
    "tensorflow": "2",
    "task": {"name": "pattern_generation", "n_train": 8, "n_steps": 11},
    "network": {"n_units": 8},
    "training": {"batch_size": 8},
    "conditions": {"bptt": {"iterations": 4, "checkpoint_every": 2}},
    "seeds": 1,
    "hessian": [{"samples": 8}],
}
STAGES = ["hessian w_rec_validation", "training"]


def contents(folder):
    """Return the bytes of results by path; records and tables of the study are no results."""
    kept = ("*/*/*.npz", "*/*/*.csv", "*/*/*/*.npz", "*/*/*/*.csv")
    paths = [path for pattern in kept for path in folder.glob(f"runs/{pattern}")]
    return {path: path.read_bytes() for path in paths if "set-aside" not in path.parts}


@pytest.mark.slow
def test_what_begins_with_the_same_numbers_is_kept_and_what_does_not_is_computed_anew(tmp_path):
    checkout = new_checkout(tmp_path / "checkout")
    (checkout.folder / "kept.yaml").write_text(yaml.safe_dump(STUDY))
    folder, task = checkout.folder / "results/kept", "lsnn/tasks/pattern_generation.py"

    def snakemake(*arguments):
        target = "results/kept/report/run.html"
        done = checkout.snakemake(target, "--cores", "2", "--configfile", "kept.yaml", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run(*arguments):
        snakemake(*arguments)
        [of_run] = read_record(folder / "metadata.json")["runs"]
        return of_run

    original = run()
    before = contents(folder)
    assert len(before) == 4 and original["adopted"] == {}

    with open(checkout.folder / task, "a") as stream:
        stream.write("\n\nOF_NO_USE = 1\n")
    kept = run("--config", "adopt=true")
    assert contents(folder) == before
    assert sorted(kept["adopted"]) == sorted(kept["code"]) == STAGES
    for stage, compared in zip(STAGES, ["3 checkpoints", "4 iterations"], strict=True):
        assert kept["code"][stage] != original["code"][stage]
        found = kept["adopted"][stage]
        assert found == {"code_hash": original["code"][stage], "compared": f"the first {compared}"}
    warnings = read_record(folder / "metadata.json")["warnings"]
    told = f"training by other code ({original['code']['training']:.12}); the first 4 iterations"
    assert [line for line in warnings if line.startswith(f"bptt: {told} are the same")]
    assert told in (folder / "report/run.html").read_text()
    # What was kept is finished, whether or not adoption is asked for.
    assert "Nothing to be done" in snakemake("--dry-run")

    text = (checkout.folder / task).read_text()
    (checkout.folder / task).write_text(text.replace("OF_NO_USE = 1", "PATTERN_SD = 0.4"))
    anew = run("--config", "adopt=true")
    assert anew["adopted"] == {} and contents(folder) != before


def test_what_is_neither_true_nor_false_is_refused(checkout):
    done = checkout.plan("--dry-run", "--config", "adopt=perhaps")
    assert done.returncode == 1 and "adopt: 'perhaps' is not true or false" in done.stdout
