"""What is pending is told beside the costs on every page that shows them, and is never a cost of zero."""

import re
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from orgs.models import Organization, Team
from tests.analytics.rollup_rows import spend
from tests.factories import make_organization, make_prompt, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def acme(client: Client) -> Organization:
    owner = make_user()
    client.force_login(owner)
    return make_organization("Acme", owner=owner)


@pytest.fixture
def team(acme: Organization) -> Team:
    """With 40 requests for $0.40, and 3 pending ones: two of a prompt that has others, one of a prompt that has not."""
    team = make_team(acme, "backend")
    today = timezone.now().date().isoformat()
    for key in ("summarize", "research"):
        make_prompt(acme, key)
    spend(team, "0.40", 40, on=today, prompt_key="summarize", version=1, input_tokens=40_000)
    for key, count in (("summarize", 2), ("research", 1)):
        spend(team, "0", count, on=today, prompt_key=key, version=1, model="", priced_count=0, pending_count=count)
    return team


def words_of(client: Client, acme: Organization, path: str) -> str:
    response = client.get(f"/app/{acme.slug}/{path}")
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_the_dashboard_counts_it_and_leads_to_the_calls(client: Client, acme: Organization, team: Team) -> None:
    assert "Pending 3" in words_of(client, acme, "")
    assert re.search(r'requests/\?[^"]*flag=pending', client.get(f"/app/{acme.slug}/").content.decode())
    assert "43 requests for $0.40 , 3 of them pending." in words_of(client, acme, "requests/")


def test_prompts_and_teams_tell_it(client: Client, acme: Organization, team: Team) -> None:
    prompts = words_of(client, acme, "prompts/")
    assert "$0.40 2 pending" in prompts
    assert "research" in prompts
    assert " pending $0.40" not in prompts
    assert "3 pending requests are not in the costs." in prompts
    assert "3 pending requests are not in the costs." in words_of(client, acme, "teams/")
    assert "Pending 3" in words_of(client, acme, f"teams/{team.pk}/")


def test_versions_leave_it_out_of_their_averages(client: Client, acme: Organization, team: Team) -> None:
    words = words_of(client, acme, "versions/?prompt=summarize")
    assert "42 2 pending $0.40 $0.01 1,000 0 0" in words
    assert "2 requests are pending: neither cost nor tokens are known yet." in words
    assert "1 1 pending pending" in words_of(client, acme, "versions/?prompt=research")
