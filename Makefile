# Set-up and the commands of daily work. `make` lists them; another Python is named by PYTHON=python3.12.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
SOURCES := setup.cfg pyproject.toml constraints.txt
.DEFAULT_GOAL := help

# Refuses an interpreter that the dependencies do not support, before anything is made.
define check_python
import sys
if not (3, 11) <= sys.version_info < (3, 14):
    sys.exit("keras_attn needs Python 3.11, 3.12 or 3.13. Name one that is installed: make TARGET PYTHON=python3.12. "
             f"Received: PYTHON={sys.executable} (Python {sys.version.split()[0]})")
endef
export check_python

.PHONY: help demo test test-long test-backends lint constraints

help:
	@echo "make demo           install into $(VENV), then train, measure, explain and export the date reader"
	@echo "make test           install with the test extra, then lint and run the default tests"
	@echo "make test-long      the tests that take longer"
	@echo "make test-backends  the backend-neutral floors on JAX and PyTorch"
	@echo "make lint           ruff's checks and formatting only"
	@echo "make constraints    resolve the dependencies anew and write constraints.txt"

demo: $(VENV)/.core-installed
	$(BIN)/keras-attn demo

test: lint
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

test-long: $(VENV)/.test-installed
	$(BIN)/python -m pytest -m long

test-backends: $(VENV)/.test-installed
	$(PIP) install --quiet --disable-pip-version-check -c constraints.txt -e '.[jax,bench]'
	for backend in jax torch; do \
	  KERAS_BACKEND=$$backend $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile tests/ops tests/layers tests/models \
	    || exit 1; done

lint: $(VENV)/.test-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# Stamp files: a second call installs nothing unless the sources of the installation changed.
$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Python was not found; name the command: make TARGET PYTHON=python3.12. Received: PYTHON=$(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c "$$check_python"
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { \
	  echo "venv failed; on Debian and Ubuntu install it with: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.core-installed: $(SOURCES) | $(VENV)/.created
	$(PIP) install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.test-installed: $(SOURCES) | $(VENV)/.created
	$(PIP) install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.core-installed

# The newest versions that setup.cfg allows, resolved in an environment of their own.
constraints:
	@$(PYTHON) -c "$$check_python"
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test,jax]'
	build/constraints/bin/python -m pip freeze --exclude-editable > build/versions.txt
	@{ echo "# Exact versions of the core and of the extras \`test\` and \`jax\`, for \`pip install -c constraints.txt\`."; \
	   echo "# Made with $$($(PYTHON) --version) (\`make constraints\`)."; cat build/versions.txt; } > constraints.txt
	rm -rf build/constraints build/versions.txt
