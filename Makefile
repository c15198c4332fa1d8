# make setup   virtual environment, dependencies by their hashes, system libraries checked, models by checksum
# make run     setup, then the server            (make run ARGS="--port 9000 --size 720x720")
# make test    setup, then every check           (make test TESTS=tests/server/test_app.py)
# make test-quick   the tests that take no time, in under two minutes
# make coverage   every test, and which lines of avatar/ they run
# make test-integrations   against the real LiveKit, Pipecat and transformers, in a virtual environment of their own
# make lock    pin every package with its hashes, after a change of pyproject.toml (UPGRADE=--upgrade: the newest ones)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test test-quick coverage test-integrations check check-client lock clean

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INTEGRATIONS := .venv-integrations
CLIENT_TOOLS := node_modules/.installed
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV_VERSION := 0.13.9
TESTS ?= tests
ARGS ?=
UPGRADE ?=

help:
	@sed -n 's/^# //p' Makefile | head -n 7

setup: $(INSTALLED)
	@$(BIN)/avatar doctor --system
	@$(BIN)/avatar models pull >/dev/null

run: setup
	@$(BIN)/avatar serve $(ARGS)

# Two processes at once where there are two cores (WORKERS=0: none but pytest's own). A test that failed is tried once
# more, alone: many go by the clock. Where a test ended its process (70, tests/conftest.py), all are.
WORKERS ?= $(shell [ "$$(getconf _NPROCESSORS_ONLN)" -gt 1 ] && echo 2 || echo 0)
PYTEST := $(BIN)/python -m pytest
test: setup check check-client
ifeq ($(TESTS),tests)
	$(PYTEST) -m browser tests || { [ $$? -eq 1 ] && $(PYTEST) -m browser --last-failed tests; }
	$(PYTEST) -m "not browser" -n $(WORKERS) --dist loadfile --max-worker-restart 0 tests || case $$? in \
	    1) $(PYTEST) --last-failed tests;; \
	    70) $(PYTEST) -m "not browser" tests;; \
	    *) exit 1;; \
	esac
else
	$(PYTEST) $(TESTS)
endif

# No browser, nothing that takes long: for every few minutes of work.
test-quick: setup
	$(BIN)/python -m pytest -m "not slow and not browser" $(TESTS)

# Which lines and branches of avatar/ the tests run; what programs do that they start is not seen.
coverage: setup
	$(BIN)/python -m pytest --cov --cov-report=term --cov-report=html:build/coverage $(TESTS)

# The frameworks pin packages that the lock file holds at other versions; speech encoders need torch.
test-integrations: $(INTEGRATIONS)/.installed setup
	$(INTEGRATIONS)/bin/python -m pytest tests/integrations tests/perception/speech/test_hidden_states.py

$(INTEGRATIONS)/.installed: pyproject.toml $(INSTALLED)
	$(BIN)/python -m venv $(INTEGRATIONS)
	$(INTEGRATIONS)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[livekit,pipecat,encoder]' hypothesis pytest pytest-timeout
	@touch $@

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

# The page needs no build; node only checks its types and runs its unit tests.
check-client:
	@if ! command -v npm >/dev/null; then \
	    echo "SKIPPED: the page's type check and unit tests need node 20 or newer (https://nodejs.org)"; \
	else \
	    $(MAKE) --no-print-directory $(CLIENT_TOOLS) && npm run --silent types && npm test --silent; \
	fi

$(CLIENT_TOOLS): package.json package-lock.json
	npm ci --silent --no-audit --no-fund
	@touch $@

$(INSTALLED): pyproject.toml requirements.lock
	@python=; \
	for candidate in $${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do \
	    if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed: sudo apt-get install -y python3 python3-venv" >&2; exit 1; fi; \
	echo "Setting up $(VENV) with $$($$python --version) (some minutes the first time)"; \
	if ! $$python -m venv $(VENV); then \
	    rm -rf $(VENV); echo "Python's venv module is missing: sudo apt-get install -y python3-venv" >&2; exit 1; \
	fi
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
# The package's builder is among the locked packages: an isolated build would fetch one that nobody has checked.
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# What the lock files allow already stays as it is; they serve every Python and platform (environment markers).
# requirements-run.lock is for the Docker image: the same versions without the tools, with the package's builder, and with
# the build of OpenCV that opens no windows, which needs 200 MB less of system libraries.
lock:
	@temporary=$$(mktemp -d); trap 'rm -rf "$$temporary"' EXIT; \
	python3 -m venv "$$temporary"; \
	"$$temporary/bin/python" -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	compile() { "$$temporary/bin/uv" pip compile --quiet --no-config --default-index https://pypi.org/simple \
	    --universal --python-version 3.11 --generate-hashes --extra echo --extra voice \
	    --custom-compile-command "make lock" "$$@"; }; \
	compile --extra dev --extra camera --extra telemetry --extra trust $(UPGRADE) --output-file requirements.lock pyproject.toml; \
	grep -oE '^[a-z0-9.-]+==[^ ]+( ; .*[^ \\])?' requirements.lock > "$$temporary/pins.txt"; \
	sed -n 's/^opencv-contrib-python==/opencv-contrib-python-headless==/p; /^hatchling==/p' "$$temporary/pins.txt" > "$$temporary/image.in"; \
	echo "opencv-contrib-python ; sys_platform == 'never'" > "$$temporary/overrides.txt"; \
	compile --constraint "$$temporary/pins.txt" --override "$$temporary/overrides.txt" --no-annotate \
	    --output-file requirements-run.lock pyproject.toml "$$temporary/image.in"

clean:
	rm -rf $(VENV) $(INTEGRATIONS) node_modules
