"""Calls through a served proxy, followed to the ledger and to the API that tells an organization what they cost."""

import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from analytics.models import LedgerRecord
from tests.analytics.aggregations import LISTS
from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import Caller
from tests.servers import wait_until

Given = tuple[str, bytes, Scenario]  # path, body, what the provider answers


def rows_of(*call_ids: str) -> list[LedgerRecord]:
    """The calls' rows in the ledger, waited for."""
    wanted = [uuid.UUID(call_id) for call_id in call_ids]
    wait_until(lambda: LedgerRecord.objects.filter(id__in=wanted).count() == len(wanted), "the calls are in the ledger")
    found = LedgerRecord.objects.in_bulk(wanted)
    return [found[call_id] for call_id in wanted]


def bill(proxy: Caller, provider: FakeProvider, *calls: Given) -> list[tuple[int | None, str]]:
    """What each call costs in the ledger, and under which status. The totals of the organization say the same."""
    provider.script(*(scenario for *_, scenario in calls))
    rows = rows_of(*(proxy.post(path, body).call_id for path, body, _ in calls))
    assert report(proxy, "monthly")["total_cost"] == sum(Decimal(row.cost_pico_usd or 0) for row in rows) / 10**12
    return [(row.cost_pico_usd, row.cost_status) for row in rows]


def report(proxy: Caller, name: str, query: str = "") -> dict[str, Any]:
    reply = proxy.call("GET", f"/api/aggregations/{name}{query}")
    assert reply.status == 200, reply.body
    found: dict[str, Any] = json.loads(reply.body, parse_float=Decimal)
    return found


def breakdowns(proxy: Caller) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every list of the API that splits the total, by its name."""
    for name, member in LISTS.items():
        if name != "version-comparison":
            yield name, report(proxy, name)[member]
