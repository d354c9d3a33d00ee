# One process per run and entry of `dynamics`, like that of `hessian`; it is told the run's learning rule.
use rule hessian as dynamics with:
    output:
        table=update(f"{RUN}/dynamics/{{entry}}.csv"),
        arrays=update(f"{RUN}/dynamics/{{entry}}.npz"),
        record=update(f"{RUN}/dynamics/{{entry}}.json"),
    log:
        f"{RESULTS}/logs/dynamics/{{condition}}/seed_{{seed}}/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/dynamics/{{condition}}/seed_{{seed}}/{{entry}}.tsv"
    params:
        **model_program("curvature.py"),
        kind="dynamics",
        settings=lambda wildcards: canonical_json(
            study_of(wildcards).entry_settings(
                "dynamics", wildcards.entry, wildcards.condition
            )
        ),
