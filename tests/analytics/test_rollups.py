"""The roll-ups: histograms, recomputing days, other time zones, taking records out again."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest
from django.db import transaction
from django.db.models import Sum

from analytics import reports, rollups
from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord
from analytics.models.rollups import FIGURE_COLUMNS
from analytics.quantities import QUANTITY_COLUMNS
from orgs.models import ApiKey, Organization
from tests.analytics.usage_lines import NOON, USUAL_COST, make_record, post, rollup_rows
from tests.factories import make_key, make_organization, make_team

database = [pytest.mark.trial, pytest.mark.django_db]
TODAY = NOON.date()


@pytest.fixture
def key() -> ApiKey:
    return make_key(make_team(make_organization(timezone="Europe/Berlin")))[0]


# --- Histograms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration_ms", "bucket"),
    [(0, 0), (31, 0), (32, 1), (45, 1), (46, 2), (63, 2), (64, 3), (262_143, 26), (262_144, 27), (10**9, 27)],
)
def test_each_bucket_reaches_sqrt_two_times_as_far(duration_ms: int, bucket: int) -> None:
    assert rollups.bucket_of(duration_ms) == bucket


def test_quantiles_are_interpolated_inside_their_bucket() -> None:
    counts = [0] * 28
    assert rollups.quantile_ms(counts, 0.5) is None
    counts[0] = 2
    assert rollups.quantile_ms(counts, 0.5) == 16
    counts[1] = counts[27] = 1
    assert rollups.quantile_ms(counts, 0.75) == pytest.approx(32 * 2**0.5)
    assert rollups.quantile_ms(counts, 1) == 262_144


def test_reports_add_up_every_sum_but_durations_and_records_have_every_quantity() -> None:
    assert set(reports.SUM_COLUMNS) == set(FIGURE_COLUMNS)
    assert set(QUANTITY_COLUMNS) <= set(FIGURE_COLUMNS) & set(rollups.FACT_COLUMNS)


# --- Recomputing ------------------------------------------------------------------------------------------------------


class TestInTheDatabase:
    pytestmark = database

    def test_rebuilding_mends_wrong_sums_and_nothing_else(self, key: ApiKey) -> None:
        other, _ = make_key()
        yesterday = NOON - timedelta(days=1)
        post(make_record(key), make_record(key, at=yesterday, tags=("beta",)), make_record(other))
        right, others = rollup_rows(key.organization_id), rollup_rows(other.organization_id)
        DailyUsage.objects.update(cost_pico_usd=1, request_count=9)
        DailyUsage.objects.filter(day=yesterday).update(model="nonsense")
        DailyTagUsage.objects.filter(organization_id=key.organization_id).delete()

        rollups.rebuild(key.organization_id, yesterday.date(), TODAY)

        assert rollup_rows(key.organization_id) == right
        assert rollup_rows(other.organization_id) != others

    def test_rebuilding_stays_inside_its_days(self, key: ApiKey) -> None:
        post(*(make_record(key, at=NOON + timedelta(days=days)) for days in (-1, 0, 1)))
        DailyUsage.objects.update(request_count=9)

        rollups.rebuild(key.organization_id, TODAY, TODAY)

        assert list(DailyUsage.objects.order_by("day").values_list("request_count", flat=True)) == [9, 1, 9]

    def test_a_day_whose_records_are_gone_keeps_its_sums(self, key: ApiKey) -> None:
        post(make_record(key), make_record(key, at=NOON - timedelta(days=1)))
        before = rollup_rows(key.organization_id)
        LedgerRecord.objects.filter(local_day__lt=TODAY).delete()

        rollups.rebuild(key.organization_id, date(2026, 1, 1), date(2026, 12, 31))

        assert rollup_rows(key.organization_id) == before

    def test_records_can_be_taken_out_again_and_put_back_at_another_cost(self, key: ApiKey) -> None:
        post(make_record(key, tags=("a", "b")), make_record(key, model="gpt-99"))
        facts = [rollups.facts_of(row) for row in LedgerRecord.objects.values_list(*rollups.FACT_COLUMNS)]
        before = rollup_rows(key.organization_id)

        with transaction.atomic():
            rollups.apply_delta(facts, -1)
            assert not any(DailyUsage.objects.aggregate(Sum("request_count"), Sum("cost_pico_usd")).values())
            rollups.apply_delta(facts)
        assert rollup_rows(key.organization_id) == before

        LedgerRecord.objects.filter(model="gpt-99").update(cost_pico_usd=5, cost_status="priced")
        repriced = [rollups.facts_of(row) for row in LedgerRecord.objects.values_list(*rollups.FACT_COLUMNS)]
        with transaction.atomic():
            rollups.changes(removed=facts, added=repriced)

        changed = rollup_rows(key.organization_id)
        assert changed != before
        rollups.rebuild(key.organization_id, TODAY, TODAY)
        assert rollup_rows(key.organization_id) == changed

    # --- Time zones ---------------------------------------------------------------------------------------------------

    def test_another_time_zone_draws_the_days_anew_and_back_again(self, key: ApiKey) -> None:
        # Both ends of Berlin's shortest day, and a quarter of an hour around Kathmandu's midnight.
        moments = ["28T22:59", "28T23:00", "29T21:59", "29T22:00", "28T18:14", "28T18:15"]
        records = [
            make_record(key, at=datetime.fromisoformat(f"2026-03-{moment}Z"), tags=("beta",)) for moment in moments
        ]
        post(*records)
        before = rollup_rows(key.organization_id)

        rollups.change_timezone(key.organization_id, "Asia/Kathmandu")

        days = dict(DailyUsage.objects.values_list("day", "request_count"))
        assert days == {date(2026, 3, 28): 1, date(2026, 3, 29): 3, date(2026, 3, 30): 2}
        assert Organization.objects.get(id=key.organization_id).timezone == "Asia/Kathmandu"
        in_kathmandu = rollup_rows(key.organization_id)
        rollups.rebuild(key.organization_id, date(2026, 3, 1), date(2026, 4, 30))
        assert rollup_rows(key.organization_id) == in_kathmandu
        rollups.change_timezone(key.organization_id, "Europe/Berlin")
        assert rollup_rows(key.organization_id) == before

    def test_changing_the_time_zone_loses_nothing_of_days_whose_records_are_gone(self, key: ApiKey) -> None:
        # 23:30 UTC is the next day in Berlin, and still the day before in New York.
        late = NOON.replace(hour=23, minute=30)
        post(make_record(key, at=NOON), make_record(key, at=late))
        LedgerRecord.objects.filter(local_day=TODAY).delete()

        rollups.change_timezone(key.organization_id, "America/New_York")

        assert dict(DailyUsage.objects.values_list("day", "cost_pico_usd")) == {TODAY: 2 * USUAL_COST}

    def test_an_unknown_time_zone_is_refused_and_nothing_moves(self, key: ApiKey) -> None:
        post(make_record(key))

        with pytest.raises(ZoneInfoNotFoundError):
            rollups.change_timezone(key.organization_id, "Mars/Olympus")

        assert Organization.objects.get(id=key.organization_id).timezone == "Europe/Berlin"

    def test_an_organization_without_records_changes_its_time_zone(self, key: ApiKey) -> None:
        rollups.change_timezone(key.organization_id, "UTC")

        assert Organization.objects.get(id=key.organization_id).timezone == "UTC"
