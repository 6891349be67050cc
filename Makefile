# Cronium. `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN      := $(CURDIR)/.bin
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
export PATH := $(BIN):$(PATH)
export CGO_ENABLED ?= 0

# Tools, pinned. They are built into .bin and never enter go.mod.
TOOLS := \
	google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 \
	google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2 \
	github.com/containerd/ttrpc/cmd/protoc-gen-go-ttrpc@v1.2.10 \
	github.com/bufbuild/buf/cmd/buf@v1.75.0 \
	github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 \
	github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

## ---- use it ----

.PHONY: install
install: ## Install what is missing on this machine (Debian: apt; else says what)
	@deploy/install

.PHONY: up
up: install build ## Start a hub and an agent here, run the examples, stay until Ctrl-C
	@deploy/up

.PHONY: demo
demo: install build ## The same, and end: 0 only if every example succeeded
	@deploy/up --once

.PHONY: build
build: web ## Build bin/cronium-hub, cronium-agent, cronium-runner and cronium
	@mkdir -p bin
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/cronium-hub ./hub/cmd/hub
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/cronium-agent ./agent/cmd/agent
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/cronium-runner ./agent/cmd/runner
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/cronium ./sdk/cmd/cronium
	@deploy/dist '$(VERSION)'

# What hosts install from the hub: bin/dist, beside the hub. make build puts this
# machine's platform there, make release all of them. Agents rest on /proc, inotify
# and control groups: they are for Linux.
.PHONY: release
release: build ## Build what the hub hands out (bin/dist): agent and runner for linux amd64 and arm64
	@deploy/dist '$(VERSION)' linux/amd64 linux/arm64

.PHONY: images
images: ## Build the images of jobs in containers that name none, with the engine that DOCKER_HOST names
	@deploy/images/build

.PHONY: web
web: web/dist/index.html ## Build the dashboard

WEB_SOURCES := $(shell find web/src web/public web/index.html web/vite.config.ts web/package-lock.json -type f 2>/dev/null)
web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run --silent build

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error

## ---- work on it ----

.PHONY: check
check: deps lint generate-diff test-go test-web ## The everyday check: import rules, lint, generated files, tests

.PHONY: test
test: install-test build deps lint generate-diff test-web test-rest test-race test-whole ## Everything, from a fresh clone on a fresh machine

.PHONY: install-test
install-test: ## Install what the tests need on top (Chromium, Valkey)
	@deploy/install --test

# The tests in hub/hubtest start whole hubs and agents: they stand alone.
.PHONY: test-go
test-go: web/dist/index.html ## Go tests of the rooms
	go test $$(go list ./... | grep -v /hub/hubtest)

# Where goroutines meet, data races are looked for.
RACED := ./agent/... ./hub/bus ./hub/run ./hub/runlog ./hub/schedule/... ./hub/dispatch ./hub/fleet ./hub/agentapi ./proto/...

.PHONY: test-race
test-race: ## Go tests with the race detector, where goroutines meet
	CGO_ENABLED=1 go test -race -timeout 20m $(RACED)

.PHONY: test-rest
test-rest: web/dist/index.html ## Go tests of the other rooms
	go test $$(go list ./... | grep -v /hub/hubtest | grep -vxFf <(go list $(RACED)))

# These wait more than they work, so two of them share the machine.
WAITING := ./hub/hubtest/images ./hub/hubtest/install ./hub/hubtest/kill

.PHONY: test-whole
test-whole: build ## Whole hubs and agents: both walks, hostile scripts, the CLI, Chromium, kill -9, make demo
	go test -count=1 -p 2 $(WAITING)
	go test -count=1 -p 1 $$(go list ./hub/hubtest/... | grep -vxFf <(go list $(WAITING)))

.PHONY: test-web
test-web: web/node_modules/.package-lock.json ## Types, lint, format and unit tests of the dashboard
	cd web && npm run --silent check && npm test --silent

.PHONY: bench
bench: web/dist/index.html ## Measure the goals of the performance page: floor and us in turn, about 5 minutes
	go run ./hub/hubtest/bench

.PHONY: deps
deps: ## Hold every import against hub/deps.txt
	go test -count=1 -run 'TestImports' ./hub

.PHONY: lint
lint: $(BIN)/.tools ## golangci-lint, buf lint, gofmt
	golangci-lint run ./...
	buf lint

.PHONY: generate
generate: $(BIN)/.tools ## Regenerate protos, SQL closets and goldens
	buf generate
	sqlc generate
	go test ./hub/httpapi -run 'TestTheTableIsReviewed|TestTheProblemCatalogueIsReviewed' -update
	cd web && npm run --silent generate

.PHONY: generate-diff
generate-diff: $(BIN)/.tools web/node_modules/.package-lock.json ## Fail when a generated file is not what its source says
	buf generate
	sqlc generate
	cd web && npm run --silent generate
	git diff --exit-code -- proto hub web/src

.PHONY: tools
tools: $(BIN)/.tools ## Build the pinned tools into .bin
$(BIN)/.tools: Makefile
	@mkdir -p $(BIN)
	@for tool in $(TOOLS); do echo "install $$tool"; (cd / && GOFLAGS= GOBIN=$(BIN) go install $$tool); done
	@touch $@

.PHONY: clean
clean: ## Remove what was built (not .cronium, the data of make up)
	rm -rf bin web/dist/assets web/dist/index.html web/node_modules $(BIN)
