"""`make demo` from the outside: the whole run, its surroundings, its end. And the history that it posts."""

import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import requests
from django.utils import timezone

from accounts.demo import environment, history, organization, posting
from accounts.demo.history import Payer
from accounts.demo.workload import HISTORY_DAYS, PROMPTS
from analytics import reports
from analytics.models import LedgerRecord
from analytics.periods import Period
from analytics.reports import Scope
from orgs.models import ApiKey
from tests.processes import PATIENCE_SECONDS, free_port, wait_until

# Nothing of this may be used: databases that are not there, keys, and proxies that nobody listens on.
HOSTILE = {
    "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:9/none",
    "OPENAI_API_KEY": "sk-real",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "OPENAI_CUSTOM_HEADERS": "not a header",
    "OPENAI_UPSTREAM_URL": "http://127.0.0.1:9/v1",
    "ANTHROPIC_API_KEY": "sk-ant-real",
    "ANTHROPIC_AUTH_TOKEN": "sk-ant-oat-real",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "DATA_DIR": "/nonexistent/data",
    "JOURNAL_DIR": "/nonexistent/journal",
    "SHUTDOWN_GRACE": "soon",
    "DJANGO_SETTINGS_MODULE": "no.such.settings",
    "FAILPOINTS": "posting.inside",
    **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9"),
}


class Demo:
    """A running `manage.py demo` with its data in a folder of the test."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.output_file = folder.with_suffix(".out")
        command = [sys.executable, "manage.py", "demo", "--folder", str(folder), *arguments]
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **HOSTILE},
                cwd=environment.ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.output_file.read_text()

    def wait_until_serving(self) -> None:
        wait_until(
            lambda: "Serving until" in self.output or self.process.poll() is not None,
            "the demo serves",
            3 * PATIENCE_SECONDS,
        )
        assert self.process.poll() is None, self.output

    def value(self, name: str) -> str:
        found = re.search(rf"^  {name} +(\S+)", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    def curl_lines(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.startswith("curl ")]

    def child(self, program: str) -> int:
        """The process id of the child with this in its command line."""
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in table.stdout.splitlines()]
        (pid,) = [int(row[0]) for row in rows if int(row[1]) == self.process.pid and program in row[2]]
        return pid

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.folder / "db.sqlite3")) as database:
            return database.execute(sql).fetchall()

    def has_left_nobody(self) -> bool:
        """Neither the server nor the fake provider answers any more."""
        log = (self.folder / "fake-provider.log").read_text()
        addresses = [*re.findall(r"http://\S+", log), self.value("Open")]
        return not any(answers(address) for address in addresses)


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "demo"


@pytest.fixture(scope="module")
def kept_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of several runs: posting the history is the longest part of the first."""
    return tmp_path_factory.mktemp("kept") / "demo"


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Demo]:
    demo = Demo(folder, *arguments)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.send_signal(signal.SIGTERM)
        demo.process.wait(180)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed, so the printed lines cannot be pasted")
def test_the_demo_serves_what_it_prints_until_ctrl_c_and_its_key_ends_with_the_next_run(kept_folder: Path) -> None:
    full_hour = f"{datetime.now(UTC):%Y-%m-%d %H:00:00}"
    history_sums = f"SELECT count(*), sum(cost_pico_usd) FROM analytics_usagerecord WHERE started_at < '{full_hour}'"
    with running(kept_folder) as first:
        first.wait_until_serving()
        assert re.search(
            r"^  document-summarizer +gpt-4\.1-mini\S+ +JSON +2,381 +364 +\$0\.0015348$", first.output, re.MULTILINE
        )
        assert re.search(
            r"^  chat-assistant +claude-sonnet-4-6 +stream +2,651 +342 +\$0\.007359$", first.output, re.MULTILINE
        )
        call, report = first.curl_lines()
        assert '"object": "chat.completion"' in run_shell(call)
        expected = '"prompt_key":"hello-from-curl","total_cost":0.00001'
        wait_until(lambda: expected in run_shell(report), "the call from the printed line is in the report")
        assert "Northwind" in signed_in_home_page(first.value("Open"))
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(60) == 0
    assert "Traceback" not in first.output
    assert first.has_left_nobody()
    ((count, cost),) = first.query(history_sums)

    with running(kept_folder, "--once") as second:
        assert second.process.wait(3 * PATIENCE_SECONDS) == 0, second.output
    assert second.query(history_sums) == [(count, cost)]
    states = second.query("SELECT revoked_at IS NULL FROM orgs_apikey WHERE description = 'make demo' ORDER BY id")
    assert len(states) >= 2
    assert states == [(0,)] * (len(states) - 1) + [(1,)]
    assert second.query("SELECT count(*) FROM analytics_rejectedrecord") == [(0,)]


def signed_in_home_page(url: str) -> str:
    with requests.Session() as browser:
        browser.get(f"{url}/login/", timeout=PATIENCE_SECONDS).raise_for_status()
        form = {"login": organization.EMAIL, "password": organization.PASSWORD}
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        answer = browser.post(
            f"{url}/accounts/login/", data=form | token, headers={"Referer": url}, timeout=PATIENCE_SECONDS
        )
        answer.raise_for_status()
        return answer.text


def run_shell(line: str) -> str:
    return subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_when_a_child_dies_the_demo_says_so_and_ends_the_others(kept_folder: Path) -> None:
    with running(kept_folder) as demo:
        demo.wait_until_serving()
        os.kill(demo.child("serve"), signal.SIGKILL)
        assert demo.process.wait(180) == 1
    assert "The server ended by itself, with code -9." in demo.output
    assert demo.has_left_nobody()


def test_a_taken_port_is_told_with_the_way_out(folder: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), running(folder, "--port", str(port)) as demo:
        assert demo.process.wait(180) == 1
    assert f"Port {port} is taken. Choose another: make demo PORT={port + 1}" in demo.output


def test_of_the_surroundings_only_what_a_program_needs_comes_in(tmp_path: Path) -> None:
    harmless = {"PATH": "/bin", "LC_ALL": "C", "TERM": "dumb", "NO_COLOR": "1"}
    inside = environment.clean({**HOSTILE, **harmless, "PYTHONPATH": "/elsewhere", "REDIS_URL": "redis://x"}, tmp_path)
    assert harmless.items() <= inside.items()
    assert inside["DATA_DIR"] == str(tmp_path)
    assert not inside.keys() & (HOSTILE.keys() - {"DATA_DIR"} | {"PYTHONPATH", "REDIS_URL"})


# --- The history ------------------------------------------------------------------------------------------------------

FIRST = date(2026, 9, 7)  # a Monday
PAYERS = {plan: Payer(1, 2, 3) for plan in PROMPTS}


def test_a_day_has_the_same_calls_each_time_under_ids_that_carry_their_time() -> None:
    records = history.records_of(FIRST, FIRST, PAYERS)
    assert records == history.records_of(FIRST, FIRST, PAYERS)
    assert len({record.id for record in records}) == len(records) > 100
    for record in records:
        identifier = UUID(record.id)
        assert (identifier.version, identifier.int >> 80) == (7, record.started_at // 1000)
    assert [record.started_at for record in records] == sorted(record.started_at for record in records)


def test_the_organization_rests_at_weekends_and_grows() -> None:
    counts = [len(history.records_of(FIRST + timedelta(days=day), FIRST, PAYERS)) for day in range(HISTORY_DAYS)]
    weeks = [counts[start : start + 7] for start in range(0, 56, 7)]
    assert all(min(week[:5]) > max(week[5:]) for week in weeks)
    assert sum(weeks[-1]) > 1.4 * sum(weeks[0])


def test_the_history_has_errors_streams_cache_hits_and_calls_without_a_prompt() -> None:
    records = [
        record
        for day in range(HISTORY_DAYS)
        for record in history.records_of(FIRST + timedelta(days=day), FIRST, PAYERS)
    ]
    assert {record.provider for record in records} == {"openai", "anthropic"}
    assert {record.status for record in records} == {200, 429, 500, 502}
    assert 0.005 < sum(record.is_error for record in records) / len(records) < 0.04
    assert any(record.streamed for record in records)
    assert any(record.usage.cache_read for record in records)
    assert any(record.usage.cache_write_5m for record in records)
    assert any(record.usage.web_searches for record in records)
    assert any(record.usage_source == "estimated" for record in records)
    assert any(not record.prompt_key for record in records)


def test_the_history_is_posted_once_and_its_second_version_is_the_cheaper_one(
    transactional_db: None,
) -> None:
    now = timezone.now().replace(hour=12, minute=30)
    demo = organization.prepare(now)
    total = posting.post_history(demo, now, lambda day, count: None)
    past_days = Scope(demo.organization.pk, Period(demo.first_day, now.date() - timedelta(days=1)))
    sums = reports.get_total(past_days)
    assert LedgerRecord.objects.count() == total > 10_000
    assert sums.unpriced_count > 0
    scope = Scope(demo.organization.pk, Period(demo.first_day, now.date()), prompt_key="document-summarizer")
    versions = {row.value: row.sums for row in reports.by_version(scope)}
    assert versions.keys() == {1, 2}
    assert versions[2].average_cost_usd < versions[1].average_cost_usd / 3

    organization.prepare(now)
    assert posting.post_history(demo, now, lambda day, count: None) == total
    assert LedgerRecord.objects.count() == total
    later = posting.post_history(demo, now + timedelta(days=1), lambda day, count: None)
    assert LedgerRecord.objects.count() == later > total
    assert reports.get_total(past_days) == sums


def test_the_key_of_the_last_run_is_revoked(transactional_db: None) -> None:
    demo = organization.prepare(timezone.now())
    keys = [organization.issue_shown_key(demo) for _ in range(2)]
    assert [ApiKey.objects.with_key(key).get().is_revoked for key in keys] == [True, False]
    assert not any(key.is_revoked for key in demo.keys.values())
