"""The frame of the signed-in pages and who may open them: owner, member, outsider, visitor."""

import re

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from orgs.models import Organization
from orgs.services import organizations
from orgs.web import OrganizationRequest, organization_page
from tests.factories import make_member, make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

PAGES = ["dashboard", "prompts", "builder"]
EVERYWHERE = [*PAGES, "keys", "teams", "organization"]


@pytest.fixture
def owner() -> User:
    return make_user("owner@example.com")


@pytest.fixture
def acme(owner: User) -> Organization:
    return make_organization("Acme", owner=owner)


@pytest.mark.parametrize("name", PAGES)
def test_owners_and_members_see_the_page_and_nobody_else_does(
    client: Client, acme: Organization, owner: User, name: str
) -> None:
    address = reverse(name, args=[acme.slug])

    assert client.get(address).headers["Location"] == f"{reverse('account_login')}?next={address}"
    client.force_login(make_user())
    assert client.get(address).status_code == 404
    for person in (owner, make_member(acme)):
        client.force_login(person)
        response = client.get(address)
        assert response.status_code == 200
        assert "private" in response.headers["Cache-Control"]


@pytest.mark.parametrize("name", PAGES)
def test_pages_that_only_show_refuse_a_post(client: Client, acme: Organization, owner: User, name: str) -> None:
    client.force_login(owner)

    assert client.post(reverse(name, args=[acme.slug])).status_code == 405


def test_a_member_is_refused_what_only_owners_may_and_an_outsider_learns_nothing(
    client: Client, acme: Organization, owner: User
) -> None:
    @organization_page(role="owner")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")

    def open_as(person: User) -> HttpResponse:
        request = RequestFactory().get("/")
        request.user, request.session = person, client.session
        answer: HttpResponse = view(request, slug=acme.slug)
        return answer

    assert open_as(owner).content == b"done"
    with pytest.raises(PermissionDenied):
        open_as(make_member(acme))
    with pytest.raises(Http404):
        open_as(make_user())


def test_an_async_view_is_guarded_in_the_same_way(client: Client, acme: Organization, owner: User) -> None:
    @organization_page()
    async def view(request: OrganizationRequest, number: int) -> HttpResponse:
        return HttpResponse(f"{request.access.organization.name} {number}")

    request = AsyncRequestFactory().get("/")
    request.session, request.user = client.session, owner

    assert async_to_sync(view)(request, slug=acme.slug, number=7).content == b"Acme 7"
    request.user = make_user()
    with pytest.raises(Http404):
        async_to_sync(view)(request, slug=acme.slug, number=7)


def test_the_sidebar_leads_to_every_page_and_marks_the_one_that_is_open(
    client: Client, acme: Organization, owner: User
) -> None:
    client.force_login(owner)

    page = client.get(reverse("prompts", args=[acme.slug])).content.decode()

    for name in EVERYWHERE:
        assert f'href="{reverse(name, args=[acme.slug])}"' in page
    assert re.findall(r'href="([^"]+)" aria-current="page"', page) == [reverse("prompts", args=[acme.slug])] * 2


def test_the_switcher_shows_a_persons_organizations_and_nobody_elses(
    client: Client, acme: Organization, owner: User
) -> None:
    make_member(make_organization("Bolts"), owner)
    make_organization("Cogs", owner=make_user())
    client.force_login(owner)

    page = client.get(reverse("dashboard", args=[acme.slug])).content.decode()

    assert "Acme" in page
    assert "Bolts" in page
    assert "Cogs" not in page
    assert reverse("organization-new") in page


def test_a_suspended_organization_is_marked(client: Client, acme: Organization, owner: User) -> None:
    organizations.suspend(organization=acme)
    client.force_login(owner)

    assert "Suspended" in client.get(reverse("organization-new")).content.decode()


def test_signing_in_leads_to_the_organization_that_was_seen_last(client: Client, owner: User) -> None:
    first, last = make_organization("Acme", owner=owner), make_organization("Bolts", owner=owner)
    client.force_login(owner)

    assert client.get("/app/").headers["Location"] == reverse("dashboard", args=[first.slug])
    client.get(reverse("dashboard", args=[last.slug]))
    assert client.get("/app/").headers["Location"] == reverse("dashboard", args=[last.slug])
    assert reverse("prompts", args=[last.slug]) in client.get(reverse("docs")).content.decode()


def test_a_visitor_of_the_app_is_asked_to_sign_in(client: Client) -> None:
    for address in ("/app/", "/app/new/"):
        assert client.get(address).headers["Location"].startswith(reverse("account_login"))


def test_a_person_without_organization_is_led_to_making_one(client: Client) -> None:
    person = make_user()
    client.force_login(person)

    assert client.get("/app/").headers["Location"] == "/app/new/"
    assert "Create your organization" in client.get("/app/new/").content.decode()

    response = client.post("/app/new/", {"name": "  Acme   Robotics ", "timezone": "Europe/Berlin"})

    organization = Organization.objects.get()
    assert response.headers["Location"] == reverse("dashboard", args=["acme-robotics"])
    assert (organization.name, organization.timezone) == ("Acme Robotics", "Europe/Berlin")
    assert organization.memberships.get().user_id == person.pk
    assert organization.memberships.get().is_owner


@pytest.mark.parametrize(
    "typed",
    [{"name": "", "timezone": "UTC"}, {"name": "x" * 101, "timezone": "UTC"}, {"name": "A", "timezone": "Moon"}],
)
def test_a_wrong_organization_is_shown_again_with_what_is_wrong(client: Client, typed: dict[str, str]) -> None:
    client.force_login(make_user())

    response = client.post("/app/new/", typed)

    assert response.status_code == 200
    assert "field-error" in response.content.decode()
    assert not Organization.objects.exists()


def test_no_organization_takes_the_address_of_the_page_that_makes_them(client: Client) -> None:
    assert make_organization("New").slug == "new-2"
