"""The dashboard through its address: every range, filter, order and table; what cannot be used."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics.usage import TokenUsage
from analytics.views.ranking_tables import Asked
from orgs.models import ApiKey, Organization
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_organization, make_prompt, make_team, make_user
from tests.pages.dashboard_page import (
    TABLES,
    added_up,
    link_called,
    names_of,
    page_of,
    rows_of,
    spent_of,
    table_of,
    text_of,
    use,
)

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

DASH = "\N{EN DASH}"


@pytest.fixture
def acme(client: Client) -> Organization:
    owner = make_user()
    client.force_login(owner)
    return make_organization("Acme", owner=owner)


@pytest.fixture
def key(acme: Organization) -> ApiKey:
    return make_key(make_team(acme, "backend"), "Checkout, production")[0]


@pytest.fixture
def varied(acme: Organization, key: ApiKey) -> Mapping[str, Any]:
    """$9 of this day, in parts that every filter tells apart; and $40 of somebody else."""
    other = make_key(make_team(acme, "mobile"), "")[0]
    make_prompt(acme, "idle", name="Not used yet")
    use(key, 1, prompt_key="greeting", tags=("search", "checkout"), model="gpt-4o")
    use(key, 3, prompt_key="greeting", tags=("untagged",), model="gpt-4o-2024-08-06")
    use(other, 5, prompt_key="", tags=(), model="gpt-4o")
    use(make_key(make_team(make_organization("Elsewhere"), "strangers"))[0], 40, prompt_key="foreign")
    return {"key": key.pk, "team": key.team_id, "other": other}


def test_every_table_shows_what_it_was_spent_on_and_adds_up(
    client: Client, acme: Organization, varied: Mapping[str, Any]
) -> None:
    page = page_of(client, acme)

    assert spent_of(page) == "$9.00"
    assert rows_of(page, "prompts")[0].startswith("unknown Show only unknown 1 $5.00 $5.00 $5.00")
    assert names_of(page, "prompts") == ["unknown", "greeting", "idle"]
    assert "idle Show only idle Not used yet 0" in rows_of(page, "prompts")[2]
    assert names_of(page, "api-keys") == [varied["other"].masked, "Checkout, production"]
    assert "Checkout, production backend 2 $2.00" in rows_of(page, "api-keys")[1]
    assert names_of(page, "teams") == ["mobile", "backend"]
    assert names_of(page, "tags") == ["untagged", "“untagged”", "checkout", "search"]
    assert "can add up to more than the total" in text_of(table_of(page, "tags"))
    assert names_of(page, "models") == ["gpt-4o", "gpt-4o-2024-08-06"]
    assert names_of(page, "providers") == ["OpenAI"]
    assert {name: added_up(page, name) for name in TABLES} == dict.fromkeys(TABLES, Decimal(9)) | {"tags": Decimal(10)}
    assert "foreign" not in page
    assert "strangers" not in page


NARROWED = {
    "team={team}": ("$4.00", "Team: backend"),
    "key={key}": ("$4.00", "API key: Checkout, production"),
    "prompt=greeting": ("$4.00", "Prompt: greeting"),
    "prompt=unknown": ("$5.00", "Prompt: unknown (no prompt key)"),
    "model=gpt-4o-2024-08-06": ("$3.00", "Model: gpt-4o-2024-08-06"),
    "provider=openai": ("$9.00", "Provider: OpenAI"),
    "tag=checkout": ("$1.00", "Tag: checkout"),
    "tag=untagged": ("$5.00", "Tag: untagged (no tag)"),
    "tag==untagged": ("$3.00", "Tag: untagged"),
    "prompt=greeting&tag=checkout&range=today": ("$1.00", "Tag: checkout"),
}


def test_a_filter_is_for_everything_at_once_and_can_be_taken_away(
    client: Client, acme: Organization, varied: Mapping[str, Any]
) -> None:
    pages = {query: page_of(client, acme, query.format(**varied)) for query in NARROWED}

    for query, (spent, chip) in NARROWED.items():
        page = pages[query]
        tables = [name for name in TABLES if name != "tags" or "tag=" in query]
        assert spent_of(page) == spent, query
        assert {added_up(page, name) for name in tables} == {Decimal(spent[1:])}, query
        assert "idle" not in names_of(page, "prompts")
        assert link_called(page, chip) == reverse("dashboard", args=[acme.slug]) + (
            "?range=today&prompt=greeting" if "range" in query else ""
        )
        assert link_called(page, "Reset") == reverse("dashboard", args=[acme.slug])


def test_links_keep_what_is_chosen(client: Client, acme: Organization, varied: Mapping[str, Any]) -> None:
    page = page_of(client, acme, "range=7d&prompt=greeting&by=model&sort.teams=name")
    home = reverse("dashboard", args=[acme.slug])

    assert link_called(page, "Last 30 days") == f"{home}?range=30d&prompt=greeting&by=model&sort.teams=name"
    assert link_called(page, "This month") == f"{home}?prompt=greeting&by=model&sort.teams=name"
    assert link_called(page, "By provider") == f"{home}?range=7d&prompt=greeting&by=provider&sort.teams=name"
    assert link_called(page, "Compare the versions of greeting") == f"{home}versions/?range=7d&prompt=greeting"
    assert link_called(page, "Export CSV : Spend by team") == f"{home}export/teams.csv?range=7d&prompt=greeting"
    assert link_called(page, "Show only checkout").startswith(f"{home}?range=7d&prompt=greeting&tag=checkout&by=")
    assert link_called(page, "Show all prompts again") == f"{home}?range=7d&by=model&sort.teams=name"
    assert 'name="range" value="7d"' in page  # of the form, which goes without scripts
    for path in ("Compare the versions of greeting", "Export CSV : Spend by team"):
        assert client.get(link_called(page, path)).status_code == 200


def test_the_card_names_its_days(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key, 2, days_ago=3)
    today = timezone.now().date()
    first, last = today - timedelta(days=4), today - timedelta(days=2)

    titles = {
        query: text_of(re.findall(r'<h2 class="spend-title".*?</h2>', page_of(client, acme, query))[0])
        for query in ("", "range=today", "range=90d", f"start={first}&end={last}", f"start={last}&end={last}")
    }

    assert titles[""].startswith(f"Spent in {today:%B} 1{DASH}")
    assert titles["range=today"] == f"Spent today {today:%-d %B %Y}"
    assert titles["range=90d"].startswith("Spent in the last 90 days ")
    assert f"{last:%-d %B}" in titles[f"start={first}&end={last}"]
    assert titles[f"start={last}&end={last}"].startswith(f"Spent on {last:%-d %B}")


def test_what_cannot_be_used_is_named_and_the_page_is_there(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key, 2, prompt_key="greeting")

    page = text_of(page_of(client, acme, "range=yesterday&team=x&prompt=%00&start=nonsense&sort.prompts=x&by=x&all=x"))

    assert "“From” cannot be used and was left out. Write the date as YYYY-MM-DD." in page
    assert "“Team” cannot be used" in page
    assert "“Prompt” cannot be used" in page
    assert f"Spent in {timezone.now():%B}" in page
    assert spent_of(page_of(client, acme, "range=yesterday&team=x")) == "$2.00"


def test_what_the_organization_does_not_have_fits_nothing(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key, 2)
    stranger = make_key(make_team(make_organization("Elsewhere"), "strangers"), "Their secret")[0]
    use(stranger, 40, prompt_key="foreign")

    page = page_of(client, acme, f"team={stranger.team_id}&key={stranger.pk}&prompt=foreign")

    assert spent_of(page) == "$0.00"
    assert f"There is no team “{stranger.team_id}” in this organization." in text_of(page)
    assert f"There is no API key “{stranger.pk}” in this organization." in text_of(page)
    assert "There is no prompt “foreign” in this organization." in text_of(page)
    assert "strangers" not in page
    assert "Their secret" not in page
    assert spent_of(client.get(link_called(page, "Remove the filters")).content.decode()) == "$2.00"


def test_days_without_usage_say_so_and_lead_to_the_last_ones(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key, 2)

    page = page_of(client, acme, "start=2025-01-03&end=2025-01-09")

    assert f"Nothing was used 3{DASH}9 January 2025" in text_of(page)
    assert "chart-plot" not in page
    last = f"Show {timezone.now():%B %Y}"
    assert spent_of(client.get(link_called(page, last)).content.decode()) == "$2.00"
    assert " data-live" not in page


def test_a_table_is_sorted_cut_and_searched(client: Client, acme: Organization, key: ApiKey) -> None:
    for number in range(12):
        make_prompt(acme, f"prompt-{number:02}", name="Thirteenth" if number == 3 else "")
        use(key, 1, prompt_key=f"prompt-{number:02}")
    use(key, 1, prompt_key="prompt-07")
    use(key, 0, prompt_key="prompt-05")
    use(key, 0, prompt_key="prompt-05")

    first = page_of(client, acme)
    by_requests = client.get(link_called(table_of(first, "prompts"), "Requests")).content.decode()
    by_name = client.get(link_called(table_of(first, "prompts"), "Prompt")).content.decode()
    full = client.get(link_called(first, "Show all 12")).content.decode()
    found = page_of(client, acme, "all=prompts&find.prompts=THIRTEENTH")

    assert names_of(first, "prompts")[:2] == ["prompt-07", "prompt-00"]
    assert len(names_of(first, "prompts")) == 10
    assert re.search(r'aria-sort="descending"><a [^>]*id="sort-prompts-cost"', first)
    assert names_of(by_requests, "prompts")[:2] == ["prompt-05", "prompt-07"]
    assert re.search(r'aria-sort="descending"><a [^>]*id="sort-prompts-requests"', by_requests)
    assert names_of(by_name, "prompts")[0] == "prompt-00"
    turned = client.get(link_called(table_of(by_name, "prompts"), "Prompt")).content.decode()
    assert names_of(turned, "prompts")[0] == "prompt-11"
    assert len(names_of(full, "prompts")) == 12
    assert 'name="find.prompts"' in full
    assert names_of(found, "prompts") == ["prompt-03"]
    assert "Nothing here is called “x”" in text_of(page_of(client, acme, "all=prompts&find.prompts=x"))


def test_the_page_s_own_parameters_read_back_as_they_are_written() -> None:
    asked = Asked({"by": "model", "sort.tags": "-name", "all": "tags,teams", "find.tags": "x", "find.models": "y"})

    assert asked.parameters() == {"by": "model", "sort.tags": "-name", "all": "tags,teams", "find.tags": "x"}
    assert asked.parameters(toggle="tags", by="") == {"sort.tags": "-name", "all": "teams"}
    assert asked.parameters(sort=("tags", ("cost", True))) == {"by": "model", "all": "tags,teams", "find.tags": "x"}


def test_the_days_are_those_of_the_organizations_time_zone(client: Client, acme: Organization, key: ApiKey) -> None:
    """15:00 UTC is the next day in Kathmandu from 18:15 on."""
    acme.timezone = "Asia/Kathmandu"
    acme.save()
    for minute in (14, 15):
        post(make_record(key, at=datetime(2026, 3, 9, 18, minute, tzinfo=UTC), usage=TokenUsage(output=100_000)))

    assert spent_of(page_of(client, acme, "start=2026-03-09&end=2026-03-09")) == "$1.00"
    assert spent_of(page_of(client, acme, "start=2026-03-10&end=2026-03-10")) == "$1.00"
