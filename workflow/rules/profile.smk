# A learning rule beside the reference rules: its card, for a suite of `make profile`.
PROFILE = config.get("profile")
CARD = []
if PROFILE:
    PROFILE_FOLDER = f"results/profile/{PROFILE['name']}"
    CARD = [f"{PROFILE_FOLDER}/card.svg"]

    rule measure_costs:
        input:
            config=f"{RESULTS}/config.yaml",
            data=ancient(data_of),  # verified by every job; its date says nothing
            environment=environment_of,
        output:
            f"{RESULTS}/costs.csv",
        log:
            f"{RESULTS}/logs/measure_costs.log",
        benchmark:
            f"{RESULTS}/benchmarks/measure_costs.tsv"
        localrule: True
        conda:
            conda_of
        params:
            **program("measure_costs.py", python_of),
            data=lambda wildcards: study_of(wildcards).data,
            condition=PROFILE["name"],
        shell:
            command(
                "--config {input.config} --condition {params.condition}"
                " --data {params.data:q} --output {output}"
            )

    rule draw_card:
        input:
            tables_of(),
            expand("{folder}/costs.csv", folder=result_folders()),
        output:
            report(
                f"{PROFILE_FOLDER}/card.svg",
                caption=Path(f"{PROFILE_FOLDER}/card.rst").absolute(),
                category="Card",
                labels={"figure": "the rule beside the reference rules"},
            ),
            f"{PROFILE_FOLDER}/profile.csv",
            expand(f"{PROFILE_FOLDER}/card.{{suffix}}", suffix=["pdf", "png", "rst"]),
        log:
            f"{PROFILE_FOLDER}/logs/draw_card.log",
        benchmark:
            f"{PROFILE_FOLDER}/benchmarks/draw_card.tsv"
        localrule: True
        conda:
            "../../envs/workflow.yaml"
        params:
            **program("draw_card.py", also=FIGURE_FILES),
            name=PROFILE["name"],
            tasks=PROFILE["tasks"],
            folder=subpath(output[0], parent=True),
        shell:
            command(
                "{params.name} --tasks {params.tasks} --results results --output {params.folder}"
            )
