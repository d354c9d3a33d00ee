# One test example in one network a condition: its spikes are recorded, and drawn.
TRIAL = f"{RESULTS}/trials/{{condition}}.npz"
FIGURES += expand(
    f"{RESULTS}/figures/raster_{{condition}}.{{suffix}}",
    condition=STUDY.conditions,
    suffix=["svg", "pdf", "png"],
)


localrules:
    plot_raster,


rule trial:
    input:
        data=ancient(DATA),  # verified by every job; its date says nothing
        environment=MODEL_ENVIRONMENT,
        checkpoints=f"{RESULTS}/runs/{{condition}}/seed_{STUDY.seeds[0]}/checkpoints.npz",
    output:
        TRIAL,
    log:
        f"{RESULTS}/logs/trial/{{condition}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial/{{condition}}.tsv"
    conda:
        f"../../envs/tensorflow-{STUDY.tensorflow}.yaml"
    threads: 1
    resources:
        **GPU,
        mem_mb=lambda wildcards, attempt: attempt * MEM_MB,
        runtime=lambda wildcards, attempt: attempt * 240,
    params:
        python=MODEL_PYTHON,
        config=CONFIG,
        settings=as_mapping({"task": STUDY.task, "network": STUDY.network}),
    shell:
        "{params.python} scripts/trial.py --config {params.config}"
        " --checkpoints {input.checkpoints} --output {output} > {log} 2>&1"


rule plot_raster:
    input:
        TRIAL,
    output:
        report(
            f"{RESULTS}/figures/raster_{{condition}}.svg",
            caption="../report/raster.rst",
            category="Figures",
            labels=lambda wildcards: {
                "figure": f"raster {STUDY.conditions[wildcards.condition].label}"
            },
        ),
        f"{RESULTS}/figures/raster_{{condition}}.pdf",
        f"{RESULTS}/figures/raster_{{condition}}.png",
    log:
        f"{RESULTS}/logs/plot_raster/{{condition}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_raster/{{condition}}.tsv"
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(output[0], parent=True),
        is_classification=STUDY.task_class.is_classification,
    shell:
        "python scripts/plot_raster.py --trial {input} --output {params.folder} > {log} 2>&1"
