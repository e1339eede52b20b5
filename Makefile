# Development tasks; `make` lists them. Needs Python 3.11 or newer: the first task creates .venv from the lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

# Byte code halves the start of every test process.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help check fix schemas reference pictures examples docs tutorial walk unit test coverage bench dist zipapp

help: ## List the tasks
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(READY): requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

check: $(READY) ## Check style, types and the layers of imports
	.ci/check

fix: $(READY) ## Format, and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(READY) ## Write the JSON Schemas of the sample and the examples again
	for kind in settings scope mappings users groups fleet tenant layer-settings layer-scope tenant-settings; do $(BIN)/reconciler schema $$kind > schemas/$$kind.json; done

reference: $(READY) ## Write the generated pages of docs/reference again
	cd tests && ../$(BIN)/python -m support.reference

pictures: $(READY) ## Make the pictures of docs/images again, with Chromium
	cd tests && ../$(BIN)/python -m support.pictures

examples: $(READY) ## Write what is generated in examples/ again
	cd tests && ../$(BIN)/python -m support.examples

tutorial: $(READY) ## Write the output of the tutorial's commands again
	cd tests && ../$(BIN)/python -m support.console_page

walk: $(READY) ## Time a newcomer's walk again, by README.md and docs/getting-started.md
	cd tests && ../$(BIN)/python -m support.newcomer

docs: $(READY) ## Build the site of docs/ in build/docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --quiet -c docs . build/docs

unit: $(READY) ## Run the unit tests, without slow ones and with few examples (ARGS="-k name")
	$(BIN)/pytest tests/unit -m "not slow" --hypothesis-profile=fast $(ARGS)

test: $(READY) ## Run all tests (ARGS="tests/e2e")
	$(BIN)/pytest $(ARGS)

coverage: $(READY) ## Run all tests, measure coverage and write htmlcov/
	$(BIN)/pytest --cov --cov-report=html $(ARGS)

bench: $(READY) ## Run the benchmarks of small sizes (docs/performance.md)
	$(BIN)/python tests/benchmarks/suite.py $(ARGS)

dist: $(READY) ## Build the wheel and the sdist into dist/
	$(BIN)/python -m hatchling build --clean

.venv-tools/.installed: requirements/tools.lock
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/pip install --quiet --require-hashes -r requirements/tools.lock
	@touch $@

zipapp: dist .venv-tools/.installed ## Build dist/reconciler.pyz, one file for machines without an index
	.ci/zipapp dist/*.whl dist/reconciler.pyz
