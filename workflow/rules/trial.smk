# For spiking units, one test example in one network per condition: its spikes are recorded.
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
    resources:
        **JOB_RESOURCES,
    params:
        **model_program("record.py", lambda study, job: study.trial_settings(job.condition)),
    shell:
        command(
            "--kind trial --settings {params.settings:q} --data {params.data:q}"
            " --checkpoints {input.checkpoints} --output {output}"
        )
