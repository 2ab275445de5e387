# Every command is written once, here; the README, the hooks and CI call these.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# What has been installed into .venv: what the system needs to run, then the dashboard, then all that developers need.
RUN := .venv/.run
DASHBOARD := .venv/.dashboard
READY := .venv/.ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Tests start hundreds of processes: without bytecode, each of them compiles everything that it imports.
unexport PYTHONDONTWRITEBYTECODE
# As the product's processes do: several workers have all cores at work, and threads of theirs would only take turns.
export OPENBLAS_NUM_THREADS ?= 1
# Half of the tests wait for servers and processes: two workers for each core keep the cores at work.
TWICE = $(or $(N),$(shell $(BIN)/python -c 'import os; print(2 * os.cpu_count())'))
# File by file (tests/support/by_file.py), in the order of testpaths: what waits longest begins first.
SPREAD = --dist loadgroup --no-loadscope-reorder

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(RUN): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	@echo "making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@echo "installing the packages that run Podfolio, as constraints.txt pins them: half a minute, 0.5 GB"
	@$(INSTALL) --editable .
	@touch $@

$(DASHBOARD): $(RUN)
	@echo "installing the packages of the dashboard"
	@$(INSTALL) --editable '.[dashboard]'
	@touch $@

$(READY): $(RUN)
	@echo "installing the packages of all extras and for development: 0.9 GB more"
	@$(INSTALL) --editable '.[dev]'
	@echo "compiling the solver's loops for large universes, once: one to two minutes"
	@find portfolio -name '*.nb[ci]' -delete # numba cannot read a compiled loop whose types have other names now
	@$(BIN)/python -m portfolio.conic.large.perspective
	@touch $@ $(DASHBOARD)
	@echo "ready: $(BIN)/podfolio"

setup: $(READY) ## Make .venv with everything in it, and compile the solver's loops

demo: $(RUN) ## Run the whole system once, on the reference customer
	@$(BIN)/podfolio demo

dashboard: $(DASHBOARD) ## Run the whole system with example requests, and show it in a browser until Ctrl-C
	@$(BIN)/podfolio demo --dashboard

tools: ## Install the programs that tests need besides Python: on Debian, as root
	@missing=; for tool in chromium:chromium promtool:prometheus node:nodejs npm:npm; do \
	  command -v $${tool%%:*} > /dev/null || missing="$$missing $${tool##*:}"; done; \
	if test -z "$$missing"; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get > /dev/null; then \
	  echo "installing the programs that tests need:$$missing"; \
	  apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends $$missing > /dev/null; \
	else echo "not installed, so their tests will be left out:$$missing"; fi

test: $(READY) tools ## Run the tests, against a real NATS server and real processes; N=2 workers, or two for each core
	$(BIN)/python -m pytest -n $(TWICE) $(SPREAD) -m 'not oracle'

test-fast: $(READY) ## Run the tests that need no server, no browser and no second solver
	$(BIN)/python -m pytest -n $(or $(N),auto) $(SPREAD) -q -m 'not slow and not oracle' tests/unit tests/domain

test-deep: $(READY) ## Run the cases and variations that make test leaves out, those beside a second solver included
	$(BIN)/python -m pytest -n $(or $(N),auto) $(SPREAD) -q --deep -m 'deep or oracle or more_examples'

test-numerics: $(READY) ## Run some cases beside a second solver under each BLAS kernel of this processor, with one thread and two
	$(BIN)/python tests/numerics.py -n $(or $(N),auto) $(SPREAD)

fuzz: $(READY) ## Spoil messages for the parsers (RUNS=1000000), throw raw frames at a whole system (FRAMES=10000); half an hour
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,fuzz]'
	cd $$(mktemp -d) && $(CURDIR)/$(BIN)/python $(CURDIR)/tests/fuzz/fuzz_messages.py -runs=$(or $(RUNS),1000000) -len_control=0
	PYTHONPATH=tests $(BIN)/python tests/fuzz/fuzz_wire.py $(or $(FRAMES),10000) $(or $(SEED),1)

check: $(READY) ## Check style, types, the arrows between the packages, words, and the installed packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@PYTHONPATH=tests $(BIN)/python -m documents.words
	$(BIN)/python -m pip check
	@! $(BIN)/python -m pip freeze --exclude-editable | grep -vixFf constraints.txt || { echo "not pinned in constraints.txt"; exit 1; }
	@$(BIN)/python deploy/image/hashes.py --check
	@$(BIN)/pip-licenses > /dev/null && echo "every licence is one that pyproject.toml allows"

audit: ## Ask for known vulnerabilities of the pinned packages; needs a network
	$(PYTHON) -m venv .venv/audit && .venv/audit/bin/pip install --quiet pip-audit==2.10.1
	.venv/audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

chaos: $(READY) ## Kill, freeze, part and fill what runs, and audit what became of the requests; see docs/reliability.md
	PYTHONPATH=tests $(BIN)/python -m chaos --requests $(or $(REQUESTS),1000) --seconds $(or $(SECONDS),120) \
	  --faults $(or $(FAULTS),60) --seed $(or $(SEED),1) --nemeses=$(or $(NEMESES),all) $(if $(WRITE),--write $(WRITE)) $(if $(KEEP),--keep $(KEEP))

night: $(READY) ## Ask for a whole book overnight while processes are killed, trade, ask again, audit; see docs/book.md
	PYTHONPATH=tests:. $(BIN)/python -m night --customers $(or $(CUSTOMERS),100) --seed $(or $(SEED),1) \
	  --keep $(or $(KEEP),night) $(if $(KILLS),--kills $(KILLS)) $(if $(CHALLENGE),--challenge $(CHALLENGE)) $(if $(ALL),--all)

bench: $(READY) ## Measure the reference customer, the whole system and trading, side by side with SCIP; into docs/benchmarks.md
	$(BIN)/python benchmarks/run.py --write docs/benchmarks.md

compare: $(READY) ## Measure the time of processors per request of two commits side by side: make compare A=main B=HEAD RUNS=7
	$(BIN)/python benchmarks/compare.py $(or $(A),main) $(or $(B),HEAD) --runs $(or $(RUNS),7)

bench-ladder: $(READY) ## Measure synthetic instances up to 400 ETFs; two hours, or make bench-ladder BUDGET=600
	$(BIN)/python benchmarks/run.py --only ladder --budget $(or $(BUDGET),7200) --write docs/benchmarks.md

bench-public: $(READY) ## Measure public instances of one portfolio: make bench-public DATA=directory
	$(BIN)/python benchmarks/run.py --only public --data $(DATA) --write docs/benchmarks.md

evidence: $(READY) ## Compare the coordinated portfolio with rivals over simulated histories, and a public one (PUBLIC=packages); hours
	PYTHONPATH=. $(BIN)/python benchmarks/evidence.py --keep $(or $(KEEP),evidence) --paths $(or $(PATHS),50) --jobs $(or $(N),1) \
	  $(if $(PUBLIC),--public $(PUBLIC)) --write docs/evidence.md

schemas: $(READY) ## Write what goes over the wire into docs: JSON Schemas, AsyncAPI, a page
	$(BIN)/podfolio schema --out docs

pages: $(READY) ## Write the parts of the documents that the code makes: outputs of commands, the picture of the rooms
	PYTHONPATH=tests $(BIN)/python -m documents

pictures: $(READY) tools ## Take the pictures of the dashboard in docs, of a real system
	PYTHONPATH=tests $(BIN)/python -m documents.pictures

recording: $(READY) ## Record a stream of a real system into clients/recorded, for the tests of clients
	PYTHONPATH=tests $(BIN)/python -m documents.recording

messages: $(READY) ## Write the catalogue of all sentences that reach people into docs/messages.md
	PYTHONPATH=tests $(BIN)/python -m catalogue docs/messages.md

constraints: ## Pin the newest packages that work, in constraints.txt
	rm -rf .venv && $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet --editable '.[dev,fuzz]'
	$(BIN)/python -m pip freeze --exclude-editable | grep -v ' @ ' > constraints.txt

hashes: $(READY) ## Write the hashes of what the image installs into deploy/image: for Linux on x86_64 and aarch64
	$(BIN)/python deploy/image/hashes.py

locks: ## Lock the packages of the JavaScript client and check by their hashes, without a registry's address
	@for folder in clients/javascript tests/contract/asyncapi; do (cd $$folder && rm -rf node_modules package-lock.json && npm install \
	  --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund); done

.PHONY: evidence locks hashes help setup demo dashboard tools test test-fast test-deep test-numerics fuzz check audit chaos night bench compare bench-ladder bench-public schemas messages pages pictures constraints
