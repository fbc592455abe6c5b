# `make` alone lists what there is. Everything is installed into .venv; nothing outside this folder is touched but the
# caches of uv and Maven.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help install install-dev install-train demo test test-system soak test-models check kafka kafka-stop bench lock clean

BIN := .venv/bin
STAMPS := .venv/.stamps
PYTHON ?= python3
# uv from PATH where it works (a shim may not), else one of our own.
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo .venv/uv/bin/uv)

# Of the demo: seconds to run, speed of the simulated shop, a broker instead of the embedded one, a file to replay.
DURATION ?=
SPEED ?=
KAFKA ?=
INPUT ?=
FORMAT ?=
# Of the tests: further options of pytest, and seconds after which a short form stops.
PYTEST ?=
# Processes of the fast tests, each with a Kafka of its own: while one waits for its broker another computes. 0 is one.
JOBS ?= 2
SHORT ?=
SHORT_LIMIT_S ?= 180
# What the short form of the slow tests runs, in this order.
SHORT_SYSTEM := $(patsubst %,tests/system/test_%.py,rotation workers silence bad_records otto)
# Where the slow tests put what they broke and found, and the minutes of a soak.
TALLY := .run/system.json
MINUTES ?= 60
# Of the lock. Neither the index nor folders of wheels are written down: only names, versions and hashes.
UPGRADE ?=
COMPILE = $(UV) pip compile -q --universal --python-version 3.10 --generate-hashes --no-header --no-emit-index-url \
	--no-emit-find-links $(if $(UPGRADE),--upgrade)
# Of the bench and of kafka.
BENCH ?=
BROKERS ?= 1
PORT ?= 9092

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMPS)/stream ## What the stream and the demo need, into .venv

install-dev: $(STAMPS)/dev ## What tests and checks need as well, into the same .venv

install-train: $(STAMPS)/train ## What training needs as well (torch, a few GB), into the same .venv

demo: install ## A simulated shop through the whole stream (DURATION, SPEED, KAFKA, INPUT, FORMAT)
	@exec $(BIN)/lam demo $(if $(DURATION),--duration $(DURATION)) $(if $(SPEED),--speed $(SPEED)) \
		$(if $(KAFKA),--kafka $(KAFKA)) $(if $(INPUT),--input $(INPUT)) $(if $(FORMAT),--format $(FORMAT))

test: install-dev ## The fast tests, on the embedded broker and real Kafka (PYTEST="-k name", JOBS)
	@exec $(BIN)/python -m pytest -q -rs -n $(JOBS) --dist loadfile -m "not system and not models" $(PYTEST)

test-system: install-dev ## The slow tests on real Kafka (SHORT=1: the most telling, 3 minutes at most)
	@rm -f $(TALLY); export LAM_TALLY=$(TALLY) LAM_SHORT=$(SHORT); status=0; form=$(if $(SHORT),short,full); \
	$(if $(SHORT),timeout --foreground --kill-after=20 --signal=INT $(SHORT_LIMIT_S)) \
		$(BIN)/python -m pytest -q -rs -m system -o faulthandler_timeout=840 $(if $(SHORT),-x $(SHORT_SYSTEM)) $(PYTEST) || status=$$?; \
	if [[ -n "$(SHORT)" && $$status == 124 ]]; then echo "nothing failed in $(SHORT_LIMIT_S) s; stopped there"; status=0; form=cut; fi; \
	$(BIN)/python -m tests.system.tally $$form || status=1; \
	exit $$status

soak: install-dev ## An hour of load with a fault every half minute (MINUTES)
	@exec $(BIN)/python -m bench.soak --minutes $(MINUTES)

test-models: install-train ## The tests of training (SHORT=1: they must end within 3 minutes)
	@$(if $(SHORT),timeout --foreground --kill-after=20 --signal=INT $(SHORT_LIMIT_S)) \
		$(BIN)/python -m pytest -q -rs -m models $(if $(SHORT),-x) $(PYTEST)

check: install-dev ## Lint, format, types, and which package may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

kafka: install ## A real Kafka in the background (BROKERS, PORT)
	@$(BIN)/python -m deploy.kafka start --brokers $(BROKERS) --port $(PORT)

kafka-stop: install ## Stop it
	@$(BIN)/python -m deploy.kafka stop

bench: $(STAMPS)/bench ## The standard job here, in stock Faust, and its floor (BENCH="--short")
	@exec $(BIN)/python -m bench $(BENCH)

lock: $(UV) ## Pin in requirements/ what setup.cfg asks for (UPGRADE=1: the newest of each)
	@$(COMPILE) setup.cfg -o requirements/stream.txt
	@$(COMPILE) --extra dev setup.cfg -o requirements/dev.txt
	@$(COMPILE) --extra dev --extra train setup.cfg -o requirements/train.txt
	@$(COMPILE) bench/peers/stock_faust/requirements.in -o bench/peers/stock_faust/requirements.txt

clean: ## Remove environment, caches and the data of `make kafka` (stops it first)
	@[[ ! -x $(BIN)/python || ! -e .run/kafka/state.json ]] || $(BIN)/python -m deploy.kafka stop
	@rm -rf .venv .run build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/uv/bin/uv:
	@$(PYTHON) -m venv .venv/uv
	@.venv/uv/bin/pip install -q --disable-pip-version-check uv

$(BIN)/python: | $(UV)
	@$(UV) venv -q --allow-existing --python ">=3.10" .venv

# One environment: dev holds all of stream, so that once dev is there the demo has what it needs too.
$(STAMPS)/stream: requirements/stream.txt setup.cfg pyproject.toml | $(BIN)/python
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/stream.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/stream
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/train: requirements/train.txt $(STAMPS)/dev
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/train.txt
	@mkdir -p $(STAMPS) && touch $@

# What peers need and the product does not.
$(STAMPS)/bench: bench/peers/stock_faust/requirements.txt $(STAMPS)/stream
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r bench/peers/stock_faust/requirements.txt
	@mkdir -p $(STAMPS) && touch $@
