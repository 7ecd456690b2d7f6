"""Requests whose heads came before (docs/adr/0015): whatever comes in whatever pieces, the service answers, asks the
providers and records as one that reads every head anew.
"""

import asyncio
import gzip
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.draining import DrainingProtocol
from proxy.http_server import ClientProtocol
from tests.fuzz.conftest import SECONDS
from tests.fuzz.nasty import cut_up
from tests.fuzz.service import PLATFORM_KEYS, Service, Step, Told

LOOP = asyncio.Runner()
PREFIX = b"/api/proxy/v1/"
TARGETS = [
    *(b"openai/chat/completions", b"openai/v1/chat/completions?a=b", b"anthropic/v1/messages", b"openai/vector_stores"),
    *(b"openai/embeddings", b"openai/nothing/../x", b"openai/files", b"nobody/x"),
]
# Lines of a head, in any number and order.
LINES = [
    *(b"x-aipc-prompt-key: p", b"x-aipc-tags: a, b", b"X-AIPC-Version: 7", b"x-sandbox: true", b"Accept-Encoding: br"),
    *(b"connection: keep-alive", b"x-note: content-length: \1", b"anthropic-beta: x", b"x-stainless-retry-count: 2"),
    *(b"x-empty:", b"x:  y \t", b"x: \xff", b"x-content-length: 3", b"Cookie: a=b", b"x-api-key: other"),
]
ODD_LINES = [
    *(
        b"X-Provider-Key: sk-2",
        b"content-type: text/plain",
        b"Content-Type: application/json",
        b"content-encoding: gzip",
    ),
    *(b"Connection: close", b"Expect: 100-continue", b"Connection: Upgrade\r\nUpgrade: h2c", b" folded", b"x : y"),
    *(
        b"Transfer-Encoding: chunked",
        b"content-length: 2",
        b"Content-Length: 7",
        b"Host: y",
        b"x: y\n",
        b"x: \x02",
        b"x: \r",
        b"\tcontent-length: \1",
        b"x-long: " + b"y" * 4_000,
    ),
]
MESSAGES = [{"role": "user", "content": "Hello!"}]


def asking(**members: Any) -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": MESSAGES, "max_tokens": 5} | members).encode()


BODIES = [
    *(
        asking(),
        b"{}",
        asking(n=1),
        asking(stream=True),
        b'{"a":1}',
        asking(_aipromptcost={"prompt_key": "q", "feature_tags": ["c"]}),
    ),
    *(asking(_aipromptcost={"version": "x"}), asking(input="x", model="text-embedding-3-small"), asking(model="")),
    *(b"", b"{", b"[]", b"ab", gzip.compress(asking()), asking(user="x" * 12_000), b"x" * 300),
    b"POST " + PREFIX + b"openai/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n",
]
LENGTHS = [b"0%d", b" %d", b"+%d", b"%d ", b"%d, %d", b"%d9"]


@st.composite
def heads(draw: st.DrawFn) -> list[bytes]:
    """The lines, with places for the length's digits and for those of what is none."""
    line = draw(st.sampled_from([b"POST", b"POST", b"POST", b"POST", b"GET", b"post"])) + b" "
    line += PREFIX + draw(st.sampled_from([*TARGETS[:4] * 4, *TARGETS])) + b" "
    line += draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]))
    key = draw(st.sampled_from([*PLATFORM_KEYS[:3] * 2, *PLATFORM_KEYS, "apc_none"])).encode()
    usual = [b"Host: x", b"Authorization: Bearer " + key, b"x-provider-key: sk-1", b"content-type: application/json"]
    lines = [*usual, *draw(st.lists(st.sampled_from(LINES), max_size=2))]
    if draw(st.integers(0, 9)) < 2:
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(ODD_LINES)))
    name = draw(st.sampled_from([b"content-length: ", b"Content-Length: ", b"content-length: ", b"content-length:"]))
    lines.insert(draw(st.integers(0, len(lines))), name + b"\0")
    return [line, *lines]


@st.composite
def nearly(draw: st.DrawFn, head: list[bytes]) -> list[bytes]:
    """Another line, or one less, or in another order."""
    lines = head.copy()
    at = draw(st.integers(0, len(lines)))
    how = draw(st.integers(0, 9))
    if how < 6 or at == len(lines):
        lines.insert(at, draw(st.sampled_from([*LINES, *ODD_LINES])))
    elif how < 8:
        del lines[at]
    else:
        lines.append(lines.pop(at))
    return lines


def request(head: list[bytes], body: bytes, length: bytes = b"%d", other: bytes = b"2") -> bytes:
    told = length.replace(b"%d", b"%d" % len(body))
    return b"\r\n".join([*head, b"", b""]).replace(b"\0", told).replace(b"\1", other) + body


USUAL = [
    b"POST " + PREFIX + TARGETS[0] + b" HTTP/1.1",
    *(b"Host: x", b"Authorization: Bearer " + PLATFORM_KEYS[0].encode(), b"x-provider-key: sk-1"),
    *(b"content-type: application/json", b"content-length: \0"),
]
EVENTS = [
    Step("age"),
    Step("drain"),
    Step("hold"),
    Step("release"),
    Step("suspend", 1),
    Step("leave", 0),
    Step("leave", 1),
]
EVENTS += [Step("revoke", number) for number in range(3)]


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """Few heads and many requests, so that heads come again; in pieces, or several in one."""
    known = [draw(st.just(USUAL) | heads() | heads())]
    known += draw(st.lists(nearly(known[0]) | nearly(known[0]) | heads(), max_size=2))
    requests = st.builds(
        request,
        st.sampled_from([known[0], *known]),
        st.sampled_from([*BODIES[:6] * 10, *BODIES]),
        st.sampled_from([b"%d"] * 200 + LENGTHS),
        st.sampled_from([b"2", b"2", b"7", b"90"]),
    )
    steps: list[Step] = []
    waiting = [b"", b""]
    for _ in range(draw(st.integers(4, 20))):
        number = draw(st.sampled_from([0, 0, 0, 1]))
        waiting[number] += draw(requests)
        how = draw(st.integers(0, 9))
        if how < 6:
            pieces = [waiting[number]]
        elif how < 9:
            pieces = draw(cut_up(st.just(waiting[number])))
        else:
            continue  # with the next one
        waiting[number] = b""
        steps += [Step("open", number), *(Step("send", number, piece) for piece in pieces if piece)]
        if draw(st.integers(0, 7)) == 7:
            steps.append(draw(st.sampled_from(EVENTS)))
    return steps


class ReadingEachAnew(DrainingProtocol):
    def data_received(self, data: bytes) -> None:
        ClientProtocol.data_received(self, data)


def told(protocol: type[DrainingProtocol], steps: list[Step]) -> Told:
    async def run() -> Told:
        return await Service(protocol).run(steps)

    return LOOP.run(run())


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Answers that break off are told of by the server, each of them."""
    log = logging.getLogger("uvicorn.error")
    log.disabled = True
    yield
    log.disabled = False


@settings(max_examples=2_000 if SECONDS else 30)
@given(stories())
def test_a_service_that_knows_heads_does_what_one_does_that_reads_each_anew(steps: list[Step]) -> None:
    found = told(DrainingProtocol, steps)
    assert found == told(ReadingEachAnew, steps)
    assert "internal_error" not in found.refused


def test_one_of_the_two_knows_heads() -> None:
    steps = [Step("open"), *[Step("send", 0, request(USUAL, BODIES[0]))] * 3]
    assert [told(protocol, steps).heads_known for protocol in (DrainingProtocol, ReadingEachAnew)] == [1, 0]
