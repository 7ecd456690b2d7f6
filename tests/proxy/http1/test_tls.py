"""TLS to the provider: certificates that do not fit are refused, and an end without a goodbye is no end."""

import asyncio
import contextlib
import os
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.aiohttp_client import AiohttpUpstream
from proxy.tls import Tls
from proxy.upstream import UpstreamBroken, UpstreamUnreachable
from tests.proxy.http1.certificates import DAY, NOW, Authority
from tests.proxy.http1.raw_server import (
    LOOPS,
    OK,
    Peer,
    RawServer,
    Serve,
    answering,
    answering_and_closing,
    opened,
    read,
    run,
    until,
)

on_both_loops = pytest.mark.parametrize("loop", LOOPS)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def url(server: RawServer) -> str:
    return f"https://localhost:{server.port}/v1/x"


@on_both_loops
def test_a_certificate_of_a_trusted_authority_for_the_host_is_taken(authority: Authority, loop: str) -> None:
    context, named = authority.server("localhost"), list[str | None]()
    context.sni_callback = lambda _, name, __: named.append(name)
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def main() -> None:
        async with (
            RawServer(answering(OK, OK), context=context) as server,
            opened(ca_file=str(authority.file)) as client,
        ):
            for _ in range(2):
                assert await read(await client.send("POST", url(server), [], b"{}")) == b"ok"
            assert (server.connections, client.connections, named) == (1, 1, ["localhost"])

    run(main(), loop)


@on_both_loops
@pytest.mark.parametrize("what", ["another host", "expired", "unknown authority", "no TLS", "silent"])
def test_a_server_that_cannot_prove_who_it_is_gets_no_request(authority: Authority, what: str, loop: str) -> None:
    context = authority.server(
        "other.example.com" if what == "another host" else "localhost", NOW - DAY if what == "expired" else NOW + DAY
    )
    seen: list[bytes] = []

    async def serve(peer: Peer) -> None:
        if what == "silent":
            await peer.gone()
            return
        seen.append(await peer.reader.read(5))
        await peer.send(b"HTTP/1.1 400 Bad\r\n\r\n")

    async def main() -> None:
        is_plain = what in {"no TLS", "silent"}
        file = "" if what == "unknown authority" else str(authority.file)
        async with (
            RawServer(serve, context=None if is_plain else context) as server,
            opened(ca_file=file, connect=0.3 if what == "silent" else 5) as client,
        ):
            with pytest.raises(UpstreamUnreachable):
                await client.send("POST", url(server), [], b"{}")
            assert client.connections == 0
        assert not any(part.startswith(b"POST") for part in seen)

    run(main(), loop)


@on_both_loops
@pytest.mark.parametrize("is_orderly", [True, False])
def test_an_answer_that_ends_with_the_connection_needs_a_goodbye(
    authority: Authority, is_orderly: bool, loop: str
) -> None:
    """RFC 9112 section 9.8: without close_notify somebody else may have cut it off."""
    answer = b"HTTP/1.1 200 OK\r\n\r\nok"

    async def cut(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        await asyncio.sleep(0.05)
        peer.writer.transport.abort()

    async def main() -> None:
        serve = answering_and_closing(answer) if is_orderly else cut
        context = authority.server("localhost")
        async with RawServer(serve, context=context) as server, opened(ca_file=str(authority.file)) as client:
            came = await client.send("POST", url(server), [], b"{}")
            if is_orderly:
                assert await read(came) == b"ok"
            else:
                with pytest.raises(UpstreamBroken):
                    await read(came)

    run(main(), loop)


@on_both_loops
def test_a_whole_answer_needs_no_goodbye(authority: Authority, loop: str) -> None:
    """What was deciphered is handed on before such an end is told."""
    body = b"x" * 16_000

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        with socket.socket(fileno=os.dup(peer.writer.get_extra_info("socket").fileno())) as bare:
            bare.shutdown(socket.SHUT_WR)
        await peer.gone()

    async def main() -> None:
        context = authority.server("localhost")
        async with RawServer(serve, context=context) as server, opened(ca_file=str(authority.file)) as client:
            assert await read(await client.send("POST", url(server), [], b"{}")) == body

    run(main(), loop)


@on_both_loops
def test_a_connection_that_is_lost_in_the_last_step_of_the_handshake_is_none(
    authority: Authority, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider has shown its certificate and is gone before we, who are late, have read it."""
    context, read_on = authority.server("localhost"), Tls.buffer_updated

    def late(tls: Tls, nbytes: int) -> None:
        time.sleep(0.03)
        read_on(tls, nbytes)

    async def vanish(peer: Peer) -> None:
        came, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        shaking = context.wrap_bio(came, said, server_side=True)
        came.write(await peer.reader.read(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            shaking.do_handshake()
        await peer.send(said.read())
        peer.reset()

    async def main() -> None:
        monkeypatch.setattr(Tls, "buffer_updated", late)
        async with RawServer(vanish) as server, opened(ca_file=str(authority.file)) as client:
            for _ in range(5):
                with pytest.raises((UpstreamUnreachable, UpstreamBroken)):
                    await client.send("POST", url(server), [], b"{}")

    run(main(), loop)


@on_both_loops
def test_who_does_not_read_is_told_that_the_connection_is_gone_when_he_leaves_it(
    authority: Authority, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider answers aiohttp, which is still sending a body, and resets; nobody takes the answer."""
    paused: list[Tls] = []
    pause = Tls.pause_reading

    def noted(tls: Tls) -> None:
        pause(tls)
        paused.append(tls)

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.001)

    async def serve(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n" + b"x" * 90_000)
        await until(lambda: bool(paused))
        peer.reset()

    async def main() -> None:
        monkeypatch.setattr(Tls, "pause_reading", noted)
        client = AiohttpUpstream(connect_timeout=5, silence_timeout=5, ca_file=str(authority.file))
        await client.open()
        async with RawServer(serve, context=authority.server("localhost")) as server:
            answer = await client.send("POST", url(server), [], pieces())
            await until(lambda: bool(paused) and paused[0]._is_gone)
            answer.abort()
            await until(lambda: not client._bodies)  # what is kept for each connection until it is gone
        await client.close()

    run(main(), loop)


@on_both_loops
def test_large_bodies_pass_both_ways_whoever_dawdles(authority: Authority, loop: str) -> None:
    chance = random.Random(3)
    sent = chance.randbytes(1_500_000)

    async def pieces() -> AsyncIterator[bytes]:
        start = 0
        while start < len(sent):
            size = chance.choice([1, 700, 16_384, 16_385, 100_000])
            yield sent[start : start + size]
            start += size
            await asyncio.sleep(chance.choice([0, 0, 0.001]))

    async def echo(peer: Peer) -> None:
        await peer.head()
        came = b""
        while not came.endswith(b"\r\n0\r\n\r\n"):
            came += await peer.reader.read(50_000)
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
        body = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + came
        while body:
            size = chance.choice([1, 40, 5_000, 70_000])
            await peer.send(body[:size])
            body = body[size:]
        await peer.gone()

    async def main() -> None:
        context = authority.server("localhost")
        async with RawServer(echo, context=context) as server, opened(ca_file=str(authority.file)) as client:
            answer = await client.send("POST", url(server), [], pieces())
            came = bytearray()
            while part := await answer.read():
                came += part
                await asyncio.sleep(chance.choice([0, 0, 0, 0.001]))
            assert bytes(came) == sent

    run(main(), loop)


@on_both_loops
def test_wherever_the_connection_is_cut_no_part_passes_for_the_whole(authority: Authority, loop: str) -> None:
    """Somebody between the two lets so many bytes of the provider's pass, and ends or resets the connection."""
    chance = random.Random(5)
    body = b"x" * 40_000
    whole = broken = 0
    over = asyncio.Event()

    async def answer(peer: Peer) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, RuntimeError):  # as the server itself
            await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)  # It ends with the connection.

    async def serve(peer: Peer) -> None:
        """uvloop's server is not told of every end."""
        ends = [asyncio.create_task(each) for each in (answer(peer), over.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()

    async def main() -> None:
        nonlocal whole, broken
        async with RawServer(serve, context=authority.server("localhost")) as far:
            cuts = [_cut(far.port, chance.randrange(44_000), is_reset=chance.random() < 0.5) for _ in range(16)]
            async with (
                RawServer(*cuts, _cut(far.port, 100_000)) as between,
                opened(ca_file=str(authority.file)) as client,
            ):
                for _ in range(len(cuts) + 1):
                    try:
                        assert await read(await client.send("POST", url(between), [], b"{}")) == body
                        whole += 1
                    except (UpstreamBroken, UpstreamUnreachable):
                        broken += 1
                over.set()
                await until(lambda: not any("RawServer._serve" in repr(task) for task in asyncio.all_tasks()))

    run(main(), loop)
    assert whole >= 1
    assert broken >= 12


def _cut(port: int, left: int, *, is_reset: bool = False) -> Serve:
    async def between(peer: Peer) -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        pumping = asyncio.create_task(_pump(peer.reader, writer))
        while left > 0 and (data := await reader.read(min(left, 3_000))):
            await peer.send(data)
            left -= len(data)
        pumping.cancel()
        writer.transport.abort()
        if is_reset:
            peer.reset()

    return between


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@pytest.mark.slow
@on_both_loops
def test_a_slow_reader_stops_the_provider_over_tls_too(authority: Authority, loop: str) -> None:
    size = 6 * 1024 * 1024

    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size // 65536):
            await peer.send(b"x" * 65536)
        await peer.gone()

    async def main() -> None:
        context = authority.server("localhost")
        async with RawServer(serve, context=context) as server, opened(ca_file=str(authority.file)) as client:
            answer = await client.send("POST", url(server), [], b"{}")
            taken = most = 0
            while taken < size:
                await asyncio.sleep(0.001)
                part = await answer.read()
                taken, most = taken + len(part), max(most, len(part))
            assert (taken, await answer.read(), most < 2 * 1024 * 1024) == (size, b"", True)
            assert client.connections == 1

    run(main(), loop)
