"""Calls to the fake provider without an SDK, to see what is really on the wire."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import requests

from tests.fake_provider import FakeProvider

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]
CHAT = {"model": "gpt-4o", "messages": HELLO}


def post(
    provider: FakeProvider, body: dict[str, Any], scenario: str = "", *, headers: dict[str, str] | None = None
) -> requests.Response:
    """A raw call to OpenAI's side."""
    extra = {"x-fake-scenario": scenario} if scenario else {}
    return requests.post(
        f"{provider.openai_url}/chat/completions",
        json=body,
        headers={"Authorization": "Bearer sk-test"} | extra | (headers or {}),
        timeout=60,
        allow_redirects=False,
    )


@contextlib.contextmanager
def raw_post(
    provider: FakeProvider, body: dict[str, Any], scenario: str, headers: dict[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """The same with an answer that can be read write by write."""
    all_headers = {"Authorization": "Bearer sk-test", "x-fake-scenario": scenario} | (headers or {})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", provider.port, timeout=60)) as connection:
        connection.request("POST", "/openai/v1/chat/completions", json.dumps(body), all_headers)
        yield connection.getresponse()


def events_of(text: str) -> list[dict[str, Any]]:
    """The JSON of every event of a stream but `[DONE]`."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]
