# Figures from trajectories.csv alone, and tables for the report.
FIGURE_KINDS = {figure.name: figure.kind for figure in figures_of(STUDY)}
# 2 / learning rate of the conditions that have it, for the captions.
THRESHOLDS = {STUDY.threshold_of(name) for name in STUDY.conditions} - {None}
FIGURES = expand(
    f"{RESULTS}/figures/{{name}}.{{suffix}}",
    name=FIGURE_KINDS,
    suffix=["svg", "pdf", "png"],
)
TABLE_NAMES = ["summary", "configuration", "run"]
REPORT_TABLES = expand(f"{RESULTS}/report/{{name}}.html", name=TABLE_NAMES)


localrules:
    plot,
    report_tables,


rule plot:
    input:
        TRAJECTORIES,
    output:
        [
            report(
                f"{RESULTS}/figures/{name}.svg",
                caption=f"../report/{kind}.rst",
                category="Figures",
                labels={"figure": name.replace("_", " ")},
            )
            for name, kind in FIGURE_KINDS.items()
        ],
        expand(
            f"{RESULTS}/figures/{{name}}.{{suffix}}",
            name=FIGURE_KINDS,
            suffix=["pdf", "png"],
        ),
    log:
        f"{RESULTS}/logs/plot.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        config=CONFIG,
        conditions=as_mapping(STUDY.conditions),
        thresholds=sorted(THRESHOLDS),
        columns=[
            {
                "label": column.label,
                "meaning": column.meaning,
                "threshold": column.threshold,
            }
            for column in shown_columns(STUDY)
            if column.figure
        ],
        measures=[measure.label for measure in STUDY.task_class.measures],
        folder=subpath(output[0], parent=True),
    shell:
        "python scripts/plot.py --config {params.config}"
        " --trajectories {input} --output {params.folder} > {log} 2>&1"


rule report_tables:
    input:
        summary=SUMMARY,
        metadata=METADATA,
    output:
        [
            report(
                f"{RESULTS}/report/{name}.html",
                caption=f"../report/{name}.rst",
                category="Tables",
                labels={"table": name},
            )
            for name in TABLE_NAMES
        ],
    log:
        f"{RESULTS}/logs/report_tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/report_tables.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        config=CONFIG,
        study=as_mapping(STUDY),
        folder=subpath(output[0], parent=True),
    shell:
        "python scripts/report_tables.py --config {params.config}"
        " --summary {input.summary} --metadata {input.metadata} --output {params.folder}"
        " > {log} 2>&1"
