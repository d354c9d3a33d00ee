# What the studies of a suite say of claims: all of them in one table, or, asked for by its file, one claim with
# the studies that it needs.
CLAIMS_FOLDER = f"results/{CLAIMS_NAME}"
CLAIMS_FILE = config.get("claims", [])
CLAIMS_FIGURES = []
if CLAIMS:
    from lib.claims import figures_of_claims  # here, as it takes pandas

    CLAIMS_FIGURES = figures_of_claims(CLAIMS)
CLAIMS_RESULTS = [
    f"{CLAIMS_FOLDER}/{name}"
    for name in ["claims.csv", "claims.html", *(f"figures/{name}.svg" for name in CLAIMS_FIGURES)]
    if CLAIMS
]


rule decide_claims:
    input:
        claims=CLAIMS_FILE,
        tables=tables_of(),
    output:
        claims=f"{CLAIMS_FOLDER}/claims.csv",
        points=f"{CLAIMS_FOLDER}/points.csv",
        decided=f"{CLAIMS_FOLDER}/decided.json",
    log:
        f"{CLAIMS_FOLDER}/logs/decide_claims.log",
    benchmark:
        f"{CLAIMS_FOLDER}/benchmarks/decide_claims.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        **program("decide_claims.py"),
        studies=result_folders(),
        only="",
        folder=subpath(output.claims, parent=True),
    shell:
        command(
            "--claims {input.claims} --studies {params.studies}"
            " {params.only} --output {params.folder}"
        )


use rule decide_claims as decide_claim with:
    input:
        claims=CLAIMS_FILE,
        tables=lambda wildcards: tables_of(CLAIMS[wildcards.claim].statistics),
    output:
        claims=f"{CLAIMS_FOLDER}/{{claim}}/claims.csv",
        points=f"{CLAIMS_FOLDER}/{{claim}}/points.csv",
        decided=f"{CLAIMS_FOLDER}/{{claim}}/decided.json",
    log:
        f"{CLAIMS_FOLDER}/logs/{{claim}}.log",
    benchmark:
        f"{CLAIMS_FOLDER}/benchmarks/{{claim}}.tsv"
    wildcard_constraints:
        claim=one_of(CLAIMS),
    params:
        studies=lambda wildcards: result_folders(CLAIMS[wildcards.claim].statistics),
        only=lambda wildcards: f"--only {wildcards.claim}",


rule plot_claims:
    input:
        claims=CLAIMS_FILE,
        table=f"{CLAIMS_FOLDER}/claims.csv",
        points=f"{CLAIMS_FOLDER}/points.csv",
        decided=f"{CLAIMS_FOLDER}/decided.json",
        configs=expand("{folder}/config.yaml", folder=result_folders()),
    output:
        [
            report(
                f"{CLAIMS_FOLDER}/figures/{name}.svg",
                caption=Path(f"{CLAIMS_FOLDER}/figures/{name}.rst").absolute(),
                category="Claims",
                labels={"claim": name.replace("_", " ")},
            )
            for name in CLAIMS_FIGURES
        ],
        expand(
            f"{CLAIMS_FOLDER}/figures/{{name}}.{{suffix}}",
            name=CLAIMS_FIGURES,
            suffix=["pdf", "png", "rst"],
        ),
    log:
        f"{CLAIMS_FOLDER}/logs/plot.log",
    benchmark:
        f"{CLAIMS_FOLDER}/benchmarks/plot.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        **program("plot_claims.py", also=FIGURE_FILES),
        studies=["--studies", *result_folders()],
        decided=subpath(input.table, parent=True),
        folder=subpath(output[0], parent=True),
    shell:
        command(
            "--claims {input.claims} --decided {params.decided}"
            " {params.studies} --output {params.folder}"
        )


use rule plot_claims as write_claims with:
    output:
        report(
            f"{CLAIMS_FOLDER}/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"claim": "all, with their verdicts (table)"},
        ),
        f"{CLAIMS_FOLDER}/claims.md",
    log:
        f"{CLAIMS_FOLDER}/logs/write_claims.log",
    benchmark:
        f"{CLAIMS_FOLDER}/benchmarks/write_claims.tsv"
    params:
        **program("write_claims.py", also=PAGE_FILES),
        studies="",


use rule write_claims as write_article with:
    input:
        claims=CLAIMS_FILE,
        table=f"{CLAIMS_FOLDER}/claims.csv",
        decided=f"{CLAIMS_FOLDER}/decided.json",
        configs=expand("{folder}/config.yaml", folder=result_folders()),
        figures=expand(f"{CLAIMS_FOLDER}/figures/{{name}}.svg", name=CLAIMS_FIGURES),
    output:
        expand(f"{CLAIMS_FOLDER}/article.{{suffix}}", suffix=["pdf", "html", "typ"]),
        f"{CLAIMS_FOLDER}/references.yml",
    log:
        f"{CLAIMS_FOLDER}/logs/write_article.log",
    benchmark:
        f"{CLAIMS_FOLDER}/benchmarks/write_article.tsv"
    params:
        **program("write_article.py", also=PAGE_FILES),
        studies=["--studies", *result_folders()],
