"""Records and receipts that are gone: sums stay, whatever happens afterwards, and nothing is ever posted twice."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts import purging
from analytics import retention, rollups, verification
from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord, RecordsKept, RejectedRecord, SeenValue, UsageBatch
from analytics.verification import Difference
from config import env
from orgs.models import ApiKey
from orgs.models.organization import PURGED_AFTER
from orgs.services import organizations
from tests.analytics.usage_lines import id_at, lines_of, make_record, post, post_lines
from tests.factories import make_key, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FIRST = datetime(2026, 2, 1, 22, tzinfo=UTC)
NOW = FIRST + timedelta(days=100)
ID = id_at(FIRST)


@pytest.fixture
def key() -> ApiKey:
    """With a call at ten in the evening on each of ten days."""
    key = make_key(make_team(make_organization(timezone="UTC")))[0]
    for number in range(10):
        day = FIRST + timedelta(days=number)
        post(make_record(key, at=day, tags=("a",)), make_record(key, at=day), now=day)
    return key


def sums(key: ApiKey) -> list[Any]:
    columns = ("day", "cost_pico_usd", "request_count")
    return [
        list(table.objects.filter(organization_id=key.organization_id).order_by("day", "pk").values_list(*columns))
        for table in (DailyUsage, DailyTagUsage)
    ]


def total(key: ApiKey) -> int:
    return sum(row.request_count for row in DailyUsage.objects.filter(organization_id=key.organization_id))


def differences(key: ApiKey) -> list[Difference]:
    days = verification.days_of(key.organization_id, date.min, date.max)
    found = [one for day in days for one in verification.check_day(key.organization_id, day)]
    return [*found, *verification.check_receipts(date.min, date.max)]


def test_records_go_by_whole_local_days_and_the_sums_stay(key: ApiKey) -> None:
    organization = key.organization
    before = sums(key)

    assert retention.remove_old_records(now=NOW, keep_days=0, by_day=True) == 0
    assert retention.remove_old_records(now=NOW, keep_days=95, by_day=True) == 10
    assert retention.remove_old_records(now=NOW, keep_days=95, by_day=True) == 0

    kept = LedgerRecord.objects.filter(organization_id=organization.pk)
    assert sorted(set(kept.values_list("local_day", flat=True))) == [date(2026, 2, day) for day in range(6, 11)]
    assert RecordsKept.objects.get().first_day == date(2026, 2, 6)
    assert sums(key) == before
    assert differences(key) == []


def test_keeping_more_from_now_on_makes_no_day_whole_again(key: ApiKey) -> None:
    retention.remove_old_records(now=NOW, keep_days=95, by_day=True)
    post(make_record(key, at=FIRST - timedelta(days=80)))  # waited in a journal all the time

    assert retention.remove_old_records(now=NOW, keep_days=150, by_day=True) == 1
    assert RecordsKept.objects.get().first_day == date(2026, 2, 6)


def test_neither_a_rebuild_nor_other_time_zones_touch_the_sums_of_what_is_gone(key: ApiKey) -> None:
    retention.remove_old_records(now=NOW, keep_days=95, by_day=True)
    late = make_record(key, at=FIRST + timedelta(days=1))
    post(late)  # waited in a journal all the time
    before, requests = sums(key), total(key)

    rollups.rebuild(key.organization_id, date.min, date.max)
    assert sums(key) == before
    # The first evening that is kept becomes the next day in Tokyo, and comes back; in Honolulu it stays.
    for zone in ("Asia/Tokyo", "Pacific/Honolulu", "Asia/Tokyo", "UTC"):
        rollups.change_timezone(key.organization_id, zone)
        assert total(key) == requests
        assert differences(key) == []
    assert sums(key) == before
    assert retention.remove_old_records(now=NOW, keep_days=95, by_day=True) == 1
    assert (sums(key), differences(key)) == (before, [])


def test_a_segment_that_comes_again_after_its_receipt_and_its_records_are_gone_adds_nothing(key: ApiKey) -> None:
    old, young = (make_record(key, at=FIRST + timedelta(days=number)) for number in (0, 8))
    segment_id = str(uuid4())
    post(old, young, segment_id=segment_id, now=FIRST + timedelta(days=8))
    before = total(key)
    retention.remove_old_records(now=NOW, keep_days=95, by_day=True)
    assert retention.remove_old_receipts(now=NOW, keep_days=0) == 0
    assert retention.remove_old_receipts(now=NOW, keep_days=91) == 10
    assert not UsageBatch.objects.filter(pk=segment_id).exists()

    post(old, young, segment_id=segment_id, now=NOW)

    assert total(key) == before
    assert [rejected.reason for rejected in RejectedRecord.objects.all()] == [
        "too old to tell whether it was posted before"
    ]
    assert differences(key) == []


def test_a_segment_that_waited_longer_than_receipts_are_kept_is_posted_where_the_records_would_tell(
    key: ApiKey,
) -> None:
    retention.remove_old_receipts(now=NOW, keep_days=91)
    segment_id, before = str(uuid4()), total(key)

    for _ in range(2):
        post(make_record(key, id=ID, at=FIRST), segment_id=segment_id, now=NOW)
        UsageBatch.objects.all().delete()

    assert total(key) == before + 1
    assert not RejectedRecord.objects.exists()


def test_a_purged_organization_leaves_the_receipts_of_others_true(key: ApiKey) -> None:
    other = make_key()[0]
    post_lines(lines_of(make_record(key, at=FIRST), make_record(other, at=FIRST)))
    organizations.delete(organization=other.organization, now=NOW, by=None)

    assert purging.purge_due(now=NOW + PURGED_AFTER + timedelta(minutes=1)) == 1
    assert differences(key) == []


def test_values_that_nobody_sends_any_more_are_forgotten(key: ApiKey) -> None:
    again = FIRST + timedelta(days=500)
    post(make_record(key, at=FIRST, tags=("once", "always"), version=3, prompt_key="chat"), now=FIRST)
    post(make_record(key, at=again, tags=("always",)), now=again)

    retention.remove_old_values(now=again, keep_days=400)
    kept = set(SeenValue.objects.values_list("value", flat=True))

    assert "always" in kept
    assert not kept & {"once", "a", "3 chat"}


def test_settings_that_would_forget_too_soon_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for days, kept in (("", 0), ("0", 0), ("62", 62), ("4000", 4000)):
        monkeypatch.setenv("RECORD_RETENTION_DAYS", days)
        assert env.read_days_kept("RECORD_RETENTION_DAYS", 0, least=62) == kept
    monkeypatch.setenv("RECORD_RETENTION_DAYS", "61")
    with pytest.raises(ImproperlyConfigured, match="the least is 62 days"):
        env.read_days_kept("RECORD_RETENTION_DAYS", 0, least=62)
