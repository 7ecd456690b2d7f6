"""The staff's home: the figures are those of the tables, and cost the same however many there are."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import pulse
from accounts.models import User
from analytics import call_ids, price_book, price_changes
from analytics.models import ModelPrice
from orgs.models import ApiKey
from orgs.services import organizations
from proxy import journal_backlog
from tests.admin.plans import explain
from tests.admin.staff import make_staff, page_of, signed_in
from tests.analytics.usage_lines import USUAL_COST, lines_of, make_record, post, post_lines
from tests.conftest import IS_PRODUCTION
from tests.factories import make_key, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def site() -> Client:
    return signed_in(make_staff("Support"))


def key_of(name: str, zone: str = "UTC") -> ApiKey:
    return make_key(make_team(make_organization(name, timezone=zone)))[0]


def test_the_pulse_says_what_is_in_the_tables() -> None:
    now = timezone.now().replace(hour=6, minute=30)  # long after midnight at both of the world's ends
    acme, bolts = key_of("Acme", "Pacific/Kiritimati"), key_of("Bolts", "Pacific/Niue")
    gone = key_of("Gone")
    ended = now - timedelta(minutes=1, seconds=1)
    calls = [make_record(acme, at=ended, latency_ms=1000) for _ in range(3)]
    calls += [make_record(bolts, at=ended, latency_ms=1000, model="gpt-99"), make_record(bolts, at=ended, status=500)]
    post(*calls, make_record(gone, at=ended), now=ended + timedelta(seconds=3))
    post_lines(["garbage"], now=now)
    organizations.delete(organization=gone.organization)
    organizations.suspend(organization=bolts.organization)
    make_user("new@example.com")
    User.objects.filter(pk=make_user("old@example.com").pk).update(created_at=now - timedelta(days=8))

    found = pulse.read(now)

    assert sum(found.by_minute) == 6
    assert (found.recent.count, found.recent.error_count) == (6, 1)
    assert found.lag_s == pytest.approx(2, abs=0.01)  # the calls had ended a second after their start
    assert (found.latency_ms, found.rejected_count) == (1000, 1)
    assert (found.today.cost_pico_usd, found.spending.month.cost_pico_usd) == (4 * USUAL_COST, 4 * USUAL_COST)
    assert sum(spent for _, spent in found.spending.by_day) == 4 * USUAL_COST
    assert [(one.name, one.sums.request_count) for one in found.spending.top] == [("Acme", 3), ("Bolts", 2)]
    assert [(one.model, one.request_count, one.organization_count) for one in found.spending.unpriced] == [
        ("gpt-99", 1, 1)
    ]
    assert (found.organization_count, found.suspended_count) == (2, 1)
    assert [one.email for one in found.newcomers] == ["new@example.com"]


def test_it_costs_the_same_with_more_organizations_and_nothing_again_within_some_seconds(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(4):
        post(make_record(key_of(f"Organization {number}"), at=timezone.now()))
    cache.clear()

    with django_assert_num_queries(11):
        pulse.look()
    with django_assert_num_queries(0):
        kept = pulse.look()
    with django_assert_num_queries(8):
        pulse.read(timezone.now(), spending=kept.spending)
    with django_assert_num_queries(4):  # the session, the person, the rights
        assert "Organization 3" in site.get("/admin/pulse/").content.decode()


def test_what_has_got_a_price_is_no_longer_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "KEPT_SECONDS", 0)
    cache.clear()
    post(make_record(key_of("Acme"), at=timezone.now(), model="gpt-99"))
    assert pulse.look().spending.unpriced_count == 1

    long_ago = timezone.now() - timedelta(days=30)
    price = ModelPrice(provider="openai", model="gpt-99", effective_from=long_ago, input_pico_usd=1, output_pico_usd=1)
    price_book.save_price(price=price)
    price_changes.catch_up()
    assert pulse.look().spending.unpriced_count == 0


def test_the_roll_ups_are_found_by_their_index() -> None:
    for number in range(3):
        post(make_record(key_of(f"Organization {number}"), at=timezone.now()))

    with CaptureQueriesContext(connection) as asked:
        pulse.read(timezone.now())

    found = [one["sql"] for one in asked.captured_queries if "analytics_" in one["sql"]]
    assert len([sql for sql in found if "analytics_dailyusage" in sql]) == 4
    if IS_PRODUCTION:
        assert [plan for sql in found if "Seq Scan" in (plan := explain(sql))] == []


def test_the_home_shows_it_and_renews_only_that(site: Client) -> None:
    post(make_record(key_of("Acme"), at=timezone.now()))

    page = site.get("/admin/").content.decode()
    part = site.get("/admin/pulse/").content.decode()

    assert 'hx-get="/admin/pulse/"' in page
    assert 'id="pulse"' in part
    assert "Usage records" in page
    assert "Usage records" not in part
    assert "$0.0035" in page
    assert "$0.0035" in part


def test_a_model_without_a_price_leads_to_the_form_filled_in_with_it(site: Client) -> None:
    key = key_of("Acme")
    post(*(make_record(key, at=timezone.now(), model="gpt-99/x") for _ in range(12)))
    boss = signed_in(make_staff("Admin"))

    page = boss.get("/admin/unpriced/").content.decode()
    (link,) = re.findall(r'href="([^"]*modelprice/add/\?[^"]*)"', page)
    assert re.search(r"gpt-99/x</code></th><td class=\"n\">12</td>", page)
    assert (
        re.sub(r"\s+", " ", "12 requests of <code>gpt-99/x</code> without a price")
        in boss.get("/admin/").content.decode()
    )
    form = boss.get(link.replace("&amp;", "&")).content.decode()
    assert 'value="gpt-99/x"' in form
    assert page_of(ModelPrice, "add") in link
    assert "modelprice/add/?" not in site.get("/admin/unpriced/").content.decode()


def test_organizations_are_listed_with_this_months_usage_in_one_query(
    site: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        post(make_record(key_of(f"Organization {number}"), at=timezone.now()))

    with django_assert_max_num_queries(10):
        page = site.get("/admin/orgs/organization/").content.decode()

    assert page.count("$0.0035") == 10  # and as the exact amount


def test_the_batches_say_how_long_their_calls_waited(site: Client) -> None:
    ended = timezone.now() - timedelta(minutes=3)
    record = make_record(key_of("Acme"), at=ended, latency_ms=500)
    line = lines_of(record)[0].replace(record.id, call_ids.id_from(ended).hex)
    post_lines([line], now=ended + timedelta(seconds=4))

    assert "3.5 s" in site.get("/admin/analytics/usagebatch/").content.decode()


def test_the_journal_of_the_host_is_weighed(tmp_path: Path, settings: Settings) -> None:
    own = tmp_path / "process"
    own.mkdir()
    for name, content in (("a.sealed", b"1234"), ("b.open", b"12"), ("c.posted", b"123456"), ("inflight", b"1")):
        (own / name).write_bytes(content)

    found = journal_backlog.weigh(tmp_path)

    assert (found.segment_count, found.bytes) == (1, 4)
    assert 0 <= found.oldest_seconds < 60
    assert journal_backlog.weigh(tmp_path / "nothing") == journal_backlog.JournalBacklog(0, 0, 0.0)


def test_no_page_has_in_it_what_the_policy_refuses(site: Client) -> None:
    """Scripts and styles come from files: `script-src 'self'; style-src 'self'`."""
    key = key_of("Acme")
    post(make_record(key, at=timezone.now()))
    boss = signed_in(make_user("root@example.com", is_staff=True, is_superuser=True))
    own = f"/admin/orgs/organization/{key.organization_id}"
    paths = ["/admin/", "/admin/unpriced/", "/admin/orgs/organization/", f"{own}/change/", f"{own}/look/"]
    for path in (*paths, "/admin/accounts/user/add/", "/admin/analytics/ledgerrecord/", "/admin/orgs/team/add/"):
        page = boss.get(path).content.decode()
        assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)(?![^>]*application/json)", page), path
