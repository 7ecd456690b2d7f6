"""Budget mails when processes die, mail servers are away, and several workers look at once."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from pytest_django import Settings

from analytics import budget_alerts, tasks
from analytics.budget_alerts import LEASE
from orgs.models import ApiKey, Organization
from orgs.services import budgets
from tests.analytics.at_once import threads, wait_for_waiting
from tests.analytics.budgets_watched import EIGHTY, key, look, owner_of, spend
from tests.analytics.usage_lines import NOON
from tests.conftest import IS_PRODUCTION
from tests.factories import make_member
from tests.orgs.people import make_verified_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

__all__ = ["key"]  # a fixture


class Breaking(EmailBackend):
    """A mail server that takes so many mails and then breaks, as `error` says."""

    room = 0
    error: Exception = OSError()

    def send_messages(self, messages: Any) -> int:
        if type(self).room < 1:
            raise type(self).error
        type(self).room -= 1
        return super().send_messages(messages)


class Slow(EmailBackend):
    """A mail server that takes its time for the first mail: `meanwhile` happens before it."""

    meanwhile: list[Callable[[], None]] = []

    def send_messages(self, messages: Any) -> int:
        while type(self).meanwhile:
            type(self).meanwhile.pop()()
        return super().send_messages(messages)


@pytest.fixture
def breaking_mail(settings: Settings) -> Iterator[type[Breaking]]:
    settings.EMAIL_BACKEND = f"{__name__}.Breaking"
    yield Breaking
    Breaking.room, Breaking.error = 0, OSError()


def test_what_a_process_noted_before_it_died_is_sent_by_the_next(key: ApiKey) -> None:
    spend(key, 80)
    budget_alerts.notice(key.organization_id, now=NOON)

    assert look(key) == [EIGHTY]
    assert look(key) == []


def test_a_process_that_dies_while_mailing_is_followed_when_its_lease_is_over(
    key: ApiKey, breaking_mail: type[Breaking]
) -> None:
    spend(key, 80)
    breaking_mail.error = MemoryError()
    with pytest.raises(MemoryError):
        look(key)
    breaking_mail.room = 9

    assert look(key, NOON + LEASE - timedelta(seconds=1)) == []
    assert look(key, NOON + LEASE) == [EIGHTY]
    assert look(key, NOON + 2 * LEASE) == []


def test_a_mail_server_that_is_away_costs_nobody_the_mail_and_brings_nobody_two(
    key: ApiKey, breaking_mail: type[Breaking]
) -> None:
    second = make_member(key.organization, make_verified_user(), "owner")
    spend(key, 80)
    breaking_mail.room = 1
    look(key)
    assert [message.to for message in mail.outbox] == [[owner_of(key).email]]

    breaking_mail.room = 9
    look(key, NOON + LEASE)
    look(key, NOON + 2 * LEASE)

    assert [message.to for message in mail.outbox] == [[owner_of(key).email], [second.email]]


def test_what_is_reached_again_while_it_is_mailed_is_mailed_again(key: ApiKey, settings: Settings) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Slow"
    later = NOON + timedelta(minutes=1)

    def raise_and_reach_again() -> None:
        budgets.change(organization=key.organization, amount=Decimal(200), now=later)
        budget_alerts.notice(key.organization_id, now=later)
        spend(key, 80)
        budget_alerts.notice(key.organization_id, now=later)

    spend(key, 80)
    Slow.meanwhile.append(raise_and_reach_again)

    assert look(key) == [EIGHTY]
    assert look(key, later) == [EIGHTY]
    assert look(key, later + LEASE) == []


@pytest.mark.django_db(transaction=True)
def test_workers_that_look_at_once_send_one_mail(key: ApiKey) -> None:
    spend(key, 85)
    with threads(4) as start:
        with transaction.atomic():
            Organization.objects.select_for_update(no_key=True).get(pk=key.organization_id)
            looks = [start(budget_alerts.look, organization_id=key.organization_id, now=NOON) for _ in range(4)]
            if IS_PRODUCTION:  # SQLite does not tell who waits.
                wait_for_waiting(4, "all have seen that there is news")
        for one in looks:
            one.result(timeout=60)

    assert [str(message.subject) for message in mail.outbox] == [EIGHTY]


# After posting


def test_posting_does_not_mind_a_cache_that_is_away(key: ApiKey, settings: Settings) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:9/0"}}

    spend(key, 80)

    assert look(key) == [EIGHTY]


@pytest.mark.skipif(IS_PRODUCTION, reason="the thread of trial mode; the worker has its own test")
@pytest.mark.django_db(transaction=True)
def test_posting_leads_to_the_mail(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BUDGET_SECONDS", 0.05)
    now = datetime.now(UTC)

    spend(key, 80, at=now)
    for thread in threading.enumerate():
        if thread.name == tasks.BUDGET_THREAD_NAME:
            thread.join(30)

    assert [message.to for message in mail.outbox] == [[owner_of(key).email]]


@pytest.mark.production
def test_one_look_for_many_postings_is_left_to_a_worker(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BUDGET_SECONDS", 600)
    before = datetime.now(UTC)
    spend(key, 40)
    spend(key, 40)

    with redis.Redis.from_url(django_settings.REDIS_URL) as broker:
        (message,) = map(json.loads, broker.lrange(django_settings.CELERY_TASK_DEFAULT_QUEUE, 0, -1))
    assert (message["headers"]["task"], message["headers"]["argsrepr"]) == (
        "analytics.look_at_budget",
        f"({key.organization_id},)",
    )
    # Whatever was posted while the look was planned is committed before it.
    assert datetime.fromisoformat(message["headers"]["eta"]) >= before + timedelta(seconds=600)


def test_the_clock_looks_at_budgets() -> None:
    assert "analytics.look_at_budgets" in {one["task"] for one in django_settings.CELERY_BEAT_SCHEDULE.values()}
