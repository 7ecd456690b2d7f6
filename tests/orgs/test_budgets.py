"""The monthly budget: owners set it, members see it, and every change is noted."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import User
from orgs import audit_words
from orgs.models import AuditEntry, Organization
from orgs.services import budgets
from tests.accounts.pages import text_of
from tests.factories import make_member, make_user
from tests.orgs.people import actions, client_of, make_owned, statuses

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def send(organization: Organization, owner: User, amount: str) -> str:
    address = reverse("organization-budget", args=[organization.slug])
    return text_of(client_of(owner).post(address, {"amount": amount}, follow=True))


def stored(organization: Organization) -> int | None:
    organization.refresh_from_db()
    return organization.monthly_budget_pico_usd


def test_only_owners_set_it_and_members_see_it() -> None:
    organization, owner = make_owned()

    answers = statuses(organization, owner, "organization-budget", method="post", amount="2500")

    assert answers == {"visitor": 401, "outsider": 404, "member": 403, "owner": 302}
    assert stored(organization) == 2500 * 10**12
    page = client_of(make_member(organization)).get(reverse("organization-settings", args=[organization.slug]))
    assert "<dt>Monthly budget</dt><dd>$2,500.00</dd>" in text_of(page)


@pytest.mark.parametrize(
    ("text", "pico_usd"),
    [
        ("2500", 2500 * 10**12),
        (" $2,500.50 ", 2500_500_000_000_000),
        ("0.01", 10**10),
        ("9000000", 9_000_000 * 10**12),
        ("1,234,567.8", 1_234_567_800_000_000_000),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, pico_usd: int) -> None:
    organization, owner = make_owned()

    page = send(organization, owner, text)

    assert stored(organization) == pico_usd
    assert "The monthly budget is $" in page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "more than $0"),
        ("-5", "more than $0"),
        ("9000000.01", "at most $9,000,000"),
        ("10.001", "two decimals at most"),
        ("2.500,50", "with a point before the cents"),
        ("1,5", "with a point before the cents"),
        ("much", "with a point before the cents"),
        ("1e3", "with a point before the cents"),
        ("٣", "with a point before the cents"),
    ],
)
def test_what_is_no_budget_is_refused_in_words(text: str, words: str) -> None:
    organization, owner = make_owned()

    page = send(organization, owner, text)

    assert words in page
    assert f'value="{text}"' in page
    assert stored(organization) is None
    assert "organization.budget_set" not in actions(organization)


def test_every_change_is_noted_in_words() -> None:
    organization, owner = make_owned()
    client = client_of(owner)

    for amount in ("100", "100.00", "250.5", ""):
        client.post(reverse("organization-budget", args=[organization.slug]), {"amount": amount})

    entries = AuditEntry.objects.of(organization).filter(action__contains="budget").order_by("id")
    assert [audit_words.say(one.action, one.target, one.details) for one in entries] == [
        "set the monthly budget to $100.00",
        "changed the monthly budget from $100.00 to $250.50",
        "removed the monthly budget of $250.50",
    ]
    assert {one.actor for one in entries} == {owner}


def test_owners_read_who_is_mailed() -> None:
    organization, owner = make_owned()
    unverified, locked = (make_member(organization, make_user(), "owner") for _ in range(2))
    User.objects.filter(pk=locked.pk).update(is_active=False)

    page = text_of(client_of(owner).get(reverse("organization-settings", args=[organization.slug])))

    assert f"<li>{owner.email}</li>" in page
    assert f"<li>{unverified.email}: no mail until the address is verified</li>" in page
    assert f"<li>{locked.email}: no mail, the account is locked</li>" in page


def test_no_code_and_no_row_gets_a_budget_that_is_none() -> None:
    organization, _ = make_owned()
    for amount in ("NaN", "Infinity", "-1", "0"):
        with pytest.raises(ValidationError):
            budgets.change(organization=organization, amount=Decimal(amount))

    with pytest.raises(IntegrityError), transaction.atomic():
        Organization.objects.update(monthly_budget_pico_usd=0)
