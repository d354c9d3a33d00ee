# All runs in one table, and the statistics over seeds.
TRAJECTORIES = f"{RESULTS}/trajectories.csv"
SUMMARY = f"{RESULTS}/summary.csv"
METADATA = f"{RESULTS}/metadata.json"
RESULTS_OF_RUN = ["learning_curve.csv", "training.json"]
RESULTS_OF_RUN += [
    f"hessian/{name}.{suffix}" for name in ENTRIES for suffix in ("csv", "json")
]


localrules:
    aggregate,


rule aggregate:
    input:
        [of_all_runs(f"{RUN}/{name}") for name in RESULTS_OF_RUN],
    output:
        trajectories=report(
            TRAJECTORIES,
            caption="../report/trajectories.rst",
            category="Tables",
            labels={"table": "trajectories (csv)"},
        ),
        summary=SUMMARY,
        metadata=METADATA,
    log:
        f"{RESULTS}/logs/aggregate.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        config=CONFIG,
        study=as_mapping(STUDY),
        runs=subpath(input[0], ancestor=3),
        columns=[
            {"name": column.name, "label": column.axis}
            for column in shown_columns(STUDY)
        ],
        folder=subpath(output.trajectories, parent=True),
    shell:
        "python scripts/aggregate.py --config {params.config}"
        " --runs {params.runs} --output {params.folder} > {log} 2>&1"
