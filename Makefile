# Every verb sets up what it needs first. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help sim setup build artifacts run test test-rust test-interop test-browser check advisories bench bench-signing fmt clean

# In CI a lockfile that does not fit is an error.
LOCKED := $(if $(CI),--locked)
# All but xtask in one go, so that every verb builds the same dependencies with the same features:
# wasmtime alone takes minutes.
PRODUCT := --release --workspace --exclude xtask $(LOCKED)
# Arguments of `make run`, as in: make run ARGS="--listen 127.0.0.1:9000"
ARGS :=

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything that building, checking and testing need
	@scripts/setup all

build: artifacts ## build target/release/lezai
	@cargo build $(PRODUCT)

artifacts: ## build what the binary carries: plugins, the page's wasm, pages
	@scripts/setup run
	@cargo run --quiet --release -p xtask $(LOCKED) -- artifacts

run: build ## build, then start the gateway, the sandbox and the demo shop
	@exec target/release/lezai dev $(ARGS)

test: test-rust test-interop test-browser ## run all tests

test-rust: build ## run the tests in Rust
	@scripts/setup clang
	@cargo test $(PRODUCT)
	@cargo test --release $(LOCKED) --manifest-path tests/plugins/Cargo.toml --target-dir target/wasm -p demo_rules -p marketplace

test-interop: build ## run the tests against other people's libraries, in Python
	@scripts/setup test
	@HYPOTHESIS_STORAGE_DIRECTORY=.setup/hypothesis .setup/venv/bin/python -m pytest tests/interop

test-browser: build ## run the tests in a real browser
	@scripts/setup test
	@node --test --test-reporter=spec tests/browser/*.test.mjs

check: artifacts ## check format, lints, types, licences and dependencies
	@scripts/setup check
	@cargo fmt --all --check
	@cargo clippy $(PRODUCT) --all-targets -- -D warnings
	@cargo clippy --release -p xtask --all-targets $(LOCKED) -- -D warnings
	@cd www && npm run --silent check
	@.setup/bin/cargo-deny check --hide-inclusion-graph bans licenses sources

advisories: ## ask the RustSec database about our dependencies (needs the network)
	@scripts/setup deny
	@.setup/bin/cargo-deny check advisories

bench: build ## measure, and print the tables of the README; BENCH_MEMORY=1 takes a million orders
	@cargo bench --quiet --profile release $(filter-out --release,$(PRODUCT)) --bench decision --bench gateway
	@cd www && npm run --silent sizes

bench-signing: ## measure the libraries that could make and check signatures
	@cargo run --quiet --release $(LOCKED) --manifest-path tests/benches/signing/Cargo.toml --target-dir target/signing

sim: ## simulate, as in: make sim SEEDS=10000, or SEED=17 for one; CRASH=1 dies at each commit
	@cargo build --quiet $(PRODUCT) --bin sim
	@SEEDS=$(SEEDS) SEED=$(SEED) CRASH=$(CRASH) PLANTED=$(PLANTED) target/release/sim

fmt: ## format everything
	@cargo fmt --all
	@cd www && npm run --silent format

clean: ## remove what was built and set up
	rm -rf target .setup www/node_modules
