# Everything a developer does with Atelier. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
LOCAL := $(PY) -m config.local
BUILT := $(VENV)/installed

# make hands its own variables on to the programs: make run PORT=8001 WEB_WORKERS=4, make test ARGS="-k login".

# The type checker's Django plugin reads the settings, which want addresses; it connects to nothing.
NOWHERE := DATABASE_URL=postgres://none@127.0.0.1/none REDIS_URL=redis://127.0.0.1/0

.DEFAULT_GOAL := help
.PHONY: help run start stop restart status logs test check lock tour fuzz bench-chat bench-gate bench-log bench-messages bench-publish bench-realtime bench-webhooks shell migrations clean .venv

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(BUILT)  ## start everything here; Ctrl-C stops it, the data stays
	@$(LOCAL) run

start: $(BUILT)  ## start everything in the background
	@$(LOCAL) start

stop: $(BUILT)  ## stop it
	@$(LOCAL) stop

restart: $(BUILT)  ## stop and start it
	@$(LOCAL) restart

status: $(BUILT)  ## show the processes
	@$(LOCAL) status

logs: $(BUILT)  ## follow all logs, or one: make logs ARGS=web
	@$(LOCAL) logs $(ARGS)

shell: $(BUILT)  ## a Django shell on the running instance
	@$(LOCAL) attach -- $(PY) manage.py shell $(ARGS)

tour: $(BUILT)  ## walk through the main job on the running instance, step by step
	@$(LOCAL) attach -- $(PY) manage.py tour $(ARGS)

test: $(BUILT)  ## run the suite in parallel on its own throw-away services
	$(PY) -m pytest $(if $(ARGS),$(ARGS),--cov --cov-report=term:skip-covered --cov-fail-under=90)

check: $(BUILT)  ## lint, types, layers, migrations, schema, requirements, deployment files
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(NOWHERE) $(PY) -m mypy .
	$(VENV)/bin/lint-imports
	$(LOCAL) exec -- $(PY) manage.py makemigrations --check --dry-run
	$(LOCAL) exec -- $(PY) manage.py check_schema
	$(LOCAL) exec -- $(PY) manage.py check_events
	$(PY) -m config.checks.requirements
	$(PY) -m config.local.audit requirements/development.txt
	$(PY) -m config.checks.deployment

lock: $(BUILT)  ## lock the requirements anew: make lock ARGS=--upgrade
	@for name in base production staging test development; do \
		$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --system-certs \
			--no-emit-index-url --custom-compile-command "make lock" $(ARGS) \
			requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
		echo "requirements/$$name.txt"; \
	done

migrations: $(BUILT)  ## write the migrations that the models ask for
	$(LOCAL) exec -- $(PY) manage.py makemigrations $(ARGS)

fuzz: $(BUILT)  ## throw generated requests at every operation of the schema
	$(PY) -m bench.fuzz $(ARGS)

bench-chat: $(BUILT)  ## measure chat: sending, delivery, history and unread counters, search
	@$(PY) -m bench.chat $(ARGS)

bench-gate: $(BUILT)  ## measure authentication against a bare view
	$(PY) -m bench.gate $(ARGS)

bench-log: $(BUILT)  ## measure the request log: loading and reading
	$(PY) -m bench.log $(ARGS)

bench-messages: $(BUILT)  ## measure messages: accepting, sending through the sandbox, listing a million
	@$(PY) -m bench.messages $(ARGS)

bench-publish: $(BUILT)  ## measure publish(): events a second into one stream and over a hundred
	@$(PY) -m bench.publish $(ARGS)

bench-realtime: $(BUILT)  ## measure fan-out to sockets against stock Channels and a bare broadcast
	$(PY) -m bench.realtime $(ARGS)

bench-webhooks: $(BUILT)  ## measure queueing and sending webhooks, also beside receivers that hang
	$(PY) -m bench.webhooks $(ARGS)

clean:  ## stop everything and delete the data, the caches and the environment
	@if [ -x $(PY) ]; then $(LOCAL) stop; fi
	rm -rf .data static .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	rm -rf $(VENV)

.venv: $(BUILT)  ## build the environment from the locked requirements

$(BUILT): requirements/development.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Atelier needs Python 3.11 or newer; %s is %s. Name another: make PYTHON=python3.12" % (sys.executable, sys.version.split()[0]) or 0)'
	@$(PYTHON) -m config.local.bootstrap $(VENV) requirements/development.txt
