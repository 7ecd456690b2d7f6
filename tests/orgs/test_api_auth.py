"""The REST API's authentication, through a view of its own: keys by either header, sessions beside them."""

import pytest
from django.test import Client
from django.urls import path
from pytest_django import DjangoAssertNumQueries
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from orgs import keys as key_texts
from orgs.key_cache import KeyFacts
from orgs.services import keys, organizations
from tests.factories import PASSWORD, make_key, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db, pytest.mark.urls(__name__)]


@api_view()
def who(request: Request) -> Response:
    facts = request.auth
    return Response({"user": str(request.user), "team": facts.team_id if isinstance(facts, KeyFacts) else None})


urlpatterns = [path("who", who)]


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "Bearer  "])
def test_a_bearer_key_is_accepted(
    client: Client, scheme: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    record, key = make_key()

    with django_assert_num_queries(1):
        response = client.get("/who", headers={"authorization": f"{scheme}{key}"})

    assert response.status_code == 200
    assert response.json() == {"user": "platform key", "team": record.team_id}


def test_an_x_api_key_is_accepted_beside_a_foreign_authorization(client: Client) -> None:
    record, key = make_key()

    response = client.get("/who", headers={"authorization": "Bearer sk-something", "x-api-key": key})

    assert response.json()["team"] == record.team_id


def test_of_two_platform_keys_the_bearer_counts(client: Client) -> None:
    (first, first_key), (_, second_key) = make_key(), make_key()

    response = client.get("/who", headers={"authorization": f"Bearer {first_key}", "x-api-key": second_key})

    assert response.json()["team"] == first.team_id


def test_a_session_is_accepted(client: Client) -> None:
    person = make_user()
    client.login(username=person.email, password=PASSWORD)

    assert client.get("/who").json() == {"user": person.email, "team": None}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-something"}, {"authorization": "Bearer"}])
def test_a_visitor_is_asked_for_a_key(client: Client, headers: dict[str, str]) -> None:
    response = client.get("/who", headers=headers)

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("text", ["apc_", "apc_ü", "apc_" + "a" * 40])
def test_a_text_that_cannot_be_a_key_is_refused_without_a_query(
    client: Client, text: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert client.get("/who", headers={"x-api-key": text}).status_code == 401


def test_a_key_that_was_never_issued_is_refused(client: Client) -> None:
    assert client.get("/who", headers={"x-api-key": key_texts.generate()}).status_code == 401


def test_a_revoked_key_is_refused_at_once(client: Client) -> None:
    record, key = make_key()
    assert client.get("/who", headers={"x-api-key": key}).status_code == 200

    keys.revoke(key=record)

    response = client.get("/who", headers={"x-api-key": key})
    assert response.status_code == 401
    assert "revoked" in response.content.decode()


def test_a_suspended_organization_is_forbidden_until_it_is_resumed(client: Client) -> None:
    record, key = make_key()

    organizations.suspend(organization=record.organization)
    assert client.get("/who", headers={"x-api-key": key}).status_code == 403

    organizations.resume(organization=record.organization)
    assert client.get("/who", headers={"x-api-key": key}).status_code == 200
