# The one entry: `make help`. Everything runs on one profile (dev) and in one target folder.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.tools/bin:$(PATH):/usr/sbin
# Where the integration tests find the bus emulator; Mosquitto is on the PATH.
export DOORWARD_PYTHON := $(CURDIR)/.venv/bin/python

# `make test LOCKED=--locked` refuses a Cargo.lock that is not up to date, as CI does.
LOCKED ?=
# `make release TARGETS=arm64` builds that one alone.
TARGETS ?=

.PHONY: help tools fmt lint audit build test soak drill vm bench bench-access bench-vendors bench-bindings demo release packages emulated boot guide clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

tools: ## Install what the tests need and this machine lacks (Debian, Ubuntu)
	@scripts/tools.sh

fmt: ## Format the sources
	cargo fmt --all

lint: tools ## Formatting, clippy, documentation without warnings, licences of dependencies
	cargo fmt --all --check
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	for part in "" publish subscribe sign; do \
	    cargo clippy $(LOCKED) --package doorward-events --lib --no-default-features --features "$$part" -- -D warnings; done
	RUSTDOCFLAGS="-D warnings" cargo doc $(LOCKED) --workspace --no-deps --quiet
	cargo deny $(LOCKED) check --hide-inclusion-graph bans licenses sources
	for script in scripts/*.sh scripts/*/*.sh cross/*.sh package/*.sh package/p[or]* .ci/run; do bash -n "$$script"; done

audit: tools ## Known advisories against the dependencies (needs the network)
	@scripts/audit.sh

build: ## Build everything
	cargo build $(LOCKED) --workspace --all-targets

test: lint ## Everything that must hold: lint, all tests, documentation examples
	cargo nextest run $(LOCKED) --workspace
	cargo test $(LOCKED) --workspace --doc

soak: tools ## Kill and power-cut loops, for as long as you let them
	@scripts/soak.sh

drill: tools ## One vendor goes wrong in every way: is it stopped, and what do the others notice?
	cargo build $(LOCKED) --workspace --bin doorward --bin doorward-vendor
	target/debug/doorward drill --quick

vm: ## The sandbox under a booted systemd with control groups, in a virtual machine (root, apt)
	@scripts/vm.sh $(TARGETS)

bench: tools ## Benchmarks: rate and latency from broker to bus
	@scripts/bench.sh

bench-access: tools ## Of these alone: from a request to the command at the lock
	@BENCH=access scripts/bench.sh

bench-vendors: tools ## Of these alone: what a process of its own costs a vendor
	@BENCH=vendors scripts/bench.sh

bench-bindings: tools ## Validation in Rust, TypeScript and Python beside jsonschema, ajv, fastjsonschema
	@scripts/bench-bindings.sh

demo: ## Three doors, a broker, a bus and a gateway: a story, and then to play with
	@scripts/tools.sh demo
	@scripts/demo.sh

release: ## Stripped binaries for arm64, armv7 and x86-64 (glibc 2.31): on Debian 12, with rustup
	@cross/build.sh $(TARGETS)

packages: ## Debian packages of what `make release` built
	@package/build.sh $(TARGETS)

emulated: ## ARM under qemu-user: the built binaries with Mosquitto (sizes, memory, start), the core's tests
	@cross/emulated.sh arm64 armv7 x86_64
	@cross/tests.sh

boot: ## The package in a booted Debian: install, reload, crash, upgrade, purge, cuts (root, apt)
	@scripts/boot.sh

guide: ## The installer's guide, typed on a fresh Debian that is booted (root; after `make boot`)
	@scripts/guide.sh

clean: ## Remove what was built; .tools stays
	cargo clean
	rm -rf .venv
