# The first training examples of a task: what the networks of the first seed are shown, and should do.
rule examples:
    input:
        data=ancient(data_of),  # verified by every job; its date says nothing
        environment=environment_of,
    output:
        f"{RESULTS}/examples.npz",
    log:
        f"{RESULTS}/logs/examples.log",
    benchmark:
        f"{RESULTS}/benchmarks/examples.tsv"
    localrule: True
    conda:
        conda_of
    params:
        **model_program("record.py"),
        settings=lambda wildcards: canonical_json(
            study_of(wildcards).examples_settings()
        ),
    shell:
        command(
            "--kind examples --settings {params.settings:q} --data {params.data:q}"
            " --output {output}"
        )


rule plot_examples:
    input:
        f"{RESULTS}/examples.npz",
    output:
        report(
            f"{RESULTS}/figures/examples.svg",
            caption="../report/examples.rst",
            category="Figures",
            subcategory=SUBCATEGORY,
            labels={"figure": "examples of the task"},
        ),
        f"{RESULTS}/figures/examples.pdf",
        f"{RESULTS}/figures/examples.png",
    log:
        f"{RESULTS}/logs/plot_examples.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_examples.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        **program("plot_examples.py"),
        task=lambda wildcards: study_of(wildcards).task["name"].replace("_", " "),
        is_classification=lambda wildcards: (
            study_of(wildcards).task_class.is_classification
        ),
        folder=subpath(output[0], parent=True),
    shell:
        command("--examples {input} --output {params.folder}")
