"""A column store that is not configured, not there or away: nothing is noted, nothing fails, PostgreSQL answers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import Q
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from analytics import tasks
from analytics.models import LedgerRecord, RecordChange, RecordCopy
from analytics.record_store import changes, choosing, conditions, questions, tables
from analytics.record_store.client import Client
from config import databases
from config.metrics import counting, families
from orgs.models import ApiKey
from tests.analytics.usage_lines import NOON, make_record, post
from tests.factories import make_key, make_organization, make_team, make_user
from tests.servers import free_port


@pytest.fixture
def key(client: Browser) -> ApiKey:
    owner = make_user()
    client.force_login(owner)
    return make_key(make_team(make_organization("Acme", owner=owner)))[0]


@pytest.fixture(autouse=True)
def _nobody_is_chosen() -> Iterator[None]:
    """A request of the tests' client leaves its choice to the thread."""
    yield
    questions.choose(None)


def make_copy() -> RecordCopy:
    return RecordCopy.objects.create(name=UUID(int=0), begun_at=NOON, is_filled=True, complete_at=NOON)


@pytest.mark.trial
@pytest.mark.django_db
def test_without_a_copy_nothing_is_noted_and_no_posting_asks_for_one(key: ApiKey) -> None:
    with CaptureQueriesContext(connection) as captured:
        post(make_record(key))
    assert not RecordChange.objects.exists()
    asking = [one["sql"] for one in captured.captured_queries if RecordCopy._meta.db_table in one["sql"]]
    assert all(statement.startswith("INSERT INTO analytics_usagerecord") for statement in asking)


@pytest.mark.production
@pytest.mark.django_db
def test_with_a_copy_each_posting_notes_what_it_changed(key: ApiKey) -> None:
    make_copy()
    records = [make_record(key), make_record(key, at=NOON + timedelta(hours=1))]
    post(*records)
    change = RecordChange.objects.get()
    assert (change.count, change.first_at, change.last_at) == (2, NOON, NOON + timedelta(hours=1))
    assert {noted.id.hex: noted.started_at for noted in changes.keys_of(change)} == {
        records[0].id: NOON,
        records[1].id: NOON + timedelta(hours=1),
    }
    behind = changes.how_far_behind(now=timezone.now() + timedelta(seconds=60))
    assert behind is not None
    assert (behind.waiting, behind.is_faulty) == (2, False)
    assert behind.lag_seconds >= 60


@pytest.mark.production
@pytest.mark.django_db
def test_while_the_store_is_away_pages_are_the_ledgers_and_one_line_says_so(
    client: Browser, key: ApiKey, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    post(make_record(key))
    make_copy()
    settings.COLUMN_STORE_ANSWERS = "all"
    settings.COLUMN_STORE_URL = f"http://aipc:secret@127.0.0.1:{free_port()}/default"
    counting.take_pending()
    path = f"/app/acme/requests/?start={NOON.date()}&end={NOON.date()}"
    pages = [client.get(path).content.decode() for _ in range(2)]
    assert all("log-link" in page for page in pages)
    told = [line.getMessage() for line in caplog.records if line.name == choosing.__name__]
    assert len(told) == 1
    assert told[0].startswith("The database answers for the column store: OperationalError")
    assert (families.RECORD_QUESTIONS.name, "", "ledger") in counting.take_pending()
    tasks.copy_records()
    assert counting.take_pending()[families.COPY_FAILURES.name, ""] == 1
    assert "secret" not in caplog.text


@pytest.mark.production
@pytest.mark.django_db
def test_a_store_that_fails_is_left_alone_for_a_while_and_then_asked_by_one(key: ApiKey) -> None:
    copy, now, looks = make_copy(), [0.0], []

    class Far(Client):
        def query(
            self, statement: str, parameters: Mapping[str, Any] | None = None, *, until: float | None = None
        ) -> Sequence[Sequence[Any]]:
            looks.append(now[0])
            return [(0, now[0] > 50)]  # the step that was begun, and whether it knows the copy

    watch = choosing.Watch(Far("http://127.0.0.1:1/default"), clock=lambda: now[0])
    found = []
    for second in (0, 10, 29, 31, 60, 62, 63):
        now[0] = second
        found.append(watch.is_usable(copy))
    assert found == [False, False, False, False, False, True, True]
    assert looks == [0, 31, 62]


@pytest.mark.production
@pytest.mark.django_db
def test_a_copy_that_is_not_wanted_any_more_is_forgotten(key: ApiKey) -> None:
    make_copy()
    post(make_record(key))
    tasks.remove_what_is_old()
    assert not RecordCopy.objects.exists()
    assert not RecordChange.objects.exists()


@pytest.mark.trial
@pytest.mark.parametrize("url", ["clickhouse://host/db", "https:///db", "https://host:port/", "https://host/a/b"])
def test_what_is_no_address_of_a_column_store_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="COLUMN_STORE_URL must be like") as refusal:
        databases.check_column_store(url, is_trial=False)
    assert url not in str(refusal.value)


@pytest.mark.trial
def test_trial_mode_has_no_column_store() -> None:
    databases.check_column_store("", is_trial=True)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        databases.check_column_store("https://host/db", is_trial=True)


@pytest.mark.trial
def test_conditions_are_said_with_their_values_apart() -> None:
    parameters = conditions.Parameters()
    text = conditions.said(~Q(state="a' OR 1") & (Q(is_error=True) | Q(cost_status__in=["free"])), parameters)
    assert text == ("(NOT (state = {p0:String}) AND (is_error = {p1:Bool} OR cost_status IN {p2:Array(String)}))")
    assert parameters.values == {"p0": "a' OR 1", "p1": True, "p2": ["free"]}
    with pytest.raises(KeyError):
        conditions.said(Q(state__contains="a"), parameters)


@pytest.mark.trial
def test_every_column_of_the_ledger_is_in_the_copy_and_money_is_never_a_float() -> None:
    types = {column.name: column.type for column in tables.COLUMNS}
    assert types["cost_pico_usd"] == types["previous_cost_pico_usd"] == "Nullable(Int64)"
    assert not any("Float" in kind for kind in types.values())
    assert len(types) == len(LedgerRecord._meta.concrete_fields)
