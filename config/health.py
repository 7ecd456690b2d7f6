"""Liveness: answers as soon as the server serves, whatever the Host header says, and touches nothing behind it.

Plain ASGI, since Django would refuse the Host header of an orchestrator's probe, or redirect it to https.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.utils.http import http_date


async def livez(scope: MutableMapping[str, Any], send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
    status, body = (200, b"ok\n") if scope["method"] in {"GET", "HEAD"} else (405, b"GET only\n")
    headers = {
        b"content-type": b"text/plain; charset=utf-8",
        b"content-length": str(len(body)).encode(),
        b"cache-control": b"no-store",
        b"date": http_date().encode(),
    }
    await send({"type": "http.response.start", "status": status, "headers": list(headers.items())})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
