# What all rules share: the study, where its files go, and which Python runs a script.
import os
import shlex
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir).parent))

from lsnn import mnist
from lsnn.config import as_mapping, parse_study, resolve
from lsnn.errors import ConfigError
from lsnn.files import atomic_write
from lsnn.tasks import TASKS

try:
    STUDY = parse_study(config)
    config.update(resolve(config))
except ConfigError as error:
    raise WorkflowError(f"The configuration is not possible:\n{error}")

RESULTS = f"results/{STUDY.name}"
RUN = f"{RESULTS}/runs/{{learning_rule}}/seed_{{seed}}"

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


wildcard_constraints:
    learning_rule="|".join(STUDY.learning_rules),
    seed="|".join(str(seed) for seed in STUDY.seeds),


def of_all_runs(path):
    """Return the file of every run that a pattern with {learning_rule} and {seed} stands for."""
    return expand(path, learning_rule=STUDY.learning_rules, seed=STUDY.seeds)


def write_configuration():
    """Write the resolved configuration beside the results."""
    with atomic_write(CONFIG) as stream:
        stream.write(yaml.safe_dump(config, sort_keys=False).encode())
