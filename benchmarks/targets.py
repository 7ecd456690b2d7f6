"""What the proxied call is compared with: the same hop without key check, metering and journal, and a Django view.

bare      a raw ASGI callable with the same upstream client
django    an async Django view that forwards with aiohttp, and the usual middleware
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path

UPSTREAM = os.environ.get("BENCH_UPSTREAM", "")
_session: aiohttp.ClientSession | None = None


def _client() -> aiohttp.ClientSession:
    global _session
    if _session is None:
        _session = aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0))
    return _session


async def bare(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    async with _client().post(
        UPSTREAM + scope["path"], data=body, headers={"content-type": "application/json"}
    ) as answer:
        kept = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() != b"transfer-encoding"]
        await send({"type": "http.response.start", "status": answer.status, "headers": kept})
        while chunk := await answer.content.readany():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _view(request: HttpRequest, route: str) -> StreamingHttpResponse:
    answer = await _client().post(
        UPSTREAM + request.path, data=request.body, headers={"content-type": "application/json"}
    )

    async def chunks() -> Any:
        while chunk := await answer.content.readany():
            yield chunk

    return StreamingHttpResponse(chunks(), status=answer.status, content_type=answer.headers["content-type"])


urlpatterns = [path("v1/<path:route>", _view)]


def django_application() -> Any:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
    )
    django.setup()
    return get_asgi_application()
