# One process a run. It is told weights and a configuration, and no learning rule.
rule hessian:
    input:
        config=ancient(CONFIG),
        data=ancient(MNIST),
        environment=ancient(MODEL_ENVIRONMENT),
        checkpoints=f"{RUN}/checkpoints.npz",
    output:
        curvature=f"{RUN}/curvature.csv",
        record=f"{RUN}/curvature.json",
    params:
        settings=STUDY.curvature_settings(),
        folder=subpath(output.curvature, parent=True),
    log:
        f"{RESULTS}/logs/hessian/{{learning_rule}}/seed_{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/hessian/{{learning_rule}}/seed_{{seed}}.tsv"
    threads: 1
    resources:
        **GPU,
        mem_mb=lambda wildcards, attempt: attempt * MEM_MB,
        runtime=lambda wildcards, attempt: attempt * 240,
    conda:
        f"../../envs/tensorflow-{STUDY.tensorflow}.yaml"
    shell:
        "{MODEL_PYTHON} scripts/hessian.py --config {input.config}"
        " --checkpoints {input.checkpoints} --output {params.folder} --threads {threads}"
        " > {log} 2>&1"
