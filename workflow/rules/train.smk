# One process a run. Progress is kept beside the outputs, in files that Snakemake does not know and so
# does not delete: a run that was stopped goes on.
rule train:
    input:
        data=ancient(DATA),  # verified by every job; its date says nothing
        environment=MODEL_ENVIRONMENT,
    output:
        checkpoints=f"{RUN}/checkpoints.npz",
        learning_curve=f"{RUN}/learning_curve.csv",
        record=f"{RUN}/training.json",
    log:
        f"{RESULTS}/logs/train/{{condition}}/seed_{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{condition}}/seed_{{seed}}.tsv"
    priority: 1  # the longer jobs first, so that no core is idle at the end
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
        settings=lambda wildcards: STUDY.training_settings(
            wildcards.condition, int(wildcards.seed)
        ),
        folder=subpath(output.checkpoints, parent=True),
    shell:
        "{params.python} scripts/train.py --config {params.config}"
        " --condition {wildcards.condition} --seed {wildcards.seed}"
        " --output {params.folder} --threads {threads} > {log} 2>&1"
