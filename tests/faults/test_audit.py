"""The comparison finds what it is there to find: a call without a record, two of one, a wrong cost."""

import uuid
from typing import Any

import pytest

from analytics.models import LedgerRecord
from tests.fake_provider import Exchange, Request
from tests.faults.audit import Findings, compare
from tests.faults.load import NUMBER, Call

ID = uuid.UUID(int=7)


def seen(number: int = 0, **fields: Any) -> Exchange:
    request = Request("POST", "/openai/v1/chat/completions", [(NUMBER, str(number))], b"", number + 1)
    known: dict[str, Any] = {
        "provider": "openai",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        "request_id": f"req-{number}",
    }
    return Exchange(request, 1, 0.0, **(known | fields))


def record(**fields: Any) -> LedgerRecord:
    known: dict[str, Any] = {
        "id": ID,
        "prompt_key": "p",
        "provider": "openai",
        "route": "chat/completions",
        "state": "complete",
    }
    known |= {"cost_status": "priced", "usage_source": "provider", "input_tokens": 3, "output_tokens": 2}
    known |= {"cost_pico_usd": 27_500_000, "is_request": True, "is_error": False, "provider_request_id": "req-0"}
    return LedgerRecord(**(known | fields))


def call(number: int = 0, **fields: Any) -> Call:
    known: dict[str, Any] = {"status": 200, "id": ID.hex, "is_complete": True}
    return Call(number, "p", "a key", **(known | fields))


def nameless(number: int = 0) -> Call:
    return call(number, status=0, id="", is_complete=False)


def test_a_call_with_its_record_is_well() -> None:
    assert not compare([record()], [call()], [seen()], {})


@pytest.mark.parametrize(
    ("rows", "calls", "exchanges", "kind"),
    [
        ([], [call()], [seen()], "lost"),
        ([], [call(is_complete=False)], [seen()], "lost"),
        ([], [nameless()], [seen()], "lost"),
        ([record(state="interrupted", cost_status="interrupted", cost_pico_usd=None)], [call()], [seen()], "lost"),
        ([record(), record(id=uuid.UUID(int=8))], [call()], [seen()], "doubled"),
        ([record(), record(id=uuid.UUID(int=8), provider_request_id="")], [call()], [seen()], "doubled"),
        ([record()], [call()], [seen(), seen(request_id="req-1")], "doubled"),
        ([record(cost_pico_usd=1)], [call()], [seen()], "wrong"),
        ([record(input_tokens=4)], [call()], [seen()], "wrong"),
        ([record(cost_status="estimated", usage_source="estimated")], [call()], [seen()], "wrong"),
        ([record(cost_status="pending", object_id="o", cost_pico_usd=None)], [call()], [seen()], "wrong"),
    ],
)
def test_what_is_not_is_found(
    rows: list[LedgerRecord], calls: list[Call], exchanges: list[Exchange], kind: str
) -> None:
    found: Findings = compare(rows, calls, exchanges, {}, told=["o"])
    assert found
    assert getattr(found, kind), str(found)


def test_of_calls_without_a_name_as_many_records_are_expected_as_reached_the_provider() -> None:
    rows = [record(), record(id=uuid.UUID(int=8), provider_request_id="req-1")]
    exchanges = [seen(), seen(1), seen(2)]
    assert len(compare(rows, [nameless(0), nameless(1), nameless(2)], exchanges, {}).lost) == 1
    assert not compare(rows, [nameless(0), nameless(1)], exchanges[:2], {})
