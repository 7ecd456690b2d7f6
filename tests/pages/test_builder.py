"""The prompt builder's code is whole: ready to paste but for the keys."""

import ast
import json
import re
import shlex

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from prompts import snippets
from tests.factories import make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

URL = "https://costs.example.com"


def test_the_page_shows_code_for_both_providers_with_the_public_address(client: Client, settings: LazySettings) -> None:
    settings.PUBLIC_URL = URL
    person = make_user()
    organization = make_organization(owner=person)
    client.force_login(person)

    page = client.get(reverse("builder", args=[organization.slug])).content.decode()
    text = re.sub(r"<[^>]*>", "", page)

    assert f"{URL}/api/proxy/v1/openai" in text
    assert f"{URL}/api/proxy/v1/anthropic" in text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("provider", "route", "members"),
    [
        ("openai", "openai/chat/completions", {"model", "messages", "_aipromptcost"}),
        ("anthropic", "anthropic/messages", {"model", "messages", "max_tokens", "_aipromptcost"}),
    ],
)
def test_the_curl_command_is_one_a_shell_understands(provider: str, route: str, members: set[str]) -> None:
    curl = snippets.write(provider=provider, public_url=URL, api_key="apc_x", prompt_key="it's")[0]

    words = shlex.split(curl.code.replace("\\\n", ""))

    assert words[:2] == ["curl", f"{URL}/api/proxy/v1/{route}"]
    assert "Authorization: Bearer apc_x" in words
    body = json.loads(words[words.index("-d") + 1])
    assert set(body) == members
    assert body["_aipromptcost"] == {"prompt_key": "it's"}


@pytest.mark.parametrize("provider", snippets.PROVIDERS)
def test_the_python_code_is_python(provider: str) -> None:
    python = snippets.write(provider=provider, public_url=URL, prompt_key='a "quoted" key')[1]

    ast.parse(python.code)
    assert snippets.NO_KEY in python.code
