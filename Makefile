# The only entrance: CI calls the same targets as a person does.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test unit journeys server lint schemas pages pins bench bench-quick faults fault

PYTHON ?= python3
venv := .venv
demo_venv := $(venv)/demo
bin := $(venv)/bin

help: ## Print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(venv)/stamp ## Create .venv with all that development needs

demo: $(demo_venv)/stamp ## Show the whole story on a throw-away server on this machine
	@$(demo_venv)/bin/fab demo

test: lint server ## Run everything: lint, unit tests, journeys against real servers
	@echo "test: unit and journeys"
	@$(bin)/python -m pytest -q -n 3 --dist worksteal

unit: $(venv)/stamp ## Run the unit tests alone (seconds, no server)
	@$(bin)/python -m pytest tests/unit

journeys: server ## Run the journeys alone
	@$(bin)/python -m pytest -q -n 3 --dist worksteal tests/journeys

faults: server ## Hurt deploys and rollbacks at random: ROUNDS=300 SEED=… TRIES=100 (an hour)
	@$(bin)/python -m tests.faults --rounds $(or $(ROUNDS),300) --tries $(or $(TRIES),100) $(if $(SEED),--seed $(SEED))

fault: server ## Repeat one of these: SEED=…, and SCENE, FAULT or DAMAGE to choose
	@$(bin)/python -m tests.faults --workers 1 --seed $(SEED) $(if $(DAMAGE),--rounds 0 --tries 1 --damage '$(DAMAGE)',--rounds 1) \
		$(if $(SCENE),--scene '$(SCENE)') $(if $(FAULT),--fault '$(FAULT)') --once

server: $(venv)/stamp ## Make this machine fit for the journeys (root or sudo, once)
	@PYTHON=$(bin)/python tests/install.sh

pages: server ## Write anew what README.md and docs/ show of the tool, by running it
	@$(bin)/python -m tests.transcripts

bench: server ## Measure everything, beside the peers, and write docs/benchmarks.md (up to an hour)
	@PYTHON=$(PYTHON) bench/install.sh
	@$(bin)/python -m bench

bench-quick: server ## Measure a little of everything, into .venv/bench/quick.md (minutes)
	@PYTHON=$(PYTHON) bench/install.sh
	@$(bin)/python -m bench --quick --rounds 1 --results $(venv)/bench/quick.json

lint: $(venv)/stamp ## Run ruff, mypy, import-linter, shellcheck, codespell, and check action.yml and the workflows
	@echo "lint: ruff check"
	@$(bin)/ruff check --quiet
	@echo "lint: ruff format"
	@$(bin)/ruff format --quiet --check
	@echo "lint: mypy"
	@$(bin)/mypy --no-error-summary
	@echo "lint: import-linter"
	@$(bin)/lint-imports --no-logo >$(venv)/imports.log || { cat $(venv)/imports.log; exit 1; }
	@echo "lint: shellcheck"
	@find . -path ./$(venv) -prune -o \( -name '*.sh' -o -path ./.ci/run \) -type f -exec $(bin)/shellcheck {} +
	@echo "lint: codespell"
	@$(bin)/codespell --skip './.git,./$(venv),./.*_cache,./.hypothesis,./build,./dist,*.egg-info'
	@echo "lint: action.yml and workflows"
	@$(bin)/check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
	@$(bin)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(bin)/zizmor --offline --no-progress --quiet action.yml .github/workflows >$(venv)/zizmor.log || { cat $(venv)/zizmor.log; exit 1; }

pins: $(venv)/stamp ## Write action/requirements.txt anew: what the action installs, by version and sha256
	@$(bin)/python -m pip install -qq --disable-pip-version-check uv
	@echo 'setuptools>=77' | $(bin)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file action/requirements.txt pyproject.toml -

schemas: $(venv)/stamp ## Bring docs/schemas in step with the code
	@$(bin)/python -m tests.schemas

# $(call create_venv,FOLDER,WHAT TO INSTALL)
define create_venv
@echo "venv: $(1)"
@$(PYTHON) -m venv $(1) || { echo "python's venv module is missing: on Debian, apt-get install python3-venv" >&2; exit 1; }
@$(1)/bin/python -m pip install -qq --disable-pip-version-check -e '$(2)'
@touch $@
endef

$(venv)/stamp: pyproject.toml
	$(call create_venv,$(venv),.[test$(comma)lint])

$(demo_venv)/stamp: pyproject.toml
	$(call create_venv,$(demo_venv),.[demo])

comma := ,
