# mirnode: the commands that people and CI use. `make help` lists them.

GO            ?= go
GOLANGCI_LINT := .tools/golangci-lint-v2.15.0
FUZZTIME      ?= 20s

.PHONY: help test deps build lint fuzz bench simulate mutants clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: deps ## install what the tests need, then run them all with the race detector
	$(GO) test -race -p 3 -timeout 12m ./...

deps: ## install the real parts that the tests run: bind9, unbound, a C compiler for the race detector
	@scripts/test-deps

build: ## build the program into bin/mir
	$(GO) build -o bin/mir ./cmd/mir

lint: $(GOLANGCI_LINT) ## gofmt, vet, staticcheck and the linters of .golangci.yml
	$(GOLANGCI_LINT) run ./...

$(GOLANGCI_LINT):
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv .tools/golangci-lint $@

fuzz: ## run every fuzz target for FUZZTIME (20s)
	@scripts/fuzz $(FUZZTIME)

bench: ## measure the speeds in docs/performance.md (takes some minutes)
	$(GO) run ./cmd/mir bench

simulate: ## simulate gossip among a thousand nodes at 5 and 20 records/s (about a minute)
	$(GO) run ./cmd/mir bench simulate

mutants: ## run the whole conformance suite against every mutant and write the matrix to bin/mutants.json (takes long: a whole run for each)
	$(GO) run ./conformance/mutants/matrix

clean: ## remove what make built
	rm -rf bin .tools
