"""A process of the service without sockets, disk and database: what it is sent in steps, and all that came of it.

Real are the server's protocol, the application and the head of what goes to the provider.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
from uvicorn import Config

from orgs import keys
from orgs.key_cache import KeyCache, KeyFacts, StoredKey
from orgs.models import RevocationEntry
from proxy import endpoint
from proxy.draining import DrainingProtocol, DrainingState
from proxy.http1 import LeanUpstream, requests
from proxy.http1.requests import Reusable
from proxy.limits import CallLimits
from proxy.process import ProxySettings
from proxy.providers.base import Header
from proxy.receiving import BodyBudget
from proxy.upstream import UpstreamBroken
from tests.proxy.samples import anthropic, openai

PLATFORM_KEYS = [keys.generate() for _ in range(4)]  # two of one organization, one of another, one of nobody's
_OWNED = {keys.digest(key): KeyFacts(1 + number // 2, 10 + number, number) for number, key in enumerate(PLATFORM_KEYS)}
_OWNED.pop(keys.digest(PLATFORM_KEYS[3]))
_OF_ONE_RUN = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|\"created\": ?\d+")
_NOT_COMPARED = ("id", "started_at", "latency_ms", "first_byte_ms", "first_token_ms")
_SETTINGS = ProxySettings(
    {"openai": "http://openai.test/v1", "anthropic": "http://anthropic.test/v1"},
    "http://costs.test/api/proxy/v1",
    10_000,  # bytes of a body
    60,
)


class Step(NamedTuple):
    """`kind` is the name of a method of `Service`."""

    kind: str
    what: int = 0  # a connection, a key or an organization
    data: bytes = b""


@dataclass
class Told:
    """All that a run shows to anybody, but for what is of another run another one."""

    answers: list[bytes] = field(default_factory=list)  # all that each connection was sent, and whether it was closed
    asked: list[tuple[bytes, bytes]] = field(default_factory=list)  # of the providers: heads and bodies
    records: list[Any] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    heads_known: int = field(default=0, compare=False)


class Wire(asyncio.Transport):
    """The other end of a connection that is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        if not self.is_closed:
            self.written.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class _Awaiting(ThreadPoolExecutor):
    """Whatever it is given is done when it returns, so that no run depends on how quick a thread is."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **given: Any) -> "Future[Any]":
        future = super().submit(work, *args, **given)
        wait([future])
        return future


_WORKERS = _Awaiting(1)


class _Provider(LeanUpstream):
    """What would go out is noted; the answer tells whose it is, and comes at once unless it is held."""

    def __init__(self, asked: list[tuple[bytes, bytes]]) -> None:
        super().__init__(connect_timeout=1, silence_timeout=1)
        self._asked = asked
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def send(
        self, method: str, url: str, headers: list[Header], body: bytes | AsyncIterator[bytes] | None
    ) -> Any:
        length = len(body) if isinstance(body, bytes) else None
        if length is not None and isinstance(headers, Reusable):
            _, head = self._encode_again(method, url, headers, length)
        else:
            origin, target = self._split(url)
            head = requests.encode(method, target, origin.authority, headers, has_body=body is not None, length=length)
        content = body if isinstance(body, bytes) else b"".join([part async for part in body]) if body else b""
        self._asked.append((head.raw, content))
        await self.may_answer.wait()
        return _Answer("anthropic" in url, content)


class _Answer:
    """Depends on every byte of the question, in what it says and in how it is said."""

    def __init__(self, is_anthropic: bool, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        sample = anthropic if is_anthropic else openai
        is_stream = b"stream" in content
        body = sample.text_stream() if is_stream else b'{"model":"m","answer":"%b","usage":null}' % digest.encode()
        self.status = 401 if digest[0] in "01" else 500 if digest[0] == "2" else 200
        kind = b"text/event-stream" if is_stream else b"application/json"
        self.headers = [(b"content-type", kind), (b"x-request-id", digest[:5].encode())]
        if digest[1] in "01234567" and not is_stream:
            self.headers.append((b"content-length", b"%d" % len(body)))
        middle = int(digest[2], 16) * len(body) // 16
        self._parts: list[bytes | None] = [part for part in (body[:middle], body[middle:]) if part]
        if digest[3] in "01":
            self._parts[1:] = [None]  # it breaks off
        self._is_whole = digest[4] in "01234567" and None not in self._parts  # before anybody asks for it

    @property
    def is_here(self) -> bool:
        return bool(self._parts) and self._parts[0] is not None

    async def read(self) -> bytes:
        if not self._parts:
            return b""
        if (part := self._parts.pop(0)) is None:
            raise UpstreamBroken
        return part

    def take_whole(self) -> bytes | None:
        if not self._is_whole:
            return None
        body, self._parts = b"".join(part for part in self._parts if part), []
        return body

    def abort(self) -> None: ...


class _Journal:
    """Lines, in the order of their calls' ends; and slots, which nobody reads here."""

    syncs_always = False

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def reserve(self) -> None: ...

    def append(self, line: bytes, slot: int) -> None:
        self.lines.append(line)

    def enter(self, facts: bytes) -> int:
        return 0


class Service:
    """In a running loop of asyncio's. Each step is over when nothing is left to be done without another one."""

    def __init__(self, protocol: type[DrainingProtocol]) -> None:
        self.told = Told()
        self._state = DrainingState()
        self._state.idle_seconds = 1e6  # no run depends on how long it takes
        self.heads = self._state.known_heads
        self._loop: Any = asyncio.get_running_loop()
        self._revoked: set[int] = set()
        self._suspended: set[int] = set()
        self._entries: list[RevocationEntry] = []
        self._keys = KeyCache(float("inf"), look_up=self._look_up)
        self._keys._workers.shutdown()
        self._keys._workers = _WORKERS
        self._keys._log = SimpleNamespace(read_new=self._read_new)  # type: ignore[assignment]
        self._provider = _Provider(self.told.asked)
        self._journal = _Journal()
        self._connections: dict[int, tuple[Any, Wire]] = {}
        config = Config(
            endpoint.application, interface="asgi3", ws="none", log_config=None, lifespan="off", access_log=False
        )
        self._connect: Callable[[], Any] = lambda: protocol(config, self._state, {})

    async def run(self, steps: Iterable[Step]) -> Told:
        endpoint.serve(self._process())
        try:
            for step in steps:
                await self.take(step)
            self.release(0)
            await self._settle()
            for number in list(self._connections):
                self.leave(number)
            await self._settle()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left
        finally:
            endpoint.serve(None)
            if self.heads._timer is not None:
                self.heads._timer.cancel()
        self.told.heads_known = len(self.heads)
        records = [msgspec.json.decode(line) for line in self._journal.lines]
        self.told.records = [{name: one[name] for name in one if name not in _NOT_COMPARED} for one in records]
        return self.told

    async def take(self, step: Step) -> None:
        if step.kind == "send":
            self.send(step.what, step.data)
        else:
            getattr(self, step.kind)(step.what)
        await self._settle()

    async def _settle(self) -> None:
        while self._loop._ready:  # noqa: ASYNC110 - whatever is to be done now is done
            await asyncio.sleep(0)

    # --- The steps ---

    def open(self, number: int) -> None:
        """A connection, unless it is there and open."""
        if number in self._connections and self._connections[number][1].is_closed:
            self.leave(number)
        if number not in self._connections:
            self._connections[number] = self._connect(), Wire()
            self._connections[number][0].connection_made(self._connections[number][1])

    def send(self, number: int, data: bytes) -> None:
        if number in self._connections and not self._connections[number][1].is_closed:
            self._connections[number][0].data_received(data)

    def leave(self, number: int) -> None:
        if number in self._connections:
            protocol, wire = self._connections.pop(number)
            protocol.connection_lost(None)
            if protocol._parting is not None:
                protocol._parting.cancel()
            written = _OF_ONE_RUN.sub(b"*", b"".join(wire.written))
            self.told.answers.append(written + (b" closed" if wire.is_closed else b" open"))

    def hold(self, _: int) -> None:
        """The providers take their time, until `release`."""
        self._provider.may_answer.clear()

    def release(self, _: int) -> None:
        self._provider.may_answer.set()

    def revoke(self, key: int) -> None:
        self._revoked.add(key)
        self._entries.append(RevocationEntry(kind="key_revoked", organization_id=1 + key // 2, api_key_id=key))
        self._keys.poll()

    def suspend(self, organization: int) -> None:
        self._suspended ^= {organization}
        kind = "organization_suspended" if organization in self._suspended else "organization_resumed"
        self._entries.append(RevocationEntry(kind=kind, organization_id=organization))
        self._keys.poll()

    def drain(self, _: int) -> None:
        """The service is about to end."""
        self._state.is_draining = True
        for protocol, _wire in self._connections.values():
            protocol.shutdown()

    def age(self, _: int) -> None:
        """Time passes for the heads that are known."""
        self.heads._age()

    # --- What the application finds ---

    def _read_new(self) -> list[RevocationEntry]:
        entries, self._entries = self._entries, []
        return entries

    def _look_up(self, digest: bytes) -> StoredKey | None:
        facts = _OWNED.get(digest)
        if facts is None:
            return None
        return StoredKey(facts, facts.api_key_id in self._revoked, facts.organization_id not in self._suspended)

    def _process(self) -> Any:
        refused = self.told.refused
        metrics = SimpleNamespace(
            open_streams=0, note=lambda observed: None, refused=refused.append, cut_short=refused.append
        )
        return SimpleNamespace(
            settings=_SETTINGS,
            metrics=metrics,
            keys=self._keys,
            budget=BodyBudget(1_000_000),
            limits=CallLimits(100, 3),
            watches=set(),
            refusals=SimpleNamespace(note=lambda facts, code: refused.append(f"{facts.api_key_id} {code}")),
            upstream=self._provider,
            inflight=self._journal,
            journal=self._journal,
            loop=self._loop,
        )
