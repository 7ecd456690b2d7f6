"""Pending calls and their outcomes posted at the same moment, while others reprice, rebuild and move the days."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from django.db import transaction

from analytics import price_book, repricing, rollups
from analytics.models import DailyUsage, LedgerRecord
from analytics.usage import UsageRecord
from orgs.models import ApiKey, Organization
from tests.analytics.at_once import AT_MOST, threads, wait_for_waiting
from tests.analytics.later_calls import (
    ANSWER_COST,
    ANSWERED,
    EVER,
    RESULTS,
    RESULTS_COST,
    SUMMED,
    assert_rollups_are_those_of_the_records,
    background,
    batch,
    fetched,
    named,
)
from tests.analytics.usage_lines import NOON, id_at, post
from tests.factories import make_key

pytestmark = [pytest.mark.production, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def key() -> ApiKey:
    price_book.current()
    return make_key()[0]


def assert_booked(key: ApiKey, costs: dict[str, int]) -> None:
    records = LedgerRecord.objects.exclude(object_id="")
    assert dict(records.values_list("object_id", "cost_pico_usd")) == costs
    assert sum(DailyUsage.objects.values_list("cost_pico_usd", flat=True)) == sum(costs.values())
    assert_rollups_are_those_of_the_records(key)


@pytest.mark.parametrize("first", ["record", "outcome"])
def test_who_posts_the_other_half_meanwhile_waits_and_finds_the_first(key: ApiKey, first: str) -> None:
    halves = [background(key, tags=()), fetched(key, ANSWERED)]
    if first == "outcome":
        halves.reverse()
    # Something of the first half's segment that it has to wait for at its very end.
    held = background(key, "resp_held", tags=())
    post(held)
    with threads(2) as start:
        with transaction.atomic():
            DailyUsage.objects.select_for_update().get()
            one = start(lambda: post(halves[0], msgspec.structs.replace(held, id=id_at(NOON), object_id="resp_other")))
            wait_for_waiting(1, "the first half waits for the roll-up")
            other = start(lambda: post(halves[1]))
            wait_for_waiting(2, "the second half waits for the first")
        one.result(timeout=60)
        other.result(timeout=60)

    assert LedgerRecord.objects.get(object_id="resp_1").cost_pico_usd == ANSWER_COST
    assert sum(DailyUsage.objects.values_list("cost_pico_usd", flat=True)) == ANSWER_COST


def test_everything_that_is_told_of_many_calls_at_once_counts_once(
    key: ApiKey, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = range(12)
    costs = {f"resp_{n}": ANSWER_COST for n in numbers} | {f"batch_{n}": RESULTS_COST for n in numbers}

    def of(number: int) -> list[UsageRecord]:
        told = [
            fetched(key, msgspec.structs.replace(one, object_id=f"{kind}_{number}"), provider=provider)
            for one, kind, provider in (
                (ANSWERED, "resp", "openai"),
                (ANSWERED, "resp", "openai"),
                (SUMMED, "batch", "anthropic"),
                (RESULTS, "file", "anthropic"),
            )
        ]
        files = named(key, (f"file_{number}", f"batch_{number}"))
        return [background(key, f"resp_{number}"), batch(key, f"batch_{number}"), files, *told]

    records = [one for number in numbers for one in of(number)]
    # Each kind of line stands in another segment than those that it belongs to, in this order or the other.
    segments = [records[start::5][:: 1 if start % 2 else -1] for start in range(5)]
    zones = ["Asia/Kathmandu", "Pacific/Kiritimati", "UTC"]
    besides: list[Callable[[], object]] = [
        partial(repricing.reprice, organization_id=key.organization_id),
        partial(rollups.rebuild, key.organization_id, *EVER),
        *(partial(rollups.change_timezone, key.organization_id, zone) for zone in zones),
        partial(repricing.reprice, organization_id=key.organization_id),
    ]
    with threads(AT_MOST) as start:
        with transaction.atomic():
            Organization.objects.select_for_update().get(pk=key.organization_id)
            running = [start(lambda part=part: post(*part)) for part in [*segments, *segments]]
            running += [start(act) for act in besides]
        for future in running:
            future.result(timeout=120)

    assert_booked(key, costs)
    assert "deadlock detected" not in caplog.text
