# For spiking units, one test example in one network per condition: its spikes are recorded, and drawn.
rule trial:
    input:
        data=ancient(data_of),  # verified by every job; its date says nothing
        environment=environment_of,
        checkpoints=lambda wildcards: (
            f"{RESULTS}/runs/{{condition}}/seed_{study_of(wildcards).seeds[0]}/checkpoints.npz"
        ),
    output:
        f"{RESULTS}/trials/{{condition}}.npz",
    log:
        f"{RESULTS}/logs/trial/{{condition}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial/{{condition}}.tsv"
    conda:
        conda_of
    threads: 1
    resources:
        **JOB_RESOURCES,
    params:
        **model_program("record.py"),
        settings=lambda wildcards: canonical_json(
            study_of(wildcards).trial_settings(wildcards.condition)
        ),
    shell:
        command(
            "--kind trial --settings {params.settings:q} --data {params.data:q}"
            " --checkpoints {input.checkpoints} --output {output}"
        )


rule plot_raster:
    input:
        f"{RESULTS}/trials/{{condition}}.npz",
    output:
        report(
            f"{RESULTS}/figures/raster_{{condition}}.svg",
            caption="../report/raster.rst",
            category="Figures",
            subcategory=SUBCATEGORY,
            labels=lambda wildcards: {
                "figure": f"raster {study_of(wildcards).conditions[wildcards.condition].label}"
            },
        ),
        f"{RESULTS}/figures/raster_{{condition}}.pdf",
        f"{RESULTS}/figures/raster_{{condition}}.png",
    log:
        f"{RESULTS}/logs/plot_raster/{{condition}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_raster/{{condition}}.tsv"
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        **program("plot_raster.py"),
        folder=subpath(output[0], parent=True),
        label=lambda wildcards: study_of(wildcards)
        .conditions[wildcards.condition]
        .label,
        seed=lambda wildcards: study_of(wildcards).seeds[0],
        is_classification=lambda wildcards: (
            study_of(wildcards).task_class.is_classification
        ),
    shell:
        command("--trial {input} --output {params.folder}")
