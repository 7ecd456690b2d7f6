"""Lists of what there are millions of: nothing is counted, and every page is found by an index."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import CreatedObject, DailyTagUsage, DailyUsage, LedgerRecord, SeenValue, UsageBatch
from orgs.models import AuditEntry, Organization
from orgs.services import audit
from tests.admin.plans import explain
from tests.admin.staff import make_staff, page_of, signed_in
from tests.analytics.usage_lines import make_record, post
from tests.conftest import IS_PRODUCTION
from tests.factories import make_key

pytestmark = pytest.mark.django_db

LARGE: Sequence[type[Model]] = (
    LedgerRecord, DailyUsage, DailyTagUsage, UsageBatch, CreatedObject, SeenValue, AuditEntry,
)  # fmt: skip


@pytest.fixture
def site() -> Client:
    return signed_in(make_staff("Support"))


@pytest.fixture
def acme() -> Organization:
    """With usage, seven calls of it, in as many segments."""
    key, _ = make_key()
    for number in range(7):
        post(make_record(key, model=f"gpt-{90 + number}", tags=("beta",)))
    return key.organization


def statements(site: Client, address: str, table: type[Model]) -> list[str]:
    """What the page asks of the table itself."""
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert site.get(address).status_code == 200
    found = [one["sql"] for one in asked.captured_queries if f'FROM "{table._meta.db_table}"' in one["sql"]]
    assert found, address
    return found


def ways_in(table: type[Model], acme: Organization) -> Iterator[str]:
    base = page_of(table)
    yield base
    if table is AuditEntry:
        yield f"{base}?organization__id__exact={acme.pk}"
    elif table is UsageBatch:
        yield f"{base}?q={UsageBatch.objects.all()[0].pk}"
    else:
        yield f"{base}?organization_id={acme.pk}"
        yield f"{base}?q={acme.slug}"
    if table is LedgerRecord:
        yield f"{base}?organization_id={acme.pk}&mark=unpriced"
        yield f"{base}?q={LedgerRecord.objects.all()[0].pk}"


@pytest.mark.parametrize("table", LARGE)
def test_nothing_is_counted_and_all_is_found_by_an_index(
    site: Client, acme: Organization, table: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    from config.admin.lists import NewestFirstAdmin

    monkeypatch.setattr(NewestFirstAdmin, "list_per_page", 2)
    addresses = list(ways_in(table, acme))
    for address in addresses[:2]:
        older = re.search(r'href="(\?[^"]*)" rel="next"', site.get(address).content.decode())
        if older:
            addresses.append(page_of(table) + older[1].replace("&amp;", "&"))

    asked = [(address, sql) for address in addresses for sql in statements(site, address, table)]

    assert not [sql for _, sql in asked if re.search(r"\bCOUNT\(", sql, re.IGNORECASE)]
    if IS_PRODUCTION:
        assert [(address, plan) for address, sql in asked if "Seq Scan" in (plan := explain(sql))] == []


def test_text_is_looked_for_in_the_newest_entries(
    site: Client, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    from config.admin.lists import NewestSearchedAdmin

    monkeypatch.setattr(NewestSearchedAdmin, "MOST_SEARCHED", 3)
    for number in range(5):
        audit.record(organization_id=acme.pk, action="api_key.created", target=f"needle {number}", by=None)
    base = page_of(AuditEntry)

    def found(query: str) -> list[str]:
        return re.findall(r"needle \d", site.get(f"{base}?{query}").content.decode())

    assert found("q=needle") == found("subject=api_key") == ["needle 4", "needle 3", "needle 2"]
    assert len(found(f"q=needle&organization__id__exact={acme.pk}")) == 5
    assert len(found("")) == 5


@pytest.mark.parametrize("narrowed", [False, True])
def test_page_by_page_every_record_is_seen_once(
    site: Client, acme: Organization, narrowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from config.admin.lists import NewestFirstAdmin

    monkeypatch.setattr(NewestFirstAdmin, "list_per_page", 3)
    address: str | None = page_of(LedgerRecord) + (f"?organization_id={acme.pk}" if narrowed else "")
    pages = []
    while address:
        content = site.get(address).content.decode()
        pages.append(re.findall(r"ledgerrecord/([0-9a-f-]{36})/change/", content))
        older = re.search(r'href="(\?[^"]*)" rel="next"', content)
        address = page_of(LedgerRecord) + older[1].replace("&amp;", "&") if older else None

    assert [len(page) for page in pages] == [3, 3, 1]
    seen = [one for page in pages for one in page]
    assert seen == [str(pk) for pk in LedgerRecord.objects.order_by("-pk").values_list("pk", flat=True)]


def test_nothing_is_filtered_by_what_has_no_index(site: Client, acme: Organization) -> None:
    lookups = [
        "model",
        "model__icontains",
        "provider",
        "provider_request_id",
        "latency_ms__gt",
        "tags__contains",
        "cost_status",
    ]
    for lookup in lookups:
        assert site.get(page_of(LedgerRecord), {lookup: "1"}).status_code == 400, lookup


def test_an_order_of_ones_own_is_not_heeded(site: Client, acme: Organization) -> None:
    (plain,) = statements(site, page_of(DailyUsage), DailyUsage)
    (ordered,) = statements(site, f"{page_of(DailyUsage)}?o=-5.3", DailyUsage)

    assert plain == ordered
    assert re.search(r'ORDER BY "analytics_dailyusage"."id" DESC LIMIT 51$', plain)


def test_a_place_in_the_list_that_is_none_leads_to_its_start(site: Client, acme: Organization) -> None:
    for broken in ("nonsense", "2026-01-01T00:00:00", ",", "9" * 40):
        answer: Any = site.get(page_of(LedgerRecord), {"p": broken}, follow=True)
        assert (answer.status_code, "gpt-96" in answer.content.decode()) == (200, True), broken


def test_a_search_for_what_is_not_there_finds_nothing(site: Client, acme: Organization) -> None:
    for text in ("nobody", "9" * 30, "00000000-0000-0000-0000-000000000000"):
        assert "gpt-90" not in site.get(page_of(LedgerRecord), {"q": text}).content.decode()
    assert "gpt-90" in site.get(page_of(LedgerRecord), {"q": acme.slug}).content.decode()
    assert "gpt-90" in site.get(page_of(LedgerRecord), {"q": str(acme.pk)}).content.decode()
