"""The pages of API keys: who sees and does what, and that a new key is shown exactly once."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from orgs import keys as key_texts
from orgs.models import ApiKey, AuditEntry, Organization, Team
from orgs.services import keys, organizations, teams
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_member, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

KEY_TEXT = re.compile(r"apc_[0-9A-Za-z]{40}")


@pytest.fixture
def owner() -> User:
    return make_user("owner@example.com")


@pytest.fixture
def organization(owner: User) -> Organization:
    return make_organization("Acme", timezone="Europe/Berlin", owner=owner)


@pytest.fixture
def team(organization: Organization) -> Team:
    return make_team(organization, "backend")


@pytest.fixture
def member(organization: Organization, client: Client) -> User:
    """Signed in: a member may do all that an owner may here."""
    person = make_member(organization, make_user("member@example.com"))
    client.force_login(person)
    return person


def url(organization: Organization, rest: str = "") -> str:
    return f"/app/{organization.slug}/keys/{rest}"


def create(client: Client, organization: Organization, **fields: Any) -> Any:
    return client.post(url(organization, "new/"), {"form_id": str(uuid4()), **fields})


def text_of(response: Any) -> str:
    return unescape(response.content.decode())


# Who may


@pytest.mark.parametrize("rest", ["", "new/", "{key}/revoke/"])
def test_owner_and_member_may_outsider_and_visitor_may_not(
    client: Client, organization: Organization, owner: User, team: Team, rest: str
) -> None:
    page = url(organization, rest.format(key=make_key(team)[0].pk))
    answers = {}
    for name, person in (("owner", owner), ("member", make_member(organization)), ("outsider", make_user())):
        client.force_login(person)
        answers[name] = client.get(page).status_code
    client.logout()

    assert answers == {"owner": 200, "member": 200, "outsider": 404}
    assert client.get(page).headers["Location"].startswith("/")
    assert client.get(page).headers["Location"].endswith(f"?next={page}")


def test_nobody_makes_or_revokes_keys_of_an_organization_they_are_not_in(
    client: Client, organization: Organization, team: Team
) -> None:
    key, _ = make_key(team)
    outsider = make_user()
    mine = make_organization(owner=outsider)
    client.force_login(outsider)

    assert create(client, organization, team=team.pk).status_code == 404
    assert create(client, mine, team=team.pk).status_code == 200  # Their own form, which does not know that team.
    assert client.post(url(organization, f"{key.pk}/revoke/")).status_code == 404
    assert client.post(url(mine, f"{key.pk}/revoke/")).status_code == 404
    key.refresh_from_db()
    assert not key.is_revoked
    assert ApiKey.objects.count() == 1


# The list


def test_the_list_tells_active_keys_from_revoked_ones(
    client: Client, organization: Organization, member: User, team: Team, owner: User
) -> None:
    active, _ = keys.issue(team=team, by=owner, description="checkout")
    revoked, _ = keys.issue(team=team, description="notebook")
    keys.revoke(key=revoked, by=member)

    page = text_of(client.get(url(organization)))
    above, below = page.split('id="revoked-keys"')

    assert ">Active</span>" in above
    assert "checkout" in above
    assert active.masked in above
    assert owner.email in above
    assert "backend" in above
    assert '<s class="key-name">notebook</s>' in below
    assert member.email in below
    assert f"{active.pk}/revoke/" in above
    assert f"{revoked.pk}/revoke/" not in page


def test_the_list_says_when_a_key_was_last_used(
    client: Client, organization: Organization, member: User, team: Team
) -> None:
    now = timezone.now()
    for minutes, words in ((None, "not yet"), (5, "5 minutes ago"), (60 * 24 * 40, "")):
        key, _ = make_key(team, words or "old")
        if minutes is not None:
            post(make_record(key, at=now - timedelta(minutes=minutes)), now=now)

    page = text_of(client.get(url(organization)))

    long_ago = (now - timedelta(days=40)).astimezone(organization.tz)
    assert page.count("not yet") > 1
    assert page.count("5 minutes ago") > 1
    assert f"{long_ago.day} {long_ago:%b %Y}" in page


def test_without_keys_the_list_leads_to_the_first_one(client: Client, organization: Organization, member: User) -> None:
    assert "Create the first key" in text_of(client.get(url(organization)))


def test_the_list_is_eight_queries_however_many_keys_there_are(
    client: Client, organization: Organization, member: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        key, _ = keys.issue(team=make_team(organization), by=member, description=f"key {number}")
        if number % 2:
            keys.revoke(key=key, by=member)
    client.get(url(organization))

    # Session, person, membership; two for the last uses, the keys; the person's address, the switcher.
    with django_assert_num_queries(8):
        client.get(url(organization))


# Making one


def test_a_new_key_is_in_the_answer_to_its_post_and_nowhere_else(
    client: Client, organization: Organization, member: User, team: Team
) -> None:
    response = create(client, organization, team=team.pk, description=" checkout ")
    page = text_of(response)

    made = ApiKey.objects.get()
    (key,) = set(KEY_TEXT.findall(page))
    assert bytes(made.key_hash) == key_texts.digest(key)
    assert (made.team, made.description, made.created_by) == (team, "checkout", member)
    assert f"Authorization: Bearer {key}" in page
    assert "http://127.0.0.1:8000/api/proxy/v1/openai/chat/completions" in page
    assert "no-store" in response.headers["Cache-Control"]
    assert not KEY_TEXT.search(text_of(client.get(url(organization))))
    assert not KEY_TEXT.search(str(dict(client.session)))
    assert AuditEntry.objects.get(action="api_key.issued").actor == member


def test_the_new_key_works_at_once(client: Client, organization: Organization, member: User, team: Team) -> None:
    (key,) = set(KEY_TEXT.findall(text_of(create(client, organization, team=team.pk))))

    answer = client.get("/api/aggregations/monthly/", headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 200


def test_a_form_that_is_sent_again_neither_shows_nor_makes_a_key(
    client: Client, organization: Organization, member: User, team: Team
) -> None:
    form = {"form_id": str(uuid4()), "team": team.pk, "description": "checkout"}
    create(client, organization, **form)

    again = client.post(url(organization, "new/"), form, follow=True)

    assert again.redirect_chain == [(url(organization), 302)]
    assert "has made its key already: checkout" in text_of(again)
    assert not KEY_TEXT.search(text_of(again))
    assert ApiKey.objects.count() == 1


def test_every_form_is_a_new_one_and_is_not_kept_by_the_browser(
    client: Client, organization: Organization, member: User, team: Team
) -> None:
    forms = [client.get(url(organization, "new/")) for _ in range(2)]

    ids = {str(form.context["form"]["form_id"].value()) for form in forms}
    assert len(ids) == 2
    assert all("no-store" in form.headers["Cache-Control"] for form in forms)


def test_the_first_key_makes_the_first_team_with_it_once(
    client: Client, organization: Organization, member: User
) -> None:
    form = {"form_id": str(uuid4()), "new_team": " Default "}
    assert "new_team" in text_of(client.get(url(organization, "new/")))

    assert KEY_TEXT.search(text_of(create(client, organization, **form)))
    create(client, organization, **form)

    key = ApiKey.objects.get()
    assert (key.team.name, key.team.organization) == ("Default", organization)
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True))[-2:] == [
        "team.created",
        "api_key.issued",
    ]


def test_where_no_team_can_be_made_no_key_is(client: Client, organization: Organization, member: User) -> None:
    teams.archive(team=make_team(organization, "Default"))

    page = text_of(create(client, organization, new_team="default"))

    assert "already has a team of that name" in page
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose the team."),
        ({"team": "archived"}, "Choose the team from the list."),
        ({"description": "x" * 201}, "At most 200 characters fit, and these are 201."),
        ({"form_id": ""}, "Please send it once more."),
    ],
)
def test_what_cannot_be_a_key_is_refused_in_the_form(
    client: Client, organization: Organization, member: User, team: Team, fields: dict[str, Any], words: str
) -> None:
    archived = make_team(organization)
    teams.archive(team=archived)
    fields = {"team": archived.pk} if fields.get("team") else fields

    response = create(client, organization, **fields)

    assert response.status_code == 200
    assert words in text_of(response)
    assert response.context["form"].errors
    assert not ApiKey.objects.exists()


def test_a_team_can_be_chosen_by_the_link(client: Client, organization: Organization, member: User, team: Team) -> None:
    make_team(organization, "other")

    page = text_of(client.get(url(organization, "new/"), {"team": team.pk}))

    assert f'<option value="{team.pk}" selected>backend' in page


# Revoking one


def test_revoking_asks_first_and_says_what_will_stop(
    client: Client, organization: Organization, member: User, team: Team
) -> None:
    key, _ = make_key(team, "checkout")
    now = timezone.now()
    ages = [timedelta(hours=1), timedelta(hours=2), timedelta(days=3), timedelta(days=20)]
    post(*(make_record(key, at=now - age) for age in ages), make_record(key, at=now, state="simulated"), now=now)

    response = client.get(url(organization, f"{key.pk}/revoke/"))

    page = re.sub(r"<[^>]+>", "", text_of(response))
    assert "Requests in the last 24 hours: 2." in page
    assert "In the last 7 days: 3." in page
    key.refresh_from_db()
    assert not key.is_revoked


def test_a_key_without_requests_says_that_nothing_should_stop(
    client: Client, organization: Organization, member: User, team: Team
) -> None:
    key, _ = make_key(team)

    assert "has made no request yet" in text_of(client.get(url(organization, f"{key.pk}/revoke/")))


def test_revoking_is_done_once_and_noted(client: Client, organization: Organization, member: User, team: Team) -> None:
    key, _ = make_key(team, "checkout")
    page = url(organization, f"{key.pk}/revoke/")

    first, second = client.post(page, follow=True), client.post(page, follow=True)

    key.refresh_from_db()
    assert key.is_revoked
    assert key.revoked_by == member
    assert "checkout is revoked" in text_of(first)
    assert "was revoked already" in text_of(second)
    assert AuditEntry.objects.get(action="api_key.revoked").actor == member
    assert client.get(page).status_code == 302


def test_with_htmx_the_question_comes_without_the_frame(
    client: Client, organization: Organization, member: User, team: Team
) -> None:
    page = url(organization, f"{make_key(team)[0].pk}/revoke/")

    dialog, whole = client.get(page, headers={"HX-Request": "true"}), client.get(page)

    assert "<html" not in text_of(dialog)
    assert "Revoke key" in text_of(dialog)
    assert "<html" in text_of(whole)
    assert "HX-Request" in dialog.headers["Vary"]


# Suspended


def test_a_suspended_organizations_keys_are_read_and_not_written(
    client: Client, organization: Organization, member: User, team: Team
) -> None:
    key, _ = make_key(team, "checkout")
    organizations.suspend(organization=organization)

    listed = text_of(client.get(url(organization)))
    refused = [
        client.get(url(organization, "new/")),
        create(client, organization, team=team.pk),
        client.post(url(organization, f"{key.pk}/revoke/")),
    ]

    assert "checkout" in listed
    assert "keys/new/" not in listed
    assert "/revoke/" not in listed
    assert [response.status_code for response in refused] == [403, 403, 403]
    assert all("Acme is suspended, so nothing was changed" in text_of(response) for response in refused)
    key.refresh_from_db()
    assert not key.is_revoked
    assert ApiKey.objects.count() == 1
