# What all rules share: the studies, where their files go, and which Python runs a script.
import csv
import json
import os
import re
import sys
import time
from itertools import filterfalse, product
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

# The folder of scripts, lsnn and envs, seen from where Snakemake runs; in a module it is elsewhere.
BASE = Path(os.path.relpath(Path(str(workflow.current_basedir)).parents[1]))


def refuse_folders():
    """Refuse to work in folders whose names Snakemake takes for patterns, and a shell for the end of a command."""
    for folder in (BASE.absolute(), Path.cwd()):
        if re.search(r"[{}\n]", str(folder)):
            raise WorkflowError(
                f"{folder}: a folder of this name cannot be worked in (no braces, no line breaks); rename it"
            )


refuse_folders()

# Modules of this repository, then those of this Python, and none of the user's PYTHONPATH.
sys.path[:] = [
    str(BASE.absolute()),
    *filterfalse(os.environ.get("PYTHONPATH", "").split(os.pathsep).count, sys.path),
]

try:
    from lsnn.tasks import mnist
    from lsnn.study.config import (
        as_mapping,
        command_line_values,
        read_study,
        read_values,
        studies_of,
    )
    from lsnn.study.costs import estimate, memory_of
    from lsnn.errors import ConfigError, DataError
    from lsnn.storage.files import canonical_json, differences, read_record
    from lsnn.study.outputs import about_study, figures_of, shown_columns
    from lsnn.curvature.quantities import REGISTRIES
    from lsnn.storage.code_hash import code_hash
except ImportError as error:
    raise WorkflowError(
        f"{error}: the Python of Snakemake ({sys.executable}) lacks what this workflow needs; "
        f"pip install -r {BASE / 'envs/workflow.txt'}"
    )


def read_configuration():
    """Return the studies by name, the name of their claims, and these.

    Raises:
        WorkflowError: the configuration is not possible.
    """
    try:
        for path in workflow.configfiles:
            read_values(path)  # refuses a repeated key, which Snakemake overlooks
        # In a module, --config is for the workflow around it.
        if not workflow.modifier.skip_configfile:
            given = workflow.config_settings.config_args or []
            update_config(config, command_line_values(given))
        studies = studies_of(config)
        for study in studies.values():
            study.network_settings()  # complains of the user's own files that cannot be read
        if "claims" not in config:
            return studies, "claims", {}
        sys.path.append(str(BASE.absolute() / "scripts"))
        from lib.claims import read_claims_of  # here, as it takes pandas

        return studies, *read_claims_of(config["claims"], studies)
    except (ConfigError, DataError) as error:
        raise WorkflowError(f"The configuration is not possible:\n{error}")


STUDIES, CLAIMS_NAME, CLAIMS = read_configuration()

# In the report, for several studies.
SUBCATEGORY = "{study}" if len(STUDIES) > 1 else None

RESULTS = "results/{study}"
RUN = f"{RESULTS}/runs/{{condition}}/seed_{{seed}}"
HEADLINE = f"{RESULTS}/report/headline.csv"  # the study in a few numbers

CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method

# Deleting all output means results: what was fetched and built is then nobody's output.
DELETES_RESULTS_ONLY = "--delete-all-output" in sys.argv

MAX_CLOCK_SKEW = 60  # by which those of two machines may differ

SCRIPTS = BASE / "scripts"
# What makes figures and pages, besides code, as patterns of files in scripts/.
FIGURE_FILES = ["*.rst.jinja", "*.mplstyle"]
PAGE_FILES = ["*.html.jinja", "*.md.jinja"]
PYTHON = Path("python" if CONDA else sys.executable)


def program(name, python=PYTHON, by_code=True, also=()):
    """Return the params of a rule that runs a program of scripts/.

    Files are params of type Path, which Snakemake does not compare: that a checkout or a Python lies elsewhere
    changes no result, and reruns nothing.

    Args:
        name: its file in scripts/.
        python: what runs it, or a function of wildcards that returns it.
        by_code: whether the rule runs again if the program's code, lsnn included, changes.
        also: patterns of files in scripts/ whose change runs the rule again, too.
    """
    params = {
        "job": BASE / "workflow/job.sh",
        "python": python,
        "program": SCRIPTS / name,
    }
    if by_code:
        files = sorted(path for pattern in also for path in SCRIPTS.rglob(pattern))
        texts = [path.read_text(encoding="utf-8") for path in files]
        params["code_hash"] = code_hash([str((SCRIPTS / name).absolute())], order=texts)
    return params


def model_program(name):
    """Return the same for a program that needs TensorFlow, and data; its settings have the hash of the code."""
    data = {"data": lambda wildcards: study_of(wildcards).data}
    return {**program(name, python_of, by_code=False), **data}


def command(arguments):
    """Return the shell line that runs the program of a rule, which has such params, with its arguments."""
    start = "bash {params.job:q} {log:q} {params.python:q} {params.program:q}"
    return f"{start} {arguments}"


class Computed:
    """The study that the results under a name are of; the one asked for, before there are any.

    It is read when it is used: when a report is written. As a param, for a caption, Snakemake does not compare it:
    no wording makes a rule run again.
    """

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name

    @property
    def study(self):
        path = f"results/{self.name}/config.yaml"
        return read_study(path) if os.path.exists(path) else STUDIES[self.name]

    @property
    def values(self):
        return as_mapping(self.study)

    @property
    def columns(self):
        return shown_columns(self.study)


def computed(wildcards):
    """Return the study that the results of a job are of."""
    return Computed(wildcards.study)


def report_context():
    """Return what the first page of the report tells: of what is there, not of what is asked for now.

    Returns:
        ``studies``, as about_study() has them, each with the lines in which it differs from the one asked for
        (``changes``), and the paths of its main figure and numbers if they are there (``shown``); and the path of
        the figure of all claims, or None (``overview``).
    """
    studies = []
    for name, wanted in STUDIES.items():
        about = about_study(Computed(name).study)
        shown = [
            f"results/{name}/figures/{about['figure']}.svg",
            HEADLINE.format(study=name),
        ]
        about["shown"] = shown if all(map(os.path.exists, shown)) else []
        about["changes"] = differences(Computed(name).values, as_mapping(wanted))
        studies.append(about)
    overview = f"results/{CLAIMS_NAME}/figures/overview.svg"
    is_there = CLAIMS and os.path.exists(overview)
    return {"studies": studies, "overview": overview if is_there else None}


config["report"] = report_context  # called when a report is written


def one_of(names):
    """Return the pattern of a wildcard that is one of some names."""
    return "|".join(sorted({re.escape(str(name)) for name in names})) or "(?!)"


wildcard_constraints:
    study=one_of(STUDIES),
    condition=one_of(name for study in STUDIES.values() for name in study.conditions),
    seed=one_of(seed for study in STUDIES.values() for seed in study.seeds),
    entry=one_of(
        name
        for study in STUDIES.values()
        for kind in REGISTRIES
        for name in study.entries(kind)
    ),
    data=one_of(study.data for study in STUDIES.values()),
    tensorflow=one_of(study.tensorflow for study in STUDIES.values()),


def study_of(wildcards):
    """Return the study of a job."""
    return STUDIES[wildcards.study]


def run_files(name, path, seeds=None):
    """Return a file of every run of a study, of a pattern with {study}, {condition} and {seed}.

    Only those of some seeds, if seeds are given.
    """
    study = STUDIES[name]
    seeds = study.seeds if seeds is None else seeds
    return expand(path, study=name, condition=study.conditions, seed=seeds)


def result_folders(names=None):
    """Return the folders of results of those of some studies that exist; of all by default."""
    there = [study for study in STUDIES if names is None or study in names]
    return expand(RESULTS, study=there)


def data_of(wildcards):
    """Return the files of data that the jobs of a study read; none if its task makes its own."""
    return [] if DELETES_RESULTS_ONLY else study_of(wildcards).data_files()


def environment_of(wildcards):
    """Return what stands for the Python of the model of a study; nothing where conda brings it."""
    if CONDA or DELETES_RESULTS_ONLY:
        return []
    return f".environments/tensorflow-{study_of(wildcards).tensorflow}/environment.json"


def python_of(wildcards):
    """Return the Python of the model of a study."""
    if CONDA:
        return PYTHON
    tensorflow = study_of(wildcards).tensorflow
    return Path(f".environments/tensorflow-{tensorflow}/bin/python")


def conda_of(wildcards):
    """Return what conda makes the Python of the model of a study from."""
    tensorflow = study_of(wildcards).tensorflow
    return str((BASE / f"envs/tensorflow-{tensorflow}.yaml").absolute())


# What train, hessian and trial jobs are given. Snakemake's --retries give a job more time and memory with
# every attempt.
def memory_given(wildcards, attempt):
    """Return MB of memory."""
    job = "entry" if "entry" in wildcards.keys() else "training"
    return attempt * int(memory_of(study_of(wildcards), job))


JOB_RESOURCES = {
    "mem_mb": memory_given,
    "runtime": lambda wildcards, attempt: attempt * 240,
}
if any(study.on_gpu for study in STUDIES.values()):
    JOB_RESOURCES["gpu"] = lambda wildcards: int(study_of(wildcards).on_gpu)


def results_of_runs(study):
    """Return all files of all runs of a study."""
    names = ["checkpoints.npz", "learning_curve.csv", "training.json"]
    files = [path for name in names for path in run_files(study, f"{RUN}/{name}")]
    for kind, suffix in product(REGISTRIES, ["csv", "npz", "json"]):
        for name, entry in STUDIES[study].entries(kind).items():
            pattern = f"{RUN}/{kind}/{name}.{suffix}"
            files += run_files(study, pattern, STUDIES[study].seeds_of(entry))
    return files


def outcome_of(study):
    """Return what is said at the end about the results of a study, as lines of text."""
    folder = f"results/{study}/"

    def are_there(paths):
        return all(Path(path).exists() for path in paths if path.startswith(folder))

    if not are_there(TABLES):  # other targets than all were asked for
        return []
    record = read_record(f"{folder}metadata.json")
    if record.get("study") != as_mapping(STUDIES[study]):
        return []  # they are of an earlier configuration
    what = "figures and tables" if are_there(FIGURES) else "tables"
    lines = [f"{study}: {what} in {folder}"]
    lines += record.get("warnings", [])  # an older version's has none
    if len(STUDIES) == 1 and are_there(REPORT_TABLES):
        lines += [
            "final states, means over seeds, from 3 on with 95 % intervals:",
            *numbers_of(study),
        ]
    return [lines[0], *(f"  {line}" for line in lines[1:])]


def numbers_of(study):
    """Return headline.csv as lines of text, one per condition."""
    with open(HEADLINE.format(study=study), encoding="utf-8", newline="") as stream:
        rows = [list(row.items()) for row in csv.DictReader(stream)]
    return [
        f"{label}: {'; '.join(f'{name} {cell}' for name, cell in cells if cell)}"
        for (_, label), *cells in rows
    ]


def refuse_future_dates():
    """Refuse files that are dated in the future: Snakemake would redo, at every start, what is made from them.

    Raises:
        WorkflowError: names the first one, and what to do.
    """
    now = time.time()
    environments = expand(
        ".environments/tensorflow-{version}/environment.json",
        version=[study.tensorflow for study in STUDIES.values()],
    )
    for path in environments + [
        path for study in STUDIES for path in results_of_runs(study)
    ]:
        dated = os.path.getmtime(path) if os.path.exists(path) else 0
        if dated > now + MAX_CLOCK_SKEW:
            raise WorkflowError(
                f"{path}: dated {time.ctime(dated)}, and by the clock of this machine it is "
                f"{time.ctime(now)}. If the clock is wrong, set it; if it is right, give such files the present date: "
                "find results .environments -newermt now -exec touch {} +"
            )
