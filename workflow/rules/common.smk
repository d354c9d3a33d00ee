# What all rules share: the studies, where their files go, and which Python runs a script.
import csv
import os
import re
import sys
import time
from itertools import chain, product
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

# The folder of scripts, lsnn and envs, seen from where Snakemake runs; in a module it is elsewhere.
BASE = Path(os.path.relpath(Path(str(workflow.current_basedir)).parents[1]))

# Snakemake takes such names for patterns, and a shell a line break for the end of a command.
for folder in (BASE.absolute(), Path.cwd()):
    if re.search(r"[{}\n]", str(folder)):
        raise WorkflowError(
            f"{folder}: a folder of this name cannot be worked in (no braces, no line breaks); "
            "rename it"
        )

# Modules of this repository, then those of this Python, and none of the user's PYTHONPATH.
foreign = os.environ.get("PYTHONPATH", "").split(os.pathsep)
sys.path[:] = [str(BASE.absolute()), *(path for path in sys.path if path not in foreign)]

try:
    from lsnn.curvature.quantities import REGISTRIES
    from lsnn.errors import ConfigError, DataError
    from lsnn.storage.code_hash import code_hash, without_names
    from lsnn.storage.files import canonical_json, differences, read_record
    from lsnn.study import config as configuration
    from lsnn.study.config import as_mapping
    from lsnn.study.costs import estimate, memory_of
    from lsnn.study.outputs import about_study, figures_of, shown_columns
    from lsnn.tasks import mnist
except ImportError as error:
    raise WorkflowError(
        f"{error}: the Python of Snakemake ({sys.executable}) lacks what this workflow needs; "
        f"pip install -r {BASE / 'envs/workflow.txt'}"
    )


def read_configuration():
    """Return the studies by name, the name of their claims, and these."""
    try:
        for path in workflow.configfiles:
            configuration.read_values(path)  # refuses a repeated key, which Snakemake overlooks
        # In a module, --config is for the workflow around it.
        if not workflow.modifier.skip_configfile:
            given = workflow.config_settings.config_args or []
            update_config(config, configuration.command_line_values(given))
        if config.get("adopt", False) not in (True, False):
            raise ConfigError(f"adopt: {config['adopt']!r} is not true or false")
        # Of no study: it changes no number.
        studies = configuration.studies_of({k: v for k, v in config.items() if k != "adopt"})
        for study in studies.values():
            for condition in study.conditions:  # complains of own files that cannot be read
                study.network_settings(condition)
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
PAGE_FILES = ["*.html.jinja", "*.md.jinja", "*.typ.jinja"]
PYTHON = Path("python" if CONDA else sys.executable)


def program(name, python=PYTHON, by_code=True, also=()):
    """Return the params of a rule that runs a program of scripts/.

    Files are params of type Path, which Snakemake does not compare: that a checkout or a Python
    lies elsewhere changes no result, and reruns nothing.

    Args:
        name: its file in scripts/.
        python: what runs it, or a function of wildcards that returns it.
        by_code: whether the rule runs again if the program's code, lsnn included, changes.
        also: patterns of files in scripts/ whose change runs the rule again, too.
    """
    params = {"job": BASE / "workflow/job.sh", "python": python, "program": SCRIPTS / name}
    if by_code:
        files = sorted(path for pattern in also for path in SCRIPTS.rglob(pattern))
        texts = [path.read_text(encoding="utf-8") for path in files]
        path = str((SCRIPTS / name).absolute())
        # Computed when there is a job, not whenever the Snakefile is read.
        params["code_hash"] = lambda wildcards: code_hash([path], order=texts)
    return params


def model_program(name, settings_of):
    """Return the same for a program that needs TensorFlow, and data.

    Args:
        name: as above.
        settings_of: returns the settings of a job, which have the hash of its code, for its study
            and wildcards.
    """
    return {
        **program(name, python_of, by_code=False),
        "adopt": Path("yes" if config.get("adopt") else "no"),  # a Path, like those above
        "data": lambda wildcards: study_of(wildcards).data,
        "settings": lambda wildcards: canonical_json(settings_of(study_of(wildcards), wildcards)),
    }


def command(arguments):
    """Return the shell line that runs the program of a rule, which has such params."""
    start = "bash {params.job:q} {log:q} {params.python:q} {params.program:q}"
    return f"{start} {arguments}"


def computed(name):
    """Return the study that results under a name are of; before there are any, the one asked for."""
    path = f"results/{name}/config.yaml"
    return configuration.read_study(path) if os.path.exists(path) else STUDIES[name]


def report_context():
    """Return what the first page of the report tells, of what is there: not of what is asked for."""
    studies = []
    for name, wanted in STUDIES.items():
        about = about_study(computed(name))
        shown = [f"results/{name}/figures/{about['figure']}.svg", HEADLINE.format(study=name)]
        about["shown"] = shown if all(map(os.path.exists, shown)) else []
        slices = [f"results/{name}/figures/{slice}.svg" for slice in about["slices"]]
        about["slices"] = list(filter(os.path.exists, slices))
        about["changes"] = differences(as_mapping(computed(name)), as_mapping(wanted))
        studies.append(about)
    figures = [f"results/{CLAIMS_NAME}/figures/{name}.svg" for name in ("answer", "overview")]
    there = [path for path in figures if CLAIMS and os.path.exists(path)]
    return {"studies": studies, "claims": there}


# Captions call these when a report is written. As params they would have rules run again.
config["report"] = report_context
config["computed"] = computed
config["shown_columns"] = shown_columns


def one_of(names):
    """Return the pattern of a wildcard that is one of some names."""
    return "|".join(sorted({re.escape(str(name)) for name in names})) or "(?!)"


wildcard_constraints:
    study=one_of(STUDIES),
    condition=one_of(name for study in STUDIES.values() for name in study.conditions),
    seed=one_of(seed for study in STUDIES.values() for seed in study.seeds),
    entry=one_of(n for s in STUDIES.values() for kind in REGISTRIES for n in s.entries(kind)),


def study_of(wildcards):
    """Return the study of a job."""
    return STUDIES[wildcards.study]


def asked_for(wildcards):
    """Return a study as it was asked for, as text."""
    return yaml.safe_dump(as_mapping(study_of(wildcards)), sort_keys=False)


def result_folders(names=STUDIES):
    """Return the folders of results of those of some studies that exist."""
    return [f"results/{study}" for study in STUDIES if study in names]


def tables_of(names=STUDIES):
    """Return what claims on some studies are decided from."""
    files = ("trajectories.csv", "config.yaml", "metadata.json")
    return [f"{folder}/{name}" for folder in result_folders(names) for name in files]


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
    folder = f".environments/tensorflow-{study_of(wildcards).tensorflow}"
    return PYTHON if CONDA else Path(f"{folder}/bin/python")


def interpreters_elsewhere():
    """Return the interpreters of jobs that are not in the working folder, links followed."""
    folders = [f".environments/tensorflow-{study.tensorflow}" for study in STUDIES.values()]
    links = [Path(sys.executable), *(Path(folder) / "bin/python" for folder in folders)]
    pythons = dict.fromkeys(link.resolve() for link in links if link.exists() and not CONDA)
    return [python for python in pythons if Path.cwd() not in python.parents]


def conda_of(wildcards):
    """Return what conda makes the Python of the model of a study from."""
    return str((BASE / f"envs/tensorflow-{study_of(wildcards).tensorflow}.yaml").absolute())


def memory_given(wildcards, attempt):
    """Return MB of memory."""
    job = "entry" if "entry" in wildcards.keys() else "training"
    return attempt * int(memory_of(study_of(wildcards), wildcards.condition, job))


def start_of(wildcards):
    """Return the files of the run that another starts from; none if it draws its weights."""
    start = study_of(wildcards).conditions[wildcards.condition].start
    if not start:
        return []
    run = f"results/{wildcards.study}/runs/{start['condition']}/seed_{wildcards.seed}"
    return [f"{run}/checkpoints.npz", f"{run}/learning_curve.csv"]


def firsts():
    """Return the runs, study, condition and seed, that are no other's twin: the first of their kind."""
    found = {}
    for name, study in STUDIES.items():
        kinds = {condition: kind_of(study, condition) for condition in study.conditions}
        for condition, seed in product(study.conditions, study.seeds):
            found.setdefault((kinds[condition], seed), (name, condition, str(seed)))
    return set(found.values())


def kind_of(study, condition):
    """Return what runs of one seed have in common that come to the same weights, as text."""
    settings = without_names({**study.training_settings(condition, study.seeds[0]), "seed": None})
    start = study.conditions[condition].start
    origin = [kind_of(study, start["condition"]), start["at"]] if start else None
    return canonical_json([settings, origin])


FIRSTS = firsts()


def priority_of_training(wildcards):
    """Return that of a training job: a run that takes over another's results comes after it."""
    run = (wildcards.study, wildcards.condition, str(wildcards.seed))
    return 1.0 if run in FIRSTS else 0.5


# What jobs that may go to a cluster are given. With Snakemake's --retries a job has more time and
# memory with every attempt.
JOB_RESOURCES = {"mem_mb": memory_given, "runtime": lambda wildcards, attempt: attempt * 240}
if any(study.on_gpu for study in STUDIES.values()):
    JOB_RESOURCES["gpu"] = lambda wildcards: int(study_of(wildcards).on_gpu)


def results_of_runs(name):
    """Return all files of all runs of a study."""
    study = STUDIES[name]
    results = ["checkpoints.npz", "learning_curve.csv", "training.json"]
    files = [(result, study.seeds) for result in results]
    for kind, suffix in product(REGISTRIES, ["csv", "npz", "json"]):
        for entry, options in study.entries(kind).items():
            files.append((f"{kind}/{entry}.{suffix}", study.seeds_of(options)))
    return [
        f"results/{name}/runs/{condition}/seed_{seed}/{file}"
        for file, seeds in files
        for condition, seed in product(study.conditions, seeds)
    ]


def outcome_of(name):
    """Return what is said at the end about the results of a study, as lines of text."""
    path = f"results/{name}/metadata.json"
    record = read_record(path) if os.path.exists(path) else {}
    if record.get("study") != as_mapping(STUDIES[name]):
        return []  # there are none yet, or they are of an earlier configuration
    lines = [f"{name}: results in results/{name}/"]
    lines += [f"  {line}" for line in record.get("warnings", [])]  # an older version's has none
    headline = Path(HEADLINE.format(study=name))
    if len(STUDIES) == 1 and headline.exists():
        names, *rows = csv.reader(headline.read_text(encoding="utf-8").splitlines())
        lines += ["  final states, means over seeds, from 3 on with 95 % intervals:"]
        for label, *cells in rows:
            numbers = [f"{name} {cell}" for name, cell in zip(names[1:], cells) if cell]
            lines += [f"  {label}: {'; '.join(numbers)}"]
    return lines


def do_without_limit_of_jobs():
    """Lift Snakemake's own limit of 100 jobs a second; one that the user sets stays.

    With a limit, every job that ends leaves a timer that has all waiting jobs looked through once a
    second, to the end: after a few hundred jobs that takes a core.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def refuse_future_dates():
    """Refuse files of the future: Snakemake would redo, at every start, what is made from them."""
    now = time.time()
    versions = [study.tensorflow for study in STUDIES.values()]
    paths = [f".environments/tensorflow-{version}/environment.json" for version in versions]
    paths += chain.from_iterable(map(results_of_runs, STUDIES))
    for path in filter(os.path.exists, paths):
        dated = os.path.getmtime(path)
        if dated > now + MAX_CLOCK_SKEW:
            raise WorkflowError(
                f"{path}: dated {time.ctime(dated)}, and by the clock of this machine it is "
                f"{time.ctime(now)}. If the clock is wrong, set it; if it is right, give such files "
                "the present date: find results .environments -newermt now -exec touch {} +"
            )
