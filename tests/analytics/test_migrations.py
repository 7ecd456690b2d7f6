"""What migrations make of the usage that is there already."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from analytics.models import CondensedSpan, DailyUsage
from analytics.usage import TokenUsage
from tests.analytics.usage_lines import make_record, post, rollup_rows
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db(transaction=True)]


def migrate(name: str) -> None:
    executor = MigrationExecutor(connection)
    targets = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "analytics"]
    executor.migrate([("analytics", name)] if name else targets)


@pytest.fixture
def _latest() -> Iterator[None]:
    yield
    migrate("")


@pytest.mark.slow
@pytest.mark.usefixtures("_latest")
def test_failed_and_pending_requests_are_counted_where_they_were_not() -> None:
    key = make_key()[0]
    pending: dict[str, Any] = {"state": "pending", "usage": TokenUsage(), "usage_source": "none"}
    for tags in ((), ("a",), ("a", "b")):
        for model in ("gpt-4o-2024-08-06", ""):
            same: dict[str, Any] = {"tags": tags, "model": model}
            post(
                make_record(key, **same),
                make_record(key, **same, error_code="upstream_broken"),
                make_record(key, **same, error_code="upstream_broken", prompt_key="other"),
                make_record(key, **same, **pending, object_id=f"batch_{tags}{model}"),
                make_record(key, **same, status=500, usage=TokenUsage(), usage_source="none"),
                make_record(key, **same, error_code="upstream_broken", **pending, object_id=f"resp_{tags}{model}"),
            )
    posted = rollup_rows(key.organization_id)
    assert {(row["failed_request_count"], row["pending_count"]) for row in posted[DailyUsage]} == {(6, 6), (3, 0)}
    CondensedSpan.objects.create(organization_id=key.organization_id, kind=1, start="2026-02-10", is_ready=True)

    migrate("0005_index_of_estimates")
    with connection.cursor() as cursor:
        for table in ("analytics_dailyusage", "analytics_dailytagusage"):
            cursor.execute(f"UPDATE {table} SET unpriced_count = unpriced_count + request_count - priced_count")
    migrate("")

    assert rollup_rows(key.organization_id) == posted
    assert not CondensedSpan.objects.exists()
