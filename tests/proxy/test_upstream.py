"""The door to the providers by itself: what a connection is worth after it was idle."""

import asyncio
import json

from proxy.aiohttp_client import AiohttpUpstream
from proxy.providers.base import Header
from tests.fake_provider import FakeProvider
from tests.pace import tried_again_when_late

_QUESTION = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello!"}]}).encode()
_HEADERS: list[Header] = [
    (b"content-type", b"application/json"),
    (b"authorization", b"Bearer sk-of-the-test"),
    (b"x-fake-scenario", b"text_bytes=6000,framing=chunked"),
]
_SILENCE_SECONDS = 0.3


@tried_again_when_late
def test_a_connection_that_was_idle_for_longer_than_an_answer_may_be_silent_is_not_used_again(
    provider: FakeProvider,
) -> None:
    """aiohttp's timer for silence goes on after an answer that was read slowly, and then fails the next call."""

    async def call_slowly(upstream: AiohttpUpstream) -> int:
        answer = await upstream.send("POST", f"{provider.openai_url}/chat/completions", _HEADERS, _QUESTION)
        await asyncio.sleep(0.05)
        while await answer.read():  # noqa: ASYNC110 - a slow reader is the point
            await asyncio.sleep(0.001)
        return answer.status

    async def scenario() -> list[int]:
        upstream = AiohttpUpstream(connect_timeout=5, silence_timeout=_SILENCE_SECONDS)
        await upstream.open()
        first = await call_slowly(upstream)
        await asyncio.sleep(_SILENCE_SECONDS * 1.5)
        second = await call_slowly(upstream)
        await upstream.close()
        return [first, second]

    assert asyncio.run(scenario()) == [200, 200]
