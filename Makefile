# Set-up happens by itself: only Python 3.11+ with venv, and make, are assumed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
STUDY := analysis/danish-hospitals

.PHONY: demo test quick lint types format lock clean

demo: $(READY)
	@$(BIN)/crosslevel run $(STUDY)
	@$(BIN)/crosslevel render $(STUDY)

test: lint types
	$(BIN)/python -m pytest -n 2 --dist worksteal

quick: lint types
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not slow"

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:
	uv pip compile --universal --generate-hashes --no-config --quiet --no-header \
	  --python-version 3.11 --all-extras pyproject.toml -o requirements.lock

clean:
	rm -rf .venv analysis/*/build dist

$(READY): requirements.lock pyproject.toml
	@echo "Setting up .venv (once; about two minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "crosslevel needs Python 3.11 or newer; set PYTHON=python3.x")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)
