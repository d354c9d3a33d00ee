# All runs of a study in one table, and the statistics over seeds.
TABLES = expand(
    f"{RESULTS}/{{name}}",
    study=STUDIES,
    name=[
        "trajectories.csv",
        "summary.csv",
        "spectra.npz",
        "metadata.json",
        "config.yaml",
    ],
)


rule aggregate:
    input:
        lambda wildcards: results_of_runs(wildcards.study),
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
        study_json=lambda wildcards: json.dumps(as_mapping(study_of(wildcards))),
        study=lambda wildcards: as_mapping(study_of(wildcards)),
        columns=lambda wildcards: [
            {"name": column.name, "label": column.axis}
            for column in shown_columns(study_of(wildcards))
        ],
        folder=subpath(output.trajectories, parent=True),
    shell:
        command(
            "--study {params.study_json:q}"
            " --runs {params.folder}/runs --output {params.folder}"
        )
