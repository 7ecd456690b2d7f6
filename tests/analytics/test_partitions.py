"""Usage records in months: they say what one table says, and whole months go when they are old.

`python -m tests.run --mode months`, a part of `make test-all`, runs all other tests of the ledger with them.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import Settings

from accounts import tasks as accounts_tasks
from analytics import periods, reports, request_log, retention, rollups, tasks, verification
from analytics.models import DailyUsage, LedgerRecord, RecordsKept, UsageBatch
from analytics.partitions import conversion, dropping, months, reading, shape
from analytics.partitions.months import TooManyOutside
from analytics.partitions.shape import OUTSIDE, TABLE, State
from analytics.reports import hours, remainders
from orgs.models import ApiKey, Organization
from orgs.services import organizations
from tests.admin.staff import make_staff, signed_in
from tests.analytics.made_up_usage import World, make_world
from tests.analytics.months import NOW, partition, plain_copy
from tests.analytics.usage_lines import id_at, lines_of, make_record, post, post_lines
from tests.conftest import IS_PARTITIONED
from tests.factories import make_key, make_organization, make_team

pytestmark = [
    pytest.mark.production,
    pytest.mark.django_db,
    pytest.mark.skipif(IS_PARTITIONED, reason="the months are there already; the other run has this"),
]
HALF_A_YEAR = periods.Period(date(2026, 1, 1), date(2026, 6, 9))


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    reading.forget()


@pytest.fixture
def key() -> ApiKey:
    """In Tokyo, where days begin before those of ids, with a call on the first and the last of each month."""
    key = make_key(make_team(make_organization(timezone="Asia/Tokyo")))[0]
    partition()
    for month in range(1, 7):
        first = datetime(2026, month, 1, 0, 30, tzinfo=UTC)
        last = first - timedelta(hours=1)
        post(make_record(key, at=first, tags=("a",)), make_record(key, at=last), now=first)
    return key


def differences(key: ApiKey) -> list[verification.Difference]:
    days = verification.days_of(key.organization_id, date.min, date.max)
    found = [one for day in days for one in verification.check_day(key.organization_id, day)]
    found += verification.check_ids(key.organization_id, date.min, date.max)
    return [*found, *verification.check_receipts(date.min, date.max)]


def parts() -> list[str]:
    found = shape.read()
    return [part.name.removeprefix(f"{TABLE}_") for part in found.parts] if found else []


# --- The same figures -------------------------------------------------------------------------------------------------


def questions(world: World) -> Iterator[reports.Scope]:
    yield world.scope(HALF_A_YEAR)
    for first, last in (("2026-03-31", "2026-04-01"), ("2026-02-01", "2026-02-28"), ("2026-05-31", "2026-05-31")):
        period = periods.Period(date.fromisoformat(first), date.fromisoformat(last))
        yield world.scope(period)
        yield world.scope(period, tag="search", team_id=world.keys[0].team_id)


def told(world: World, scope: reports.Scope) -> list[Any]:
    """Whatever is read from records: the log forwards and back, the hours, what is left of a day."""
    question = request_log.Question(scope, world.organization.tz)
    page = request_log.read_page(question, size=30)
    pages = [page]
    while page.older:
        page = request_log.read_page(question, older=page.older, size=30)
        pages.append(page)
    back = request_log.read_page(question, newer=pages[-1].newer, size=30) if pages[-1].newer else None
    noon = periods.start_of(scope.period.end, world.organization.tz) + timedelta(hours=12)
    return [
        [[row.record.pk for row in one.rows] for one in [*pages, *([back] if back else [])]],
        hours.hourly_costs_of_days(scope, world.organization.tz, "model"),
        remainders.read_remainder(scope, noon, ("model",), ("tag",)).groups,
        rollups.rows_of(rollups.records_of(world.organization.pk, scope.period.start)),
    ]


def test_the_log_and_the_hours_say_what_one_table_says() -> None:
    partition(month=date(2026, 3, 1))
    world = make_world("Pacific/Auckland", HALF_A_YEAR.start, HALF_A_YEAR.end, calls=150)
    scopes = list(questions(world))

    in_months = [told(world, scope) for scope in scopes]
    with plain_copy():
        in_one_table = [told(world, scope) for scope in scopes]

    assert in_months == in_one_table
    assert len(in_months[0][0]) > 4


def test_what_is_asked_of_some_days_looks_into_their_month_alone(key: ApiKey) -> None:
    scope = reports.Scope(key.organization_id, periods.Period(date(2026, 4, 10), date(2026, 4, 16)))
    log = request_log.records_of(request_log.Question(scope, key.organization.tz)).order_by("-started_at", "-pk")[:51]

    assert looked_into(log) == looked_into(hours.records_in(scope)) == {"2026_04"}
    assert looked_into(LedgerRecord.objects.filter(pk=UUID(id_at(NOW)))) == {"2026_06"}


def looked_into(asked: QuerySet[LedgerRecord]) -> set[str]:
    return set(re.findall(rf" on {TABLE}_(\w+)", asked.explain()))


# --- Becoming partitioned ---------------------------------------------------------------------------------------------


def test_the_table_that_was_there_becomes_a_part_and_posting_knows_what_is_in_it() -> None:
    key = make_key()[0]
    lines = lines_of(make_record(key, at=datetime(2026, 5, 31, 23, tzinfo=UTC)), make_record(key, at=NOW))
    post_lines(lines[:1])
    before = indexes()

    said = partition(month=conversion.first_month(NOW))
    post_lines(lines, now=NOW)
    post(make_record(key, at=datetime(2026, 7, 1, tzinfo=UTC)), make_record(key, at=datetime(2031, 1, 1, tzinfo=UTC)))

    assert [line[:2] for line in said] == ["1.", "2.", "3."]
    assert parts() == ["before_2026_07", "2026_07", "2026_08"]
    assert counts() == {"before_2026_07": 2, "2026_07": 1, "2026_08": 0, "outside": 1}
    assert indexes() == before
    assert shape.state(NOW) == State(months_ahead=2, outside_count=1)
    assert differences(key) == []
    assert partition() == []
    page = signed_in(make_staff("Support")).get("/admin/analytics/ledgerdifference/").content.decode()
    assert 'is-harm">1 record outside of all months;' in page
    call_command("partition_records", "--dry-run", stdout=(out := StringIO()))
    assert f"{OUTSIDE}: of no month, 1 records" in out.getvalue()


def indexes() -> set[str]:
    """Those that migrations know of; each is there for every part."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = %s", [TABLE])
        names = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = to_regclass(%s) AND NOT indisvalid", [TABLE])
        assert cursor.fetchone() == (0,)
    return names


def counts() -> dict[str, int]:
    found = {}
    for name in [*parts(), "outside"]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {TABLE}_{name}")
            (found[name],) = cursor.fetchone()
    return found


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (f"CREATE VIEW seen AS SELECT id FROM {TABLE}", "the view or rule seen reads it"),
        (f"GRANT SELECT (id) ON {TABLE} TO PUBLIC", "rights on its single columns"),
        (f"CREATE UNIQUE INDEX once ON {TABLE} (provider_request_id)", "the index once is unique"),
        (f"UPDATE {TABLE} SET started_at = '2025-01-01'", "is of another time than its call"),
    ],
)
def test_what_stands_in_the_way_is_told_and_nothing_is_done(statement: str, words: str) -> None:
    post(make_record(make_key()[0]))
    with connection.cursor() as cursor:
        cursor.execute(statement)

    for arguments in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=words):
            call_command("partition_records", *arguments, stdout=StringIO())
    assert shape.read() is None


def test_rights_of_others_stay() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT SELECT ON {TABLE} TO pg_monitor WITH GRANT OPTION")
        partition()
        cursor.execute("SELECT has_table_privilege('pg_monitor', %s, 'SELECT WITH GRANT OPTION')", [TABLE])
        assert cursor.fetchone() == (True,)


def test_what_a_run_that_was_cut_off_has_left_is_gone_on_with_or_taken_away_in_time() -> None:
    key = make_key()[0]
    month = conversion.first_month(NOW)
    conversion.add_check(month)

    assert not conversion.forget_stale(NOW)
    assert conversion.forget_stale(datetime(2026, 6, 29, tzinfo=UTC))
    assert post(make_record(key, at=datetime(2026, 7, 1, tzinfo=UTC))).rejected_count == 0

    LedgerRecord.objects.all().delete()
    conversion.add_check(month)
    partition(month=conversion.first_month(datetime(2026, 7, 29, tzinfo=UTC)))
    assert parts()[0] == "before_2026_09"


def test_a_record_that_the_constraint_of_a_run_refuses_is_posted_and_the_run_begins_again() -> None:
    key = make_key()[0]
    conversion.add_check(conversion.first_month(NOW))

    receipt = post(make_record(key, at=datetime(2026, 7, 5, tzinfo=UTC)), make_record(key, at=NOW), now=NOW)

    assert (receipt.inserted_count, receipt.rejected_count) == (2, 0)
    with pytest.raises(conversion.Hindered, match="Run it again"):
        conversion.validate()
    partition(month=conversion.first_month(NOW))
    assert parts()[0] == "before_2026_08"


# --- Months ahead -----------------------------------------------------------------------------------------------------


def test_a_month_that_is_made_late_is_given_its_records(key: ApiKey) -> None:
    late = datetime(2026, 10, 20, tzinfo=UTC)
    for at in (datetime(2026, 9, 1, tzinfo=UTC), late, datetime(2031, 1, 1, tzinfo=UTC)):
        post(make_record(key, at=at), now=late)
    assert shape.state(late) == State(months_ahead=-2, outside_count=3)

    found = shape.read()
    assert found is not None
    with pytest.raises(TooManyOutside):
        months.make_until(found, date(2026, 11, 1), most=0)
    assert months.make_due(late) == [f"{TABLE}_2026_{month:02}" for month in range(9, 13)]
    assert months.make_due(late) == []

    assert counts() | {"2026_09": 1, "2026_10": 1, "outside": 1} == counts()
    assert shape.state(late) == State(months_ahead=2, outside_count=1)
    assert differences(key) == []


# --- Retention --------------------------------------------------------------------------------------------------------


def test_months_are_dropped_when_they_are_over_for_everybody_and_the_books_agree(key: ApiKey) -> None:
    sums = list(DailyUsage.objects.order_by("pk").values_list("day", "cost_pico_usd"))
    now = datetime(2026, 6, 10, 11, tzinfo=UTC)

    # Not before its last day is over everywhere, and the one after it, on which a record of the month may lie.
    assert dropping.drop_old(now=now, keep_days=38) == 7
    assert parts()[0] == "2026_04"
    assert dropping.drop_old(now=now + timedelta(hours=2), keep_days=38) == 2
    assert parts()[0] == "2026_05"
    assert dropping.drop_old(now=now + timedelta(hours=2), keep_days=0) == 0

    assert LedgerRecord.objects.count() == 3
    assert RecordsKept.objects.get().first_day == date(2026, 5, 3)
    assert list(DailyUsage.objects.order_by("pk").values_list("day", "cost_pico_usd")) == sums
    assert differences(key) == []
    rollups.rebuild(key.organization_id, date.min, date.max)
    assert list(DailyUsage.objects.order_by("pk").values_list("day", "cost_pico_usd")) == sums


def test_a_drop_that_is_cut_off_is_told_rightly_and_finished_by_the_next_run(key: ApiKey) -> None:
    (old,) = dropping.find_over(now=datetime(2026, 2, 10, tzinfo=UTC), keep_days=30)
    assert old.first_day is None
    dropping.take_out(old)

    assert differences(key) == []
    assert UsageBatch.objects.filter(removed_count__gt=0).count() == 0
    assert dropping.drop_old(now=NOW, keep_days=0) == 1

    assert shape.find_gone() == []
    assert sum(UsageBatch.objects.values_list("removed_count", flat=True)) == 1
    assert differences(key) == []


def test_a_month_that_is_just_dropped_misses_no_receipt_that_is_gone_for_its_age(key: ApiKey) -> None:
    at = datetime(2026, 1, 15, tzinfo=UTC)
    post(make_record(key, at=at), now=at)
    retention.remove_old_receipts(now=NOW, keep_days=91)
    for old in dropping.find_over(now=datetime(2026, 3, 10, tzinfo=UTC), keep_days=30):
        dropping.take_out(old)

    assert len(shape.find_gone()) == 2
    assert differences(key) == []


def test_a_call_that_comes_after_its_month_is_gone_lies_outside_and_goes_by_days(key: ApiKey) -> None:
    dropping.drop_old(now=NOW, keep_days=62)
    assert parts()[0] == "2026_04"
    late = make_record(key, at=datetime(2026, 2, 14, tzinfo=UTC))
    post(late, now=NOW)
    assert counts()["outside"] == 1

    # Nothing of a month goes by days, unless that is asked for.
    assert retention.remove_old_records(now=NOW, keep_days=62) == 1
    assert counts() == {"2026_04": 2, "2026_05": 2, "2026_06": 1, "2026_07": 0, "2026_08": 0, "outside": 0}
    assert retention.remove_old_records(now=NOW, keep_days=62, by_day=True) == 1
    assert differences(key) == []


def test_a_worker_whose_clock_runs_ahead_by_years_removes_nothing(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.RECORD_RETENTION_DAYS, settings.RECEIPT_RETENTION_DAYS, now = 62, 91, timezone.now()
    partition(month=shape.month_of(now), now=now)
    key, restorable = make_key()[0], make_organization()
    organizations.delete(organization=restorable, now=now)
    post(make_record(key, at=now), now=now)
    there = parts()

    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=5 * 365))
    tasks.keep_months()
    assert parts() == there
    tasks.remove_what_is_old()
    accounts_tasks.purge_organizations()
    assert (LedgerRecord.objects.count(), UsageBatch.objects.count(), RecordsKept.objects.count()) == (1, 1, 0)
    assert Organization.objects.filter(pk=restorable.pk).exists()
