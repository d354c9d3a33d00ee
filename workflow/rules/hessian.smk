# One process a run and entry of `hessian`. It is told weights and a configuration, and no learning rule.
rule hessian:
    input:
        data=ancient(DATA),  # verified by every job; its date says nothing
        environment=MODEL_ENVIRONMENT,
        checkpoints=f"{RUN}/checkpoints.npz",
    output:
        table=f"{RUN}/hessian/{{entry}}.csv",
        record=f"{RUN}/hessian/{{entry}}.json",
    log:
        f"{RESULTS}/logs/hessian/{{condition}}/seed_{{seed}}/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/hessian/{{condition}}/seed_{{seed}}/{{entry}}.tsv"
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
        settings=lambda wildcards: STUDY.hessian_settings(ENTRIES[wildcards.entry]),
        folder=subpath(output.table, parent=True),
    shell:
        "{params.python} scripts/hessian.py --config {params.config}"
        " --entry {wildcards.entry} --checkpoints {input.checkpoints} --output {params.folder} --threads {threads}"
        " > {log} 2>&1"
