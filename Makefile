# Two commands matter: `make demo` to see it, `make test` to check it.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSOLE := services/alerts/console

.PHONY: setup demo test check unit system score browsertools lock clean

setup: .venv/runtime.stamp $(CONSOLE)/dist/index.html .venv/kernels.stamp

demo: setup
	@$(BIN)/straja demo

test: setup .venv/dev.stamp browsertools check unit system

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd $(CONSOLE) && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check
	cd $(CONSOLE) && PATH="$(CURDIR)/$(BIN):$$PATH" npm test --silent

unit:
	$(BIN)/pytest -n 2 --dist loadfile -m "not system and not browser"

# With real servers and a real browser; each half has an installation of its own, and mostly waits.
system:
	$(BIN)/pytest -n 2 --dist loadfile -m "system or browser"

# Long statistics over drawn and committed scenes, and every case; for a look
# SCORE='--seeds tuning --scenes 30', or SCORE='--case walk --scenes 3'.
SCORE ?= --seeds figures --all

score: setup
	$(BIN)/straja bench score $(SCORE) --out build/score

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "straja needs Python 3.11 or newer: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "setting up: Python environment in .venv"
	$(PYTHON) -m venv .venv

.venv/runtime.stamp: requirements.lock pyproject.toml | .venv/bin/python
	@echo "setting up: Python packages"
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/runtime.stamp
	@echo "setting up: packages for tests"
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# Compiled once here, so that the service does not compile while traffic waits.
.venv/kernels.stamp: .venv/runtime.stamp $(wildcard services/detect/*.py sensors/simulators/*.py)
	@echo "setting up: compiling kernels"
	$(BIN)/python -m services.run.compile
	@touch $@

.venv/node.stamp: .venv/runtime.stamp requirements-node.lock
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20)' 2>/dev/null \
	  || $(PIP) install --require-hashes -r requirements-node.lock
	@touch $@

$(CONSOLE)/dist/index.html: .venv/node.stamp $(CONSOLE)/package-lock.json \
    $(wildcard $(CONSOLE)/*.json $(CONSOLE)/*.ts $(CONSOLE)/*.html) \
    $(shell find $(CONSOLE)/src -type f 2>/dev/null)
	@echo "setting up: console"
	cd $(CONSOLE) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund
	cd $(CONSOLE) && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent build
	@touch $@

# Headless Chromium and Mosquitto from Debian's packages, where we may; else the tests that need
# them are left out and say so.
browsertools:
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$$missing mosquitto"; \
	command -v mosquitto_sub >/dev/null || missing="$$missing mosquitto-clients"; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "setting up:$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
	  echo "left out: tests that need$$missing (not installed, and this user may not install it)"; \
	fi

lock:
	$(PIP) install uv
	$(BIN)/uv pip compile pyproject.toml --group build -o requirements.lock $(LOCKING)
	$(BIN)/uv pip compile pyproject.toml --group build --group dev -c requirements.lock \
	  -o requirements-dev.lock $(LOCKING)
	$(BIN)/uv pip compile --group node -o requirements-node.lock $(LOCKING)

LOCKING := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links

clean:
	rm -rf .venv $(CONSOLE)/dist $(CONSOLE)/node_modules build
