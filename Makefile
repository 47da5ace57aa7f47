# Go and make are enough. `make` alone lists what there is.

GO       ?= go
FUZZTIME ?= 10s
LINT     := $(GO) tool -modfile=.tools/go.mod golangci-lint
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath

# The race detector needs a C compiler; without one the same tests run without it.
# Its checks of pointers would end the process where bbolt reads a damaged page,
# which the program lives through.
RACE     := $(if $(shell command -v gcc || command -v clang),-race -gcflags=go.etcd.io/bbolt/...=-d=checkptr=0,)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build demo test race lint fmt fmt-check vet bench bench-quick fuzz fuzz-short configs worlds worlds-all whole unit-verify man install deb deb-check vm check check-more clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/crmsyncd and bin/crmsim
	$(BUILD) -o bin/ ./cmd/crmsyncd ./cmd/crmsim

demo: build ## the main job against simulated systems, in under a minute
	bin/crmsim demo

test: ## all tests; no network, no credentials
	$(GO) test ./...

race: ## all tests under the race detector
ifeq ($(RACE),)
	@echo 'NOTICE: no C compiler, so the tests run without the race detector'
endif
	$(GO) test $(RACE) -timeout 15m ./...

lint: ## golangci-lint, built from .tools
	$(LINT) run

fmt: ## format every Go file
	$(LINT) fmt

fmt-check: ## tell what fmt would change
	$(LINT) fmt --diff

vet: ## go vet
	$(GO) vet ./...

bench: ## benchmarks, without tests
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m ./...

bench-quick: ## the main benchmarks at 20,000 records, this build against BASE (HEAD), ten rounds in turn
	@bash .ci/bench-quick $(BASE)

fuzz: ## each fuzz target for FUZZTIME (10s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$pkg; \
	  done; \
	done

configs: ## the shipped configuration, its schemas, and every kind of mistake
	$(GO) test ./configs/

# Other histories for each commit: the seeds begin at the number that its hash
# begins with.
WORLD_BASE ?= $(shell printf '%d' 0x$$(git rev-parse HEAD 2>/dev/null | cut -c1-12))
WORLDS      = begin=$$(date +%s); \
  WORLD_BASE=$(WORLD_BASE) WORLD_SEEDS=$(1) $(GO) test -count=1 -timeout 30m -run '^TestHistories$$' ./sync/worldtest && \
  echo "$(1) histories in $$(($$(date +%s) - begin)) s"

worlds: ## 50 histories of the small world, others for each commit
	@echo 'seeds $(WORLD_BASE) and the 49 after it; one again: WORLD_SEED=N go test ./sync/worldtest'
	@$(call WORLDS,50)

worlds-all: ## 1,000 histories of the small world
	@echo 'seeds $(WORLD_BASE) and the 999 after it; one again: WORLD_SEED=N go test ./sync/worldtest'
	@$(call WORLDS,1000)

unit-verify: ## both systemd units: no warning, exposure at most 1.2
	@command -v systemd-analyze >/dev/null || echo 'NOTICE: no systemd-analyze here, so the units are not verified'
	$(GO) test -count=1 ./systemd

PROGRAMS := crmsyncd crmsim

# What is installed knows its commit, whatever GOFLAGS say, and leaves out what only
# debuggers read; a crash shows where all the same.
PACKAGE  := $(BUILD) -buildvcs=auto -ldflags='-s -w'

# For this machine, where GOARCH names another one.
NATIVE   := env -u GOOS -u GOARCH
OTHER     = $(filter-out $(shell $(GO) env GOHOSTOS)/$(shell $(GO) env GOHOSTARCH),$(shell $(GO) env GOOS)/$(shell $(GO) env GOARCH))
RUNNABLE  = bin/package$(if $(OTHER),/native)

# Pages and packages bear the time of the commit, so that a second build gives the
# same bytes.
DATED     = SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)}

man: ## bin/package: both programs with man pages, completions and the licenses of all that is linked
	$(PACKAGE) -o bin/package/ $(PROGRAMS:%=./cmd/%)
	$(if $(OTHER),$(NATIVE) $(PACKAGE) -o $(RUNNABLE)/ $(PROGRAMS:%=./cmd/%))
	@rm -rf bin/package/share
	$(DATED) $(NATIVE) $(GO) run ./systemd/deb/docs -o bin/package/share $(PROGRAMS:%=$(RUNNABLE)/%)
	@set -e; for p in $(PROGRAMS); do \
	  mkdir -p bin/package/share/$$p/doc/$$p; \
	  $(NATIVE) $(GO) run ./systemd/deb/licenses LICENSE bin/package/$$p >bin/package/share/$$p/doc/$$p/copyright; \
	done

# As root there is often no Go; then it installs what `make man` made before.
install: $(if $(shell command -v $(GO)),man) ## both programs, units and configuration into DESTDIR, or into /
	@export DESTDIR; systemd/deb/install $(PROGRAMS)
	@[ -n "$$DESTDIR" ] || echo 'Next: systemd-sysusers crmsyncd.conf && systemd-tmpfiles --create crmsyncd.conf && systemctl daemon-reload'

deb: man ## dist/crmsyncd_VERSION_ARCH.deb and dist/crmsim_VERSION_ARCH.deb
	@mkdir -p dist; rm -f dist/*.deb
	@set -e; version=$(or $(DEB_VERSION),$$(GO=$(GO) systemd/deb/version bin/package/crmsyncd)); \
	for p in $(PROGRAMS); do \
	  rm -rf bin/package/$$p.root; \
	  DESTDIR=bin/package/$$p.root systemd/deb/install $$p; \
	  $(DATED) VERSION=$$version ARCH=$$($(GO) env GOARCH) $(NATIVE) $(GO) tool -modfile=.tools/nfpm/go.mod nfpm package -f systemd/deb/$$p.yaml -p deb -t dist/; \
	done

vm: deb ## the packages in a Debian guest: install, crashes, clocks, full disk, upgrade, power cut (12 minutes)
	$(GO) run ./systemd/vm -deb dist/crmsyncd_*.deb -sim dist/crmsim_*.deb

deb-check: ## the packages: the same bytes from two folders, all that install puts there, edited files kept
	@systemd/deb/check

# each says how long a part took.
define each
	@set -e; for part in $(1); do began=$$(date +%s); $(MAKE) --no-print-directory $$part; echo "== $$part: $$(($$(date +%s)-began)) s"; done
endef

check: ## everything that must hold before a change is taken
	$(call each,fmt-check lint vet race worlds configs unit-verify demo)

check-more: ## the slower proofs
	$(call each,whole worlds-all fuzz-short deb-check vm)

# What the race detector's run tries a part of.
WHOLE = ^Test(FlippedBits|LinksStayPackedAsTheyGrow|StoreAgreesWithAModel|CloseCutAtEveryCommit|CutAtEveryCommit|CloseFirstLoadCalls|RandomHistories)$$

whole: ## in full and without the race detector: tests that try every place and many records
	$(GO) test -count=1 -run '$(WHOLE)' ./state ./sync/engine

fuzz-short: ## each fuzz target for two seconds
	@$(MAKE) --no-print-directory fuzz FUZZTIME=2s

clean: ## remove what build and deb made
	rm -rf bin dist
