# Everything that one does with this project. Python and make are enough; GNU make 3.81 or later.
# `make` alone lists the commands.

HOST ?= 127.0.0.1
WORKERS ?= 1
PORT ?=
ARGS ?=
PYTHON ?=
EXTRAS ?= with

export PYTHON
with_env = exec sh scripts/with_env.sh
python = .venv/bin/python

.PHONY: help demo serve worker beat manage test test-all fuzz check fix lock bench bench-peers bench-streams bench-ledger bench-pages bench-dashboard faults run-level demo-level develop-level
.DEFAULT_GOAL := help

help:
	@echo "make demo       see it work: sample history, real calls to a fake provider, a dashboard login [PORT=8000] [ARGS=--once]"
	@echo "make serve      migrate and serve [HOST=127.0.0.1] [PORT=8000] [WORKERS=1]; reads .env"
	@echo "make worker     the Celery worker of the production set-up; reads .env"
	@echo "make beat       the Celery clock of the production set-up; reads .env"
	@echo "make manage     a command of manage.py with the variables of .env [ARGS='create_organization Acme']"
	@echo "make test       all tests that need Python alone, on PostgreSQL and Redis and in trial mode [ARGS='-k keys']"
	@echo "make test-all   the same and the tests that need Node, Chromium and clients from the package registries"
	@echo "make fuzz       the readers of foreign bytes against ever new ones [SECONDS=600 for each property] [ARGS='-k split']"
	@echo "make check      lint, format, types, import rules, migrations and their locks, deployment check"
	@echo "make fix        repair what ruff can repair, and format"
	@echo "make lock       pin the dependencies of pyproject.toml into requirements/*.txt, and those for Node [ARGS=--upgrade]"
	@echo "make bench      measure what a proxied call costs, beside nginx and the peers that are there [ARGS='--only json-1k']"
	@echo "make bench-peers  install the peers that make bench compares with, into var/ [ARGS=ferrogw]"
	@echo "make bench-streams  measure the memory of thousands of open streams"
	@echo "make bench-ledger  measure what posting a record to the ledger costs, and how many one worker posts in a second"
	@echo "make bench-pages  measure the main pages with 100,000 records"
	@echo "make bench-dashboard  measure the pages of an organization with ten million records"
	@echo "make faults     kill, stop and fill everything under load, and count lost and doubled calls, eight minutes [ARGS='--seed 7']"

run-level:
	@sh scripts/environment.sh run

demo-level:
	@sh scripts/environment.sh demo

develop-level:
	@sh scripts/environment.sh develop

demo: demo-level
	@exec $(python) manage.py demo $(if $(PORT),--port "$(PORT)") $(ARGS)

serve: run-level
	@$(with_env) $(python) manage.py serve --host "$(HOST)" --port "$(or $(PORT),8000)" --workers "$(WORKERS)"

worker: run-level
	@$(with_env) $(python) manage.py worker $(ARGS)

beat: run-level
	@$(with_env) $(python) manage.py beat $(ARGS)

manage: run-level
	@$(with_env) $(python) manage.py $(ARGS)

test: develop-level
	@exec $(python) -m tests.run --extras without -- $(ARGS)

# EXTRAS=only leaves out what `make test` runs.
test-all: develop-level
	@exec $(python) -m tests.run --extras "$(EXTRAS)" -- $(ARGS)

# One process: what is found at random is to be found again, and another's load to be told from our own.
fuzz: develop-level
	@PYTEST_TIMEOUT=0 FUZZ_SECONDS="$(or $(SECONDS),600)" exec nice $(python) -m pytest tests/fuzz -n0 -s --show-capture=no $(ARGS)

check: develop-level
	@exec $(python) -m scripts.check

fix: develop-level
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

# Three layers: each lock holds the one before it, at the same versions. What is optional for running is in two more,
# beside the demo's. The clients' ones, and that of ClickHouse's engine for the tests, stand for themselves.
observed = --extra sentry --extra opentelemetry
uv = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

lock: develop-level
	$(uv) $(ARGS) pyproject.toml -o requirements/run.txt
	$(uv) $(ARGS) pyproject.toml $(observed) -c requirements/run.txt -o requirements/observability.txt
	$(uv) $(ARGS) pyproject.toml --extra clickhouse -c requirements/run.txt -o requirements/clickhouse.txt
	$(uv) $(ARGS) pyproject.toml --group demo -c requirements/run.txt -o requirements/demo.txt
	$(uv) $(ARGS) pyproject.toml $(observed) --extra clickhouse --group develop -c requirements/demo.txt \
		-c requirements/observability.txt -c requirements/clickhouse.txt -o requirements/develop.txt
	$(uv) $(ARGS) --group clients-old -o requirements/clients-old.txt
	$(uv) $(ARGS) --group clients-langchain -o requirements/clients-langchain.txt
	$(uv) $(ARGS) --group clickhouse-engine -o requirements/clickhouse-engine.txt
	$(python) -m scripts.lock_node $(ARGS)

bench: develop-level
	@exec $(python) benchmarks/run.py $(ARGS)

bench-peers: develop-level
	@exec $(python) -m benchmarks.peers $(ARGS)

bench-streams: develop-level
	@exec $(python) -m benchmarks.open_streams $(ARGS)

bench-ledger: develop-level
	@exec $(python) -m benchmarks.posting $(ARGS)

bench-pages: develop-level
	@exec $(python) -m benchmarks.dashboard --quick $(ARGS)

bench-dashboard: develop-level
	@exec $(python) -m benchmarks.dashboard $(ARGS)

faults: develop-level
	@exec $(python) -m tests.faults $(ARGS)
