"""Reading the dashboard in tests: its figures, rows and links, out of the page's text."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics.usage import TokenUsage
from orgs.models import ApiKey, Organization
from tests.analytics.usage_lines import make_record, post

HTMX = {"HX-Request": "true"}
TABLES = ("prompts", "api-keys", "teams", "tags", "models", "providers")


def use(key: ApiKey, dollars: int, *, days_ago: int = 0, **fields: Any) -> None:
    """A request now, or so many days before, for so many dollars: 100,000 tokens out of gpt-4o are one."""
    now = timezone.now()
    facts = {"usage": TokenUsage(output=dollars * 100_000), **fields}
    post(make_record(key, at=now - timedelta(days=days_ago), **facts), now=now)


def ask(client: Client, organization: Organization, query: str = "", **headers: str) -> HttpResponse:
    return client.get(f"{reverse('dashboard', args=[organization.slug])}?{query}", headers=headers)  # type: ignore[return-value]


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", re.sub(r"<svg.*?</svg>", " ", html, flags=re.DOTALL)).split())


def page_of(client: Client, organization: Organization, query: str = "") -> str:
    answer = ask(client, organization, query)
    assert answer.status_code == 200
    return answer.content.decode()


def table_of(page: str, name: str) -> str:
    found = re.search(rf'<section class="ranking ranking-{name}".*?</section>', page, re.DOTALL)
    return found[0] if found else ""


def rows_of(page: str, name: str) -> list[str]:
    return [text_of(row) for row in re.findall(r"<tr data-key.*?</tr>", table_of(page, name), re.DOTALL)]


def names_of(page: str, name: str) -> list[str]:
    return [text_of(link) for link in re.findall(r'<a class="rank-link.*?</a>', table_of(page, name), re.DOTALL)]


def spent_of(page: str) -> str:
    found = re.search(r'<p class="figure-large".*?</p>', page)
    return text_of(found[0]) if found else ""


def added_up(page: str, name: str) -> Decimal:
    """The exact amounts behind the rows of a table."""
    amounts = re.findall(r'<td class="n share" title="\$([\d.,]+)', table_of(page, name))
    return sum((Decimal(amount.replace(",", "")) for amount in amounts), Decimal(0))


def link_called(page: str, words: str) -> str:
    """Where the link leads whose text or title begins with these words."""
    for attributes, inside in re.findall(r"<a ([^>]*)>(.*?)</a>", page, re.DOTALL):
        titles = re.findall(r'title="([^"]*)"', attributes)
        if any(text.startswith(words) for text in (text_of(inside), *titles)):
            found = re.search(r'href="([^"]*)"', attributes)
            return found[1].replace("&amp;", "&") if found else ""
    raise AssertionError(f"no link called {words!r}")
