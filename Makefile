# Cislens. On a fresh machine with Python 3.11 and the package indexes, `make run` and `make test` are all you need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8501
MODEL ?= tf-binding
VENV := .venv
# Threads that wait for work sleep instead of spinning: beside another busy process spinning made letters 30 times slower.
export OMP_WAIT_POLICY ?= PASSIVE
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check format train bench

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(VENV)/.set-up ## Install what the app needs (virtual environment, genome browser)
	@$(BIN)/python -m app.components.install

setup-dev: setup $(VENV)/.set-up-dev ## Install what the tests need as well

$(VENV)/.set-up: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Cislens needs Python 3.11 or newer; set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	@touch $@

$(VENV)/.set-up-dev: $(VENV)/.set-up
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[dev]'
	@touch $@

run: setup ## Serve the app (PORT=8501)
	$(BIN)/cislens serve --port $(PORT)

# Two processes, each with whole files: half of a test of the page is waiting for it.
test: setup-dev check-code ## Run everything CI runs
	$(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: check-code
check-code: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: check-code ## Format, lint and types, then the tests without the browser
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser"

format: setup-dev ## Put the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

train: setup ## Train a model from CISLENS_DATA and make what stands beside it (MODEL=tf-binding, lentimpra, ...)
	$(BIN)/python -m models.train $(MODEL)
	$(BIN)/python -m interpret.equip $(MODEL)

bench: setup-dev ## Time ours beside the peer, into benchmarks/results.json
	$(BIN)/python -m benchmarks.run
