"""The dashboard: figures worked out by hand."""

import re
from datetime import UTC, date, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from analytics import filters, overview, periods
from orgs.models import Organization
from tests.analytics.rollup_rows import spend
from tests.factories import make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def owner(client: Client) -> User:
    person = make_user()
    client.force_login(person)
    return person


@pytest.fixture
def acme(owner: User) -> Organization:
    return make_organization("Acme", owner=owner)


def read(client: Client, name: str, organization: Organization) -> str:
    """The page's text with tags and white space taken out."""
    page = client.get(reverse(name, args=[organization.slug])).content.decode()
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def today() -> str:
    return timezone.now().date().isoformat()


def test_what_has_no_price_is_not_shown_as_zero(client: Client, acme: Organization) -> None:
    spend(make_team(acme), "0", on=today(), prompt_key="trial", request_count=3, priced_count=0, unpriced_count=3)

    page = read(client, "dashboard", acme)

    assert "trial 3 \N{EN DASH} no price" in page
    assert "Without a price 3" in page
    assert "Average per request \N{EN DASH}" in page


def test_a_request_that_broke_off_is_one_call_of_the_share_that_failed(client: Client, acme: Organization) -> None:
    team = make_team(acme)
    spend(team, "1", 10, on=today(), error_count=10, failed_request_count=10)
    assert "Errors 10 100 %" in read(client, "dashboard", acme)

    spend(team, "1", 37, on=today(), prompt_key="chat", error_count=3)
    assert "Errors 13 26 %" in read(client, "dashboard", acme)


# Session, person, access, memberships of the switcher, the state of the e-mail address for its banner.
QUERIES_OF_A_PAGE = 5


def read_month(organization: Organization, now: datetime) -> overview.Dashboard:
    zone = organization.tz
    month = filters.parse({}, today=periods.local_day(now, zone))
    return overview.read_dashboard(organization_id=organization.pk, filters=month, zone=zone, now=now, registered={})


def test_the_comparison_takes_the_same_days_of_the_month_before(acme: Organization) -> None:
    team = make_team(acme)
    spend(team, "3", on="2026-03-02")
    spend(team, "1", on="2026-02-01")
    spend(team, "1", on="2026-02-10")
    spend(team, "50", on="2026-02-11")

    month = read_month(acme, datetime(2026, 3, 10, 12, tzinfo=UTC))

    assert month.before is not None
    assert month.before.before_pico_usd == 2 * 10**12
    assert month.before.change_pico_usd == 10**12
    assert month.before.change_percent == 50
    assert month.before.period.end == date(2026, 2, 10)
    assert [column.total for column in month.trend.columns if column.total] == [3 * 10**12]
    assert len(month.trend.columns) == 31
    assert [column.day for column in month.trend.columns if column.is_partial] == [date(2026, 3, 10)]


def test_a_shorter_month_before_is_compared_as_a_whole(acme: Organization) -> None:
    spend(make_team(acme), "1", on="2026-02-28")

    month = read_month(acme, datetime(2026, 3, 31, 12, tzinfo=UTC))

    assert month.before is not None
    assert month.before.before_pico_usd == 10**12
    assert month.before.period.end == date(2026, 2, 28)


def test_nothing_before_makes_no_percentage(acme: Organization) -> None:
    spend(make_team(acme), "1", on="2026-03-01")

    month = read_month(acme, datetime(2026, 3, 1, 12, tzinfo=UTC))

    assert month.before is not None
    assert month.before.change_percent is None
    assert not month.trend.has_previous


def test_the_month_is_that_of_the_organizations_time_zone(owner: User) -> None:
    organization = make_organization(timezone="Pacific/Auckland", owner=owner)

    assert read_month(organization, datetime(2026, 2, 28, 20, tzinfo=UTC)).period.start == date(2026, 3, 1)
