"""The guide's way in and its first two steps: visitor, new person, member, outsider."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.onboarding import steps
from orgs.models import ApiKey, AuditEntry, Membership, Organization
from orgs.services import keys, organizations
from tests.accounts.pages import sign_up, text_of
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_member, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

WELCOME = "/onboarding/welcome/"
PAGES = ["onboarding", "onboarding-key", "onboarding-prompt", "onboarding-code", "onboarding-arrival"]


@pytest.fixture
def person(client: Client) -> User:
    """Signed in, without an organization."""
    user = make_user("ada@acme-widgets.co.uk", timezone="Asia/Kathmandu")
    client.force_login(user)
    return user


def begin(client: Client, name: str = "Acme", timezone: str = "Europe/Berlin") -> Organization:
    response = client.post(WELCOME, {"name": name, "timezone": timezone})
    organization = Organization.objects.get(name=name)
    assert response.headers["Location"] == reverse("onboarding-key", args=[organization.slug])
    return organization


def send_key_form(client: Client, organization: Organization, **changes: str) -> str:
    """The page that answers to the form of the second step."""
    path = reverse("onboarding-key", args=[organization.slug])
    form_id = str(client.get(path).context["form"]["form_id"].value())
    team = str(organization.teams.get().pk)
    response = client.post(path, {"form_id": form_id, "team": team, "description": "First key"} | changes)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    return str(response.content.decode())


def shown_key(page: str) -> str:
    found = re.search(r"apc_\w{40}", page)
    assert found, page
    return found[0]


# --- The way in -------------------------------------------------------------------------------------------------------


def test_a_visitor_is_sent_to_sign_in(client: Client) -> None:
    organization = make_organization()
    paths = ["/onboarding/", WELCOME, *(reverse(name, args=[organization.slug]) for name in PAGES)]

    for path in paths:
        assert client.get(path).headers["Location"].startswith("/accounts/login/?next=")


def test_an_outsider_learns_nothing(client: Client, person: User) -> None:
    organization = make_organization()

    for name in PAGES:
        path = reverse(name, args=[organization.slug])
        assert client.get(path).status_code == 404
        assert client.post(path).status_code in {404, 405}


def test_what_is_told_after_signing_up_stands_in_the_page_and_covers_nothing(client: Client) -> None:
    sign_up(client, "ada@example.com")

    page = client.get(WELCOME).content.decode()

    assert '<div class="banner banner-good" role="status">' in page.partition("<main")[2]
    assert 'class="toast' not in page


def test_signing_up_leads_to_the_welcome(client: Client) -> None:
    response = sign_up(client)

    assert response.headers["Location"] == "/onboarding/"
    assert client.get("/onboarding/").headers["Location"] == WELCOME


@pytest.mark.parametrize("role", [Membership.Role.OWNER, Membership.Role.MEMBER])
def test_members_and_owners_alike_may_go_through_it(client: Client, person: User, role: str) -> None:
    organization = make_organization()
    make_member(organization, person, role)
    make_team(organization)

    page = send_key_form(client, organization)
    assert shown_key(page)
    assert client.get(reverse("onboarding-prompt", args=[organization.slug])).status_code == 200
    assert client.get(reverse("onboarding-code", args=[organization.slug])).status_code == 200


def test_in_a_suspended_organization_nothing_is_made(client: Client, person: User) -> None:
    organization = make_organization(owner=person)
    team = make_team(organization)
    organizations.suspend(organization=organization)

    path = reverse("onboarding-key", args=[organization.slug])
    assert client.get(path).status_code == 403
    assert client.post(path, {"team": team.pk}).status_code == 403
    assert not ApiKey.objects.of(organization).exists()


# --- Step 1 -----------------------------------------------------------------------------------------------------------


def test_name_and_time_zone_are_proposed(client: Client, person: User) -> None:
    form = client.get(WELCOME).context["form"]

    assert form["name"].value() == "Acme Widgets"
    assert form["timezone"].value() == "Asia/Kathmandu"


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("ada@acme.com", "Acme"),
        ("ada@mail.acme-widgets.io", "Acme Widgets"),
        ("ada@big_data.co.jp", "Big Data"),
        ("ada.lovelace+news@gmail.com", "Ada Lovelace"),
        ("ada99@proton.me", "Ada99"),
        ("ada@localhost", ""),
        ("", ""),
    ],
)
def test_a_name_is_made_of_the_company_or_the_person(email: str, name: str) -> None:
    assert steps.propose_name(email) == name


def test_the_first_step_makes_an_organization_with_a_team(client: Client, person: User) -> None:
    organization = begin(client)

    assert organization.timezone == "Europe/Berlin"
    assert organization.memberships.get().user == person
    assert organization.memberships.get().is_owner
    assert organization.teams.get().name == "Default"
    assert set(AuditEntry.objects.of(organization).values_list("action", flat=True)) >= {
        "organization.created",
        "team.created",
    }


def test_sending_the_first_form_again_makes_no_second_organization(client: Client, person: User) -> None:
    organization = begin(client)

    response = client.post(WELCOME, {"name": "Again", "timezone": "UTC"})
    assert response.headers["Location"] == reverse("onboarding-key", args=[organization.slug])
    assert steps.begin(owner=person, name="At the same moment", timezone="UTC") == organization
    assert Organization.objects.count() == 1


@pytest.mark.parametrize(("name", "timezone"), [("", "UTC"), ("   ", "UTC"), ("x" * 101, "UTC"), ("Acme", "Mars/Base")])
def test_what_cannot_be_is_said_at_the_field(client: Client, person: User, name: str, timezone: str) -> None:
    response = client.post(WELCOME, {"name": name, "timezone": timezone})

    assert response.context["form"].errors
    assert not Organization.objects.exists()


def test_whoever_belongs_to_organizations_chooses_one(client: Client, person: User) -> None:
    acme = make_organization("Acme", owner=person)
    bolts = make_organization("Bolts", owner=person)

    assert client.get("/onboarding/").headers["Location"] == WELCOME
    page = client.get(WELCOME).content.decode()
    for organization in (acme, bolts):
        assert reverse("onboarding-key", args=[organization.slug]) in page
    assert 'name="timezone"' not in page


# --- Step 2 -----------------------------------------------------------------------------------------------------------


def test_the_key_is_shown_once_and_kept_nowhere(client: Client, person: User) -> None:
    organization = begin(client)

    key = shown_key(send_key_form(client, organization))

    assert ApiKey.objects.with_key(key).get().team.name == "Default"
    assert key not in str(dict(client.session.items()))
    for name in ("onboarding-key", "onboarding-prompt", "onboarding-code"):
        assert key not in client.get(reverse(name, args=[organization.slug])).content.decode()


def test_a_form_that_is_sent_twice_makes_one_key(client: Client, person: User) -> None:
    organization = begin(client)
    path = reverse("onboarding-key", args=[organization.slug])
    sent = {
        "form_id": str(client.get(path).context["form"]["form_id"].value()),
        "team": str(organization.teams.get().pk),
    }

    shown_key(client.post(path, sent).content.decode())
    again = client.post(path, sent, follow=True)

    assert "has made its key already" in text_of(again)
    assert ApiKey.objects.of(organization).count() == 1


def test_another_organizations_team_gets_no_key(client: Client, person: User) -> None:
    organization = begin(client)
    other = make_team()

    page = send_key_form(client, organization, team=str(other.pk))

    assert "apc_" not in page
    assert not ApiKey.objects.exists()


def test_whoever_has_a_key_may_go_on_with_it(client: Client, person: User) -> None:
    organization = begin(client)
    send_key_form(client, organization)

    response = client.get(reverse("onboarding-key", args=[organization.slug]))

    assert "has 1 active key already" in text_of(response)
    assert reverse("onboarding-prompt", args=[organization.slug]) in response.content.decode()


# --- Coming back ------------------------------------------------------------------------------------------------------


def test_it_goes_on_where_this_browser_was(client: Client, person: User) -> None:
    organization = begin(client)
    client.get(reverse("onboarding-key", args=[organization.slug]))
    assert client.get("/onboarding/").headers["Location"] == reverse("onboarding-key", args=[organization.slug])

    client.get(reverse("onboarding-code", args=[organization.slug]))
    for path in ("/onboarding/", reverse("onboarding", args=[organization.slug])):
        assert client.get(path).headers["Location"] == reverse("onboarding-code", args=[organization.slug])


def test_in_another_browser_it_goes_on_with_what_is_missing(client: Client, person: User) -> None:
    organization = make_organization(owner=person)
    path = reverse("onboarding", args=[organization.slug])
    assert client.get("/onboarding/").headers["Location"] == path

    assert client.get(path).headers["Location"] == reverse("onboarding-key", args=[organization.slug])
    record, _ = make_key(make_team(organization))
    assert client.get(path).headers["Location"] == reverse("onboarding-prompt", args=[organization.slug])
    keys.revoke(key=record)
    assert client.get(path).headers["Location"] == reverse("onboarding-key", args=[organization.slug])


def test_whoever_is_through_begins_again(client: Client, person: User) -> None:
    organization = make_organization(owner=person)
    record, _ = make_key(make_team(organization))
    post(make_record(record))

    assert client.get(reverse("onboarding", args=[organization.slug])).headers["Location"] == WELCOME


def test_a_place_in_an_organization_that_was_left_is_forgotten(client: Client, person: User) -> None:
    organization = make_organization()
    membership = Membership.objects.get(user=make_member(organization, person))
    client.get(reverse("onboarding-code", args=[organization.slug]))
    membership.delete()

    assert client.get("/onboarding/").headers["Location"] == WELCOME


def test_every_step_can_be_left(client: Client, person: User) -> None:
    assert f'href="{reverse("app")}">Skip for now' in client.get(WELCOME).content.decode()
    organization = begin(client)
    for name in ("onboarding-key", "onboarding-prompt", "onboarding-code"):
        page = client.get(reverse(name, args=[organization.slug])).content.decode()
        assert f'href="{reverse("dashboard", args=[organization.slug])}">Skip for now' in page
