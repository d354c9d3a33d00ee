# What the runs stand on: the resolved configuration, the data, the TensorFlow environment. None of it
# makes results stale by its date alone, so the runs take it as ancient().
import yaml

MNIST = [
    f"{STUDY.data}/mnist/{part}"
    for part in [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ]
]
MODEL_ENVIRONMENT = [] if CONDA else [f"{ENVIRONMENT}/environment.json"]


localrules:
    configuration,
    data,
    environment,


rule configuration:
    output:
        CONFIG,
    params:
        text=yaml.safe_dump(config, sort_keys=False),
    log:
        f"{RESULTS}/logs/configuration.log",
    conda:
        "../../envs/workflow.yaml"
    shell:
        "printf '%s' {params.text:q} > {output} 2> {log}"


# update(): files that are there already are checked and kept, not deleted and fetched again.
rule data:
    output:
        update(MNIST),
    params:
        folder=f"{STUDY.data}/mnist",
    log:
        f"{RESULTS}/logs/data.log",
    conda:
        "../../envs/workflow.yaml"
    shell:
        "{WORKFLOW_PYTHON} scripts/fetch_mnist.py --output {params.folder} > {log} 2>&1"


if not CONDA:

    rule environment:
        input:
            f"envs/tensorflow-{STUDY.tensorflow}.txt",
        output:
            MODEL_ENVIRONMENT,
        params:
            tensorflow=STUDY.tensorflow,
            folder=ENVIRONMENT,
        log:
            f"{RESULTS}/logs/environment.log",
        conda:
            "../../envs/workflow.yaml"
        shell:
            "{WORKFLOW_PYTHON} scripts/build_environment.py"
            " --tensorflow {params.tensorflow} --output {params.folder} > {log} 2>&1"
