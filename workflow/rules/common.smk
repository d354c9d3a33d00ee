# What all rules share: the study, where its files go, and which Python runs a script.
import glob
import os
import re
import shlex
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir).parent))

from lsnn import mnist
from lsnn.config import as_mapping, parse_study, read_values, resolve
from lsnn.errors import ConfigError, ResultError
from lsnn.files import atomic_write, read_record
from lsnn.outputs import figures_of, shown_columns
from lsnn.quantities import name_of
from lsnn.tasks import TASKS

try:
    for path in workflow.config_settings.configfiles or ["config.yaml"]:
        read_values(
            path
        )  # refuses a key that is there twice, which Snakemake passes over
    STUDY = parse_study(config)
    config.update(resolve(config))
except ConfigError as error:
    raise WorkflowError(f"The configuration is not possible:\n{error}")

RESULTS = f"results/{STUDY.name}"
RUN = f"{RESULTS}/runs/{{condition}}/seed_{{seed}}"


def refuse_older_results():
    """Refuse results whose settings stand under other keys: they would be trained anew."""
    for path in glob.iglob(f"{RESULTS}/runs/*/seed_*/training.json"):
        try:
            settings = read_record(path).get("settings", {})
        except ResultError:
            continue  # damaged; the job that reads it says so
        if "stop" not in settings.get("training", {}):
            raise WorkflowError(
                f"{RESULTS} holds results of an earlier version, of which {path} is one: their "
                "folders or settings have other names than today. Move the folder away, or "
                "give the study another name (--config name=...)"
            )
        return


refuse_older_results()

# The resolved configuration, which all scripts read. It is nobody's input, because jobs are to be rerun
# for the values that they depend on and for no others; those are their params.
CONFIG = f"{RESULTS}/config.yaml"

CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
ENVIRONMENT = f".environments/tensorflow-{STUDY.tensorflow}"

MODEL_PYTHON = "python" if CONDA else f"{ENVIRONMENT}/bin/python"

# Without conda, `python` in a shell command is the Python that runs Snakemake.
if not CONDA:
    shell.prefix(f"export PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH; ")

# What train, hessian and trial jobs are given. The libraries of CUDA want more memory, and so do spiking
# networks, whose states of all steps are kept for the gradient. Snakemake's --retries give a job more
# time and memory with every attempt.
GPU = {"gpu": 1} if STUDY.on_gpu else {}
MEM_MB = 6000 if STUDY.on_gpu or STUDY.spiking else 1500


# The entries of `hessian` by name.
ENTRIES = {name_of(entry): entry for entry in STUDY.hessian}


wildcard_constraints:
    entry="|".join(map(re.escape, ENTRIES)),
    condition="|".join(map(re.escape, STUDY.conditions)),
    seed="|".join(str(seed) for seed in STUDY.seeds),


def of_all_runs(path):
    """Return the file of every run that a pattern with {condition} and {seed} stands for."""
    return expand(path, condition=STUDY.conditions, seed=STUDY.seeds)


def write_configuration():
    """Write the resolved configuration beside the results."""
    with atomic_write(CONFIG) as stream:
        stream.write(yaml.safe_dump(config, sort_keys=False).encode())
