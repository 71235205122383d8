# Every target does its own set-up; nothing needs to be run before it. Builds
# are cargo's, so that a second run rebuilds only what changed.

.DEFAULT_GOAL := help
# cargo locks its directory anyway, and mixed output helps nobody.
.NOTPARALLEL:
.DELETE_ON_ERROR:

# Tests look for the binary, the plugins and the readers here.
TARGET := $(CURDIR)/target
export CARGO_TARGET_DIR := $(TARGET)
# Guests and examples are workspaces of their own; natively they share a directory.
GUESTS := --target-dir $(TARGET)/guests
EXAMPLES := $(wildcard examples/*/Cargo.toml)
# What another reader says of a plugin's files has that reader's dependencies.
ROUNDTRIPS := $(wildcard plugins/*/roundtrip/Cargo.toml)
WORKSPACES := plugins/Cargo.toml $(ROUNDTRIPS) $(EXAMPLES)

# Where the lock file must be right, not mended on the way.
LOCKED := $(if $(CI),--locked)
# The binary under test has its failpoints compiled in; the demo's has not.
TESTED := --workspace --all-targets --features tidelake-cli/failpoints,tidelake-tests/failpoints $(LOCKED)

REQUIREMENTS := tests/readers/requirements.txt
VENV := $(TARGET)/venv
VENV_READY := $(VENV)/ready-$(shell cksum < $(REQUIREMENTS) | cut -d' ' -f1)

.PHONY: help demo test bench bench-plugins fuzz lint fmt clippy lint-tools plugins plugins-native toolchain venv test-build test-plugins test-native test-guests test-servers test-registry test-python test-javascript

help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

# All of the workspace, so that dependencies get the features that `make test`
# gives them, and are built once for both.
demo: plugins ## The whole story on real stock data, in target/demo
	cargo build --workspace --bin tidelake $(LOCKED)
	$(TARGET)/debug/tidelake demo $(TARGET)/demo

test: lint test-plugins test-build venv test-python test-javascript ## Everything that must hold: format, lints, all tests, foreign readers
	TIDELAKE_BIN=$(TARGET)/debug/tidelake TIDELAKE_PYTHON=$(VENV)/bin/python \
		cargo test --no-fail-fast $(filter-out --all-targets,$(TESTED))

bench: plugins ## Measures, prints a table, writes target/bench/report.json
	benches/guests/build.sh
	cargo run --release -p tidelake-benches $(LOCKED)

# The same program without the engine: minutes to build instead of half an hour.
bench-plugins: plugins ## Measures the plugins and the border alone
	benches/guests/build.sh
	cargo run --release -p tidelake-benches --no-default-features $(LOCKED)

# Not part of the tests: needs rustup's nightly, and time. What the tests have of it
# is in host/plugin/tests/border.rs.
fuzz: ## Fuzzes what guests hand to the host, half an hour (FUZZ=seconds, BORDER=schema for the other target)
	tests/fuzz/run.sh $(or $(BORDER),columns) $(or $(FUZZ),1800)

lint: fmt clippy ## Format and lints alone

# A minimal rustup leaves these out.
lint-tools:
	@{ cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 || rustup component add rustfmt clippy

fmt: lint-tools
	cargo fmt --all --check
	@set -e; for workspace in $(WORKSPACES) tests/servers/s3/Cargo.toml; do \
		echo "cargo fmt --check ($$workspace)"; \
		cargo fmt --all --check --manifest-path $$workspace; \
	done

clippy: lint-tools
	cargo clippy $(TESTED) -- -D warnings
	@set -e; for workspace in $(WORKSPACES); do \
		echo "cargo clippy ($$workspace)"; \
		cargo clippy --all-targets --workspace --manifest-path $$workspace $(GUESTS) $(LOCKED) -- -D warnings; \
	done

# All targets, so that the binary is built with the very features that the tests
# are: cargo test alone would not build it, and cargo build alone would build
# the dependencies a second time.
test-build: plugins test-native test-guests test-servers test-registry
	cargo build $(TESTED)

# Plugins are plain libraries to their own tests, which run natively.
test-plugins: plugins
	@set -e; for workspace in $(WORKSPACES); do \
		echo "cargo test ($$workspace)"; \
		cargo test --workspace --manifest-path $$workspace $(GUESTS) $(LOCKED); \
	done
	cargo test -p tidelake-sdk --lib --features tidelake-sdk/native $(LOCKED) -- native

plugins: toolchain ## Builds the plugins as WebAssembly components
	plugins/build.sh

# The same sources once more; moderately optimised, without link-time optimisation.
plugins-native: ## Builds the plugins as native libraries
	plugins/build.sh --native

# What the tests of plugins have built natively, anyway.
test-native: test-plugins
	TIDELAKE_NATIVE_PROFILE=dev plugins/build.sh --native

# Guests that misbehave, for the scenarios.
test-guests: toolchain
	tests/guests/build.sh

# Servers that the scenarios talk to; moto is in the Python environment.
test-servers:
	tests/servers/build.sh

# The registry that scenarios start and stop themselves.
test-registry:
	@command -v docker-registry >/dev/null || { \
		as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq docker-registry; \
	} || { echo "docker-registry is missing, and could not be installed: apt-get install docker-registry"; exit 1; }

# The example in Python as a component, and the SDK's own tests.
SPREAD_PYTHON := $(TARGET)/spread-python.wasm
PYTHON_SOURCES := $(wildcard sdk/python/tidelake/*.py examples/custom-transform-python/*.py)

$(SPREAD_PYTHON): $(PYTHON_SOURCES) $(wildcard wit/*.wit) $(VENV_READY)
	$(VENV)/bin/componentize-py --quiet -d wit -w transform-plugin componentize spread_python \
		-p sdk/python -p examples/custom-transform-python -o $@

test-python: $(SPREAD_PYTHON)
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=sdk/python:examples/custom-transform-python \
		$(VENV)/bin/python -m unittest discover -s sdk/python/tests

SPREAD_JAVASCRIPT := $(TARGET)/spread-javascript.wasm

$(SPREAD_JAVASCRIPT): $(wildcard sdk/javascript/*.js wit/*.wit) $(wildcard examples/custom-transform-javascript/*) $(VENV_READY)
	PATH="$(VENV)/bin:$$PATH" examples/custom-transform-javascript/build.sh

test-javascript: $(SPREAD_JAVASCRIPT)
	PATH="$(VENV)/bin:$$PATH" node --test sdk/javascript/tests/*.test.js

toolchain: ## What building plugins needs; installs it where it can
	plugins/toolchain.sh

venv: $(VENV_READY) ## The foreign readers that the tests compare with

$(VENV_READY): tests/readers/venv.sh
	tests/readers/venv.sh $(VENV) $(REQUIREMENTS)
	@touch $@
