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
        **program("fetch_mnist.py", by_code=False),
        folder=subpath(output[0], parent=True),
    shell:
        command("--output {params.folder:q}")


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
        **program("build_environment.py", by_code=False),
        folder=subpath(output[0], parent=True),
    shell:
        command("--tensorflow {wildcards.tensorflow} --output {params.folder}")
