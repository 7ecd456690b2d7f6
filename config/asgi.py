"""The ASGI entry point: the proxied call beside Django (docs/adr/0001), lifespan events to the proxy."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

from config.clock import trial_clock
from config.health import livez

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

pages: Callable[..., Awaitable[None]] = get_asgi_application()
proxied_call = import_string("proxy.endpoint.application")
readyz = import_string("proxy.health.readyz")
metrics = import_string("proxy.metrics_page.metrics")
lifespan = import_string("proxy.lifespan.lifespan")


async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        if scope["path"].startswith("/api/proxy/"):
            await proxied_call(scope, receive, send)
        elif scope["path"] == "/livez":
            await livez(scope, send)
        elif scope["path"] == "/readyz":
            await readyz(scope, send)
        elif scope["path"] == "/metrics":
            await metrics(scope, send)
        else:
            await pages(scope, receive, send)
    elif scope["type"] == "lifespan":
        with trial_clock():
            await lifespan(receive, send)
    else:
        await send({"type": "websocket.close", "code": 1003, "reason": "WebSockets are not served here."})
