# Two commands do everything on a fresh machine: `make run` and `make test`.
# They need Go, make and, if it is not to be fetched, Postgres 15 or newer.

SHELL := /bin/bash
# grpcnotrace and nethttpomithttp2 keep a debugging page (and with it every unused
# method) and HTTP/2, which nobody here speaks, out of the binaries: some four
# megabytes each.
export GOFLAGS ?= -buildvcs=false -tags=grpcnotrace,nethttpomithttp2
export GOTOOLCHAIN ?= local
MODULES := events config client functions cmd
DATA ?= .quittance
TESTFLAGS ?=
# With COVER=yes the tests leave bin/coverage-<module>.out behind; below COVERAGE_FLOOR
# percent of all statements, or MONEY_FLOOR of a package that decides about money,
# `make coverage` fails.
COVER ?=
COVERAGE_FLOOR ?= 73
MONEY_FLOOR ?= 85
MONEY := events/money functions/fn functions/ledger functions/ledgerposting functions/banking functions/idempotency functions/invoicing functions/payment
LINT_VERSION := v2.15.0

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## the whole bank on this machine: the demo once, then serve until Ctrl-C
	@bin/quittance run --data "$(DATA)"

.PHONY: demo
demo: build ## the demo once, then exit: non-zero if a promised final state is missing
	@bin/quittance demo --data "$(DATA)"

.PHONY: test
test: ## every test of every module, with the race detector, on one real Postgres
	@cd functions && go build -o ../bin/withpostgres ./pgtest/cmd/withpostgres
	@rm -f $(MODULES:%=bin/coverage-%.out)
	@failed=0; for m in $(MODULES); do echo "== $$m"; (cd $$m && ../bin/withpostgres go test -race -timeout 15m $(if $(COVER),-covermode=atomic -coverprofile=../bin/coverage-$$m.out) $(TESTFLAGS) ./...) || failed=1; done; exit $$failed

.PHONY: coverage
coverage: build ## what the last make test COVER=yes covered, and whether it is enough
	@bin/quittance coverage --floor $(COVERAGE_FLOOR) $(MONEY:%=--package quittance.dev/%=$(MONEY_FLOOR)) $(MODULES:%=bin/coverage-%.out)

.PHONY: build
build: ## bin/quittance
	@cd cmd && go build -o ../bin/quittance ./quittance

.PHONY: clean
clean: ## forget the bank's state, and what was built
	@rm -rf "$(DATA)" bin

.PHONY: lint
lint: build bin/golangci-lint-$(LINT_VERSION) ## the linters, of Go and of the manifests; each module alone
	@set -e; for m in $(MODULES); do (cd $$m && ../bin/golangci-lint-$(LINT_VERSION) run ./...); done
	@cd cmd && ../bin/golangci-lint-$(LINT_VERSION) run --build-tags e2e,grpcnotrace,nethttpomithttp2 ./e2e
	@bin/quittance lint
	@set -e; for m in $(MODULES); do (cd $$m && GOWORK=off go vet ./... && GOWORK=off go mod verify >/dev/null); done

bin/golangci-lint-$(LINT_VERSION):
	@GOBIN="$(CURDIR)/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv bin/golangci-lint $@

# For clusters: KIND_CLUSTER, KIND_IMAGE, KNATIVE_EVENTING_VERSION, KNATIVE_SERVING_VERSION,
# KNATIVE_KOURIER_VERSION (infra/kind/versions.env), KO_DOCKER_REPO, KO_DEFAULTBASEIMAGE,
# POSTGRES_IMAGE. All that is exported here is read by the scripts.
OVERLAY ?= kind
export KIND_CLUSTER ?= quittance
export KIND_CLUSTER_NAME ?= $(KIND_CLUSTER)
export KO_DOCKER_REPO ?= kind.local

.PHONY: kind-up
kind-up: ## a kind cluster with Knative; what is there already is left alone
	@infra/kind/up

.PHONY: kind-down
kind-down: ## delete it; nothing happens if there is none
	@kind delete cluster --name "$(KIND_CLUSTER)"

.PHONY: deploy
deploy: build ## build the images and bring up OVERLAY (kind, staging, production) in the current cluster
	@infra/deploy "$(OVERLAY)"

.PHONY: e2e
e2e: ## the bank on the cluster of the current context: journeys, copies, poison, deleted pods (after make deploy OVERLAY=kind)
	@cd cmd && go test -tags=e2e,grpcnotrace,nethttpomithttp2 -count=1 -timeout 60m -v ./e2e

.PHONY: generate
generate: build ## the generated files: event schemas, AsyncAPI, catalogue, flow picture, skaffold artifacts
	@bin/quittance events generate --root .

.PHONY: storm
storm: build ## all journeys, 50 times each, in seeded bad weather
	@bin/quittance storm --journeys 50 --seed $${SEED:-1}

.PHONY: kill
kill: build ## kill -9 at ten random moments of the demo, restart, look at the books
	@bin/quittance kill --times 10 --seed $${SEED:-1}

.PHONY: bench
bench: build ## speed as ratios against pgbench and no-op hops, and sizes
	@bin/quittance bench
