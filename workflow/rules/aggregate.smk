# All runs of a study in one table, and the statistics over seeds.
TABLES = [
    f"results/{study}/{name}"
    for study in STUDIES
    for name in ("trajectories.csv", "summary.csv", "spectra.npz", "metadata.json", "config.yaml")
]


# A template that lies where this runs, so that a workflow that was moved has no other input, and reruns nothing.
TEMPLATE = Path(".snakemake/study.yaml.jinja")
if not TEMPLATE.exists():
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text("{{ params.text }}")


# The study as a file, as no argument of a program can be that long. It is temporary: whatever Snakemake
# compares, a job that reads it gets the study of today.
rule study:
    input:
        ancient(str(TEMPLATE)),
    output:
        temp(f"{RESULTS}/study.yaml"),
    log:
        f"{RESULTS}/logs/study.log",  # stays empty: no program runs
    priority: 2  # before all others
    localrule: True
    params:
        text=asked_for,
    template_engine:
        "jinja2"


rule aggregate:
    input:
        lambda wildcards: results_of_runs(wildcards.study),
        study=f"{RESULTS}/study.yaml",
    output:
        trajectories=report(
            f"{RESULTS}/trajectories.csv",
            caption="../report/trajectories.rst",
            category="Tables",
            subcategory=SUBCATEGORY,
            labels={"table": "trajectories (csv)"},
        ),
        summary=f"{RESULTS}/summary.csv",
        spectra=f"{RESULTS}/spectra.npz",
        metadata=f"{RESULTS}/metadata.json",
        config=f"{RESULTS}/config.yaml",
    log:
        f"{RESULTS}/logs/aggregate.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        **program("aggregate.py"),
        study=asked_for,  # a change of it runs this again
        folder=subpath(output.trajectories, parent=True),
    shell:
        command("--config {input.study} --runs {params.folder}/runs --output {params.folder}")
