"""Receipts of what is not plain text, or was finished after its answer: in units and words that people know."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.test import Client

from analytics.usage import Completion, TokenUsage, UsageRecord
from orgs.models import ApiKey, Organization
from tests.analytics.later_calls import (
    ANSWERED,
    AUTUMN,
    LATER,
    LONG,
    NOTHING,
    RESULTS,
    SHORT,
    SUMMED,
    background,
    batch,
    fetched,
    named,
)
from tests.analytics.test_receipts import receipt_of, words_of
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def acme(client: Client) -> Organization:
    owner = make_user()
    client.force_login(owner)
    return make_organization("Acme", owner=owner)


@pytest.fixture
def key(acme: Organization) -> ApiKey:
    return make_key(make_team(acme, "backend"), "Checkout")[0]


def answer_of(client: Client, record: UsageRecord) -> dict[str, Any]:
    response = client.get(f"/api/requests/{record.id}")
    assert response.status_code == 200
    found: dict[str, Any] = json.loads(response.content, parse_float=Decimal)
    return found


# --- Units ------------------------------------------------------------------------------------------------------------


def test_images_have_lines_of_their_own(client: Client, acme: Organization, key: ApiKey) -> None:
    usage = TokenUsage(input=1000, input_image=2000, output_image=4000)
    record = make_record(key, at=AUTUMN, model="gpt-image-1", model_requested="gpt-image-1", usage=usage)
    post(record)

    # $5, $10 and $40 a million tokens.
    assert (
        "Input 1,000 $5.00 $0.005 Input, images 2,000 $10.00 $0.02 Output, images 4,000 $40.00 $0.16 Total 7,000 $0.185"
        in words_of(client, acme, record)
    )


def test_a_search_of_files_has_a_rate_of_its_own(client: Client, acme: Organization, key: ApiKey) -> None:
    record = make_record(key, usage=TokenUsage(input=1000, file_searches=3))
    post(record)
    # $2.50 a thousand.
    assert "Input 1,000 $2.50 a million $0.0025 File searches 3 $0.0025 each $0.0075 Total 1,000 tokens $0.01" in (
        words_of(client, acme, record)
    )


def test_a_spoken_text_is_sold_by_its_characters(client: Client, acme: Organization, key: ApiKey) -> None:
    usage = TokenUsage(characters=12_000)
    record = make_record(
        key,
        at=AUTUMN,
        route="audio/speech",
        model="tts-1",
        model_requested="tts-1",
        usage=usage,
        usage_source="request",
    )
    post(record)

    words = words_of(client, acme, record)

    assert "Characters spoken 12,000 $15.00 $0.18" in words  # $15 a million
    assert "Counted in the request, as the provider bills it" in words
    (line,) = answer_of(client, record)["lines"]
    assert (line["unit"], line["quantity"], line["rate_per"], line["rate"]) == ("character", 12_000, 10**6, 15)


def test_a_recording_is_sold_by_its_length(client: Client, acme: Organization, key: ApiKey) -> None:
    record = make_record(
        key, at=AUTUMN, model="whisper-1", model_requested="whisper-1", usage=TokenUsage(audio_ms=90_500)
    )
    post(record)

    assert "Recording 90.5 s $0.006 a minute $0.00905 Total $0.00905" in words_of(client, acme, record)
    (line,) = answer_of(client, record)["lines"]
    expected = {"unit": "second", "quantity": Decimal("90.5"), "rate": Decimal("0.006"), "rate_per": 60}
    assert {name: line[name] for name in expected} == expected
    assert line["amount"] == line["quantity"] * line["rate"] / line["rate_per"] == Decimal("0.00905")


def test_what_has_no_price_tells_its_quantities_all_the_same(client: Client, acme: Organization, key: ApiKey) -> None:
    usage = TokenUsage(audio_ms=60_000, characters=5000, file_searches=2)
    record = make_record(key, model="mystery", model_requested="mystery", usage=usage)
    post(record)
    assert "File searches 2 Characters spoken 5,000 Recording 60 s" in words_of(client, acme, record)


# --- Later ------------------------------------------------------------------------------------------------------------


def test_a_pending_call_says_when_it_is_booked(client: Client, acme: Organization, key: ApiKey) -> None:
    answer, several = background(key), batch(key)
    post(answer, several)

    words = words_of(client, acme, answer)
    assert "Cost pending not yet known" in words
    assert "Tokens not yet known" in words
    assert (
        "The answer is made in the background. Its cost is booked when its result is fetched through the proxy."
        in words
    )
    assert "Until the end of that answer 850 ms Result first fetched not yet" in words
    assert "What it created at the provider resp_1 Copy" in words
    assert "The batch is worked on in the background. Its cost" in words_of(client, acme, several)
    body = answer_of(client, answer)
    assert (body["cost"], body["cost_status"], body["flags"]) == (None, "pending", ["pending"])
    assert (body["object_id"], body["completed_at"], body["lines"]) == ("resp_1", None, [])


def test_a_call_that_was_completed_says_when(client: Client, acme: Organization, key: ApiKey) -> None:
    record = background(key)
    post(record, fetched(key, ANSWERED))

    words = words_of(client, acme, record)

    assert "Cost $0.008" in words
    assert "Reported by the provider later, in an answer that was fetched through the proxy." in words
    assert "Result first fetched 10 Feb 2026, 15:00:00" in words
    assert answer_of(client, record)["completed_at"] == "2026-02-10T15:00:00.000000Z"


def test_a_batch_is_priced_in_groups_of_prompts(client: Client, acme: Organization, key: ApiKey) -> None:
    record = batch(key)
    post(record, named(key, ("file_1", "batch_1")), fetched(key, SUMMED, provider="anthropic"))
    first = words_of(client, acme, record)
    assert "Reported by the provider for the batch as a whole." in first
    assert "Until its results are fetched, the batch is priced as if all its prompts were of their average" in first

    post(fetched(key, RESULTS, provider="anthropic", at=LATER + timedelta(hours=1)))

    words = words_of(client, acme, record)
    assert "claude-sonnet-4-5, prompts of up to 1,000 tokens Input 1,000 $1.50 $0.0015" in words
    assert "claude-sonnet-4-5, prompts of up to 300,000 tokens Input 600,000 $3.00 $1.80" in words
    assert "The prompts of a batch are priced in groups" in words
    assert "added up when they were fetched" in words
    assert "Result first fetched 10 Feb 2026, 16:00:00" in words
    receipt = receipt_of(record)
    assert sum(line.amount_pico_usd for line in receipt.lines) == receipt.cost_pico_usd
    assert "It was $" in words
    assert "Repriced" not in words


def test_a_batch_with_more_groups_than_are_kept_says_so(client: Client, acme: Organization, key: ApiKey) -> None:
    usage = TokenUsage(input=601_000, output=300, service_tier="batch", is_partial=True, other_models=(SHORT, LONG))
    record = batch(key)
    post(record, fetched(key, msgspec.structs.replace(RESULTS, object_id="batch_1", usage=usage), provider="anthropic"))
    assert "the last group has all the others" in words_of(client, acme, record)


def test_a_result_that_tells_no_usage_says_that_its_cost_stays_unknown(
    client: Client, acme: Organization, key: ApiKey
) -> None:
    record = background(key)
    cancelled = Completion(object_id="resp_1", usage_source="none", finish_reason="cancelled")
    post(record, fetched(key, cancelled))
    assert "The provider told no usage that could be read, so the request counts without a cost." in (
        words_of(client, acme, record)
    )


def test_a_free_call_says_that_it_is(client: Client, acme: Organization, key: ApiKey) -> None:
    record = make_record(key, method="GET", metering="free", route="models", model="", model_requested="", **NOTHING)
    post(record)

    words = words_of(client, acme, record)

    assert "Cost free $0.00" in words
    assert "a call like this one costs nothing. It is no request and in no figure." in words
    assert answer_of(client, record)["method"] == "GET"
