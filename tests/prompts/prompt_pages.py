"""What the tests of prompts' pages share: usage of a prompt, addresses, and reading what a page says."""

import html
import re
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from orgs.models import ApiKey, Organization, Team
from tests.analytics.rollup_rows import spend


def use(key: ApiKey | Team, prompt_key: str, usd: str, requests: int = 1, *, days_ago: int = 0, **columns: Any) -> None:
    """Priced requests of a prompt, today or so many days before, in UTC."""
    day = timezone.now().date() - timedelta(days=days_ago)
    spend(key, usd, requests, on=day.isoformat(), prompt_key=prompt_key, **columns)


def url(organization: Organization, rest: str = "") -> str:
    return f"/app/{organization.slug}/prompts/{rest}"


def text_of(page: str) -> str:
    """Without tags and white space, and without what only pictures and scripts need."""
    page = re.sub(r"<(datalist|svg|pre)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def read(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def rows_of(page: str, table: str) -> list[str]:
    """The rows of the bodies of a table, by its class."""
    found = re.search(rf'<table class="[^"]*{table}".*?</table>', page, re.DOTALL)
    assert found
    return [text_of(row) for row in re.findall(r"<tr (?:data-key|id).*?</tr>", found[0], re.DOTALL)]


def said(response: Any) -> list[str]:
    """The messages after a redirect that was followed."""
    return [str(message) for message in response.context["messages"]]
