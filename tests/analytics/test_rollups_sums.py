"""Whatever was posted, in whatever segments: every way to split the total adds up to it, and so do the records."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Q, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import rollups
from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord
from analytics.models.usage import UNCOUNTED
from analytics.quantities import COLUMNS, QUANTITY_COLUMNS
from analytics.usage import TokenUsage, UsageRecord
from orgs.models import ApiKey
from tests.analytics.usage_lines import make_record, post, rollup_rows
from tests.factories import make_key, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

ZONES = ("UTC", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati")
# The days around which the clocks of Berlin and New York change in 2026, and one on which none do.
CHANGES = (date(2026, 3, 8), date(2026, 3, 29), date(2026, 7, 1), date(2026, 10, 25), date(2026, 11, 1))
SPLITS = ("day", "team_id", "api_key_id", "prompt_key", "version", "provider", "model")
COUNTS = ("cost_pico_usd", "request_count", "error_count", "failed_request_count", "unpriced_count", "pending_count")
SUMS = (*COUNTS, *QUANTITY_COLUMNS)

moments = st.builds(
    lambda day, minutes: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-24 * 60, 48 * 60) | st.sampled_from([-345, -301, -300, -241, -240, -120, -61, -60, 0, 1095]),
)
changes = st.fixed_dictionaries(
    {"at": moments, "usage": st.builds(TokenUsage, **dict.fromkeys(COLUMNS, st.integers(0, 10**6)))},
    optional={
        "prompt_key": st.sampled_from(["greeting", "summary"]),
        "version": st.integers(1, 2),
        "tags": st.lists(st.sampled_from(["a", "b", "c"]), max_size=3, unique=True).map(tuple),
        "model": st.sampled_from(["gpt-4o", "gpt-4o-mini", "no such model", ""]),
        "state": st.sampled_from(["complete", "complete", "interrupted", "simulated", "pending"]),
        "metering": st.sampled_from(["metered", "metered", "unmetered", "free"]),
        "usage_source": st.sampled_from(["provider", "estimated"]),
        "status": st.sampled_from([200, 429, 502]),
        "error_code": st.sampled_from(["", "upstream_broken"]),
        "latency_ms": st.integers(0, 10**6),
        "first_token_ms": st.integers(-1, 10**6),
    },
)
segments = st.lists(st.lists(st.tuples(st.integers(0, 2), changes), max_size=6), min_size=1, max_size=3)
thorough = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def keys_of_two_teams(timezone: str) -> list[ApiKey]:
    organization = make_organization(timezone=timezone)
    team = make_team(organization)
    return [make_key(team)[0], make_key(team)[0], make_key(make_team(organization))[0]]


def post_segments(keys: list[ApiKey], drawn: list[list[tuple[int, dict[str, Any]]]]) -> list[UsageRecord]:
    """Post each segment, each sharing its first record with the one before. Returns what was posted, once."""
    posted: list[UsageRecord] = []
    for segment in drawn:
        records = [make_record(keys[number], **fields) for number, fields in segment]
        assert post(*posted[-1:], *records).rejected_count == 0
        posted += records
    return posted


def is_counted(record: UsageRecord) -> bool:
    return record.state != "simulated" and record.metering != "free"


def totals_by(organization_id: int, column: str) -> dict[str, int]:
    groups = DailyUsage.objects.filter(organization_id=organization_id).values(column)
    rows = groups.annotate(**{f"sum_{name}": Sum(name) for name in SUMS})
    return {name: sum(row[f"sum_{name}"] for row in rows) for name in SUMS}


@thorough
@given(timezone=st.sampled_from(ZONES), drawn=segments)
def test_every_split_adds_up_to_what_the_records_cost(timezone: str, drawn: list[Any]) -> None:
    keys = keys_of_two_teams(timezone)
    organization_id = keys[0].organization_id
    posted = post_segments(keys, drawn)

    records = LedgerRecord.objects.filter(organization_id=organization_id).exclude(cost_status__in=UNCOUNTED)
    costs = [record.cost_pico_usd for record in records]
    requests = [record for record in records if record.is_request]
    counted = [record.usage for record in posted if is_counted(record)]
    expected = {
        "cost_pico_usd": sum(cost for cost in costs if cost is not None),
        "request_count": len(requests),
        "error_count": sum(record.is_error for record in records),
        "failed_request_count": sum(record.is_error for record in requests),
        "unpriced_count": sum(record.cost_status == "unpriced" for record in requests),
        "pending_count": sum(record.cost_status == "pending" for record in requests),
        **{column: sum(getattr(usage, name) for usage in counted) for name, column in COLUMNS.items()},
    }
    assert LedgerRecord.objects.filter(organization_id=organization_id).count() == len(posted)
    for column in SPLITS:
        assert totals_by(organization_id, column) == expected


@thorough
@given(timezone=st.sampled_from(ZONES), drawn=segments)
def test_each_day_holds_what_its_calendar_says(timezone: str, drawn: list[Any]) -> None:
    keys = keys_of_two_teams(timezone)
    posted = post_segments(keys, drawn)

    tokens: Counter[date] = Counter()
    for record in posted:
        moment = datetime.fromtimestamp(record.started_at // 1_000_000, ZoneInfo(timezone))
        if is_counted(record):
            tokens[moment.date()] += record.usage.input
    days = DailyUsage.objects.filter(organization_id=keys[0].organization_id).values("day")
    summed = dict(days.annotate(tokens=Sum("input_tokens")).values_list("day", "tokens"))
    assert +Counter(summed) == +tokens


@thorough
@given(timezone=st.sampled_from(ZONES), drawn=segments)
def test_tags_overlap_and_the_untagged_complete_them(timezone: str, drawn: list[Any]) -> None:
    keys = keys_of_two_teams(timezone)
    organization_id = keys[0].organization_id
    post_segments(keys, drawn)

    records = LedgerRecord.objects.filter(organization_id=organization_id, cost_pico_usd__gt=0)

    def cost_of(belongs: Callable[[LedgerRecord], bool]) -> int:
        return sum(record.cost_pico_usd or 0 for record in records if belongs(record))

    by_tag = {
        tag: DailyTagUsage.objects.filter(Q(organization_id=organization_id), tag=tag).aggregate(
            cost=Sum("cost_pico_usd", default=0)
        )["cost"]
        for tag in ("a", "b", "c", "")
    }
    assert by_tag == {
        **{tag: cost_of(lambda record, tag=tag: tag in record.tags) for tag in ("a", "b", "c")},  # type: ignore[misc]
        "": cost_of(lambda record: not record.tags),
    }
    tagged = cost_of(lambda record: bool(record.tags))
    assert by_tag[""] + tagged == totals_by(organization_id, "day")["cost_pico_usd"]


@thorough
@given(timezone=st.sampled_from(ZONES), other=st.sampled_from(ZONES), drawn=segments)
def test_a_rebuild_equals_what_posting_added_up_in_every_time_zone(timezone: str, other: str, drawn: list[Any]) -> None:
    keys = keys_of_two_teams(timezone)
    organization_id = keys[0].organization_id
    post_segments(keys, drawn)
    posted = rollup_rows(organization_id)

    rollups.rebuild(organization_id, date.min, date.max)
    assert rollup_rows(organization_id) == posted

    rollups.change_timezone(organization_id, other)
    total = totals_by(organization_id, "team_id")
    in_other = rollup_rows(organization_id)
    rollups.rebuild(organization_id, date.min, date.max)
    assert rollup_rows(organization_id) == in_other

    rollups.change_timezone(organization_id, timezone)
    assert rollup_rows(organization_id) == posted
    assert totals_by(organization_id, "team_id") == total
