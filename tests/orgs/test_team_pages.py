"""The pages of teams: who sees and does what, and that the figures are those of the reports."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from analytics import periods
from analytics.periods import Period
from orgs.models import AuditEntry, Organization, Team
from orgs.services import keys, organizations, teams
from tests.analytics.rollup_rows import spend
from tests.factories import make_key, make_member, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def owner() -> User:
    return make_user("owner@example.com")


@pytest.fixture
def organization(owner: User) -> Organization:
    return make_organization("Acme", timezone="Pacific/Auckland", owner=owner)


@pytest.fixture
def team(organization: Organization) -> Team:
    return make_team(organization, "backend")


@pytest.fixture
def member(organization: Organization) -> User:
    return make_member(organization, make_user("member@example.com"))


@pytest.fixture
def member_client(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


@pytest.fixture
def owner_client(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def this_month(organization: Organization) -> Period:
    return periods.current_month(timezone.now(), organization.tz)


def url(organization: Organization, rest: str = "") -> str:
    return f"/app/{organization.slug}/teams/{rest}"


def text_of(response: Any) -> str:
    return unescape(response.content.decode())


def words_of(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text_of(response)).split())


# Who may


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("", {"owner": 200, "member": 200, "outsider": 404, "visitor": 302}),
        ("new/", {"owner": 200, "member": 200, "outsider": 404, "visitor": 302}),
        ("{team}/", {"owner": 200, "member": 200, "outsider": 404, "visitor": 302}),
        ("{team}/rename/", {"owner": 200, "member": 403, "outsider": 404, "visitor": 302}),
        ("{team}/archive/", {"owner": 200, "member": 403, "outsider": 404, "visitor": 302}),
    ],
)
def test_members_see_and_make_teams_and_owners_change_them(
    client: Client,
    organization: Organization,
    owner: User,
    member: User,
    team: Team,
    rest: str,
    expected: dict[str, int],
) -> None:
    answers = {"visitor": client.get(url(organization, rest.format(team=team.pk))).status_code}
    for name, person in (("owner", owner), ("member", member), ("outsider", make_user())):
        client.force_login(person)
        answers[name] = client.get(url(organization, rest.format(team=team.pk))).status_code

    assert answers == expected


def test_a_member_changes_no_team_by_post_either(member_client: Client, organization: Organization, team: Team) -> None:
    assert member_client.post(url(organization, f"{team.pk}/rename/"), {"name": "mine"}).status_code == 403
    assert member_client.post(url(organization, f"{team.pk}/archive/")).status_code == 403
    team.refresh_from_db()
    assert (team.name, team.is_archived) == ("backend", False)


@pytest.mark.parametrize("rest", ["", "rename/", "archive/"])
def test_a_team_of_another_organization_is_not_found(
    owner_client: Client, organization: Organization, rest: str
) -> None:
    assert owner_client.get(url(organization, f"{make_team().pk}/{rest}")).status_code == 404


# The list


def test_the_list_shows_this_months_cost_and_requests_and_the_active_keys(
    member_client: Client, organization: Organization, team: Team
) -> None:
    month = this_month(organization)
    kept, _ = make_key(team)
    keys.revoke(key=make_key(team)[0])
    spend(kept, "12.5", 30, on=month.end.isoformat())
    spend(kept, "0.25", 4, on=month.start.isoformat(), prompt_key="other")
    spend(kept, "99", 1000, on=periods.previous(month).end.isoformat())
    make_team(organization, "idle")

    page = words_of(member_client.get(url(organization)))

    assert "backend 1 34 $12.75" in page
    assert "idle 0 0 $0.00" in page
    assert "All teams 34 $12.75" in page


def test_an_archived_team_stays_in_the_list_with_what_it_spent(
    member_client: Client, organization: Organization, team: Team
) -> None:
    spend(team, "3", on=this_month(organization).start.isoformat())
    teams.archive(team=team)

    assert "backend Archived 0 1 $3.00" in words_of(member_client.get(url(organization)))


def test_what_has_no_price_is_said_beside_the_total(
    member_client: Client, organization: Organization, team: Team
) -> None:
    spend(team, "0", 2, on=this_month(organization).start.isoformat(), priced_count=0, unpriced_count=2)

    page = words_of(member_client.get(url(organization)))

    assert "backend 0 2 no price" in page
    assert "2 requests without a price are not in the costs" in page


def test_without_teams_the_list_leads_to_the_first_one(member_client: Client, organization: Organization) -> None:
    assert "Create the first team" in text_of(member_client.get(url(organization)))


def test_the_list_is_eight_queries_however_many_teams_there_are(
    member_client: Client, organization: Organization, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(8):
        spend(make_key(make_team(organization))[0], "1", on=this_month(organization).start.isoformat())
    member_client.get(url(organization))

    # Session, person, membership; sums and total, the teams; the person's address, the switcher.
    with django_assert_num_queries(8):
        member_client.get(url(organization))


# One team


def test_a_team_shows_its_spend_by_day_by_key_and_by_prompt(
    member_client: Client, organization: Organization, team: Team
) -> None:
    month = this_month(organization)
    first, _ = make_key(team, "checkout")
    second, _ = make_key(team, "search")
    other, _ = make_key(make_team(organization))
    spend(first, "2", 20, on=month.start.isoformat(), prompt_key="triage")
    spend(second, "5", 50, on=month.start.isoformat(), prompt_key="answer")
    spend(other, "1000", 1, on=month.start.isoformat(), prompt_key="elsewhere")
    keys.revoke(key=second)

    response = member_client.get(url(organization, f"{team.pk}/"))
    page = words_of(response)

    assert "$7.00" in page
    assert re.search(r"search apc_\.\.\.\w{4} Revoked .*? 50 \$5\.00", page)
    assert re.search(r"checkout apc_\.\.\.\w{4} .*? 20 \$2\.00", page)
    assert "answer 50 $5.00" in page
    assert "triage 20 $2.00" in page
    assert "elsewhere" not in page
    assert "1,000" not in page
    assert f"{month.start.day} {month.start:%b %Y} $5.00 $2.00 $7.00" in page  # the chart's table
    assert '<rect class="series-1' in text_of(response)


def test_another_month_can_be_looked_at_and_led_back_from(
    member_client: Client, organization: Organization, team: Team
) -> None:
    month = this_month(organization)
    before = periods.previous(month)
    spend(team, "4", on=before.start.isoformat())

    page = text_of(member_client.get(url(organization, f"{team.pk}/"), {"month": f"{before.start:%Y-%m}"}))

    assert f"Spent in {before.start:%B %Y}" in page
    assert "$4.00" in page
    assert f"?month={month.start:%Y-%m}" in page
    assert f"?month={periods.previous(before).start:%Y-%m}" in page


@pytest.mark.parametrize("asked", ["nonsense", "2026-13", "0001-01", "9999-12", "2026-1", ""])
def test_a_month_that_cannot_be_shown_is_the_current_one(
    member_client: Client, organization: Organization, team: Team, asked: str
) -> None:
    page = text_of(member_client.get(url(organization, f"{team.pk}/"), {"month": asked}))

    assert f"Spent in {this_month(organization).start:%B %Y}" in page


def test_a_team_is_thirteen_queries_however_much_it_has(
    member_client: Client, organization: Organization, team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    day = this_month(organization).start
    for number in range(9):
        spend(make_key(team, f"key {number}")[0], "1", on=day.isoformat(), prompt_key=f"prompt-{number}")
    member_client.get(url(organization, f"{team.pk}/"))

    # Session, person, membership; team, keys, two for the last uses; by day before, by day, key and prompt; the frame.
    with django_assert_num_queries(13):
        member_client.get(url(organization, f"{team.pk}/"))


# Making and renaming


def test_a_member_makes_a_team_and_lands_on_it(member_client: Client, organization: Organization, member: User) -> None:
    response = member_client.post(url(organization, "new/"), {"name": "  data   science "}, follow=True)

    made = Team.objects.get()
    assert made.name == "data science"
    assert response.redirect_chain == [(url(organization, f"{made.pk}/"), 302)]
    assert AuditEntry.objects.get(action="team.created").actor == member


@pytest.mark.parametrize("name", ["", "   ", "BACKEND", "x" * 101])
def test_a_name_that_cannot_be_is_refused_in_the_form(
    owner_client: Client, organization: Organization, team: Team, name: str
) -> None:
    other = make_team(organization, "other")

    for page in ("new/", f"{other.pk}/rename/"):
        response = owner_client.post(url(organization, page), {"name": name})
        assert response.status_code == 200
        assert response.context["form"].errors["name"]
    assert sorted(Team.objects.values_list("name", flat=True)) == ["backend", "other"]


def test_an_owner_renames_a_team_and_its_spend_goes_along(
    owner_client: Client, organization: Organization, owner: User, team: Team
) -> None:
    spend(team, "6", on=this_month(organization).start.isoformat())

    owner_client.post(url(organization, f"{team.pk}/rename/"), {"name": "Platform"})
    owner_client.post(url(organization, f"{team.pk}/rename/"), {"name": "Platform"})

    assert "Platform 0 1 $6.00" in words_of(owner_client.get(url(organization)))
    entry = AuditEntry.objects.get(action="team.renamed")
    assert (entry.actor, entry.target, entry.details) == (owner, "Platform", {"before": "backend"})


# Archiving


def test_a_team_with_active_keys_is_not_archived_and_the_page_says_which(
    owner_client: Client, organization: Organization, team: Team
) -> None:
    active, _ = make_key(team, "checkout")
    keys.revoke(key=make_key(team, "notebook")[0])

    asked = owner_client.get(url(organization, f"{team.pk}/archive/"))
    refused = owner_client.post(url(organization, f"{team.pk}/archive/"))

    assert "Archive team" not in text_of(asked)
    assert refused.status_code == 409
    assert "backend was not archived: 1 of its keys is active" in text_of(refused)
    assert "checkout" in text_of(refused)
    assert "notebook" not in text_of(refused)
    assert f"/keys/{active.pk}/revoke/" in text_of(refused)
    team.refresh_from_db()
    active.refresh_from_db()
    assert not team.is_archived
    assert not active.is_revoked


def test_a_team_without_active_keys_is_archived_once(
    owner_client: Client, organization: Organization, owner: User, team: Team
) -> None:
    keys.revoke(key=make_key(team)[0])
    page = url(organization, f"{team.pk}/archive/")
    assert "Archive team" in text_of(owner_client.get(page))

    for _ in range(2):
        assert owner_client.post(page).headers["Location"] == url(organization)

    team.refresh_from_db()
    assert team.is_archived
    assert AuditEntry.objects.get(action="team.archived").actor == owner
    shown = text_of(owner_client.get(url(organization, f"{team.pk}/")))
    assert "keys/new/" not in shown
    assert "it takes no new keys" in shown


def test_with_htmx_the_question_comes_without_the_frame(
    owner_client: Client, organization: Organization, team: Team
) -> None:
    dialog = owner_client.get(url(organization, f"{team.pk}/archive/"), headers={"HX-Request": "true"})

    assert "<html" not in text_of(dialog)
    assert "Archive team" in text_of(dialog)


# Suspended


def test_a_suspended_organizations_teams_are_read_and_not_written(
    owner_client: Client, organization: Organization, team: Team
) -> None:
    organizations.suspend(organization=organization)

    listed, shown = owner_client.get(url(organization)), owner_client.get(url(organization, f"{team.pk}/"))
    refused = [
        owner_client.post(url(organization, "new/"), {"name": "late"}),
        owner_client.post(url(organization, f"{team.pk}/rename/"), {"name": "late"}),
        owner_client.post(url(organization, f"{team.pk}/archive/")),
    ]

    assert "backend" in text_of(listed)
    assert not re.search(r"teams/new/|/rename/|/archive/|keys/new/", text_of(listed) + text_of(shown))
    assert [response.status_code for response in refused] == [403, 403, 403]
    assert all("is suspended, so nothing was changed" in text_of(response) for response in refused)
    team.refresh_from_db()
    assert (team.name, team.is_archived, Team.objects.count()) == ("backend", False, 1)
