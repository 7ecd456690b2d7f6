"""The prompt builder shows every snippet there is, ready to paste but for the keys."""

import re

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from prompts import snippets
from tests.factories import make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

URL = "https://costs.example.com"


@pytest.fixture
def page(client: Client, settings: LazySettings) -> str:
    settings.PUBLIC_URL = URL
    person = make_user()
    organization = make_organization(owner=person)
    client.force_login(person)
    return client.get(reverse("builder", args=[organization.slug])).content.decode()


def test_the_code_of_both_providers_names_the_public_address(page: str) -> None:
    text = re.sub(r"<[^>]*>", "", page)

    assert f"{URL}/api/proxy/v1/openai" in text
    assert f"{URL}/api/proxy/v1/anthropic" in text
    assert snippets.KEY_PLACEHOLDER in text


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_every_way_to_send_a_request_has_its_tab(page: str, provider: str) -> None:
    for kind in snippets.kinds_for(provider):
        assert f'href="#panel-{provider}-{kind.id}">{kind.label}</a>' in page
        assert f'id="{provider}-{kind.id}"' in page


def test_no_id_is_there_twice(page: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', page)

    assert len(ids) == len(set(ids))
