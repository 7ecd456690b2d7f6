"""The front page: visitor, member, owner and outsider."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from orgs.services import organizations
from tests.factories import make_member, make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_a_visitor_is_told_what_this_is_and_where_to_sign_in(client: Client) -> None:
    response = client.get("/")

    page = response.content.decode()
    assert response.status_code == 200
    assert reverse("login") in page
    assert "/api/proxy/v1/openai" in page


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
