# One process a run. Progress is kept beside the outputs, in files that Snakemake does not know and so
# does not delete: a run that was stopped goes on.
rule train:
    input:
        config=ancient(CONFIG),
        data=ancient(MNIST),
        environment=ancient(MODEL_ENVIRONMENT),
    output:
        checkpoints=f"{RUN}/checkpoints.npz",
        learning_curve=f"{RUN}/learning_curve.csv",
        record=f"{RUN}/training.json",
    params:
        settings=lambda wildcards: STUDY.training_settings(
            wildcards.learning_rule, int(wildcards.seed)
        ),
        folder=subpath(output.checkpoints, parent=True),
    log:
        f"{RESULTS}/logs/train/{{learning_rule}}/seed_{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{learning_rule}}/seed_{{seed}}.tsv"
    priority: 1  # the longer jobs first, so that no core is idle at the end
    threads: 1
    resources:
        mem_mb=1500,
        runtime=240,
    conda:
        f"../../envs/tensorflow-{STUDY.tensorflow}.yaml"
    shell:
        "{MODEL_PYTHON} scripts/train.py --config {input.config}"
        " --learning-rule {wildcards.learning_rule} --seed {wildcards.seed}"
        " --output {params.folder} --threads {threads} > {log} 2>&1"
