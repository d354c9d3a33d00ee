# What the runs rest on: the data, and the TensorFlow environment.
# update(): files that are there already are checked and kept, not deleted and fetched again.
rule data:
    output:
        update(expand("{{data}}/mnist/{name}", name=mnist.FILES)),
    log:
        "{data}/mnist.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        job=JOB,
        python=PYTHON,
        program=SCRIPTS / "fetch_mnist.py",
        folder=subpath(output[0], parent=True),
    shell:
        "bash {params.job:q} {log:q} {params.python:q} {params.program:q}"
        " --output {params.folder:q}"


rule environment:
    input:
        str(BASE / "envs/tensorflow-{tensorflow}.txt"),
    output:
        ".environments/tensorflow-{tensorflow}/environment.json",
    log:
        ".environments/tensorflow-{tensorflow}.log",
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        job=JOB,
        python=PYTHON,
        program=SCRIPTS / "build_environment.py",
        folder=subpath(output[0], parent=True),
    shell:
        "bash {params.job:q} {log:q} {params.python:q} {params.program:q}"
        " --tensorflow {wildcards.tensorflow} --output {params.folder}"
