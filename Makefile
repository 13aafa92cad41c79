# Every verb sets up what it needs first. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# Every verb below; none of them is a file.
.PHONY: $(shell awk -F ':.*[#][#] ' '/^[a-z-]+:.*[#][#] / { print $$1 }' Makefile)

# In CI a lockfile that does not fit is an error.
LOCKED := $(if $(CI),--locked)
# All but xtask in one go, so that every verb builds the same dependencies with the same features:
# wasmtime alone takes minutes.
PRODUCT := --release --workspace --exclude xtask $(LOCKED)
# Arguments of `make run`, as in: make run ARGS="--listen 127.0.0.1:9000"
ARGS :=
# Empty for all artifacts, `run` for those that the program carries.
PARTS :=

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything that building, checking and testing need
	@scripts/setup all

build: artifacts ## build target/release/lezai
	@echo "==> step 3 of 3: the gateway (the longest; cargo counts the crates)" >&2
	@cargo build $(PRODUCT)

artifacts: ## build what the binary carries: plugins, the page's wasm, pages
	@scripts/setup run
	@echo "==> step 1 of 3: the tool that builds WebAssembly and pages" >&2
	@cargo build --release -p xtask $(LOCKED)
	@echo "==> step 2 of 3: WebAssembly and pages" >&2
	@target/release/xtask artifacts $(PARTS)

# What the program carries, and no npm packages and plugins of tests.
run: PARTS := run
run: build ## build, then start the gateway, the sandbox and the demo shop
	@exec target/release/lezai dev $(ARGS)

test: test-rust test-interop test-server test-mini test-browser test-packages ## run all tests

test-rust: build ## run the tests in Rust
	@scripts/setup clang
	@scripts/setup packages
	@cargo run --quiet --release $(LOCKED) --manifest-path tests/smith/Cargo.toml --target-dir target/smith -- target/random 300
	@cargo test $(PRODUCT)
	@cargo test --release $(LOCKED) --manifest-path tests/plugins/Cargo.toml --target-dir target/wasm -p demo_rules -p marketplace

test-postgres: build ## run the tests over PostgreSQL: the store, and several gateways at once
	@scripts/setup postgres
	@scripts/postgres cargo test $(PRODUCT) --test store --test postgres -- --include-ignored --skip failover::

test-failover: build ## kill the primary of a Patroni cluster under load: nothing acknowledged is lost
	@scripts/setup failover
	@cargo test $(PRODUCT) --test postgres -- failover:: --ignored --nocapture

test-upgrade: build ## roll from a former program to this one over PostgreSQL under load: FORMER=path/to/lezai
	@scripts/setup postgres
	@test -x "$(FORMER)" || { echo "name a program of a former version: make test-upgrade FORMER=path/to/lezai" >&2; exit 1; }
	@LEZAI_FORMER="$(abspath $(FORMER))" scripts/postgres cargo test $(PRODUCT) --test postgres -- upgrade --nocapture

test-interop: build ## run the tests against other people's libraries, in Python
	@scripts/setup test
	@HYPOTHESIS_STORAGE_DIRECTORY=.setup/hypothesis .setup/venv/bin/python -m pytest tests/interop

test-server: build ## run the tests of @lezai/server against the gateway
	@node --test --test-reporter=spec tests/server/*.test.mjs

# Half a minute after the first time, which installs the SDKs.
test-channels: build ## have SDKs of others judge the simulators of WeChat Pay and Alipay; the adapters against them and UnionPay
	@scripts/setup channels
	@cargo build --quiet $(PRODUCT) --bin channel-simulators
	@cargo test --quiet $(PRODUCT) --test channels
	@TZ=Asia/Shanghai node --test --test-reporter=spec tests/channels/judges/*.test.mjs

mini: artifacts ## build the npm package for mini-programs and the three samples, in target/artifacts/mini

test-mini: build ## run the tests for mini-programs: doubles of their hosts, JavaScriptCore, Chromium
	@scripts/setup test
	@node --test --test-concurrency=2 --test-reporter=spec tests/mini/*.test.mjs

test-browser: build ## run the tests in a real browser
	@scripts/setup test
	@node --test --test-concurrency=2 --test-reporter=spec tests/browser/*.test.mjs

test-packages: build ## pack the npm packages, install them in fresh projects, and pay in each
	@scripts/setup test
	@node --test --test-concurrency=1 --test-reporter=spec tests/packages/*.test.mjs

# What can be set for `make soak`: ROUNDS, SUITES, BUSY, SEED. tests/soak/soak.mjs says what they do.
soak: build ## run every suite 20 times beside a load, in random order; ROUNDS=2 SUITES="rust browser"
	@scripts/setup test
	@scripts/setup packages
	@cargo test --quiet --no-run $(PRODUCT)
	@ROUNDS="$(ROUNDS)" SUITES="$(SUITES)" BUSY="$(BUSY)" SEED="$(SEED)" node tests/soak/soak.mjs

check: artifacts ## check format, lints, types, licences and dependencies
	@scripts/setup check
	@cargo fmt --all --check
	@cargo clippy $(PRODUCT) --all-targets -- -D warnings
	@cargo clippy --release -p xtask --all-targets --features contract $(LOCKED) -- -D warnings
	@cargo run --quiet --release -p xtask --features contract $(LOCKED) -- contract --check
	@cd www && npm run --silent check
	@.setup/bin/cargo-deny check --hide-inclusion-graph bans licenses sources

check-deploy: ## test the alerts with promtool, rate the systemd unit, check the Compose file
	@scripts/setup promtool
	@scripts/setup compose
	@cd deploy/prometheus && ../../.setup/prometheus/usr/bin/promtool check rules lezai.rules.yml
	@cd deploy/prometheus && ../../.setup/prometheus/usr/bin/promtool test rules lezai.test.yml
	@systemd-analyze security --offline=true --threshold=20 --no-pager deploy/systemd/lezai.service | tail -n 1
	@.setup/venv/bin/python scripts/check-compose .setup/compose_spec.json

release: build ## pack target/dist/lezai-VERSION-MACHINE.tar.gz: stripped, with checksums and an SBOM
	@scripts/setup sbom
	@scripts/release

deb: build ## pack target/dist/lezai_VERSION_MACHINE.deb: program, systemd unit, manual pages, completions
	@scripts/setup deb
	@scripts/deb

image: build ## pack target/dist/lezai-VERSION-MACHINE.oci.tar, an image from scratch, and print its digest
	@scripts/setup image
	@scripts/image

advisories: ## ask the RustSec database about our dependencies (needs the network)
	@scripts/setup deny
	@.setup/bin/cargo-deny check advisories

bench: build ## measure, and print the tables of the README; BENCH_MEMORY=1 takes a million orders
	@cargo bench --quiet --profile release $(filter-out --release,$(PRODUCT)) --bench decision --bench gateway
	@cd www && npm run --silent sizes

# Beside it nothing else should run: load, gateways and PostgreSQL share the processors.
bench-postgres: build ## measure orders a second over PostgreSQL, beside pgbench in the same run
	@scripts/setup postgres
	@DURABLE=1 scripts/postgres cargo bench --quiet --profile release $(filter-out --release,$(PRODUCT)) --bench postgres

bench-settlement: build ## close the batches of many merchants at once; MERCHANTS=10000 ORDERS=1000000
	@MERCHANTS="$(or $(MERCHANTS),10000)" ORDERS="$(or $(ORDERS),1000000)" cargo bench --quiet --profile release $(filter-out --release,$(PRODUCT)) --bench settlement

bench-statement: build ## orders beside a statement of a million lines; LINES=999900 ORDERS=8000
	@LINES="$(or $(LINES),999900)" ORDERS="$(or $(ORDERS),8000)" cargo bench --quiet --profile release $(filter-out --release,$(PRODUCT)) --bench statement

bench-signing: ## measure the libraries that could make and check signatures
	@cargo run --quiet --release $(LOCKED) --manifest-path tests/benches/signing/Cargo.toml --target-dir target/signing

bench-plugins: artifacts ## measure the plugin engine beside raw wasmtime, native Rust, Extism and Node
	@scripts/setup packages
	@cargo run --quiet --release -p xtask $(LOCKED) -- bench-guests
	@cargo run --quiet --release $(LOCKED) --manifest-path tests/benches/plugins/Cargo.toml --target-dir target/bench-plugins

bench-mini: artifacts ## measure the core in Node and JavaScriptCore, beside @noble/curves
	@scripts/setup test
	@node tests/mini/bench.mjs

bench-checkout: build ## measure the checkout in Chromium, beside Adyen's and beside other signature libraries
	@scripts/setup bench
	@node www/bench/bench.mjs

bench-reconcile: build ## reconcile beside DuckDB, pandas, polars and a query a row; ROWS=10000000 needs 10 GB of disk
	@scripts/setup peers
	@ROWS="$(or $(ROWS),1000000)" .setup/peers/bin/python tests/benches/reconcile/bench.py

sim: ## simulate, as in: make sim SEEDS=10000, or SEED=17 for one; STORE=postgres; CRASH=1 dies at each commit; SHRINK=0
	@cargo build --quiet $(PRODUCT) --bin sim
	@$(if $(filter postgres,$(STORE)),scripts/setup postgres)
	@SEEDS=$(SEEDS) SEED=$(SEED) CRASH=$(CRASH) SHRINK=$(SHRINK) PLANTED=$(PLANTED) \
	  $(if $(filter postgres,$(STORE)),scripts/postgres) target/release/sim

gallery: ## every state, language, theme and width of the checkout, on one page
	@scripts/setup npm
	@cd www && npm run --silent gallery

# For how long each target is tried.
FUZZ_SECONDS ?= 60
fuzz: ## bend foreign input until something breaks, each parser for FUZZ_SECONDS
	@scripts/setup fuzz
	@for target in signature structured_fields order_json policy_json release_manifest plugin_admission bill; do \
	  mkdir -p target/fuzz/corpus/$$target; \
	  PATH="$$PWD/.setup/bin:$$PATH" RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none \
	    $$target target/fuzz/corpus/$$target tests/fuzz/corpus/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=5 -print_final_stats=1 || exit 1; \
	done

fmt: ## format everything
	@cargo fmt --all
	@cd www && npm run --silent format

clean: ## remove what was built and set up
	rm -rf target .setup www/node_modules www/bench/node_modules tests/packages/node_modules tests/channels/judges/node_modules www/*/dist
