# Every target runs plain commands of the tools; make prints them.
PYTHON  ?= python3
PROFILE ?= quick
BIN      = .venv/bin

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book test fast lint format run ledger speed pdf zip exercises bank sandbox chromium wheel lab lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

book: .venv/.ready ## run the chapters and build the book in _build/html (PROFILE=smoke|quick|full)
	$(BIN)/course book --profile $(PROFILE)

test: .venv/.ready lint ## run all tests: the code, the pinned outputs, the exercises graded end to end
	$(BIN)/pytest -m ""

fast: .venv/.ready ## run the tests that take seconds
	$(BIN)/pytest

lint: .venv/.ready ## check style and format of code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.ready ## mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

run: .venv/.ready ## run the chapters that changed (PROFILE=smoke|quick|full)
	$(BIN)/course run --profile $(PROFILE)

ledger: .venv/.ready ## list every claim of the documents with the verdict of the last runs
	$(BIN)/course ledger --profile $(PROFILE)

speed: .venv/.ready ## measure the ratios of speed that chapters declare, with their spread
	$(BIN)/course speed

pdf: .venv/.ready ## make the book as one PDF in _build/course.pdf (LaTeX: tools/install_latex.sh)
	$(BIN)/course pdf --profile $(PROFILE)

zip: .venv/.ready ## pack the executed chapters into _build/notebooks.zip
	$(BIN)/course zip --profile $(PROFILE)

exercises: .venv/.ready ## make notebooks/exercises from solutions
	$(BIN)/autograder release

bank: .venv/.ready ## grade the bank of right and wrong answers with nbgrader
	$(BIN)/autograder bank

sandbox: ## install bubblewrap, which the sandbox for students' code is made of (Debian, Ubuntu)
	tools/install_sandbox.sh

chromium: ## install Chromium, in which tests open pages (Debian, Ubuntu)
	tools/install_chromium.sh

wheel: .venv/.ready ## build the course as one file for pip, in _build/wheel
	$(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --no-build-isolation --quiet --wheel-dir _build/wheel .
	@rm -rf build; ls _build/wheel/*.whl

lab: .venv/.ready ## open JupyterLab
	$(BIN)/jupyter lab

lock: .venv/.ready ## resolve pyproject.toml into requirements.txt again
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-annotate --upgrade --quiet --output-file requirements.txt

clean: ## remove the book and the runs (submissions and the gradebook in work/ stay)
	rm -rf _build work/book work/runs work/pins

# The environment: made once, and again when the lock file or the packages change. The lock has all
# that is needed, and leaves out what pyproject.toml overrides: so no dependencies beside it
.venv/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11 to 3.13 is needed, and $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --requirement requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --editable .
	@touch $@
