# What the runs stand on: the data, and the TensorFlow environment.
MNIST = [f"{STUDY.data}/mnist/{name}" for name in mnist.FILES]
# What jobs that compute read; nothing for a task that makes its own data.
DATA = [f"{STUDY.data}/{name}" for name in TASKS[STUDY.task["name"]].data_files]
MODEL_ENVIRONMENT = [] if CONDA else [f"{ENVIRONMENT}/environment.json"]


localrules:
    data,
    environment,


# update(): files that are there already are checked and kept, not deleted and fetched again.
rule data:
    output:
        update(MNIST),
    log:
        f"{RESULTS}/logs/data.log",
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(output[0], parent=True),
    shell:
        "python scripts/fetch_mnist.py --output {params.folder:q} > {log} 2>&1"


if not CONDA:

    rule environment:
        input:
            f"envs/tensorflow-{STUDY.tensorflow}.txt",
        output:
            MODEL_ENVIRONMENT,
        log:
            f"{RESULTS}/logs/environment.log",
        conda:
            "../../envs/workflow.yaml"
        params:
            tensorflow=STUDY.tensorflow,
            folder=subpath(output[0], parent=True),
        shell:
            "python scripts/build_environment.py"
            " --tensorflow {params.tensorflow} --output {params.folder} > {log} 2>&1"
