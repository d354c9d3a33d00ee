# The first training examples of a task: what the networks of the first seed are shown, and should do.
rule examples:
    input:
        data=ancient(data_of),  # verified by every job; its date says nothing
        environment=environment_of,
    output:
        f"{RESULTS}/examples.npz",
    log:
        f"{RESULTS}/logs/examples.log",
    benchmark:
        f"{RESULTS}/benchmarks/examples.tsv"
    localrule: True
    conda:
        conda_of
    params:
        **model_program("record.py", lambda study, job: study.examples_settings()),
    shell:
        command(
            "--kind examples --settings {params.settings:q} --data {params.data:q}"
            " --output {output}"
        )
