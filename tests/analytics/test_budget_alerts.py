"""Budget mails: once at 80 and once at 100 percent, for whom, and in which month."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as django_settings
from django.core import mail
from django.urls import reverse
from django.utils.html import escape

from accounts.models import User
from analytics import budget_alerts, price_book, repricing
from analytics.budget_alerts import GIVEN_UP_AFTER, Told, decide
from analytics.models import ModelPrice
from orgs.models import ApiKey, BudgetAlert, Membership, Organization
from orgs.services import budgets, members
from tests.accounts.pages import last_mail
from tests.analytics.budgets_watched import EIGHTY, FULL, LONG_AGO, key, look, owner_of, spend
from tests.analytics.usage_lines import NOON
from tests.factories import make_member, make_user
from tests.orgs.people import client_of, make_verified_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

__all__ = ["key"]  # a fixture


# The rules


@pytest.mark.parametrize(
    ("told", "budget", "spent", "steps"),
    [
        ({}, 100, 79, {}),
        ({}, 100, 80, {80: "tell"}),
        ({}, 100, 100, {80: "cover", 100: "tell"}),
        ({}, 125, 99, {}),
        ({80: Told(100)}, 100, 99, {}),
        ({80: Told(100)}, 100, 100, {100: "tell"}),
        ({80: Told(100)}, 90, 89, {}),
        ({80: Told(100)}, 85, 85, {100: "tell"}),
        ({80: Told(100)}, 200, 85, {80: "arm"}),
        ({80: Told(100, is_armed=True)}, 200, 159, {}),
        ({80: Told(100, is_armed=True)}, 200, 160, {80: "tell"}),
        ({80: Told(100, is_armed=True)}, 100, 99, {80: "disarm"}),
        ({80: Told(100), 100: Told(100)}, 105, 104, {80: "accept", 100: "arm"}),
        ({80: Told(105), 100: Told(100, is_armed=True)}, 105, 105, {100: "tell"}),
    ],
)
def test_what_to_do_about_each_threshold(told: dict[int, Told], budget: int, spent: int, steps: dict[int, str]) -> None:
    assert decide(told, budget_pico_usd=budget, spent_pico_usd=spent) == steps


def test_owners_are_mailed_at_exactly_80_percent_and_at_100_and_never_again(key: ApiKey) -> None:
    spend(key, 79.9999)
    assert look(key) == []
    spend(key, 0.0001)
    assert look(key) == [EIGHTY]
    spend(key, 19)
    assert look(key) == []
    spend(key, 1)
    assert look(key) == [FULL]
    spend(key, 500)
    assert look(key) == []


def test_both_at_once_are_one_mail(key: ApiKey) -> None:
    spend(key, 120)

    assert look(key) == [FULL]
    assert look(key) == []


def test_the_mail_says_how_much_of_what_and_leads_to_the_dashboard(key: ApiKey) -> None:
    spend(key, 85.5)
    look(key)

    message = last_mail(owner_of(key).email)
    text = " ".join(str(message.body).split())
    assert "Acme has spent $85.50 in February 2026: 85 % of its monthly budget of $100.00." in text
    assert "Nothing is stopped" in text
    link = f"{django_settings.PUBLIC_URL}/app/acme/?start=2026-02-01&end=2026-02-28"
    assert f" {link} " in text
    assert f'href="{escape(link)}"' in str(message.alternatives[0][0])
    assert reverse("organization-settings", args=["acme"]) in text


def test_a_raised_budget_is_told_about_again_when_the_spend_reaches_it(key: ApiKey) -> None:
    spend(key, 85)
    look(key)
    change_on_the_page(key, "200")
    spend(key, 74)
    assert look(key) == []
    spend(key, 1)
    assert look(key) == [EIGHTY]


def test_a_budget_raised_to_less_than_what_is_spent_is_no_news(key: ApiKey) -> None:
    spend(key, 104)
    assert look(key) == [FULL]
    change_on_the_page(key, "105")
    assert look(key) == []
    spend(key, 1)
    assert look(key) == [FULL]


def change_on_the_page(key: ApiKey, amount: str) -> None:
    address = reverse("organization-budget", args=[key.organization.slug])
    assert client_of(owner_of(key)).post(address, {"amount": amount}).status_code == 302
    # The page looks at the month of the clock; the tests' spend is in another.
    budget_alerts.notice(key.organization_id, now=NOON)


# Which month


def test_the_month_is_that_of_the_organizations_time_zone(key: ApiKey) -> None:
    Organization.objects.filter(pk=key.organization_id).update(timezone="Asia/Kathmandu")
    before_midnight, midnight = (datetime(2026, 1, 31, 18, minute, tzinfo=UTC) for minute in (14, 15))  # +05:45
    spend(key, 50, at=before_midnight)
    spend(key, 50, at=midnight)
    assert look(key, midnight) == []
    spend(key, 30, at=midnight)
    assert look(key, midnight) == [EIGHTY]
    spend(key, 50, at=before_midnight, now=midnight)
    assert look(key, midnight) == ["Acme has used up its budget for January"]


@pytest.mark.parametrize(
    ("now", "changed_at", "subjects"),
    [
        (datetime(2026, 3, 3, 23, tzinfo=UTC), LONG_AGO, [FULL]),
        (datetime(2026, 3, 4, tzinfo=UTC), LONG_AGO, []),
        (datetime(2026, 3, 1, 2, tzinfo=UTC), datetime(2026, 3, 1, 1, tzinfo=UTC), []),
    ],
)
def test_late_records_count_in_their_month_for_three_days_under_the_budget_of_then(
    key: ApiKey, now: datetime, changed_at: datetime, subjects: list[str]
) -> None:
    Organization.objects.update(budget_changed_at=changed_at)
    spend(key, 100, at=NOON, now=now)

    assert look(key, now) == subjects


def test_a_price_that_is_raised_later_is_noticed_by_the_clock(key: ApiKey) -> None:
    spend(key, 10)
    budget_alerts.look_at_all(now=NOON)
    assert not mail.outbox
    price = ModelPrice(provider="openai", model="gpt-4o", effective_from=LONG_AGO)
    price.input_pico_usd, price.output_pico_usd = 25_000_000, 100_000_000  # ten times as much
    price_book.save_price(price=price)
    repricing.reprice()

    budget_alerts.look_at_all(now=NOON)

    assert [str(message.subject) for message in mail.outbox] == [FULL]


# Whom


def test_active_owners_with_a_verified_address_are_mailed(key: ApiKey) -> None:
    organization = key.organization
    second, locked = (make_member(organization, make_verified_user(), "owner") for _ in range(2))
    User.objects.filter(pk=locked.pk).update(is_active=False)
    make_member(organization, make_user(), "owner")
    make_member(organization, make_verified_user())
    spend(key, 80)

    look(key)

    assert sorted(message.to[0] for message in mail.outbox) == sorted([owner_of(key).email, second.email])


def test_the_owners_of_the_moment_are_mailed(key: ApiKey) -> None:
    first, second = owner_of(key), make_verified_user()
    spend(key, 80)
    budget_alerts.notice(key.organization_id, now=NOON)
    make_member(key.organization, second, "owner")
    members.remove(membership=Membership.objects.get(user=first), by=second)

    look(key)

    assert [message.to for message in mail.outbox] == [[second.email]]


def test_without_anybody_to_mail_it_is_tried_for_three_days(key: ApiKey) -> None:
    EmailAddress.objects.update(verified=False)
    spend(key, 80)
    assert look(key) == []
    EmailAddress.objects.update(verified=True)

    assert look(key, NOON + GIVEN_UP_AFTER) == []
    assert look(key, NOON + GIVEN_UP_AFTER - timedelta(minutes=1)) == [EIGHTY]


# Without a budget


def test_without_a_budget_nothing_is_noted(key: ApiKey) -> None:
    budgets.change(organization=key.organization, amount=None)
    spend(key, 500)

    assert look(key) == []
    assert not BudgetAlert.objects.exists()


def test_a_budget_that_was_removed_before_the_mail_went_out_is_not_told_about(key: ApiKey) -> None:
    spend(key, 80)
    budget_alerts.notice(key.organization_id, now=NOON)
    budgets.change(organization=key.organization, amount=None)

    assert look(key) == []
    assert not BudgetAlert.objects.unsent().exists()
