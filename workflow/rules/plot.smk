# Figures of a study and, beside them, their captions (rst), which the report takes; tables for the report.
FIGURES_OF = {name: figures_of(study) for name, study in STUDIES.items()}
FIGURES = [
    f"results/{study}/figures/{figure.name}.{suffix}"
    for study, figures in FIGURES_OF.items()
    for figure in figures
    for suffix in ("svg", "pdf", "png", "rst")
]
PAGES = ("summary", "configuration", "run")
REPORT_TABLES = [
    f"results/{study}/report/{name}"
    for study in STUDIES
    for name in (*(f"{page}.html" for page in PAGES), "headline.csv")
]


# One job draws all figures of a study: it takes Python longer to start than to draw one.
for study, figures in FIGURES_OF.items():
    trials = [figure.condition for figure in figures if figure.kind == "raster"]

    rule:
        name:
            "plot" if len(STUDIES) == 1 else f"plot_{study}"
        input:
            [path for path in TABLES if path.startswith(f"results/{study}/")],
            [f"results/{study}/trials/{condition}.npz" for condition in trials],
            examples=f"results/{study}/examples.npz",
        output:
            [
                report(
                    f"results/{study}/figures/{figure.name}.svg",
                    caption=Path(f"results/{study}/figures/{figure.name}.rst").absolute(),
                    category="Figures",
                    subcategory=study if len(STUDIES) > 1 else None,
                    labels={"figure": figure.words},
                )
                for figure in figures
            ],
            [
                f"results/{study}/figures/{figure.name}.{suffix}"
                for figure in figures
                for suffix in ("pdf", "png", "rst")
            ],
        log:
            f"results/{study}/logs/plot.log",
        benchmark:
            f"results/{study}/benchmarks/plot.tsv"
        localrule: True
        conda:
            "../../envs/workflow.yaml"
        params:
            **program("plot.py", also=FIGURE_FILES),
            study=subpath(input.examples, parent=True),
            folder=subpath(output[0], parent=True),
        shell:
            command("--study {params.study} --output {params.folder}")


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
            for name in PAGES
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
        **program("write_tables.py", also=PAGE_FILES),
        folder=subpath(output[0], parent=True),
    shell:
        command(
            "--config {input.config} --summary {input.summary}"
            " --metadata {input.metadata} --output {params.folder}"
        )
