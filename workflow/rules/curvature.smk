# One process per run and entry of `hessian`, which is told weights and a loss, and no learning rule;
# and of `dynamics`, which is told the rule of the run.
for kind in REGISTRIES:

    rule:
        name:
            kind
        input:
            data=ancient(data_of),  # verified by every job; its date says nothing
            environment=environment_of,
            checkpoints=f"{RUN}/checkpoints.npz",
        output:
            table=update(f"{RUN}/{kind}/{{entry}}.csv"),  # like those of train
            arrays=update(f"{RUN}/{kind}/{{entry}}.npz"),
            record=update(f"{RUN}/{kind}/{{entry}}.json"),
        log:
            f"{RESULTS}/logs/{kind}/{{condition}}/seed_{{seed}}/{{entry}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/{kind}/{{condition}}/seed_{{seed}}/{{entry}}.tsv"
        conda:
            conda_of
        resources:
            **JOB_RESOURCES,
        params:
            **model_program(
                "curvature.py",
                lambda study, job, kind=kind: study.entry_settings(kind, job.entry, job.condition),
            ),
            kind=kind,
            folder=subpath(output.table, parent=True),
        shell:
            command(
                "--kind {params.kind} --settings {params.settings:q} --data {params.data:q}"
                " --checkpoints {input.checkpoints} --output {params.folder} --threads {threads}"
                " --results results --adopt {params.adopt}"
            )
