# The work on Trotline. `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PEBBLE := github.com/letsencrypt/pebble/v2/cmd
PEBBLE_VERSION := v2.10.1
LINTER := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# The race detector needs a C compiler; everything else does without.
RACE := $(shell command -v gcc cc clang >/dev/null 2>&1 && echo -race)
# With a profile every package is compiled again for it, the standard library too: a
# build takes twice as long, so only the binary that is released or measured has it.
PGO := -pgo=cmd/trotline/release.pgo
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## the binary, static and optimised by a profile, in bin/trotline
	CGO_ENABLED=0 go build $(PGO) -trimpath -ldflags='-s -w' -o bin/trotline ./cmd/trotline

.PHONY: test
test: postgres bin/pebble ## every test, with the race detector, a real NATS, a real Postgres and an ACME authority
	go test $(RACE) -timeout 18m ./...

.PHONY: postgres
postgres: ## install a Postgres server for the tests, where there is none
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		if command -v apt-get >/dev/null; then \
			$$as_root apt-get update -q && DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -qy --no-install-recommends postgresql; \
		else echo "no Postgres server found: its tests will be skipped"; fi; }

# Let's Encrypt's ACME server for tests, and the DNS server beside it.
bin/pebble:
	GOBIN=$(CURDIR)/bin go install $(PEBBLE)/pebble@$(PEBBLE_VERSION) $(PEBBLE)/pebble-challtestsrv@$(PEBBLE_VERSION)

.PHONY: bench
bench: build ## how fast, beside a bare handler in the same run
	go run ./bench -binary bin/trotline

.PHONY: profile
profile: ## where the processor time goes in the benchmark: what the build is optimised by
	CGO_ENABLED=0 go build $(PGO) -tags profile -o bin/trotline-profile ./cmd/trotline
	TROTLINE_PROFILE=$(CURDIR)/bin/cpu.pprof go run ./bench -binary bin/trotline-profile -rounds 2
	go tool pprof -proto -output cmd/trotline/release.pgo bin/cpu.pprof

SEEDS ?= 50
SEED ?= 1
CHAOS := go test -count=1 -timeout 0 -v ./chaos -parallel 3
.PHONY: chaos
chaos: ## SEEDS (50) runs under load and faults drawn from seeds, from SEED (1) on; every event counted
	$(CHAOS) -run '^TestChaos$$' -args -seeds $(SEEDS) -seed $(SEED)

.PHONY: chaos-planted
chaos-planted: ## builds with a planted fault, each of which must be found
	$(CHAOS) -run '^TestPlanted$$' -args -planted -seeds 20

.PHONY: lint
lint: bin/golangci-lint ## vet, formatting, and the linter with a rule for each floor
	go vet ./...
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	bin/golangci-lint run ./...

bin/golangci-lint:
	GOBIN=$(CURDIR)/bin go install $(LINTER)

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME (20s) each
	@set -e; for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; done

SDK := sources/webhook/verify/testdata/sdk
$(SDK)/node_modules: $(SDK)/package-lock.json
	npm --prefix $(SDK) ci --no-audit --no-fund
	@touch $@

.PHONY: vectors
vectors: $(SDK)/node_modules ## make the presets' test vectors anew with the providers' own SDKs (needs node)
	node $(SDK)/generate.mjs

.PHONY: interop
interop: build $(SDK)/node_modules ## let the providers' own SDKs talk to the binary, both ways (needs node)
	CLOCK=real node $(SDK)/interop.mjs bin/trotline

.PHONY: docs
docs: ## load every YAML block of the manual, as a user would paste it
	go test -count=1 -run '^TestDocs' ./cmd/trotline

.PHONY: cross
cross: ## build for every platform
	@set -e; for p in $(PLATFORMS); do echo "build $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -o /dev/null ./cmd/trotline; done
