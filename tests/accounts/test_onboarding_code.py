"""The guide's last step: the code, and whether requests arrive from outside or what is wrong with them."""

import asyncio
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.onboarding.sandbox import PROMPT_KEY, _Patient, read
from accounts.onboarding.words import explain
from orgs.models import ApiKey, RefusedCall
from orgs.services import refusals
from orgs.services.refusals import KEPT, Refused
from prompts.snippets import KEY_PLACEHOLDER, KINDS
from proxy.relay import Receive, Send
from tests.accounts.pages import text_of
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

NOW = timezone.now()


@pytest.fixture
def key(client: Client) -> ApiKey:
    """Of the organization whose owner is signed in."""
    person = make_user()
    client.force_login(person)
    return make_key(make_team(make_organization(owner=person, timezone="Asia/Kathmandu")), "checkout")[0]


def arrival(client: Client, key: ApiKey, **query: str) -> Any:
    """The part of the page that waits, as HTMX asks for it."""
    path = reverse("onboarding-arrival", args=[key.organization.slug])
    return client.get(path, query, headers={"HX-Request": "true"})


def refuse(key: ApiKey, code: str, *, minutes_ago: float = 0) -> None:
    at = NOW - timedelta(minutes=minutes_ago)
    refused = Refused(key.organization_id, key.pk, code, at)
    refusals.record(organization_id=key.organization_id, refused=[refused])


# --- The code ---------------------------------------------------------------------------------------------------------


def test_there_is_code_for_every_language_with_this_sites_address(client: Client, key: ApiKey) -> None:
    response = client.get(reverse("onboarding-code", args=[key.organization.slug]))

    page = response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    for kind in KINDS:
        assert f'href="#code-{kind.id}"' in page
        assert f'id="code-{kind.id}"' in page
        for provider in kind.providers:
            assert f'id="snippet-{kind.id}-{provider}"' in page
            assert f'data-copy="#snippet-{kind.id}-{provider}"' in page
    assert f"{settings.PUBLIC_URL}/api/proxy/v1/openai" in page
    assert f"{settings.PUBLIC_URL}/api/proxy/v1/anthropic" in page
    assert page.count(KEY_PLACEHOLDER) > len(KINDS)
    assert 'class="s' in page  # highlighted, by classes alone
    assert "style=" not in page


def test_a_key_that_is_gone_can_be_replaced(client: Client, key: ApiKey) -> None:
    page = client.get(reverse("onboarding-code", args=[key.organization.slug])).content.decode()

    assert "create another one" in page
    assert reverse("onboarding-key", args=[key.organization.slug]) in page


# --- Waiting ----------------------------------------------------------------------------------------------------------


def test_it_waits_and_asks_again_until_something_comes(client: Client, key: ApiKey) -> None:
    path = reverse("onboarding-arrival", args=[key.organization.slug])

    response = arrival(client, key, asked="4")

    assert "Waiting for your first request" in text_of(response)
    assert f'hx-get="{path}?asked=5"' in response.content.decode()
    assert "<html" not in response.content.decode()
    last = arrival(client, key, asked="299")
    assert "hx-get" not in last.content.decode()
    assert "Look again" in text_of(last)


def test_while_nothing_comes_it_says_what_leaves_no_trace(client: Client, key: ApiKey) -> None:
    words = "Without a key of"

    assert words in text_of(arrival(client, key))
    refuse(key, "malformed_body")
    assert words not in text_of(arrival(client, key))


def test_followed_as_a_link_it_is_the_page(client: Client, key: ApiKey) -> None:
    response = client.get(reverse("onboarding-arrival", args=[key.organization.slug]))

    assert response.headers["Location"] == reverse("onboarding-code", args=[key.organization.slug])


def test_a_request_from_outside_ends_the_waiting(client: Client, key: ApiKey) -> None:
    post(make_record(key, at=NOW))

    response = arrival(client, key)

    page = text_of(response)
    assert "Your first request has arrived" in page
    assert "gpt-4o-2024-08-06" in page
    assert "$0.0035" in page
    assert "is-arrived" in page
    assert "hx-get" not in response.content.decode()


def test_a_simulated_request_counts_and_says_so(client: Client, key: ApiKey) -> None:
    post(make_record(key, at=NOW, state="simulated"))

    page = text_of(arrival(client, key))
    assert "Your first request has arrived" in page
    assert ", simulated." in page


def test_the_guides_own_request_does_not_count(client: Client, key: ApiKey) -> None:
    post(make_record(key, at=NOW, prompt_key=PROMPT_KEY))

    assert "Waiting for your first request" in text_of(arrival(client, key))


def test_another_organizations_requests_do_not_count(client: Client, key: ApiKey) -> None:
    other = make_key()[0]
    post(make_record(other, at=NOW))
    refuse(other, "malformed_body")

    assert "Waiting for your first request" in text_of(arrival(client, key))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("provider_key_missing", "The provider key was missing"),
        ("malformed_body", "was not valid JSON"),
        ("content_type_not_json", "Content-Type: application/json"),
        ("model_missing", "named no model"),
        ("platform_key_revoked", "key was revoked"),
        ("a_code_of_tomorrow", "(a_code_of_tomorrow)"),
    ],
)
def test_the_last_refused_request_is_explained(client: Client, key: ApiKey, code: str, words: str) -> None:
    refuse(key, "body_too_large", minutes_ago=2)
    refuse(key, code, minutes_ago=1)

    response = arrival(client, key)

    page = text_of(response)
    assert "A request came, but it was refused" in page
    assert words in page
    assert "with the key “checkout”" in page
    assert "hx-get" in response.content.decode()
    assert ("Create another key" in page) == (code == "platform_key_revoked")


def test_what_the_provider_refused_is_explained_too(client: Client, key: ApiKey) -> None:
    post(make_record(key, at=NOW, status=401, error_code="invalid_api_key", usage_source="none"))

    page = text_of(arrival(client, key))
    assert "A request came, but it was refused" in page
    assert "OpenAI refused the provider key" in page


def test_a_request_that_works_settles_what_was_wrong_before(client: Client, key: ApiKey) -> None:
    refuse(key, "malformed_body", minutes_ago=2)
    post(make_record(key, at=NOW - timedelta(minutes=1)))
    assert "not valid JSON" not in text_of(arrival(client, key))

    refuse(key, "model_missing")
    page = text_of(arrival(client, key))
    assert "Your first request has arrived" in page
    assert "named no model" in page


def test_asking_costs_few_queries(
    client: Client, key: ApiKey, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    post(*(make_record(key, at=NOW - timedelta(minutes=one)) for one in range(5)))
    refuse(key, "malformed_body")
    arrival(client, key)

    with django_assert_max_num_queries(7):  # session, person, membership, and the three of the waiting
        arrival(client, key)


# --- Keeping refused calls --------------------------------------------------------------------------------------------


def test_only_the_last_refused_calls_are_kept(key: ApiKey) -> None:
    for minute in range(KEPT + 5):
        refuse(key, f"code_{minute}", minutes_ago=60 - minute)
    other = make_key()[0]
    refuse(other, "malformed_body")

    kept = [refused.code for refused in RefusedCall.objects.of(key.organization_id)]
    assert kept == [f"code_{minute}" for minute in reversed(range(5, KEPT + 5))]
    assert RefusedCall.objects.of(other.organization_id).count() == 1


def test_a_refused_call_holds_no_content() -> None:
    assert {field.name for field in RefusedCall._meta.get_fields()} == {
        "id",
        "organization",
        "api_key",
        "code",
        "created_at",
    }


# --- In words, and in time --------------------------------------------------------------------------------------------


def test_credit_that_is_used_up_is_recognized_by_anthropics_words() -> None:
    said = "Your credit balance is too low to access the Anthropic API."
    found = explain(code="invalid_request_error", status=400, provider="anthropic", said=said)

    assert found.title == "The account at Anthropic has no credit left"
    assert found.said == said


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"choices": []}', b'{"choices": [{"message": {}}]}', b'"text"', b"\xff"]
)
def test_an_answer_of_an_unforeseen_shape_is_no_failure(body: bytes) -> None:
    for provider in ("openai", "anthropic"):
        assert read(provider, httpx.Response(200, content=body)).text == ""
        assert read(provider, httpx.Response(500, content=body)).problem is not None


def test_a_call_that_takes_too_long_is_hung_up_on() -> None:
    seen: list[str] = []

    async def never_answers(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        while not seen or seen[-1] != "http.disconnect":
            seen.append((await receive())["type"])

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=_Patient(never_answers, 0.01))
        async with httpx.AsyncClient(transport=transport) as browser:
            return await browser.post("http://onboarding/", content=b"{}")

    response = asyncio.run(call())

    assert seen[-1] == "http.disconnect"
    problem = read("openai", response).problem
    assert problem is not None
    assert problem.title == "OpenAI took too long"
