"""Pending calls and all that is told of them, in every order and company: the sums are those of calls told at once."""

import json
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics import repricing, rollups
from analytics.usage import Completion, TokenUsage, UsageRecord
from orgs.models import ApiKey
from proxy.call import new_call_id
from tests.analytics.later_calls import (
    ANSWERED,
    EVER,
    RESULTS,
    SUMMED,
    assert_rollups_are_those_of_the_records,
    background,
    batch,
    cost_of,
    fetched,
    named,
)
from tests.analytics.usage_lines import NOON, make_record, post, rollup_rows
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def arrivals(key: ApiKey, other: ApiKey) -> list[UsageRecord]:
    """Pending calls and everything that is told of them, in one order of many."""
    failed = msgspec.structs.replace(ANSWERED, object_id="resp_2", error_code="server_error")
    results_again = msgspec.structs.replace(RESULTS, usage=TokenUsage(input=1))
    return [
        background(key),
        background(key, "resp_2", tags=()),
        background(key, "resp_3", prompt_key="", at=NOON - timedelta(days=1)),
        batch(key),
        make_record(key),
        fetched(key, ANSWERED),
        fetched(key, ANSWERED),
        fetched(key, failed),
        fetched(other, msgspec.structs.replace(ANSWERED, object_id="resp_3")),
        named(key, ("file_1", "batch_1"), ("file_2", "batch_1"), ("file_9", "batch_9")),
        named(key, ("file_1", "batch_1")),
        fetched(key, SUMMED, provider="anthropic"),
        fetched(key, RESULTS, provider="anthropic"),
        fetched(key, Completion(object_id="file_2"), provider="anthropic"),
        fetched(key, msgspec.structs.replace(results_again, object_id="file_9"), provider="anthropic"),
    ]


def as_if_told_at_once(records: Sequence[UsageRecord]) -> list[UsageRecord]:
    """The same calls, had their own answers told what they used."""
    told = {
        "resp_1": ANSWERED,
        "resp_2": msgspec.structs.replace(ANSWERED, error_code="server_error"),
        "batch_1": RESULTS,
    }
    found = []
    for record in records:
        outcome = told.get(record.object_id)
        changes: dict[str, Any] = {"id": new_call_id(record.started_at), "completion": None, "aliases": ()}
        if outcome is not None:
            names = ("model", "usage", "usage_source", "error_code", "finish_reason")
            changes |= {"state": "complete", **{name: getattr(outcome, name) for name in names}}
        found.append(msgspec.structs.replace(record, **changes))
    return found


def sums_without_owner(key: ApiKey) -> str:
    owners = {"organization_id", "team_id", "api_key_id"}
    return json.dumps(
        [
            sorted(json.dumps({k: v for k, v in row.items() if k not in owners}, default=str) for row in rows)
            for rows in rollup_rows(key.organization_id).values()
        ]
    )


# The seed of a failure is told. What it makes cannot be made smaller, and each is another order.
@settings(max_examples=15, phases=(Phase.generate,), suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**64 - 1))
def test_whatever_comes_in_whatever_order_and_company_the_sums_are_the_same(seed: int) -> None:
    chance = random.Random(seed)
    key, other, mirror = (make_key()[0] for _ in range(3))
    records = arrivals(key, other)
    order = [*records, *chance.sample(records, 5)]  # some come again in other company
    chance.shuffle(order)
    cuts = sorted(chance.sample(range(1, len(order)), chance.randrange(1, 10)))
    segments = [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]

    for segment in segments:
        post(*segment)
        act = chance.choice(["", "", "", "again", "rebuild", "reprice"])
        if act == "again":
            post(*segment)
        elif act == "rebuild":
            rollups.rebuild(key.organization_id, *EVER)
        elif act == "reprice":
            repricing.reprice(organization_id=key.organization_id)

    own = [msgspec.structs.replace(one, **_owners(mirror)) for one in records if one.api_key_id == key.pk]
    post(*as_if_told_at_once(own))
    assert sums_without_owner(key) == sums_without_owner(mirror)
    assert_rollups_are_those_of_the_records(key)
    assert {record.object_id: cost_of(record)[1] for record in own_pending(records)} == {
        "resp_1": "priced",
        "resp_2": "priced",
        "resp_3": "pending",
        "batch_1": "priced",
    }


def own_pending(records: Sequence[UsageRecord]) -> list[UsageRecord]:
    return [record for record in records if record.state == "pending"]


def _owners(key: ApiKey) -> dict[str, int]:
    return {"organization_id": key.organization_id, "team_id": key.team_id, "api_key_id": key.pk}
