# On a fresh machine with Python 3.11 and make: `make up` runs the system, `make test` tests it.
PYTHON ?= python3
BIN := .venv/bin
MARKER := .venv/.installed
SEEDS := 2000
EMBEDDED := not stack and not browser and not prometheus and not soak
# Half of a test is waiting for a process or a clock, so more of them than cores.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 2 )))
# The files with tests of a mark: collecting all of them takes five seconds.
marked = $(sort $(shell grep -rl --include='*.py' 'mark\.$(1)\b' tests))
# Tests start many processes, and each would compile all of us again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install up test slow-test slow-together slow-alone browser-test prometheus-test stack-test kill-test seed-test soak check format clean

help: ## these words
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/ -/'

install: $(MARKER) ## puts `caas` into .venv/bin

$(MARKER): pyproject.toml edge/sdk/compliance/pyproject.toml edge/sdk/python/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("CAAS needs Python 3.11 or newer: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[otel,stack]' --editable edge/sdk/compliance --editable edge/sdk/python --group dev
	touch $(MARKER)

up: install ## runs the whole system embedded, durable in .caas/data
	$(BIN)/caas up

test: install ## the tests that need no servers, without the slow ones
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m '$(EMBEDDED) and not slow and not alone'

slow-test: install ## the slow ones that need no servers, and alone those that measure time
	$(MAKE) --no-print-directory --keep-going slow-together slow-alone

slow-together: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=10 -m '$(EMBEDDED) and slow and not alone' $(call marked,slow)

slow-alone: install
	$(BIN)/python -m pytest --durations=5 -m '$(EMBEDDED) and alone' $(call marked,alone)

browser-test: install ## the tests in Chromium and Node.js
	$(BIN)/python -m pytest -m browser $(call marked,browser)

prometheus-test: install ## the rules, alerts and dashboards, with Prometheus and promtool
	$(BIN)/python -m pytest -m prometheus $(call marked,prometheus)

stack-test: install ## the tests on the real servers
	$(BIN)/python -m pytest --durations=10 -m 'stack and not kills' $(call marked,stack)

kill-test: install ## kills and outages on the real servers
	$(BIN)/python -m pytest --durations=20 -m 'kills and not soak' $(call marked,kills)

seed-test: install ## seeds of the simulation, in two processes
	CAAS_SEEDS=$(SEEDS) $(BIN)/python -m pytest -n 2 --dist worksteal -p no:cacheprovider --timeout 600 -k every_schedule tests/simulation/test_simulation.py

soak: install ## what takes too long for every run
	$(BIN)/python -m pytest --durations=20 -m soak $(call marked,soak)

check: install ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=edge/sdk/python $(BIN)/mypy examples
	$(BIN)/lint-imports

format: install ## formats
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## removes what was built and the local data
	rm -rf .venv .caas .mypy_cache .ruff_cache .pytest_cache .hypothesis
