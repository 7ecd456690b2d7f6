"""The front page and signing in and out: visitor, member, owner and outsider."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from orgs.services import organizations
from tests.factories import PASSWORD, make_member, make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_a_visitor_is_told_what_this_is_and_where_to_sign_in(client: Client) -> None:
    response = client.get("/")

    page = response.content.decode()
    assert response.status_code == 200
    assert reverse("login") in page
    assert "/api/proxy/v1/openai" in page


def test_a_person_signs_in_by_e_mail_in_any_case_and_out_again(client: Client) -> None:
    make_user("ada@example.com")

    response = client.post("/login/", {"username": "Ada@Example.com", "password": PASSWORD})
    assert response.headers["Location"] == "/"
    assert "ada@example.com" in client.get("/").content.decode()

    response = client.post("/logout/")
    assert response.headers["Location"] == "/"
    assert "ada@example.com" not in client.get("/").content.decode()


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_refused_without_saying_whether_the_account_exists(client: Client, password: str) -> None:
    make_user("ada@example.com")

    pages = []
    for email in ("ada@example.com", "bob@example.com"):
        response = client.post("/login/", {"username": email, "password": password})
        assert response.status_code == 200
        pages.append(response.context["form"].errors)
    assert pages[0] == pages[1]
    assert pages[0]


def test_a_locked_account_cannot_sign_in(client: Client) -> None:
    make_user("ada@example.com", is_active=False)

    client.post("/login/", {"username": "ada@example.com", "password": PASSWORD})

    assert "_auth_user_id" not in client.session


def test_a_sign_in_goes_on_to_the_wanted_page_but_never_off_this_site(client: Client) -> None:
    make_user("ada@example.com")
    credentials = {"username": "ada@example.com", "password": PASSWORD}

    assert client.post("/login/", {**credentials, "next": "/admin/"}).headers["Location"] == "/admin/"
    client.post("/logout/")
    assert client.post("/login/", {**credentials, "next": "https://evil.example/"}).headers["Location"] == "/"


def test_signing_out_takes_a_post(client: Client) -> None:
    client.force_login(make_user())

    assert client.get("/logout/").status_code == 405
    assert "_auth_user_id" in client.session


def test_a_member_sees_their_organizations_and_nobody_elses(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    person = make_user()
    make_organization("Acme", timezone="Asia/Kathmandu", owner=person)
    make_member(make_organization("Bolts"), person)
    make_organization("Cogs", owner=make_user())
    client.force_login(person)

    with django_assert_num_queries(3):  # session, person, memberships
        page = client.get("/").content.decode()

    assert "Acme" in page
    assert "Asia/Kathmandu" in page
    assert "Bolts" in page
    assert "Cogs" not in page


def test_a_suspended_organization_is_marked(client: Client) -> None:
    person = make_user()
    organizations.suspend(organization=make_organization("Acme", owner=person))
    client.force_login(person)

    assert "Suspended" in client.get("/").content.decode()


def test_a_person_without_organization_is_told_what_to_do(client: Client) -> None:
    person = make_user()
    client.force_login(person)

    assert f"--owner {person.email}" in client.get("/").content.decode()


def test_an_unknown_address_has_a_page_that_leads_back(client: Client) -> None:
    response = client.get("/nowhere")

    assert response.status_code == 404
    assert "nothing at this address" in response.content.decode()


def test_pages_carry_no_inline_style_or_script(client: Client) -> None:
    person = make_user()
    make_organization(owner=person)
    pages = [client.get("/"), client.get("/login/"), client.get("/nowhere")]
    client.force_login(person)
    pages.append(client.get("/"))

    for response in pages:
        page = response.content.decode()
        assert " style=" not in page
        assert "<style" not in page
        assert "<script" not in page
        assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"]
