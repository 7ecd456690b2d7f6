"""Many calls at once, to both providers, streamed and not, each told from all others by its prompt key.

A call is made once: whatever happens to it is kept for the comparison with the ledger.
"""

import asyncio
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial

import aiohttp

_PATIENCE = aiohttp.ClientTimeout(total=60)
_ENDS = (b"data: [DONE]", b'"type":"message_stop"', b'"type": "message_stop"')


@dataclasses.dataclass(slots=True)
class Call:
    number: int
    status: int = 0  # 0: no answer
    id: str = ""
    is_complete: bool = False  # the client saw the whole answer, or a stream's last event
    error: str = ""

    @property
    def prompt_key(self) -> str:
        return f"call-{self.number}"


class Load:
    """Calls a proxy from a thread of its own, until all are made or nobody listens there any more."""

    def __init__(self, port: int, platform_key: str, *, scenario: str = "") -> None:
        self._url = f"http://127.0.0.1:{port}/api/proxy/v1/"
        self._platform_key = platform_key
        self._scenario = scenario
        self._changed = threading.Condition()
        self._is_over = False
        self._thread: threading.Thread | None = None
        self.calls: list[Call] = []

    @property
    def complete(self) -> list[Call]:
        return [call for call in self.calls if call.is_complete]

    def run(self, count: int, at_once: int) -> None:
        self.start(count, at_once)
        self.wait()

    def start(self, count: int, at_once: int) -> None:
        """Returns at once; `wait` waits for the end."""
        self._is_over = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._make(count, at_once)), name="load")
        self._thread.start()

    def wait(self) -> None:
        assert self._thread is not None
        self._thread.join(120)
        assert not self._thread.is_alive(), "the load does not end"

    def wait_until(self, holds: Callable[[], bool], seconds: float = 30) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, seconds), "the load does not come so far"

    def wait_until_complete(self, count: int) -> None:
        self.wait_until(lambda: len(self.complete) >= count)

    async def _make(self, count: int, at_once: int) -> None:
        first = len(self.calls)
        numbers = iter(range(first, first + count))
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as session:
            await asyncio.gather(*(self._call_on(session, numbers) for _ in range(at_once)))

    async def _call_on(self, session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        for number in numbers:
            if self._is_over:
                return
            call = Call(number)
            self._note(partial(self.calls.append, call))
            try:
                await self._call(session, call)
            except aiohttp.ClientConnectorError:
                self._is_over = True  # nobody listens
                call.error = "refused"
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                call.error = repr(error)
            self._note(lambda: None)

    async def _call(self, session: aiohttp.ClientSession, call: Call) -> None:
        path, headers, body = self._request(call)
        async with session.post(self._url + path, json=body, headers=headers) as answer:
            call.status = answer.status
            call.id = answer.headers["x-aipc-request-id"]
            self._note(lambda: None)
            received = b""
            try:
                async for part in answer.content.iter_any():
                    received += part
                call.is_complete = True
            finally:
                if body["stream"]:
                    call.is_complete = any(end in received for end in _ENDS)

    def _request(self, call: Call) -> tuple[str, dict[str, str], dict[str, object]]:
        is_anthropic, is_streamed = bool(call.number & 1), bool(call.number & 2)
        headers = {
            "authorization": f"Bearer {self._platform_key}",
            "x-provider-key": "sk-ant-of-the-test" if is_anthropic else "sk-openai-of-the-test",
        }
        if self._scenario:
            headers["x-fake-scenario"] = self._scenario
        body: dict[str, object] = {
            "model": "claude-haiku-4-5" if is_anthropic else "gpt-4o",
            "max_tokens": 64,
            "stream": is_streamed,
            "messages": [{"role": "user", "content": f"{call.prompt_key} " + "x" * (call.number % 50)}],
            "_aipromptcost": {"prompt_key": call.prompt_key, "feature_tags": ["load", f"kind-{call.number & 3}"]},
        }
        return "anthropic/v1/messages" if is_anthropic else "openai/chat/completions", headers, body

    def _note(self, change: Callable[[], object]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()


def prompt_key_of(body: bytes) -> str:
    """The prompt key of the call whose request body this is, as the provider saw it."""
    content: str = json.loads(body)["messages"][0]["content"]
    return content.split()[0]
