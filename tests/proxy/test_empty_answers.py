"""An answer without a body is recorded alike, however it is passed on."""

import asyncio
from typing import Any

import pytest

from proxy.draining import DrainingProtocol
from tests.fuzz.service import PLATFORM_KEYS, Service, Step
from tests.proxy.calls import chat

BODY = chat()


class Empty:
    headers = ((b"content-length", b"0"), (b"content-type", b"application/json"))

    def __init__(self, status: int) -> None:
        self.status = status

    async def read(self) -> bytes:
        return b""

    def abort(self) -> None: ...


class EmptyAtOnce(Empty):
    def take_whole(self) -> bytes:
        return b""


@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize("path", ["chat/completions", "batches", "embeddings", "images/generations"])
def test_an_empty_answer_is_recorded_alike_at_once_and_as_it_comes(
    monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    head = (
        f"POST /api/proxy/v1/openai/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {PLATFORM_KEYS[0]}\r\n"
        f"x-provider-key: sk\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    )

    async def recorded(kind: type[Empty]) -> list[Any]:
        service = Service(DrainingProtocol)

        async def send(*_: Any) -> Empty:
            return kind(status)

        monkeypatch.setattr(service._provider, "send", send)
        return (await service.run([Step("open"), Step("send", data=head.encode() + BODY)])).records

    at_once, as_it_comes = asyncio.run(recorded(EmptyAtOnce)), asyncio.run(recorded(Empty))
    assert at_once == as_it_comes
    assert [one["status"] for one in at_once] == [status]
