"""What reads records is asked of the copy as of the ledger: by the same tests, on ClickHouse's own engine."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest

from analytics.record_store.client import Client
from scripts.hermetic import ROOT
from tests.record_store.engine import Engine

# On a machine with other work this takes many times what it takes alone.
pytestmark = [pytest.mark.production, pytest.mark.clients, pytest.mark.timeout(1800)]

# The questions that a copy answers: pages of the log, hours, what is left of days, uses, each narrowed; and changes
# that nothing else here makes. The copy is compared with the ledger after each test.
BESIDE_EACH_OTHER = (
    ("request_log", "repricing", "filter_choices"),
    ("reports_hours", "reports_narrowed", "reports_of_keys", "completions"),
)


def test_the_tests_of_what_reads_and_changes_records_hold_for_the_copy(engine: Engine) -> None:
    started = [start(engine, number, names) for number, names in enumerate(BESIDE_EACH_OTHER)]
    counts: Counter[str] = Counter()
    try:
        ended = [(process.communicate(), process.returncode) for process in started]
    finally:
        for process in started:
            process.kill()
    for (told, wrong), code in ended:
        assert code == 0, told[-6000:] + wrong[-2000:]
        for name, count in re.findall(r"^(aipc_\S+)=(\d+)$", told, re.MULTILINE):
            counts[name] += int(count)
    assert counts["aipc_record_questions_total/copy"] > 100
    assert "aipc_column_store_failures_total" not in counts


def start(engine: Engine, number: int, names: Sequence[str]) -> "subprocess.Popen[str]":
    """In databases of its own."""
    name = f"copied_{number}"
    client = Client(engine.url, seconds=60)
    client.command(f"CREATE DATABASE IF NOT EXISTS {name}")
    client.close()
    beside = {
        "TEST_DATABASE_URL": urlsplit(os.environ["TEST_DATABASE_URL"])._replace(path=f"/{name}").geturl(),
        "TEST_REDIS_URL": urlsplit(os.environ["TEST_REDIS_URL"])._replace(path=f"/{15 - number}").geturl(),
        "TEST_COLUMN_STORE_URL": urlsplit(engine.url)._replace(path=f"/{name}").geturl(),
        "TEST_MODE": "production",
        "TEST_EXTRAS": "without",
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "DJANGO_"))}
    usual = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "--timeout", "600"]
    command = [*usual, "-p", "tests.record_store.answering"]
    return subprocess.Popen(
        [*command, *(f"tests/analytics/test_{each}.py" for each in names)],
        cwd=ROOT,
        env=environment | beside,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
