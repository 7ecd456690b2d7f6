"""The request log as people and programs see it: the page, the REST API and the CSV file, asked the same."""

import csv
import io
import json
import re
from decimal import Decimal
from typing import Any, cast

from asgiref.sync import async_to_sync
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import Client

from orgs.models import Organization


def body_of(response: HttpResponseBase) -> bytes:
    """All of an answer, also of one that is streamed as the server streams it."""
    if not response.streaming:
        return cast(HttpResponse, response).content
    streamed = cast(StreamingHttpResponse, response)
    assert streamed.is_async, "under ASGI a plain iterator would be read whole before its first byte is sent"

    async def collect() -> bytes:
        return b"".join([part async for part in streamed])

    return async_to_sync(collect)()


def read_csv(response: HttpResponseBase) -> list[dict[str, str]]:
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(body_of(response).decode("utf-8-sig"), newline="")))


def ask(client: Client, path: str, query: str = "") -> dict[str, Any]:
    response = client.get(f"{path}?{query}")
    assert response.status_code == 200, response.content
    found: dict[str, Any] = json.loads(response.content, parse_float=Decimal)
    return found


def page_of(client: Client, organization: Organization, query: str = "") -> str:
    response = client.get(f"/app/{organization.slug}/requests/?{query}")
    assert response.status_code == 200
    return response.content.decode()


def ids_on(page: str) -> list[str]:
    """The ids of the calls that a page lists, in order."""
    return [
        found.replace("-", "") for found in re.findall(r'class="log-link" href="[^"]*/requests/([-0-9a-f]{36})/"', page)
    ]


def ids_everywhere(client: Client, organization: Organization, query: str = "") -> list[str]:
    """What the page, the API and the file list; they agree."""
    on_page = ids_on(page_of(client, organization, query))
    in_answer = [row["id"] for row in ask(client, "/api/requests", query)["requests"]]
    file = client.get(f"/app/{organization.slug}/export/requests.csv?{query}")
    assert on_page == in_answer == [row["id"] for row in read_csv(file)]
    return on_page
