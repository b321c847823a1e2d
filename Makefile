# Each target installs what it needs into .venv, once; PYTHON chooses the interpreter that .venv is made with.
#
#   make check      judge the shipped programs on all configurations
#   make suite      judge the instruction suite on all configurations
#   make packets    judge filters and programs on the packets of a capture, on all configurations
#   make conform    judge the conformance vectors on all configurations
#   make trampolines  judge the shipped trampolines on all configurations
#   make test       tests, linter, formatter, types
#   make test-qiling  the tests of the engine Qiling, in an environment of its own
#   make bench      measure code size and executed instructions, into bench/
#   make programs   compile the shipped programs anew
#   make clean      remove .venv and caches

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: check suite packets conform trampolines test test-qiling bench programs clean

check: $(VENV)/.installed
	$(BIN)/bpfmips check

suite: $(VENV)/.installed
	$(BIN)/bpfmips suite

packets: $(VENV)/.installed
	$(BIN)/bpfmips check corpus/filters corpus/packets/objects --packets corpus/filters/sample.pcapng

conform: $(VENV)/.installed
	$(BIN)/bpfmips conform corpus/conformance

trampolines: $(VENV)/.installed
	$(BIN)/bpfmips trampoline

test: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto --hypothesis-profile=ci

test-qiling: $(BIN)/python
	$(BIN)/python -m venv .venv-qiling
	.venv-qiling/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[qiling]' pytest pytest-xdist
	.venv-qiling/bin/pytest -n auto fuzz/tests/test_targets.py fuzz/tests/test_faults.py fuzz/tests/test_debugger.py -k 'qiling or debugger'

bench: $(VENV)/.installed
	$(BIN)/python bench/code_size.py

programs: $(VENV)/.installed-dev
	$(BIN)/python corpus/programs/build.py

clean:
	rm -rf $(VENV) .venv-qiling .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or later is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
