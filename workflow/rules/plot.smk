# Figures from trajectories.csv alone, and tables for the report.
FIGURES_OF = {
    study: {figure.name: figure for figure in figures_of(STUDIES[study])}
    for study in STUDIES
}
FIGURES = [
    f"results/{study}/figures/{name}.{suffix}"
    for study, figures in FIGURES_OF.items()
    for name in ["examples", *figures, *rasters_of(STUDIES[study])]
    for suffix in ("svg", "pdf", "png")
]
REPORT_TABLES = expand(
    f"{RESULTS}/report/{{name}}",
    study=STUDIES,
    name=["summary.html", "configuration.html", "run.html", "headline.csv"],
)


rule plot:
    input:
        trajectories=f"{RESULTS}/trajectories.csv",
        spectra=f"{RESULTS}/spectra.npz",
        config=f"{RESULTS}/config.yaml",
    output:
        report(
            f"{RESULTS}/figures/{{figure}}.svg",
            caption="../report/figure.rst",
            category="Figures",
            subcategory=SUBCATEGORY,
            labels=lambda wildcards: {"figure": readable(wildcards.figure)},
        ),
        f"{RESULTS}/figures/{{figure}}.pdf",
        f"{RESULTS}/figures/{{figure}}.png",
    log:
        f"{RESULTS}/logs/plot/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/{{figure}}.tsv"
    wildcard_constraints:
        figure=one_of(name for figures in FIGURES_OF.values() for name in figures),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        **program("plot.py"),
        about=lambda wildcards: about_figure(
            FIGURES_OF[wildcards.study][wildcards.figure], study_of(wildcards)
        ),
        folder=subpath(output[0], parent=True),
    shell:
        command(
            "--config {input.config} --figure {wildcards.figure}"
            " --trajectories {input.trajectories} --output {params.folder}"
        )


rule write_tables:
    input:
        config=f"{RESULTS}/config.yaml",
        summary=f"{RESULTS}/summary.csv",
        metadata=f"{RESULTS}/metadata.json",
    output:
        [
            report(
                f"{RESULTS}/report/{name}.html",
                caption=f"../report/{name}.rst",
                category="Tables",
                subcategory=SUBCATEGORY,
                labels={"table": name},
            )
            for name in ("summary", "configuration", "run")
        ],
        HEADLINE,
    log:
        f"{RESULTS}/logs/write_tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_tables.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        **program("write_tables.py"),
        computed=computed,
        folder=subpath(output[0], parent=True),
    shell:
        command(
            "--config {input.config} --summary {input.summary}"
            " --metadata {input.metadata} --output {params.folder}"
        )
