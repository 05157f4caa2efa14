# `make demo` serves the page, `make test` runs every test, `make test-fast` those of less than half a
# second.
# Both install into .venv first; PYTHON names another interpreter of version 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CALREC_WORKSPACE ?= workspace
export CALREC_WORKSPACE

# Tests start many processes, which need not read all modules' sources again.
unexport PYTHONDONTWRITEBYTECODE

PROCESSES ?= 2

.PHONY: demo sample evaluations test test-fast test-tpu lint lock oracle clean

# What an interrupted start left out is made by the next one; shops of one's own stay alone.
demo: $(VENV)/installed
	@$(BIN)/calrec-catalog sample --complete --workspace "$(CALREC_WORKSPACE)"
	@test ! -d "$(CALREC_WORKSPACE)/index/sample-kitchen" || $(MAKE) --no-print-directory evaluations
	$(BIN)/calrec-demo

# The sample shop, with evaluations of its first department for the pages Cases and Metrics.
sample: $(VENV)/installed
	$(BIN)/calrec-catalog sample --workspace "$(CALREC_WORKSPACE)"
	@$(MAKE) --no-print-directory evaluations

# Each appears whole, with its meta.json, or not at all.
evaluations: $(VENV)/installed
	@for recommender in lir popular markov item-knn blend calrec; do \
	  out="$(CALREC_WORKSPACE)/evaluations/kitchen-$$recommender"; \
	  test -e "$$out/meta.json" || \
	  $(BIN)/calrec-evaluate --workspace "$(CALREC_WORKSPACE)" --domain sample-kitchen --users 300 \
	    --recommender $$recommender $$(test $$recommender = calrec && echo --checkpoint sample) \
	    --out "$$out" || exit; \
	done

# A file stays with one process, so that what it sets up serves all its tests. Files of slow tests
# go out in the order of collection, not by their number of tests.
PARALLEL = -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

# What jax compiles runs a few times over tiny arrays: less work on it halves the time of most tests.
QUICK = JAX_DISABLE_MOST_OPTIMIZATIONS=1

FAST = $(QUICK) $(BIN)/python -m pytest $(PARALLEL) -m "not slow and not browser"
# The fast tests have looked at the arrays' types by then.
SLOW = $(QUICK) CALREC_CHECK_ARRAYS=0 $(BIN)/python -m pytest $(PARALLEL) -m "slow and not browser and not tpu"
# One browser at a time: a page, its server and a second browser leave two cores no time to answer.
BROWSER = $(QUICK) CALREC_CHECK_ARRAYS=0 $(BIN)/python -m pytest -m browser

# All three run even where one failed, so that one run tells all that fails.
test: $(VENV)/installed-dev lint
	failed=0; $(FAST) || failed=1; $(SLOW) || failed=1; $(BROWSER) || failed=1; exit $$failed

test-fast: $(VENV)/installed-dev
	$(FAST)

# What is compiled for TPUs, on a CPU. libtpu lies beside the environment: within it, jax would look
# for chips in every command.
test-tpu: $(VENV)/tpu/installed
	JAX_PLATFORMS=cpu JAX_EXEC_TIME_OPTIMIZATION_EFFORT=-1.0 CALREC_CHECK_ARRAYS=0 \
	  PYTHONPATH=$(VENV)/tpu $(BIN)/python -m pytest -m tpu tests/tpu

$(VENV)/tpu/installed: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock \
	  --no-deps --target $(VENV)/tpu libtpu
	@touch $@

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

# Sets the lock to the newest versions that pyproject.toml admits.
lock:
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet --editable '.[dev,benchmarks,mcp,oracle,ray]'
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

# With it the tests compare the model package with torch, evaluate on a Ray cluster and ask the
# server's tools, too.
$(VENV)/installed-oracle: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[oracle,ray,mcp]'
	@touch $@

oracle: $(VENV)/installed-oracle

clean:
	rm -rf $(VENV)
