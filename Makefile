# `make help` lists the targets. PYTHON: Python 3.11 or later; CORES: jobs at a time.
PYTHON ?= python3
CORES ?= $(shell nproc)

SNAKEMAKE = .venv/bin/snakemake --cores $(CORES)

.PHONY: help run demo figures test lint bench bench-dag

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 16

run: .venv/workflow ## run the study of config.yaml, from nothing to figures and report
	$(SNAKEMAKE)
	$(call report,config.yaml)

demo: .venv/workflow ## the same in miniature (studies/demo.yaml), in minutes
	$(SNAKEMAKE) --configfile studies/demo.yaml
	$(call report,studies/demo.yaml)

figures: .venv/workflow ## redraw the figures of the committed results from their tables
	for study in results/committed/*/; do \
	    .venv/bin/python scripts/plot.py --trajectories $$study/trajectories.csv \
	        --config $$study/config.yaml --output $$study/figures || exit 1; \
	    echo "figures: $$study""figures"; \
	done

test: .venv/development ## all tests
	.venv/bin/python -m pytest tests

lint: .venv/development ## formatting and style of everything
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check workflow
	.venv/bin/snakemake --lint

bench: .venv/workflow ## speed with both TensorFlows, one after the other (benchmarks/README.md)
	.venv/bin/python scripts/fetch_mnist.py --output data/mnist
	mkdir -p build
	for version in 2 1.12; do \
	    environment=.environments/tensorflow-$$version; \
	    $(SNAKEMAKE) --quiet all --config "tensorflow='$$version'" -- $$environment/environment.json && \
	    $$environment/bin/python benchmarks/bench.py --output build/bench-$$version.json || exit 1; \
	done
	.venv/bin/python benchmarks/table.py build/bench-2.json build/bench-1.12.json

bench-dag: .venv/workflow ## what Snakemake itself costs at 10, 100 and 1,000 runs
	.venv/bin/python benchmarks/dag.py

# Writes the report of the study that a configuration describes, and says where it is.
define report
@file=results/$$(.venv/bin/python -c "from lsnn.config import read_study; print(read_study('$(1)').name)")/report.html; \
	.venv/bin/snakemake --configfile $(1) --report $$file > /dev/null && echo "report:  $$file"
endef

.venv/workflow: envs/workflow.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "error: $(PYTHON) is not Python 3.11 or later; name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet -r envs/workflow.txt
	touch $@

.venv/development: .venv/workflow envs/development.txt
	.venv/bin/pip install --quiet -r envs/development.txt
	touch $@
