"""A rule's profile by the real commands, in miniature: BPTT under another name beside BPTT."""

import shutil

import pandas as pd
import pytest
import yaml

from conftest import REPOSITORY, new_checkout
from lib.choices import rates_compared
from lib.statistics.source import read_source

TASK = "delayed_match_4"
SHARED = {
    "tensorflow": "2",
    "task": {"name": "delayed_match", "delay": 2, "tests": {"noisy_test": {"noise": 1.5}}},
    "network": {"n_units": 8, "neurons": {"name": "rate", "tau_m": 5}},
    "training": {"batch_size": 48},
}
LENGTH = {"iterations": 60, "checkpoint_every": 12}
RATES = {
    **SHARED,
    "name": f"choose_rate_{TASK}",
    "conditions": {"bptt": {}, "three_factor": {}},
    "sweep": {
        "rate": [{"training.learning_rate": rate, **LENGTH} for rate in (0.01, 0.03, 0.1, 0.3, 1.0)]
    },
    "seeds": [101],
    "hessian": [],
}
CONFIRM = {
    **SHARED,
    "name": f"confirm_{TASK}",
    "conditions": dict.fromkeys(["bptt", "three_factor"], LENGTH),
    "seeds": "301-302",
    "hessian": [
        {"block": "all", "split": "train", "samples": 48, "quantities": ["extremes"]},
    ],
    "dynamics": [
        {"block": "all", "split": "train", "samples": 48, "quantities": ["alignment", "stability"]}
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    """A checkout with a rule's profile, and what the command printed: planned, run, and again."""
    checkout = new_checkout(tmp_path_factory.mktemp("profile"))
    rates = commit(checkout, RATES)
    compared = rates_compared(rates.trajectories, rates.study)
    best = compared[compared["is_best"]].set_index("rule")["learning_rate"]["BPTT"]
    commit(checkout, {**CONFIRM, "training": {**SHARED["training"], "learning_rate": float(best)}})
    return checkout, [profile(checkout, *options) for options in (["-n"], *[["--cores", "2"]] * 2)]


def commit(checkout, values):
    """Run a study in a checkout, put its results where committed ones are, and return them."""
    name = values["name"]
    path, folder = checkout.folder / f"studies/{name}.yaml", checkout.folder / f"results/{name}"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    done = checkout.snakemake(f"results/{name}/summary.csv", "--cores", "2", "--configfile", path)
    assert done.returncode == 0, done.stdout
    committed = checkout.folder / "results/committed" / name
    shutil.rmtree(committed, ignore_errors=True)
    shutil.copytree(folder, committed)
    return read_source(str(committed))


def profile(checkout, *options, name="again"):
    """Run the command for a rule, or for BPTT again; all options are Snakemake's."""
    rule = ["--rule", "bptt"] if name == "again" else []
    python, program = REPOSITORY / ".venv/bin/python", "scripts/profile_rule.py"
    return checkout.run(python, program, name, *rule, "--tasks", TASK, *options)


@pytest.mark.slow
def test_a_rule_is_tried_then_confirmed_and_has_a_card(profiled):
    checkout, (planned, first, _) = profiled
    assert planned.returncode == 0 and planned.stdout.count("1 min and") == 2, planned.stdout
    assert first.returncode == 0, first.stdout
    assert f"{TASK}: again learns best at learning rate" in first.stdout
    folder = checkout.folder / "results/profile/again"
    assert {path.name for path in folder.glob("card.*")} == {
        "card.svg", "card.pdf", "card.png", "card.rst"
    }  # fmt: skip
    assert "the rule beside the reference rules" in (folder / "report.html").read_text()
    table = pd.read_csv(folder / "profile.csv").set_index(["quantity", "condition"])
    assert set(table.index.unique("condition")) == {"bptt", "three_factor", "again"}
    values = table["value"].unstack("condition")
    assert values["again"].equals(values["bptt"]) and values["bptt"].notna().sum() >= 5
    assert set(table["why"].dropna()) >= {"too few seeds: 12 are needed"}


@pytest.mark.slow
def test_done_it_is_not_done_again(profiled):
    _, (*_, second) = profiled
    assert second.returncode == 0 and second.stdout.count("Nothing to be done") == 2


SHUFFLED = '''
"""A control: what is learnt by a gradient without its directions."""

import numpy as np

from lsnn.backend import tf
from lsnn.learning_rules.base import LearningRule


class Shuffled(LearningRule):
    """BPTT whose gradients are shuffled among the synapses."""

    label = "shuffled"

    def gradients(self, gradients_of, weights):
        shuffled = {}
        for name, gradient in gradients_of(self).items():
            size = int(np.prod(weights[name].shape.as_list()))
            order = np.random.RandomState(0).permutation(size)
            flat = tf.gather(tf.reshape(gradient, [-1]), order)
            shuffled[name] = tf.reshape(flat, weights[name].shape)
        return shuffled
'''
ENTRY = """
from lsnn.learning_rules.shuffled import Shuffled

LEARNING_RULES["shuffled"] = Shuffled
"""


@pytest.mark.slow
def test_a_rule_with_shuffled_gradients_does_not_learn_and_has_no_card(profiled):
    checkout, _ = profiled
    rules = checkout.folder / "lsnn/learning_rules"
    (rules / "shuffled.py").write_text(SHUFFLED)
    with (rules / "__init__.py").open("a") as stream:
        stream.write(ENTRY)
    done = profile(checkout, "--cores", "2", name="shuffled")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        f"{TASK}: shuffled does not learn, at learning rates 0.01 to 1",
        "error: shuffled: learns none of these tasks; there is nothing to compare",
    ]
    assert not (checkout.folder / "results/profile/shuffled/confirm.yaml").exists()
