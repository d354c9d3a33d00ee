# One process a run. It is told weights and a configuration, and no learning rule.
rule hessian:
    input:
        data=ancient(DATA),  # verified by every job; its date says nothing
        environment=MODEL_ENVIRONMENT,
        checkpoints=f"{RUN}/checkpoints.npz",
    output:
        curvature=f"{RUN}/curvature.csv",
        record=f"{RUN}/curvature.json",
    log:
        f"{RESULTS}/logs/hessian/{{condition}}/seed_{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/hessian/{{condition}}/seed_{{seed}}.tsv"
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
        settings=STUDY.curvature_settings(),
        folder=subpath(output.curvature, parent=True),
    shell:
        "{params.python} scripts/hessian.py --config {params.config}"
        " --checkpoints {input.checkpoints} --output {params.folder} --threads {threads}"
        " > {log} 2>&1"
