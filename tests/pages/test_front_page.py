"""The pages that need no account: the front page, the errors, the page of the design's parts."""

import re

import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.csrf import csrf_failure
from django.views.defaults import server_error

from tests.factories import make_member, make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_a_visitor_is_told_what_this_is_and_where_to_begin(client: Client) -> None:
    page = client.get("/").content.decode()

    assert reverse("login") in page
    assert reverse("signup") in page
    assert "/api/proxy/v1/openai" in page
    assert "Sample figures" in page


def test_while_sign_up_is_closed_nobody_is_sent_there(client: Client, settings: LazySettings) -> None:
    settings.SIGNUP_OPEN = False

    page = client.get("/").content.decode()

    assert reverse("signup") not in page
    assert reverse("login") in page


def test_who_is_signed_in_is_led_to_their_dashboard(client: Client) -> None:
    client.force_login(make_user())

    page = client.get("/").content.decode()

    assert reverse("app") in page
    assert reverse("login") not in page


def test_the_foot_links_to_what_the_settings_name_and_to_nothing_else(client: Client, settings: LazySettings) -> None:
    assert "Terms" not in client.get("/").content.decode()

    settings.TERMS_URL, settings.PRIVACY_URL = "https://example.com/terms", "https://example.com/privacy"
    settings.SUPPORT_EMAIL = "help@example.com"
    page = client.get("/").content.decode()

    assert 'href="https://example.com/terms"' in page
    assert 'href="https://example.com/privacy"' in page
    assert 'href="mailto:help@example.com"' in page


def test_the_sample_adds_up() -> None:
    from accounts import sample

    drawn = sample.draw()

    assert drawn.total_pico_usd == sum(column.total for column in drawn.chart.columns)
    assert len(drawn.chart.columns) == 30


def test_an_unknown_address_has_a_page_that_leads_back(client: Client) -> None:
    response = client.get("/nowhere")

    assert response.status_code == 404
    assert "nothing at this address" in response.content.decode()
    assert 'href="/"' in response.content.decode()


def test_a_failure_of_ours_has_a_page_that_needs_nothing_to_work() -> None:
    response = server_error(RequestFactory().get("/"))

    assert response.status_code == 500
    assert "went wrong on our side" in response.content.decode()


def test_a_form_without_its_token_has_a_page_that_says_what_to_do(client: Client) -> None:
    request = RequestFactory().post("/")
    request.session = client.session
    request.user = make_user()

    response = csrf_failure(request, reason="no token")

    assert response.status_code == 403
    assert "reload the page" in response.content.decode()


def test_the_page_of_the_designs_parts_is_for_debugging_only(client: Client, settings: LazySettings) -> None:
    assert client.get("/design/").status_code == 404

    settings.DEBUG = True
    assert "The parts of the design" in client.get("/design/").content.decode()


def test_pages_carry_no_inline_style_or_script_and_nothing_from_elsewhere(
    client: Client, settings: LazySettings
) -> None:
    person = make_user()
    organization = make_organization(owner=person)
    make_member(make_organization("Second"), person)
    addresses = ["/", "/docs/", "/nowhere", "/accounts/login/", "/app/new/", f"/app/{organization.slug}/"]
    addresses += [f"/app/{organization.slug}/prompts/", f"/app/{organization.slug}/builder/"]

    for is_signed_in in (False, True):
        if is_signed_in:
            client.force_login(person)
        for address in addresses:
            response = client.get(address)
            page = response.content.decode()
            assert not re.search(r"\s(style|on[a-z]+)=", page), address
            assert "<style" not in page
            assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
            assert re.findall(r'(?:src|<link[^>]*href)="(?:https?:)?//', page) == []
            policy = response.headers["Content-Security-Policy"]
            assert "script-src 'self';" in f"{policy};"
            assert "style-src 'self';" in f"{policy};"
