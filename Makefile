# One command per habit; `make` alone lists them. Everything that is built lands in .venv/, target/ and build/.

PYTHON ?= python3
BIN := .venv/bin
STAMPS := build/stamps
# The profile that compiles quickly and still optimises; one for all, so that what one step compiled serves the others.
CARGO_PROFILE ?= quick
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=
# Which of benchmarks/ `bench` runs: compare (backups), restoring, life_cycle, checking, mounting, link or bindings.
BENCH ?= compare
BENCH_ARGS ?=
SECONDS ?= 60
TARGET ?=
# How long `torture` goes on, and with how many workers.
MINUTES ?= 30
WORKERS ?= 4

export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1

RUST_SOURCES := $(shell find native -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help build demo test test-rust test-python compat fuzz torture check format docs man bench oracles dist dist-test clean

help:
	@echo 'make build    the program, in $(BIN)/borg (and vinculum)'
	@echo 'make demo     a guided first backup, from nothing to a restored tree'
	@echo 'make test     everything that can be proven: kernels, units, command line, real Borg in both directions'
	@echo '  test-rust, test-python: half of it; PYTEST_ARGS="-k counters -x" goes to pytest'
	@echo 'make compat   of that only the part with real Borg'
	@echo 'make fuzz     looks for input that a parser does not cope with: SECONDS=600 for each, TARGET=server for one'
	@echo 'make torture  faults at every call, power cuts, kill -9, full disks, for all commands that write: MINUTES=30'
	@echo 'make check    format, lint, types, layers, clippy, and whether the manual builds; with `make test` what CI asks for'
	@echo 'make format   lets the formatters have their way'
	@echo 'make docs     the manual, in build/manual/html'
	@echo 'make man      the pages for man, in build/man'
	@echo 'make bench    backups timed beside other programs, in turns: an hour, or minutes with BENCH_ARGS=--quick;'
	@echo '  BENCH=restoring, life_cycle, checking, mounting or link times something else'
	@echo 'make dist     wheel, sources, standalone executable and Debian packages, in dist'
	@echo 'make dist-test  installs each of them in a clean place, backs up there and restores; after `make dist`'
	@echo 'make oracles  the real Borgs that the tests compare with, in build/oracles'
	@echo 'make clean    removes all that was built, .venv too'

# -- building ----------------------------------------------------------------------------------------------------------

$(STAMPS)/tools: pyproject.toml scripts/prepare.sh
	@scripts/prepare.sh build
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'Installing the development tools into .venv'
	@$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/pip install --quiet --group dev
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/package: $(STAMPS)/tools $(RUST_SOURCES)
	@echo 'Compiling the kernels and installing vinculum into .venv (the first time takes a minute or two)'
	@CARGO_TERM_QUIET=true $(BIN)/maturin develop --quiet --profile $(CARGO_PROFILE)
	@touch $@

build: $(STAMPS)/package

# -- trying ------------------------------------------------------------------------------------------------------------

demo: build
	@scripts/demo.sh $(BIN)/borg

# -- proving -----------------------------------------------------------------------------------------------------------

oracles: $(STAMPS)/oracles

$(STAMPS)/oracles: scripts/prepare.sh scripts/oracles.sh
	@scripts/prepare.sh test
	@scripts/oracles.sh
	@mkdir -p $(STAMPS) && touch $@

test: test-rust test-python

test-rust: $(STAMPS)/tools
	cargo test --quiet --profile $(CARGO_PROFILE) --package vinculum-kernels --package vinculum-filesystem

test-python: build oracles
	$(BIN)/pytest --numprocesses $(PYTEST_WORKERS) $(PYTEST_ARGS)

compat: build oracles
	$(BIN)/pytest --numprocesses $(PYTEST_WORKERS) tests/compat $(PYTEST_ARGS)

fuzz: build
	@scripts/fuzz.sh $(SECONDS) $(TARGET)

torture: build oracles
	$(BIN)/python tests/torture/run.py $(MINUTES) --workers $(WORKERS)

check: build docs
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --allowlist scripts/stubtest-allowlist.txt vinculum._native
	$(BIN)/lint-imports
	cargo fmt --check
	cargo clippy --quiet --profile $(CARGO_PROFILE) --workspace --all-targets -- -D warnings

format: $(STAMPS)/tools
	$(BIN)/ruff format
	$(BIN)/ruff check --fix-only --quiet
	cargo fmt

SPHINX := $(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -d build/manual/doctrees

docs: build
	$(SPHINX) -b html docs build/manual/html

man: build
	$(SPHINX) -b man docs build/man

bench: CARGO_PROFILE = release
bench: build oracles
	$(BIN)/python benchmarks/$(BENCH).py $(BENCH_ARGS)

# -- shipping ----------------------------------------------------------------------------------------------------------

dist: build man
	@scripts/prepare.sh dist
	packaging/build.sh

dist-test: build
	@scripts/prepare.sh dist
	VINCULUM_DIST=1 $(BIN)/pytest tests/dist $(PYTEST_ARGS)

clean:
	rm -rf .venv build target dist docs/reference/generated src/vinculum/_native*.so
