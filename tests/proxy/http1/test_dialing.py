"""Opening connections: names, addresses that do not answer, and time."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.http1 import dialing
from proxy.http1.dialing import Origin
from proxy.upstream import UpstreamUnreachable
from tests.proxy.http1.raw_server import LOOPS, OK, RawServer, answering, opened, read, run
from tests.servers import free_port


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """A port that takes no connection and refuses none: its queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.settimeout(0)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


class Names:
    """A resolver whose answer is `ports` of this machine, and which counts how often it is asked."""

    def __init__(self, *ports: int) -> None:
        self.ports = list(ports)
        self.asked = 0

    def getaddrinfo(self, host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        if not self.ports:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in self.ports]


async def call(client: Any) -> bytes:
    return await read(await client.send("POST", "http://api.example.com/v1/x", [], b"{}"))


@pytest.mark.parametrize("loop", LOOPS)
def test_a_provider_that_refuses_the_connection_is_unreachable_at_once(loop: str) -> None:
    async def main() -> None:
        async with opened() as client:
            with pytest.raises(UpstreamUnreachable):
                await client.send("POST", f"http://127.0.0.1:{free_port()}/x", [], b"{}")

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_provider_that_does_not_answer_is_unreachable_in_time(loop: str) -> None:
    async def main(port: int) -> None:
        async with opened(connect=0.2) as client:
            begun = time.monotonic()
            with pytest.raises(UpstreamUnreachable):
                await client.send("POST", f"http://127.0.0.1:{port}/x", [], b"{}")
            assert time.monotonic() - begun > 0.15

    with deaf() as port:
        run(main(port), loop)


@pytest.mark.parametrize("first", ["deaf", "dead"])
def test_the_next_address_gets_its_turn_when_one_does_not_answer(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(port: int) -> None:
        async with RawServer(answering(OK)) as server, opened(connect=60) as client:  # longer than `run` waits
            names = Names(port if first == "deaf" else free_port(), server.port)
            monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
            assert await call(client) == b"ok"

    with deaf() as port:
        run(main(port), "asyncio")


def test_a_name_without_an_address_is_unreachable_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with RawServer(answering(OK)) as server, opened() as client:
            names = Names()
            monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
            with pytest.raises(UpstreamUnreachable):
                await call(client)
            names.ports.append(server.port)
            assert await call(client) == b"ok"

    run(main(), "asyncio")


def test_a_name_is_asked_once_for_all_and_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        closing = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        async with RawServer(answering(closing)) as server, opened() as client:
            names = Names(server.port)
            monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
            await asyncio.gather(*(call(client) for _ in range(5)))
            assert (names.asked, server.connections) == (1, 5)
            monkeypatch.setattr(dialing, "_NAMES_KEPT_SECONDS", 0)
            await asyncio.gather(*(call(client) for _ in range(5)))
            assert (names.asked, server.connections) == (2, 10)

    run(main(), "asyncio")


def test_a_call_that_is_cancelled_while_connecting_leaves_nothing() -> None:
    async def main(port: int) -> None:
        async with opened() as client:
            call = asyncio.create_task(client.send("POST", f"http://127.0.0.1:{port}/x", [], b"{}"))
            await asyncio.sleep(0.02)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    with deaf() as port:
        run(main(port))


def test_families_take_turns_beginning_with_the_resolvers_choice() -> None:
    v6, v4 = socket.AF_INET6, socket.AF_INET
    assert dialing._interleaved([(v6, 1), (v6, 2), (v6, 3), (v4, 4)]) == [(v6, 1), (v4, 4), (v6, 2), (v6, 3)]


@pytest.mark.parametrize(
    ("authority", "host", "port"),
    [
        ("api.example.com", "api.example.com", 443),
        ("api.example.com:8443", "api.example.com", 8443),
        ("[::1]:8443", "::1", 8443),
        ("[::1]", "::1", 443),
        ("127.0.0.1", "127.0.0.1", 443),
    ],
)
def test_an_authority_is_a_host_and_a_port(authority: str, host: str, port: int) -> None:
    origin = Origin("https", authority)
    assert (origin.host, origin.port, origin.authority) == (host, port, authority.encode())
