# Needs git, make and Python 3.11 or newer, nothing else; the virtual environment is made here on first use.
# `make` alone lists the targets. PYTHON=/path/to/python3 chooses the interpreter, MEDLEY_PORT the demo's port.

VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help

##@ Use
.PHONY: demo
demo: $(VENV)/.runtime ## start everything on real ratings: Postgres, import, training, API; Ctrl-C stops it all
	@exec $(BIN)/medley demo

##@ Develop
.PHONY: test
test: $(VENV)/.dev ## run all the tests; ARGS="-k rating" narrows them
	@exec $(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadgroup $(ARGS)

.PHONY: coverage
coverage: $(VENV)/.dev ## the same with a table of what the tests do not reach; takes twice as long
	@exec $(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadgroup --cov --cov-report=term:skip-covered $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## check style, types, who imports whom, and docker-compose.yml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml

.PHONY: format
format: $(VENV)/.dev ## rewrite the code in the one format, with the fixes that are safe
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/.dev ## measure speed and memory: a table, and JSON under benchmarks/results
	@exec $(BIN)/python -m benchmarks $(ARGS)

.PHONY: rehearsal
rehearsal: $(VENV)/.dev ## run everything together under load and kill each process once; ARGS="--data ml-1m.zip"
	@exec $(BIN)/python -m benchmarks.rehearsal $(ARGS)

.PHONY: openapi
openapi: $(VENV)/.dev ## rewrite docs/openapi.json from the code
	$(BIN)/medley openapi docs/openapi.json

.PHONY: migration
migration: $(VENV)/.dev ## write a migration for what changed in app/models: make migration m="add a column"
	@test -n "$(m)" || { echo 'Say what it does: make migration m="add a column"' >&2; exit 1; }
	$(BIN)/medley db revision "$(m)"

.PHONY: lock
lock: $(VENV)/.dev ## pin the requirements again from pyproject.toml; ARGS=--upgrade takes the newest
	$(LOCK) pyproject.toml --output-file requirements.txt
	$(LOCK) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(LOCK) pyproject.toml --all-extras --constraint requirements-dev.txt --output-file requirements-image.txt
	$(LOCK) --group install --constraint requirements-dev.txt --output-file requirements-install.txt

.PHONY: clean
clean: ## remove the environment and every cache; data under .medley stays
	rm -rf $(VENV) .coverage .hypothesis .import_linter_cache .pytest_cache .ruff_cache build dist htmlcov
	find app alembic benchmarks cli tests training -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { print "\n" substr($$0, 5) } /^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# The files carry no address of an index and no path, whatever this machine is set to.
LOCK = env -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(ARGS)

# The environment. $(VENV)/.whole holds this folder's path, and is there only while no installation is under way: after an
# interrupted one, in a moved folder or without its interpreter, the environment is made anew.
ifneq ($(shell test -x $(BIN)/python && cat $(VENV)/.whole 2>/dev/null),$(CURDIR))
$(VENV)/.created: FORCE
endif
.NOTPARALLEL:
FORCE:

CANDIDATES := $(if $(PYTHON),'$(PYTHON)',python3.14 python3.13 python3.12 python3.11 python3)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

$(VENV)/.created:
	@for python in $(CANDIDATES); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found="$$python"; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || continue; \
		echo "Making $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV) && exec touch $@; \
		exit 1; \
	done; \
	if [ -n "$$found" ]; then \
		echo "$$found cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; \
	else \
		echo "No Python 3.11 or newer among:" $(CANDIDATES)". PYTHON=/path/to/python3 names another." >&2; \
	fi; \
	exit 1

$(VENV)/.installer: $(VENV)/.created requirements-install.txt
	@rm -f $(VENV)/.whole
	@$(PIP) install --require-hashes --only-binary :all: --requirement requirements-install.txt 2>/dev/null \
		|| { $(call without_uv,requirements-install.txt) && $(PIP) install --require-hashes --requirement $(VENV)/pinned.txt; }
	@touch $@

$(VENV)/.runtime: $(VENV)/.installer requirements.txt pyproject.toml
	@$(call install,requirements.txt)

$(VENV)/.dev: $(VENV)/.installer requirements-dev.txt pyproject.toml
	@$(call install,requirements-dev.txt)

# Exactly what the file pins, then this project without its dependencies. uv takes 12 s where pip takes 47, but reads none of
# pip's settings: where pip has its own way to the packages, or uv is missing or fails, pip does it.
define install
echo "Installing what $(1) pins"
rm -f $(VENV)/.whole
if ! $(BIN)/python -m pip config list | grep -E '(index|index-[a-z]*|proxy|client-cert)=' >/dev/null && test -x $(BIN)/uv \
	&& $(UV_INSTALL) --require-hashes --requirement $(1) \
	&& $(UV_INSTALL) --no-deps --no-build-isolation --editable .; then :; else \
	$(call without_uv,$(1)) && $(PIP) install --require-hashes --requirement $(VENV)/pinned.txt \
	&& $(PIP) install --no-deps --no-build-isolation --editable .; \
fi
printf %s '$(CURDIR)' > $(VENV)/.whole
touch $@
endef
UV_INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python
without_uv = awk '/^[^ \#]/ { skip = /^uv==/ } !skip' $(1) > $(VENV)/pinned.txt
