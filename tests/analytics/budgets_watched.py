"""An organization with a budget, its spend, and a look at it: what the tests of the budget mails share."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core import mail

from accounts.models import User
from analytics import budget_alerts, price_book
from analytics.usage import TokenUsage
from orgs.models import ApiKey, Membership
from orgs.services import budgets
from tests.analytics.usage_lines import NOON, make_record, post
from tests.factories import make_key, make_team
from tests.orgs.people import make_owned

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
TOKENS_OF_A_DOLLAR = 400_000  # gpt-4o, input


@pytest.fixture
def key() -> ApiKey:
    """Of Acme in UTC, with one verified owner and a budget of $100 since long ago."""
    organization, _ = make_owned()
    budgets.change(organization=organization, amount=Decimal(100), now=LONG_AGO)
    price_book.current()
    return make_key(make_team(organization))[0]


def owner_of(key: ApiKey) -> User:
    return Membership.objects.owners().filter(organization=key.organization).earliest("id").user


def spend(key: ApiKey, dollars: float, *, at: datetime = NOON, now: datetime | None = None) -> None:
    tokens = int(Decimal(str(dollars)) * TOKENS_OF_A_DOLLAR)
    post(make_record(key, at=at, usage=TokenUsage(input=tokens)), now=now or at)


def look(key: ApiKey, now: datetime = NOON) -> list[str]:
    """The subjects of the mails that this look sent."""
    before = len(mail.outbox)
    budget_alerts.look(key.organization_id, now=now)
    return [str(message.subject) for message in mail.outbox[before:]]


EIGHTY = "Acme has used 80 % of its budget for February"
FULL = "Acme has used up its budget for February"
