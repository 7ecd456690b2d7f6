"""The dashboard for HTMX and its script: the part that changes, what is new, the first request; in few queries."""

import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from orgs.models import ApiKey, Organization
from orgs.services import budgets, organizations
from tests.factories import make_key, make_member, make_organization, make_team, make_user
from tests.pages.dashboard_page import HTMX, ask, page_of, spent_of, text_of, use

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

# Session, person, access; in whole pages the switcher's memberships and the state of the address for its banner.
QUERIES_OF_A_PART = 3
QUERIES_OF_THE_FRAME = 2
# Has usage; of the bar: teams, keys, prompts, models, tags.
QUERIES_OF_THE_BAR = 6


@pytest.fixture
def acme(client: Client) -> Organization:
    owner = make_user()
    client.force_login(owner)
    return make_organization("Acme", owner=owner)


@pytest.fixture
def key(acme: Organization) -> ApiKey:
    return make_key(make_team(acme, "backend"), "Checkout, production")[0]


def test_htmx_gets_the_part_that_changes(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key, 2)

    part = ask(client, acme, "range=7d", **HTMX)

    assert part.content.decode().strip().startswith('<div class="dashboard" id="dashboard"')
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part.headers["Vary"]


def test_news_come_when_there_are_any(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key, 2, prompt_key="greeting")

    def stamp_of(query: str) -> str:
        return str(re.findall(r'data-stamp="(\w+)"', page_of(client, acme, query))[0])

    seen = {query: stamp_of(query) for query in ("", "prompt=other", "range=last-month")}
    unchanged = {query: ask(client, acme, f"{query}&stamp={stamp}", **HTMX) for query, stamp in seen.items()}
    use(key, 3, prompt_key="greeting")
    answers = {query: ask(client, acme, f"{query}&stamp={stamp}", **HTMX) for query, stamp in seen.items()}

    assert {answer.status_code for answer in unchanged.values()} == {204}
    assert [answer.status_code for answer in answers.values()] == [200, 204, 204]
    assert spent_of(answers[""].content.decode()) == "$5.00"
    assert stamp_of("") in answers[""].content.decode()


def test_the_first_request_turns_the_way_to_it_into_the_dashboard(client: Client, acme: Organization) -> None:
    start = page_of(client, acme)
    assert "No request has come through yet" in start
    assert "YOUR_API_KEY" in start
    assert "chat/completions" in start
    assert 'class="is-done"' not in start
    assert "$" not in text_of(start)
    key = make_key(make_team(acme))[0]
    assert 'class="is-done"' in page_of(client, acme)
    stamp = re.findall(r'data-stamp="([\w-]+)"', start)[0]
    assert ask(client, acme, f"stamp={stamp}", **HTMX).status_code == 204

    use(key, 2)

    assert spent_of(ask(client, acme, f"stamp={stamp}", **HTMX).content.decode()) == "$2.00"


def test_the_budget_is_the_whole_organizations(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key, 2)
    acme.monthly_budget_pico_usd = 8 * 10**12
    acme.save()

    assert "25 % of the budget of $8.00" in text_of(page_of(client, acme))
    assert "of the budget" not in page_of(client, acme, f"team={key.team_id}")
    assert "of the budget" not in page_of(client, acme, "range=last-month")
    assert "Budget by day" in page_of(client, acme)
    # An even pace is one of the days of a calendar month.
    assert "Budget by day" not in page_of(client, acme, "range=30d")


def test_a_changed_budget_is_news(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key, 2)
    stamp = re.findall(r'data-stamp="(\w+)"', page_of(client, acme))[0]
    assert ask(client, acme, f"stamp={stamp}", **HTMX).status_code == 204

    budgets.change(organization=acme, amount=Decimal(8))

    assert "25 % of the budget of $8.00" in text_of(ask(client, acme, f"stamp={stamp}", **HTMX).content.decode())


def test_a_suspended_organization_that_never_began_is_offered_no_key(client: Client, acme: Organization) -> None:
    way_to_a_key = reverse("key-new", args=[acme.slug])
    assert way_to_a_key in page_of(client, acme)

    organizations.suspend(organization=acme)

    assert way_to_a_key not in page_of(client, acme)


def test_members_see_it_and_nobody_else_does(acme: Organization, key: ApiKey) -> None:
    use(key, 2)
    member, outsider, visitor = Client(), Client(), Client()
    member.force_login(make_member(acme))
    outsider.force_login(make_user())

    assert spent_of(page_of(member, acme)) == "$2.00"
    assert [ask(one, acme, "stamp=x", **HTMX).status_code for one in (outsider, visitor)] == [404, 302]


def test_it_takes_few_queries_however_much_there_is(
    client: Client, acme: Organization, key: ApiKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    use(key, 1, days_ago=1)
    use(key, 1)
    page_of(client, acme)  # the session notes the organization

    def count(query: str, most: int) -> None:
        with django_assert_num_queries(most):
            ask(client, acme, query)

    of_a_month = QUERIES_OF_A_PART + QUERIES_OF_THE_FRAME + QUERIES_OF_THE_BAR + 4
    count("range=7d", of_a_month)
    for number in range(12):
        other = make_key(make_team(acme))[0]
        use(other, 1, prompt_key=f"prompt-{number}", tags=(f"tag-{number}",), model=f"gpt-4o-{number}")
    count("range=7d", of_a_month)
    count("range=7d&all=prompts,teams,tags,api-keys&by=model", of_a_month)
    stamp = re.findall(r'data-stamp="(\w+)"', page_of(client, acme))[0]
    count(f"stamp={stamp}", QUERIES_OF_A_PART + 2)
