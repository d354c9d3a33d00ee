# `make help` lists the targets. PYTHON: Python 3.11, 3.12 or 3.13; CORES: jobs at a time.
PYTHON ?= python3
CORES ?= $(shell nproc)

# Programs import what is installed for their Python, whatever the user's variables and packages are.
unexport $(filter-out PYTHON36%,$(filter PYTHON%,$(.VARIABLES)))
export PYTHONNOUSERSITE = 1

# For TensorFlow 1.12: the Python 3.6 of pyenv. Where there is none, build_environment.py fetches one.
export PYTHON36 ?= $(lastword $(wildcard $(or $(PYENV_ROOT),~/.pyenv)/versions/3.6.*/bin/python))

# Snakemake, pip and matplotlib keep files in the user's home; where that cannot be written, here.
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export XDG_CACHE_HOME = $(CURDIR)/.snakemake/cache
endif

TENSORFLOWS = .environments/tensorflow-1.12/tested .environments/tensorflow-2/tested
CLAIMS = --claims claims.yaml --studies results/committed/*
# Through Python, which does not mind that this folder has been moved, as programs in .venv/bin do.
SNAKEMAKE = .venv/bin/python -I -m snakemake
# Progress bars on a terminal; elsewhere they would show nothing: there Snakemake's own lines, one per job.
BARS = $$(test ! -t 2 || echo --logger rich)

.PHONY: help run demo profile notebook figures article docs site environments test test-slow faults test-slurm lint lock

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 20

run: .venv/workflow ## run the study of config.yaml, from nothing to figures and report
	$(SNAKEMAKE) --cores $(CORES) $(BARS)
	$(call report,config.yaml)

demo: .venv/workflow ## the main finding on few images (studies/demo.yaml), in a minute or two
	$(SNAKEMAKE) --cores $(CORES) $(BARS) --configfile studies/demo.yaml
	$(call report,studies/demo.yaml)

profile: .venv/workflow ## profile the learning rule RULE beside the others; ARGS: options, such as -n
	.venv/bin/python scripts/profile_rule.py $(or $(RULE),$(error name the rule: make profile RULE=my_rule)) \
	    $(or $(ARGS),--cores $(CORES))

notebook: .environments/notebook/ready results/demo/metadata.json ## open the notebook on the results of the demo
	.environments/notebook/bin/python -m jupyter lab docs/notebooks/analysis.ipynb

results/demo/metadata.json:
	$(MAKE) demo

figures: .venv/workflow ## redraw the figures of the committed results from their tables, and decide the claims
	@for config in results/committed/*/config.yaml; do \
	    study=$${config%/config.yaml}; \
	    .venv/bin/python scripts/plot.py --study $$study --output $$study/figures || exit 1; \
	    echo "figures: $$study/figures"; \
	done
	@for profile in results/committed/profile/*; do \
	    .venv/bin/python scripts/draw_card.py $${profile##*/} --results results/committed --output $$profile || exit 1; \
	done
	.venv/bin/python scripts/decide_claims.py $(CLAIMS) --output results/committed/claims
	.venv/bin/python scripts/write_claims.py --claims claims.yaml --decided results/committed/claims \
	    --output results/committed/claims --into README.md
	.venv/bin/python scripts/plot_claims.py $(CLAIMS) --decided results/committed/claims \
	    --output results/committed/claims/figures

article: .venv/workflow ## write the article of the committed claims, as PDF and HTML
	.venv/bin/python scripts/plot_claims.py $(CLAIMS) --decided results/committed/claims \
	    --output results/committed/claims/figures
	.venv/bin/python scripts/write_article.py $(CLAIMS) --decided results/committed/claims \
	    --output results/committed/claims
	@echo "article: results/committed/claims/article.pdf, results/committed/claims/article.html"

docs: .venv/workflow ## write the generated pages of docs/
	.venv/bin/python scripts/write_docs.py --output docs

site: .environments/site/ready ## build the site of the docs into build/site, and fail where a link is broken
	.environments/site/bin/python docs/site/stage.py build/site_pages
	.environments/site/bin/python -m sphinx --quiet --fail-on-warning --keep-going -c docs/site build/site_pages build/site
	@echo "site: build/site/index.html"

TESTED = .venv/development data/mnist $(TENSORFLOWS) .environments/notebook/ready .environments/site/ready
PYTEST = -m pytest --numprocesses $(CORES)
# tests/study hardly touches TensorFlow: Python 3.6, the stricter one, is enough.
define tests
.venv/bin/python $(PYTEST) -m "$(1)" tests/scripts tests/test_environments.py $(2)
.environments/tensorflow-1.12/bin/python $(PYTEST) -m "$(1)" tests/study tests/lsnn
.environments/tensorflow-2/bin/python $(PYTEST) -m "$(1)" tests/lsnn
.venv/bin/python $(PYTEST) --dist loadfile -m "$(1)" tests/workflow
endef

environments: $(TESTED) ## install all that tests need

test: $(TESTED) ## all tests but the slow ones, on both TensorFlows
	$(call tests,not slow and not long,tests/faults)

test-slow: $(TESTED) ## slow tests, for parts that rarely break
	$(call tests,slow,tests/faults)

faults: $(TESTED) ## fault tests, as root: real kills, full disks and damage
	.venv/bin/python $(PYTEST) -v tests/faults
	.venv/bin/python -m pytest -v tests/scripts/test_fetch_mnist.py tests/study/test_config.py

CLUSTERS ?= 3
test-slurm: .venv/development data/mnist .environments/tensorflow-1.12/tested ## the study, and faults, on a Slurm that the tests start (as root)
	.venv/bin/python -m pytest -v --numprocesses $(CLUSTERS) --dist loadfile tests/slurm

lint: .venv/development ## formatting, style and types of everything
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/python -m snakefmt --check workflow
	$(SNAKEMAKE) --lint

# For Python 3.11 and later on any machine. Pins that still fit what envs/*.in ask for are kept; in a file
# that was deleted all become the newest.
LOCK = .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command "make lock"

lock: .venv/development ## pin what envs/*.in ask for, with hashes, and write envs/*.yaml for conda
	$(LOCK) --output-file envs/workflow.txt envs/workflow.in
	$(LOCK) --output-file envs/development.txt envs/development.in
	$(LOCK) --output-file envs/notebook.txt envs/notebook.in
	$(LOCK) --output-file envs/site.txt envs/site.in
	.venv/bin/python scripts/lock_environments.py

include benchmarks/Makefile

# Writes the report of the study that a configuration describes, whole or not at all, and says where it is.
define report
@folder=results/$$(.venv/bin/python -c "from lsnn.study.config import read_study; print(read_study('$(1)').name)"); \
	mkdir -p $$folder/logs && \
	$(SNAKEMAKE) --configfile $(1) --report $$folder/.report.html > $$folder/logs/report.log 2>&1 && \
	mv $$folder/.report.html $$folder/report.html && echo "report: $$folder/report.html" || \
	{ cat $$folder/logs/report.log >&2; rm -f $$folder/.report.html; exit 1; }
endef

.venv/workflow: envs/workflow.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	    { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet -r envs/workflow.txt
	touch $@

.venv/development: .venv/workflow envs/development.txt
	.venv/bin/python -m pip install --quiet -r envs/development.txt
	touch $@

.environments/tensorflow-%/environment.json: envs/tensorflow-%.txt | .venv/workflow
	.venv/bin/python scripts/build_environment.py --tensorflow $* --output $(@D)
	touch $@

# A TensorFlow environment with pytest in it.
.environments/tensorflow-%/tested: .environments/tensorflow-%/environment.json envs/tensorflow-%-test.txt
	$(@D)/bin/python -m pip install --quiet -r envs/tensorflow-$*-test.txt
	touch $@

# notebook: for analysis, the library with TensorFlow 2, pandas and Jupyter; site: Sphinx.
.environments/%/ready: envs/%.txt | .venv/workflow
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet -r $<
	touch $@

.PHONY: data/mnist  # checked every time; what is there and right is kept
.PRECIOUS: .environments/tensorflow-%/environment.json

data/mnist: .venv/workflow
	.venv/bin/python scripts/fetch_mnist.py --output $@
