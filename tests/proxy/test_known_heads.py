"""Requests whose head came before: read by what is known of it, and refused as ever where anything in it differs."""

import asyncio
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orgs.models import ApiKey
from orgs.services import keys
from proxy import known_heads
from proxy.known_heads import KnownHead, KnownHeads, Sighting, find, find_length
from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, Caller, Connection, chat
from tests.proxy.records import Records
from tests.servers import wait_until

KNOWN_FROM = 3  # calls: the second one shows that the head comes again
START = b"POST /x HTTP/1.1\r\nhost: y\r\n"
SCOPE = {"path": "/x", "raw_path": b"/x", "query_string": b""}


def raw(proxy: Caller, body: bytes, *, before: bytes = b"", length: bytes | None = None) -> bytes:
    """One and the same head but for its length, with further lines before that."""
    told = b"content-length: %d" % len(body) if length is None else length
    keys_of_call = f"authorization: Bearer {proxy.platform_key}\r\nx-provider-key: sk-1\r\n".encode()
    line = f"POST {proxy.target(CHAT)} HTTP/1.1\r\nhost: x\r\n".encode()
    return line + keys_of_call + b"content-type: application/json\r\n" + before + told + b"\r\n\r\n" + body


def ask(connection: Connection, request: bytes) -> int:
    connection.socket.sendall(request)
    return connection.reply().status


def make_known(proxy: Caller, connection: Connection, *, before: bytes = b"") -> None:
    for _ in range(KNOWN_FROM):
        assert ask(connection, raw(proxy, chat(), before=before)) == 200


def texts(provider: FakeProvider) -> list[str]:
    return [json.loads(seen.body)["messages"][0]["content"] for seen in provider.log]


def asked(text: str, **members: object) -> bytes:
    return chat(messages=[{"role": "user", "content": text}], **members)


def test_each_request_with_a_known_head_has_its_own_body_and_record(
    proxy: Caller, provider: FakeProvider, records: Records
) -> None:
    sent = ["a" * size for size in (1, 10, 100, 1_000, 100_000, 2)]
    with proxy.connect() as connection:
        make_known(proxy, connection)
        provider.reset()
        for number, text in enumerate(sent):
            body = asked(text, _aipromptcost={"prompt_key": f"p{number}"})
            assert ask(connection, raw(proxy, body)) == 200
    assert texts(provider) == sent
    assert len({record.id for record in records.all()}) == KNOWN_FROM + len(sent)
    told = sorted(record.prompt_key for record in records.all() if record.prompt_key)
    assert told == [f"p{number}" for number in range(len(sent))]


def test_a_known_request_may_come_in_pieces_and_with_the_next_one(proxy: Caller, provider: FakeProvider) -> None:
    with proxy.connect() as connection:
        make_known(proxy, connection)
        provider.reset()
        first, second, third = (raw(proxy, asked(text)) for text in ("one", "two", "three"))
        head = first.index(b"\r\n\r\n") + 4
        for end in (head, len(first) - 1):  # between head and body, as many clients send it, and within the body
            connection.socket.sendall(first[:end])
            connection.socket.sendall(first[end:])
            assert connection.reply().status == 200
        connection.socket.sendall(first + second + third[:20])
        answers = b""
        while answers.count(b'"service_tier"') < 2:  # `reply` would lose what comes behind the first one
            answers += connection.socket.recv(65536)
        connection.socket.sendall(third[20:])
        assert connection.reply().status == 200
    assert texts(provider) == ["one", "one", "one", "two", "three"]


@pytest.mark.parametrize(
    "length",
    [
        b"content-length: 2\r\ncontent-length: 3",
        b"content-length: 2\r\ntransfer-encoding: chunked",
        b"content-length: +2",
        b"content-length: 0x2",
        b"content-length: 2 2",
        b"content-length: 2,2",
        b"content-length: -1",
        b"content-length: 99999999999999999999999",
        b"content-length: \x002",
        b"content-length: 2\nx: y",
        b"content-length : 2",
        b" content-length: 2",
    ],
)
def test_a_length_that_is_none_is_refused_behind_a_known_head_too(
    proxy: Caller, provider: FakeProvider, length: bytes
) -> None:
    with proxy.connect() as connection:
        make_known(proxy, connection)
        provider.reset()
        connection.socket.sendall(raw(proxy, b"{}", length=length))
        reply = connection.reply()
    assert (reply.status, reply.header("connection")) == (400, "close")
    assert not provider.log


def test_a_header_that_looks_like_a_length_frames_nothing(proxy: Caller, provider: FakeProvider) -> None:
    decoy = b"x-note: content-length: 5\r\n"
    with proxy.connect() as connection:
        make_known(proxy, connection, before=decoy)
        provider.reset()
        assert ask(connection, raw(proxy, asked("all of it"), before=decoy.replace(b"5", b"1"))) == 200
        assert ask(connection, raw(proxy, asked("again"), before=decoy)) == 200
    assert texts(provider) == ["all of it", "again"]


def test_a_known_head_does_not_let_a_revoked_key_in(
    proxy: Caller, provider: FakeProvider, issued: tuple[ApiKey, str]
) -> None:
    with proxy.connect() as connection:
        make_known(proxy, connection)
        keys.revoke(key=issued[0])
        wait_until(lambda: ask(connection, raw(proxy, chat())) == 401, "the key is refused", seconds=8)
        provider.reset()
        assert ask(connection, raw(proxy, chat())) == 401
    assert not provider.log


def test_a_body_behind_a_known_head_is_checked_as_ever(proxy: Caller, provider: FakeProvider) -> None:
    with proxy.connect() as connection:
        make_known(proxy, connection)
        provider.reset()
        assert [ask(connection, raw(proxy, body)) for body in (b"{", b"[]", b"", b"{}", chat())] == [400] * 4 + [200]
        connection.socket.sendall(raw(proxy, b"", length=b"content-length: 999999999"))
        assert connection.reply().status == 413
    assert len(provider.log) == 1


# --- What is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [b"content-length", b"Content-Length"])
def test_heads_that_differ_in_their_length_alone_are_one(name: bytes) -> None:
    found = [find(START + name + b": %d\r\nz: 1\r\n\r\nbody" % length) for length in (7, 12345)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].key == found[1].key
    assert (found[0].length, found[1].length) == (7, 12345)
    other = find(START + name + b": 7\r\nz: 2\r\n\r\n")
    assert other is not None
    assert other.key != found[0].key


@pytest.mark.parametrize(
    "lines",
    [
        b"z: 1",
        b"x-content-length: 7",
        b"z: content-length: 7",
        b"z: content-length: 7\r\ncontent-length: 7",
        b"content-length:7",
        b"content-length: ",
        b"content-length: 7 ",
        b"content-length: +7",
        b"content-length: 1234567890",
        b"content-length: 7\r\nz: " + b"1" * 5_000,
    ],
)
def test_other_heads_are_left_to_the_parser(lines: bytes) -> None:
    assert find(START + lines + b"\r\n\r\n") is None
    assert find(START + lines) is None


TWICE = START + b"z: ontent-length: 1\r\nContent-Length: 12\r\nx: 3\r\n\r\n{}"
PLAIN = START + b"content-length: 12\r\nz: y\r\n\r\n{}"


@example(PLAIN, 0, 0, b"")
@example(PLAIN, PLAIN.index(b"12"), 2, b"0123456789")
@given(
    st.sampled_from([PLAIN, TWICE]),
    st.integers(0, 90),
    st.integers(0, 30),
    st.sampled_from([b"", b"1", b"7\r\n", b"\r\n", b"\r\n\r\n", b"content-length: 5\r\n", b"\0", b" ", b"0123456789"]),
)
def test_a_connections_latest_head_is_found_again_just_where_any_other_would_be(
    usual: bytes, start: int, size: int, piece: bytes
) -> None:
    before = find(PLAIN)
    assert before is not None
    data = usual[:start] + piece + usual[start + size :]
    found = find(data)
    expected = (found.end, found.length) if found is not None and found.key == before.key else (0, 0)
    assert KnownHead(before.key, SCOPE, [], 0).begins(data) == expected


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (START + b"content-length: 7\r\n\r\n", [(b"host", b"y"), (b"content-length", b"8")]),
        (START + b"content-length: 7\r\n\r\n", [(b"content-length", b"7")]),
        (START + b"z: a\nb\r\ncontent-length: 7\r\n\r\n", [(b"host", b"y"), (b"z", b"a"), (b"content-length", b"7")]),
        (START + b"z: \0\r\ncontent-length: 7\r\n\r\n", [(b"host", b"y"), (b"z", b"\0"), (b"content-length", b"7")]),
        (
            START + b"content-length: 7\r\nContent-Length: 7\r\n\r\n",
            [(b"host", b"y"), (b"content-length", b"7"), (b"content-length", b"7")],
        ),
        (b"\r\n" + START + b"content-length: 7\r\n\r\n", [(b"host", b"y"), (b"content-length", b"7"), (b"z", b"")]),
    ],
)
def test_what_the_parser_reads_otherwise_is_not_kept(data: bytes, headers: known_heads.Headers) -> None:
    found = find(data)
    assert found is not None
    assert find_length(data, b"/x", headers, found) == -1


def test_nothing_is_kept_for_long_nor_in_any_number() -> None:
    async def check() -> None:
        heads = KnownHeads(kept_seconds=0.01)
        for number in range(5 * known_heads.MAX_KEPT):
            known = KnownHead(b"a\0b", SCOPE, [(b"a", b"b"), (b"content-length", b"1"), (b"c", b"d")], 1)
            sighting = Sighting(heads, b"%d" % number, known)
            assert not sighting.is_repeated
            sighting.remember("note")
            assert len(heads) <= 2 * known_heads.MAX_KEPT
        found = heads.get(b"%d" % number)
        assert found is not None
        assert found.note == "note"
        assert found.headers == ((b"a", b"b"), (b"c", b"d"))
        assert sighting.is_repeated
        assert heads.get(b"0") is None
        while len(heads):  # noqa: ASYNC110 - what is waited for is that a timer has run
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(check(), 10))


def test_many_large_heads_are_not_kept_together() -> None:
    async def check() -> int:
        heads = KnownHeads()
        for number in range(known_heads.MAX_KEPT):
            heads.keep(b"%d" % number + b"x" * 4_000, KnownHead(b"a\0b", SCOPE, [], 0))
        return len(heads) * 6_000  # with what hangs on them

    assert asyncio.run(check()) <= 2 * known_heads.MAX_KEPT_BYTES + 8_000


def test_the_key_says_nothing_of_the_body() -> None:
    found = find(START + b"content-length: 4\r\n\r\nbody")
    assert found is not None
    assert not re.search(rb"body|4", found.key)
