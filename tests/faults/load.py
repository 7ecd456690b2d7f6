"""Many calls at once, to both providers, streamed and not, each told from all others by its number.

A call is made once: whatever happens to it is kept for the comparison with the ledger.
"""

import asyncio
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator

import aiohttp

NUMBER = "x-call-number"  # the header that tells a call's number to the provider
_PATIENCE = aiohttp.ClientTimeout(total=120)
_ENDS = (b"data: [DONE]", b'"type":"message_stop"', b'"type": "message_stop"')


@dataclasses.dataclass(slots=True)
class Call:
    number: int
    prompt_key: str
    platform_key: str
    status: int = 0  # 0: no answer
    id: str = ""
    is_complete: bool = False  # the client saw the whole answer, or a stream's last event
    is_free: bool = False  # a retrieval, an upload
    error: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """What a call asks for. `form` are the fields of a multipart body."""

    path: str
    body: dict[str, object] | None = None
    method: str = "POST"
    form: dict[str, str] | None = None
    scenario: str = ""

    @property
    def is_anthropic(self) -> bool:
        return self.path.startswith("anthropic")


class Load:
    """Calls a proxy from a thread of its own, until all are made or nobody listens there any more."""

    def __init__(self, port: int, platform_key: str, *, scenario: str = "") -> None:
        self.port = port
        self.platform_key = platform_key
        self._scenario = scenario
        self._changed = threading.Condition()
        self._is_over = False
        self._thread: threading.Thread | None = None
        self.calls: list[Call] = []

    @property
    def complete(self) -> list[Call]:
        return [call for call in self.calls if call.is_complete]

    @property
    def is_over(self) -> bool:
        return self._is_over

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

    def wait_until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, seconds), "the load does not come so far"

    def wait_until_complete(self, count: int) -> None:
        self.wait_until(lambda: len(self.complete) >= count)

    def url_of(self, ask: Ask) -> str:
        return f"http://127.0.0.1:{self.port}/api/proxy/v1/{ask.path}"

    def new_call(self, prompt_key: str | None = None) -> Call:
        with self._changed:
            number = len(self.calls)
            call = Call(number, f"call-{number}" if prompt_key is None else prompt_key, self.platform_key)
            self.calls.append(call)
            self._changed.notify_all()
        return call

    async def _make(self, count: int, at_once: int) -> None:
        turns = iter(range(count))
        async with open_session() as session:
            await asyncio.gather(*(self._call_on(session, turns) for _ in range(at_once)))

    async def _call_on(self, session: aiohttp.ClientSession, turns: Iterator[int]) -> None:
        for _ in turns:
            if self._is_over:
                return
            call = self.new_call()
            await self.make(session, call, question(call, self._scenario))
            if call.error == "refused":
                self._is_over = True  # nobody listens

    async def make(self, session: aiohttp.ClientSession, call: Call, ask: Ask) -> bytes:
        """Make the call, note what becomes of it, and return the last of what came."""
        received = bytearray()
        try:
            await self._exchange(session, call, ask, received)
        except aiohttp.ClientConnectorError:
            call.error = "refused"
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            call.error = repr(error)
        self._note(lambda: None)
        return bytes(received)

    async def _exchange(self, session: aiohttp.ClientSession, call: Call, ask: Ask, received: bytearray) -> None:
        form = aiohttp.FormData(ask.form) if ask.form else None
        if form is not None:
            form.add_field("file", (ask.form or {})["content"], filename="requests.jsonl")
        headers = headers_of(call, ask)
        async with session.request(ask.method, self.url_of(ask), json=ask.body, data=form, headers=headers) as answer:
            call.status = answer.status
            call.id = answer.headers.get("x-aipc-request-id", "")
            self._note(lambda: None)
            is_stream = answer.content_type == "text/event-stream"
            is_whole = False
            try:
                async for part in answer.content.iter_any():
                    received += part
                    if is_stream:
                        del received[:-4096]
                is_whole = True
            finally:
                if is_stream:
                    is_whole = any(end in received for end in _ENDS)
                call.is_complete = is_whole and call.status == 200

    def _note(self, change: Callable[[], object]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()


def open_session() -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=_PATIENCE)
    session._retry_connection = False  # it makes GETs twice otherwise, and says nothing of the first
    return session


def headers_of(call: Call, ask: Ask) -> dict[str, str]:
    headers = {
        "authorization": f"Bearer {call.platform_key}",
        "x-provider-key": "sk-ant-of-the-test" if ask.is_anthropic else "sk-openai-of-the-test",
        NUMBER: str(call.number),
    }
    return {**headers, "x-fake-scenario": ask.scenario} if ask.scenario else headers


def question(call: Call, scenario: str = "") -> Ask:
    """Of one of four kinds, by the call's number."""
    is_anthropic, is_streamed = bool(call.number & 1), bool(call.number & 2)
    body: dict[str, object] = {
        "model": "claude-haiku-4-5" if is_anthropic else "gpt-4o",
        "max_tokens": 64,
        "stream": is_streamed,
        "messages": [{"role": "user", "content": f"{call.prompt_key} " + "x" * (call.number % 50)}],
        "_aipromptcost": {"prompt_key": call.prompt_key, "feature_tags": ["load", f"kind-{call.number & 3}"]},
    }
    return Ask("anthropic/v1/messages" if is_anthropic else "openai/chat/completions", body, scenario=scenario)


def as_json(received: bytes) -> dict[str, object]:
    try:
        value = json.loads(received)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
