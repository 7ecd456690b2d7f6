"""Clients that behave badly, on sockets of their own: they leave at every stage, read a byte a second, send half."""

import asyncio
import contextlib
import json
import random
import socket
import struct

from tests.faults.load import Ask, Call, headers_of, question
from tests.faults.traffic import Client, Traffic

_STAGES = ("connected", "half-head", "head", "half-body", "body", "answer-head", "mid-answer", "almost")
_SLOWLY = "chunk_delay_ms=20"


def request_of(call: Call, ask: Ask) -> tuple[bytes, bytes]:
    """Head and body."""
    body = json.dumps(ask.body).encode()
    fields = {**headers_of(call, ask), "host": "127.0.0.1", "content-type": "application/json"}
    fields["content-length"] = str(len(body))
    lines = [f"POST /api/proxy/v1/{ask.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode(), body


async def connect(traffic: Traffic, receive_buffer: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises OSError where nobody listens."""
    place = socket.socket()
    place.setblocking(False)  # noqa: FBT003
    if receive_buffer:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.get_running_loop().sock_connect(place, ("127.0.0.1", traffic.port))
    except OSError:
        place.close()
        raise
    return await asyncio.open_connection(sock=place, limit=4096)


async def leave(writer: asyncio.StreamWriter, chance: random.Random) -> None:
    """Politely, or with a reset."""
    if chance.random() < 0.5:
        place = writer.get_extra_info("socket")
        place.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def read_head(reader: asyncio.StreamReader, call: Call) -> None:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode("latin-1").lower()
    call.status = int(head.split(" ")[1])
    for line in head.split("\r\n"):
        if line.startswith("x-aipc-request-id:"):
            call.id = line.partition(":")[2].strip()


async def leave_early(traffic: Traffic, chance: random.Random) -> None:
    stage = chance.choice(_STAGES)
    await asyncio.sleep(0.05)
    call = traffic.next_call()
    call.error = f"left: {stage}"
    head, body = request_of(call, question(call, _SLOWLY))
    sent = {
        "connected": b"",
        "half-head": head[: len(head) // 2],
        "head": head,
        "half-body": head + body[: len(body) // 2],
    }.get(stage, head + body)
    try:
        reader, writer = await connect(traffic)
    except OSError:
        return
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.write(sent)
        await writer.drain()
        if stage in {"answer-head", "mid-answer", "almost"}:
            await read_head(reader, call)
        if stage == "mid-answer":
            await reader.read(200)
        if stage == "almost":
            await asyncio.wait_for(reader.readuntil(b"usage"), 5)
        else:
            await asyncio.sleep(chance.random() * 0.05)
    await leave(writer, chance)


async def read_slowly(traffic: Traffic, chance: random.Random) -> None:
    """A byte a second of megabytes, until the proxy, or this client, has enough of it."""
    call = traffic.next_call()
    call.error = "read a byte a second"
    head, body = request_of(call, question(call, "text_bytes=2000000"))
    try:
        reader, writer = await connect(traffic, receive_buffer=2048)
    except OSError:
        await asyncio.sleep(0.5)
        return
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.write(head + body)
        await read_head(reader, call)
        while not traffic.is_over and await reader.read(1):  # noqa: ASYNC110 - that is the fault
            await asyncio.sleep(1)
    await leave(writer, chance)


async def send_half(traffic: Traffic, chance: random.Random) -> None:
    """Half a body, and then nothing for as long as it takes."""
    call = traffic.next_call()
    call.error = "sent half a body"
    head, body = request_of(call, question(call))
    try:
        reader, writer = await connect(traffic)
    except OSError:
        await asyncio.sleep(0.5)
        return
    with contextlib.suppress(OSError):
        writer.write(head + body[: len(body) // 2])
        await writer.drain()
        while not traffic.is_over and not reader.at_eof():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(100), 0.5)
    await leave(writer, chance)


def many(client: Client, count: int) -> list[Client]:
    return [client] * count
