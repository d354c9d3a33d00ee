"""Compute quantities of the Hessian of the loss at checkpoints of a checkpoint file.

What is computed is an entry of the configuration's list `hessian`: a block of parameters, examples
and quantities, such as the extreme eigenvalues. Writes to the output folder ENTRY.csv (one row per
checkpoint; the columns of the quantities, and the number of Hessian-vector products), ENTRY.npz
(nodes and weights of the spectral density, where it is computed) and ENTRY.json (what made them).

The columns condition and seed are copied from the checkpoint file. The seed also draws the
examples; the condition means nothing here: the loss is the true one.
"""

from lib import entry_job, job_settings
from lib.program import run
from lsnn.curvature.hessian import hessian_of


def operator_of(of_run):
    """Return the Hessian of the loss of a run's network."""
    entry = of_run.settings["hessian"]
    sizes = (entry["block"], entry["split"], entry["samples"])
    return hessian_of(of_run.network, *sizes, threads=of_run.threads)


def main():
    arguments, settings = job_settings.parse(
        entry_job.new_parser(__doc__),
        lambda study, entry: study.entry_settings("hessian", entry),
        ("hessian",),
        entry=(str, "one of the study's list `hessian`, such as w_rec_validation"),
    )
    entry_job.compute("hessian", arguments, settings, operator_of)


if __name__ == "__main__":
    run(main)
