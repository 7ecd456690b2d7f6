"""The fake provider itself: accepts connections, finds each request's scenario, answers and logs.

Besides the two providers it serves its own control routes, for tests in another process: GET `/__log` (JSON lines)
and `/__used` (JSON: what is billed with each batch and background response), POST `/__script` (a JSON list of
scenarios), `/__always` (one scenario), `/__release`, `/__reset`.
"""

import asyncio
import collections
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from tests.fake_provider.answer import Answer, Refused, Request, read_json
from tests.fake_provider.anthropic import routes as anthropic
from tests.fake_provider.connection import Connection
from tests.fake_provider.delivery import Cut, Delivery
from tests.fake_provider.form import is_form, read_form
from tests.fake_provider.log import Exchange, Log
from tests.fake_provider.openai import routes as openai
from tests.fake_provider.routing import Call
from tests.fake_provider.scenario import NAMED, Scenario, parse
from tests.fake_provider.store import Store, Used

Chooser = Callable[[Request], Scenario | None]
_FORMATS = {"openai": openai, "anthropic": anthropic}


def _model_asked_for(request: Request) -> str:
    kind = request.header("content-type")
    if is_form(kind):
        return read_form(kind, request.body).text("model")
    return str(read_json(request.body).get("model"))


def _as_scenario(scenario: Scenario | str) -> Scenario:
    return parse(scenario) if isinstance(scenario, str) else scenario


class FakeProvider:
    """In-process: `with FakeProvider() as provider:` serves from a thread of its own.

    Scripted scenarios are used up in order, one per request to a provider; then, for each request, the header
    `x-fake-scenario`, the model's `@name`, what `always` set, or what the request itself asks for.
    """

    def __init__(self, *, port: int = 0, log_file: Path | None = None) -> None:
        self._log = Log(log_file)
        self._stores = {name: Store() for name in _FORMATS}
        self._wanted_port = port
        self._scripted: collections.deque[Scenario] = collections.deque()
        self._always: Scenario | Chooser = Scenario()
        self._requests = self._connections = 0
        self._open: set[Connection] = set()
        self._released: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._server: asyncio.Server
        self._thread: threading.Thread | None = None
        self.port = 0

    # --- For tests in this process ---

    def __enter__(self) -> "FakeProvider":
        ready: threading.Event = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                try:
                    runner.run(self.start())
                except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
                    failures.append(error)
                    return
                finally:
                    ready.set()
                self._loop.run_forever()
                runner.run(self.stop())

        self._thread = threading.Thread(target=run, name="fake-provider", daemon=True)
        self._thread.start()
        ready.wait()
        if failures:
            raise failures[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """What OPENAI_UPSTREAM_URL is to be."""
        return f"{self.url}/openai/v1"

    @property
    def anthropic_url(self) -> str:
        """What ANTHROPIC_UPSTREAM_URL is to be."""
        return f"{self.url}/anthropic/v1"

    @property
    def log(self) -> list[Exchange]:
        """Every request to a provider so far, in order of arrival."""
        return self._log.snapshot()

    @property
    def completed(self) -> list[Exchange]:
        """Those whose answer went out whole."""
        return [exchange for exchange in self.log if exchange.outcome == "completed"]

    def used(self, object_id: str) -> list[Used]:
        """What is billed with a background response or a batch: nothing until it has ended, and that was seen."""
        return [used for store in self._stores.values() for used in store.used.get(object_id, [])]

    def script(self, *scenarios: Scenario | str) -> None:
        """The next requests get these, one each."""
        self._scripted.extend(_as_scenario(scenario) for scenario in scenarios)

    def always(self, scenario: Scenario | str | Chooser) -> None:
        """Every request gets this, unless something more specific says otherwise. A chooser may return None."""
        self._always = scenario if callable(scenario) else _as_scenario(scenario)

    def release(self) -> None:
        """Ends every silence, those to come until `reset` included."""
        self._loop.call_soon_threadsafe(self._released.set)

    def reset(self) -> None:
        """Forgets scripts, log, files, responses and batches; silences hold again."""
        self._scripted.clear()
        for store in self._stores.values():
            store.clear()
        self._always = Scenario()
        self._log.clear()
        self._loop.call_soon_threadsafe(self._released.clear)

    def wait_for(self, count: int = 1, *, outcome: str = "", seconds: float = 60) -> list[Exchange]:
        """Waits until that many requests have come (or have ended so) and returns them. Raises TimeoutError."""

        def fitting(exchanges: list[Exchange]) -> list[Exchange]:
            return [exchange for exchange in exchanges if outcome in {"", exchange.outcome}]

        self._log.wait_until(lambda exchanges: len(fitting(exchanges)) >= count, seconds)
        return fitting(self.log)

    # --- On its event loop ---

    async def start(self) -> None:
        """Raises OSError where the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Event()

        def accept() -> Connection:
            self._connections += 1
            return Connection(self._serve, self._connections)

        self._server = await self._loop.create_server(accept, "127.0.0.1", self._wanted_port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for connection in list(self._open):
            connection.transport.abort()
        await asyncio.sleep(0)
        self._log.close()

    async def _serve(self, connection: Connection) -> None:
        self._open.add(connection)
        try:
            is_open = True
            while is_open:
                request = await connection.read_request(self._next_number)
                if request.path.startswith("/__"):
                    is_open = await self._control(connection, request)
                else:
                    is_open = await self._exchange(connection, request)
            connection.close()
        except (ValueError, Cut):
            connection.close()
        finally:
            self._open.discard(connection)

    def _next_number(self) -> int:
        self._requests += 1
        return self._requests

    async def _exchange(self, connection: Connection, request: Request) -> bool:
        exchange = self._log.open_exchange(request, connection.number)
        try:
            scenario, answer = self._answer(request, exchange)
            exchange.note(answer)
            is_open = await Delivery(connection, scenario, self._released).send(request, answer, exchange)
        except Cut:
            self._log.end_exchange(exchange, "cut")
            raise
        except asyncio.CancelledError:
            self._log.end_exchange(exchange, "client-gone")
            raise
        self._log.end_exchange(exchange, "completed")
        return is_open

    def _answer(self, request: Request, exchange: Exchange) -> tuple[Scenario, Answer]:
        exchange.provider, _, route = request.path.lstrip("/").partition("/v1/")
        form = _FORMATS.get(exchange.provider)
        if form is None:
            return Scenario(), Answer(404, [("Content-Type", "text/plain")], [b"No such provider here.\n"])
        scenario = Scenario()
        try:
            scenario = self._scenario(request)
            if 300 <= scenario.status < 400:
                return scenario, Answer(scenario.status, form.headers(request), [b""])
            return scenario, form.answer(Call(request, scenario, self._stores[exchange.provider], route))
        except ValueError as error:
            return scenario, form.refusal(request, Refused(400, str(error)), scenario)
        except Refused as refused:
            return scenario, form.refusal(request, refused, scenario)

    def _scenario(self, request: Request) -> Scenario:
        with contextlib.suppress(IndexError):
            return self._scripted.popleft()
        if asked := request.header("x-fake-scenario"):
            return parse(asked)
        with contextlib.suppress(Refused):
            name = _model_asked_for(request).partition("@")[2] if b"@" in request.body else ""
            if name in NAMED:
                return NAMED[name]
        chosen = self._always(request) if callable(self._always) else self._always
        return chosen or Scenario()

    async def _control(self, connection: Connection, request: Request) -> bool:
        reply: bytes = b""
        match request.path:
            case "/__log":
                reply = b"".join(exchange.as_line() for exchange in self._log.snapshot())
            case "/__used":
                stores = self._stores.values()
                reply = msgspec.json.encode({id_: found for store in stores for id_, found in store.used.items()})
            case "/__script":
                self.script(*msgspec.json.decode(request.body, type=list[Scenario]))
            case "/__always":
                self.always(msgspec.json.decode(request.body, type=Scenario))
            case "/__release":
                self.release()
            case "/__reset":
                self.reset()
        answer = Answer(200, [("Content-Type", "application/jsonl")], [reply])
        unlogged: Any = Exchange(request, connection.number, 0)
        return await Delivery(connection, Scenario(), self._released).send(request, answer, unlogged)
