"""Periodic tasks in trial mode, which has no clock process: the server runs them, at its start and at their times."""

from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.schedules import crontab, maybe_schedule
from django.utils import timezone

from config import periodic
from config.celery import app
from config.clock import Clock
from orgs.models import Organization
from orgs.models.organization import PURGED_AFTER
from orgs.services import organizations
from tests.conftest import IS_PRODUCTION
from tests.factories import make_key, make_organization
from tests.servers import ProxyServer, wait_until

pytestmark = pytest.mark.trial


@pytest.fixture
def runs() -> Iterator[list[str]]:
    """Which of the tasks `tests.good` and `tests.bad` ran; the second one fails."""
    ran: list[str] = []

    def good(word: str) -> None:
        ran.append(word)

    def bad() -> None:
        ran.append("bad")
        raise ValueError("It does not work.")

    tasks: dict[str, Any] = {"tests.good": good, "tests.bad": bad}
    for name, task in tasks.items():
        app.task(name=name)(task)
    yield ran
    for name in tasks:
        app.tasks.unregister(name)


@pytest.mark.parametrize("name", periodic.SCHEDULE)
def test_every_task_comes_to_run_though_the_clock_is_started_anew_every_two_hours(name: str) -> None:
    """As the clock begins that knows nothing of an earlier one: as if all had run just now."""
    schedule: Any = copy(maybe_schedule(periodic.SCHEDULE[name]["schedule"]))

    def wait_from(start: datetime) -> timedelta:
        schedule.nowfun = lambda: start
        wait: timedelta = schedule.remaining_estimate(start)
        return wait

    starts = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in range(0, 24, 2)]
    assert any(wait_from(start) < timedelta(hours=2) for start in starts)


def test_what_is_due_runs_at_the_start_and_then_at_its_time(runs: list[str]) -> None:
    hourly = {"task": "tests.good", "schedule": 3600.0, "args": ("hourly",)}
    yearly = {
        "task": "tests.good",
        "schedule": crontab("0", "0", day_of_month="1", month_of_year="1"),
        "args": ("yearly",),
    }
    clock = Clock({"hourly": hourly, "yearly": yearly})

    assert 0 < clock.run_due() <= 60
    assert runs == ["hourly", "yearly"]
    clock.run_due()
    assert runs == ["hourly", "yearly"]
    clock._last_runs["hourly"] -= timedelta(hours=1, seconds=1)
    clock.run_due()
    assert runs == ["hourly", "yearly", "hourly"]


def test_every_planned_task_is_there() -> None:
    app.loader.import_default_modules()

    assert {entry["task"] for entry in periodic.SCHEDULE.values()} <= set(app.tasks)


def test_a_task_that_fails_keeps_no_other_from_running(
    runs: list[str], db: None, caplog: pytest.LogCaptureFixture
) -> None:
    entries = {
        "bad": {"task": "tests.bad", "schedule": 3600.0},
        "good": {"task": "tests.good", "schedule": 3600.0, "args": ("good",)},
    }
    Clock(entries).run_due()

    assert runs == ["bad", "good"]
    assert "The periodic task “bad” failed" in caplog.text


@pytest.mark.skipif(IS_PRODUCTION, reason="the clock of trial mode; in production `manage.py beat` is the clock")
def test_a_server_in_trial_mode_purges_what_was_deleted_long_ago(service_settings: dict[str, str]) -> None:
    kept = make_organization()
    record, _ = make_key()
    organizations.delete(
        organization=record.organization, now=timezone.now() - PURGED_AFTER - timedelta(minutes=1), by=None
    )
    with ProxyServer(service_settings) as server:
        wait_until(lambda: list(Organization.objects.all()) == [kept], "only the living organization is left")
        assert server.stop() == 0
        assert "Traceback" not in server.output
