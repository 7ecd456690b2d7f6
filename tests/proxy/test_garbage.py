"""What a call holds, its body before all, goes when it ends and not when the garbage collector comes round to it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from proxy.draining import DrainingProtocol
from proxy.endpoint import Exchange
from proxy.http1.exchange import Exchange as AskedExchange
from proxy.http1.upload import SLICE
from proxy.upstream import UpstreamBroken, UpstreamError, UpstreamSilent, UpstreamUnreachable
from tests.fuzz.service import PLATFORM_KEYS, Service, Step
from tests.proxy.calls import chat
from tests.proxy.http1.raw_server import OK, RawServer, answering_and_closing, opened, read, run

BODY = chat()
HEAD = (
    f"POST /api/proxy/v1/openai/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {PLATFORM_KEYS[0]}\r\n"
    f"x-provider-key: sk\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
)


def left(kind: type) -> int:
    # `isinstance` would ask the lazy objects of other tests for their class.
    return sum(issubclass(type(each), kind) for each in gc.get_objects())


@pytest.fixture
def uncollected() -> Any:
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    yield
    if was_on:
        gc.enable()


@pytest.mark.parametrize("failure", [None, UpstreamUnreachable, UpstreamSilent, UpstreamBroken])
def test_a_call_leaves_nothing_of_it(
    uncollected: None, monkeypatch: pytest.MonkeyPatch, failure: type[UpstreamError] | None
) -> None:
    async def main() -> list[Any]:
        service = Service(DrainingProtocol)

        async def fail(*_: Any) -> Any:
            assert failure is not None
            raise failure

        if failure is not None:
            monkeypatch.setattr(service._provider, "send", fail)
        told = await service.run([Step("open"), *[Step("send", data=HEAD.encode() + BODY)] * 3])
        return told.records

    assert len(asyncio.run(main())) == 3
    assert left(Exchange) == 0


async def breaking_off() -> AsyncIterator[bytes]:
    yield b"x"
    raise UpstreamBroken


@pytest.mark.parametrize("answer", [b"", OK[:20], OK[:-1]])
@pytest.mark.parametrize("make_body", [lambda: b"{}", lambda: b"x" * 4 * SLICE, breaking_off])
def test_nor_does_a_request_whose_answer_breaks_off(
    uncollected: None, answer: bytes, make_body: Callable[[], bytes | AsyncIterator[bytes]]
) -> None:
    async def main() -> None:
        async with RawServer(answering_and_closing(answer)) as server, opened() as client:
            for _ in range(3):
                with pytest.raises(UpstreamError):
                    await read(await client.send("POST", server.url, [], make_body()))

    run(main())
    assert left(AskedExchange) == 0
