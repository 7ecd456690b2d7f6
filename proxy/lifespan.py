"""Start-up and orderly shutdown of the proxy inside the ASGI server. The server ends running calls first, then comes
here.
"""

import gc
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from proxy import endpoint
from proxy.process import ProxyProcess

log = logging.getLogger(__name__)

# Objects made and not yet freed before the garbage collector looks for cycles. Python's 700 is reached again and again
# by the calls that are just open; those that are over leave no cycles (tests/proxy/test_garbage.py).
_NEW_OBJECTS = 10_000


async def lifespan(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    process: ProxyProcess | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                process = ProxyProcess()
                await process.open()
            except Exception as error:
                log.exception("The proxy cannot start")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            # What was made so far stays: the garbage collector need not walk it again and again between calls.
            gc.collect()
            gc.freeze()
            gc.set_threshold(_NEW_OBJECTS)
            endpoint.serve(process)
            await send({"type": "lifespan.startup.complete"})
        else:
            endpoint.serve(None)
            if process is not None:
                await process.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
