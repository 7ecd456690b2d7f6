"""An answer's head that waits for its body, to go out with it: it is sent also where the body fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from proxy.http_cycle import HELD, RUNNING
from proxy.http_server import ClientProtocol

pytestmark = pytest.mark.trial

Send = Callable[[Any], Awaitable[None]]
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}


async def ending_there(scope: Any, send: Send) -> None:
    await send(START | {HELD: True})


async def failing_there(scope: Any, send: Send) -> None:
    await send(START | {HELD: True})
    raise OSError("the disk is full")


async def failing_there_at_once(scope: Any, send: Send) -> None:
    scope["extensions"][RUNNING]().start(START["status"], START["headers"])
    raise OSError("the disk is full")


async def failing_before(scope: Any, send: Send) -> None:
    raise OSError("the disk is full")


async def answered(answer: Callable[[Any, Send], Awaitable[None]]) -> bytes:
    """All that comes of such an answer, until the connection ends."""

    async def application(scope: Any, receive: Any, send: Send) -> None:
        await answer(scope, send)

    config = Config(application, ws="none", log_config=None, lifespan="off", access_log=False)
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: ClientProtocol(config, ServerState(), {}), "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        came = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    return came


@pytest.mark.parametrize("answer", [ending_there, failing_there, failing_there_at_once])
def test_a_call_whose_answer_breaks_off_before_its_body_does_not_seem_never_to_have_been_answered(
    answer: Callable[[Any, Send], Awaitable[None]],
) -> None:
    """Clients send again what seems so, and pay twice."""
    assert asyncio.run(answered(answer)) == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


def test_a_call_without_an_answer_gets_one() -> None:
    assert asyncio.run(answered(failing_before)).startswith(b"HTTP/1.1 500 ")
