"""What waits for its other half: how much of it, how long, and what is not let in."""

from datetime import timedelta

import msgspec
import pytest
from pytest_django import DjangoAssertNumQueries

from analytics import completions
from analytics.models import CreatedObject
from analytics.usage import TokenUsage
from orgs.models import ApiKey
from tests.analytics.later_calls import (
    ANSWER_COST,
    ANSWERED,
    NOTHING,
    RESULTS,
    RESULTS_COST,
    background,
    batch,
    cost_of,
    fetched,
    named,
)
from tests.analytics.usage_lines import NOON, make_record, post
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


def test_a_completion_with_impossible_numbers_is_rejected_and_its_call_stays_pending(key: ApiKey) -> None:
    record = background(key)
    bad = [
        msgspec.structs.replace(ANSWERED, usage=TokenUsage(input=-1)),
        msgspec.structs.replace(ANSWERED, usage=TokenUsage(output=10**16)),
    ]
    receipt = post(record, *(fetched(key, one) for one in bad))
    assert (receipt.inserted_count, receipt.rejected_count) == (1, 2)
    assert cost_of(record) == (None, "pending")


def test_only_so_much_waits_for_calls_that_nobody_knows(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(completions, "MOST_UNCLAIMED", 3)
    record = background(key)
    post(record, *(fetched(key, msgspec.structs.replace(ANSWERED, object_id=f"resp_x{n}")) for n in range(5)))
    post(named(key, ("file_5", "batch_5"), provider="openai"), fetched(key, ANSWERED))

    assert CreatedObject.objects.filter(record_id=None).count() == 3
    assert "more than 3 results" in caplog.text
    assert cost_of(record) == (ANSWER_COST, "priced")


def test_what_belongs_to_a_known_call_is_always_kept(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completions, "MOST_UNCLAIMED", 0)
    record = batch(key)
    for one in (record, named(key, ("file_1", "batch_1")), fetched(key, RESULTS, provider="anthropic")):
        post(one)
    assert cost_of(record) == (RESULTS_COST, "priced")


def test_what_waited_long_enough_is_forgotten_and_pending_calls_are_not(key: ApiKey) -> None:
    waiting, done = background(key, "resp_7"), background(key)
    post(waiting, done, fetched(key, ANSWERED), fetched(key, msgspec.structs.replace(ANSWERED, object_id="resp_8")))
    day = NOON + timedelta(days=60)

    assert completions.prune(now=day, days=60) == 0
    assert completions.prune(now=day + timedelta(seconds=1), days=60) == 2

    assert CreatedObject.objects.get().object_id == "resp_7"
    post(fetched(key, msgspec.structs.replace(ANSWERED, object_id="resp_7")))
    assert cost_of(waiting) == (ANSWER_COST, "priced")


def test_ids_that_no_provider_gives_are_not_kept(key: ApiKey) -> None:
    record = background(key, "r" * 129)
    post(record, fetched(key, msgspec.structs.replace(ANSWERED, object_id="r" * 129)), named(key, ("f" * 200, "b")))
    assert cost_of(record) == (None, "pending")
    assert not CreatedObject.objects.exists()


def test_calls_that_tell_nothing_of_others_ask_the_database_nothing(
    key: ApiKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    records = [make_record(key, **NOTHING)]
    with django_assert_num_queries(0):
        assert completions.settle(records, now=NOON).records == records
