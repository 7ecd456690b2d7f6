"""The request body off the wire: whole within its limits, or as it comes."""

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from proxy.errors import ClientGone, Refusal
from proxy.receiving import BodyBudget, BodyReceiver

LIMIT = 1_000_000
DISCONNECT: MutableMapping[str, Any] = {"type": "http.disconnect"}


def arriving(*chunks: bytes, ends: bool = True) -> Callable[[], Awaitable[MutableMapping[str, Any]]]:
    """An ASGI `receive` that gives these chunks, then a disconnect."""
    messages = [
        {"type": "http.request", "body": chunk, "more_body": not (ends and position == len(chunks))}
        for position, chunk in enumerate(chunks, start=1)
    ]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0) if messages else DISCONNECT

    return receive


def receiver(*chunks: bytes, ends: bool = True, capacity: int = 10 * LIMIT, limit: int = LIMIT) -> BodyReceiver:
    return BodyReceiver(arriving(*chunks, ends=ends), BodyBudget(capacity), limit=limit)


def read_all(body: BodyReceiver, declared_length: int | None = None) -> bytes:
    return asyncio.run(body.read_all(declared_length))


def refused(act: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refusal) as raised:
        act()
    return raised.value.status, raised.value.code


# --- Whole bodies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [(b"",), (b"abc",), (b"a", b"", b"bc"), (b"", b"abc", b"")])
def test_a_body_is_read_whole(chunks: tuple[bytes, ...]) -> None:
    body = receiver(*chunks)
    assert read_all(body) == b"".join(chunks)
    assert body.is_complete


def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_refused() -> None:
    assert len(read_all(receiver(b"x" * LIMIT))) == LIMIT
    assert refused(lambda: read_all(receiver(b"x" * LIMIT, b"x"))) == (413, "body_too_large")


def test_a_declared_length_above_the_limit_is_refused_before_anything_is_read() -> None:
    body = receiver(b"x", ends=False)
    assert refused(lambda: read_all(body, LIMIT + 1)) == (413, "body_too_large")
    assert (body.held, body.is_complete) == (0, False)
    assert read_all(receiver(b"x"), LIMIT) == b"x"


def test_a_body_without_end_is_refused_at_the_limit() -> None:
    given = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    assert refused(lambda: read_all(BodyReceiver(receive, BodyBudget(10 * LIMIT), limit=LIMIT)))[0] == 413
    assert given == 11


def test_a_client_that_leaves_within_its_body_is_noticed() -> None:
    with pytest.raises(ClientGone):
        read_all(receiver(b"half", ends=False))


def test_bodies_share_one_budget_which_each_gives_back() -> None:
    budget = BodyBudget(150)
    first, second = (BodyReceiver(arriving(b"x" * 100), budget, limit=LIMIT) for _ in range(2))
    read_all(first)
    assert (first.held, budget.held) == (100, 100)
    with pytest.raises(Refusal) as raised:
        read_all(second)
    assert (raised.value.status, raised.value.code, raised.value.retryable) == (503, "body_memory_exhausted", True)
    second.release()
    assert budget.held == 100
    first.release()
    first.release()
    assert budget.held == 0


def test_a_body_that_is_passed_on_costs_no_budget() -> None:
    async def collect(body: BodyReceiver) -> list[bytes]:
        return [chunk async for chunk in body.stream()]

    body = receiver(b"a" * LIMIT, b"", b"b" * LIMIT, capacity=0, limit=10)
    assert asyncio.run(collect(body)) == [b"a" * LIMIT, b"b" * LIMIT]
    assert (body.held, body.is_complete) == (0, True)
    with pytest.raises(ClientGone):
        asyncio.run(collect(receiver(b"a", ends=False)))


# --- Compressed bodies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, LIMIT])
@pytest.mark.parametrize("level", [0, 9])
def test_a_gzip_body_is_decoded(size: int, level: int) -> None:
    plain = bytes(position * 31 % 251 for position in range(size))
    body = receiver()
    assert body.inflate(gzip.compress(plain, level)) == plain
    assert body.held == size


def test_a_body_larger_than_a_step_is_decoded() -> None:
    plain = b"ab" * 2_500_000 + b"cd"
    assert receiver(limit=len(plain)).inflate(gzip.compress(plain)) == plain


def test_gzip_members_are_joined() -> None:
    """RFC 1952, section 2.2: a file is a series of members."""
    parts = [b"a" * 70_000, b"", b"bc", b"d"]
    assert receiver().inflate(b"".join(map(gzip.compress, parts))) == b"".join(parts)


def test_an_empty_body_stays_empty() -> None:
    assert receiver().inflate(b"") == b""


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"\x1f",
        b"\x1f\x8b\x08",
        zlib.compress(b"{}"),
        gzip.compress(b"{}", mtime=0)[:-1],
        gzip.compress(b"{}" * 1_000, mtime=0)[:-8],
        gzip.compress(b"{}", mtime=0) + b"x",
        gzip.compress(b"{}", mtime=0) + gzip.compress(b"{}", mtime=0)[:-4],
        gzip.compress(b"{}", mtime=0)[:-8] + b"\x00" * 8,
        gzip.compress(b"", mtime=0)[:9] + b"\xff" * 20,
    ],
)
def test_bad_gzip_data_are_refused(content: bytes) -> None:
    assert refused(lambda: receiver().inflate(content)) == (400, "malformed_body")


def test_a_decompression_bomb_is_refused_at_the_limit() -> None:
    body = receiver(capacity=3 * LIMIT)
    bomb = gzip.compress(b"x" * 50 * LIMIT)
    assert refused(lambda: body.inflate(bomb)) == (413, "body_too_large")
    assert body.held <= LIMIT
    members = b"".join([gzip.compress(b"x" * LIMIT)] * 3)
    assert refused(lambda: receiver().inflate(members)) == (413, "body_too_large")


def test_decoded_bytes_count_against_the_budget() -> None:
    body = receiver(capacity=LIMIT // 2)
    assert refused(lambda: body.inflate(gzip.compress(b"x" * LIMIT))) == (503, "body_memory_exhausted")
    body.release()


def test_very_many_gzip_members_are_refused_soon() -> None:
    """Each member costs a copy of what follows it, so that a body of empty ones could hold a process up."""
    content = gzip.compress(b"") * 100_000
    assert refused(lambda: receiver().inflate(content)) == (400, "malformed_body")
