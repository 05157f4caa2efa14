# Two commands: `make demo` serves the page, `make test` runs every test.
# Both install into .venv first; PYTHON names another interpreter of version 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CALREC_WORKSPACE ?= workspace
export CALREC_WORKSPACE

.PHONY: demo test lint lock oracle clean

demo: $(VENV)/installed
	$(BIN)/calrec-demo

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Sets the lock to the newest versions that pyproject.toml admits.
lock:
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet --editable '.[dev,benchmarks,oracle,ray]'
	$(VENV)/lock/bin/python -m pip freeze --exclude-editable > requirements.lock

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: expected Python 3.11 or later, found $$($(PYTHON) --version 2>&1); name one with: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	@touch $@

# With it the tests compare the model package with torch, too, and evaluate on a Ray cluster.
$(VENV)/installed-oracle: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[oracle,ray]'
	@touch $@

oracle: $(VENV)/installed-oracle

clean:
	rm -rf $(VENV)
