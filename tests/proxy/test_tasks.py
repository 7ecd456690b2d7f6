"""Posting one segment after another: what becomes of its lines, good and bad."""

import hashlib
import json
import logging
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Sum

from analytics import usage
from analytics.models import DailyTagUsage, DailyUsage, LedgerRecord, RejectedRecord, SeenValue, UsageBatch
from analytics.usage import NewerFormat, OtherModelUsage, TokenUsage
from orgs.models import ApiKey
from prompts.models import Prompt
from proxy import tasks
from tests.analytics.usage_lines import NOON, USUAL_COST, lines_of, make_record, post, post_lines, rollup_rows
from tests.factories import make_key, make_organization, make_team

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def key() -> ApiKey:
    return make_key(make_team(make_organization(timezone="Asia/Kathmandu")))[0]


def test_a_segment_becomes_records_sums_and_a_receipt_of_its_bytes(key: ApiKey) -> None:
    records = [make_record(key), make_record(key, tags=("chat", "beta"), prompt_key="greeting", version=2)]
    segment_id = str(uuid4())

    receipt = post(*records, segment_id=segment_id)

    file = b"".join(usage.encode_line(record) for record in records)
    assert (receipt.line_count, receipt.sha256) == (2, hashlib.sha256(file).hexdigest())
    assert (receipt.inserted_count, receipt.rejected_count, receipt.posted_at) == (2, 0, NOON)
    assert DailyUsage.objects.aggregate(Sum("cost_pico_usd"), Sum("request_count")) == {
        "cost_pico_usd__sum": 2 * USUAL_COST,
        "request_count__sum": 2,
    }
    spent = dict(DailyTagUsage.objects.values_list("tag", "cost_pico_usd"))
    assert spent == {"": USUAL_COST, "chat": USUAL_COST, "beta": USUAL_COST}
    assert {str(record.segment_id) for record in LedgerRecord.objects.all()} == {segment_id}


SENT: dict[str, Any] = {
    "provider": "anthropic",
    "route": "messages",
    "model_requested": "claude-sonnet-4-5",
    "model": "claude-sonnet-4-5-20250929",
    "prompt_key": "greeting",
    "version": 3,
    "tags": ("beta",),
    "error_code": "overloaded_error",
    "first_token_ms": 300,
    "sdk_retry_count": 2,
    "provider_request_id": "req_1",
}
TOKENS = TokenUsage(
    input=10,
    cache_read=20,
    cache_write_5m=30,
    cache_write_1h=40,
    output=60,
    reasoning=5,
    web_searches=1,
    service_tier="priority",
    inference_geo="us",
    is_partial=True,
    other_models=(OtherModelUsage(model="claude-opus-4-1", output=7),),
)


def test_a_record_keeps_everything_that_the_line_says(key: ApiKey) -> None:
    record = make_record(key, **SENT, streamed=True, usage=TOKENS)

    post(record)

    stored = LedgerRecord.objects.get(id=record.id)
    assert stored.started_at == NOON
    assert (stored.organization_id, stored.team_id, stored.api_key_id) == (key.organization_id, key.team_id, key.pk)
    assert {name: getattr(stored, name) for name in SENT} == SENT | {"tags": ["beta"]}
    assert (stored.method, stored.metering, stored.status, stored.state) == ("POST", "metered", 200, "complete")
    assert (stored.finish_reason, stored.latency_ms, stored.first_byte_ms) == ("stop", 850, 840)
    assert (stored.is_streamed, stored.is_request, stored.is_error) == (True, True, True)
    assert (stored.input_tokens, stored.cache_read_tokens, stored.web_searches) == (10, 20, 1)
    assert (stored.cache_write_5m_tokens, stored.cache_write_1h_tokens) == (30, 40)
    assert (stored.output_tokens, stored.reasoning_tokens) == (60, 5)
    assert (stored.service_tier, stored.speed, stored.inference_geo) == ("priority", "", "us")
    assert stored.other_models == [{"model": "claude-opus-4-1", "output": 7}]
    assert (stored.is_usage_partial, stored.cost_status) == (True, "partial")


def test_a_segment_posted_again_changes_nothing(key: ApiKey) -> None:
    lines, segment_id = lines_of(make_record(key), make_record(key)), str(uuid4())
    post_lines(lines, segment_id=segment_id)
    before = rollup_rows(key.organization_id)

    tasks.record_usage(segment_id, lines)
    tasks.record_usage(segment_id.upper(), [*lines, "garbage"])

    assert rollup_rows(key.organization_id) == before
    assert UsageBatch.objects.get().line_count == 2
    assert not RejectedRecord.objects.exists()


def test_a_record_in_two_segments_or_twice_in_one_counts_once(key: ApiKey) -> None:
    first, second = make_record(key), make_record(key)

    assert post(first, first).inserted_count == 1
    receipt = post(first, second)

    assert (receipt.line_count, receipt.inserted_count, receipt.rejected_count) == (2, 1, 0)
    assert DailyUsage.objects.get().request_count == 2


def test_rows_are_locked_in_the_order_of_their_keys_whatever_that_of_the_lines(key: ApiKey) -> None:
    """Two segments that go through the same rows in one order wait for each other; in two they deadlock."""
    names = ["delta", "alpha", "charlie", "bravo"]
    records = [make_record(key, prompt_key=name, tags=(name, "all"), model=f"model {name}") for name in names]
    records.sort(key=lambda record: record.id, reverse=True)

    post(*records)

    for model, columns in (
        (Prompt, ("key",)),
        (SeenValue, ("kind", "value")),
        (DailyUsage, ("prompt_key",)),
        (DailyTagUsage, ("tag", "prompt_key")),
    ):
        as_inserted = list(model.objects.order_by("pk").values_list(*columns))
        assert len(as_inserted) >= len(names)
        assert as_inserted == sorted(as_inserted)
    place = "ctid" if connection.vendor == "postgresql" else "rowid"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM analytics_usagerecord ORDER BY {place}")
        assert [UUID(str(id_)).hex for (id_,) in cursor.fetchall()] == sorted(record.id for record in records)


def test_a_segment_without_a_single_line_gets_its_receipt() -> None:
    assert post_lines([]).sha256 == hashlib.sha256(b"").hexdigest()


# --- Bad lines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", range(7))
def test_a_bad_line_is_rejected_wherever_it_stands_and_its_neighbours_are_posted(
    key: ApiKey, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    lines = lines_of(*(make_record(key, prompt_key=f"prompt-{number}") for number in range(7)))
    lines[position] = lines_of(make_record(key, prompt_key="poison", usage=TokenUsage(input=-1)))[0]

    receipt = post_lines(lines)

    assert (receipt.line_count, receipt.inserted_count, receipt.rejected_count) == (7, 6, 1)
    assert DailyUsage.objects.aggregate(Sum("request_count")) == {"request_count__sum": 6}
    rejected = RejectedRecord.objects.get()
    assert (rejected.segment_id, rejected.line_number, rejected.line) == (
        receipt.segment_id,
        position + 1,
        lines[position],
    )
    assert "IntegrityError" in rejected.reason
    assert [entry.levelno for entry in caplog.records] == [logging.ERROR]


def test_several_bad_lines_are_all_found(key: ApiKey) -> None:
    bad, good = make_record(key, latency_ms=-5), make_record(key)

    receipt = post_lines(lines_of(*[bad] * 3, good, *[bad] * 2))

    assert (receipt.inserted_count, receipt.rejected_count) == (1, 5)
    assert list(RejectedRecord.objects.order_by("line_number").values_list("line_number", flat=True)) == [1, 2, 3, 5, 6]


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "\x00", "null", '{"v": 1}', "[" * 20_000, '{"v": 1, "id": 5}', "\udcff"],
    ids=["empty", "cut", "array", "NUL", "null", "incomplete", "deep", "wrong type", "not UTF-8"],
)
def test_an_unreadable_line_is_kept_as_text_beside_its_posted_neighbour(key: ApiKey, line: str) -> None:
    receipt = post_lines([line, *lines_of(make_record(key))])

    assert (receipt.inserted_count, receipt.rejected_count) == (1, 1)
    assert RejectedRecord.objects.get().reason.startswith("unreadable: ")
    assert len(RejectedRecord.objects.get().line) <= usage.MAX_LINE_BYTES


@pytest.mark.parametrize(
    "changes",
    [{"id": "f" * 31 + "g"}, {"id": "f" * 33}, {"organization_id": 2**63}, {"team_id": -1}, {"started_at": 2**62}],
    ids=[
        "id not hexadecimal",
        "id too long",
        "organization beyond range",
        "negative team",
        "start beyond the calendar",
    ],
)
def test_a_line_that_no_call_can_have_left_is_rejected(key: ApiKey, changes: dict[str, Any]) -> None:
    receipt = post(make_record(key), make_record(key, **changes))

    assert (receipt.inserted_count, receipt.rejected_count) == (1, 1)


@pytest.mark.production
@pytest.mark.parametrize("changes", [{"model": "gpt\x00"}, {"version": 2**31}, {"status": 40_000}])
def test_what_only_postgresql_refuses_is_rejected_too(key: ApiKey, changes: dict[str, Any]) -> None:
    receipt = post(make_record(key, **changes), make_record(key))

    assert (receipt.inserted_count, receipt.rejected_count) == (1, 1)


@pytest.mark.production
def test_a_cost_that_overflows_a_sum_is_rejected_instead_of_holding_up_the_segment(key: ApiKey) -> None:
    # 900,000 dollars each, and a column holds 9.2 million.
    huge = [make_record(key, model="o1-pro", usage=TokenUsage(output=1_500_000_000)) for _ in range(11)]

    receipt = post(*huge, make_record(key))

    assert (receipt.inserted_count, receipt.rejected_count) == (11, 1)


def test_records_of_an_organization_that_does_not_exist_are_rejected_with_that_reason(key: ApiKey) -> None:
    receipt = post(make_record(key, organization_id=key.organization_id + 1000), make_record(key))

    assert (receipt.inserted_count, receipt.rejected_count) == (1, 1)
    assert RejectedRecord.objects.get().reason == "the organization does not exist"


def test_descriptions_that_are_too_long_are_cut(key: ApiKey) -> None:
    changes: dict[str, Any] = {
        "error_code": "e" * 999,
        "finish_reason": "f" * 999,
        "model": "m" * 999,
        "sdk_retry_count": 10**12,
    }

    assert post(make_record(key, **changes)).inserted_count == 1

    record = LedgerRecord.objects.get()
    assert (len(record.error_code), len(record.finish_reason), len(record.model)) == (128, 64, 200)
    assert record.sdk_retry_count == 1000


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_line_of_a_newer_release_leaves_the_whole_segment_for_a_newer_worker(
    key: ApiKey, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    lines = lines_of(make_record(key), make_record(key))
    lines.insert(position, json.dumps({"v": usage.FORMAT_VERSION + 1, "id": ["quite different"]}))
    segment_id = str(uuid4())

    tasks.record_usage(segment_id, lines)

    assert not UsageBatch.objects.exists()
    assert not LedgerRecord.objects.exists()
    assert not RejectedRecord.objects.exists()
    assert "newer release" in caplog.text
    with pytest.raises(NewerFormat):
        tasks.post_batch(segment_id, lines)
