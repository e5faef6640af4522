# One set-up for everything: a virtual environment with the locked packages, made on first use and when a lock changes.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
# Each worker runs stand-ins of its own (SeaweedFS, both Firestores, a browser): more than one a core makes it slower.
TEST_WORKERS ?= 2
# `make run` opens a browser where it can be seen: `make run OPEN=no` leaves that out.
OPEN ?= $(if $(or $(SSH_CONNECTION),$(CI)),no,$(if $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname -s))),yes,no))

.DEFAULT_GOAL := help
.PHONY: help run test quick check lint bench cluster reset lock audit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/app.stamp ## open the dashboard (demo data on embedded stand-ins, unless configured)
	@echo "Starting the desk: http://localhost:$(PORT) answers in some 5 s. Ctrl-C ends it."
	@echo "A first start of the demo makes its sample data, some 10 s more; the page says how far that is."
	$(BIN)/python -m streamlit run app.py --server.port $(PORT) \
		$(if $(filter yes,$(OPEN)),--server.headless false --server.showEmailPrompt false)

test: $(VENV)/test.stamp ## lint, types and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

quick: lint ## lint, types, and the tests that need no store and no browser (a minute at most)
	$(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist worksteal --no-backends tests/domain tests/architecture tests/cli

lint: $(VENV)/test.stamp ## lint and types alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/bench.stamp ## measure time, memory, requests and billed reads; writes benchmarks/RESULTS.md (some 20 minutes)
	$(BIN)/python -m benchmarks --tools $(VENV)/bench/bin

check: $(VENV)/app.stamp ## configuration and both backends, in the shell
	$(BIN)/python -m storage check

cluster: $(VENV)/app.stamp ## add Dask, for verify --all --on (a cluster, or more processes of this machine)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/cluster-requirements.txt

reset: $(VENV)/app.stamp ## throw the demo's data away
	$(BIN)/python -m storage.sandbox.demo --reset

lock: $(VENV)/test.stamp ## pin all packages anew from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra frames --universal --generate-hashes --python-version 3.11 --quiet \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements.txt
	$(BIN)/uv pip compile --group cluster -c requirements.txt --universal --generate-hashes --python-version 3.11 --quiet \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o deploy/cluster-requirements.txt
	$(BIN)/uv pip compile --group test -c requirements.txt --universal --generate-hashes --python-version 3.11 --quiet \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o tests/requirements.txt
	$(BIN)/uv pip compile benchmarks/requirements.in --universal --generate-hashes --python-version 3.11 --quiet \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o benchmarks/requirements.txt

# In an environment of its own, and no part of `make test`: it asks an advisory service, which is not everywhere to be had.
# --strict: a package that the service does not answer for fails the audit, instead of counting as sound.
audit: | $(BIN)/python ## known vulnerabilities of the locked packages, where the advisory service can be reached
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	for lock in requirements.txt deploy/cluster-requirements.txt tests/requirements.txt benchmarks/requirements.txt; do \
		$(VENV)/audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r $$lock || exit 1; \
	done

clean: ## remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "Python 3.11 is needed: make PYTHON=/path/to/python3.11")'
	@echo "Making an environment for Python's packages in $(VENV): some 10 s, only now."
	$(PYTHON) -m venv $(VENV)

$(VENV)/app.stamp: requirements.txt | $(BIN)/python
	@echo "Installing the $$(grep -c '==' requirements.txt) packages of requirements.txt into $(VENV): 1 to 2 minutes, only now and when that file changes."
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/test.stamp: tests/requirements.txt $(VENV)/app.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.txt
	@touch $@

# Tools that are only compared with, in an environment of their own: their dependencies are not the app's.
$(VENV)/bench.stamp: benchmarks/requirements.txt $(VENV)/test.stamp
	$(PYTHON) -m venv $(VENV)/bench
	$(VENV)/bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.txt
	@touch $@
