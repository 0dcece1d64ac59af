# The front door. `make` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
STAMPS := .cache/stamps
# In the venv itself, so that removing one removes the other.
LOCKED := $(VENV)/.locked
# The engines that are measured beside ours want other versions of what we use.
PEERS := .cache/bench-venv
NEED := deploy/local/need.sh
SEEDS ?= 200
SEED ?=
ARGS ?=

# The first Python of version 3.11 or newer.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$each" && break; done)
# What of the code is there; mypy refuses paths that are not.
TYPED = $(wildcard conftest.py schemas services subscriber examples deploy tests benchmarks)

.PHONY: help setup setup-test demo test up down status check check-lint check-types check-imports check-contracts \
	check-monitoring bench plots chaos simulate lock jars-lock format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMPS)/jars $(STAMPS)/redis ## everything the rest needs: .venv from the lock, jars, Redis; quick when done

demo: setup ## the whole loop on this machine: five services, real channels, tickets closing live
	@$(BIN)/python -m deploy.local.demo $(ARGS)

setup-test: setup $(STAMPS)/browser $(STAMPS)/asyncapi $(STAMPS)/prometheus ## what the tests need besides: a browser, Prometheus, AsyncAPI's parser

test: setup-test ## every test, real Kafka and Redis included; ARGS="-k router" picks some
	@$(BIN)/python -m pytest $(ARGS)

up: setup ## start the stack and leave it running
	@$(BIN)/python -m deploy.local up $(ARGS)

down: ## stop the stack that `up` left running
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m deploy.local down $(ARGS); fi

status: ## what of the stack is running, and where
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m deploy.local status $(ARGS); fi

check: check-lint check-types check-imports check-contracts check-monitoring ## lint, format, types, boundaries, generated files

check-lint: $(LOCKED)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

check-types: $(LOCKED)
	@$(BIN)/mypy $(TYPED)

check-imports: $(LOCKED)
	@$(BIN)/lint-imports

check-contracts: $(LOCKED)
	@$(BIN)/python -m schemas check

check-monitoring: $(LOCKED)
	@$(BIN)/python -m deploy.monitoring check

bench: setup $(STAMPS)/bench ## measure, ours and peers' side by side (ARGS=--quick: two minutes)
	@$(BIN)/python -m benchmarks $(ARGS)

plots: $(STAMPS)/bench ## draw docs/benchmarks from the report of the last `make bench`
	@$(PEERS)/bin/python -m benchmarks.plots

chaos: setup ## break Kafka, Redis, network and services under load, in long form: make chaos SEED=4f2a
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(ARGS)

simulate: setup ## simulated runs, one a seed: make simulate SEEDS=10000
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

format: $(LOCKED) ## format the code and mend what lint can mend
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

lock: $(LOCKED) ## write the locks anew from pyproject.toml (LOCK_ARGS=--upgrade for the newest)
	@$(COMPILE) pyproject.toml --output-file requirements.lock
	@$(COMPILE) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@$(COMPILE) --group pyproject.toml:java --output-file requirements-java.lock
	@$(COMPILE) --group pyproject.toml:bench --output-file requirements-bench.lock

# Universal and without the name of any index: plain pip installs it anywhere with --require-hashes.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(LOCK_ARGS)

jars-lock: $(LOCKED) ## write the jars.sha256 anew after a change of the pom.xml beside it
	@$(BIN)/python -m deploy.local jars --write-digests
	@$(BIN)/python -m benchmarks.engines.kafka_streams --write-digests

clean: down ## remove what runs have made; the .venv and .cache stay
	@rm -rf build dist .ruff_cache .import_linter_cache .hypothesis
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# Each stamp is older than what it depends on only when there is something to do, so a second `make setup` asks nobody.
$(LOCKED): requirements-dev.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "missing: Python 3.11 or newer" >&2; exit 1; fi
	@$(NEED) "$$($(PYTHON) -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')" \
		$(PYTHON) -c 'import ensurepip, venv'
	@if [ ! -x $(BIN)/python ]; then echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); fi
	@echo "installing the locked Python packages"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/java: $(LOCKED) requirements-java.lock
	@$(BIN)/python -m deploy.local java >/dev/null 2>&1 || { echo "installing a Java run-time from the Python index"; \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-java.lock; }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/jars: $(STAMPS)/java deploy/local/pom.xml deploy/local/jars.sha256
	@$(NEED) maven command -v mvn
	@$(BIN)/python -m deploy.local jars
	@touch $@

$(STAMPS)/redis:
	@$(NEED) redis-server redis-server --version
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/prometheus: $(LOCKED)
	@$(NEED) "prometheus prometheus-alertmanager" $(BIN)/python -m deploy.local prometheus
	@mkdir -p $(STAMPS) && touch $@

# Debian's Chromium; where there is none (Ubuntu's is a snap), the one that Selenium fetches.
$(STAMPS)/browser: $(LOCKED)
	@$(BIN)/python -m tests.browser installed 2>/dev/null \
		|| $(NEED) "chromium chromium-driver" $(BIN)/python -m tests.browser installed \
		|| $(BIN)/python -m tests.browser fetched
	@mkdir -p $(STAMPS) && touch $@

# AsyncAPI's own parser, which is JavaScript, by a lock of its own.
$(STAMPS)/asyncapi: tests/asyncapi/package-lock.json tests/asyncapi/validate.mjs
	@$(NEED) "nodejs npm" command -v npm
	@mkdir -p .cache/asyncapi && cp tests/asyncapi/* .cache/asyncapi/
	@cd .cache/asyncapi && npm ci --silent --ignore-scripts --no-audit --no-fund
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/bench: $(STAMPS)/jars requirements-bench.lock $(wildcard benchmarks/kafka_streams/*.* benchmarks/kafka_streams/src/*)
	@$(NEED) default-jdk-headless command -v javac
	@if [ ! -x $(PEERS)/bin/python ]; then echo "making $(PEERS)"; $(PYTHON) -m venv $(PEERS); fi
	@echo "installing the engines to compare with"
	@$(PEERS)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-bench.lock
	@$(BIN)/python -m benchmarks.engines.kafka_streams
	@touch $@
