"""Reading records by their start leaves none out, in months or not, and posting sees to it that it cannot."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from analytics import call_ids, ledger
from analytics.call_ids import SLACK
from analytics.models import LedgerRecord
from analytics.partitions.reading import began, began_around
from tests.analytics.usage_lines import NOON, id_at, lines_of, make_record, post
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

_MICROSECOND = timedelta(microseconds=1)


def test_a_start_finds_every_record_whose_id_is_within_the_slack() -> None:
    key = make_key()[0]
    chance = random.Random(5)
    starts = [NOON + timedelta(microseconds=chance.randrange(40 * 86_400_000_000)) for _ in range(60)]
    skews = [-SLACK, SLACK, timedelta(0)]
    post(*(make_record(key, at=at, id=id_at(at + skews[number % 3])) for number, at in enumerate(starts)))

    for _ in range(300):
        since, before = sorted([chance.choice(starts), chance.choice(starts) + chance.choice([0, 1]) * _MICROSECOND])
        inside = set(LedgerRecord.objects.filter(began(since, before)).values_list("started_at", flat=True))
        assert inside == {at for at in starts if since <= at < before}
        until = LedgerRecord.objects.filter(began(until=before)).values_list("started_at", flat=True)
        assert set(until) == {at for at in starts if at <= before}
    assert LedgerRecord.objects.filter(began_around(date.min, date.max)).count() == len(starts)


@pytest.mark.parametrize("skew", [SLACK, -SLACK])
def test_a_line_with_the_id_of_another_day_is_put_aside(skew: timedelta) -> None:
    key = make_key()[0]
    most, too_much = (make_record(key, id=id_at(NOON + by)) for by in (skew, skew * 1.0001))

    entries, rejections = ledger.read_lines(lines_of(most, too_much))

    assert [entry.record.id for entry in entries] == [most.id]
    assert [rejection.reason for rejection in rejections] == ["unreadable: the id is of another time than the call"]


def test_ids_stay_within_their_bits_at_the_ends_of_the_calendar() -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert call_ids.id_from(first) == UUID(int=0)
    assert call_ids.id_from(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)).hex == f"{1000:012x}{0:020x}"
    assert LedgerRecord.objects.filter(began(first, last)).count() == 0
