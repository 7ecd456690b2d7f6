"""The list of prompts: figures, order, search, days, marks, archived ones, and few queries."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics import reports
from analytics.reports import Scope
from orgs.models import Organization, Team
from prompts import services
from prompts.models import Prompt
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_member, make_organization, make_prompt, make_team, make_version
from tests.orgs.people import client_of
from tests.prompts.prompt_pages import read, rows_of, text_of, url, use

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

DASH = "\N{EN DASH}"
KEYS = ("support/reply?a=1&b#c", "say \"hi\", 'you'", "<b>résumé</b>", "日本語の要約", "x" * 128)


@pytest.fixture
def acme() -> Organization:
    return make_organization("Acme")


@pytest.fixture
def team(acme: Organization) -> Team:
    return make_team(acme)


@pytest.fixture
def member(acme: Organization) -> Client:
    return client_of(make_member(acme))


def names(page: str) -> list[str]:
    return re.findall(r'<a class="prompt-key mono"[^>]*>([^<]*)</a>', page)


def sort_link(page: str, column: str) -> tuple[str, str]:
    """What aria-sort says of a column, and where its head leads."""
    found = re.search(rf'<th scope="col"[^>]*?(?:aria-sort="(\w+)")?><a href="([^"]*)" id="sort-{column}"', page)
    assert found
    return found[1] or "", found[2].replace("&amp;", "&")


def test_the_list_shows_each_prompts_figures_and_the_total_of_the_reports(
    member: Client, acme: Organization, team: Team
) -> None:
    make_version(make_prompt(acme, "chat", name="Answers"), number=3, activate=True)
    make_prompt(acme, "unused")
    use(team, "chat", "1.50", 4, days_ago=40)
    use(team, "chat", "0.50", 2)
    use(team, "", "0.25")
    use(team, "(other)", "0.125")

    page = read(member, url(acme))

    assert rows_of(page, "prompt-list") == [
        "chat Answers v3 6 $2.00 today Code for chat",
        f"unused None {DASH} nothing 0 $0.00 not yet Code for unused",
        "unknown Requests that name no prompt 1 $0.25 today",
        "(other) Prompt keys beyond the daily limit of new ones 1 $0.125 today",
    ]
    assert reports.get_total(Scope(acme.pk, reports.ALL_TIME)).cost_pico_usd == 2_375_000_000_000
    assert "Total, all time 8 $2.38" in text_of(page)


def test_the_days_narrow_what_is_counted_and_go_along_with_the_links(
    member: Client, acme: Organization, team: Team
) -> None:
    prompt = make_prompt(acme, "chat")
    use(team, "chat", "1.00", days_ago=40)
    use(team, "chat", "0.50", days_ago=3)

    page = read(member, url(acme, "?range=7d&sort=name&q=chat"))

    assert rows_of(page, "prompt-list")[0].startswith("chat None 1 $0.50")
    assert f'href="/app/{acme.slug}/prompts/{prompt.pk}/?range=7d"' in page
    assert sort_link(page, "cost")[1] == url(acme, "?range=7d&q=chat")
    assert sort_link(page, "name") == ("ascending", url(acme, "?range=7d&q=chat&sort=-name"))
    wrong = text_of(read(member, url(acme, "?range=never")))
    assert "“Range” cannot be used and was left out." in wrong
    assert "Total, all time 2 $1.50" in wrong


def test_the_list_is_sorted_by_its_heads(member: Client, acme: Organization, team: Team) -> None:
    for key, usd, requests, days_ago in (("B", "3", 1, 5), ("a", "2", 9, 1), ("c", "2", 4, 0)):
        make_prompt(acme, key)
        use(team, key, usd, requests, days_ago=days_ago)
    make_prompt(acme, "never")

    def order(sort: str) -> list[str]:
        return names(read(member, url(acme, f"?sort={sort}")))

    assert order("") == order("nonsense") == ["B", "a", "c", "never"]
    assert order("cost") == ["a", "c", "B", "never"]
    assert order("-requests") == ["a", "c", "B", "never"]
    assert order("-used") == ["c", "a", "B", "never"]
    assert order("used") == ["B", "a", "c", "never"]
    assert order("name") == ["a", "B", "c", "never"]
    assert order("-name") == ["never", "c", "B", "a"]
    assert sort_link(read(member, url(acme)), "cost") == ("descending", url(acme, "?sort=cost"))
    assert sort_link(read(member, url(acme)), "used")[1] == url(acme, "?sort=-used")


def test_the_search_finds_keys_and_names_whatever_the_case(member: Client, acme: Organization) -> None:
    make_prompt(acme, "mail-draft", name="Résumé screening")
    make_prompt(acme, "chat")

    assert names(read(member, url(acme, "?q=RÉSUMÉ"))) == ["mail-draft"]
    assert names(read(member, url(acme, "?q=CHA"))) == ["chat"]
    nothing = read(member, url(acme, "?q=nothing/of it"))
    assert "No prompt is called “nothing/of it”" in text_of(nothing)
    assert f'href="{url(acme, "new/?key=nothing%2Fof%20it")}"' in nothing


@pytest.mark.parametrize("key", KEYS)
def test_any_key_is_shown_and_linked_as_it_is(member: Client, acme: Organization, key: str) -> None:
    prompt = services.create_prompt(organization=acme, key=key)

    page = read(member, url(acme))

    assert key in text_of(page)
    assert "<b>résumé" not in page
    assert f'href="/app/acme/builder/?prompt={quote(key, safe="")}"' in page
    detail = read(member, url(acme, f"{prompt.pk}/"))
    assert key in text_of(detail)
    assert f"?prompt={quote(key, safe='')}" in detail


def test_what_requests_made_is_marked_until_somebody_describes_it(member: Client, acme: Organization) -> None:
    services.register_unseen(organization_id=acme.pk, keys=["chat"], now=timezone.now())
    prompt = Prompt.objects.get()

    assert "Auto-created" in text_of(read(member, url(acme)))
    member.post(url(acme, f"{prompt.pk}/edit/"), {"name": "Chat", "description": ""})
    assert "Auto-created" not in text_of(read(member, url(acme)))


def test_archived_prompts_are_folded_away_and_still_count(member: Client, acme: Organization, team: Team) -> None:
    make_prompt(acme, "chat")
    services.archive(prompt=make_prompt(acme, "old"))
    use(team, "chat", "1")
    use(team, "old", "2", days_ago=1)

    page = read(member, url(acme))

    shown, folded = page.split('<details class="prompts-archived"')
    assert names(shown) == ["chat"]
    assert "Archived prompts 1, listed below 1 $2.00" in text_of(shown)
    assert "Total, all time 2 $3.00" in text_of(shown)
    assert names(folded) == ["old"]
    assert "Used since" not in text_of(folded)


def test_an_archived_prompt_that_is_used_again_is_flagged(member: Client, acme: Organization) -> None:
    key, _ = make_key(make_team(acme))
    now = timezone.now()
    before, since = make_prompt(acme, "before"), make_prompt(acme, "since")
    long_ago = make_prompt(acme, "long-ago")
    services.archive(prompt=long_ago, now=now - timedelta(days=9))
    for prompt, minutes in ((before, 10), (since, 30)):
        services.archive(prompt=prompt, now=now - timedelta(minutes=minutes))
    moments = {"before": now - timedelta(minutes=11), "since": now - timedelta(minutes=9), "long-ago": now}
    post(*(make_record(key, at=at, prompt_key=name) for name, at in moments.items()), now=now)

    folded = read(member, url(acme)).split('<details class="prompts-archived"')[1]

    assert "2 used since" in text_of(folded)
    rows = {row.split()[0]: "Used since" in row for row in rows_of(folded, "prompt-list")}
    assert rows == {"before": False, "since": True, "long-ago": True}
    assert "Requests still name it" in text_of(read(member, url(acme, f"{since.pk}/")))
    assert "Requests still name it" not in text_of(read(member, url(acme, f"{before.pk}/")))


def test_without_prompts_the_page_says_how_to_begin(member: Client, acme: Organization) -> None:
    page = read(member, url(acme))

    assert "No prompt yet" in text_of(page)
    assert f'href="/app/{acme.slug}/builder/"' in page
    assert f'href="{url(acme, "new/")}"' in page


def test_two_hundred_prompts_are_eleven_queries_and_more_have_pages(
    member: Client, acme: Organization, team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    services.register_unseen(organization_id=acme.pk, keys=[f"prompt-{number}" for number in range(200)], now=now)
    for number in range(0, 200, 40):
        use(team, f"prompt-{number}", "1")

    read(member, url(acme))  # The session notes once where its owner is.
    with django_assert_num_queries(11):
        page = read(member, url(acme))

    assert len(names(page)) == 200
    services.register_unseen(organization_id=acme.pk, keys=[f"more-{number}" for number in range(60)], now=now)
    first = read(member, url(acme, "?sort=-name&range=7d"))
    found = re.search(r'href="([^"]*)" rel="next"', first)
    assert found
    second = read(member, found[1].replace("&amp;", "&"))
    assert f"1{DASH}200 of 260 prompts in this order." in text_of(first)
    assert f"201{DASH}260 of 260 prompts in this order." in text_of(second)
    assert [len(names(first)), len(names(second)), len({*names(first), *names(second)})] == [200, 60, 260]
    assert names(read(member, url(acme, "?page=99&sort=-name"))) == names(second)
