"""A plugin of pytest: the tests of the run ask a copy, in the column store that TEST_COLUMN_STORE_URL names.

What was posted before a question is carried over before it. After each test the copy is held against the ledger, and at
the end stands who has answered how often.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

_answers: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _the_copy_answers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.node.get_closest_marker("django_db") is None:
        yield
        return
    request.getfixturevalue("transactional_db" if _is_committed(request) else "db")
    settings = request.getfixturevalue("settings")
    from analytics.record_store import choosing, filling, questions
    from analytics.record_store.client import Client
    from config.metrics import counting

    settings.COLUMN_STORE_URL = os.environ["TEST_COLUMN_STORE_URL"]
    settings.COLUMN_STORE_ANSWERS = "all"
    client = Client(settings.COLUMN_STORE_URL, seconds=60)
    _begin(client)
    find_complete, choose = choosing.find_complete, choosing.choose

    def choose_after_carrying(*, is_report: bool) -> None:
        _carry(client)
        choose(is_report=is_report)

    def find_after_carrying(*asked: Any) -> Any:
        if not _is_committed(request):
            _carry(client)
        return find_complete(*asked)

    monkeypatch.setattr(choosing, "choose", choose_after_carrying)
    monkeypatch.setattr(choosing, "find_complete", find_after_carrying)
    counting.take_pending()
    choose(is_report=True)  # also for what asks without a request
    yield
    questions.choose(None)
    _carry(client)
    differences = list(filling.compare(client))
    for (family, _, *labels), count in counting.take_pending().items():
        if family.startswith(("aipc_record_questions", "aipc_column_store_failures")):
            _answers["/".join([family, *labels])] += int(count)
    client.close()
    assert not differences, "\n".join(map(str, differences))


def _is_committed(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return "transactional_db" in request.fixturenames or bool(marker and marker.kwargs.get("transaction"))


def _begin(client: Any) -> None:
    """A copy of the empty ledger that a test begins with."""
    import uuid

    from django.utils import timezone

    from analytics.models import RecordCopy
    from analytics.record_store import feeding, tables

    for statement in tables.creations():
        client.command(statement)
    for table in (tables.TABLE, tables.COPIES):
        client.command(f"TRUNCATE TABLE {table}")
    copy = RecordCopy(name=uuid.uuid4(), begun_at=timezone.now(), cleaned_at=timezone.now(), is_filled=True)
    feeding.announce(client, copy, 0)
    copy.save(force_insert=True)


def _carry(client: Any) -> None:
    """Its queries are none of the test's, which may count them."""
    from django.db import connection
    from django.utils import timezone

    from analytics.record_store import feeding

    counts, connection.force_debug_cursor = connection.force_debug_cursor, False
    try:
        feeding.carry_over(client, now=timezone.now(), seconds=60)
    finally:
        connection.force_debug_cursor = counts


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for name, count in sorted(_answers.items()):
        terminalreporter.write_line(f"{name}={count}")
