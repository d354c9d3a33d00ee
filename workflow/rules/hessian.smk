# One process per run and entry of `hessian`. It is told weights and a loss, and no learning rule.
rule hessian:
    input:
        data=ancient(data_of),  # verified by every job; its date says nothing
        environment=environment_of,
        checkpoints=f"{RUN}/checkpoints.npz",
    output:
        table=update(f"{RUN}/hessian/{{entry}}.csv"),  # like those of train
        arrays=update(f"{RUN}/hessian/{{entry}}.npz"),
        record=update(f"{RUN}/hessian/{{entry}}.json"),
    log:
        f"{RESULTS}/logs/hessian/{{condition}}/seed_{{seed}}/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/hessian/{{condition}}/seed_{{seed}}/{{entry}}.tsv"
    conda:
        conda_of
    threads: 1
    resources:
        **JOB_RESOURCES,
    params:
        **model_program("curvature.py"),
        kind="hessian",
        settings=lambda wildcards: canonical_json(
            study_of(wildcards).entry_settings("hessian", wildcards.entry)
        ),
        folder=subpath(output.table, parent=True),
    shell:
        command(
            "--kind {params.kind} --settings {params.settings:q} --data {params.data:q}"
            " --checkpoints {input.checkpoints} --output {params.folder} --threads {threads}"
        )
