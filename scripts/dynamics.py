"""Compute what a learning rule's own update does at checkpoints of a checkpoint file.

What is computed is an entry of the configuration's list `dynamics`: examples, a block of
parameters, and quantities, such as the alignment of the rule's gradient with the exact one. Writes
to the output folder ENTRY.csv (one row per checkpoint; the columns of the quantities, and the
number of matrix-vector products), ENTRY.npz and ENTRY.json (what made them).

The checkpoint file has to be of a run by the same learning rule; what the rule has drawn for the
run is taken from it.
"""

from lib import entry_job, job_settings
from lib.program import run
from lsnn.curvature.rule_update import dynamics_of
from lsnn.training import TrainingSettings, constants_of


def operator_of(of_run):
    """Return the :class:`lsnn.curvature.rule_update.Dynamics` of a run."""
    settings = of_run.settings
    return dynamics_of(
        of_run.network,
        settings["learning_rule"],
        TrainingSettings(**settings["training"]),
        constants_of(of_run.arrays),
        settings["dynamics"],
        of_run.threads,
    )


def main():
    arguments, settings = job_settings.parse(
        entry_job.new_parser(__doc__),
        lambda study, entry, condition: study.entry_settings("dynamics", entry, condition),
        ("dynamics", "learning_rule", "training"),
        entry=(str, "one of the study's list `dynamics`, such as w_rec_validation"),
        condition=(str, "one of the study's conditions"),
    )
    of_rule = ("learning_rule", "training")
    entry_job.compute("dynamics", arguments, settings, operator_of, of_rule)


if __name__ == "__main__":
    run(main)
