"""A connection may go while a request waits for the end of the event loop's turn. Nothing of it was sent then."""

import asyncio
import contextlib
import os
import socket
import struct
from pathlib import Path

import pytest

from proxy.held_writes import MAX_HELD_BYTES, turn_of
from proxy.upstream import UpstreamBroken
from tests.proxy.http1.certificates import Authority
from tests.proxy.http1.raw_server import OK, Peer, RawServer, answering, opened, post, read, run
from tests.proxy.http1.test_tls import url

goodbyes = pytest.mark.parametrize("goodbye", [b"", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"])


@goodbyes
def test_what_waits_for_the_turns_end_when_the_connection_goes_is_sent_on_a_fresh_one(goodbye: bytes) -> None:
    """A request is taken for unsent only while nothing of it is on its way, whatever it does."""
    peers: list[Peer] = []

    async def serve(peer: Peer) -> None:
        peers.append(peer)
        await peer.request()
        await peer.send(OK)
        assert await peer.gone() == b""

    async def close_at_once() -> None:
        with socket.socket(fileno=os.dup(peers[0].writer.get_extra_info("socket").fileno())) as same:
            same.send(goodbye)
            same.shutdown(socket.SHUT_WR)

    async def main() -> None:
        async with RawServer(serve, answering(OK.replace(b"ok", b"2."))) as server, opened() as client:
            assert await post(client, server) == b"ok"
            answer, _ = await asyncio.gather(post(client, server), close_at_once())
            assert (answer, server.connections, client.connections) == (b"2.", 2, 1)

    run(main())


def test_what_waits_for_the_turns_end_when_the_connection_is_reset_is_sent_on_a_fresh_one() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            loop, place = asyncio.get_running_loop(), f"http://127.0.0.1:{listener.getsockname()[1]}/v1/x"

            async def answer(text: bytes) -> socket.socket:
                served, _ = await loop.sock_accept(listener)
                await loop.sock_recv(served, 65536)
                await loop.sock_sendall(served, OK.replace(b"ok", text))
                return served

            async def reset_at_once() -> None:
                first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                first.close()

            async with opened() as client:
                sent, first = await asyncio.gather(client.send("POST", place, [], b"{}"), answer(b"1."))
                assert await read(sent) == b"1."
                sent, _, second = await asyncio.gather(
                    client.send("POST", place, [], b"{}"), reset_at_once(), answer(b"2.")
                )
                assert await read(sent) == b"2."
                second.close()

    run(main())


@pytest.mark.parametrize("size", [2, 20_000, 200_000])
@goodbyes
def test_over_tls_a_request_of_many_records_is_held_whole_or_not_at_all(
    tmp_path: Path, goodbye: bytes, size: int
) -> None:
    """Its head comes twice where a part of it went out before the rest was taken back."""
    peers: list[Peer] = []
    heads: list[Peer] = []

    async def serve(peer: Peer) -> None:
        peers.append(peer)
        while await peer.head():
            heads.append(peer)
            await peer.reader.readexactly(2 if len(heads) == 1 else size)
            await peer.send(OK)

    async def close_at_once() -> None:
        if goodbye:
            peers[0].writer.write(goodbye)
        with socket.socket(fileno=os.dup(peers[0].writer.get_extra_info("socket").fileno())) as bare:
            bare.shutdown(socket.SHUT_WR)

    async def main() -> None:
        authority = Authority(tmp_path)
        context = authority.server("localhost")
        async with RawServer(serve, context=context) as server, opened(ca_file=str(authority.file)) as client:
            await read(await client.send("POST", url(server), [], b"{}"))
            turn_of(asyncio.get_running_loop()).at_once = 0
            with contextlib.suppress(UpstreamBroken) if size > MAX_HELD_BYTES else contextlib.nullcontext():
                sent, _ = await asyncio.gather(client.send("POST", url(server), [], b"x" * size), close_at_once())
                await read(sent)
        first, second = heads
        assert (first is second) == (size > MAX_HELD_BYTES)

    run(main())
