# Set-up happens by itself, once, when a target needs it; `make` alone lists the targets.
.PHONY: help setup explanations screenshots run func demo example test lint types check azurite bench bench-hostile bench-storage soak soak-throttled conformance template publish-as package clean
.DEFAULT_GOAL := help

VENV ?= .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
PORT ?= 7071
EXAMPLE_PORT ?= 8000

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) node_modules/.ready ## Install everything that the other targets need
	@sh tools/chromium.sh

$(READY): requirements.txt requirements-dev.txt
	@sh tools/venv.sh $(VENV)
	@touch $@

node_modules/.ready: package.json package-lock.json
	@sh tools/node.sh .
	@touch $@

run: $(READY) ## Serve the endpoint on this machine, http://127.0.0.1:7071/scim/v2
	@$(PY) -m scim serve $(PORT)

func: setup ## Serve the endpoint with the real Functions host, which Azure Functions Core Tools bring
	@sh tools/func.sh $(VENV)

demo: ## Play Entra against the endpoint, while `make run` serves it in another terminal
	@[ -f .local/token ] || { echo "make demo: start \`make run\` in another terminal first; it writes .local/token" >&2; exit 1; }
	@$(MAKE) --no-print-directory --silent $(READY)
	@$(PY) -m scim simulate --token-file .local/token http://127.0.0.1:$(PORT)/scim/v2
	@sed 's/PORT/$(PORT)/' tools/after-demo.txt

example: $(READY) ## Serve a sample application at http://127.0.0.1:8000, while `make run` serves in another terminal
	@[ -f .local/token ] || { echo "make example: start \`make run\` in another terminal first; it writes .local/token" >&2; exit 1; }
	@$(PY) -m tools.example $(PORT) $(EXAMPLE_PORT)

test: setup ## Run every test
	@$(PY) -m pytest -n 2 --dist loadfile --ignore tests/hostile
	@$(PY) -m pytest -n 2 tests/hostile # in processes of its own: it counts calls, also of what other tests left behind

lint: $(READY) ## Check style
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

types: $(READY) ## Check types
	@$(VENV)/bin/mypy

check: lint types test ## What CI runs

azurite: node_modules/.ready ## Serve an emulated Table Storage on 127.0.0.1:10002, in memory
	@node_modules/.bin/azurite-table --inMemoryPersistence --disableTelemetry --silent --tableHost 127.0.0.1 || { \
	    echo "make azurite: stopped; if port 10002 is taken, an emulator runs already" >&2; exit 1; }

bench/peers/.venv/.ready: bench/peers/requirements.txt bench/peers/package-lock.json | $(READY)
	@$(PY) -m venv bench/peers/.venv
	@bench/peers/.venv/bin/pip install --quiet --disable-pip-version-check -r bench/peers/requirements.txt
	@sh tools/node.sh bench/peers
	@touch $@

bench: setup bench/peers/.venv/.ready ## Measure this project beside its peers, and write docs/benchmarks.md
	@$(PY) -m bench.compare --write
	@$(PY) -m bench.cpu --write
	@$(PY) -m bench.worker --write

bench-hostile: setup ## Measure what hostile inputs cost and how long others wait, and write docs/benchmarks.md
	@$(PY) -m bench.hostile --write

bench-storage: setup ## Measure calls of the store and latency up to a million users, and write docs/benchmarks.md
	@$(PY) -m bench.storage --write

soak: setup ## Play Entra for ten minutes at 25 requests a second, then with a failing store, and write docs/benchmarks.md
	@$(PY) -m bench.soak --write

soak-throttled: setup ## Play Entra at full speed over a store that throttles and is late, and write docs/benchmarks.md
	@$(PY) -m bench.throttled --write

conformance: setup ## Judge the endpoint by the RFCs' examples, clients' exchanges and checkers, and write docs/conformance.md
	@$(PY) -m bench.conformance --write

explanations: $(READY) ## Write what the console says of errors anew, from docs/errors.md
	@$(PY) -m tools.explanations

screenshots: setup ## Take the pictures of the console in docs/images anew
	@$(PY) -m tools.screenshots

template: ## Compile the Bicep anew: infra/azuredeploy.json and infra/snapshots
	@python3 -m tools.template

publish-as: ## Name a copy as its own for the button: make publish-as OWNER=name [REPOSITORY=name]
	@[ -n "$(OWNER)" ] || { echo "make publish-as: say whose copy it is: make publish-as OWNER=name" >&2; exit 2; }
	@python3 -m tools.publish_as $(OWNER) $(REPOSITORY)

package: $(READY) ## Build dist/released-package.zip, which Azure runs
	@$(PY) tools/package.py
	@$(PY) -m tools.sbom

clean: ## Remove what set-up and runs have made
	rm -rf $(VENV) node_modules bench/peers/.venv bench/peers/node_modules .local dist .mypy_cache .ruff_cache .hypothesis
