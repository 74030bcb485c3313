# The commands of this project; `make` alone lists them.
#
#   ARGS    arguments of the command: make run ARGS="--data ~/mnist"
#   LOCK    current or compat: which of the two locks to install
#   PYTHON  the Python from which to make the environment
#   ENGINE  docker or podman: what builds the image;
#           IMAGE_ARGS are further options of its build command

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# PYTHONHOME is meant for one Python, and keeps all others from starting.
unexport PYTHONHOME

# The set-up starts with any Python 3.8 or newer, and then looks for one that fits.
STARTER := $(shell unset PYTHONHOME; for name in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
    $$name -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null && \
    echo $$name && break; done)
SETUP = $(or $(STARTER),$(error Python 3.11 or newer is needed and is not here: \
    install it (apt-get install python3-dev python3-venv, \
    dnf install python3-devel))) -m bootstrap \
    $(if $(LOCK),--lock $(LOCK)) $(if $(PYTHON),--python $(PYTHON))
VENV_PYTHON = .venv/bin/python
IMAGE = mnist-tfx-pipeline:$(shell sed -n 's/.*version="\(.*\)",/\1/p' setup.py)
IMAGE_BUILD = $(or $(STARTER),python3) -m bootstrap.image $(if $(ENGINE),--engine $(ENGINE))

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: setup
setup: ## Make the environment in .venv, or bring it up to date
	@$(SETUP)

.PHONY: run
run: setup ## Run the pipeline, from the data to a pushed model
	@$(VENV_PYTHON) local_runner.py $(ARGS)

.PHONY: serve
serve: setup ## Serve the pushed model
	@$(VENV_PYTHON) -m serving.launch $(ARGS)

.PHONY: bench
bench: setup ## Measure a whole run: make bench ARGS="--data ~/mnist"
	@$(VENV_PYTHON) -m benchmarks.pipeline $(ARGS)

.PHONY: bench-serving
bench-serving: setup ## Measure the serving of the pushed model
	@$(VENV_PYTHON) -m benchmarks.serving $(ARGS)

.PHONY: test
test: ## Check style and types, and run the tests
	@$(SETUP) --dev
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy .
	$(VENV_PYTHON) -m pytest -n logical --maxprocesses 4 --dist loadfile -m "not whole" $(ARGS)

.PHONY: week
week: setup ## Play a week in production: make week ARGS=FOLDER
	$(VENV_PYTHON) -m docs.week_in_production $(or $(ARGS),output/week)

.PHONY: image
image: ## Build the image for Kubeflow and Kubernetes, with Docker or Podman
	@$(IMAGE_BUILD) $(ARGS)

.PHONY: test-kubeflow
test-kubeflow: ## Build the image; run the pipeline, the server and the tests in it
	@$(SETUP) --dev
	@$(IMAGE_BUILD) $(IMAGE_ARGS)
	MNIST_IMAGE=$(IMAGE) $(VENV_PYTHON) -m pytest tests/kubeflow tests/k8s $(ARGS)

.PHONY: test-engines
test-engines: ## Run the pipeline on a real Flink and Spark, fetched with Maven
	@$(SETUP) --dev
	@tests/engines/run $(ARGS)

.PHONY: lock
lock: ## Resolve the locks again; ARGS=--upgrade takes newer versions
	@$(SETUP) --relock $(ARGS)

.PHONY: clean
clean: ## Remove the environment and what tools left behind; output/ stays
	rm -rf .venv .uv build dist *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
