# One process per run. Progress is kept beside the outputs, in files that Snakemake does not know and
# so does not delete: a run that was stopped goes on. update(): the outputs are not deleted either
# before the job starts; it leaves results that its record vouches for as they are, and sets others
# aside.
rule train:
    input:
        data=ancient(data_of),  # verified by every job; its date says nothing
        environment=environment_of,
        start=start_of,
    output:
        checkpoints=update(f"{RUN}/checkpoints.npz"),
        learning_curve=update(f"{RUN}/learning_curve.csv"),
        record=update(f"{RUN}/training.json"),
    log:
        f"{RESULTS}/logs/train/{{condition}}/seed_{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{condition}}/seed_{{seed}}.tsv"
    priority: priority_of_training  # before what is shorter, so that no core is idle at the end
    conda:
        conda_of
    resources:
        **JOB_RESOURCES,
    params:
        **model_program(
            "train.py", lambda study, job: study.training_settings(job.condition, int(job.seed))
        ),
        start=lambda wildcards, input: f"--start {input.start[0]}" if input.start else "",
        folder=subpath(output.checkpoints, parent=True),
    shell:
        command(
            "--settings {params.settings:q} --data {params.data:q}"
            " {params.start} --output {params.folder} --threads {threads}"
            " --results results --adopt {params.adopt}"
        )
