# `make help` lists the targets. PYTHON: Python 3.11 or later; CORES: jobs at a time.
PYTHON ?= python3
CORES ?= $(shell nproc)

SNAKEMAKE = .venv/bin/snakemake --cores $(CORES)

.PHONY: help run demo figures test test-slurm lint

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
	.venv/bin/python -m pytest tests --ignore tests/slurm

test-slurm: .venv/development ## the study, and faults, on a Slurm that the tests start (as root)
	.venv/bin/python -m pytest tests/slurm

lint: .venv/development ## formatting and style of everything
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check workflow
	.venv/bin/snakemake --lint

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
