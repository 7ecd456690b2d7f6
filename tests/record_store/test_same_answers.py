"""What reads records is asked of the copy as of the ledger: by the same tests, on ClickHouse's own engine."""

import os
import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from scripts.hermetic import ROOT
from tests.record_store.engine import Engine

pytestmark = [pytest.mark.production, pytest.mark.clients, pytest.mark.timeout(600)]

# All that read records, or change them in a way of their own; the copy is compared after each of their tests.
FILES = (
    "analytics/test_request_log.py",
    "analytics/test_requests_api.py",
    "analytics/test_exports.py",
    "analytics/test_filters.py",
    "analytics/test_filter_choices.py",
    "analytics/test_reports_hours.py",
    "analytics/test_reports_narrowed.py",
    "analytics/test_reports_of_keys.py",
    "analytics/test_dashboard_figures.py",
    "analytics/test_completions.py",
    "analytics/test_repricing.py",
    "analytics/test_retention.py",
    "analytics/test_rollups.py",
)


def test_the_tests_of_what_reads_and_changes_records_hold_for_the_copy(engine: Engine) -> None:
    # Databases of their own, beside those of this run.
    beside = {
        "TEST_DATABASE_URL": urlsplit(os.environ["TEST_DATABASE_URL"])._replace(path="/copied").geturl(),
        "TEST_REDIS_URL": urlsplit(os.environ["TEST_REDIS_URL"])._replace(path="/15").geturl(),
        "TEST_COLUMN_STORE_URL": engine.url,
        "TEST_MODE": "production",
        "TEST_EXTRAS": "without",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.record_store.answering", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, *(f"tests/{name}" for name in FILES)],
        cwd=ROOT,
        env=environment | beside,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    counts = {name: int(count) for name, count in re.findall(r"^(aipc_\S+)=(\d+)$", done.stdout, re.MULTILINE)}
    assert counts["aipc_record_questions_total/copy"] > 300
    assert "aipc_column_store_failures_total" not in counts
