# Summit: `make run` for a running system with demo data, `make test` for all tests. `make help` lists the rest.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export CGO_ENABLED := 0
GO      ?= go
VERSION ?= 0.1.0-dev
LDFLAGS := -s -w -X main.version=$(VERSION)
# The arguments of `make run`, for example ARGS="--seed 7".
ARGS ?=

UI_SOURCES := $(shell find ui/src ui/public -type f 2>/dev/null) $(wildcard ui/*.json ui/*.ts ui/*.html)

.PHONY: help setup build run test test-go test-ui bench bench-write bench-ci bench-upstream bench-evidence bench-query bench-graph lint generate prove prove-long soak screenshots ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what build and tests need: Go modules, the engine library, npm packages, Chromium
	@.ci/setup

bin/.ui: $(UI_SOURCES)
	@echo "build: ui"
	@cd ui && npm run --silent build
	@mkdir -p bin && touch $@

build: setup bin/.ui ## build bin/summit, bin/queryd and bin/summitctl
	@for b in summit queryd summitctl; do echo "build: bin/$$b"; $(GO) build -ldflags '$(LDFLAGS)' -o bin/$$b ./cmd/$$b; done

run: build ## start everything in one process with demo data and print the URLs (Ctrl-C stops)
	@exec bin/summitctl up --demo $(ARGS)

test: build test-go test-ui ## run all tests

test-go:
	@$(GO) vet ./...
	@$(GO) test -timeout 25m ./...

test-ui:
	@cd ui && npm run --silent typecheck && npm run --silent lint && npm test --silent

bench: build ## measure CPU per million items, bytes per row, start and idle, and rewrite docs/performance.md
	@$(GO) run ./testbed/bench

bench-write: build ## measure the write path in full: signals, queue, latencies, small senders, overload (ARGS="-long -best 3")
	@$(GO) run ./testbed/bench -write $(ARGS)

bench-ci: build ## measure what a CI delivery costs and how long its sender waits
	@$(GO) run ./testbed/cibench $(ARGS)

bench-upstream: build ## measure our exporter beside contrib's clickhouseexporter, both with a durable queue
	@$(GO) run ./testbed/upstream $(ARGS)

bench-query: build ## measure what typical questions cost, and what each choice of the schema costs or saves them
	@$(GO) run ./testbed/querybench $(ARGS)

bench-graph: setup ## measure the build graph's walks on a million nodes and how far behind its snapshot is
	@$(GO) run ./testbed/graphbench $(ARGS)

bench-evidence: ## measure how right conclusions are: correlation, suspects, flaky tests, on histories with a planted truth
	@$(GO) run ./testbed/evidence $(ARGS)

# `make prove ARGS=-long`, or prove-long, takes the long forms.
PROVE_LONG := $(filter -long,$(ARGS))

prove: build ## crash matrix, queue, random histories of the store, backups, PromQL's corpus, a short soak (ARGS=-long takes hours)
	@$(GO) test -count=1 -v -timeout $(if $(PROVE_LONG),5h,20m) ./testbed/crash $(if $(PROVE_LONG),-crash.long)
	@$(GO) test -count=1 -timeout $(if $(PROVE_LONG),2h,20m) ./internal/clickhouse/metamorphic $(if $(PROVE_LONG),-metamorphic.long)
	@$(GO) test -count=1 ./internal/blockqueue ./internal/clickhouse/embedded ./internal/clickhouse/backup ./exporter/clickhouseexporter ./testbed/soak
	@$(GO) test -count=1 -timeout 30m ./queryd/promapi -corpus

prove-long:
	@$(MAKE) prove ARGS=-long

soak: build ## half an hour of mixed load; nothing may grow or get lost; rewrites docs/soak.md (ARGS="-for 24h")
	@$(GO) run ./testbed/soak $(ARGS)

lint: ## check formatting, vet and the shape of the repository
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	@$(GO) vet ./...
	@$(GO) test ./internal/archtest
	@cd ui && npm run --silent lint

generate: ## rewrite generated files: the component list, api/openapi.yaml
	@mkdir -p build
	@$(GO) tool builder --config builder-config.yaml --skip-get-modules --skip-compilation
	@gofmt build/ocb/components.go > cmd/summit/components.go
	@$(GO) test ./queryd/api -run OpenAPI -update

screenshots: build ## renew docs/screenshots from the demo, by the browser test
	@$(GO) test ./testbed/e2e -run 'TestDemoAndDoctor' -screenshots $(CURDIR)/docs/screenshots

ci: ## what continuous integration runs
	@.ci/run

clean: ## remove binaries and build output, keep fetched libraries and modules
	@rm -rf build bin/summit bin/queryd bin/summitctl bin/.ui
