# What all rules share: the study, where its files go, and which Python runs a script.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir).parent))

from lsnn.config import parse_study, resolve
from lsnn.errors import ConfigError

try:
    STUDY = parse_study(config)
    config.update(resolve(config))
except ConfigError as error:
    raise WorkflowError(f"The configuration is not possible:\n{error}")

RESULTS = f"results/{STUDY.name}"
RUN = f"{RESULTS}/runs/{{learning_rule}}/seed_{{seed}}"
CONFIG = f"{RESULTS}/config.yaml"

CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
ENVIRONMENT = f".environments/tensorflow-{STUDY.tensorflow}"

# Without conda, the workflow's own Python runs what needs no TensorFlow.
WORKFLOW_PYTHON = "python" if CONDA else sys.executable
MODEL_PYTHON = "python" if CONDA else f"{ENVIRONMENT}/bin/python"

# What train and hessian jobs are given; the libraries of CUDA want more memory. Snakemake's --retries
# give a job more time and memory with every attempt.
GPU = {"gpu": 1} if STUDY.on_gpu else {}
MEM_MB = 6000 if STUDY.on_gpu else 1500


wildcard_constraints:
    learning_rule="|".join(STUDY.learning_rules),
    seed="|".join(str(seed) for seed in STUDY.seeds),


def of_all_runs(path):
    """Return the file of every run that a pattern with {learning_rule} and {seed} stands for."""
    return expand(path, learning_rule=STUDY.learning_rules, seed=STUDY.seeds)
