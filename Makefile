# Each target is one line into a program; `make help` lists them.
SHELL := /bin/bash
ROOT := $(CURDIR)
export OMMA_MODELS ?= $(ROOT)/.omma/models
export OMMA_ONNXRUNTIME ?= $(ROOT)/.omma/lib/libonnxruntime.so
export OMMA_FOOTAGE ?= $(ROOT)/.omma/footage
export CARGO_TERM_PROGRESS_WHEN ?= never
# As it is written: a camera's password may hold a `$`.
ifdef CAMERA
override CAMERA := $(value CAMERA)
export CAMERA
endif
# What set-up brought: cargo-deny, and a Node where the machine's own is too old.
export PATH := $(ROOT)/.omma/bin:$(ROOT)/.omma/node/node_modules/.bin:$(PATH)

# These ask for an edge with all features. The rest of the workspace has dependencies checked as they are; an edge alone would not.
NOT_WITH_ALL := --exclude omma-outbox-load --exclude omma-fuzz

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-rust test-libav test-v4l2 test-web check fmt reference bench soak clean

help: ## This list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: ## Install and fetch what the tests need, and say what
	@.ci/setup test

demo: ## Set up, build, and run a camera, an edge and a hub: one address to open
	@.ci/setup demo
	cargo build --workspace --bin omma-demo --bin omma-camera --bin edge-agent --bin cloud-hub
	@exec target/debug/omma-demo

test: ## Set up, build, and run every test
	@.ci/setup test
	cargo build --workspace --all-targets # the programs too, which the end-to-end tests start
	@$(MAKE) --no-print-directory test-rust test-libav test-v4l2 test-web

test-rust:
	cargo test --workspace

test-libav: # the same tests of the other decoder, and an edge that has it, beside the one that has not
	cargo test -p omma-media --features libav decode::
	cargo build --workspace --bin edge-agent --features edge-agent/libav
	ln -f target/debug/edge-agent target/debug/edge-agent-libav
	cargo build --workspace --bins # which puts the other one back into its place
	cargo test --workspace --test e2e_h265 -- --ignored

test-v4l2: # cameras of this machine, where OMMA_V4L2_VM=1 and there is what it takes
	@.ci/v4l2-vm

test-web:
	cd web && npm test
	.ci/with-demo npm --prefix web run test:browser

check: ## Format, lints, licences, docs, the page's types
	@.ci/setup test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features edge-agent/libav,omma-fuzz/fuzzing -- -D warnings
	cargo clippy --workspace --no-default-features $(NOT_WITH_ALL) -- -D warnings # an edge where there is no libclang
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --workspace --no-deps --document-private-items
	.ci/check-tree
	cd web && npm run lint && npm run api:check

bench: ## One benchmark: make -s bench NAME=latency|edge|fanout|gate|scale|track|outbox
	@.ci/setup test >&2
	@bench/run "$(NAME)"

soak: ## Half an hour of random misfortune: make soak SOAK_SECONDS=1800 SOAK_SEED=1 SOAK_CAMERAS=8
	@.ci/setup test >&2
	cargo build --workspace --all-targets >&2 # as the tests have it, so that nothing is built twice
	@SOAK_LOGS=$${SOAK_LOGS:-.omma/soak} target/debug/omma-soak

reference: ## Write docs/reference and what the page is tried with anew from the sources
	OMMA_UPDATE_REFERENCE=1 cargo test --workspace --test reference

fmt: ## Format everything
	cargo fmt --all

clean: ## Remove what was built and fetched
	cargo clean
	rm -rf .omma web/dist web/node_modules bench/results
