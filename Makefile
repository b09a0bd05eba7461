# make demo   set everything up and reduce a simulated night; recovered against true is printed
# make test   set everything up and pass the tests
# make science  prove the error bars on simulated nights; writes docs/can-i-trust-the-error-bars.md
# Both put everything into .venv in this folder; they need python3 (3.11 or newer) and make.

PYTHON ?= python3
RUN := .venv/bin/python -W error::SyntaxWarning
export MPLBACKEND := Agg

.PHONY: demo test science lint bench setup kernels clean

demo: kernels
	$(RUN) -m pogson.apps.cli.demo --out demo

test: lint kernels-test
	$(RUN) -m pytest -n 2 -q

lint: .venv/test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

science: kernels
	$(RUN) docs/proof.py

bench: .venv/bench kernels
	$(RUN) -m benchmarks

setup: .venv/run

kernels: .venv/run
	$(RUN) -m pogson.pipeline.warmup

kernels-test: .venv/test
	$(RUN) -m pogson.pipeline.warmup

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pogson needs Python 3.11 or newer; found $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python pyproject.toml
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/test: .venv/bin/python pyproject.toml
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch .venv/run $@

.venv/bench: .venv/bin/python pyproject.toml
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch .venv/run .venv/test $@

clean:
	rm -rf .venv demo build dist
